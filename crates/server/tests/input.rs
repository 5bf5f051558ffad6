//! Bad input is refused with a clear problem, never with a 500, and changes nothing.

mod support;

#[path = "input/bodies.rs"]
mod bodies;
#[path = "input/mutations.rs"]
mod mutations;
#[path = "input/paths.rs"]
mod paths;
#[path = "input/values.rs"]
mod values;

use serde_json::{Value, json};
use support::{Engine, TestApp};

/// A write with a body: what is sent when all is well, and what it answers.
struct Write {
    method: &'static str,
    path: &'static str,
    body: Value,
    status: u16,
    /// Bytes that a body may have.
    limit: usize,
}

/// Every route that takes a body. In this order each of them succeeds on a store with member 1 and that member's coupon.
fn writes(app: &TestApp) -> Vec<Write> {
    let write = |method, path, body, status| Write { method, path, body, status, limit: 64 * 1024 };
    let one = json!({"memberId": "1", "key": "b-1", "kind": "EARN", "amount": "7"});
    let many = write("POST", "/points/transactions", json!({"transactions": [one]}), 200);
    let code = app.get("/coupons/1").json["code"].clone();
    vec![
        write("POST", "/members", json!({"memberId": "7", "phoneNo": "01077777777", "nickname": "SEVEN"}), 201),
        write("PATCH", "/members/1", json!({"nickname": "ONE", "address": "Seoul"}), 200),
        write("PATCH", "/points/1", json!({"requirePoint": "+10", "reason": "goodwill"}), 200),
        write(
            "POST",
            "/points/1/transactions",
            json!({"kind": "EARN", "amount": " 0200", "reference": {"type": "deal", "id": 4}, "reason": "x"}),
            201,
        ),
        write(
            "POST",
            "/points/1/clawbacks",
            json!({"amount": "0030", "lot": "203111", "reference": {"type": "deal", "id": 4}, "reason": "x"}),
            201,
        ),
        write(
            "POST",
            "/points/1/holds",
            json!({"amount": "003", "ttlS": " 0600", "reference": {"type": "order", "id": 4}}),
            201,
        ),
        write("POST", "/points/1/holds/1/captures", json!({"amount": " 02"}), 201),
        write("POST", "/causes", json!({"causeId": "5", "name": "forest", "open": true}), 201),
        write("PATCH", "/causes/1", json!({"name": "the fund", "open": true}), 200),
        write("POST", "/donations", json!({"memberId": "1", "amount": " 0100", "causeId": "1"}), 201),
        write(
            "POST",
            "/merchants",
            json!({"merchantId": "5", "name": "bakery", "earnRateBp": "150", "status": "ACTIVE"}),
            201,
        ),
        write("PATCH", "/merchants/1", json!({"name": "café", "feeRateBp": "0300"}), 200),
        write(
            "POST",
            "/deals",
            json!({"memberId": "0001", "merchantId": "1", "type": "save", "dealAmount": " 010000"}),
            201,
        ),
        write("POST", "/billings", json!({"mercharntId": "0001", "billingMonth": "202007"}), 201),
        write("POST", "/closings", json!({"billingMonth": "202007"}), 201),
        write(
            "POST",
            "/coupons/redemptions",
            json!({"code": code, "memberId": "01", "reference": {"type": "receipt", "id": 4}}),
            201,
        ),
    ]
    .into_iter()
    .chain(later_writes())
    .chain(memberships())
    .chain([Write { limit: 1024 * 1024, ..many }])
    .collect()
}

/// As [`writes`], of campaigns, gifticons and carts.
fn later_writes() -> Vec<Write> {
    let write = |method, path, body, status| Write { method, path, body, status, limit: 64 * 1024 };
    vec![
        write("POST", "/couponCampaigns", campaign("7", "1"), 201),
        write("PATCH", "/couponCampaigns/1", json!({"name": "가을", "open": true, "quantity": " 0500"}), 200),
        write("POST", "/couponCampaigns/1/issues", json!({"count": " 05"}), 201),
        write("POST", "/coupons", json!({"campaignId": "02", "memberId": "0001"}), 201),
        write(
            "POST",
            "/gifticons",
            json!({"gifticonId": "7", "name": "Latte", "availableQuantity": " 0100", "price": "5000", "onSale": true}),
            201,
        ),
        write("PATCH", "/gifticons/1", json!({"name": "라테", "availableQuantity": " 050", "price": "06000"}), 200),
        write(
            "POST",
            "/carts",
            json!({"gifticonId": "01", "quantity": " 02", "customerId": "1", "method": "card"}),
            201,
        ),
    ]
}

/// Writes of products and memberships; in this order each succeeds where product 1 and membership 1 are.
fn memberships() -> Vec<Write> {
    let write = |method, path, body, status| Write { method, path, body, status, limit: 64 * 1024 };
    vec![
        write(
            "POST",
            "/products",
            json!({"productId": "7", "productName": "GOLD", "price": " 030000", "salesLimit": "5", "months": "012",
                "saleEndsAt": "2036-12-31T23:59:59+09:00"}),
            201,
        ),
        write("PATCH", "/products/1", json!({"productName": "클럽", "price": "033000", "salesLimit": " 050"}), 200),
        write("POST", "/memberships", json!({"productId": "01", "customerId": "0001", "method": "card"}), 201),
        write("PATCH", "/memberships/1", json!({"memStatus": "CANC"}), 200),
    ]
}

/// What is said of a campaign with this number whose members may have so many coupons.
fn campaign(campaign_id: &str, per_member_limit: &str) -> Value {
    json!({"campaignId": campaign_id, "name": "여름", "codePattern": "SUMMER-####-####-####", "quantity": "1000",
        "perMemberLimit": per_member_limit, "startDate": "2026-01-01", "endDate": "2036-12-31", "open": true})
}

/// A store with one member who is NORMAL and has points, of which some are held, one merchant and two campaigns.
fn with_member(engine: Engine) -> TestApp {
    let app = TestApp::open(engine);
    app.join_normal(1);
    app.post("/points/1/holds", &json!({"amount": 3, "ttlS": 604_800})).must_be(201);
    app.post("/merchants", &json!({"merchantId": 1, "name": "one"})).must_be(201);
    let gifticon = json!({"gifticonId": 1, "name": "Americano", "availableQuantity": 100, "price": 5_000});
    app.post("/gifticons", &gifticon).must_be(201);
    app.post("/products", &json!({"productId": 1, "productName": "CLUB", "price": 30_000})).must_be(201);
    app.post("/memberships", &json!({"productId": 1, "customerId": 1})).must_be(201);
    app.post("/couponCampaigns", &campaign("1", "1")).must_be(201);
    app.post("/couponCampaigns", &campaign("2", "1000")).must_be(201);
    app.settle();
    app
}

/// Runs `attack` and fails if anything that the API shows, or the ledger, is another afterwards; then shows that the
/// same store still takes what is right.
fn changes_nothing(app: &TestApp, attack: impl FnOnce()) {
    let (state, entries) = (app.state(), app.entry_count());
    attack();
    app.settle();
    assert_eq!(app.state(), state);
    assert_eq!(app.entry_count(), entries);
    for Write { method, path, body, status, .. } in writes(app) {
        let answer = app.request(method, path).json(&body).send();
        assert_eq!(answer.status, status, "control: {method} {path}: {}", answer.text);
    }
    app.settle();
    assert_ne!(app.state(), state, "control: what is right does change something");
    app.verify();
}
