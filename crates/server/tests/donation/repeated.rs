//! One donation sent often, and many donations that race for the same points.

use serde_json::json;

use crate::senders::{Sent, all_equal, send_together};
use crate::support::{Engine, Setup, TestApp};

const SENDERS: usize = 20;

fn rich(app: &TestApp) {
    app.join_normal(1);
    app.change_points(1, 530).must_be(200);
}

fn give(points: i64) -> Sent {
    Sent::post("/donations", json!({"memberId": 1, "amount": points}))
}

#[test]
fn the_same_request_is_one_donation_however_often_it_comes() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut app = TestApp::open_with(engine, &["http.base_url=http://onepoint.test"]);
        rich(&app);
        let sent = give(100).key("k");
        let first = all_equal(&send_together(&vec![(app.address(), sent.clone()); SENDERS])).must_be(201);
        assert_eq!((&first.json["status"], &first.json["balanceAfter"]), (&json!("DONATED"), &json!(1_430)));
        app.settle();
        app.restart();
        assert_eq!(sent.to(app.address()).must_be(201).json, first.json);
        assert_eq!(app.points_of(1), Some(1_430));
        assert_eq!(app.all_of("donations").as_array().map(Vec::len), Some(1));
        app.verify();
    }
}

#[test]
fn control_without_the_memory_of_keys_each_request_is_a_donation() {
    let app = TestApp::start_up(Setup { remembers_keys: false, ..Setup::on(Engine::Sqlite) });
    rich(&app);
    for _ in 0..3 {
        give(100).key("k").to(app.address()).must_be(201);
    }
    assert_eq!(app.points_of(1), Some(1_230));
}

#[test]
fn donations_that_race_for_the_last_points_leave_the_right_balance() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::open(engine);
        rich(&app);
        // 1,530 points and more than 1,000 needed: after six times 100 there are 930.
        let answers = send_together(&vec![(app.address(), give(100)); SENDERS]);
        let donated = answers.iter().filter(|answer| answer.json["status"] == "DONATED").count();
        let refused = answers.iter().filter(|answer| answer.json["reason"] == "balance_too_low").count();
        assert_eq!((donated, refused), (6, SENDERS - 6), "{answers:?}");
        assert_eq!(app.points_of(1), Some(930));
        app.change_points(1, 600).must_be(200);
        let answers = send_together(&vec![(app.address(), give(1_530)); SENDERS]);
        assert_eq!(answers.iter().filter(|answer| answer.json["status"] == "DONATED").count(), 1);
        assert_eq!(app.points_of(1), Some(0));
        app.settle();
        assert_eq!(app.get("/causes/1").json["receivedPoint"], 600 + 1_530);
        app.verify();
    }
}
