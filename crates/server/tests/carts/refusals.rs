//! What cannot be a cart, and what the client says that does not count.

use serde_json::{Value, json};

use crate::senders::Sent;
use crate::support::Engine;
use crate::{all_over, left, listed, programme, put, register};

#[test]
fn what_cannot_be_a_cart_changes_nothing() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine, 100);
        let with = |field: &str, value: Value| {
            let mut body = json!({"gifticonId": 1, "quantity": 1});
            body[field] = value;
            body
        };
        let cases = [
            (with("quantity", json!(0)), 422, "cart.invalid_quantity"),
            (with("quantity", json!(-1)), 422, "cart.invalid_quantity"),
            (with("quantity", json!("-1")), 422, "cart.invalid_quantity"),
            (with("quantity", json!(1_001)), 422, "cart.invalid_quantity"),
            (with("quantity", json!(1_000_000_000_000_i64)), 422, "cart.invalid_quantity"),
            (with("quantity", json!(i64::MIN)), 422, "cart.invalid_quantity"),
            (with("quantity", json!(1.5)), 422, "request.invalid_value"),
            (with("quantity", json!("many")), 422, "request.invalid_value"),
            (with("quantity", json!(null)), 422, "request.invalid_value"),
            (with("gifticonId", json!(0)), 422, "request.invalid_value"),
            (with("gifticonId", json!(i64::MAX)), 422, "request.invalid_value"),
            (with("gifticonId", json!(999)), 404, "gifticon.unknown"),
            (with("customerId", json!(-7)), 422, "request.invalid_value"),
            (with("method", json!("cash")), 422, "request.invalid_value"),
            (with("method", json!("points")), 422, "cart.customer_needed"),
            (with("colour", json!("red")), 422, "request.unknown_field"),
            (json!({"gifticonId": 1}), 422, "request.missing_field"),
            (with("quantity", json!(101)), 409, "gifticon.out_of_stock"),
        ];
        for (body, status, code) in cases {
            let answer = app.post("/carts", &body);
            answer.must_be_problem(status);
            assert_eq!(answer.code(), code, "{body}");
        }
        app.patch("/gifticons/1", &json!({"onSale": false})).must_be(200);
        let answer = put(&app, 1);
        answer.must_be_problem(409);
        assert_eq!(answer.code(), "gifticon.not_on_sale");
        all_over(&app);
        assert_eq!((left(&app), listed(&app)), (100, vec![]));
        app.patch("/gifticons/1", &json!({"onSale": true})).must_be(200);
        put(&app, 100).must_be(201);
    }
}

#[test]
fn the_clients_own_price_name_and_status_do_not_count() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine, 100);
        let believed = json!({"gifticonId": 1, "quantity": 2, "unitPrice": 1, "price": 0, "amount": -5, "name": "x",
            "status": "PaymentApproved", "cartId": 77, "paymentId": 5, "failReason": "y"});
        let cart = app.post("/carts", &believed).must_be(201);
        let expected = json!({"cartId": 1, "gifticonId": 1, "quantity": 2, "unitPrice": 5_000, "amount": 10_000,
            "status": "CartAdded", "method": "card"});
        let mut shown = cart.json;
        shown.as_object_mut().expect("a cart").remove("_links");
        assert_eq!(shown, expected);
        // The price stays what it was when the pieces were put in.
        app.patch("/gifticons/1", &json!({"price": 9_000})).must_be(200);
        assert_eq!(crate::shown(&app, 1)["unitPrice"], 5_000);
        assert_eq!(put(&app, 1).must_be(201).json["unitPrice"], 9_000);
        all_over(&app);
    }
}

#[test]
fn refusals_are_remembered_under_their_key() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut app = programme(engine, 5);
        let wanted = |gifticon_id: i64, quantity: i64, key: &str| {
            Sent::post("/carts", json!({"gifticonId": gifticon_id, "quantity": quantity})).key(key)
        };
        let refused = [
            (wanted(1, 6, "too-many"), 409, "gifticon.out_of_stock"),
            (wanted(9, 1, "unknown"), 404, "gifticon.unknown"),
            (wanted(1, 0, "nothing"), 422, "cart.invalid_quantity"),
        ];
        for (sent, status, code) in &refused {
            let answer = sent.to(app.address());
            assert_eq!((answer.status, answer.code()), (*status, *code));
        }
        app.patch("/gifticons/1", &json!({"availableQuantity": 50})).must_be(200);
        register(&app, 9, 50);
        app.restart();
        // What would be possible now was refused then; and gifticon is not needed to know that.
        for stopped in [false, true] {
            if stopped {
                app.stop("gifticon");
            }
            for (sent, status, code) in &refused {
                let answer = sent.to(app.address());
                assert_eq!((answer.status, answer.code()), (*status, *code), "{stopped}");
            }
        }
        app.start("gifticon");
        let other = wanted(1, 7, "too-many").to(app.address());
        assert_eq!((other.status, other.code()), (422, "idempotency.key_reused"));
        wanted(1, 6, "new").to(app.address()).must_be(201);
        crate::support::eventually("what was kept for a key that was used is free again", || {
            app.clock.advance_ms(1_000);
            left(&app) == 44
        });
        all_over(&app);
        assert_eq!(listed(&app).len(), 1);
    }
}
