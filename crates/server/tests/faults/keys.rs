//! One idempotency key, many senders: one effect and the same answer for all, whatever the answer was.

use serde_json::{Value, json};

use super::senders::{Sent, all_equal, said, send_together};
use crate::support::{Answer, Engine, Setup, TestApp};

const SENDERS: usize = 64;
/// Links must not change when a restarted server listens somewhere else.
const BASE: &str = "http.base_url=http://onepoint.test";

#[test]
fn one_key_has_one_effect_and_one_answer_on_sqlite() {
    one_key_one_effect(Engine::Sqlite);
}

#[test]
fn one_key_has_one_effect_and_one_answer_on_postgres() {
    one_key_one_effect(Engine::Postgres);
}

fn many(app: &TestApp, sent: &Sent) -> Vec<Answer> {
    send_together(&vec![(app.address(), sent.clone()); SENDERS])
}

fn spend(points: i64) -> Value {
    json!({"kind": "USE", "amount": points})
}

fn one_key_one_effect(engine: Engine) {
    let mut app = TestApp::open_with(engine, &[BASE]);
    app.join_normal(1);
    app.join_normal(2);
    let first = "/points/1/transactions";
    let (taken, refused) = (Sent::post(first, spend(100)).key("taken"), Sent::post(first, spend(5_000)).key("refused"));
    let wrong = Sent::post(first, spend(0)).key("wrong");
    let changed = Sent { method: "PATCH", ..Sent::post("/points/1", json!({"requirePoint": "+7"})) }.key("changed");
    let joined = Sent::post("/members", json!({"memberId": 3, "phoneNo": "01000000003"})).key("joined");
    let unknown = Sent::post("/points/99/transactions", spend(1)).key("unknown");
    let sent = [(taken, 201), (refused, 409), (wrong, 422), (changed, 200), (joined, 201), (unknown, 404)];

    let answers = sent.each_ref().map(|(sent, status)| all_equal(&many(&app, sent)).must_be(*status));
    assert_eq!(app.points_of(1), Some(907), "100 taken once, 7 given once");
    app.settle();
    let entries = app.entry_count();
    for restarted in [false, true] {
        if restarted {
            app.restart();
        }
        for ((sent, _), answer) in sent.iter().zip(&answers) {
            assert_eq!(said(&sent.to(app.address())), said(answer), "restarted: {restarted}");
        }
    }
    // What was refused stays refused, though the points would be there now.
    app.change_points(1, 50_000).must_be(200);
    assert_eq!(said(&sent[1].0.to(app.address())), said(&answers[1]));
    assert_eq!(app.points_of(1), Some(50_907));
    assert_eq!(app.entry_count(), entries + 1, "nothing but the adjustment");
    app.verify();
}

#[test]
fn a_key_with_another_body_is_refused_and_on_another_path_it_is_another_key() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut app = TestApp::open_with(engine, &[BASE]);
        app.join_normal(1);
        app.join_normal(2);
        let transactions = |member: i64| format!("/points/{member}/transactions");
        let first = Sent::post(&transactions(1), spend(100)).key("k").to(app.address()).must_be(201);
        for restarted in [false, true] {
            if restarted {
                app.restart();
            }
            let other = Sent::post(&transactions(1), spend(101)).key("k");
            for answer in many(&app, &other) {
                answer.must_be_problem(422);
                assert_eq!(answer.code(), "idempotency.key_reused");
            }
        }
        let second = Sent::post(&transactions(2), spend(100)).key("k").to(app.address()).must_be(201);
        assert_ne!(first.json["entryId"], second.json["entryId"]);
        let changed = Sent { method: "PATCH", ..Sent::post("/points/1", json!({"requirePoint": 1})) }.key("k");
        changed.to(app.address()).must_be(200);
        assert_eq!((app.points_of(1), app.points_of(2)), (Some(901), Some(900)));
    }
}

#[test]
fn a_withdrawal_that_many_ask_for_is_done_once_and_said_to_be_done() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut app = TestApp::open(engine);
        for (member, key) in [(1, Some("left")), (2, None), (3, Some("left"))] {
            app.join_normal(member);
            let path = format!("/members/{member}");
            let left = Sent { method: "DELETE", path, body: None, key: key.map(str::to_owned) };
            for answer in many(&app, &left) {
                // Without a key whoever comes last asks for a member who is gone.
                let gone = answer.status == 404 && key.is_none();
                assert!(matches!(answer.status, 204 | 202) || gone, "member {member}: {}", answer.text);
            }
            app.settle();
            if key.is_some() {
                left.to(app.address()).must_be(204);
                app.restart();
                left.to(app.address()).must_be(204);
            }
            let withdrawal = app.get(&format!("/withdrawals/{member}")).must_be(200);
            assert_eq!(withdrawal.json["step"], "DONE");
            assert_eq!(withdrawal.json["forfeitedPoint"], 1_000);
        }
        app.verify();
    }
}

#[test]
fn one_key_with_two_bodies_at_once_has_one_effect() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::open(engine);
        app.join_normal(1);
        let sent = |points| (app.address(), Sent::post("/points/1/transactions", spend(points)).key("k"));
        let all: Vec<_> = (0..SENDERS).map(|sender| sent(if sender.is_multiple_of(2) { 10 } else { 20 })).collect();
        let answers = send_together(&all);
        let (done, reused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
        assert_eq!((done.len(), reused.len()), (SENDERS / 2, SENDERS / 2));
        assert!(reused.iter().all(|answer| answer.code() == "idempotency.key_reused"), "{reused:?}");
        let taken = -done[0].json["amount"].as_i64().expect("an amount");
        assert_eq!(app.points_of(1), Some(1_000 - taken));
    }
}

#[test]
fn control_without_the_memory_of_keys_there_is_more_than_one_effect() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::start_up(Setup { remembers_keys: false, ..Setup::on(engine) });
        app.join_normal(1);
        if engine == Engine::Postgres {
            // Here the index is a second line of defence.
            let dropped = app.app().points.funnel.with_session(|tx| tx.run_script("DROP INDEX point_entry_key"));
            dropped.expect("the index is there");
        }
        let sent = Sent::post("/points/1/transactions", spend(10)).key("k");
        let answers = [many(&app, &sent), many(&app, &sent)].concat();
        let mut entries: Vec<i64> = answers.iter().filter_map(|answer| answer.json["entryId"].as_i64()).collect();
        entries.sort_unstable();
        entries.dedup();
        assert!(entries.len() > 1, "{engine:?}: the same request took points once only");
        assert!(app.points_of(1).is_some_and(|points| points <= 980));
    }
}
