//! Seed 0 with a context stopped, and with the whole server started again.

use std::time::Duration;

use serde_json::json;

use crate::support::{Engine, TestApp, promptly};

#[test]
fn point_stopped_refuses_a_withdrawal_and_changes_nothing_on_sqlite() {
    point_stopped_refuses_a_withdrawal_and_changes_nothing(Engine::Sqlite);
}

#[test]
fn point_stopped_refuses_a_withdrawal_and_changes_nothing_on_postgres() {
    point_stopped_refuses_a_withdrawal_and_changes_nothing(Engine::Postgres);
}

fn point_stopped_refuses_a_withdrawal_and_changes_nothing(engine: Engine) {
    let app = TestApp::open(engine);
    app.join_normal(1);
    app.change_points(1, 530).must_be(200);
    app.settle();
    let (member, points, page) = (app.get("/members/1"), app.get("/points/1"), app.get("/mypages/1"));

    app.stop("point");
    let refused = app.delete("/members/1");
    refused.must_be_problem(503);
    app.get("/points/1").must_be_problem(503);
    assert_eq!(app.get("/members/1").json, member.json);

    app.start("point");
    assert_eq!(app.get("/points/1").json, points.json);
    promptly("the withdrawal is undone", || app.get("/withdrawals/1").json["step"] == "RELEASED");
    app.settle();
    assert_eq!(app.get("/members/1").json, member.json);
    assert_eq!(app.get("/points/1").json, points.json);
    assert_eq!(app.get("/mypages/1").json, page.json);
    assert_eq!(app.change_points(1, 1).must_be(200).json["result"], "APPLIED");

    app.delete("/members/1").must_be(204);
    assert_eq!(app.get("/members/1").status, 404);
    assert_eq!(app.get("/points/1").status, 404);
    app.settle();
    app.verify();
}

#[test]
fn notification_stopped_keeps_new_members_ready_until_it_is_back_on_sqlite() {
    notification_stopped_keeps_new_members_ready_until_it_is_back(Engine::Sqlite);
}

#[test]
fn notification_stopped_keeps_new_members_ready_until_it_is_back_on_postgres() {
    notification_stopped_keeps_new_members_ready_until_it_is_back(Engine::Postgres);
}

fn notification_stopped_keeps_new_members_ready_until_it_is_back(engine: Engine) {
    let app = TestApp::open(engine);
    app.stop("notification");
    for (member_id, phone_no, nickname) in [("99", "01012341234", "TEST"), ("100", "01056785678", "TEST1")] {
        let joining =
            json!({"phoneNo": phone_no, "nickname": nickname, "memberStatus": "READY", "memberId": member_id});
        app.post("/members", &joining).must_be(201);
    }
    app.get("/messages").must_be_problem(503);
    // Long enough for several rounds of every consumer and worker.
    std::thread::sleep(Duration::from_millis(1_500));
    let listed = app.get("/members").must_be(200);
    let listed = listed.json["_embedded"]["members"].as_array().expect("members").clone();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|member| member["memberStatus"] == "READY"), "{listed:?}");

    app.start("notification");
    for member_id in [99, 100] {
        promptly("the member is NORMAL", || app.get(&format!("/members/{member_id}")).json["memberStatus"] == "NORMAL");
        promptly("the member is welcomed", || app.points_of(member_id) == Some(1_000));
    }
    app.settle();
    assert_eq!(app.all_of("messages").as_array().map(Vec::len), Some(2), "one message each");
    app.verify();
}

#[test]
fn a_new_server_on_the_same_store_carries_on_on_sqlite() {
    a_new_server_on_the_same_store_carries_on(Engine::Sqlite);
}

#[test]
fn a_new_server_on_the_same_store_carries_on_on_postgres() {
    a_new_server_on_the_same_store_carries_on(Engine::Postgres);
}

fn a_new_server_on_the_same_store_carries_on(engine: Engine) {
    let mut app = TestApp::open(engine);
    app.join_normal(1);
    app.settle();
    // Member 2 joins and points move while nobody follows; the consumers' cursors have to carry on from there.
    app.stop("notification");
    app.stop("mypage");
    app.join(2, "01022222222");
    app.change_points(1, 530).must_be(200);
    let (member, points) = (app.get("/members/1").json, app.get("/points/1").json);
    let entries = app.entry_count();

    app.restart();
    let again = app.get("/points/1").must_be(200);
    assert_eq!(without_links(again.json), without_links(points));
    assert_eq!(without_links(app.get("/members/1").json), without_links(member));
    promptly("member 2 is NORMAL", || app.get("/members/2").json["memberStatus"] == "NORMAL");
    promptly("member 2 is welcomed", || app.points_of(2) == Some(1_000));
    promptly("the page of member 1 shows 1530", || app.get("/mypages/1").json["remainPoint"] == 1_530);
    app.settle();
    assert_eq!(app.entry_count(), entries + 1, "the welcome of member 2 and nothing twice");
    assert_eq!(app.all_of("messages").as_array().map(Vec::len), Some(2), "one message each");

    let quiet = app.state();
    app.restart();
    app.settle();
    assert_eq!(app.state(), quiet, "a start without news changes nothing");
    let joined = app.post("/members", &json!({"phoneNo": "01033333333"})).must_be(201);
    assert!(joined.json["memberId"].as_i64() >= Some(3), "numbers go on: {}", joined.text);
    app.verify();
}

fn without_links(mut item: serde_json::Value) -> serde_json::Value {
    item["_links"] = json!(null);
    item
}
