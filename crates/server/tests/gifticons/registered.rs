//! What the MD registers and changes, and what is no gifticon.

use serde_json::{Value, json};

use crate::ENGINES;
use crate::kit::{figures, keep, must_refuse, register, shop};

#[test]
fn a_gifticon_is_registered_as_the_seed_does_it_and_changed() {
    for engine in ENGINES {
        let app = shop(engine, 10);
        let body = json!({"gifticonId": "0002", "name": "Latte", "availableQuantity": " 100", "price": "6000"});
        let made = app.post("/gifticons", &body).must_be(201);
        assert!(made.header("location").is_some_and(|location| location.ends_with("/gifticons/2")));
        let mut shown = app.get("/gifticons/2").must_be(200).json;
        shown["_links"] = json!(null);
        let expected = json!({"gifticonId": 2, "name": "Latte", "availableQuantity": 100, "price": 6_000,
            "reservedQuantity": 0, "soldQuantity": 0, "loadedQuantity": 100, "onSale": true, "_links": null});
        assert_eq!(shown, expected);
        must_refuse(&app.post("/gifticons", &body), 409, "gifticon.number_taken");
        // Without a number the next one that is free.
        let next = app.post("/gifticons", &json!({"name": "Cake", "availableQuantity": 0, "price": 1})).must_be(201);
        assert_eq!(next.json["gifticonId"], 3);
        keep(&app, 4);
        let changed =
            app.patch("/gifticons/1", &json!({"availableQuantity": " 20", "price": "5500", "name": "새 이름"}));
        assert_eq!(changed.must_be(200).json["name"], "새 이름");
        assert_eq!(figures(&app, 1), [20, 4, 0, 24]);
        assert_eq!(app.get("/gifticons?limit=2").json["_embedded"]["gifticons"].as_array().map(Vec::len), Some(2));
        app.get("/gifticons/99").must_be(404);
        must_refuse(&app.patch("/gifticons/99", &json!({"price": 1})), 404, "gifticon.unknown");
        app.settle();
        app.verify();
    }
}

#[test]
fn what_is_wrong_is_refused_and_changes_nothing() {
    for engine in ENGINES {
        let app = shop(engine, 10);
        app.start("cart");
        let before = app.state();
        let good = json!({"gifticonId": 5, "name": "Tea", "availableQuantity": 1, "price": 1});
        let cases: [(&str, Value); 12] = [
            ("availableQuantity", json!(-1)),
            ("availableQuantity", json!(1_000_000_000_000_i64)),
            ("availableQuantity", json!(1.5)),
            ("price", json!(0)),
            ("price", json!("-5")),
            ("price", json!(1_000_000_000_000_i64)),
            ("price", json!(null)),
            ("name", json!("  ")),
            ("name", json!("가".repeat(201))),
            ("gifticonId", json!(0)),
            ("gifticonId", json!(-1)),
            ("onSale", json!("perhaps")),
        ];
        for (field, value) in cases {
            let mut body = good.clone();
            body[field] = value.clone();
            app.post("/gifticons", &body).must_be_problem(422);
            if field != "gifticonId" && !value.is_null() {
                app.patch("/gifticons/1", &json!({field: value})).must_be_problem(422);
            }
        }
        app.post("/gifticons", &json!({"name": "Tea"})).must_be_problem(422);
        assert_eq!(app.state(), before);
        // What the server owns is ignored.
        let mut body = good;
        (body["reservedQuantity"], body["soldQuantity"], body["loadedQuantity"]) = (json!(7), json!(8), json!(9));
        app.post("/gifticons", &body).must_be(201);
        assert_eq!(figures(&app, 5), [1, 0, 0, 1]);
        app.verify();
    }
}

#[test]
fn a_repeat_gets_the_first_answer_whatever_happened_since() {
    for engine in ENGINES {
        let app = shop(engine, 10);
        let body = json!({"name": "Tea", "availableQuantity": 5, "price": 1});
        let made = app.request("POST", "/gifticons").key("made").json(&body).send().must_be(201);
        keep(&app, 2);
        let change = json!({"availableQuantity": 3});
        let patch = || app.request("PATCH", "/gifticons/1").key("changed").json(&change).send().must_be(200).json;
        let changed = patch();
        assert_eq!((&changed["availableQuantity"], &changed["loadedQuantity"]), (&json!(3), &json!(5)));
        keep(&app, 1);
        assert_eq!(patch(), changed);
        assert_eq!(figures(&app, 1), [2, 3, 0, 5], "it was changed once");
        let again = app.request("POST", "/gifticons").key("made").json(&body).send().must_be(201);
        assert_eq!(again.json, made.json);
        let other = app.request("POST", "/gifticons").key("made").json(&change).send();
        assert_eq!(other.status, 422);
        assert_eq!(register(&app, 99, 1).status, 201, "control: another one is made");
        app.verify();
    }
}
