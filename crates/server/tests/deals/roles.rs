//! Who may post deals, and who sees which.

use platform::access::Role;
use serde_json::{Value, json};
use server::config::Settings;
use server::stores::open_access;

use crate::programme;
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

struct Keyed<'a>(&'a TestApp, String);

impl Keyed<'_> {
    fn ask(&self, method: &'static str, path: &str, body: Option<Value>) -> Answer {
        let request = self.0.request(method, path).header("Authorization", &format!("Bearer {}", self.1));
        match body {
            Some(body) => request.json(&body).send(),
            None => request.send(),
        }
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None)
    }

    fn ids(&self, path: &str) -> Vec<i64> {
        let page = self.get(path).must_be(200).json;
        let found = page["_embedded"]["deals"].as_array().cloned().unwrap_or_default();
        found.iter().filter_map(|deal| deal["dealId"].as_i64()).collect()
    }
}

fn save(member_id: i64, merchant_id: i64) -> Value {
    json!({"memberId": member_id, "merchantId": merchant_id, "type": "save", "dealAmount": 10_000})
}

/// Deals 1 and 2 of members 1 and 2 at merchant 20, deals 3 and 4 at merchant 21.
fn with_deals() -> TestApp {
    let app = programme(Engine::Sqlite, &[]);
    for (member_id, merchant_id) in [(1, 20), (2, 20), (1, 21), (2, 21)] {
        app.deal(&save(member_id, merchant_id)).must_be(201);
    }
    app
}

#[test]
fn a_merchant_posts_and_sees_its_own_deals() {
    let app = with_deals();
    let merchant = Keyed(&app, key(&app, Role::Owner("merchant"), Some(20)));
    assert_eq!(merchant.ask("POST", "/deals", Some(save(1, 20))).must_be(201).json["status"], "success");
    merchant.ask("POST", "/deals", Some(save(1, 21))).must_be_problem(403);
    // Not even who is asked about is told apart.
    merchant.ask("POST", "/deals", Some(save(99, 99))).must_be_problem(403);
    for path in ["/deals", "/deals?merchantId=20"] {
        assert_eq!(merchant.ids(path), [1, 2, 5]);
    }
    assert_eq!(merchant.ids("/deals?memberId=2"), [2]);
    merchant.get("/deals?merchantId=21").must_be_problem(403);
    merchant.get("/deals/2").must_be(200);
    for others_or_nobodys in ["/deals/3", "/deals/999", "/merchants/21", "/merchants/999"] {
        let answer = merchant.get(others_or_nobodys);
        assert_eq!((answer.status, &*answer.text), (404, ""), "{others_or_nobodys}");
    }
    assert_eq!(merchant.get("/merchants/20").must_be(200).json["merchantId"], 20);
    merchant.get("/merchants").must_be_problem(403);
    merchant.ask("POST", "/merchants", Some(json!({}))).must_be_problem(403);
    merchant.ask("PATCH", "/merchants/20", Some(json!({"feeRateBp": 0}))).must_be_problem(403);
    // It cannot cancel what happened elsewhere.
    let cancel = json!({"memberId": 1, "merchantId": 20, "type": "cancel", "originalDealId": 3});
    assert_eq!(merchant.ask("POST", "/deals", Some(cancel)).must_be(201).json["failReason"], "deal.nothing_to_cancel");
}

#[test]
fn a_member_sees_own_deals_and_posts_none() {
    let app = with_deals();
    let member = Keyed(&app, key(&app, Role::Owner("member"), Some(1)));
    member.ask("POST", "/deals", Some(save(1, 20))).must_be_problem(403);
    assert_eq!(member.ids("/deals"), [3, 1]);
    assert_eq!(member.ids("/deals?memberId=1&merchantId=21"), [3]);
    member.get("/deals?memberId=2").must_be_problem(403);
    member.get("/deals/3").must_be(200);
    for others_or_nobodys in ["/deals/2", "/deals/999"] {
        assert_eq!(member.get(others_or_nobodys).status, 404);
    }
    member.get("/merchants").must_be_problem(403);
    member.get("/merchants/20").must_be_problem(403);
}

#[test]
fn the_operator_sees_all() {
    let app = with_deals();
    let operator = Keyed(&app, key(&app, Role::Operator, None));
    assert_eq!(operator.ids("/deals"), [1, 2, 3, 4]);
    operator.get("/merchants/21").must_be(200);
    operator.ask("PATCH", "/merchants/21", Some(json!({"name": "Cafe"}))).must_be(200);
}
