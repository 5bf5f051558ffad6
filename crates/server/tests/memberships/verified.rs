//! What `verify` says of products and memberships that were tampered with: each check is shown to go red.

use serde_json::json;

use crate::support::{Engine, TestApp};
use crate::{all_over, becomes, buy, id, paid, programme};

const PRODUCT_TOLD: &str = "every product stands as its events tell, which are numbered without gaps";
const UNITS: &str = "every unit stands as its events tell";
const COUNTED: &str = "what is sold and kept of a product = its units, and within its limit";
const TOLD: &str = "every membership stands as its events tell, which are numbered without gaps";
const CLAIMED: &str = "every unit is one membership's, or nobody's for ever";
const PAID: &str = "a unit is sold only with a membership that was paid";
const RETURNED: &str = "a unit is free again only if its membership was not paid, was refunded or never came";

const AS_PAID: &str = "a membership is paid or refused as its payment says, and that of one with a refund is cancelled";

/// What is done to a store, how it is put right, and which checks see it.
type Harm = (&'static str, &'static str, &'static [&'static str]);

const IN_PRODUCT: &[Harm] = &[
    ("UPDATE product SET sold = sold + 1", "UPDATE product SET sold = sold - 1", &[PRODUCT_TOLD, COUNTED]),
    ("UPDATE product SET price_won = 1", "UPDATE product SET price_won = 30000", &[PRODUCT_TOLD]),
    (
        "UPDATE product_unit SET status = 'RETURNED' WHERE unit_id = 1",
        "UPDATE product_unit SET status = 'SOLD' WHERE unit_id = 1",
        &[UNITS, COUNTED, RETURNED],
    ),
    (
        "UPDATE product_unit SET status = 'SOLD' WHERE unit_id = 2",
        "UPDATE product_unit SET status = 'RESERVED' WHERE unit_id = 2",
        &[UNITS, COUNTED, PAID],
    ),
];
const IN_MEMBERSHIP: &[Harm] = &[
    (
        "UPDATE membership SET status = 'CANC' WHERE mem_id = 1",
        "UPDATE membership SET status = 'USE' WHERE mem_id = 1",
        &[TOLD],
    ),
    (
        "UPDATE membership SET expires_at = expires_at + 1 WHERE mem_id = 1",
        "UPDATE membership SET expires_at = expires_at - 1 WHERE mem_id = 1",
        &[TOLD],
    ),
    (
        "UPDATE membership_unit SET mem_id = NULL WHERE unit_id = 1",
        "UPDATE membership_unit SET mem_id = 1 WHERE unit_id = 1",
        &[CLAIMED],
    ),
];

/// Names of the checks that find something.
fn found(app: &TestApp) -> Vec<&'static str> {
    let purchases = &app.app().purchases;
    let product = purchases.products.funnel.with_session(app::product::inspect).expect("product can be inspected");
    let units = purchases.products.funnel.with_session(app::product::units).expect("units can be read");
    let membership = purchases.memberships.funnel.with_session(|tx| app::membership::inspect(tx, &units));
    let checks = product.checks.into_iter().chain(membership.expect("membership can be inspected").checks);
    checks.filter(|(_, found)| !found.is_empty()).map(|(check, _)| check).collect()
}

#[test]
fn what_was_tampered_with_is_seen() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine);
        paid(&app, 1);
        app.stop("payment");
        buy(&app, 2).must_be(201);
        all_over(&app);
        let purchases = &app.app().purchases;
        let in_product = |sql: &str| purchases.products.funnel.with_session(|tx| tx.execute(sql, &[]));
        for (harm, cure, checks) in IN_PRODUCT {
            in_product(harm).expect("it is changed");
            assert_eq!(found(&app), *checks, "{harm}");
            in_product(cure).expect("it is put right");
        }
        let in_membership = |sql: &str| purchases.memberships.funnel.with_session(|tx| tx.execute(sql, &[]));
        for (harm, cure, checks) in IN_MEMBERSHIP {
            in_membership(harm).expect("it is changed");
            assert_eq!(found(&app), *checks, "{harm}");
            in_membership(cure).expect("it is put right");
        }
        all_over(&app);
    }
}

/// How a payment or a membership is changed, how it is put right. Membership 1 is good, 2 is refused, 3 is cancelled with
/// a refund.
const LOST: &[(&str, &str)] = &[
    (
        "UPDATE payment SET status = 'PaymentDeclined' WHERE order_key = 3",
        "UPDATE payment SET status = 'PaymentApproved' WHERE order_key = 3",
    ),
    (
        "UPDATE payment SET status = 'PaymentCanceled' WHERE order_key = 3",
        "UPDATE payment SET status = 'PaymentApproved' WHERE order_key = 3",
    ),
    (
        "UPDATE payment SET status = 'PaymentApproved' WHERE order_key = 5",
        "UPDATE payment SET status = 'PaymentDeclined' WHERE order_key = 5",
    ),
    (
        "UPDATE payment SET status = 'PaymentApproved' WHERE order_key = 7",
        "UPDATE payment SET status = 'PaymentCanceled' WHERE order_key = 7",
    ),
    ("UPDATE payment SET order_key = 99 WHERE order_key = 3", "UPDATE payment SET order_key = 3 WHERE order_key = 99"),
];

#[test]
fn a_payment_that_says_otherwise_is_seen_on_sqlite() {
    a_payment_that_says_otherwise_is_seen(Engine::Sqlite);
}

#[test]
fn a_payment_that_says_otherwise_is_seen_on_postgres() {
    a_payment_that_says_otherwise_is_seen(Engine::Postgres);
}

fn a_payment_that_says_otherwise_is_seen(engine: Engine) {
    let app = programme(engine);
    assert_eq!(paid(&app, 1), 1);
    app.post("/products", &json!({"productId": 2, "productName": "GOLD", "price": 30_901})).must_be(201);
    let refused = app.post("/memberships", &json!({"productId": 2, "customerId": 2})).must_be(201);
    becomes(&app, id(&refused), "REFUSED");
    assert_eq!(paid(&app, 3), 3);
    app.delete("/memberships/3").must_be(204);
    all_over(&app);
    let purchases = &app.app().purchases;
    let in_payment = |sql: &str| purchases.payments.funnel.with_session(|tx| tx.execute(sql, &[]));
    let in_membership = |sql: &str| purchases.memberships.funnel.with_session(|tx| tx.execute(sql, &[]));
    let is_seen = |harm: &str| {
        let findings = app.findings_of_memberships();
        let seen =
            findings.checks.iter().find(|(check, _)| *check == AS_PAID).is_some_and(|(_, found)| found.len() == 1);
        assert!(seen, "{harm}: {findings:?}");
    };
    for (harm, cure) in LOST {
        assert_eq!(in_payment(harm).expect("it is changed"), 1, "{harm}");
        is_seen(harm);
        in_payment(cure).expect("it is put right");
        assert!(app.findings_of_memberships().is_clean(), "{cure}");
    }
    let harm = "UPDATE membership SET status = 'REQUESTED', payment_id = NULL WHERE mem_id = 1";
    in_membership(harm).expect("it is changed");
    is_seen(harm);
}
