//! Many spend the last points at the same moment: one gets them.

use std::sync::Barrier;

use serde_json::json;

use super::senders::{Sent, send_together};
use crate::support::{Client, Engine, Request, TestApp};

const SPENDERS: usize = 20;
const ROUNDS: usize = 5;

#[test]
fn the_last_points_are_spent_once_on_sqlite() {
    spent_once(Engine::Sqlite);
}

#[test]
fn the_last_points_are_spent_once_on_postgres() {
    spent_once(Engine::Postgres);
}

fn spent_once(engine: Engine) {
    let app = TestApp::open(engine);
    app.join_normal(1);
    for round in 0..ROUNDS {
        let spend = |spender| {
            let body = json!({"kind": "USE", "amount": 1_000});
            (app.address(), Sent::post("/points/1/transactions", body).key(&format!("{round}-{spender}")))
        };
        let answers = send_together(&(0..SPENDERS).map(spend).collect::<Vec<_>>());
        let (done, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
        assert_eq!((done.len(), refused.len()), (1, SPENDERS - 1));
        for answer in refused {
            answer.must_be_problem(409);
            assert_eq!(answer.code(), "point.insufficient_points");
        }
        assert_eq!(app.points_of(1), Some(0));
        app.change_points(1, 1_000).must_be(200);
    }
    app.verify();
}

/// A shop that looks first and then decides by itself: the race that the ledger's own decision prevents.
#[test]
fn control_senders_who_trust_what_they_read_would_all_have_spent_them() {
    let app = TestApp::open(Engine::Sqlite);
    app.join_normal(1);
    let read = Barrier::new(SPENDERS);
    let outcomes = std::thread::scope(|scope| {
        let (read, address) = (&read, app.address());
        let spend = |_| {
            scope.spawn(move || {
                let client = Client::new(address);
                let seen = Request::new(&client, "GET", "/points/1").send().json["remainPoint"].as_i64();
                read.wait();
                let body = json!({"kind": "USE", "amount": 1_000});
                let decided = seen.is_some_and(|points| points >= 1_000);
                (decided, Sent::post("/points/1/transactions", body).to(address).status == 201)
            })
        };
        let threads: Vec<_> = (0..SPENDERS).map(spend).collect();
        threads.into_iter().map(|thread| thread.join().expect("an answer")).collect::<Vec<_>>()
    });
    let would_have_spent = outcomes.iter().filter(|(decided, _)| *decided).count();
    assert_eq!(would_have_spent, SPENDERS, "an overdraft of {} points", (SPENDERS - 1) * 1_000);
    assert_eq!(outcomes.iter().filter(|(_, spent)| *spent).count(), 1);
    assert_eq!(app.points_of(1), Some(0));
}
