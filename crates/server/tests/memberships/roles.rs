//! Who sells, who buys, and who sees which.

use platform::access::Role;
use serde_json::{Value, json};
use server::config::Settings;
use server::stores::open_access;

use crate::support::{Answer, Engine, TestApp, within};
use crate::{paid, programme};

/// A key of this role, known to the server.
pub fn key(app: &TestApp, role: Role, owner_id: Option<i64>) -> String {
    let settings = Settings::from_sources(None, std::iter::empty(), &app.store_settings()).expect("settings");
    let keys = open_access(&settings).expect("the keys");
    let (_, text) = keys.create(role, owner_id, "test", 1).expect("a key");
    within(std::time::Duration::from_secs(5), "the server knows the key", || {
        app.request("GET", "/products/1").header("Authorization", &format!("Bearer {text}")).send().status != 401
    });
    text
}

struct Keyed<'a>(&'a TestApp, String);

impl Keyed<'_> {
    fn ask(&self, method: &'static str, path: &str, body: Option<Value>) -> Answer {
        let request = self.0.request(method, path).header("Authorization", &format!("Bearer {}", self.1));
        match body {
            Some(body) => request.json(&body).send(),
            None => request.send(),
        }
    }

    fn ids(&self, path: &str) -> Vec<i64> {
        let page = self.ask("GET", path, None).must_be(200).json;
        let found = page["_embedded"]["memberships"].as_array().cloned().unwrap_or_default();
        found.iter().filter_map(|membership| membership["memId"].as_i64()).collect()
    }
}

#[test]
fn a_member_buys_sees_and_cancels_own_memberships() {
    let app = programme(Engine::Sqlite);
    for customer_id in [1, 2] {
        paid(&app, customer_id);
    }
    let member = Keyed(&app, key(&app, Role::Owner("member"), Some(1)));
    let bought = member.ask("POST", "/memberships", Some(json!({"productId": 1}))).must_be(201);
    assert_eq!(bought.json["customerId"], 1, "a member's key buys for that member");
    member.ask("POST", "/memberships", Some(json!({"productId": 1, "customerId": 2}))).must_be_problem(403);
    assert_eq!(member.ids("/memberships"), [1, 3]);
    assert_eq!(member.ids("/memberships?customerId=1"), [1, 3]);
    member.ask("GET", "/memberships?customerId=2", None).must_be_problem(403);
    for others_or_nobodys in ["/memberships/2", "/memberships/99"] {
        assert_eq!(member.ask("GET", others_or_nobodys, None).status, 404);
        member.ask("DELETE", others_or_nobodys, None).must_be_problem(404);
        member.ask("PATCH", others_or_nobodys, Some(json!({"memStatus": "CANC"}))).must_be_problem(404);
    }
    assert_eq!(app.get("/memberships/2").json["memStatus"], "USE", "control: nothing happened to it");
    let renews_anothers = json!({"productId": 1, "renews": 2});
    let refused = member.ask("POST", "/memberships", Some(renews_anothers));
    assert_eq!((refused.status, refused.code()), (404, "membership.renewed_unknown"));
    member.ask("DELETE", "/memberships/1", None).must_be(204);
    // Products are there to be looked at, and the operator's to change.
    member.ask("GET", "/products/1", None).must_be(200);
    member.ask("GET", "/products", None).must_be(200);
    member.ask("POST", "/products", Some(json!({"productName": "MINE", "price": 1}))).must_be_problem(403);
    member.ask("PATCH", "/products/1", Some(json!({"price": 1}))).must_be_problem(403);
    member.ask("DELETE", "/products/1", None).must_be_problem(403);
}

#[test]
fn a_merchant_has_nothing_to_do_with_memberships_and_the_operator_with_all() {
    let app = programme(Engine::Sqlite);
    for customer_id in [1, 2] {
        paid(&app, customer_id);
    }
    let merchant = Keyed(&app, key(&app, Role::Owner("merchant"), Some(20)));
    merchant.ask("POST", "/memberships", Some(json!({"productId": 1}))).must_be_problem(403);
    merchant.ask("GET", "/memberships", None).must_be_problem(403);
    merchant.ask("DELETE", "/memberships/1", None).must_be_problem(403);
    merchant.ask("DELETE", "/products/1", None).must_be_problem(403);
    let operator = Keyed(&app, key(&app, Role::Operator, None));
    assert_eq!(operator.ids("/memberships"), [1, 2]);
    assert_eq!(operator.ids("/memberships?customerId=2"), [2]);
    assert_eq!(operator.ids("/memberships?limit=1"), [1]);
    operator.ask("PATCH", "/products/1", Some(json!({"price": 5}))).must_be(200);
    operator.ask("DELETE", "/memberships/2", None).must_be(204);
}
