//! Seed 4: the MD registers a gifticon, carts take pieces of it and are paid by event, one is removed; payment may be away,
//! and gifticon may be slow or away, without a piece being lost.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Engine, TestApp, eventually, promptly, within};

/// By itself, on a busy machine: some probes may be too slow before some are not.
const RECOVERS_WITHIN: Duration = Duration::from_secs(30);

#[test]
fn seed_4_runs_as_written_on_sqlite() {
    seed_4_runs_as_written(Engine::Sqlite);
}

#[test]
fn seed_4_runs_as_written_on_postgres() {
    seed_4_runs_as_written(Engine::Postgres);
}

fn seed_4_runs_as_written(engine: Engine) {
    let app = TestApp::open(engine);
    register(&app, 1, 100);
    let first = put_in(&app, "10").must_be(201);
    assert_eq!(first.header("location"), Some(format!("{}/carts/1", app.base()).as_str()));
    let expected = json!({"cartId": 1, "gifticonId": 1, "quantity": 10, "unitPrice": 5_000, "status": "CartAdded"});
    must_hold(&first, &expected);
    must_hold(&put_in(&app, "15").must_be(201), &json!({"cartId": 2, "quantity": 15}));
    let refused = put_in(&app, "200");
    refused.must_be_problem(409);
    assert_eq!(refused.json["code"], "gifticon.out_of_stock");
    assert_eq!(ids(&app, "/carts", "carts", "cartId"), [1, 2], "what is refused is not stored");

    assert_eq!(available(&app), 75);
    promptly("both are paid", || statuses(&app, "/payments", "payments") == ["PaymentApproved"; 2]);
    promptly("my page shows both", || statuses(&app, "/mypages", "carts") == ["PaymentApproved"; 2]);
    let shown = app.get("/mypages").must_be(200).json["_embedded"]["carts"][0].clone();
    must_be_in(&shown, &json!({"cartId": 1, "gifticonId": 1, "quantity": 10, "paymentId": 1}));
    promptly("vouchers are issued", || vouchers(&app, 2).len() == 15);

    app.delete("/carts/1").must_be(204);
    assert_eq!(ids(&app, "/carts", "carts", "cartId"), [2]);
    assert_eq!(app.get("/carts/1").status, 404);
    promptly("the pieces are back", || available(&app) == 85);
    let after = ["PaymentCanceled", "PaymentApproved"];
    promptly("its payment is cancelled", || statuses(&app, "/payments", "payments") == after);
    promptly("my page keeps it, cancelled", || statuses(&app, "/mypages", "carts") == after);
    promptly("its vouchers are void", || vouchers(&app, 1).iter().all(|voucher| voucher["status"] == "CANCELLED"));
    assert_eq!(vouchers(&app, 1).len(), 10);
    app.settle();
    assert_eq!(available(&app), 85, "they came back once");
    app.verify();
}

#[test]
fn carts_wait_for_payment_and_are_paid_when_it_is_back_on_sqlite() {
    carts_wait_for_payment(Engine::Sqlite);
}

#[test]
fn carts_wait_for_payment_and_are_paid_when_it_is_back_on_postgres() {
    carts_wait_for_payment(Engine::Postgres);
}

fn carts_wait_for_payment(engine: Engine) {
    let mut app = TestApp::open(engine);
    register(&app, 1, 100);
    app.stop("payment");
    for quantity in ["10", "15", "20"] {
        put_in(&app, quantity).must_be(201);
    }
    promptly("my page shows them", || statuses(&app, "/mypages", "carts") == ["CartAdded"; 3]);
    assert_eq!(available(&app), 55);
    // One is removed before its payment exists.
    app.delete("/carts/2").must_be(204);
    promptly("its pieces are back", || available(&app) == 70);
    promptly("my page says so", || statuses(&app, "/mypages", "carts")[1] == "PaymentCanceled");
    app.start("payment");
    promptly("the first is paid", || app.get("/carts/1").json["status"] == "PaymentApproved");
    // The other one after the whole server was away.
    app.restart();
    promptly("the third is paid", || app.get("/carts/3").json["status"] == "PaymentApproved");
    app.settle();
    assert_eq!(statuses(&app, "/mypages", "carts"), ["PaymentApproved", "PaymentCanceled", "PaymentApproved"]);
    assert_eq!(available(&app), 70);
    assert_eq!(vouchers(&app, 2), [Value::Null; 0]);
    app.verify();
}

#[test]
fn a_slow_gifticon_costs_no_piece_and_is_asked_again_by_itself_on_sqlite() {
    a_slow_gifticon(Engine::Sqlite);
}

#[test]
fn a_slow_gifticon_costs_no_piece_and_is_asked_again_by_itself_on_postgres() {
    a_slow_gifticon(Engine::Postgres);
}

fn a_slow_gifticon(engine: Engine) {
    let app = TestApp::open_with(engine, &["questions.gifticon.time_limit_ms=250"]);
    register(&app, 1, 1_000);
    within(RECOVERS_WITHIN, "the first is taken in", || put_in(&app, "1").status == 201);
    let delay = &app.app().purchases.gifticon_delay;
    // Around the limit of 250 ms: some are in time, some are not.
    delay.set(Some((200, 300)));
    let answers = crowd(&app, 8, 4);
    let taken = answers.iter().filter(|answer| answer.status == 201).count();
    answers.iter().filter(|answer| answer.status != 201).for_each(must_be_not_now);

    delay.set(Some((20_000, 20_000)));
    for answer in crowd(&app, 4, 2) {
        must_be_not_now(&answer);
        assert!(answer.took < Duration::from_secs(8), "nobody waits for it: {:?}", answer.took);
    }
    let breaker = || app.app().purchases.carts.gifticon_guard().breaker().state().name();
    eventually("by now it is not even asked", || {
        must_be_not_now(&put_in(&app, "1"));
        breaker() == "OPEN"
    });

    delay.set(None);
    within(RECOVERS_WITHIN, "carts are taken in again", || put_in(&app, "1").status == 201);
    let carts = taken + 2;
    eventually("nothing is kept for nobody", || available(&app) == 1_000 - i64::try_from(carts).expect("few"));
    eventually("all are paid", || app.all_of("carts").as_array().expect("carts").iter().all(is_paid));
    assert_eq!(app.all_of("carts").as_array().map(Vec::len), Some(carts));
    app.settle();
    app.verify();
}

#[test]
fn a_stopped_gifticon_refuses_carts_and_nothing_is_stored_on_sqlite() {
    a_stopped_gifticon(Engine::Sqlite);
}

#[test]
fn a_stopped_gifticon_refuses_carts_and_nothing_is_stored_on_postgres() {
    a_stopped_gifticon(Engine::Postgres);
}

fn a_stopped_gifticon(engine: Engine) {
    let app = TestApp::open(engine);
    register(&app, 1, 100);
    put_in(&app, "10").must_be(201);
    promptly("it is paid", || app.get("/carts/1").json["status"] == "PaymentApproved");
    app.settle();
    app.stop("gifticon");
    must_be_not_now(&put_in(&app, "1"));
    app.get("/gifticons/1").must_be_problem(503);
    // Whether its vouchers can be made void is gifticon's to say: the removal waits.
    must_be_not_now(&app.delete("/carts/1"));
    promptly("the dashboard names it", || under_way(&app, "removal") == 1);
    app.start("gifticon");
    eventually("the removal goes on by itself", || app.get("/carts/1").status == 404);
    eventually("the pieces are back", || available(&app) == 100);
    within(RECOVERS_WITHIN, "carts are taken in again", || put_in(&app, "1").status == 201);
    app.settle();
    assert_eq!(available(&app), 99);
    assert_eq!(under_way(&app, "removal"), 0);
    app.verify();
}

/// As the seed's clients send it: every value is a string.
fn register(app: &TestApp, gifticon_id: i64, pieces: i64) {
    let body = json!({"gifticonId": gifticon_id.to_string(), "name": "Americano", "availableQuantity": pieces.to_string(),
        "price": "5000"});
    must_hold(&app.post("/gifticons", &body).must_be(201), &json!({"availableQuantity": pieces, "price": 5_000}));
}

fn put_in(app: &TestApp, quantity: &str) -> Answer {
    app.post("/carts", &json!({"gifticonId": "1", "quantity": quantity}))
}

/// Carts of one piece, put in by some at the same time.
fn crowd(app: &TestApp, users: usize, each: usize) -> Vec<Answer> {
    std::thread::scope(|scope| {
        let user = || scope.spawn(|| (0..each).map(|_| put_in(app, "1")).collect::<Vec<_>>());
        let users: Vec<_> = (0..users).map(|_| user()).collect();
        users.into_iter().flat_map(|user| user.join().expect("it goes on")).collect()
    })
}

fn must_be_not_now(answer: &Answer) {
    answer.must_be_problem(503);
    let retry_after = answer.header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
    assert!(retry_after.is_some_and(|seconds| (1..=60).contains(&seconds)), "{}", answer.text);
}

fn is_paid(cart: &Value) -> bool {
    cart["status"] == "PaymentApproved"
}

fn available(app: &TestApp) -> i64 {
    app.get("/gifticons/1").must_be(200).json["availableQuantity"].as_i64().expect("a number")
}

fn listed(app: &TestApp, path: &str, collection: &str) -> Vec<Value> {
    let page = app.get(path).must_be(200).json;
    page["_embedded"][collection].as_array().cloned().unwrap_or_default()
}

fn ids(app: &TestApp, path: &str, collection: &str, name: &str) -> Vec<i64> {
    listed(app, path, collection).iter().map(|item| item[name].as_i64().expect("a number")).collect()
}

fn statuses(app: &TestApp, path: &str, collection: &str) -> Vec<String> {
    let status = |item: &Value| item["status"].as_str().unwrap_or_default().to_owned();
    listed(app, path, collection).iter().map(status).collect()
}

fn vouchers(app: &TestApp, cart_id: i64) -> Vec<Value> {
    listed(app, &format!("/vouchers?cartId={cart_id}&limit=200"), "vouchers")
}

/// Flows of a kind that the dashboard counts.
fn under_way(app: &TestApp, kind: &str) -> i64 {
    let summary = app.get("/dashboards/summary").must_be(200).json;
    let sagas = summary["sagas"].as_array().expect("sagas").iter();
    let saga = sagas.into_iter().find(|saga| saga["kind"] == kind).expect("a kind of flow");
    saga["underWay"]["value"].as_i64().expect("a number")
}

fn must_be_in(item: &Value, expected: &Value) {
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(&item[field], value, "{field} in {item}");
    }
}

fn must_hold(answer: &Answer, expected: &Value) {
    must_be_in(&answer.json, expected);
}
