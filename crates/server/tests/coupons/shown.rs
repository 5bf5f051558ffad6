//! What my page and the dashboard show of coupons: of campaigns too, at the end of their dates, and after a rebuild.

use serde_json::{Value, json};

use super::kit::{bring, claim, free_codes, stock, terms};
use super::{ENGINES, ids, programme};
use crate::support::{Engine, TestApp, eventually, within};

/// Number, status and campaign of the coupons on a page.
fn page(app: &TestApp, member_id: i64) -> Vec<(i64, String, Option<i64>)> {
    let page = app.get(&format!("/mypages/{member_id}")).must_be(200).json;
    let coupons = page["coupons"].as_array().cloned().unwrap_or_default();
    let told = |coupon: &Value| {
        let status = coupon["status"].as_str().unwrap_or_default().to_owned();
        (coupon["couponId"].as_i64().expect("a number"), status, coupon["campaignId"].as_i64())
    };
    coupons.iter().map(told).collect()
}

/// The statuses on a page, in its order.
fn statuses(app: &TestApp, member_id: i64) -> Vec<String> {
    page(app, member_id).into_iter().map(|(_, status, _)| status).collect()
}

/// A figure of coupons over all days.
fn figure(app: &TestApp, name: &str) -> i64 {
    let summary = app.get("/dashboards/summary").must_be(200).json;
    summary["coupons"][name]["value"].as_i64().unwrap_or_else(|| panic!("{name} in {summary}"))
}

fn figures(app: &TestApp) -> [i64; 8] {
    ["issued", "given", "stock", "outstanding", "redeemed", "rolledBack", "cancelled", "expired"]
        .map(|name| figure(app, name))
}

#[test]
fn a_page_follows_the_members_coupons_and_keeps_ten_on_sqlite() {
    a_page_follows_the_members_coupons_and_keeps_ten(Engine::Sqlite);
}

#[test]
fn a_page_follows_the_members_coupons_and_keeps_ten_on_postgres() {
    a_page_follows_the_members_coupons_and_keeps_ten(Engine::Postgres);
}

fn a_page_follows_the_members_coupons_and_keeps_ten(engine: Engine) {
    let app = programme(engine, 2);
    let mut wanted = terms(100, 20);
    wanted["endDate"] = json!("2026-12-31");
    let campaign_id = app.post("/couponCampaigns", &wanted).must_be(201).json["campaignId"].as_i64();
    let campaign_id = campaign_id.expect("a number");
    let got =
        |count: usize| -> Vec<Value> { (0..count).map(|_| claim(&app, campaign_id, 1).must_be(201).json).collect() };
    let first = got(3);
    bring(&app, first[0]["code"].as_str().expect("a code"), 1).must_be(201);
    eventually("the page shows four", || statuses(&app, 1) == ["ISSUED", "ISSUED", "ISSUED", "REDEEMED"]);
    assert_eq!(page(&app, 1)[2], (1, "ISSUED".to_owned(), None), "the one for joining is the oldest");
    assert_eq!(page(&app, 1)[0].2, Some(campaign_id));
    got(8);
    // Of twelve the one goes that was redeemed, then the oldest. Of eleven there are ten too, so the twelfth must be seen.
    let all = ids(&app, "/coupons?memberId=1");
    let redeemed = first[0]["couponId"].as_i64();
    let mut kept: Vec<i64> = all.into_iter().filter(|id| *id != 1 && Some(*id) != redeemed).collect();
    kept.sort_unstable_by(|one, other| other.cmp(one));
    assert_eq!(kept.len(), 10);
    let expected: Vec<_> = kept.into_iter().map(|id| (id, "ISSUED".to_owned(), Some(campaign_id))).collect();
    eventually("the page shows the ten newest that are good", || page(&app, 1) == expected);
    assert_eq!(statuses(&app, 2), ["ISSUED"], "the other member's page is another one");
    app.settle();
    app.verify();
    app.leave(1);
    eventually("the page is gone", || app.get("/mypages/1").status == 404);
    app.settle();
    let codes = "SELECT count(*) FROM page WHERE member_id = 1 AND coupons <> ''";
    let left = app.app().pages.funnel.with_session(|tx| tx.query(codes, &[])).expect("my page can be read");
    assert_eq!(left[0].int(0), 0, "no code is left");
    app.verify();
}

#[test]
fn a_coupon_reads_as_expired_from_the_next_day_on_whether_or_not_anybody_passed() {
    for engine in ENGINES {
        let app = programme(engine, 1);
        eventually("the page shows it", || statuses(&app, 1) == ["ISSUED"]);
        // Nothing that happens from here on reaches my page.
        app.stop("coupon");
        // To the 28th of February, its last day, and beyond.
        app.clock.advance_days(30 + 31 + 30 + 31 + 31 + 28);
        assert_eq!(statuses(&app, 1), ["ISSUED"]);
        app.clock.advance_days(1);
        assert_eq!(statuses(&app, 1), ["EXPIRED"]);
        app.start("coupon");
        app.settle();
        assert_eq!(statuses(&app, 1), ["EXPIRED"]);
    }
}

#[test]
fn the_dashboard_counts_codes_made_in_advance_on_sqlite() {
    the_dashboard_counts_codes_made_in_advance(Engine::Sqlite);
}

#[test]
fn the_dashboard_counts_codes_made_in_advance_on_postgres() {
    the_dashboard_counts_codes_made_in_advance(Engine::Postgres);
}

fn the_dashboard_counts_codes_made_in_advance(engine: Engine) {
    let app = programme(engine, 3);
    let opened = app.post("/couponCampaigns", &terms(1_000, 5)).must_be(201);
    let campaign_id = opened.json["campaignId"].as_i64().expect("a number");
    stock(&app, campaign_id, 250);
    // One is asked for, one is brought by who has none, one is taken back.
    claim(&app, campaign_id, 1).must_be(201);
    let free = free_codes(&app, campaign_id);
    bring(&app, &free[5], 2).must_be(201);
    let found = app.get(&format!("/coupons?code={}", free[7])).must_be(200).json;
    let unwanted = found["_embedded"]["coupons"][0]["couponId"].as_i64().expect("a number");
    app.delete(&format!("/coupons/{unwanted}")).must_be(204);
    app.settle();
    // Three for joining and 250 made; two of these found a member, one is taken back, one is redeemed.
    assert_eq!(figures(&app), [253, 5, 247, 251, 1, 0, 1, 0]);
    let summary = app.get("/dashboards/summary").must_be(200).json;
    let href = summary["coupons"]["stock"]["_links"]["couponCampaigns"]["href"].as_str().expect("a link").to_owned();
    let campaigns = app.get(href.strip_prefix(&app.base()).expect("it leads to this server")).must_be(200).json;
    assert_eq!(campaigns["_embedded"]["couponCampaigns"][0]["inStock"], 247);
    app.verify();

    // The campaign ends after two more days: 247 codes and the one that member 1 holds.
    app.clock.advance_days(3);
    within(std::time::Duration::from_secs(20), "what is over is counted", || figure(&app, "expired") == 248);
    app.settle();
    assert_eq!(figures(&app), [253, 5, 0, 3, 1, 0, 1, 248]);
    let series = app.get("/dashboards/series?from=2026-08-31&to=2026-09-03").must_be(200).json;
    let days: Vec<_> = series["days"].as_array().expect("days").iter().map(|day| day["coupons"].clone()).collect();
    let first = json!({"issued": 253, "given": 5, "redeemed": 1, "rolledBack": 0, "cancelled": 1, "expired": 0});
    assert_eq!(days[0], first);
    assert_eq!((&days[1]["expired"], &days[3]["expired"]), (&json!(0), &json!(248)));
    app.verify();
}

#[test]
fn verify_sees_a_page_that_shows_another_coupon() {
    let app = programme(Engine::Sqlite, 1);
    app.settle();
    let inspect = || {
        let held = app.app().coupons.funnel.with_session(app::coupon::held).expect("coupons can be read");
        let look = |tx: &mut dyn platform::db::Session| app::mypage::inspect(tx, &Default::default(), &held);
        app.app().pages.funnel.with_session(look).expect("my page can be read").is_clean()
    };
    assert!(inspect());
    let pages = &app.app().pages.funnel;
    let rows = pages.with_session(|tx| tx.query("SELECT coupons FROM page", &[])).expect("my page can be read");
    let right = rows[0].text(0);
    for wrong in ["replace(coupons, 'ISSUED', 'REDEEMED')", "''", "replace(coupons, '1 -', '2 -')"] {
        let change = format!("UPDATE page SET coupons = {wrong}");
        pages.with_session(|tx| tx.execute(&change, &[])).expect("it is changed by hand");
        assert!(!inspect(), "{wrong}");
        let back = "UPDATE page SET coupons = $1";
        pages.with_session(|tx| tx.execute(back, &[right.into()])).expect("it is put right");
        assert!(inspect());
    }
}
