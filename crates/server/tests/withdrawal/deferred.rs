//! `withdrawal.mode = deferred`: decided at once, the rest follows.

use std::time::Duration;

use serde_json::json;

use crate::support::{Engine, TestApp, eventually, promptly};

#[test]
fn a_deferred_withdrawal_does_not_wait_for_a_stopped_point_on_sqlite() {
    a_deferred_withdrawal_does_not_wait_for_a_stopped_point(Engine::Sqlite);
}

#[test]
fn a_deferred_withdrawal_does_not_wait_for_a_stopped_point_on_postgres() {
    a_deferred_withdrawal_does_not_wait_for_a_stopped_point(Engine::Postgres);
}

fn a_deferred_withdrawal_does_not_wait_for_a_stopped_point(engine: Engine) {
    let _machine = crate::alone();
    let app = TestApp::open_with(engine, &["withdrawal.mode=deferred"]);
    app.join_normal(1);
    app.change_points(1, 530).must_be(200);
    app.settle();
    app.stop("point");
    let left = app.delete("/members/1").must_be(204);
    assert!(left.took <= Duration::from_millis(100), "it took {:?}", left.took);
    let member = app.get("/members/1");
    assert_eq!((member.status, member.text.as_str()), (404, ""));
    let waiting = app.get("/withdrawals/1").must_be(200);
    assert_eq!(waiting.json["step"], "WITHDRAWING", "{}", waiting.text);

    app.start("point");
    let gone = promptly("the account is gone", || app.get("/points/1").status == 404);
    eventually("the withdrawal knows the lost points", || {
        let withdrawal = app.get("/withdrawals/1").json;
        withdrawal["forfeitedPoint"] == 1_530 && withdrawal["step"] == "DONE"
    });
    eventually("the page is gone", || app.get("/mypages/1").status == 404);
    println!("deferred on {engine:?}: answered in {:?}, account gone after {gone:?}", left.took);
    app.settle();
    app.verify();
}

#[test]
fn what_a_member_earned_by_deals_is_forfeited_when_point_is_back_on_sqlite() {
    what_a_member_earned_by_deals_is_forfeited_when_point_is_back(Engine::Sqlite);
}

#[test]
fn what_a_member_earned_by_deals_is_forfeited_when_point_is_back_on_postgres() {
    what_a_member_earned_by_deals_is_forfeited_when_point_is_back(Engine::Postgres);
}

/// Seed 1 with a point that is stopped.
fn what_a_member_earned_by_deals_is_forfeited_when_point_is_back(engine: Engine) {
    let _machine = crate::alone();
    let app = TestApp::open_with(engine, &["withdrawal.mode=deferred", "points.welcome=0"]);
    app.join_normal(1);
    let saved = json!({"memberId": "0001", "merchantId": "20", "dealAmount": "100000", "type": "save"});
    assert_eq!(app.post("/deals", &saved).must_be(201).json["point"], 1_000);
    app.settle();
    app.stop("point");
    let left = app.delete("/members/1").must_be(204);
    assert!(left.took <= Duration::from_millis(100), "it took {:?}", left.took);
    assert_eq!(app.get("/members/1").status, 404);

    app.start("point");
    eventually("the account is gone", || app.get("/points/1").status == 404);
    eventually("the withdrawal knows the lost points", || app.get("/withdrawals/1").json["forfeitedPoint"] == 1_000);
    eventually("the dashboard keeps the deal of someone who left", || {
        let rows = app.get("/dealDashboards?memberId=1").json["_embedded"]["dealDashboards"].clone();
        rows.as_array().is_some_and(|rows| rows.len() == 1) && rows[0]["memberStatus"] == "invalid"
    });
    app.settle();
    app.verify();
}
