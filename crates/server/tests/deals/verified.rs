//! What `verify` says of deals that were tampered with: each check is shown to go red.

use platform::error::Result;
use server::commands::verify::ledger;

use crate::support::{Engine, TestApp};
use crate::{deal, programme};

const TOLD: &str = "every deal stands as its events tell";
const NUMBERED: &str = "the events of a merchant are numbered without gaps, and say how it stands";
const CANCELLED: &str = "what is cancelled of a deal = sum of its cancels, at most its points";
const IN_LEDGER: &str = "every deal that happened moved its points in the ledger";
const FROM_LEDGER: &str = "the ledger moved points for deals that happened, and for no others";

/// What is done to a store, how it is put right, and which checks see it.
type Harm = (&'static str, &'static str, &'static [&'static str]);

const IN_DEAL: &[Harm] = &[
    (
        "UPDATE deal SET fail_reason = 'x' WHERE deal_id = 4",
        "UPDATE deal SET fail_reason = 'insufficient_points' WHERE deal_id = 4",
        &[TOLD],
    ),
    (
        "UPDATE deal SET cancelled_point = 99 WHERE deal_id = 3",
        "UPDATE deal SET cancelled_point = 100 WHERE deal_id = 3",
        &[TOLD, CANCELLED],
    ),
    ("UPDATE merchant SET sequence = sequence + 1", "UPDATE merchant SET sequence = sequence - 1", &[NUMBERED]),
    (
        "UPDATE deal SET status = 'fail' WHERE deal_id = 2",
        "UPDATE deal SET status = 'success' WHERE deal_id = 2",
        &[TOLD, FROM_LEDGER],
    ),
];
const IN_POINT: &[Harm] = &[
    (
        "UPDATE point_deal SET moved_point = 1001 WHERE deal_id = 1",
        "UPDATE point_deal SET moved_point = 1000 WHERE deal_id = 1",
        &[IN_LEDGER],
    ),
    (
        "UPDATE point_deal SET done = 0 WHERE deal_id = 5",
        "UPDATE point_deal SET done = 1 WHERE deal_id = 5",
        &[IN_LEDGER, FROM_LEDGER],
    ),
    (
        "UPDATE point_deal SET deal_id = 99 WHERE deal_id = 4",
        "UPDATE point_deal SET deal_id = 4 WHERE deal_id = 99",
        &[FROM_LEDGER],
    ),
];

/// Names of the checks that find something.
fn found(app: &TestApp) -> Result<Vec<&'static str>> {
    let app = app.app();
    let happened = app.deals.funnel.with_session(app::deal::happened)?;
    let ledger = app.points.funnel.with_session(ledger)?;
    let (findings, _) = app.deals.funnel.with_session(|tx| app::deal::inspect(tx, &happened, &ledger))?;
    Ok(findings.checks.into_iter().filter(|(_, found)| !found.is_empty()).map(|(check, _)| check).collect())
}

#[test]
fn what_was_tampered_with_is_seen() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine, &[]);
        // 1 and 2 are saves, 3 a use, 4 a use that failed, 5 cancels a part of the use.
        for (deal_type, amount, point) in
            [("save", 100_000, 0), ("save", 50_000, 0), ("use", 70, 400), ("use", 70, 99_999), ("cancel", 70, 100)]
        {
            deal(&app, deal_type, amount, point);
        }
        app.settle();
        app.verify();
        let in_deal = |sql: &str| app.app().deals.funnel.with_session(|tx| tx.execute(sql, &[]));
        for (harm, cure, checks) in IN_DEAL {
            in_deal(harm).expect("it is changed");
            assert_eq!(found(&app).expect("it can be read"), *checks, "{harm}");
            in_deal(cure).expect("it is put right");
        }
        let in_point = |sql: &str| app.app().points.funnel.with_session(|tx| tx.execute(sql, &[]));
        for (harm, cure, checks) in IN_POINT {
            in_point(harm).expect("it is changed");
            assert_eq!(found(&app).expect("it can be read"), *checks, "{harm}");
            in_point(cure).expect("it is put right");
        }
        app.verify();
    }
}
