//! Who may give whose points, and who may see what was given.

use platform::access::Role;
use server::config::Settings;
use server::stores::open_access;

use serde_json::json;

use crate::support::{Answer, Engine, TestApp, within};

/// A key of this role, known to the server.
pub fn key(app: &TestApp, role: Role, owner_id: Option<i64>) -> String {
    let settings = Settings::from_sources(None, std::iter::empty(), &app.store_settings()).expect("settings");
    let keys = open_access(&settings).expect("the keys");
    let (_, text) = keys.create(role, owner_id, "test", 1).expect("a key");
    within(std::time::Duration::from_secs(5), "the server knows the key", || {
        app.request("GET", "/members/1").header("Authorization", &format!("Bearer {text}")).send().status != 401
    });
    text
}

#[test]
fn a_member_gives_and_sees_what_is_the_members_own() {
    let app = TestApp::open(Engine::Sqlite);
    for member_id in [1, 2] {
        app.join_normal(member_id);
        app.change_points(member_id, 1_000).must_be(200);
        app.donate(member_id, 10).must_be(201);
    }
    let text = key(&app, Role::Owner("member"), Some(1));
    let ask = |method: &'static str, path: &str| -> Answer {
        app.request(method, path).header("Authorization", &format!("Bearer {text}")).header("Accept", "*/*").send()
    };
    let give = |member_id: i64| {
        let request = app.request("POST", "/donations").header("Authorization", &format!("Bearer {text}"));
        request.json(&json!({"memberId": member_id, "amount": 100})).send()
    };
    assert_eq!(give(1).must_be(201).json["status"], "DONATED");
    give(2).must_be_problem(403);
    give(99).must_be_problem(403);
    ask("GET", "/donations/1").must_be(200);
    for others_or_nobodys in ["/donations/2", "/donations/999"] {
        let answer = ask("GET", others_or_nobodys);
        assert_eq!((answer.status, &*answer.text), (404, ""));
    }
    for path in ["/donations", "/donations?memberId=1"] {
        let listed = ask("GET", path).must_be(200).json;
        let donations = listed["_embedded"]["donations"].as_array().cloned().unwrap_or_default();
        assert!(donations.len() == 2 && donations.iter().all(|donation| donation["memberId"] == 1), "{listed}");
    }
    ask("GET", "/donations?memberId=2").must_be_problem(403);
    ask("GET", "/causes/1").must_be(200);
    ask("GET", "/causes/1/receipts").must_be_problem(403);
    let change = |method: &'static str, path: &str| {
        let request = app.request(method, path).header("Authorization", &format!("Bearer {text}"));
        request.json(&json!({"name": "mine"})).send()
    };
    change("POST", "/causes").must_be_problem(403);
    change("PATCH", "/causes/1").must_be_problem(403);
    assert_eq!(app.get("/causes/1").json["name"], "general fund");
}

#[test]
fn a_merchant_has_nothing_to_do_with_donations() {
    let app = TestApp::open(Engine::Sqlite);
    app.join_normal(1);
    app.change_points(1, 1_000).must_be(200);
    app.donate(1, 10).must_be(201);
    let text = key(&app, Role::Owner("merchant"), Some(1));
    for path in ["/donations", "/donations/1", "/donations?memberId=1"] {
        app.request("GET", path).header("Authorization", &format!("Bearer {text}")).send().must_be_problem(403);
    }
    let request = app.request("POST", "/donations").header("Authorization", &format!("Bearer {text}"));
    request.json(&json!({"memberId": 1, "amount": 100})).send().must_be_problem(403);
    assert_eq!(app.points_of(1), Some(1_990));
}
