//! Coupons expire when their last day is over where the programme is, whoever has them, and whatever the clock does.

use serde_json::json;

use crate::kit::{
    SOON, alone, bring, campaign, claim, figures, free_codes, is_now, joined_with_coupon, number, request, stock,
    verify,
};
use crate::support::{Engine, TestApp, within};
use crate::{STORES, must_refuse, status};

fn expired(app: &TestApp, campaign_id: i64) -> i64 {
    figures(app, campaign_id)[5]
}

#[test]
fn the_last_day_ends_at_midnight_of_the_programme() {
    for engine in STORES {
        let app = alone(engine, 3);
        let campaign_id = campaign(&app, 1_500, 5);
        stock(&app, campaign_id, 1_200);
        claim(&app, campaign_id, 1).must_be(201);
        let used = claim(&app, campaign_id, 2).must_be(201).json;
        app.delete(&format!("/coupons/{}", claim(&app, campaign_id, 3).must_be(201).json["couponId"])).must_be(204);
        is_now(&app, "2026-09-02T23:59:58.000+09:00");
        bring(&app, used["code"].as_str().expect("a code"), 2).must_be(201);
        assert_eq!(figures(&app, campaign_id), [1_200, 0, 1_197, 1, 1, 0]);
        is_now(&app, "2026-09-03T00:00:00.000+09:00");
        // Nobody has to have come by for that.
        let code = free_codes(&app, campaign_id);
        assert!(code.is_empty(), "codes that are over show as such");
        must_refuse(&claim(&app, campaign_id, 3), 409, "coupon.campaign_over");
        within(SOON, "what is left expires", || expired(&app, campaign_id) == 1_198);
        assert_eq!(figures(&app, campaign_id), [1_200, 0, 0, 1, 1, 1_198]);
        assert_eq!(status(&app, 1), "EXPIRED");
        // One event for the member, and one for each piece of codes.
        assert_eq!(number(&app, "SELECT count(*) FROM event WHERE type = 'CouponExpired'"), 1);
        assert!(number(&app, "SELECT count(*) FROM event WHERE type = 'CodesExpired'") <= 3);
        let answer = app.post(&format!("/couponCampaigns/{campaign_id}/issues"), &json!({"count": 1}));
        must_refuse(&answer, 409, "coupon.campaign_over");
        // A redemption that is undone afterwards leaves a coupon that is over.
        app.delete(&format!("/coupons/{}/redemption", used["couponId"])).must_be(204);
        assert_eq!(status(&app, used["couponId"].as_i64().expect("a number")), "EXPIRED");
        within(SOON, "it expires", || expired(&app, campaign_id) == 1_199);
        verify(&app);
    }
}

#[test]
fn the_day_is_that_of_the_programme_and_not_of_the_house() {
    let app = TestApp::start_up(
        crate::Setup::on(Engine::Sqlite)
            .starting_at(crate::BEGINS)
            .with(&[crate::kit::ALONE, "timezone=America/New_York"]),
    );
    crate::kit::joined(&app, 1);
    let campaign_id = campaign(&app, 5, 5);
    claim(&app, campaign_id, 1).must_be(201);
    is_now(&app, "2026-09-02T23:59:57.000-04:00");
    claim(&app, campaign_id, 1).must_be(201);
    assert_eq!(expired(&app, campaign_id), 0);
    is_now(&app, "2026-09-03T00:00:00.000-04:00");
    within(SOON, "both expire", || expired(&app, campaign_id) == 2);
    verify(&app);
}

#[test]
fn a_clock_that_jumps_expires_nothing_twice_and_brings_nothing_back() {
    for engine in STORES {
        let mut app = alone(engine, 2);
        let campaign_id = campaign(&app, 10, 5);
        claim(&app, campaign_id, 1).must_be(201);
        stock(&app, campaign_id, 2);
        is_now(&app, "2031-01-01T12:00:00+09:00");
        within(SOON, "all of it expires", || expired(&app, campaign_id) == 3);
        is_now(&app, "2026-09-01T12:00:00+09:00");
        app.restart();
        assert_eq!(status(&app, 1), "EXPIRED");
        // The campaign is not over any more, and what it gives now is good until its last day.
        claim(&app, campaign_id, 2).must_be(201);
        assert_eq!(figures(&app, campaign_id), [4, 0, 0, 0, 0, 3]);
        is_now(&app, "2026-09-03T00:00:00+09:00");
        within(SOON, "that expires too", || expired(&app, campaign_id) == 4);
        verify(&app);
    }
}

#[test]
fn a_coupon_for_joining_expires_also_where_nobody_comes_by() {
    for engine in STORES {
        let app = alone(engine, 1);
        joined_with_coupon(&app, 2);
        // Six months after 31 August.
        is_now(&app, "2027-02-28T23:59:58+09:00");
        assert_eq!(status(&app, 1), "ISSUED");
        is_now(&app, "2027-03-01T00:00:00+09:00");
        let over = "SELECT count(*) FROM coupon WHERE status = 'EXPIRED'";
        within(SOON, "it expires", || number(&app, over) == 1);
        verify(&app);
    }
}

#[test]
fn a_bulk_issue_ends_with_its_campaign() {
    let app = alone(Engine::Sqlite, 1);
    let campaign_id = campaign(&app, 10_000_000, 1);
    let path = request(&app, campaign_id, 10_000_000);
    within(SOON, "some are made", || app.get(&path).json["issued"].as_i64() > Some(0));
    is_now(&app, "2026-09-03T00:00:00+09:00");
    within(SOON, "no more are made", || app.get(&path).json["status"] == "STOPPED");
    let issued = app.get(&path).json["issued"].as_i64().expect("a count");
    within(SOON * 3, "what was made expires", || figures(&app, campaign_id) == [issued, 0, 0, 0, 0, issued]);
    verify(&app);
}
