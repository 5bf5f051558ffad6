//! Seed 0 word for word: joining, points, leaving. Values come as text, as the document's client sends them.

use serde_json::{Value, json};

use crate::support::{Answer, Engine, TestApp, promptly};

#[test]
fn seed_0_runs_as_written_on_sqlite() {
    seed_0_runs_as_written(Engine::Sqlite);
}

#[test]
fn seed_0_runs_as_written_on_postgres() {
    seed_0_runs_as_written(Engine::Postgres);
}

fn seed_0_runs_as_written(engine: Engine) {
    let app = TestApp::open(engine);
    a_member_joins_and_is_welcomed(&app);
    points_go_up_and_down(&app);
    a_member_leaves(&app);
    a_wrong_phone_number_makes_an_abnormal_member(&app);
    my_page_shows_status_and_points(&app);
    app.settle();
    app.verify();
}

fn a_member_joins_and_is_welcomed(app: &TestApp) {
    let joining = json!({"phoneNo": "01085581234", "nickname": "SEQ1", "memberStatus": "READY", "memberId": "1"});
    let joined = app.post("/members", &joining).must_be(201);
    assert_eq!(joined.header("location"), Some(format!("{}/members/1", app.base()).as_str()));
    assert_eq!(joined.header("content-type"), Some("application/json"));
    must_hold(&joined, &json!({"memberId": 1, "phoneNo": "01085581234", "nickname": "SEQ1", "memberStatus": "READY"}));
    must_link_to_itself(app, &joined, "member", "/members/1");

    promptly("member 1 is NORMAL", || app.get("/members/1").json["memberStatus"] == "NORMAL");
    let member = app.get("/members/1").must_be(200);
    assert_eq!(member.header("content-type"), Some("application/hal+json"));
    must_hold(&member, &json!({"memberId": 1, "phoneNo": "01085581234", "nickname": "SEQ1"}));

    promptly("member 1 has 1000 points", || app.points_of(1) == Some(1_000));
    let points = app.get("/points/1").must_be(200);
    must_hold(&points, &json!({"memberId": 1, "memberStatus": "NORMAL", "remainPoint": 1000, "requirePoint": null}));
    must_link_to_itself(app, &points, "point", "/points/1");
}

fn points_go_up_and_down(app: &TestApp) {
    for (asked, remains) in [("530", 1_530), ("-730", 800)] {
        let changed = app.patch("/points/1", &json!({"requirePoint": asked})).must_be(200);
        let number: i64 = asked.parse().expect("a number");
        must_hold(&changed, &json!({"memberId": 1, "remainPoint": remains, "requirePoint": number}));
        assert_eq!(changed.json["result"], "APPLIED");
        let shown = app.get("/points/1").must_be(200);
        must_hold(&shown, &json!({"memberId": 1, "remainPoint": remains, "requirePoint": number}));
    }
}

fn a_member_leaves(app: &TestApp) {
    let left = app.delete("/members/1").must_be(204);
    assert_eq!(left.text, "");
    for path in ["/members/1", "/points/1"] {
        must_be_empty_404(app, path);
    }
    promptly("the page of member 1 is gone", || app.get("/mypages/1").status == 404);
    let withdrawal = app.get("/withdrawals/1").must_be(200);
    must_hold(&withdrawal, &json!({"memberId": 1, "step": "DONE", "forfeitedPoint": 800}));
    assert!(!withdrawal.text.contains("0108558") && !withdrawal.text.contains("SEQ1"), "{}", withdrawal.text);
}

fn a_wrong_phone_number_makes_an_abnormal_member(app: &TestApp) {
    let joining = json!({"phoneNo": "0108558", "nickname": "SEQ2", "memberStatus": "READY", "memberId": "2"});
    let joined = app.post("/members", &joining).must_be(201);
    must_hold(&joined, &json!({"memberId": 2, "memberStatus": "READY"}));
    promptly("member 2 is ABNORMAL", || app.get("/members/2").json["memberStatus"] == "ABNORMAL");
    promptly("point knows it", || app.get("/points/2").json["memberStatus"] == "ABNORMAL");
    must_hold(&app.get("/points/2"), &json!({"memberId": 2, "remainPoint": 0, "requirePoint": null}));

    for (asked, number) in [("100", 100), ("-50", -50)] {
        let refused = app.patch("/points/2", &json!({"requirePoint": asked})).must_be(200);
        must_hold(&refused, &json!({"remainPoint": 0, "requirePoint": number, "result": "REJECTED"}));
        assert_eq!(refused.json["reason"], "member_not_normal");
        must_hold(&app.get("/points/2"), &json!({"remainPoint": 0, "requirePoint": number}));
    }
    app.delete("/members/2").must_be(204);
    must_be_empty_404(app, "/members/2");
    must_be_empty_404(app, "/points/2");
}

fn my_page_shows_status_and_points(app: &TestApp) {
    let joining = json!({"phoneNo": "01011223344", "nickname": "SEQ4", "memberStatus": "READY", "memberId": "3"});
    app.post("/members", &joining).must_be(201);
    promptly("the page of member 3 shows NORMAL and 1000", || {
        let page = app.get("/mypages/3").json;
        page["memberStatus"] == "NORMAL" && page["remainPoint"] == 1_000
    });
    app.patch("/points/3", &json!({"requirePoint": "+500"})).must_be(200);
    promptly("the page of member 3 shows 1500", || app.get("/mypages/3").json["remainPoint"] == 1_500);
    let page = app.get("/mypages/3").must_be(200);
    must_hold(&page, &json!({"memberId": 3, "nickname": "SEQ4", "phoneNo": "01011223344"}));
    let amounts: Vec<i64> = page.json["recentEntries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|entry| entry["amount"].as_i64())
        .collect();
    assert_eq!(amounts, [500, 1_000]);
}

#[test]
fn a_client_that_asks_for_json_is_told_why_there_is_nothing() {
    let app = TestApp::open(Engine::Sqlite);
    for accept in ["application/json", "application/hal+json", "application/problem+json"] {
        app.request("GET", "/members/1").header("Accept", accept).send().must_be_problem(404);
    }
    must_be_empty_404(&app, "/members/1");
    let bare = app.request("GET", "/members/1").header("Accept", "*/*").send();
    assert_eq!((bare.status, bare.text.as_str()), (404, ""));
}

/// Every field of `expected` is in the answer with this value.
fn must_hold(answer: &Answer, expected: &Value) {
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(&answer.json[field], value, "{field} in {}", answer.text);
        assert!(answer.json.get(field).is_some(), "{field} is missing in {}", answer.text);
    }
}

fn must_link_to_itself(app: &TestApp, answer: &Answer, name: &str, path: &str) {
    let href = json!({"href": format!("{}{path}", app.base())});
    assert_eq!(answer.json["_links"]["self"], href);
    assert_eq!(answer.json["_links"][name], href);
}

fn must_be_empty_404(app: &TestApp, path: &str) {
    let answer = app.get(path);
    assert_eq!((answer.status, answer.text.as_str()), (404, ""), "{path}");
}
