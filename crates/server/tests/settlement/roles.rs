//! Who may have merchants billed, and who may see what.

use platform::access::Role;
use serde_json::json;
use server::config::Settings;
use server::stores::open_access;

use crate::support::{Answer, Engine, within};
use crate::{Programme, SOON};

const JULY: &str = "2020-07-15T12:00:00+09:00";

fn key(programme: &Programme, role: Role, owner_id: Option<i64>) -> String {
    let app = &programme.app;
    let settings = Settings::from_sources(None, std::iter::empty(), &app.store_settings()).expect("settings");
    let keys = open_access(&settings).expect("the keys");
    let (_, text) = keys.create(role, owner_id, "test", 1).expect("a key");
    within(SOON, "the server knows the key", || {
        app.request("GET", "/billings").header("Authorization", &format!("Bearer {text}")).send().status != 401
    });
    text
}

#[test]
fn a_merchant_sees_its_own_and_a_member_nothing() {
    let programme = Programme::at(Engine::Sqlite, JULY);
    for merchant_id in [20, 21] {
        programme.open_merchant(merchant_id, None);
        programme.use_points(merchant_id, 500, JULY);
        assert_eq!(programme.figures(merchant_id, "202007").0, 201);
    }
    programme.close("202007");
    let (merchant, member) =
        (key(&programme, Role::Owner("merchant"), Some(20)), key(&programme, Role::Owner("member"), Some(20)));
    let ask = |key: &str, path: &str| -> Answer {
        let request = programme.app.request("GET", path).header("Authorization", &format!("Bearer {key}"));
        request.header("Accept", "*/*").send()
    };
    for path in ["/billings/1", "/billings/1/lines", "/billings/1/statement", "/billingAmountViews/1"] {
        ask(&merchant, path).must_be(200);
        ask(&member, path).must_be_problem(403);
    }
    for path in ["/billings/2", "/billings/2/lines", "/billings/2/statement", "/billingAmountViews/2", "/billings/9"] {
        assert_eq!(ask(&merchant, path).status, 404, "{path}: another's is not there");
    }
    for list in ["billings", "billingAmountViews"] {
        for path in [format!("/{list}"), format!("/{list}?merchantId=20")] {
            let shown = ask(&merchant, &path).must_be(200).json;
            let items = shown["_embedded"][list].as_array().cloned().unwrap_or_default();
            assert!(items.len() == 1 && items[0]["merchantId"] == 20, "{shown}");
        }
        ask(&merchant, &format!("/{list}?merchantId=21")).must_be_problem(403);
        ask(&member, &format!("/{list}")).must_be_problem(403);
    }
    for key in [&merchant, &member] {
        for path in ["/closings", "/closings/202007"] {
            ask(key, path).must_be_problem(403);
        }
        for (path, body) in [
            ("/billings", json!({"merchantId": 20, "billingMonth": "202007"})),
            ("/closings", json!({"billingMonth": "202007"})),
        ] {
            let request = programme.app.request("POST", path).header("Authorization", &format!("Bearer {key}"));
            request.json(&body).send().must_be_problem(403);
        }
    }
    assert_eq!(programme.billings().len(), 2);
}
