//! What `verify` says of gifticons that were tampered with: each check is shown to go red.

use crate::kit::{gifticons, keep, on_voucher, sell, shop};
use crate::support::{Engine, TestApp};

const NUMBERED: &str = "the events of a gifticon are numbered without gaps, and say how it stands";
const LOADED: &str = "sold + reserved + free = loaded, none below zero, and each is what its reservations come to";
const TOLD: &str = "every reservation stands as its events tell";
const VOUCHED: &str = "every piece that is sold has its voucher, and no other piece has one that is good";

/// What is done to a store, how it is put right, and which checks see it.
type Harm = (&'static str, &'static str, &'static [&'static str]);

/// Reservation 1 is sold: voucher 1 is used, voucher 2 is good. Reservation 2 is kept.
const HARMS: &[Harm] = &[
    ("UPDATE gifticon SET free = free + 1", "UPDATE gifticon SET free = free - 1", &[NUMBERED, LOADED]),
    (
        "UPDATE gifticon SET sold = sold - 1, free = free + 1",
        "UPDATE gifticon SET sold = sold + 1, free = free - 1",
        &[NUMBERED, LOADED],
    ),
    ("UPDATE gifticon SET sequence = sequence + 1", "UPDATE gifticon SET sequence = sequence - 1", &[NUMBERED]),
    (
        "UPDATE reservation SET status = 'RETURNED' WHERE reservation_id = 2",
        "UPDATE reservation SET status = 'RESERVED' WHERE reservation_id = 2",
        &[LOADED, TOLD],
    ),
    (
        "UPDATE reservation SET status = 'RETURNED' WHERE reservation_id = 1",
        "UPDATE reservation SET status = 'SOLD' WHERE reservation_id = 1",
        &[LOADED, TOLD, VOUCHED],
    ),
    (
        "UPDATE reservation SET unit_price_won = 1 WHERE reservation_id = 2",
        "UPDATE reservation SET unit_price_won = 5000 WHERE reservation_id = 2",
        &[TOLD],
    ),
    (
        "UPDATE voucher SET status = 'ISSUED', used_at = NULL WHERE voucher_id = 1",
        "UPDATE voucher SET status = 'USED', used_at = 1 WHERE voucher_id = 1",
        &[VOUCHED],
    ),
    (
        "UPDATE voucher SET used_at = 1 WHERE voucher_id = 2",
        "UPDATE voucher SET used_at = NULL WHERE voucher_id = 2",
        &[VOUCHED],
    ),
    (
        "UPDATE voucher SET reservation_id = 2 WHERE voucher_id = 2",
        "UPDATE voucher SET reservation_id = 1 WHERE voucher_id = 2",
        &[VOUCHED],
    ),
    (
        "UPDATE voucher SET expires_at = expires_at + 1 WHERE voucher_id = 2",
        "UPDATE voucher SET expires_at = expires_at - 1 WHERE voucher_id = 2",
        &[VOUCHED],
    ),
    (
        "UPDATE event SET sequence = 99 WHERE type = 'VoucherUsed'",
        "UPDATE event SET sequence = 4 WHERE type = 'VoucherUsed'",
        &[NUMBERED],
    ),
];

/// Names of the checks that find something.
pub fn found(app: &TestApp) -> Vec<&'static str> {
    let findings = gifticons(app).funnel.with_session(app::gifticon::inspect).expect("gifticon can be inspected");
    findings.checks.into_iter().filter(|(_, found)| !found.is_empty()).map(|(check, _)| check).collect()
}

#[test]
fn what_was_tampered_with_is_found() {
    let app = shop(Engine::Sqlite, 10);
    let (_, codes) = sell(&app, 2);
    on_voucher(&app, &codes[0], "uses").must_be(201);
    keep(&app, 3);
    assert_eq!(found(&app), [] as [&str; 0]);
    let run = |sql: &str| gifticons(&app).funnel.with_session(|tx| tx.execute(sql, &[])).expect(sql);
    for (harm, cure, checks) in HARMS {
        assert!(run(harm) > 0, "{harm}");
        assert_eq!(found(&app), *checks, "{harm}");
        assert!(run(cure) > 0, "{cure}");
        assert_eq!(found(&app), [] as [&str; 0], "{cure}");
    }
}
