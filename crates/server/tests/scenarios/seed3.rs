//! Seed 3: a paid membership is bought, paid by event, good for a year, and cancelled again; a product whose sale is over is
//! not sold; payment may be away.

use serde_json::{Value, json};

use crate::support::{Answer, Engine, Setup, TestApp, promptly};

/// Of the 29th of February there is none a year later.
const LEAP_DAY: &str = "2028-02-29T12:00:00+09:00";

#[test]
fn seed_3_runs_as_written_on_sqlite() {
    seed_3_runs_as_written(Engine::Sqlite);
}

#[test]
fn seed_3_runs_as_written_on_postgres() {
    seed_3_runs_as_written(Engine::Postgres);
}

fn seed_3_runs_as_written(engine: Engine) {
    let mut app = TestApp::start_up(Setup::on(engine).starting_at(LEAP_DAY));
    // As the seed's clients send it: numbers are strings, and a price that the client names is not believed.
    let product = app.post("/products", &json!({"productId": "1", "productName": "CLUB", "price": "30000"}));
    must_hold(&product.must_be(201), &json!({"productId": 1, "productName": "CLUB", "price": 30_000, "months": 12}));
    let bought =
        app.post("/memberships", &json!({"productId": "1", "customerId": "1", "price": "1", "memStatus": "USE"}));
    let bought = bought.must_be(201);
    assert_eq!(bought.header("location"), Some(format!("{}/memberships/1", app.base()).as_str()));
    let expected = json!({"memId": 1, "productId": 1, "productName": "CLUB", "price": 30_000, "customerId": 1,
        "memStatus": "REQUESTED"});
    must_hold(&bought, &expected);
    it_is_paid(&app, 1);
    it_is_cancelled(&app);
    a_product_whose_sale_is_over_is_refused(&app);
    without_payment_a_purchase_is_taken_in(&app);
    payment_goes_on_after_a_restart(&mut app);
    app.settle();
    app.verify();
}

fn it_is_paid(app: &TestApp, mem_id: i64) {
    let membership = || app.get(&format!("/memberships/{mem_id}"));
    promptly("it is good", || membership().json["memStatus"] == "USE");
    let expires_at = membership().json["expiresAt"].as_str().expect("an instant").to_owned();
    assert!(expires_at.starts_with("2029-02-28T12:") && expires_at.ends_with("+09:00"), "{expires_at}");
    promptly("its payment is shown", || payment_of(app, mem_id)["status"] == "PaymentApproved");
    let payment = payment_of(app, mem_id);
    assert_eq!(
        (&payment["amount"], &payment["kind"], &payment["customerId"]),
        (&json!(30_000), &json!("membership"), &json!(1))
    );
    promptly("the product is sold", || app.get("/products/1").json["salesQuantity"] == 1);
    promptly("my page says so", || {
        let shown = on_my_page(app, mem_id);
        shown["memStatus"] == "USE" && shown["status"] == "PaymentApproved"
    });
    let shown = on_my_page(app, mem_id);
    let expected = json!({"memId": mem_id, "productId": 1, "productName": "CLUB", "price": 30_000, "customerId": 1,
        "memStatus": "USE", "expiresAt": expires_at, "paymentId": payment["paymentId"], "status": "PaymentApproved"});
    assert_eq!(without_links(shown), expected);
}

fn it_is_cancelled(app: &TestApp) {
    assert_eq!(app.all_of("payments").as_array().map(Vec::len), Some(1));
    app.delete("/memberships/1").must_be(204);
    assert_eq!(app.get("/memberships/1").must_be(200).json["memStatus"], "CANC");
    promptly("its payment is cancelled", || payment_of(app, 1)["status"] == "PaymentCanceled");
    promptly("the money is given back", || payment_of(app, 1)["refundedAmount"] == 30_000);
    promptly("the unit is back", || app.get("/products/1").json["salesQuantity"] == 0);
    promptly("my page says so", || {
        let shown = on_my_page(app, 1);
        shown["memStatus"] == "CANC" && shown["status"] == "PaymentCanceled"
    });
    // Again, and in the other words: nothing changes.
    app.patch("/memberships/1", &json!({"memStatus": "CANC"})).must_be(200);
    app.settle();
    assert_eq!(app.get("/products/1").json["salesQuantity"], 0);
}

fn a_product_whose_sale_is_over_is_refused(app: &TestApp) {
    let over =
        json!({"productId": 2, "productName": "SUMMER", "price": 10_000, "saleEndsAt": "2027-08-31T23:59:59+09:00"});
    app.post("/products", &over).must_be(201);
    let before = (app.all_of("memberships"), app.all_of("payments"));
    app.post("/memberships", &json!({"productId": 2, "customerId": 1})).must_be_problem(409);
    app.post("/memberships", &json!({"productId": 99, "customerId": 1})).must_be_problem(404);
    app.settle();
    assert_eq!((app.all_of("memberships"), app.all_of("payments")), before, "nothing is stored");
}

fn without_payment_a_purchase_is_taken_in(app: &TestApp) {
    app.stop("payment");
    app.get("/payments").must_be_problem(503);
    let bought = app.post("/memberships", &json!({"productId": 1, "customerId": 1})).must_be(201);
    let mem_id = bought.json["memId"].as_i64().expect("a number");
    promptly("my page shows it", || on_my_page(app, mem_id)["memStatus"] == "REQUESTED");
    assert_eq!(on_my_page(app, mem_id)["status"], Value::Null, "payment has not heard of it");
    assert_eq!(app.get("/products/1").json["salesQuantity"], 0);
    app.start("payment");
    it_is_paid(app, mem_id);
}

/// The server ends while payment is stopped, and comes back.
fn payment_goes_on_after_a_restart(app: &mut TestApp) {
    app.stop("payment");
    let bought = app.post("/memberships", &json!({"productId": 1, "customerId": 1})).must_be(201);
    let mem_id = bought.json["memId"].as_i64().expect("a number");
    app.restart();
    promptly("it is good", || app.get(&format!("/memberships/{mem_id}")).json["memStatus"] == "USE");
    promptly("two are sold", || app.get("/products/1").json["salesQuantity"] == 2);
    app.settle();
    let payments = app.all_of("payments");
    let of_it = payments.as_array().expect("payments").iter().filter(|payment| payment["memId"] == mem_id).count();
    assert_eq!(of_it, 1, "charged once");
}

/// The payment of a membership.
fn payment_of(app: &TestApp, mem_id: i64) -> Value {
    let page = app.get(&format!("/payments?memId={mem_id}")).json;
    page["_embedded"]["payments"][0].clone()
}

/// A membership beside the pages, for nobody has joined.
fn on_my_page(app: &TestApp, mem_id: i64) -> Value {
    let page = app.get("/mypages?limit=200").must_be(200).json;
    assert_eq!(page["_embedded"]["mypages"], json!([]));
    let listed = page["_embedded"]["memberships"].as_array().expect("memberships");
    listed.iter().find(|membership| membership["memId"] == mem_id).cloned().unwrap_or_default()
}

fn without_links(mut item: Value) -> Value {
    item.as_object_mut().expect("an item").remove("_links");
    item
}

/// Every field of `expected` is in the answer with this value.
fn must_hold(answer: &Answer, expected: &Value) {
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(&answer.json[field], value, "{field} in {}", answer.text);
    }
}
