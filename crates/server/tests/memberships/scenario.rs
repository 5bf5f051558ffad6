//! The story of seed 3, with a restart in between.

use serde_json::json;

use crate::support::{Engine, TestApp, eventually};
use crate::{all_over, becomes, buy, count, paid, payment, programme, quantities, register, shown};

#[test]
fn a_membership_is_bought_and_taken_back_on_sqlite() {
    a_membership_is_bought_and_taken_back(Engine::Sqlite);
}

#[test]
fn a_membership_is_bought_and_taken_back_on_postgres() {
    a_membership_is_bought_and_taken_back(Engine::Postgres);
}

fn a_membership_is_bought_and_taken_back(engine: Engine) {
    let mut app = TestApp::open_with(engine, &[crate::PATIENT, "http.base_url=http://onepoint.test"]);
    let product = app.post("/products", &json!({"productId": "0001", "productName": "CLUB", "price": " 30000"}));
    let expected = json!({"productId": 1, "productName": "CLUB", "price": 30_000, "salesQuantity": 0,
        "reservedQuantity": 0, "months": 12,
        "_links": {"product": {"href": "http://onepoint.test/products/1"}, "self": {"href": "http://onepoint.test/products/1"}}});
    assert_eq!(product.must_be(201).json, expected);
    // What the client says of price, name and status counts for nothing.
    let bought = app.post(
        "/memberships",
        &json!({"productId": "1", "customerId": "1", "price": 1, "productName": "MINE", "memStatus": "USE",
            "expiresAt": "2099-01-01T00:00:00+09:00", "memId": 77}),
    );
    let bought = bought.must_be(201);
    assert_eq!(bought.header("location"), Some("http://onepoint.test/memberships/1"));
    let said = [("memId", json!(1)), ("productName", json!("CLUB")), ("price", json!(30_000))];
    for (name, value) in said.into_iter().chain([("memStatus", json!("REQUESTED")), ("customerId", json!(1))]) {
        assert_eq!(bought.json[name], value, "{}", bought.text);
    }
    assert_eq!(bought.json.get("expiresAt"), None, "{}", bought.text);
    becomes(&app, 1, "USE");
    let membership = shown(&app, 1);
    let year = |name: &str| membership[name].as_str().and_then(|at| at[..4].parse::<i64>().ok()).expect("an instant");
    assert_eq!((year("expiresAt"), &membership["startsAt"]), (year("purchasedAt") + 1, &membership["purchasedAt"]));
    let payments = app.all_of("payments");
    assert_eq!(payments.as_array().map(Vec::len), Some(1), "{payments}");
    assert_eq!((&payments[0]["amount"], &payments[0]["status"]), (&json!(30_000), &json!("PaymentApproved")));
    assert_eq!(membership["paymentId"], payments[0]["paymentId"]);
    assert_eq!(quantities(&app), (1, 0));
    all_over(&app);
    app.restart();
    let cancelled = app.patch("/memberships/1", &json!({"memStatus": "CANC"})).must_be(200);
    assert_eq!(cancelled.json["memStatus"], "CANC");
    eventually("the money is given back", || payment(&app, 1) == "PaymentCanceled");
    eventually("the unit is free again", || quantities(&app) == (0, 0));
    all_over(&app);
    assert_eq!(shown(&app, 1)["memStatus"], "CANC");
}

#[test]
fn what_is_no_longer_sold_is_refused_at_once_and_nothing_is_stored() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::open_with(engine, &[crate::PATIENT]);
        register(&app, json!({"saleEndsAt": "2020-12-31T23:59:59+09:00"}));
        let refused = buy(&app, 1);
        refused.must_be_problem(409);
        assert_eq!(refused.code(), "product.sale_ended");
        let unknown = app.post("/memberships", &json!({"productId": 2, "customerId": 1}));
        unknown.must_be_problem(404);
        assert_eq!((unknown.code(), &unknown.json["pointer"]), ("product.unknown", &json!("/productId")));
        assert_eq!((count(&app), quantities(&app)), (0, (0, 0)));
        // It is sold again once the operator says so.
        app.patch("/products/1", &json!({"saleEndsAt": null})).must_be(200);
        paid(&app, 1);
        app.delete("/products/1").must_be(204);
        assert_eq!(buy(&app, 1).code(), "product.unknown");
        assert_eq!((count(&app), shown(&app, 1)["productName"].clone()), (1, json!("CLUB")));
        all_over(&app);
    }
}

#[test]
fn a_purchase_is_taken_while_payment_is_stopped_and_follows_later() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut app = programme(engine);
        app.stop("payment");
        for customer_id in 1..=3 {
            assert_eq!(buy(&app, customer_id).must_be(201).json["memStatus"], "REQUESTED");
        }
        // One that is cancelled before anybody could charge it never is.
        app.delete("/memberships/3").must_be(204);
        app.settle();
        assert_eq!((shown(&app, 1)["memStatus"].clone(), quantities(&app)), (json!("REQUESTED"), (0, 2)));
        app.restart();
        becomes(&app, 1, "USE");
        becomes(&app, 2, "USE");
        eventually("two are sold", || quantities(&app) == (2, 0));
        eventually("the third is not charged", || payment(&app, 3) == "PaymentCanceled");
        assert_eq!(shown(&app, 3)["memStatus"], "CANC");
        all_over(&app);
    }
}

#[test]
fn a_member_without_points_is_refused_and_the_unit_is_free_again() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::open_with(engine, &[crate::PATIENT]);
        register(&app, json!({"price": 1_500, "salesLimit": 1}));
        app.join_normal(1);
        let body = json!({"productId": 1, "customerId": 1, "method": "points"});
        app.post("/memberships", &body).must_be(201);
        becomes(&app, 1, "REFUSED");
        assert_eq!(shown(&app, 1)["failReason"], "insufficient_points");
        eventually("its unit is free again", || quantities(&app) == (0, 0));
        let cancel = app.delete("/memberships/1");
        cancel.must_be_problem(409);
        assert_eq!(cancel.code(), "membership.refused");
        // With points enough, they are what pays.
        app.change_points(1, 1_000).must_be(200);
        app.post("/memberships", &body).must_be(201);
        becomes(&app, 2, "USE");
        assert_eq!((app.points_of(1), quantities(&app)), (Some(500), (1, 0)));
        app.delete("/memberships/2").must_be(204);
        eventually("they are given back", || app.points_of(1) == Some(2_000));
        all_over(&app);
    }
}
