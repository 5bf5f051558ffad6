//! Whatever the provider does with a charge: approves, declines, delays, doubles, loses.

use crate::support::{Engine, eventually};
use crate::{Sandbox, all_over, given_back, payment, programme, put, reference, stands};

/// Prices, and how their payments end.
const PRICES: [(i64, &str); 10] = [
    (5_000, "PaymentApproved"),
    (5_901, "PaymentDeclined"),
    (5_902, "PaymentDeclined"),
    (5_911, "PaymentApproved"),
    (5_921, "PaymentApproved"),
    (5_922, "PaymentApproved"),
    (5_923, "PaymentApproved"),
    (5_924, "PaymentApproved"),
    (5_931, "PaymentApproved"),
    (5_951, "PaymentApproved"),
];

fn every_way(engine: Engine) {
    let sandbox = Sandbox::down();
    let app = programme(engine, &sandbox, &PRICES.map(|(price, _)| price), &[]);
    let webhook = format!("{}/payments/webhooks", app.base());
    sandbox.start(&["--webhook", &webhook, "--slow-ms", "100"]);
    let carts: Vec<i64> = (1..=10).map(|gifticon_id| put(&app, gifticon_id)).collect();
    for (cart_id, (_, status)) in carts.iter().zip(PRICES) {
        stands(&app, *cart_id, status);
    }
    assert_eq!(payment(&app, carts[1])["reason"], "insufficient_funds");
    assert_eq!(payment(&app, carts[2])["reason"], "card_refused");
    let first = payment(&app, carts[0]);
    assert_eq!((&first["kind"], &first["amount"], &first["method"]), (&"cart".into(), &5_000.into(), &"card".into()));
    for (cart_id, (_, status)) in carts.iter().zip(PRICES) {
        eventually("cart has heard", || {
            let cart = app.get(&format!("/carts/{cart_id}")).json;
            cart["status"] == status && cart["paymentId"] == payment(&app, *cart_id)["paymentId"]
        });
        let is_paid = status == "PaymentApproved";
        assert_eq!(sandbox.moved(&reference(&app, *cart_id)), [i64::from(is_paid), 0, 0], "cart {cart_id}");
    }
    all_over(&app, &sandbox);
    for cart_id in &carts {
        app.delete(&format!("/carts/{cart_id}")).must_be(204);
    }
    for (cart_id, (price, status)) in carts.iter().zip(PRICES) {
        if status == "PaymentApproved" {
            given_back(&app, *cart_id);
            assert_eq!(sandbox.moved(&reference(&app, *cart_id)), [1, 1, price], "cart {cart_id}");
        } else {
            let payment = payment(&app, *cart_id);
            assert!(payment["refundStatus"].is_null() && payment["status"] == status, "{payment}");
        }
    }
    all_over(&app, &sandbox);
}

#[test]
fn every_amount_is_charged_once_and_given_back_once_sqlite() {
    every_way(Engine::Sqlite);
}

#[test]
fn every_amount_is_charged_once_and_given_back_once_postgres() {
    every_way(Engine::Postgres);
}
