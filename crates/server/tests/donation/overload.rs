//! More donors than there are places: some are told at once to come back, the others go on, and so does everyone else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use crate::senders::{Sent, send_together};
use crate::support::{Answer, Engine, TestApp};

const CAPACITY: usize = 50;
const DONORS: i64 = 250;
/// Who is refused waits for nobody.
const AT_ONCE: Duration = Duration::from_millis(400);
/// As long as a donation takes here; whoever comes later may find a place again.
const DELAY_MS: u64 = 500;

/// Tests that measure take turns.
static MACHINE: Mutex<()> = Mutex::new(());

#[test]
fn donors_beyond_the_capacity_are_told_at_once_to_come_back_on_sqlite() {
    donors_beyond_the_capacity_are_told_at_once_to_come_back(Engine::Sqlite);
}

#[test]
fn donors_beyond_the_capacity_are_told_at_once_to_come_back_on_postgres() {
    donors_beyond_the_capacity_are_told_at_once_to_come_back(Engine::Postgres);
}

fn donors_beyond_the_capacity_are_told_at_once_to_come_back(engine: Engine) {
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let capacity = format!("donation.capacity={CAPACITY}");
    let app = TestApp::open_with(engine, &[&capacity, "points.welcome=2000"]);
    for member_id in 1..=DONORS {
        app.join(member_id, &format!("0101{member_id:07}"));
    }
    app.settle();
    app.delay_point(Some((DELAY_MS, DELAY_MS)));
    let sent: Vec<_> = (1..=DONORS).map(|member_id| (app.address(), give(member_id))).collect();
    let over = AtomicBool::new(false);
    let (answers, joins) = std::thread::scope(|scope| {
        let joining = scope.spawn(|| join_until(&app, &over));
        let answers = send_together(&sent);
        over.store(true, Ordering::Release);
        (answers, joining.join().expect("joins"))
    });
    let (refused, taken): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 503);
    for answer in &refused {
        answer.must_be_problem(503);
        assert_eq!((answer.code(), answer.header("retry-after")), ("donation.overloaded", Some("1")));
    }
    let longest = |answers: &[&Answer]| answers.iter().map(|answer| answer.took).max().unwrap_or_default();
    let (refusing, taking) = (longest(&refused), longest(&taken));
    let slowest_join = joins.iter().map(|answer| answer.took).max().unwrap_or_default();
    println!(
        "overload on {engine:?}: {} donors, {} taken in at most {taking:?}, {} refused in at most {refusing:?}; \
         {} joins meanwhile, the slowest {slowest_join:?}",
        answers.len(),
        taken.len(),
        refused.len(),
        joins.len()
    );
    assert!(taken.iter().all(|answer| answer.status == 201), "{taken:?}");
    assert!((CAPACITY..=CAPACITY + 10).contains(&taken.len()), "{} found a place", taken.len());
    assert!(refusing <= AT_ONCE, "a refusal took {refusing:?}");
    assert!(taking >= Duration::from_millis(DELAY_MS), "control: the donations did feel the delay");
    assert!(joins.len() >= 3 && joins.iter().all(|answer| answer.status == 201), "joins go on");

    app.delay_point(None);
    app.settle();
    let stored = app.all_of("donations").as_array().map(Vec::len);
    assert_eq!(stored, Some(taken.len()), "of the refused ones nothing is stored");
    let fund = app.get("/causes/1").json;
    assert_eq!(fund["receivedPoint"], json!(100 * taken.len()), "all that were taken have ended");
    // A refusal is not remembered under the key: the same request finds a place now.
    for (member_id, answer) in (1..=DONORS).zip(&answers).filter(|(_, answer)| answer.status == 503).take(5) {
        assert_eq!(answer.code(), "donation.overloaded");
        assert_eq!(give(member_id).to(app.address()).must_be(201).json["status"], "DONATED");
    }
    app.settle();
    app.verify();
}

fn give(member_id: i64) -> Sent {
    Sent::post("/donations", json!({"memberId": member_id, "amount": 100})).key(&format!("donor-{member_id}"))
}

/// Someone who joins one member after the other.
fn join_until(app: &TestApp, over: &AtomicBool) -> Vec<Answer> {
    let mut answers = Vec::new();
    while !over.load(Ordering::Acquire) {
        answers.push(app.post("/members", &json!({"phoneNo": "01085580000", "nickname": "SEQ1"})));
        std::thread::sleep(Duration::from_millis(5));
    }
    answers
}

#[test]
fn control_with_places_for_all_nobody_is_refused() {
    let app = TestApp::open_with(Engine::Sqlite, &["points.welcome=2000"]);
    for member_id in 1..=100 {
        app.join(member_id, &format!("0101{member_id:07}"));
    }
    app.settle();
    app.delay_point(Some((DELAY_MS / 5, DELAY_MS / 5)));
    let answers = send_together(&(1..=100).map(|member_id| (app.address(), give(member_id))).collect::<Vec<_>>());
    assert!(answers.iter().all(|answer| answer.status == 201), "{answers:?}");
    app.delay_point(None);
    app.settle();
    app.verify();
}

#[test]
fn a_point_that_is_too_slow_leaves_the_donation_to_the_events() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::open_with(engine, &["questions.point.time_limit_ms=1000", "point.delay=5000ms"]);
        app.join_normal(1);
        app.change_points(1, 1_000).must_be(200);
        app.settle();
        // The breaker opens on the way; then nobody waits any more, not even for the limit.
        for round in 1..=5_i64 {
            let donation = app.donate(1, 100).must_be(201);
            assert_eq!(donation.json["status"], "REQUESTED", "{}", donation.text);
            assert!(donation.took <= Duration::from_millis(if round > 3 { 900 } else { 4_000 }), "{:?}", donation.took);
        }
        app.settle();
        assert_eq!(app.points_of(1), Some(1_500));
        assert_eq!(app.get("/causes/1").json["receivedPoint"], 500);
        app.verify();
    }
}
