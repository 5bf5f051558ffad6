//! Orders that are off: before they are charged, while they are, after; and before anybody heard that they are to be paid.

use serde_json::json;

use crate::support::{Engine, eventually};
use crate::told::Told;
use crate::{Sandbox, all_over, given_back, payment, programme, put, reference, stands};

fn cancelled(engine: Engine) {
    let sandbox = Sandbox::up(&["--slow-ms", "700"]);
    let app = programme(engine, &sandbox, &[5_000, 5_911], &[]);
    // After the charge.
    let after = put(&app, 1);
    stands(&app, after, "PaymentApproved");
    eventually("cart has heard", || app.get(&format!("/carts/{after}")).json["status"] == "PaymentApproved");
    app.delete(&format!("/carts/{after}")).must_be(204);
    // While it is charged.
    let during = put(&app, 2);
    eventually("it is with the provider", || payment(&app, during)["status"] == "PaymentRequested");
    app.delete(&format!("/carts/{during}")).must_be(204);
    // Before payment has heard of it.
    app.stop("payment");
    let before = put(&app, 1);
    app.delete(&format!("/carts/{before}")).must_be(204);
    app.start("payment");
    for (cart_id, moved) in [(after, [1, 1, 5_000]), (during, [1, 1, 5_911]), (before, [0, 0, 0])] {
        given_back(&app, cart_id);
        let shown = payment(&app, cart_id);
        assert_eq!((&shown["status"], &shown["refundedAmount"]), (&json!("PaymentCanceled"), &json!(moved[2])));
        // The charge that was under way may have come after the cancellation, and was refused then.
        let found = sandbox.moved(&reference(&app, cart_id));
        assert!(found == moved || (cart_id == during && found == [0, 0, 0]), "cart {cart_id}: {found:?}");
    }
    eventually("the stock is free", || {
        [1, 2].iter().all(|id| app.get(&format!("/gifticons/{id}")).json["availableQuantity"] == 10)
    });
    all_over(&app, &sandbox);
}

#[test]
fn an_order_that_is_off_keeps_nothing_sqlite() {
    cancelled(Engine::Sqlite);
}

#[test]
fn an_order_that_is_off_keeps_nothing_postgres() {
    cancelled(Engine::Postgres);
}

fn upside_down(engine: Engine) {
    let sandbox = Sandbox::up(&[]);
    let app = programme(engine, &sandbox, &[5_000], &[]);
    let told = Told { cart_id: 1_000, price: 5_000, quantity: 2 };
    told.removed(&app);
    eventually("it is noted", || payment(&app, 1_000)["status"] == "PaymentCanceled");
    told.added(&app);
    told.removed(&app);
    told.added(&app);
    let other = Told { cart_id: 1_001, price: 5_000, quantity: 2 };
    // Told twice it is charged once.
    other.added(&app);
    other.added(&app);
    stands(&app, 1_001, "PaymentApproved");
    let shown = payment(&app, 1_000);
    let ends = ["status", "refundStatus", "refundedAmount", "amount"].map(|field| shown[field].clone());
    assert_eq!(ends, [json!("PaymentCanceled"), json!("DONE"), json!(0), json!(10_000)]);
    let charged: Vec<_> = sandbox.list().iter().map(|charge| charge["reference"].clone()).collect();
    assert_eq!(charged, [json!(reference(&app, 1_001))], "the provider never heard of the other");
    let inspected = app.app().purchases.payments.funnel.with_session(app::payment::inspect).expect("it can be read");
    assert!(inspected.is_clean(), "{inspected:?}");
}

#[test]
fn an_order_that_is_off_before_it_came_is_never_charged_sqlite() {
    upside_down(Engine::Sqlite);
}

#[test]
fn an_order_that_is_off_before_it_came_is_never_charged_postgres() {
    upside_down(Engine::Postgres);
}

#[test]
fn verify_finds_a_payment_that_does_not_stand_as_it_was_told() {
    let sandbox = Sandbox::up(&[]);
    let app = programme(Engine::Sqlite, &sandbox, &[5_000], &[]);
    let cart_id = put(&app, 1);
    stands(&app, cart_id, "PaymentApproved");
    let funnel = &app.app().purchases.payments.funnel;
    let inspected = || funnel.with_session(app::payment::inspect).expect("it can be read");
    assert!(inspected().is_clean());
    for spoiled in [
        "UPDATE payment SET status = 'PaymentDeclined', reason = 'no'",
        "UPDATE payment SET status = 'PaymentApproved', reason = NULL, amount_won = amount_won + 1",
        "UPDATE payment SET amount_won = amount_won - 1, refunded_won = amount_won - 1",
    ] {
        funnel.with_session(|tx| tx.execute(spoiled, &[])).expect("it can be spoiled");
        assert!(!inspected().is_clean(), "{spoiled}");
    }
}
