//! Who may register gifticons, use vouchers, and see which codes.

use platform::access::Role;
use serde_json::{Value, json};
use server::config::Settings;
use server::stores::open_access;

use crate::kit::{sell, shop};
use crate::support::{Answer, Engine, TestApp, within};

/// A key of this role, known to the server.
pub fn key(app: &TestApp, role: Role, owner_id: Option<i64>) -> String {
    let settings = Settings::from_sources(None, std::iter::empty(), &app.store_settings()).expect("settings");
    let keys = open_access(&settings).expect("the keys");
    let (_, text) = keys.create(role, owner_id, "test", 1).expect("a key");
    within(std::time::Duration::from_secs(5), "the server knows the key", || {
        app.request("GET", "/gifticons").header("Authorization", &format!("Bearer {text}")).send().status != 401
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

    /// What only the operator may.
    fn may_not_manage(&self, code: &str) {
        let gifticon = json!({"name": "Latte", "availableQuantity": 1, "price": 1});
        self.ask("POST", "/gifticons", Some(&gifticon)).must_be_problem(403);
        self.ask("PATCH", "/gifticons/1", Some(&json!({"price": 1}))).must_be_problem(403);
        self.ask("POST", &format!("/vouchers/{code}/cancellations"), None).must_be_problem(403);
        self.ask("POST", &format!("/vouchers/{code}/extensions"), Some(&json!({"months": 1}))).must_be_problem(403);
        self.ask("GET", "/gifticons/1", None).must_be(200);
        self.ask("GET", &format!("/vouchers/{code}"), None).must_be(200);
    }
}

#[test]
fn a_merchant_uses_vouchers_and_lists_none() {
    let app = shop(Engine::Sqlite, 10);
    let (cart_id, codes) = sell(&app, 1);
    let merchant = Keyed(&app, key(&app, Role::Owner("merchant"), Some(20)));
    merchant.may_not_manage(&codes[0]);
    for query in [String::new(), format!("?cartId={cart_id}")] {
        merchant.ask("GET", &format!("/vouchers{query}"), None).must_be_problem(403);
    }
    merchant.ask("POST", &format!("/vouchers/{}/uses", codes[0]), None).must_be(201);
}

#[test]
fn a_member_sees_the_vouchers_of_own_carts_and_uses_none() {
    let app = shop(Engine::Sqlite, 10);
    let (cart_id, codes) = sell(&app, 2);
    let [own, another] = [7, 8].map(|member_id| Keyed(&app, key(&app, Role::Owner("member"), Some(member_id))));
    own.may_not_manage(&codes[0]);
    own.ask("POST", &format!("/vouchers/{}/uses", codes[0]), None).must_be_problem(403);
    own.ask("GET", "/vouchers", None).must_be_problem(422);
    let listed = |member: &Keyed<'_>| {
        let page = member.ask("GET", &format!("/vouchers?cartId={cart_id}"), None).must_be(200).json;
        page["_embedded"]["vouchers"].as_array().map_or(0, Vec::len)
    };
    assert_eq!((listed(&own), listed(&another)), (2, 0));
}
