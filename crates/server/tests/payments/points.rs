//! Paid with points: the ledger is the provider.

use serde_json::{Value, json};

use crate::support::{Engine, TestApp, eventually};
use crate::{given_back, payment, stands};

fn put_with_points(app: &TestApp, customer: Value) -> i64 {
    let body = json!({"gifticonId": 1, "quantity": 1, "method": "points", "customerId": customer});
    app.post("/carts", &body).must_be(201).json["cartId"].as_i64().expect("a cart's number")
}

fn with_points(engine: Engine) {
    let app =
        TestApp::open_with(engine, &["questions.gifticon.time_limit_ms=10000", "questions.point.time_limit_ms=10000"]);
    app.join_normal(1);
    let gifticon = json!({"gifticonId": 1, "name": "Americano", "availableQuantity": 10, "price": 600});
    app.post("/gifticons", &gifticon).must_be(201);
    let paid = put_with_points(&app, json!(1));
    stands(&app, paid, "PaymentApproved");
    assert_eq!(app.points_of(1), Some(400));
    for (customer, reason) in [(json!(1), "insufficient_points"), (json!(99), "member_unknown")] {
        let cart_id = put_with_points(&app, customer);
        stands(&app, cart_id, "PaymentDeclined");
        assert_eq!(payment(&app, cart_id)["reason"], reason);
        eventually("cart has heard", || app.get(&format!("/carts/{cart_id}")).json["status"] == "PaymentDeclined");
    }
    eventually("cart has heard", || app.get(&format!("/carts/{paid}")).json["status"] == "PaymentApproved");
    app.delete(&format!("/carts/{paid}")).must_be(204);
    given_back(&app, paid);
    assert_eq!(payment(&app, paid)["refundedAmount"], 600);
    assert_eq!(app.points_of(1), Some(1_000));
    // Point is stopped: asked for again when it is back.
    app.stop("point");
    let waiting = put_with_points(&app, json!(1));
    eventually("it is requested", || payment(&app, waiting)["status"] == "PaymentRequested");
    app.start("point");
    stands(&app, waiting, "PaymentApproved");
    assert_eq!(app.points_of(1), Some(400));
    app.settle();
    app.verify();
}

#[test]
fn points_are_taken_once_and_given_back_once_sqlite() {
    with_points(Engine::Sqlite);
}

#[test]
fn points_are_taken_once_and_given_back_once_postgres() {
    with_points(Engine::Postgres);
}
