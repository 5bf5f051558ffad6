//! Coupons: the one for joining, redeeming it once, taking it back, losing it, and who may do what.

mod support;

#[path = "coupons/bulk.rs"]
mod bulk;
#[path = "coupons/campaigns.rs"]
mod campaigns;
#[path = "coupons/claims.rs"]
mod claims;
#[path = "coupons/ended.rs"]
mod ended;
#[path = "coupons/kit.rs"]
mod kit;
#[path = "coupons/leaving.rs"]
mod leaving;
#[path = "coupons/lifecycle.rs"]
mod lifecycle;
#[path = "coupons/limits.rs"]
mod limits;
#[path = "coupons/mended.rs"]
mod mended;
#[allow(dead_code, reason = "shared with the tests of recovery, which use all of it")]
#[path = "recovery/process.rs"]
mod process;
#[path = "coupons/redeemed_once.rs"]
mod redeemed_once;
#[path = "coupons/refusals.rs"]
mod refusals;
#[path = "coupons/remote.rs"]
mod remote;
#[path = "coupons/repeated.rs"]
mod repeated;
#[path = "coupons/roles.rs"]
mod roles;
#[path = "coupons/scale.rs"]
mod scale;
#[allow(dead_code, reason = "the tests of faults use the rest")]
#[path = "faults/senders.rs"]
mod senders;
#[path = "coupons/shown.rs"]
mod shown;
#[path = "coupons/together.rs"]
mod together;
#[path = "coupons/verified.rs"]
mod verified;
#[path = "coupons/verified_campaigns.rs"]
mod verified_campaigns;

use domain::coupon::code::Pattern;
use serde_json::{Value, json};
use support::{Answer, Engine, Setup, TestApp};

const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];
/// For what leans on the store, also coupon on MariaDB.
const STORES: [Engine; 3] = [Engine::Sqlite, Engine::Postgres, Engine::Mixed];
/// When these stories begin: on the 31st, so that six months later there is no such day.
const BEGINS: &str = "2026-08-31T10:00:00+09:00";

/// A store with members 1 to `count`, who are NORMAL and have their coupons for joining: member n has coupon n.
fn programme(engine: Engine, count: i64) -> TestApp {
    begun(Setup::on(engine).starting_at(BEGINS), count)
}

fn begun(setup: Setup, count: i64) -> TestApp {
    let app = TestApp::start_up(setup);
    for member_id in 1..=count {
        app.join_normal(member_id);
        app.settle();
    }
    app
}

/// A coupon as it is shown, without links.
fn coupon(app: &TestApp, coupon_id: i64) -> Value {
    let mut coupon = app.get(&format!("/coupons/{coupon_id}")).must_be(200).json;
    coupon["_links"] = json!(null);
    coupon
}

fn status(app: &TestApp, coupon_id: i64) -> String {
    coupon(app, coupon_id)["status"].as_str().unwrap_or_default().to_owned()
}

fn code(app: &TestApp, coupon_id: i64) -> String {
    coupon(app, coupon_id)["code"].as_str().expect("a code").to_owned()
}

fn redeem(app: &TestApp, code: &str) -> Answer {
    app.post("/coupons/redemptions", &json!({"code": code}))
}

/// The numbers in a list.
fn ids(app: &TestApp, path: &str) -> Vec<i64> {
    let page = app.get(path).must_be(200).json;
    let found = page["_embedded"]["coupons"].as_array().cloned().unwrap_or_default();
    found.iter().filter_map(|coupon| coupon["couponId"].as_i64()).collect()
}

/// A code that could be one, and is nobody's.
fn nobodys() -> String {
    Pattern::JOIN.code(&[7; 15]).to_string()
}

/// Events in coupon's log, those that only remember an answer left out.
fn told(app: &TestApp) -> i64 {
    let sql = "SELECT count(*) FROM event WHERE type NOT IN ('done', 'refused')";
    app.app().coupons.funnel.with_session(|tx| tx.query(sql, &[])).expect("the log can be read")[0].int(0)
}

/// A refusal with this status and code.
fn must_refuse(answer: &Answer, status: u16, code: &str) {
    answer.must_be_problem(status);
    assert_eq!(answer.code(), code, "{}", answer.text);
}
