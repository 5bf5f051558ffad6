//! Holds at the same time as everything else: never more than there is, and each hold ends once.

use std::sync::Barrier;
use std::thread;

use serde_json::json;

use crate::support::{Engine, TestApp, eventually};

const RACERS: i64 = 12;

#[test]
fn spenders_and_holders_never_take_more_than_there_is_on_sqlite() {
    spenders_and_holders_never_take_more_than_there_is(Engine::Sqlite);
}

#[test]
fn spenders_and_holders_never_take_more_than_there_is_on_postgres() {
    spenders_and_holders_never_take_more_than_there_is(Engine::Postgres);
}

fn spenders_and_holders_never_take_more_than_there_is(engine: Engine) {
    let app = TestApp::open(engine);
    app.join_normal(1);
    app.transact(1, "EARN", 1_000).must_be(201);
    let start = Barrier::new(RACERS as usize);
    // 12 × 6 × 50 points are asked for, of 2,000.
    let race = |racer: i64| {
        start.wait();
        let mut granted = 0;
        for _ in 0..6 {
            granted += match racer % 3 {
                0 => match app.post("/points/1/holds", &json!({"amount": 50})) {
                    held if held.status == 201 && racer % 2 == 0 => {
                        app.capture(held.json["holdId"].as_i64().expect("a number"), &json!({"amount": 30}))
                            .must_be(201);
                        30
                    }
                    held => i64::from(held.status == 201) * 50,
                },
                1 => i64::from(app.transact(1, "USE", 50).status == 201) * 50,
                _ => i64::from(app.donate(1, 50).must_be(201).json["status"] == "DONATED") * 50,
            };
        }
        granted
    };
    let granted: i64 = thread::scope(|scope| {
        let racers: Vec<_> = (0..RACERS).map(|racer| scope.spawn(move || race(racer))).collect();
        racers.into_iter().map(|racer| racer.join().expect("a racer")).sum()
    });
    let (balance, held) = app.balance();
    assert_eq!(granted, 2_000 - (balance - held), "what was granted is gone or held");
    assert!(balance - held < 50, "control: it was fought over");
    app.settle();
    app.verify();
}

#[test]
fn a_capture_and_the_end_of_time_have_one_winner_on_sqlite() {
    a_capture_and_the_end_of_time_have_one_winner(Engine::Sqlite);
}

#[test]
fn a_capture_and_the_end_of_time_have_one_winner_on_postgres() {
    a_capture_and_the_end_of_time_have_one_winner(Engine::Postgres);
}

fn a_capture_and_the_end_of_time_have_one_winner(engine: Engine) {
    let app = TestApp::open(engine);
    app.join_normal(1);
    let holds: Vec<i64> = (0..40).map(|_| app.hold(10)).collect();
    let start = Barrier::new(3);
    let end = |from: usize| {
        start.wait();
        let mut won = 0;
        for hold in holds.iter().skip(from).step_by(2) {
            won += i64::from(app.capture(*hold, &json!({})).status == 201);
        }
        won
    };
    let won: i64 = thread::scope(|scope| {
        let captures = [scope.spawn(|| end(0)), scope.spawn(|| end(1))];
        start.wait();
        eventually("some are captured", || app.hold_of(holds[4]).0 == "CAPTURED");
        app.clock.advance_ms(600_000);
        captures.into_iter().map(|capture| capture.join().expect("a thread")).sum()
    });
    eventually("all have ended", || app.balance().1 == 0);
    let ended = |status: &str| {
        i64::try_from(holds.iter().filter(|hold| app.hold_of(**hold).0 == status).count()).expect("a count")
    };
    let (captured, expired) = (ended("CAPTURED"), ended("EXPIRED"));
    println!("{captured} were captured, {expired} expired");
    assert_eq!((captured, captured + expired), (won, 40));
    assert_eq!(app.balance(), (1_000 - 10 * won, 0));
    assert_eq!(app.statement(1, "kind=HOLD_CAPTURE").len() as i64, won);
    assert_eq!(app.events("HoldExpired").len() as i64, expired);
    app.settle();
    app.verify();
}

#[test]
fn the_same_key_at_the_same_time_holds_once_on_sqlite() {
    the_same_key_at_the_same_time_holds_once(Engine::Sqlite);
}

#[test]
fn the_same_key_at_the_same_time_holds_once_on_postgres() {
    the_same_key_at_the_same_time_holds_once(Engine::Postgres);
}

fn the_same_key_at_the_same_time_holds_once(engine: Engine) {
    let app = TestApp::open(engine);
    app.join_normal(1);
    let ask = |path: &str, key: &str, body: &serde_json::Value| {
        let together = Barrier::new(6);
        let send = || {
            together.wait();
            app.request("POST", path).key(key).json(body).send().must_be(201).json
        };
        let answers: Vec<_> = thread::scope(|scope| {
            let senders: Vec<_> = (0..6).map(|_| scope.spawn(send)).collect();
            senders.into_iter().map(|sender| sender.join().expect("an answer")).collect()
        });
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        answers[0].clone()
    };
    let held = ask("/points/1/holds", "hold", &json!({"amount": 300}));
    assert_eq!(app.balance(), (1_000, 300));
    let path = format!("/points/1/holds/{}/captures", held["holdId"]);
    ask(&path, "capture", &json!({"amount": 100}));
    assert_eq!(app.balance(), (900, 0));
    app.settle();
    app.verify();
}
