//! Purchases in figures: every number is what comes out by hand, it does not matter how the events came, and verify and a
//! rebuild find what is wrong.

use domain::kernel::Day;
use platform::log::Event;
use platform::zone::Zone;
use serde_json::{Value, json};

use crate::bought::{NOON_MS, carts, memberships, payments, stock};
use crate::support::{Engine, Setup, TestApp, eventually};
use crate::told::{Of, Views};
use crate::{NOON, open, summary};

const NOBODY: ([Option<i64>; 6], [Option<i64>; 7]) = ([None; 6], [None; 7]);

#[test]
fn purchases_are_counted_on_sqlite() {
    purchases_are_counted(Engine::Sqlite);
}

#[test]
fn purchases_are_counted_on_postgres() {
    purchases_are_counted(Engine::Postgres);
}

fn purchases_are_counted(engine: Engine) {
    let logs: [(Of, Vec<Event>); 4] = [
        (Of::Cart, carts(NOBODY.0)),
        (Of::Membership, memberships(NOBODY.1)),
        (Of::Payment, payments(NOBODY.0, NOBODY.1)),
        (Of::Gifticon, stock()),
    ];
    let told = |piece: usize| {
        let views = Views::on(engine, NOON_MS);
        for (of, events) in &logs {
            events.chunks(piece).for_each(|events| views.tell_dashboard(*of, events));
        }
        views
    };
    let views = told(1_000);
    let seen = views.summary();
    for (path, number) in expected() {
        let value = seen.pointer(&format!("/purchases/{path}/value"));
        assert_eq!(value, Some(&json!(number)), "{path}: {:#}", seen["purchases"]);
    }
    assert_eq!(under_way(&seen), [("cart", 1), ("removal", 1), ("membership", 1), ("payment", 2), ("refund", 1)]);
    the_day_holds_the_same(&views);
    // A flow that begins in one piece and ends in another one is stored, and gone again.
    assert_eq!(told(1).dashboard(), views.dashboard(), "in pieces of one event");
    assert_eq!(told(3).dashboard(), views.dashboard(), "in pieces of three");
}

fn expected() -> [(&'static str, i64); 32] {
    [
        // Carts 1, 2, 3, 4, 6 and memberships 1, 2, 3, 4, 6, 7; nobody wanted to charge 5 of either.
        ("card/requested", 11),
        ("card/approved", 7),
        ("card/declined", 2),
        // Cart 3 and membership 3, and the two that were never requested.
        ("card/canceled", 4),
        // Pieces 1 + 3 + 6 at 5,000, four memberships at 30,000.
        ("card/approvedAmount", 170_000),
        // 2 pieces that were charged too late, 3 pieces of the removed cart; that of membership 3 is on its way.
        ("card/refundedAmount", 25_000),
        ("card/standingAmount", 125_000),
        ("points/approved", 0),
        ("memberships/requested", 1),
        ("memberships/active", 1),
        ("memberships/cancelled", 3),
        ("memberships/expired", 1),
        ("memberships/refused", 1),
        ("memberships/sold", 4),
        // Four were paid, one was given back.
        ("memberships/revenue", 90_000),
        ("carts/added", 6),
        ("carts/approved", 3),
        ("carts/declined", 1),
        ("carts/removed", 2),
        ("gifticons/loaded", 100),
        // 1 + 6 are sold, 4 are reserved.
        ("gifticons/reserved", 4),
        ("gifticons/sold", 7),
        ("gifticons/free", 89),
        ("vouchers/issued", 10),
        ("vouchers/used", 1),
        // One of the void ones had expired before, and one was extended after it had.
        ("vouchers/expired", 1),
        ("vouchers/cancelled", 4),
        ("vouchers/outstanding", 4),
        ("points/requested", 0),
        ("points/approvedAmount", 0),
        ("points/refundedAmount", 0),
        ("points/standingAmount", 0),
    ]
}

fn the_day_holds_the_same(views: &Views) {
    let zone = Zone::named("Asia/Seoul").expect("built in");
    let day = Day::new(2020, 7, 15);
    let span = app::dashboard::Span::of(Some(day), Some(day), NOON_MS, &zone).expect("a day");
    let series = views.series(span);
    let expected = json!({
        "payments": {"requested": 11, "approved": 7, "declined": 2, "canceled": 4, "refunded": 2},
        "approvedWon": 170_000, "refundedWon": 25_000,
        "memberships": {"requested": 7, "activated": 4, "refused": 1, "cancelled": 3, "expired": 1},
        "carts": {"added": 6, "approved": 3, "declined": 1, "removed": 2},
        "vouchers": {"issued": 10, "used": 1, "cancelled": 4, "expired": 1},
    });
    assert_eq!(series["days"][0]["purchases"], expected);
    assert!(series["definitions"]["purchases"].as_str().is_some_and(|text| text.len() > 10));
}

/// Flows of purchases, and how many of them are under way.
fn under_way(seen: &Value) -> Vec<(&str, i64)> {
    let sagas = seen["sagas"].as_array().expect("sagas")[4..].iter();
    let told = |saga: &'_ Value| saga["underWay"]["value"].as_i64().expect("a number");
    sagas.map(|saga| (saga["kind"].as_str().expect("a kind"), told(saga))).collect()
}

#[test]
fn purchases_that_wait_are_under_way_then_stuck_then_done_on_sqlite() {
    purchases_that_wait(Engine::Sqlite);
}

#[test]
fn purchases_that_wait_are_under_way_then_stuck_then_done_on_postgres() {
    purchases_that_wait(Engine::Postgres);
}

fn purchases_that_wait(engine: Engine) {
    let app = TestApp::start_up(Setup::on(engine).with(&["dashboard.stuck_after_s=60"]).starting_at(NOON));
    let gifticon = json!({"gifticonId": 1, "name": "Americano", "availableQuantity": 100, "price": 5_000});
    app.post("/gifticons", &gifticon).must_be(201);
    app.post("/products", &json!({"productId": 1, "productName": "CLUB", "price": 30_000})).must_be(201);
    let put_in = || app.post("/carts", &json!({"gifticonId": 1, "quantity": 2})).must_be(201);
    put_in();
    eventually("it is paid", || app.get("/carts/1").json["status"] == "PaymentApproved");
    app.stop("gifticon");
    app.delete("/carts/1").must_be_problem(503);
    app.stop("payment");
    app.start("gifticon");
    eventually("it is removed all the same", || app.get("/carts/1").status == 404);
    let mut added = None;
    eventually("carts are taken in again", || {
        let answer = app.post("/carts", &json!({"gifticonId": 1, "quantity": 2}));
        added = answer.json["cartId"].as_i64().filter(|_| answer.status == 201);
        added.is_some()
    });
    app.post("/memberships", &json!({"productId": 1, "customerId": 1})).must_be(201);
    let waiting = [("cart", 1), ("removal", 0), ("membership", 1), ("payment", 0), ("refund", 0)];
    eventually("both are under way", || under_way(&summary(&app)) == waiting);
    app.clock.advance_ms(61_000);
    let stuck = || summary(&app)["sagas"].clone();
    eventually("both are stuck", || stuck()[4]["stuck"]["value"] == 1 && stuck()[6]["stuck"]["value"] == 1);
    assert_eq!(stuck()[4]["oldest"][0]["id"], json!(added));
    assert_eq!(stuck()[4]["oldest"][0]["reason"], "its payment has not ended yet");
    app.start("payment");
    eventually("nothing is under way", || under_way(&summary(&app)).iter().all(|(_, count)| *count == 0));
    app.settle();
    app.verify();
    what_is_wrong_is_found(&app);
}

#[test]
fn a_declined_payment_leaves_nothing_under_way_on_sqlite() {
    a_declined_payment_leaves_nothing_under_way(Engine::Sqlite);
}

#[test]
fn a_declined_payment_leaves_nothing_under_way_on_postgres() {
    a_declined_payment_leaves_nothing_under_way(Engine::Postgres);
}

/// An amount that ends in 901 is declined by the sandbox: nothing was charged, and nothing is to be given back.
fn a_declined_payment_leaves_nothing_under_way(engine: Engine) {
    let app = open(engine);
    let gifticon = json!({"gifticonId": 1, "name": "Americano", "availableQuantity": 100, "price": 5_901});
    app.post("/gifticons", &gifticon).must_be(201);
    app.post("/carts", &json!({"gifticonId": 1, "quantity": 1})).must_be(201);
    eventually("it is declined", || app.get("/carts/1").json["status"] == "PaymentDeclined");
    app.settle();
    let seen = summary(&app);
    assert_eq!(seen["purchases"]["card"]["declined"]["value"], 1);
    assert!(under_way(&seen).iter().all(|(_, count)| *count == 0), "{:?}", under_way(&seen));
    app.verify();
}

/// What is changed by hand is found by verify.
fn what_is_wrong_is_found(app: &TestApp) {
    let bought = &app.app().purchases;
    let log = |log: &std::sync::Arc<platform::log::Log>| log.reader(platform::log::Scope::EventTable).expect("a log");
    let dashboard = || {
        let (cart, membership, payment) =
            (log(&bought.carts.log), log(&bought.memberships.log), log(&bought.payments.log));
        let mut logs = app::dashboard::PurchaseLogs { cart, membership, payment, gifticon: log(&bought.gifticons.log) };
        app.app().dashboards.funnel.with_session(|tx| app::dashboard::inspect_purchases(tx, &mut logs)).expect("found")
    };
    let pages = || {
        let (cart, membership, payment) =
            (log(&bought.carts.log), log(&bought.memberships.log), log(&bought.payments.log));
        let mut logs = app::mypage::PurchaseLogs { cart, membership, payment };
        app.app().pages.funnel.with_session(|tx| app::mypage::inspect_purchases(tx, &mut logs)).expect("found")
    };
    assert!(dashboard().is_clean() && pages().is_clean());
    for wrong in [
        "UPDATE dashboard_figure SET amount = amount + 1 WHERE name = 'all.payment.card.approved'",
        "UPDATE dashboard_gifticon SET sold = sold + 1",
        "INSERT INTO dashboard_flow (name, kind, id, step, since) VALUES ('cart.1', 'cart', 1, 'CartAdded', 0)",
    ] {
        app.app().dashboards.funnel.with_session(|tx| tx.execute(wrong, &[])).expect("it is changed by hand");
    }
    assert!(dashboard().checks.iter().all(|(_, found)| !found.is_empty()), "{:?}", dashboard());
    for wrong in [
        "UPDATE bought_cart SET quantity = quantity + 1 WHERE cart_id = 1",
        "UPDATE bought_membership SET alone = 0 WHERE mem_id = 1",
    ] {
        app.app().pages.funnel.with_session(|tx| tx.execute(wrong, &[])).expect("it is changed by hand");
    }
    assert!(pages().checks.iter().all(|(_, found)| !found.is_empty()), "{:?}", pages());
}
