//! Merchants: numbers, rates, being blocked.

use serde_json::json;

use crate::support::Engine;
use crate::{deal, field, programme};

#[test]
fn merchants_have_rates_of_their_own_and_numbers_that_are_free() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine, &["deals.earn_rate_bp=200"]);
        let opened = app.post(
            "/merchants",
            &json!({"merchantId": "0002", "name": "한강 베이커리", "earnRateBp": "150", "feeRateBp": 90}),
        );
        let opened = opened.must_be(201);
        assert_eq!(opened.header("location"), Some(&*format!("{}/merchants/2", app.base())));
        let expected =
            json!({"merchantId": 2, "name": "한강 베이커리", "earnRateBp": 150, "feeRateBp": 90, "status": "ACTIVE"});
        for (name, value) in expected.as_object().expect("an object") {
            assert_eq!(&opened.json[name], value);
        }
        let number = |body: serde_json::Value| app.post("/merchants", &body).must_be(201).json["merchantId"].clone();
        assert_eq!((number(json!({})), number(json!({}))), (json!(1), json!(3)), "numbers that are taken are passed");
        let taken = app.post("/merchants", &json!({"merchantId": 2}));
        taken.must_be_problem(409);
        assert_eq!(taken.code(), "deal.number_taken");

        assert_eq!(deal(&app, "save", 100_000, 0).json["point"], 2_000, "the programme's rate");
        let taken = app.post("/merchants", &json!({"merchantId": 20}));
        assert_eq!((taken.status, taken.code()), (409, "deal.number_taken"), "a deal opened it");
        let change = |body: serde_json::Value| app.patch("/merchants/20", &body).must_be(200);
        assert_eq!(change(json!({"earnRateBp": 1_000, "name": "Cafe"})).json["earnRateBp"], 1_000);
        assert_eq!(deal(&app, "save", 100_000, 0).json["point"], 10_000);
        let back = change(json!({"earnRateBp": null}));
        assert_eq!((&back.json["earnRateBp"], &back.json["name"]), (&json!(null), &json!("Cafe")));
        assert_eq!(deal(&app, "save", 100_000, 0).json["point"], 2_000);
        assert_eq!(change(json!({})).json, back.json, "nothing to change");
        change(json!({"status": "BLOCKED", "merchantId": 77}));
        assert_eq!(field(&deal(&app, "save", 100_000, 0), "failReason"), "merchant_blocked");
        assert_eq!(app.get("/merchants/020").must_be(200).json["status"], "BLOCKED");
        app.settle();
        app.verify();
    }
}

#[test]
fn what_cannot_be_agreed_with_a_merchant_is_refused() {
    let app = programme(Engine::Sqlite, &[]);
    app.post("/merchants", &json!({"merchantId": 20})).must_be(201);
    let before = app.all_of("merchants");
    for (field, values) in [
        ("earnRateBp", vec![json!(-1), json!(10_001), json!("x"), json!(1.5)]),
        ("feeRateBp", vec![json!(-1), json!(10_001), json!(i64::MAX)]),
        ("name", vec![json!(""), json!("  "), json!("가".repeat(201)), json!(7)]),
        ("status", vec![json!("active"), json!(""), json!(1)]),
        ("colour", vec![json!("red")]),
    ] {
        for value in values {
            for (method, path) in [("POST", "/merchants"), ("PATCH", "/merchants/20")] {
                let answer = app.request(method, path).json(&json!({field: value})).send();
                answer.must_be_problem(422);
                assert_eq!(answer.json["pointer"], format!("/{field}"), "{method} {value}: {}", answer.text);
            }
        }
    }
    for number in [json!(0), json!(-1), json!(9_007_199_254_740_992_i64)] {
        app.post("/merchants", &json!({"merchantId": number})).must_be_problem(422);
    }
    app.patch("/merchants/99", &json!({"name": "x"})).must_be_problem(404);
    assert_eq!(app.get("/merchants/99").must_be(404).text, "");
    assert_eq!(app.all_of("merchants"), before);
}
