//! Who may redeem and undo, and who sees which coupons.

use platform::access::Role;
use serde_json::{Value, json};
use server::config::Settings;
use server::stores::open_access;

use crate::support::{Answer, Engine, TestApp, within};
use crate::{code, programme};

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
    fn ask(&self, method: &'static str, path: &str, body: Option<&Value>) -> Answer {
        let request = self.0.request(method, path).header("Authorization", &format!("Bearer {}", self.1));
        match body {
            Some(body) => request.json(body).send(),
            None => request.send(),
        }
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None)
    }

    fn redeem(&self, body: &Value) -> Answer {
        self.ask("POST", "/coupons/redemptions", Some(body))
    }

    fn ids(&self, path: &str) -> Vec<i64> {
        let page = self.get(path).must_be(200).json;
        let found = page["_embedded"]["coupons"].as_array().cloned().unwrap_or_default();
        found.iter().filter_map(|coupon| coupon["couponId"].as_i64()).collect()
    }

    /// What only the operator may.
    fn may_not_undo(&self) {
        self.ask("DELETE", "/coupons/1", None).must_be_problem(403);
        self.ask("DELETE", "/coupons/1/redemption", None).must_be_problem(403);
        self.ask("DELETE", "/coupons/99", None).must_be_problem(403);
        self.ask("DELETE", "/couponCampaigns/1/issues/1", None).must_be_problem(403);
    }
}

#[test]
fn a_merchant_redeems_and_finds_codes() {
    let app = programme(Engine::Sqlite, 2);
    let merchant = Keyed(&app, key(&app, Role::Owner("merchant"), Some(20)));
    let text = code(&app, 1);
    assert_eq!(merchant.ids(&format!("/coupons?code={text}")), [1]);
    for path in ["/coupons", "/coupons?memberId=1", "/coupons/1", "/coupons/99"] {
        merchant.get(path).must_be_problem(403);
    }
    assert_eq!(merchant.redeem(&json!({"code": text, "memberId": 1})).must_be(201).json["status"], "REDEEMED");
    merchant.may_not_undo();
}

#[test]
fn a_member_sees_and_redeems_own_coupons() {
    let app = programme(Engine::Sqlite, 2);
    let member = Keyed(&app, key(&app, Role::Owner("member"), Some(1)));
    let [own, others] = [1, 2].map(|coupon_id| code(&app, coupon_id));
    assert_eq!(member.ids("/coupons"), [1]);
    assert_eq!(member.ids("/coupons?memberId=1&status=ISSUED"), [1]);
    assert_eq!(member.ids(&format!("/coupons?code={own}")), [1]);
    assert_eq!(member.ids(&format!("/coupons?code={others}")), [] as [i64; 0]);
    member.get("/coupons?memberId=2").must_be_problem(403);
    member.get("/coupons/1").must_be(200);
    for others_or_nobodys in ["/coupons/2", "/coupons/99"] {
        let answer = member.get(others_or_nobodys);
        assert_eq!((answer.status, &*answer.text), (404, ""), "{others_or_nobodys}");
    }
    assert_eq!(member.redeem(&json!({"code": others})).code(), "coupon.of_another_member");
    member.redeem(&json!({"code": others, "memberId": 2})).must_be_problem(403);
    assert_eq!(member.redeem(&json!({"code": own})).must_be(201).json["memberId"], 1);
    member.may_not_undo();
}

#[test]
fn the_operator_does_all() {
    let app = programme(Engine::Sqlite, 2);
    let operator = Keyed(&app, key(&app, Role::Operator, None));
    assert_eq!(operator.ids("/coupons"), [1, 2]);
    operator.get("/coupons/2").must_be(200);
    operator.redeem(&json!({"code": code(&app, 1)})).must_be(201);
    operator.ask("DELETE", "/coupons/1/redemption", None).must_be(204);
    operator.ask("DELETE", "/coupons/1", None).must_be(204);
}
