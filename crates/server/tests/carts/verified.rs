//! What `verify` says of carts that were tampered with: each check is shown to go red.

use serde_json::json;

use crate::support::{Engine, TestApp, eventually};
use crate::{all_over, paid, programme, put, shown};

const TOLD: &str = "every cart stands as its events tell, and they are numbered without gaps";
const CLAIMED: &str = "a reservation became one cart, or none for ever";
const PAYABLE: &str = "every cart costs what can be paid, and is waited for only while it is to be removed";

const KEPT: &str = "every cart has its pieces in gifticon, sold once it is paid and free once it is over";
const PAID: &str = "a cart is paid or declined as its payment says, and the payment of a removed one is cancelled";

/// What is done to a store, how it is put right, and which checks see it.
type Harm = (&'static str, &'static str, &'static [&'static str]);

const HARMS: &[Harm] = &[
    ("UPDATE cart SET quantity = 3 WHERE cart_id = 1", "UPDATE cart SET quantity = 2 WHERE cart_id = 1", &[TOLD]),
    (
        "UPDATE cart SET sequence = sequence + 1 WHERE cart_id = 2",
        "UPDATE cart SET sequence = sequence - 1 WHERE cart_id = 2",
        &[TOLD],
    ),
    ("UPDATE cart SET cart_id = 9 WHERE cart_id = 1", "UPDATE cart SET cart_id = 1 WHERE cart_id = 9", &[TOLD]),
    (
        "UPDATE cart SET unit_price_won = 1000000000000 WHERE cart_id = 1",
        "UPDATE cart SET unit_price_won = 5000 WHERE cart_id = 1",
        &[TOLD, PAYABLE],
    ),
    (
        "UPDATE cart SET removing_since = 1 WHERE cart_id = 1",
        "UPDATE cart SET removing_since = NULL WHERE cart_id = 1",
        &[PAYABLE],
    ),
    (
        "INSERT INTO refused_reservation (reservation_id, refused_at) VALUES (1, 5)",
        "DELETE FROM refused_reservation WHERE reservation_id = 1",
        &[CLAIMED],
    ),
];

/// Names of the checks that find something.
fn found(app: &TestApp) -> Vec<&'static str> {
    let inspected = app.app().purchases.carts.funnel.with_session(app::cart::inspect);
    let (findings, _) = inspected.expect("cart can be inspected");
    findings.checks.into_iter().filter(|(_, found)| !found.is_empty()).map(|(check, _)| check).collect()
}

#[test]
fn what_was_tampered_with_is_seen() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine, 100);
        app.stop("payment");
        for _ in 0..3 {
            put(&app, 2).must_be(201);
        }
        app.delete("/carts/3").must_be(204);
        all_over(&app);
        for (harm, cure, checks) in HARMS {
            let change = |sql: &str| app.app().purchases.carts.funnel.with_session(|tx| tx.execute(sql, &[]));
            change(harm).expect("it is changed");
            assert_eq!(found(&app), *checks, "{harm}");
            change(cure).expect("it is put right");
            assert_eq!(found(&app), Vec::<&str>::new(), "{cure}");
        }
    }
}

#[test]
fn what_is_on_its_way_is_counted() {
    let app = programme(Engine::Sqlite, 100);
    app.stop("payment");
    put(&app, 2).must_be(201);
    put(&app, 2).must_be(201);
    let inspected = app.app().purchases.carts.funnel.with_session(app::cart::inspect);
    let (_, waiting) = inspected.expect("cart can be inspected");
    assert_eq!((waiting.unpaid, waiting.removing, waiting.since_ms.is_some()), (2, 0, true));
}

/// Whose store is changed.
#[derive(Debug, Clone, Copy)]
enum In {
    Cart,
    Gifticon,
    Payment,
}

/// Whose store is changed, how, how it is put right, and which check sees it. Cart 1 is paid, 2 is declined, 3 was paid
/// and is removed.
const LOST: &[(In, &str, &str, &str)] = &[
    (
        In::Payment,
        "UPDATE payment SET status = 'PaymentApproved' WHERE order_key = 6",
        "UPDATE payment SET status = 'PaymentCanceled' WHERE order_key = 6",
        PAID,
    ),
    (
        In::Payment,
        "UPDATE payment SET order_key = 98 WHERE order_key = 6",
        "UPDATE payment SET order_key = 6 WHERE order_key = 98",
        PAID,
    ),
    (
        In::Payment,
        "UPDATE payment SET status = 'PaymentCanceled' WHERE order_key = 2",
        "UPDATE payment SET status = 'PaymentApproved' WHERE order_key = 2",
        PAID,
    ),
    (
        In::Gifticon,
        "UPDATE reservation SET status = 'RESERVED' WHERE cart_id = 2",
        "UPDATE reservation SET status = 'RETURNED' WHERE cart_id = 2",
        KEPT,
    ),
    (
        In::Gifticon,
        "UPDATE reservation SET status = 'RESERVED' WHERE cart_id = 3",
        "UPDATE reservation SET status = 'RETURNED' WHERE cart_id = 3",
        KEPT,
    ),
    (
        In::Gifticon,
        "UPDATE reservation SET status = 'RESERVED' WHERE cart_id = 1",
        "UPDATE reservation SET status = 'SOLD' WHERE cart_id = 1",
        KEPT,
    ),
    (
        In::Gifticon,
        "UPDATE reservation SET status = 'RETURNED' WHERE cart_id = 1",
        "UPDATE reservation SET status = 'SOLD' WHERE cart_id = 1",
        KEPT,
    ),
    (
        In::Cart,
        "UPDATE cart SET status = 'CartAdded', payment_id = NULL WHERE cart_id = 1",
        "UPDATE cart SET status = 'PaymentApproved', payment_id = 1 WHERE cart_id = 1",
        PAID,
    ),
    (
        In::Cart,
        "UPDATE cart SET status = 'CartAdded', payment_id = NULL WHERE cart_id = 2",
        "UPDATE cart SET status = 'PaymentDeclined', payment_id = 2 WHERE cart_id = 2",
        PAID,
    ),
];

#[test]
fn an_effect_that_was_lost_is_seen_on_sqlite() {
    an_effect_that_was_lost_is_seen(Engine::Sqlite);
}

#[test]
fn an_effect_that_was_lost_is_seen_on_postgres() {
    an_effect_that_was_lost_is_seen(Engine::Postgres);
}

fn an_effect_that_was_lost_is_seen(engine: Engine) {
    let app = programme(engine, 100);
    assert_eq!(paid(&app, 2), 1);
    let body = json!({"gifticonId": 2, "name": "Latte", "availableQuantity": 100, "price": 5_901});
    app.post("/gifticons", &body).must_be(201);
    app.post("/carts", &json!({"gifticonId": 2, "quantity": 1})).must_be(201);
    eventually("it is declined", || shown(&app, 2)["status"] == "PaymentDeclined");
    assert_eq!(paid(&app, 2), 3);
    app.delete("/carts/3").must_be(204);
    all_over(&app);
    let purchases = &app.app().purchases;
    let change = |of: In, sql: &str| match of {
        In::Cart => purchases.carts.funnel.with_session(|tx| tx.execute(sql, &[])),
        In::Gifticon => purchases.gifticons.funnel.with_session(|tx| tx.execute(sql, &[])),
        In::Payment => purchases.payments.funnel.with_session(|tx| tx.execute(sql, &[])),
    };
    for (of, harm, cure, check) in LOST {
        assert_eq!(change(*of, harm).expect("it is changed"), 1, "{harm}");
        let findings = app.findings_of_carts();
        let found = findings.checks.iter().filter(|(_, found)| !found.is_empty()).map(|(check, _)| *check);
        assert!(found.clone().any(|found| found == *check), "{harm}: {:?}", found.collect::<Vec<_>>());
        change(*of, cure).expect("it is put right");
        assert!(app.findings_of_carts().is_clean(), "{cure}");
    }
}
