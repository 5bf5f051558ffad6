//! What is under way is counted, and what has been for too long is named with what it waits for.

use serde_json::{Value, json};

use crate::support::{Engine, Setup, TestApp, eventually};
use crate::{NOON, deal, post_deal, summary};

const KINDS: [&str; 4] = ["withdrawal", "donation", "deal", "cancel"];

#[test]
fn flows_that_wait_for_point_are_under_way_then_stuck_then_done_on_sqlite() {
    flows_that_wait_for_point(Engine::Sqlite);
}

#[test]
fn flows_that_wait_for_point_are_under_way_then_stuck_then_done_on_postgres() {
    flows_that_wait_for_point(Engine::Postgres);
}

fn flows_that_wait_for_point(engine: Engine) {
    let app = TestApp::start_up(
        Setup::on(engine).with(&["withdrawal.mode=deferred", "dashboard.stuck_after_s=60"]).starting_at(NOON),
    );
    for member_id in [1, 2, 3] {
        app.join_normal(member_id);
    }
    app.change_points(1, 1_000).must_be(200);
    let used = deal(&app, "use", (2, 20), &json!({"point": 300}));
    app.settle();
    assert_eq!(standing(&app), KINDS.map(|kind| (kind.to_owned(), 0, 0)));
    app.stop("point");
    assert_eq!(app.donate(1, 500).must_be(201).json["status"], "REQUESTED");
    let pending = post_deal(&app, "save", (1, 20), &json!({"dealAmount": 10_000}));
    pending.must_be_problem(503);
    let cancelled = deal(&app, "useCancel", (2, 20), &json!({"originalDealId": used}));
    app.leave(3);
    eventually("all four are under way", || standing(&app) == KINDS.map(|kind| (kind.to_owned(), 1, 0)));
    assert_eq!(app.get(&format!("/dealDashboards/{cancelled}")).json["pointStatus"], "PENDING");
    assert_eq!(summary(&app)["dealsUnderWay"]["value"], 1);
    app.clock.advance_ms(61_000);
    eventually("all four are stuck", || standing(&app) == KINDS.map(|kind| (kind.to_owned(), 1, 1)));
    for saga in &summary(&app)["sagas"].as_array().expect("sagas")[..KINDS.len()] {
        let [stuck] = saga["oldest"].as_array().expect("the oldest").as_slice() else { panic!("{saga}") };
        assert!(stuck["reason"].as_str().is_some_and(|reason| reason.contains("point")), "{saga}");
        let href = stuck["_links"]["self"]["href"].as_str().expect("a link");
        let path = href.strip_prefix(&app.base()).expect("it leads to this server");
        app.get(path).must_be(200);
    }
    app.start("point");
    eventually("nothing is under way", || standing(&app) == KINDS.map(|kind| (kind.to_owned(), 0, 0)));
    app.settle();
    app.verify();
}

#[test]
fn a_withdrawal_says_for_whom_it_waits_on_sqlite() {
    a_withdrawal_says_for_whom_it_waits(Engine::Sqlite);
}

#[test]
fn a_withdrawal_says_for_whom_it_waits_on_postgres() {
    a_withdrawal_says_for_whom_it_waits(Engine::Postgres);
}

fn a_withdrawal_says_for_whom_it_waits(engine: Engine) {
    let app = TestApp::start_up(Setup::on(engine).with(&["withdrawal.mode=deferred"]).starting_at(NOON));
    let cases: [(&[&str], &str); 3] = [
        (&["point"], "decided; point has not closed the account yet"),
        (&["coupon"], "decided; coupon has not cancelled the coupons yet"),
        (
            &["point", "coupon"],
            "decided; point has not closed the account and coupon has not cancelled the coupons yet",
        ),
    ];
    for (member_id, (stopped, expected)) in (1..).zip(cases) {
        app.join_normal(member_id);
        app.settle();
        stopped.iter().for_each(|context| app.stop(context));
        app.leave(member_id);
        app.clock.advance_ms(61_000);
        let oldest = || summary(&app)["sagas"][0]["oldest"].clone();
        eventually("the withdrawal is named", || oldest()[0]["reason"] == expected);
        assert_eq!((&oldest()[0]["id"], &oldest()[0]["step"]), (&json!(member_id), &json!("WITHDRAWING")));
        stopped.iter().for_each(|context| app.start(context));
        eventually("nothing is under way", || standing(&app)[0] == ("withdrawal".to_owned(), 0, 0));
    }
    app.settle();
    app.verify();
}

/// Kind, how many are under way and how many of them are stuck.
fn standing(app: &TestApp) -> [(String, i64, i64); 4] {
    let seen = summary(app);
    let saga = |place: usize| -> (String, i64, i64) {
        let saga: &Value = &seen["sagas"][place];
        let number = |name: &str| saga[name]["value"].as_i64().expect("a number");
        (saga["kind"].as_str().expect("a kind").to_owned(), number("underWay"), number("stuck"))
    };
    [0, 1, 2, 3].map(saga)
}
