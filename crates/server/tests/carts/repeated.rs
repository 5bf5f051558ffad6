//! One cart sent often is one cart and one reservation.

use serde_json::json;

use crate::senders::{Sent, all_equal, send_together};
use crate::support::{Engine, Setup, TestApp, eventually};
use crate::{all_over, id, left, listed, payment, pieces, programme, register};

#[test]
fn the_same_request_is_one_cart_however_often_it_comes() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut app = programme(engine, 100);
        app.restart_with(&[crate::PATIENT, &["http.base_url=http://onepoint.test"]].concat());
        let sent = Sent::post("/carts", pieces(3)).key("once");
        let first = all_equal(&send_together(&vec![(app.address(), sent.clone()); 48])).must_be(201);
        assert_eq!((listed(&app), left(&app)), (vec![id(&first)], 97));
        eventually("it is paid", || payment(&app, 1) == "PaymentApproved");
        app.restart();
        // It has been paid since, and its request is answered as it was; also once it is gone, and without gifticon.
        assert_eq!(sent.to(app.address()).must_be(201).json, first.json);
        app.delete("/carts/1").must_be(204);
        assert_eq!(sent.to(app.address()).must_be(201).json, first.json);
        app.stop("gifticon");
        assert_eq!(sent.to(app.address()).must_be(201).json, first.json);
        app.start("gifticon");
        let other = Sent::post("/carts", pieces(4)).key("once").to(app.address());
        other.must_be_problem(422);
        assert_eq!(other.code(), "idempotency.key_reused");
        // Nothing stays away for it.
        eventually("all pieces are free", || {
            app.clock.advance_ms(1_000);
            left(&app) == 100
        });
        all_over(&app);
        assert_eq!(listed(&app), Vec::<i64>::new());
    }
}

#[test]
fn control_without_the_memory_of_keys_each_request_is_a_cart() {
    let setup = Setup { remembers_keys: false, ..Setup::on(Engine::Sqlite) };
    let app = TestApp::start_up(setup.with(crate::PATIENT));
    register(&app, 1, 100);
    for _ in 0..3 {
        Sent::post("/carts", pieces(1)).key("once").to(app.address()).must_be(201);
    }
    assert_eq!((listed(&app).len(), left(&app)), (3, 97));
}

#[test]
fn carts_are_listed_a_page_at_a_time() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine, 100);
        for number in 0..9 {
            let customer = if number % 2 == 0 { json!(5) } else { json!(null) };
            app.post("/carts", &json!({"gifticonId": 1, "quantity": 1, "customerId": customer})).must_be(201);
        }
        app.stop("payment");
        for cart_id in [2, 3, 4, 9] {
            app.settle();
            app.delete(&format!("/carts/{cart_id}")).must_be(204);
        }
        let page = |path: &str| {
            let page = app.get(path).must_be(200).json;
            let found = page["_embedded"]["carts"].as_array().cloned().unwrap_or_default();
            let next = page["_links"]["next"]["href"].as_str().map(str::to_owned);
            (found.iter().filter_map(|cart| cart["cartId"].as_i64()).collect::<Vec<_>>(), next)
        };
        let (first, next) = page("/carts?limit=2");
        let (second, end) = page(next.expect("a next page").strip_prefix(&app.base()).expect("here"));
        assert_eq!((first, second.clone()), (vec![1, 5], vec![6, 7]));
        let (third, end) = page(end.expect("a next page").strip_prefix(&app.base()).expect("here"));
        assert_eq!((third, end), (vec![8], None));
        assert_eq!(page("/carts?customerId=5"), (vec![1, 5, 7], None));
        assert_eq!(page("/carts?customerId=6"), (vec![], None));
        app.get("/carts?customerId=x").must_be_problem(422);
    }
}
