//! Values that cannot be meant are refused, pointed at, and change nothing.

use serde_json::{Value, json};

use crate::support::{Engine, TestApp};
use crate::{buy, paid, programme};

const TOO_LARGE: i64 = 9_007_199_254_740_992;

fn must_blame(app: &TestApp, method: &str, path: &str, body: &Value, pointer: &str) {
    let answer = app.request(method, path).json(body).send();
    assert_eq!(answer.status, 422, "{method} {path} {body}: {}", answer.text);
    answer.must_be_problem(422);
    assert_eq!(answer.json["pointer"], pointer, "{method} {path} {body}: {}", answer.text);
}

fn with(base: &Value, field: &str, value: Value) -> Value {
    let mut body = base.clone();
    body[field] = value;
    body
}

#[test]
fn what_cannot_be_sold_is_refused() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine);
        let before = app.state();
        let product = json!({"productName": "GOLD", "price": 1});
        let no_number = || vec![json!(1.5), json!("abc"), json!(""), json!(true), json!([]), json!(u64::MAX)];
        let bounds = || vec![json!(-1), json!(0), json!(1_000_000_000_001_i64), json!(i64::MAX)];
        for (field, values) in [
            ("price", [no_number(), bounds()].concat()),
            ("salesLimit", [no_number(), bounds()].concat()),
            ("months", [no_number(), vec![json!(-1), json!(0), json!(1_201)]].concat()),
            ("saleEndsAt", vec![json!("tomorrow"), json!("2026-12-31"), json!(5)]),
            (
                "saleEndsAt",
                ["0285-03-03T01:21:38+18:13", "1969-12-31T23:59:59Z", "9999-01-01T00:00:00Z"].map(Value::from).to_vec(),
            ),
            ("productName", vec![json!(""), json!("  "), json!("가".repeat(201)), json!(7)]),
            ("colour", vec![json!("red")]),
        ] {
            for value in values {
                let pointer = format!("/{field}");
                must_blame(&app, "POST", "/products", &with(&product, field, value.clone()), &pointer);
                must_blame(&app, "PATCH", "/products/1", &json!({field: value}), &pointer);
            }
        }
        for number in [json!(0), json!(-1), json!(TOO_LARGE), json!("x")] {
            must_blame(&app, "POST", "/products", &with(&product, "productId", number), "/productId");
        }
        for missing in ["productName", "price"] {
            let mut body = product.clone();
            body.as_object_mut().expect("an object").remove(missing);
            must_blame(&app, "POST", "/products", &body, &format!("/{missing}"));
        }
        assert_eq!(app.state(), before);
        for (method, path) in [("PATCH", "/products/99"), ("DELETE", "/products/99")] {
            app.request(method, path).json(&json!({})).send().must_be_problem(404);
        }
        let most = json!({"productName": "A", "price": 1_000_000_000_000_i64, "salesLimit": 1_000_000_000_000_i64, "months": 1_200});
        app.post("/products", &most).must_be(201);
        // The year is judged as it is written; these two are of another one in the programme's zone.
        let ends = [
            ("1970-01-01T00:00:00+18:00", "1969-12-31T15:00:00.000+09:00"),
            ("9998-12-31T23:59:59-18:00", "9999-01-02T02:59:59.000+09:00"),
        ];
        for (written, shown) in ends {
            let sold = app.post("/products", &with(&product, "saleEndsAt", json!(written))).must_be(201);
            assert_eq!(sold.json["saleEndsAt"], shown);
        }
    }
}

#[test]
fn what_cannot_be_bought_is_refused() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine);
        paid(&app, 1);
        let before = app.state();
        let numbers = || vec![json!(0), json!(-1), json!(TOO_LARGE), json!(1.5), json!("x"), json!(null)];
        let purchase = json!({"productId": 1});
        for number in numbers() {
            must_blame(&app, "POST", "/memberships", &json!({"productId": number}), "/productId");
        }
        for field in ["customerId", "renews"] {
            for number in numbers().into_iter().filter(|number| !number.is_null()) {
                must_blame(&app, "POST", "/memberships", &with(&purchase, field, number), &format!("/{field}"));
            }
        }
        for method in [json!("cash"), json!(""), json!(1)] {
            must_blame(&app, "POST", "/memberships", &with(&purchase, "method", method), "/method");
        }
        must_blame(&app, "POST", "/memberships", &with(&purchase, "method", json!("points")), "/customerId");
        must_blame(&app, "POST", "/memberships", &with(&purchase, "quantity", json!(2)), "/quantity");
        for status in [json!("USE"), json!("REQUESTED"), json!("EXPIRED"), json!("canc"), json!(""), json!(true)] {
            must_blame(&app, "PATCH", "/memberships/1", &json!({"memStatus": status}), "/memStatus");
        }
        must_blame(&app, "PATCH", "/memberships/1", &json!({}), "/memStatus");
        must_blame(&app, "PATCH", "/memberships/1", &json!({"memStatus": "CANC", "colour": 1}), "/colour");
        for answer in [app.patch("/memberships/99", &json!({"memStatus": "CANC"})), app.delete("/memberships/99")] {
            answer.must_be_problem(404);
            assert_eq!(answer.code(), "membership.unknown");
        }
        assert_eq!(app.get("/memberships/99").must_be(404).text, "");
        app.get("/memberships?customerId=0").must_be_problem(422);
        app.settle();
        assert_eq!(app.state(), before);
        assert_eq!(buy(&app, 1).must_be(201).json["memStatus"], "REQUESTED", "control");
    }
}
