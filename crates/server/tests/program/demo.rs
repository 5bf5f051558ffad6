//! `onepoint demo` fills a fresh store by the API, and what it says is what is there.

use serde_json::Value;

use super::{json_of, onepoint};
use crate::support::{Engine, TestApp, eventually};

/// Exit code of work that was partly done: a server without donations, or where payments are declined.
const PARTLY: i32 = 3;

fn demo(app: &TestApp, words: &[&str]) -> (i32, std::process::Output) {
    let base = app.base();
    let output = onepoint(&[&["demo", "--url", &base, "--members", "40", "--seed", "7"], words].concat());
    (output.status.code().expect("it ends by itself"), output)
}

fn figure(report: &Value, name: &str) -> usize {
    report[name].as_u64().unwrap_or_else(|| panic!("{name} in {report}")) as usize
}

fn a_fresh_store_is_filled(engine: Engine) {
    let app = TestApp::open(engine);
    let (code, output) = demo(&app, &["--json"]);
    let report = json_of(&output);
    assert!(code == if report["note"].is_null() { 0 } else { PARTLY }, "{code}: {report}");
    assert_eq!(figure(&report, "joined"), 40);
    assert_eq!(figure(&report, "normal") + figure(&report, "abnormal"), 40);
    app.settle();
    let members = app.all_of("members");
    let there = members.as_array().expect("a list");
    assert_eq!(there.len(), 40 - figure(&report, "withdrawn"));
    assert!(there.iter().all(|member| member["memberStatus"] != "READY"), "{members}");
    let entries = app.entry_count() as usize;
    let deals = figure(&report, "earned") + figure(&report, "used") + figure(&report, "cancelled");
    let moved = deals + figure(&report, "adjusted");
    assert!(moved >= 40 && entries >= moved + figure(&report, "normal"), "{entries} entries: {report}");
    deals_and_their_month_are_there(&app, &report);
    coupons_are_there(&app, &report);
    purchases_are_there(&app, &report);
    for href in report["look"].as_array().expect("addresses").iter().filter_map(Value::as_str) {
        let path = href.strip_prefix(&app.base()).expect("an address of this server");
        assert_eq!(app.get(path).status, 200, "{href}");
    }
    app.verify();

    // Once more would mix two stories: only when asked for.
    let (code, output) = demo(&app, &[]);
    assert_eq!(code, 1);
    assert!(String::from_utf8_lossy(&output.stderr).contains("already has members"));
    assert_eq!(app.all_of("members"), members);
    let (_, output) = demo(&app, &["--force", "--json"]);
    assert_eq!(figure(&json_of(&output), "joined"), 40);
    app.settle();
    app.verify();
}

/// The figures about deals are those of the API, and every used point is billed.
fn deals_and_their_month_are_there(app: &TestApp, report: &Value) {
    let all = app.all_of("deals");
    let happened = |types: &[&str]| {
        let deals = all.as_array().expect("deals").iter();
        deals.filter(|deal| deal["status"] == "success" && types.iter().any(|name| deal["type"] == *name)).count()
    };
    assert_eq!(happened(&["save"]), figure(report, "earned"));
    assert_eq!(happened(&["use"]), figure(report, "used"));
    assert_eq!(happened(&["saveCancel", "useCancel", "cancel"]), figure(report, "cancelled"));
    assert_eq!(app.all_of("merchants").as_array().map(Vec::len), Some(figure(report, "merchants")));
    let billings = app.all_of("billings");
    let billings = billings.as_array().expect("billings");
    assert_eq!((billings.len(), billings.len()), (figure(report, "billed"), figure(report, "merchants")));
    let paid: i64 = billings.iter().filter_map(|billing| billing["billingAmount"].as_i64()).sum();
    assert_eq!(report["billingAmount"], paid);
    assert!(billings.iter().all(|billing| billing["billingMonth"] == report["month"]), "{billings:?}");
}

/// Codes were made in advance, members got some of them, and some of these were used.
fn coupons_are_there(app: &TestApp, report: &Value) {
    eventually("the codes are made", || app.get("/couponCampaigns/1/issues/1").json["status"] == "DONE");
    let all = app.all_of("coupons");
    let coupons = || all.as_array().expect("coupons").iter();
    let of_campaign = || coupons().filter(|coupon| coupon["campaignId"] == report["campaign"]);
    let held = of_campaign().filter(|coupon| coupon["memberId"].is_i64()).count();
    assert_eq!((held, of_campaign().count()), (figure(report, "coupons"), 100));
    assert_eq!(coupons().filter(|coupon| coupon["status"] == "REDEEMED").count(), figure(report, "redeemed"));
    assert!(figure(report, "redeemed") > 0, "{report}");
    let summary = app.get("/dashboards/summary").must_be(200).json;
    assert_eq!(summary["coupons"]["stock"]["value"], 100 - held);
}

/// Memberships were bought and paid, carts too; some were removed, and some vouchers used.
fn purchases_are_there(app: &TestApp, report: &Value) {
    let count = |collection: &str, is_meant: fn(&Value) -> bool| {
        let all = app.all_of(collection);
        all.as_array().expect("a list").iter().filter(|item| is_meant(item)).count()
    };
    assert_eq!(count("products", |_| true), figure(report, "products"));
    assert_eq!(count("gifticons", |_| true), figure(report, "gifticons"));
    assert_eq!(count("memberships", |one| one["memStatus"] == "USE"), figure(report, "memberships"));
    let carts = figure(report, "carts");
    assert_eq!(count("carts", |cart| cart["status"] == "PaymentApproved"), carts - figure(report, "removed"));
    assert_eq!(count("vouchers", |voucher| voucher["status"] == "USED"), figure(report, "vouchers"));
    assert!(figure(report, "memberships") > 0 && figure(report, "vouchers") > 0, "{report}");
    assert_eq!(count("payments", |_| true), carts + figure(report, "memberships"));
}

#[test]
fn a_fresh_store_is_filled_on_sqlite() {
    a_fresh_store_is_filled(Engine::Sqlite);
}

#[test]
fn a_fresh_store_is_filled_on_postgres() {
    a_fresh_store_is_filled(Engine::Postgres);
}

#[test]
fn where_nobody_takes_cards_the_story_goes_on() {
    // Nobody listens there, and it is given up soon.
    let provider = ["payment.url=http://127.0.0.1:9", "payment.key=k", "payment.give_up_s=1"];
    let app = TestApp::open_with(Engine::Sqlite, &provider);
    let (code, output) = demo(&app, &["--json"]);
    let report = json_of(&output);
    assert_eq!((code, figure(&report, "joined")), (PARTLY, 40), "{report}");
    let carts = figure(&report, "carts");
    assert!(carts > 0 && figure(&report, "declined") == carts, "{report}");
    assert_eq!((figure(&report, "removed"), figure(&report, "vouchers")), (0, 0));
    let note = report["note"].as_str().unwrap_or_default();
    assert!(note.contains(&format!("the payments of {carts} carts were declined")), "{note}");
}

#[test]
fn without_a_server_it_says_so() {
    let output = onepoint(&["demo", "--url", "http://127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is the server running"));
    assert_eq!(onepoint(&["demo", "--url", "https://127.0.0.1"]).status.code(), Some(2));
}
