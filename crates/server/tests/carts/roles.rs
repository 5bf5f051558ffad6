//! Who may put in and remove carts, and who sees which.

use platform::access::Role;
use serde_json::{Value, json};
use server::config::Settings;
use server::stores::open_access;

use crate::support::{Answer, Engine, TestApp, within};
use crate::{listed, programme};

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

fn ask(app: &TestApp, key: &str, method: &'static str, path: &str, body: Option<Value>) -> Answer {
    let request = app.request(method, path).header("Authorization", &format!("Bearer {key}"));
    match body {
        Some(body) => request.json(&body).send(),
        None => request.send(),
    }
}

#[test]
fn a_member_has_own_carts_and_sees_no_others() {
    let app = programme(Engine::Sqlite, 100);
    let body = |customer: Value| Some(json!({"gifticonId": 1, "quantity": 1, "customerId": customer}));
    app.post("/carts", &body(json!(2)).expect("a body")).must_be(201);
    app.post("/carts", &body(json!(null)).expect("a body")).must_be(201);
    let member = key(&app, Role::Owner("member"), Some(1));
    ask(&app, &member, "POST", "/carts", body(json!(2))).must_be_problem(403);
    for customer in [json!(1), json!(null)] {
        let cart = ask(&app, &member, "POST", "/carts", body(customer)).must_be(201);
        assert_eq!(cart.json["customerId"], 1, "a member's cart is the member's");
    }
    let ids = |path: &str| {
        let page = ask(&app, &member, "GET", path, None).must_be(200).json;
        let found = page["_embedded"]["carts"].as_array().cloned().unwrap_or_default();
        found.iter().filter_map(|cart| cart["cartId"].as_i64()).collect::<Vec<_>>()
    };
    assert_eq!((ids("/carts"), ids("/carts?customerId=1")), (vec![3, 4], vec![3, 4]));
    ask(&app, &member, "GET", "/carts?customerId=2", None).must_be_problem(403);
    ask(&app, &member, "GET", "/carts/3", None).must_be(200);
    for others_or_nobodys in ["/carts/1", "/carts/2", "/carts/999"] {
        assert_eq!(ask(&app, &member, "GET", others_or_nobodys, None).status, 404);
        assert_eq!(ask(&app, &member, "DELETE", others_or_nobodys, None).code(), "cart.unknown");
    }
    ask(&app, &member, "DELETE", "/carts/3", None).must_be(204);
    assert_eq!(listed(&app), [1, 2, 4]);
}

#[test]
fn a_merchant_has_none() {
    let app = programme(Engine::Sqlite, 100);
    let merchant = key(&app, Role::Owner("merchant"), Some(20));
    let body = json!({"gifticonId": 1, "quantity": 1});
    for (method, path, body) in [
        ("POST", "/carts", Some(body)),
        ("GET", "/carts", None),
        ("GET", "/carts/1", None),
        ("DELETE", "/carts/1", None),
    ] {
        ask(&app, &merchant, method, path, body).must_be_problem(403);
    }
}
