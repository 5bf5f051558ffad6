//! What is shown of payments, and to whom; and the server that brings its own sandbox.

use std::time::Duration;

use platform::access::Role;
use serde_json::{Value, json};
use server::config::Settings;
use server::stores::open_access;

use crate::support::{Answer, Engine, TestApp, eventually, within};

/// A key of this role, known to the server.
pub fn key(app: &TestApp, role: Role, owner_id: i64) -> String {
    let settings = Settings::from_sources(None, std::iter::empty(), &app.store_settings()).expect("settings");
    let keys = open_access(&settings).expect("the keys");
    let (_, text) = keys.create(role, Some(owner_id), "test", 1).expect("a key");
    let ask = || app.request("GET", "/members/1").header("Authorization", &format!("Bearer {text}")).send();
    within(Duration::from_secs(5), "the server knows the key", || ask().status != 401);
    text
}

fn ids(page: &Answer) -> Vec<i64> {
    let found = page.json["_embedded"]["payments"].as_array().cloned().unwrap_or_default();
    found.iter().filter_map(|payment| payment["paymentId"].as_i64()).collect()
}

/// Payments 1, 2 and 4 are customer 7's, 2 was declined, 4 is that of a membership.
fn listed_by_query(app: &TestApp, carts: &[i64]) {
    for (query, found) in [
        (String::new(), vec![1, 2, 3, 4]),
        (format!("?cartId={}", carts[1]), vec![2]),
        ("?cartId=99".to_owned(), vec![]),
        ("?memId=1".to_owned(), vec![4]),
        ("?memId=1&cartId=1".to_owned(), vec![]),
        ("?customerId=7".to_owned(), vec![1, 2, 4]),
        ("?status=PaymentDeclined".to_owned(), vec![2]),
        ("?customerId=7&status=PaymentApproved&limit=1".to_owned(), vec![1]),
    ] {
        assert_eq!(ids(&app.get(&format!("/payments{query}")).must_be(200)), found, "{query}");
    }
    let page = app.get("/payments?customerId=7&limit=2").must_be(200);
    let next =
        page.json["_links"]["next"]["href"].as_str().and_then(|next| next.strip_prefix(&app.base())).map(str::to_owned);
    assert_eq!(ids(&app.get(&next.expect("a next page")).must_be(200)), [4]);
    for wrong in ["?status=paid", "?cartId=0", "?customerId=x"] {
        app.get(&format!("/payments{wrong}")).must_be_problem(422);
    }
}

#[test]
fn payments_are_listed_by_what_they_are_for_and_a_member_sees_own_ones() {
    // Without a setting the server has a sandbox of its own, which remembers over restarts.
    let mut app = TestApp::open_with(Engine::Sqlite, &["questions.gifticon.time_limit_ms=10000"]);
    for (gifticon_id, price) in [(1, 5_000), (2, 5_901)] {
        let body = json!({"gifticonId": gifticon_id, "name": "Americano", "availableQuantity": 10, "price": price});
        app.post("/gifticons", &body).must_be(201);
    }
    app.post("/products", &json!({"productId": 1, "productName": "CLUB", "price": 30_000})).must_be(201);
    let cart = |gifticon_id: i64, customer: Value| {
        let body = json!({"gifticonId": gifticon_id, "quantity": 1, "customerId": customer});
        app.post("/carts", &body).must_be(201).json["cartId"].as_i64().expect("a number")
    };
    let is_over = |number: usize| {
        let over = |payment: &&Value| payment["status"] != "PaymentRequested";
        eventually("it is decided", || {
            app.all_of("payments").as_array().is_some_and(|all| all.iter().filter(over).count() == number)
        });
    };
    let carts = [cart(1, json!(7)), {
        is_over(1);
        cart(2, json!(7))
    }];
    is_over(2);
    cart(1, json!(null));
    is_over(3);
    app.post("/memberships", &json!({"productId": 1, "customerId": 7})).must_be(201);
    is_over(4);
    listed_by_query(&app, &carts);
    let membership = app.get("/payments/4").must_be(200).json;
    assert_eq!(
        (&membership["kind"], &membership["memId"], &membership["amount"]),
        (&json!("membership"), &json!(1), &json!(30_000))
    );
    assert_eq!(app.get("/payments/99").status, 404);
    let ask = |key: &str, path: &str| app.request("GET", path).header("Authorization", &format!("Bearer {key}")).send();
    let member = key(&app, Role::Owner("member"), 7);
    assert_eq!(ids(&ask(&member, "/payments").must_be(200)), [1, 2, 4]);
    assert_eq!([1, 3].map(|id| ask(&member, &format!("/payments/{id}")).status), [200, 404]);
    ask(&member, "/payments?customerId=8").must_be_problem(403);
    let merchant = key(&app, Role::Owner("merchant"), 20);
    assert_eq!(["/payments", "/payments/1"].map(|path| ask(&merchant, path).status), [403, 403]);
    app.restart();
    app.delete("/memberships/1").must_be(204);
    eventually("the own sandbox remembers what it charged", || app.get("/payments/4").json["refundedAmount"] == 30_000);
    app.settle();
    app.verify();
}
