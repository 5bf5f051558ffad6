//! Every way in which a question about a deal, its answer, its driver or its sender can be lost, against every kind of
//! deal: each ends exactly once, a balance is what the deals say, and who was told nothing pays nothing.

#[path = "deals/case.rs"]
mod case;
#[path = "deals/lossy.rs"]
mod lossy;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};

use self::case::{Case, Kind, Sender};
use self::lossy::{Fault, Line};
use crate::support::{Engine, Setup, TestApp, within};

/// Cases that are played at the same time.
const AT_ONCE: usize = 8;
/// After so long a deal that nobody drives is given up.
const SWEPT_AFTER_MS: i64 = 31_000;
const ENDS_WITHIN: Duration = Duration::from_secs(20);

/// One pass through all its cases.
#[derive(Clone, Copy)]
struct Pass {
    engine: Engine,
    /// `deals.clawback=refuse`.
    refuses: bool,
    /// The server ends and another one starts while deals are pending.
    restarts: bool,
    /// Point is stopped while the deals are posted, whatever the line does; the line is sound.
    stops_point: bool,
    /// The sweep ends what is pending while point is stopped, point follows while deal is stopped, and then the server
    /// dies: each commit of the way out stands alone for a while.
    in_single_steps: bool,
}

impl Pass {
    fn on(engine: Engine) -> Self {
        Self { engine, refuses: false, restarts: false, stops_point: false, in_single_steps: false }
    }

    fn setup(self, line: &Arc<Line>) -> Setup {
        let mut setup = Setup::on(self.engine).with(&[
            "questions.point.time_limit_ms=400",
            // Here every question is to be tried; breakers have their own tests.
            "breaker.min_calls=100000",
        ]);
        if self.refuses {
            setup = setup.with(&["deals.clawback=refuse"]);
        }
        let line = Arc::clone(line);
        setup.betweens.deal_and_point = Some(Arc::new(move |point| line.end(point)));
        setup
    }

    fn cases(self) -> Vec<Case> {
        let faults = if self.stops_point { &Fault::ALL[..1] } else { &Fault::ALL[..] };
        let mut cases = Vec::new();
        // What a cancel does under the other policy has been played by then.
        for kind in Kind::ALL.into_iter().filter(|kind| !self.refuses || kind.needs_point(true)) {
            for &fault in faults {
                for sender in Sender::ALL {
                    let member_id = i64::try_from(cases.len()).expect("few cases") + 1;
                    if sender != Sender::Crowd || self.has_crowd(fault) {
                        cases.push(Case::new(member_id, kind, fault, sender));
                    }
                }
            }
        }
        cases
    }

    /// Crowds take their time; on a server they come where they find the most to disturb.
    fn has_crowd(self, fault: Fault) -> bool {
        self.engine == Engine::Sqlite || matches!(fault, Fault::Sound | Fault::AnswerLost | Fault::Repeated)
    }
}

/// What happened on the way; a pass in which the rare things do not happen shows nothing.
#[derive(Debug, Default)]
struct Seen {
    told_nothing: usize,
    pending: usize,
    charged_and_not_told: usize,
    cancels_to_follow: usize,
    voided: usize,
}

#[test]
fn every_deal_ends_once_whatever_is_lost_on_sqlite() {
    let seen = play(Pass::on(Engine::Sqlite));
    assert!(seen.told_nothing > 50 && seen.charged_and_not_told > 0 && seen.cancels_to_follow > 0, "{seen:?}");
    assert!(seen.voided > 0, "{seen:?}");
}

#[test]
fn every_deal_ends_once_whatever_is_lost_on_postgres() {
    let seen = play(Pass { restarts: true, ..Pass::on(Engine::Postgres) });
    assert!(seen.told_nothing > 50 && seen.voided > 0, "{seen:?}");
}

#[test]
fn every_deal_ends_once_though_servers_die_between_any_two_commits() {
    play(Pass { restarts: true, in_single_steps: true, ..Pass::on(Engine::Sqlite) });
}

#[test]
fn cancels_that_point_may_refuse_end_once_too() {
    play(Pass { refuses: true, ..Pass::on(Engine::Sqlite) });
}

#[test]
fn deals_posted_while_point_is_stopped_end_once() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let seen = play(Pass { stops_point: true, ..Pass::on(engine) });
        assert!(seen.told_nothing > 5 && seen.cancels_to_follow > 0, "{seen:?}");
    }
}

fn play(pass: Pass) -> Seen {
    let (line, mut cases) = (Arc::new(Line::default()), pass.cases());
    let mut app = TestApp::start_up(pass.setup(&line));
    prepare(&app, &line, &mut cases);
    let mut seen = post_over_a_bad_line(pass, &app, &line, &mut cases);
    if pass.restarts {
        restart(&mut app, &line);
    }
    // Only what is still pending is taken up; the sound line stays.
    line.deliver_late(Fault::LateQuestion);
    at_once(&mut cases, |case| {
        if case.sender == Sender::RepeatsSoon {
            let answer = case.send_again(&app);
            assert_eq!(answer.status, 201, "{}", answer.text);
        }
    });
    (seen.pending, seen.charged_and_not_told) = charged_without_a_word(&app, &cases);
    sweep(pass, &mut app, &line);
    line.deliver_late(Fault::VeryLateQuestion);
    line.deliver_late(Fault::Repeated);
    at_once(&mut cases, |case| {
        if case.sender == Sender::RepeatsLate {
            let answer = case.send_again(&app);
            assert_eq!(answer.status, 201, "{}", answer.text);
        }
    });
    app.settle();
    seen.voided = must_be_right(pass, &app, &cases);
    app.verify();
    println!("{:?}: {} cases, {seen:?}", pass.engine, cases.len());
    seen
}

/// Joins a member for each case and makes the deals that the cases are about.
fn prepare(app: &TestApp, line: &Line, cases: &mut [Case]) {
    at_once(cases, |case| {
        app.join(case.member_id, &format!("010{:08}", case.member_id));
        line.set(case.member_id, case.fault);
    });
    app.settle();
    at_once(cases, |case| case.prepare(app));
}

fn post_over_a_bad_line(pass: Pass, app: &TestApp, line: &Line, cases: &mut [Case]) -> Seen {
    line.is_bad(true);
    if pass.stops_point {
        app.stop("point");
    }
    let (mut crowds, mut others): (Vec<_>, Vec<_>) = cases.iter_mut().partition(|case| case.sender == Sender::Crowd);
    each_at_once(&mut others, |case| case.send(app));
    each_at_once(&mut crowds, |case| case.send(app));
    let stranger = i64::try_from(cases.len()).expect("few cases") + 1;
    app.join(stranger, "01099999999");
    for case in cases.iter() {
        let unheard = case.kind.needs_point(pass.refuses) && (case.fault.is_silent() || pass.stops_point);
        assert!(!(unheard && case.was_told()), "nobody could know: {case:?}");
    }
    line.is_bad(false);
    if pass.stops_point {
        app.start("point");
    }
    let pending_points = |case: &Case| case.heard.iter().any(|answer| answer.json["pointStatus"] == "PENDING");
    Seen {
        told_nothing: cases.iter().filter(|case| !case.was_told()).count(),
        cancels_to_follow: cases.iter().filter(|case| pending_points(case)).count(),
        ..Seen::default()
    }
}

/// Deals that are pending, and those of them whose points are gone although nobody was told: what the sweep is for.
fn charged_without_a_word(app: &TestApp, cases: &[Case]) -> (usize, usize) {
    let all = app.all_of("deals");
    let all = all.as_array().expect("deals");
    let pending = all.iter().filter(|deal| deal["status"] == "pending").count();
    let charged = cases.iter().filter(|case| {
        let is_pending = case.deals(all).last().is_some_and(|deal| deal["status"] == "pending");
        is_pending && case.kind == Kind::Use && app.points_of(case.member_id) == Some(700)
    });
    (pending, charged.count())
}

fn restart(app: &mut TestApp, line: &Line) {
    line.hang_up();
    app.restart();
}

/// Lets the time pass after which deals are given up, and waits until all have ended.
fn sweep(pass: Pass, app: &mut TestApp, line: &Line) {
    if pass.in_single_steps {
        app.stop("point");
    }
    app.clock.advance_ms(SWEPT_AFTER_MS);
    if pass.in_single_steps {
        no_deal_is(app, |deal| deal["status"] == "pending" && deal["type"] == "use");
        app.stop("deal");
        app.start("point");
        // Point has read deal's log to its end, and deal has heard nothing of it.
        app.settle();
        restart(app, line);
    }
    no_deal_is(app, |deal| deal["status"] == "pending" || deal["pointStatus"] == "PENDING");
    app.settle();
}

fn no_deal_is(app: &TestApp, open: impl Fn(&Value) -> bool) {
    within(ENDS_WITHIN, "every deal has ended", || !app.all_of("deals").as_array().expect("deals").iter().any(&open));
}

/// Fails unless every case ended as it must; how many deals were voided.
fn must_be_right(pass: Pass, app: &TestApp, cases: &[Case]) -> usize {
    let all = app.all_of("deals");
    let all = all.as_array().expect("deals");
    let mut wrongs = Vec::new();
    for case in cases {
        let account = app.get(&format!("/points/{}", case.member_id)).must_be(200).json;
        let found = case.wrongs(all, &account, pass.refuses);
        if !found.is_empty() {
            let Case { kind, fault, sender, .. } = case;
            wrongs.push(format!("{kind:?} {fault:?} {sender:?}: {}", found.join("; ")));
        }
    }
    assert!(wrongs.is_empty(), "{} of {} cases:\n{}", wrongs.len(), cases.len(), wrongs.join("\n"));
    all.iter().filter(|deal| deal["failReason"] == "deal.timed_out").count()
}

fn at_once(cases: &mut [Case], play: impl Fn(&mut Case) + Sync) {
    each_at_once(&mut cases.iter_mut().collect::<Vec<_>>(), |case| play(case));
}

/// Plays cases side by side.
fn each_at_once(cases: &mut [&mut Case], play: impl Fn(&mut Case) + Sync) {
    let waiting = Mutex::new(cases.iter_mut());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    // The lock must not be held while the case is played.
                    let next = waiting.lock().next();
                    let Some(case) = next else { break };
                    play(case);
                }
            });
        }
    });
}

#[test]
fn control_without_the_memory_of_keys_a_repeat_is_another_deal() {
    let app = TestApp::start_up(Setup { remembers_keys: false, ..Setup::on(Engine::Sqlite) });
    app.join_normal(1);
    let body = json!({"memberId": 1, "merchantId": 1, "type": "use", "dealAmount": 1, "point": 100});
    for _ in 0..2 {
        app.request("POST", "/deals").key("k").json(&body).send().must_be(201);
    }
    assert_eq!(app.points_of(1), Some(800));
}

#[test]
fn control_a_point_that_forgets_its_answers_takes_the_points_again() {
    let line = Arc::new(Line::default());
    let app = TestApp::start_up(Pass::on(Engine::Sqlite).setup(&line));
    let mut case = Case::new(1, Kind::Use, Fault::AnswerRefused, Sender::RepeatsSoon);
    prepare(&app, &line, std::slice::from_mut(&mut case));
    line.is_bad(true);
    case.send(&app);
    line.is_bad(false);
    assert_eq!(app.points_of(1), Some(700), "taken, and nobody was told");
    let forgotten = app.app().points.funnel.with_session(|tx| tx.execute("DELETE FROM point_deal", &[]));
    assert_eq!(forgotten.expect("the answers can be removed"), 1);
    assert_eq!(case.send_again(&app).status, 201);
    assert_eq!(app.points_of(1), Some(400), "taken again");
    app.settle();
    let all = app.all_of("deals");
    let account = app.get("/points/1").json;
    assert!(!case.wrongs(all.as_array().expect("deals"), &account, false).is_empty(), "and the case sees it");
}
