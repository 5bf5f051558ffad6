//! What `verify` says of campaigns that were tampered with: each check is shown to go red.

use crate::kit::{alone, bring, campaign, claim, free_codes, stock};
use crate::support::{Engine, TestApp};

const COUNTED: &str = "the figures of a campaign are what its coupons come to";
const BOUNDED: &str = "a campaign never has more coupons than its quantity";
const LIMITED: &str = "a member never has more coupons of a campaign than its limit, and as many as are noted";
const MADE: &str = "what a campaign has promised is what its bulk issues still have to make";

/// What is done to a store, how it is put right, and which checks of campaigns see it.
type Harm = (&'static str, &'static str, &'static [&'static str]);

/// Coupons 1 and 2 are of campaign 1, which may have three; coupon 3 is all of campaign 2; coupon 4 nobody has.
const HARMS: &[Harm] = &[
    (
        "UPDATE campaign SET redeemed = 2 WHERE campaign_id = 1",
        "UPDATE campaign SET redeemed = 1 WHERE campaign_id = 1",
        &[COUNTED],
    ),
    (
        "UPDATE campaign SET in_stock = 0 WHERE campaign_id = 1",
        "UPDATE campaign SET in_stock = 1 WHERE campaign_id = 1",
        &[COUNTED],
    ),
    (
        "UPDATE campaign SET quantity = 4, promised = 1 WHERE campaign_id = 1",
        "UPDATE campaign SET promised = 0, quantity = 3 WHERE campaign_id = 1",
        &[MADE],
    ),
    (
        "UPDATE coupon SET campaign_id = 2 WHERE coupon_id = 4",
        "UPDATE coupon SET campaign_id = 1 WHERE coupon_id = 4",
        &[COUNTED, BOUNDED],
    ),
    (
        "UPDATE coupon_taken SET campaigns = '1 1;' WHERE member_id = 1",
        "UPDATE coupon_taken SET campaigns = '1 2;' WHERE member_id = 1",
        &[LIMITED],
    ),
    (
        "UPDATE campaign SET per_member_limit = 1 WHERE campaign_id = 1",
        "UPDATE campaign SET per_member_limit = 2 WHERE campaign_id = 1",
        &[LIMITED],
    ),
    (
        "DELETE FROM coupon_taken WHERE member_id = 2",
        "INSERT INTO coupon_taken (member_id, campaigns) VALUES (2, '2 1;')",
        &[LIMITED],
    ),
];

/// Names of the checks of campaigns that find something.
fn found(app: &TestApp) -> Vec<&'static str> {
    let findings = app.app().coupons.funnel.with_session(app::coupon::inspect).expect("coupon can be inspected");
    let red = findings.checks.into_iter().filter(|(_, found)| !found.is_empty()).map(|(check, _)| check);
    red.filter(|check| [COUNTED, BOUNDED, LIMITED, MADE].contains(check)).collect()
}

#[test]
fn what_was_tampered_with_is_found() {
    let app = alone(Engine::Sqlite, 2);
    let (first, second) = (campaign(&app, 3, 2), campaign(&app, 1, 1));
    let coupon = claim(&app, first, 1).must_be(201).json;
    bring(&app, coupon["code"].as_str().expect("a code"), 1).must_be(201);
    claim(&app, first, 1).must_be(201);
    claim(&app, second, 2).must_be(201);
    stock(&app, first, 1);
    assert_eq!(free_codes(&app, first).len(), 1);
    assert_eq!(found(&app), [] as [&str; 0]);
    let run = |sql: &str| app.app().coupons.funnel.with_session(|tx| tx.execute(sql, &[])).expect(sql);
    for (harm, cure, checks) in HARMS {
        assert!(run(harm) > 0, "{harm}");
        assert_eq!(found(&app), *checks, "{harm}");
        assert!(run(cure) > 0, "{cure}");
        assert_eq!(found(&app), [] as [&str; 0], "{cure}");
    }
}
