//! The same withdrawal asked for again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use app::coupon::CouponApi;
use app::kit::Asked;
use domain::coupon::Rejection;
use platform::error::Error;
use serde_json::json;
use server::assembly::Betweens;

use crate::support::{Engine, Setup, TestApp, eventually, within};

#[test]
fn a_repeated_key_gets_the_same_answer_on_sqlite() {
    a_repeated_key_gets_the_same_answer(Engine::Sqlite);
}

#[test]
fn a_repeated_key_gets_the_same_answer_on_postgres() {
    a_repeated_key_gets_the_same_answer(Engine::Postgres);
}

fn a_repeated_key_gets_the_same_answer(engine: Engine) {
    let _machine = crate::beside_others();
    let mut app = TestApp::open(engine);
    app.join_normal(1);
    app.settle();
    let withdraw = |app: &TestApp, key: &str| app.request("DELETE", "/members/1").key(key).send();
    let first = withdraw(&app, "leave").must_be(204);
    for _ in 0..2 {
        let again = withdraw(&app, "leave");
        assert_eq!((again.status, &again.text), (204, &first.text));
    }
    withdraw(&app, "another").must_be_problem(404);
    app.delete("/members/1").must_be_problem(404);
    app.settle();
    let quiet = app.state();
    app.restart();
    assert_eq!(withdraw(&app, "leave").status, 204, "remembered by the store, not by the process");
    withdraw(&app, "another").must_be_problem(404);
    app.settle();
    assert_eq!(app.state(), quiet);
    app.verify();
}

#[test]
fn a_key_that_met_a_stopped_point_is_free_for_the_next_try_on_sqlite() {
    a_key_that_met_a_stopped_point_is_free_for_the_next_try(Engine::Sqlite);
}

#[test]
fn a_key_that_met_a_stopped_point_is_free_for_the_next_try_on_postgres() {
    a_key_that_met_a_stopped_point_is_free_for_the_next_try(Engine::Postgres);
}

fn a_key_that_met_a_stopped_point_is_free_for_the_next_try(engine: Engine) {
    let _machine = crate::beside_others();
    let app = TestApp::open(engine);
    app.join_normal(1);
    app.settle();
    let withdraw = || app.request("DELETE", "/members/1").key("leave").send();
    app.stop("point");
    for _ in 0..2 {
        withdraw().must_be_problem(503);
    }
    app.start("point");
    // The two refusals opened the breaker; when it lets through again, the same key succeeds.
    within(Duration::from_secs(3), "the withdrawal is done", || {
        std::thread::sleep(Duration::from_millis(50));
        withdraw().status == 204
    });
    assert_eq!(withdraw().status, 204);
    assert_eq!(app.get("/withdrawals/1").json["forfeitedPoint"], 1_000);
    app.settle();
    app.verify();
}

#[test]
fn two_who_ask_for_the_same_withdrawal_at_once_both_learn_how_it_ended_on_sqlite() {
    two_who_ask_for_the_same_withdrawal_at_once_both_learn_how_it_ended(Engine::Sqlite);
}

#[test]
fn two_who_ask_for_the_same_withdrawal_at_once_both_learn_how_it_ended_on_postgres() {
    two_who_ask_for_the_same_withdrawal_at_once_both_learn_how_it_ended(Engine::Postgres);
}

fn two_who_ask_for_the_same_withdrawal_at_once_both_learn_how_it_ended(engine: Engine) {
    let _machine = crate::beside_others();
    let app = TestApp::open_with(engine, &["point.delay=200ms"]);
    app.join_normal(1);
    app.settle();
    let withdraw = || app.request("DELETE", "/members/1").key("leave").send();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..2).map(|_| scope.spawn(withdraw)).collect();
        senders.into_iter().map(|sender| sender.join().expect("a sender")).collect()
    });
    for answer in &answers {
        assert_eq!(answer.status, 204, "{}", answer.text);
    }
    assert_eq!(app.get("/points/1").status, 404);
    assert_eq!(app.get("/withdrawals/1").json["forfeitedPoint"], 1_000);
    app.settle();
    app.verify();
}

/// Coupon, which cannot be asked about the first attempt, and is slow to say that it has prepared the second one when
/// it is asked for the first time.
struct Slow {
    coupon: Arc<dyn CouponApi>,
    seconds: Arc<AtomicUsize>,
}

/// Longer than a repeat takes, and within the time limit.
const SLOW: Duration = Duration::from_millis(400);

impl CouponApi for Slow {
    fn prepare_withdrawal(&self, member_id: i64, attempt: i64) -> Asked<'_, i64, Rejection> {
        Box::pin(async move {
            if attempt == 1 && self.seconds.load(Ordering::SeqCst) == 0 {
                return Err(Error::unavailable("test.lost", "the line is bad"));
            }
            let is_first = attempt == 2 && self.seconds.fetch_add(1, Ordering::SeqCst) == 0;
            let prepared = self.coupon.prepare_withdrawal(member_id, attempt).await;
            if is_first {
                tokio::time::sleep(SLOW).await;
            }
            prepared
        })
    }
}

#[test]
fn a_repeated_key_joins_the_attempt_that_is_under_way_on_sqlite() {
    a_repeated_key_joins_the_attempt_that_is_under_way(Engine::Sqlite);
}

#[test]
fn a_repeated_key_joins_the_attempt_that_is_under_way_on_postgres() {
    a_repeated_key_joins_the_attempt_that_is_under_way(Engine::Postgres);
}

fn a_repeated_key_joins_the_attempt_that_is_under_way(engine: Engine) {
    let _machine = crate::beside_others();
    let seconds = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seconds);
    let slow = move |coupon| Arc::new(Slow { coupon, seconds: Arc::clone(&counted) }) as Arc<dyn CouponApi>;
    let mut setup = Setup::on(engine).with(&["breaker.min_calls=1000"]);
    setup.betweens = Betweens { member_and_coupon: Some(Arc::new(slow)), ..Betweens::default() };
    let app = TestApp::start_up(setup);
    app.join_normal(1);
    app.settle();
    let with_key = || app.request("DELETE", "/members/1").key("leave").send();
    with_key().must_be_problem(503);
    assert_eq!(app.get("/withdrawals/1").json["step"], "RELEASED");
    std::thread::scope(|scope| {
        let other = scope.spawn(|| app.delete("/members/1"));
        eventually("another sender's attempt is being prepared", || seconds.load(Ordering::SeqCst) == 1);
        assert_eq!(app.get("/withdrawals/1").json["step"], "PREPARING");
        let again = with_key();
        assert!(matches!(again.status, 202 | 204), "{}", again.text);
        let other = other.join().expect("a sender");
        assert!(matches!(other.status, 202 | 204), "{}", other.text);
    });
    assert!(seconds.load(Ordering::SeqCst) >= 2, "the repeat prepared the same attempt");
    app.settle();
    assert_eq!(app.get("/withdrawals/1").json["step"], "DONE");
    app.verify();
}

#[test]
fn a_remembered_refusal_stays_one_when_it_would_now_be_allowed_on_sqlite() {
    a_remembered_refusal_stays_one_when_it_would_now_be_allowed(Engine::Sqlite);
}

#[test]
fn a_remembered_refusal_stays_one_when_it_would_now_be_allowed_on_postgres() {
    a_remembered_refusal_stays_one_when_it_would_now_be_allowed(Engine::Postgres);
}

fn a_remembered_refusal_stays_one_when_it_would_now_be_allowed(engine: Engine) {
    let _machine = crate::beside_others();
    let app = TestApp::open(engine);
    let withdraw = |key: &str| app.request("DELETE", "/members/1").key(key).send();
    let take = |key: &str| {
        let body = json!({"kind": "USE", "amount": 1_500});
        app.request("POST", "/points/1/transactions").key(key).json(&body).send()
    };
    withdraw("early").must_be_problem(404);
    app.join_normal(1);
    take("poor").must_be_problem(409);
    app.change_points(1, 1_000).must_be(200);
    for _ in 0..2 {
        withdraw("early").must_be_problem(404);
        take("poor").must_be_problem(409);
    }
    assert_eq!(app.points_of(1), Some(2_000));
    // Control: under another key the same is allowed now.
    take("rich").must_be(201);
    assert_eq!(withdraw("late").status, 204);
    app.settle();
    app.verify();
}
