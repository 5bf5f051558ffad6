//! What `verify` says of coupons that were tampered with: each check is shown to go red.

use crate::support::{Engine, TestApp};
use crate::{code, programme, redeem};

const TOLD: &str = "every coupon of a member stands as its events tell";
pub const ONCE: &str = "a coupon is redeemed once, unless that was rolled back";
const NUMBERED: &str = "the events of a wallet are numbered without gaps, and say how it stands";
const LINKED: &str = "every coupon names the member's coupon before it, and the wallet the last one";
const LOST: &str = "of a member who is gone no coupon is good";
const CHECKED: &str = "every code passes its check";

/// What is done to a store, how it is put right, and which checks see it.
type Harm = (&'static str, &'static str, &'static [&'static str]);

/// Coupon 1 is redeemed, member 2 is gone, coupon 3 is good.
const HARMS: &[Harm] = &[
    (
        "UPDATE coupon SET status = 'ISSUED' WHERE coupon_id = 1",
        "UPDATE coupon SET status = 'REDEEMED' WHERE coupon_id = 1",
        &[TOLD],
    ),
    (
        "UPDATE coupon SET status = 'ISSUED' WHERE coupon_id = 2",
        "UPDATE coupon SET status = 'CANCELLED' WHERE coupon_id = 2",
        &[TOLD, LOST],
    ),
    (
        "UPDATE coupon SET end_date = end_date + 1 WHERE coupon_id = 3",
        "UPDATE coupon SET end_date = end_date - 1 WHERE coupon_id = 3",
        &[TOLD],
    ),
    (
        "UPDATE coupon SET previous = 1 WHERE coupon_id = 3",
        "UPDATE coupon SET previous = 0 WHERE coupon_id = 3",
        &[LINKED],
    ),
    (
        "UPDATE coupon_wallet SET last_coupon = 0 WHERE member_id = 1",
        "UPDATE coupon_wallet SET last_coupon = 1 WHERE member_id = 1",
        &[LINKED],
    ),
    (
        "UPDATE coupon_wallet SET issued = 2 WHERE member_id = 3",
        "UPDATE coupon_wallet SET issued = 1 WHERE member_id = 3",
        &[NUMBERED],
    ),
    (
        r#"UPDATE event SET data = REPLACE(data, '"couponId":1,', '"couponId":99,') WHERE type = 'CouponRedeemed'"#,
        r#"UPDATE event SET data = REPLACE(data, '"couponId":99,', '"couponId":1,') WHERE type = 'CouponRedeemed'"#,
        &[TOLD, ONCE],
    ),
    (
        "UPDATE coupon SET code = code || '0' WHERE coupon_id = 3",
        "UPDATE coupon SET code = SUBSTR(code, 1, 16) WHERE coupon_id = 3",
        &[TOLD, CHECKED],
    ),
];

/// Names of the checks that find something.
pub fn found(app: &TestApp) -> Vec<&'static str> {
    let findings = app.app().coupons.funnel.with_session(app::coupon::inspect).expect("coupon can be inspected");
    findings.checks.into_iter().filter(|(_, found)| !found.is_empty()).map(|(check, _)| check).collect()
}

#[test]
fn what_was_tampered_with_is_found() {
    let app = programme(Engine::Sqlite, 3);
    redeem(&app, &code(&app, 1)).must_be(201);
    app.leave(2);
    app.settle();
    assert_eq!(found(&app), [] as [&str; 0]);
    let run = |sql: &str| app.app().coupons.funnel.with_session(|tx| tx.execute(sql, &[])).expect(sql);
    for (harm, cure, checks) in HARMS {
        assert!(run(harm) > 0, "{harm}");
        assert_eq!(found(&app), *checks, "{harm}");
        assert!(run(cure) > 0, "{cure}");
        assert_eq!(found(&app), [] as [&str; 0], "{cure}");
    }
}
