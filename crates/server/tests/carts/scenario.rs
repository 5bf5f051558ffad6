//! The story of seed 4, with a restart in between.

use serde_json::json;

use crate::support::{Engine, TestApp, eventually};
use crate::{all_over, left, listed, payment, register, shown, vouchers};

#[test]
fn pieces_are_bought_and_given_back_on_sqlite() {
    pieces_are_bought_and_given_back(Engine::Sqlite);
}

#[test]
fn pieces_are_bought_and_given_back_on_postgres() {
    pieces_are_bought_and_given_back(Engine::Postgres);
}

fn pieces_are_bought_and_given_back(engine: Engine) {
    let mut app = TestApp::open_with(engine, &[crate::PATIENT, &["http.base_url=http://onepoint.test"]].concat());
    register(&app, 1, 100);
    let first = app.post("/carts", &json!({"gifticonId": "1", "quantity": "10"})).must_be(201);
    assert_eq!(first.header("location"), Some("http://onepoint.test/carts/1"));
    let expected = json!({"cartId": 1, "gifticonId": 1, "quantity": 10, "unitPrice": 5_000, "amount": 50_000,
        "status": "CartAdded", "method": "card",
        "_links": {"cart": {"href": "http://onepoint.test/carts/1"}, "self": {"href": "http://onepoint.test/carts/1"}}});
    assert_eq!(first.json, expected);
    app.post("/carts", &json!({"gifticonId": "1", "quantity": "15"})).must_be(201);
    let refused = app.post("/carts", &json!({"gifticonId": "1", "quantity": "200"}));
    refused.must_be_problem(409);
    assert_eq!(refused.code(), "gifticon.out_of_stock");
    assert_eq!((listed(&app), left(&app)), (vec![1, 2], 75));
    eventually("both are paid and have their vouchers", || {
        [(1, 10), (2, 15)].iter().all(|(cart_id, count)| {
            payment(&app, *cart_id) == "PaymentApproved"
                && shown(&app, *cart_id)["status"] == "PaymentApproved"
                && vouchers(&app, *cart_id).len() == *count
        })
    });
    assert!(shown(&app, 1)["paymentId"].is_i64(), "{}", shown(&app, 1));
    all_over(&app);
    app.restart();
    app.delete("/carts/1").must_be(204);
    assert_eq!((listed(&app), left(&app)), (vec![2], 85));
    assert_eq!(app.get("/carts/1").status, 404);
    let again = app.delete("/carts/1");
    again.must_be_problem(404);
    assert_eq!(again.code(), "cart.unknown");
    eventually("the money is given back", || payment(&app, 1) == "PaymentCanceled");
    assert!(vouchers(&app, 1).iter().all(|voucher| voucher["status"] == "CANCELLED"));
    all_over(&app);
    assert_eq!((left(&app), payment(&app, 2)), (85, "PaymentApproved".to_owned()));
}

#[test]
fn carts_are_put_in_while_payment_is_stopped_and_paid_later() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = crate::programme(engine, 100);
        app.stop("payment");
        for _ in 0..3 {
            crate::put(&app, 2).must_be(201);
        }
        app.settle();
        assert_eq!((shown(&app, 3)["status"].clone(), left(&app)), (json!("CartAdded"), 94));
        app.start("payment");
        eventually("all are paid", || (1..=3).all(|cart_id| shown(&app, cart_id)["status"] == "PaymentApproved"));
        all_over(&app);
    }
}

#[test]
fn a_customer_without_points_is_declined_and_the_stock_is_free_again() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = crate::programme(engine, 100);
        app.join_normal(1);
        let body = json!({"gifticonId": 1, "quantity": 2, "customerId": 1, "method": "points"});
        let cart = app.post("/carts", &body).must_be(201);
        assert_eq!((&cart.json["method"], &cart.json["customerId"]), (&json!("points"), &json!(1)));
        eventually("it is declined", || shown(&app, 1)["status"] == "PaymentDeclined");
        assert_eq!(shown(&app, 1)["failReason"], "insufficient_points");
        eventually("its pieces are free again", || left(&app) == 100);
        all_over(&app);
        // With points enough, they are what pays.
        app.change_points(1, 20_000).must_be(200);
        app.post("/carts", &body).must_be(201);
        eventually("it is paid", || shown(&app, 2)["status"] == "PaymentApproved");
        eventually("by points", || app.points_of(1) == Some(11_000));
        app.delete("/carts/2").must_be(204);
        app.delete("/carts/1").must_be(204);
        eventually("they are given back", || app.points_of(1) == Some(21_000));
        assert_eq!((left(&app), listed(&app)), (100, vec![]));
        all_over(&app);
    }
}
