//! What the operator sells: registered, changed, taken off; what cannot be sold.

use serde_json::{Value, json};

use crate::support::{Engine, TestApp, eventually};
use crate::{all_over, buy, paid, quantities, register, without_links};

#[test]
fn products_are_registered_changed_listed_and_taken_off() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::open_with(engine, &[crate::PATIENT, "membership.months=6"]);
        let ends = "2036-12-31T23:59:59.000+09:00";
        let product = register(&app, json!({"productId": 2, "salesLimit": "3", "saleEndsAt": "2036-12-31T14:59:59Z"}));
        let expected = json!({"productId": 2, "productName": "CLUB", "price": 30_000, "salesQuantity": 0,
            "reservedQuantity": 0, "salesLimit": 3, "saleEndsAt": ends, "months": 6});
        assert_eq!(without_links(&product), expected);
        // The server counts what is sold.
        let other = json!({"productName": "GOLD", "price": 1, "salesQuantity": 7, "reservedQuantity": 7, "months": 1});
        let numbers = [1, 3].map(|_| app.post("/products", &other).must_be(201).json);
        assert_eq!([&numbers[0]["productId"], &numbers[1]["productId"]], [1, 3], "2 is taken");
        assert_eq!((&numbers[0]["salesQuantity"], &numbers[0]["months"]), (&json!(0), &json!(1)));
        let taken = app.post("/products", &json!({"productId": 2, "productName": "X", "price": 1}));
        taken.must_be_problem(409);
        assert_eq!(taken.code(), "product.number_taken");
        let changed = app.patch("/products/2", &json!({"price": "33000", "salesLimit": null, "productId": 9}));
        let expected = json!({"productId": 2, "productName": "CLUB", "price": 33_000, "salesQuantity": 0,
            "reservedQuantity": 0, "saleEndsAt": ends, "months": 6});
        assert_eq!(without_links(&changed.must_be(200)), expected);
        assert_eq!(without_links(&app.patch("/products/2", &json!({})).must_be(200)), expected, "nothing to change");
        assert_eq!(without_links(&app.get("/products/0002").must_be(200)), expected);
        app.delete("/products/2").must_be(204);
        assert_eq!(app.get("/products/2").must_be(404).text, "");
        for gone in [app.delete("/products/2"), app.patch("/products/2", &json!({"price": 1}))] {
            gone.must_be_problem(404);
            assert_eq!(gone.code(), "product.unknown");
        }
        let again = app.post("/products", &json!({"productId": 2, "productName": "X", "price": 1}));
        assert_eq!((again.status, again.code()), (409, "product.number_taken"), "a number is never given again");
        let listed: Vec<Value> = app.all_of("products").as_array().cloned().unwrap_or_default();
        assert_eq!(listed.iter().map(|product| product["productId"].as_i64()).collect::<Vec<_>>(), [Some(1), Some(3)]);
        all_over(&app);
    }
}

#[test]
fn a_limit_is_never_set_below_what_is_sold_and_kept() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = crate::programme(engine);
        paid(&app, 1);
        app.stop("payment");
        buy(&app, 2).must_be(201);
        assert_eq!(quantities(&app), (1, 1));
        let refused = app.patch("/products/1", &json!({"salesLimit": 1}));
        refused.must_be_problem(409);
        assert_eq!(refused.code(), "product.limit_below_sold");
        app.patch("/products/1", &json!({"salesLimit": 2})).must_be(200);
        assert_eq!(buy(&app, 3).code(), "product.sold_out");
        // What is taken off is paid and given back all the same.
        app.delete("/products/1").must_be(204);
        app.start("payment");
        crate::becomes(&app, 2, "USE");
        app.delete("/memberships/1").must_be(204);
        eventually("the money is given back", || crate::payment(&app, 1) == "PaymentCanceled");
        all_over(&app);
    }
}

#[test]
fn a_membership_keeps_what_was_true_when_it_was_bought() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = crate::programme(engine);
        app.stop("payment");
        buy(&app, 1).must_be(201);
        app.patch("/products/1", &json!({"price": 99_000, "productName": "NEW", "months": 1})).must_be(200);
        app.start("payment");
        crate::becomes(&app, 1, "USE");
        let old = crate::shown(&app, 1);
        assert_eq!((&old["price"], &old["productName"]), (&json!(30_000), &json!("CLUB")));
        assert_eq!(app.get("/payments/1").must_be(200).json["amount"], 30_000);
        assert_eq!(buy(&app, 2).must_be(201).json["price"], 99_000);
        all_over(&app);
    }
}
