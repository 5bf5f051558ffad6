//! The rows of the dashboard are the deals of deal, and say whether the member still belongs.

use serde_json::{Value, json};

use crate::support::{Engine, TestApp, eventually};
use crate::{MONTH, deal, open, rows};

#[test]
fn rows_follow_deals_on_sqlite() {
    rows_follow_deals(Engine::Sqlite);
}

#[test]
fn rows_follow_deals_on_postgres() {
    rows_follow_deals(Engine::Postgres);
}

fn rows_follow_deals(engine: Engine) {
    let app = open(engine);
    app.join_normal(1);
    app.join_normal(2);
    let saved = deal(&app, "save", (1, 20), &json!({"dealAmount": 100_000}));
    let used = deal(&app, "use", (1, 20), &json!({"point": 300}));
    let refused = deal(&app, "use", (1, 30), &json!({"point": 1_000_000}));
    let first = deal(&app, "useCancel", (1, 20), &json!({"originalDealId": used, "point": 100}));
    let second = deal(&app, "useCancel", (1, 20), &json!({"originalDealId": used, "point": 50}));
    let nothing = deal(&app, "cancel", (1, 20), &json!({"dealAmount": 7}));
    let others = deal(&app, "save", (2, 20), &json!({"dealAmount": 5_000}));
    let nobodys = deal(&app, "save", (99, 30), &json!({"dealAmount": 5_000}));
    let all = [saved, used, refused, first, second, nothing, others, nobodys];
    eventually("every deal is shown as it is, with its member's standing", || {
        all.iter().all(|deal_id| shown(&app, *deal_id) == expected(&app, *deal_id))
    });
    let row = |deal_id: i64| app.get(&format!("/dealDashboards/{deal_id}")).must_be(200).json;
    assert_eq!(row(used)["cancelledPoint"], 150, "the sum of what was cancelled");
    assert_eq!((&row(first)["point"], &row(first)["cancelledPoint"]), (&json!(0), &json!(100)));
    assert_eq!(row(first)["originalDealId"], used);
    assert_eq!(row(nothing)["failReason"], "deal.nothing_to_cancel");
    assert_eq!(row(nobodys)["memberStatus"], "invalid", "nobody ever joined as 99");
    let numbers = |filter: &str| -> Vec<i64> {
        rows(&app, filter).iter().map(|row| row["dealId"].as_i64().expect("a number")).collect()
    };
    assert_eq!(numbers(""), all);
    assert_eq!(numbers("&memberId=1"), all[..6]);
    assert_eq!(numbers("&merchantId=30"), [refused, nobodys]);
    assert_eq!(numbers("&memberId=1&merchantId=30"), [refused]);
    assert_eq!(numbers("&memberId=12345"), [0; 0]);
    assert_eq!(app.get("/dealDashboards/4711").status, 404);
    app.get("/dealDashboards?memberId=0").must_be_problem(422);
    app.leave(1);
    eventually("the rows of who left are invalid, and of nobody else", || {
        rows(&app, "&memberId=1").iter().all(|row| row["memberStatus"] == "invalid")
            && rows(&app, "&memberId=2").iter().all(|row| row["memberStatus"] == "valid")
    });
    assert_eq!(numbers("&memberId=1"), all[..6], "the deals stay");
    app.settle();
    app.verify();
}

/// A deal as the dashboard shows it, without its links and its member's standing.
fn shown(app: &TestApp, deal_id: i64) -> Value {
    let mut row = app.get(&format!("/dealDashboards/{deal_id}")).json;
    if let Some(fields) = row.as_object_mut() {
        fields.remove("_links");
        assert!(fields.remove("memberStatus").is_some(), "{fields:?}");
    }
    row
}

/// The same deal as deal shows it.
fn expected(app: &TestApp, deal_id: i64) -> Value {
    let mut deal = app.get(&format!("/deals/{deal_id}")).must_be(200).json;
    deal.as_object_mut().expect("a deal").remove("_links");
    deal
}

#[test]
fn what_is_billed_is_marked_on_sqlite() {
    what_is_billed_is_marked(Engine::Sqlite);
}

#[test]
fn what_is_billed_is_marked_on_postgres() {
    what_is_billed_is_marked(Engine::Postgres);
}

fn what_is_billed_is_marked(engine: Engine) {
    let app = open(engine);
    app.join_normal(1);
    let saved = deal(&app, "save", (1, 20), &json!({"dealAmount": 100_000}));
    let used = deal(&app, "use", (1, 20), &json!({"point": 300}));
    let cancelled = deal(&app, "useCancel", (1, 20), &json!({"originalDealId": used, "point": 100}));
    let elsewhere = deal(&app, "use", (1, 30), &json!({"point": 10}));
    let refused = deal(&app, "use", (1, 20), &json!({"point": 1_000_000}));
    app.settle();
    let bill = || app.post("/billings", &json!({"merchantId": 20, "billingMonth": MONTH})).must_be(201);
    assert_eq!(bill().json["usedPoint"], 200);
    let billed = |deal_id: i64| app.get(&format!("/dealDashboards/{deal_id}")).json["billingStatus"] == "yes";
    eventually("the lines of the run are billed", || billed(used) && billed(cancelled));
    assert!(!billed(saved) && !billed(elsewhere) && !billed(refused));
    let later = deal(&app, "use", (1, 20), &json!({"point": 30}));
    let given_back = deal(&app, "useCancel", (1, 20), &json!({"originalDealId": used, "point": 5}));
    app.settle();
    assert!(!billed(later) && !billed(given_back), "what came after the run is not");
    assert_eq!(bill().json["usedPoint"], 25);
    eventually("the second run bills the rest", || billed(later) && billed(given_back));
    // Deal and dashboard hear of a run each by itself.
    eventually("deal says the same", || {
        let all = [saved, used, cancelled, elsewhere, refused, later, given_back];
        all.iter().all(|deal_id| shown(&app, *deal_id) == expected(&app, *deal_id))
    });
    app.settle();
    app.verify();
}
