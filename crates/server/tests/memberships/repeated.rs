//! One request sent often is one membership, and one refusal stays one.

use serde_json::{Value, json};

use crate::senders::{Sent, all_equal, said, send_together};
use crate::support::{Engine, Setup};
use crate::{PATIENT, all_over, becomes, count, programme, quantities, register, set_up};

#[test]
fn the_same_request_is_one_membership_however_often_it_comes() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut app = set_up(Setup::on(engine).with(&["http.base_url=http://onepoint.test"]));
        let sent = Sent::post("/memberships", json!({"productId": 1, "customerId": 1})).key("k");
        let first = all_equal(&send_together(&vec![(app.address(), sent.clone()); 32])).must_be(201);
        becomes(&app, 1, "USE");
        assert_eq!((count(&app), quantities(&app)), (1, (1, 0)));
        app.restart();
        // What happened since is shown where it is read; the request is answered as it was.
        assert_eq!(sent.to(app.address()).must_be(201).json, first.json);
        app.stop("product");
        assert_eq!(sent.to(app.address()).must_be(201).json, first.json, "also while product is stopped");
        let fresh = Sent::post("/memberships", json!({"productId": 1})).key("fresh").to(app.address());
        fresh.must_be_problem(503);
        app.start("product");
        for other in [json!({"productId": 1, "customerId": 2}), json!({"productId": 9, "customerId": 1})] {
            let reused = Sent::post("/memberships", other).key("k").to(app.address());
            reused.must_be_problem(422);
            assert_eq!(reused.code(), "idempotency.key_reused");
        }
        app.clock.advance_ms(5_000);
        crate::support::eventually("what was kept for nobody is free again", || quantities(&app) == (1, 0));
        assert_eq!(count(&app), 1);
        all_over(&app);
    }
}

#[test]
fn control_without_the_memory_of_keys_each_request_is_a_membership() {
    let app = set_up(Setup { remembers_keys: false, ..Setup::on(Engine::Sqlite) });
    for _ in 0..3 {
        Sent::post("/memberships", json!({"productId": 1})).key("k").to(app.address()).must_be(201);
    }
    assert_eq!(count(&app), 3);
}

#[test]
fn a_refusal_stays_one_under_its_key() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut app = set_up(Setup::on(engine).with(&["http.base_url=http://onepoint.test"]));
        app.patch("/products/1", &json!({"saleEndsAt": "2020-01-01T00:00:00Z"})).must_be(200);
        let post = |body: Value, key: &str| Sent::post("/memberships", body).key(key);
        let ended = post(json!({"productId": 1}), "ended");
        let unknown = post(json!({"productId": 7}), "unknown");
        let renews = post(json!({"productId": 1, "renews": 1}), "renews");
        let firsts = [&ended, &unknown, &renews].map(|sent| sent.to(app.address()));
        assert_eq!(firsts.each_ref().map(|answer| answer.status), [409, 404, 404]);
        app.patch("/products/1", &json!({"saleEndsAt": null})).must_be(200);
        register(&app, json!({"productId": 7}));
        app.restart();
        for (sent, first) in [&ended, &unknown, &renews].into_iter().zip(&firsts) {
            assert_eq!(said(&sent.to(app.address())), said(first));
        }
        assert_eq!(count(&app), 0);
        post(json!({"productId": 1}), "new").to(app.address()).must_be(201);
        all_over(&app);
    }
}

#[test]
fn a_product_is_registered_changed_and_taken_off_once_for_each_key() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine);
        let sent = |method, path: &str, body: Option<Value>| Sent {
            method,
            path: path.to_owned(),
            body,
            key: Some("k".to_owned()),
        };
        let open = sent("POST", "/products", Some(json!({"productName": "GOLD", "price": 5})));
        let first = all_equal(&send_together(&vec![(app.address(), open.clone()); 8])).must_be(201);
        let path = format!("/products/{}", first.json["productId"]);
        let change = sent("PATCH", &path, Some(json!({"price": 6})));
        let changed = all_equal(&send_together(&vec![(app.address(), change.clone()); 8])).must_be(200);
        app.patch(&path, &json!({"price": 7})).must_be(200);
        assert_eq!(change.to(app.address()).must_be(200).json, changed.json, "as it was answered");
        let same = Sent { key: Some("same".to_owned()), ..sent("PATCH", &path, Some(json!({"price": 7}))) };
        assert_eq!(same.to(app.address()).must_be(200).json, same.to(app.address()).must_be(200).json);
        let remove = sent("DELETE", &path, None);
        for _ in 0..3 {
            remove.to(app.address()).must_be(204);
        }
        assert_eq!(open.to(app.address()).must_be(201).json, first.json);
        assert_eq!(app.all_of("products").as_array().map(Vec::len), Some(1), "{PATIENT}");
        all_over(&app);
    }
}
