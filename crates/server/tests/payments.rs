//! Payments: what is charged and given back once, whatever the provider does; compared with what the provider itself says
//! that it moved. The provider is the sandbox, as a process of its own.

mod support;

#[path = "payments/amounts.rs"]
mod amounts;
#[path = "payments/cancels.rs"]
mod cancels;
#[path = "payments/late.rs"]
mod late;
#[path = "payments/outage.rs"]
mod outage;
#[path = "payments/points.rs"]
mod points;
#[path = "payments/sandbox.rs"]
mod sandbox;
#[path = "payments/shown.rs"]
mod shown;
#[path = "payments/stubborn.rs"]
mod stubborn;
#[path = "payments/told.rs"]
mod told;
#[path = "payments/webhooks.rs"]
mod webhooks;
#[path = "payments/without.rs"]
mod without;

use sandbox::Sandbox;
use serde_json::{Value, json};
use support::{Engine, Setup, TestApp, eventually};

/// What is not about time waits longer for gifticon, on a busy machine too.
const PATIENT: &str = "questions.gifticon.time_limit_ms=10000";
/// A provider that fails on purpose is asked all the same.
const UNBROKEN: &str = "breaker.min_calls=100000";

/// A server whose payments go to this sandbox, with one gifticon for each of these prices: 1, 2, …
fn programme(engine: Engine, sandbox: &Sandbox, prices: &[i64], sets: &[&str]) -> TestApp {
    let sets: Vec<String> = sandbox
        .sets()
        .into_iter()
        .chain([PATIENT, UNBROKEN].into_iter().chain(sets.iter().copied()).map(str::to_owned))
        .collect();
    let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
    let app = TestApp::start_up(Setup::on(engine).with(&sets));
    for (gifticon_id, price) in (1..).zip(prices) {
        let body = json!({"gifticonId": gifticon_id, "name": "Americano", "availableQuantity": 10, "price": price});
        app.post("/gifticons", &body).must_be(201);
    }
    app
}

/// Puts one piece of a gifticon into a cart; the cart's number.
fn put(app: &TestApp, gifticon_id: i64) -> i64 {
    let cart = app.post("/carts", &json!({"gifticonId": gifticon_id, "quantity": 1})).must_be(201);
    cart.json["cartId"].as_i64().expect("a cart's number")
}

/// The payment of a cart; null while there is none.
fn payment(app: &TestApp, cart_id: i64) -> Value {
    app.get(&format!("/payments?cartId={cart_id}")).json["_embedded"]["payments"][0].clone()
}

/// Waits until the payment of a cart stands so.
fn stands(app: &TestApp, cart_id: i64, status: &str) {
    eventually(&format!("the payment of cart {cart_id} is {status}"), || payment(app, cart_id)["status"] == status);
}

/// Waits until it is certain that nothing of a cart's payment is kept.
fn given_back(app: &TestApp, cart_id: i64) {
    eventually(&format!("cart {cart_id} is given back"), || payment(app, cart_id)["refundStatus"] == "DONE");
}

/// What the provider knows a cart's payment by.
fn reference(app: &TestApp, cart_id: i64) -> String {
    let payment_id = payment(app, cart_id)["paymentId"].as_i64().expect("a payment");
    let sql = "SELECT reference FROM payment WHERE payment_id = $1";
    let funnel = &app.app().purchases.payments.funnel;
    funnel.with_session(|tx| tx.query(sql, &[payment_id.into()])).expect("payments can be read")[0].text(0).to_owned()
}

/// Nothing is left to be done, all of it is sound, and the provider moved what the payments say, nothing of it twice.
fn all_over(app: &TestApp, sandbox: &Sandbox) {
    app.settle();
    app.verify();
    let payments = app.all_of("payments");
    let mut kept = 0;
    for payment in payments.as_array().into_iter().flatten() {
        assert_ne!(payment["status"], "PaymentRequested", "{payment}");
        assert_ne!(payment["refundStatus"], "PENDING", "{payment}");
        kept += if payment["status"] == "PaymentApproved" { payment["amount"].as_i64().unwrap_or(0) } else { 0 };
    }
    let mut moved = 0;
    for charge in sandbox.list() {
        let number = |field: &str| charge[field].as_i64().expect("a number");
        assert!(number("charges") <= 1 && number("refunds") <= number("charges"), "{charge}");
        moved += number("charges") * number("amount") - number("refunded");
    }
    assert_eq!(kept, moved, "what is kept is what is paid");
}
