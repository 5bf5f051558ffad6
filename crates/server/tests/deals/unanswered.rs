//! Deals of which point was not heard: taken up by a repeat, otherwise voided or completed, each exactly once.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use crate::senders::{Sent, send_together};
use crate::support::between::{Line, Lost};
use crate::support::{Engine, Setup, TestApp, eventually};
use crate::{body, deal, field, shown};

/// A deal is given up after so long.
const GIVEN_UP_MS: i64 = 30_000;
/// Tests that measure take turns.
static MACHINE: Mutex<()> = Mutex::new(());

fn programme_on(engine: Engine, line: &Line, sets: &[&str]) -> TestApp {
    // Probes of an open breaker would answer before point is asked.
    let patient = ["points.welcome=0", "breaker.min_calls=1000"];
    let setup = Setup { betweens: line.betweens(), ..Setup::on(engine) };
    let app = TestApp::start_up(setup.with(&patient).with(sets));
    app.join_normal(1);
    deal(&app, "save", 100_000, 0);
    app.settle();
    app
}

/// Sends a deal that nobody hears of; its number.
fn unheard(app: &TestApp, sent: &Sent) -> i64 {
    let answer = sent.to(app.address());
    answer.must_be_problem(503);
    assert_eq!(answer.code(), "deal.unanswered");
    assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|s| s >= 1)));
    let deal_id = answer.json["dealId"].as_i64().expect("it names the deal");
    assert_eq!(shown(app, deal_id)["status"], "pending");
    deal_id
}

fn all_over(app: &TestApp) {
    eventually("nothing is pending", || {
        app.all_of("deals").as_array().is_some_and(|deals| deals.iter().all(|deal| deal["status"] != "pending"))
    });
    app.settle();
    app.verify();
}

#[test]
fn a_customer_who_was_told_503_and_went_away_is_not_charged_on_sqlite() {
    a_customer_who_was_told_503_and_went_away_is_not_charged(Engine::Sqlite);
}

#[test]
fn a_customer_who_was_told_503_and_went_away_is_not_charged_on_postgres() {
    a_customer_who_was_told_503_and_went_away_is_not_charged(Engine::Postgres);
}

fn a_customer_who_was_told_503_and_went_away_is_not_charged(engine: Engine) {
    for (lost, meanwhile) in [(Lost::Questions, 1_000), (Lost::Answers, 900)] {
        let line = Line::default();
        let app = programme_on(engine, &line, &[]);
        line.lose(lost);
        let deal_id = unheard(&app, &Sent::post("/deals", body("use", 0, 100)));
        line.lose(Lost::Nothing);
        assert_eq!(app.points_of(1), Some(meanwhile), "{lost:?}");
        app.clock.advance_ms(GIVEN_UP_MS - 2_000);
        app.app().deals.sweep().expect("it sweeps");
        assert_eq!(shown(&app, deal_id)["status"], "pending", "control: it is not given up before its time");
        app.clock.advance_ms(2_000);
        eventually("it is voided", || shown(&app, deal_id)["failReason"] == "deal.timed_out");
        all_over(&app);
        assert_eq!(app.points_of(1), Some(1_000), "{lost:?}");
        // The next customer is served.
        assert_eq!(field(&deal(&app, "use", 0, 1_000), "status"), "success");
        all_over(&app);
    }
}

#[test]
fn a_purchase_of_which_nobody_heard_keeps_its_points_on_sqlite() {
    a_purchase_of_which_nobody_heard_keeps_its_points(Engine::Sqlite);
}

#[test]
fn a_purchase_of_which_nobody_heard_keeps_its_points_on_postgres() {
    a_purchase_of_which_nobody_heard_keeps_its_points(Engine::Postgres);
}

fn a_purchase_of_which_nobody_heard_keeps_its_points(engine: Engine) {
    for lost in [Lost::Questions, Lost::Answers] {
        let line = Line::default();
        let app = programme_on(engine, &line, &[]);
        line.lose(lost);
        let deal_id = unheard(&app, &Sent::post("/deals", body("save", 50_000, 0)));
        app.clock.advance_ms(GIVEN_UP_MS);
        // The line stays broken: it is completed by event.
        eventually("it is completed", || shown(&app, deal_id)["status"] == "success");
        all_over(&app);
        assert_eq!(app.points_of(1), Some(1_500), "{lost:?}");
    }
}

#[test]
fn a_repeat_takes_a_deal_up_where_it_stopped() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        for (lost, deal_type, left) in [
            (Lost::Questions, "use", 900),
            (Lost::Answers, "use", 900),
            (Lost::Questions, "save", 1_001),
            (Lost::Answers, "save", 1_001),
        ] {
            let line = Line::default();
            let mut app = programme_on(engine, &line, &["http.base_url=http://onepoint.test"]);
            line.lose(lost);
            let sent = Sent::post("/deals", body(deal_type, 100, 100)).key("taken-up");
            let deal_id = unheard(&app, &sent);
            assert_eq!(unheard(&app, &sent), deal_id, "still the same deal");
            app.restart();
            line.lose(Lost::Nothing);
            let taken_up = sent.to(app.address()).must_be(201);
            assert_eq!((field(&taken_up, "status"), &taken_up.json["dealId"]), ("success", &json!(deal_id)));
            assert_eq!(app.points_of(1), Some(left), "{lost:?} {deal_type}");
            app.clock.advance_ms(GIVEN_UP_MS);
            app.app().deals.sweep().expect("it sweeps");
            assert_eq!(sent.to(app.address()).must_be(201).json, taken_up.json);
            all_over(&app);
            assert_eq!(app.points_of(1), Some(left), "control: what has ended is not given up");
        }
    }
}

#[test]
fn a_repeat_that_comes_too_late_finds_the_use_failed() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let line = Line::default();
        let app = programme_on(engine, &line, &[]);
        line.lose(Lost::Answers);
        let sent = Sent::post("/deals", body("use", 0, 100)).key("late");
        let deal_id = unheard(&app, &sent);
        line.lose(Lost::Nothing);
        app.clock.advance_ms(GIVEN_UP_MS);
        eventually("it is voided", || shown(&app, deal_id)["status"] == "fail");
        let late = sent.to(app.address()).must_be(201);
        assert_eq!((field(&late, "failReason"), &late.json["dealId"]), ("deal.timed_out", &json!(deal_id)));
        all_over(&app);
        assert_eq!(app.points_of(1), Some(1_000));
    }
}

#[test]
fn while_point_is_stopped_members_join_and_deals_end_later() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::open_with(engine, &["points.welcome=0"]);
        app.join_normal(1);
        deal(&app, "save", 100_000, 0);
        app.settle();
        app.stop("point");
        let uses: Vec<i64> = (0..4).map(|_| unheard(&app, &Sent::post("/deals", body("use", 0, 100)))).collect();
        let save = unheard(&app, &Sent::post("/deals", body("save", 10_000, 0)));
        app.join(2, "01022222222");
        app.clock.advance_ms(GIVEN_UP_MS);
        // Two sweeps at once do no harm.
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| app.app().deals.sweep().expect("it sweeps"));
            }
        });
        eventually("the uses are voided", || uses.iter().all(|id| shown(&app, *id)["status"] == "fail"));
        assert_eq!(shown(&app, save)["status"], "pending", "only point can say what became of a save");
        app.start("point");
        eventually("the save is completed", || shown(&app, save)["status"] == "success");
        all_over(&app);
        assert_eq!(app.points_of(1), Some(1_100));
    }
}

#[test]
fn deals_beyond_the_capacity_are_told_at_once_to_come_back() {
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::open_with(engine, &["points.welcome=0", "deals.capacity=10"]);
        app.join_normal(1);
        app.delay_point(Some((400, 400)));
        let sent: Vec<_> = (0..60)
            .map(|number| (app.address(), Sent::post("/deals", body("save", 100_000, 0)).key(&format!("k-{number}"))))
            .collect();
        let answers = send_together(&sent);
        let (refused, taken): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 503);
        for answer in &refused {
            answer.must_be_problem(503);
            assert_eq!((answer.code(), answer.json.get("dealId")), ("deal.overloaded", None));
            assert!(answer.took < Duration::from_millis(350), "{:?}", answer.took);
        }
        assert!((10..=15).contains(&taken.len()), "{} found a place", taken.len());
        assert!(taken.iter().all(|answer| field(answer, "status") == "success"), "{taken:?}");
        app.delay_point(None);
        app.settle();
        assert_eq!(app.all_of("deals").as_array().map(Vec::len), Some(taken.len()), "of the refused nothing is stored");
        let again = sent.iter().zip(&answers).find(|(_, answer)| answer.status == 503).expect("one was refused");
        assert_eq!(field(&again.0.1.to(app.address()).must_be(201), "status"), "success");
        app.settle();
        app.verify();
    }
}
