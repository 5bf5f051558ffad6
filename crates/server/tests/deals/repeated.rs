//! One deal sent often, and many that race for the same points.

use serde_json::{Value, json};

use crate::senders::{Sent, all_equal, send_together};
use crate::support::{Engine, Setup, TestApp};
use crate::{body, deal, field, programme};

#[test]
fn the_same_request_is_one_deal_however_often_it_comes() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut app = programme(engine, &["http.base_url=http://onepoint.test"]);
        deal(&app, "save", 100_000, 0);
        let save = Sent::post("/deals", body("save", 100_000, 0)).key("save");
        let spent = Sent::post("/deals", body("use", 0, 100)).key("use");
        let refused = Sent::post("/deals", body("use", 0, 99_999)).key("refused");
        let cancel = Sent::post("/deals", body("cancel", 100_000, 0)).key("cancel");
        let mut firsts: Vec<(Sent, Value)> = Vec::new();
        for (sent, status) in [(save, "success"), (spent, "success"), (refused, "fail"), (cancel, "success")] {
            let first = all_equal(&send_together(&vec![(app.address(), sent.clone()); 64])).must_be(201);
            assert_eq!(field(&first, "status"), status, "{}", first.text);
            firsts.push((sent, first.json));
        }
        assert_eq!(app.points_of(1), Some(900));
        app.settle();
        app.restart();
        // The save has been cancelled since, and its request is answered as it was.
        for (sent, first) in &firsts {
            assert_eq!(&sent.to(app.address()).must_be(201).json, first);
        }
        assert_eq!(app.points_of(1), Some(900));
        assert_eq!(app.all_of("deals").as_array().map(Vec::len), Some(5));
        let other = Sent::post("/deals", body("use", 0, 101)).key("use").to(app.address());
        other.must_be_problem(422);
        assert_eq!(other.code(), "idempotency.key_reused");
        app.verify();
    }
}

#[test]
fn control_without_the_memory_of_keys_each_request_is_a_deal() {
    let setup = Setup { remembers_keys: false, ..Setup::on(Engine::Sqlite) };
    let app = TestApp::start_up(setup.with(&["points.welcome=0"]));
    app.join_normal(1);
    for _ in 0..3 {
        Sent::post("/deals", body("save", 100_000, 0)).key("k").to(app.address()).must_be(201);
    }
    assert_eq!(app.points_of(1), Some(3_000));
}

#[test]
fn the_last_points_are_used_once() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine, &[]);
        deal(&app, "save", 100_000, 0);
        let answers = send_together(&vec![(app.address(), Sent::post("/deals", body("use", 0, 150))); 20]);
        let count = |status: &str| answers.iter().filter(|answer| field(answer, "status") == status).count();
        assert_eq!((count("success"), count("fail")), (6, 14), "{answers:?}");
        assert_eq!(app.points_of(1), Some(100));
        app.settle();
        app.verify();
    }
}

#[test]
fn a_merchant_is_opened_and_changed_once_for_each_key() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine, &[]);
        let open = Sent::post("/merchants", json!({"name": "Bakery"})).key("m");
        let first = all_equal(&send_together(&vec![(app.address(), open.clone()); 8])).must_be(201);
        assert_eq!(open.to(app.address()).json, first.json);
        assert_eq!(app.all_of("merchants").as_array().map(Vec::len), Some(1));
        let path = format!("/merchants/{}", first.json["merchantId"]);
        let change = Sent { method: "PATCH", path, body: Some(json!({"earnRateBp": 300})), key: Some("c".to_owned()) };
        let changed = all_equal(&send_together(&vec![(app.address(), change.clone()); 8])).must_be(200);
        assert_eq!(changed.json["earnRateBp"], 300);
        app.patch(&change.path, &json!({"earnRateBp": 400})).must_be(200);
        assert_eq!(change.to(app.address()).must_be(200).json, changed.json, "as it was answered");
    }
}
