//! What `verify` says of carts that were tampered with: each check is shown to go red.

use crate::support::{Engine, TestApp};
use crate::{all_over, programme, put};

const TOLD: &str = "every cart stands as its events tell, and they are numbered without gaps";
const CLAIMED: &str = "a reservation became one cart, or none for ever";
const PAYABLE: &str = "every cart costs what can be paid, and is waited for only while it is to be removed";

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
