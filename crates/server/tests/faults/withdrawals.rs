//! Every way in which a question about a withdrawal, its answer or its driver can be lost, against both who are asked,
//! with the server dying before and after each commit: here with everything or gone with everything, and whoever was
//! told that nothing has changed finds everything as before.

#[path = "withdrawals/case.rs"]
mod case;
#[path = "withdrawals/line.rs"]
mod line;

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::member::Follower;
use parking_lot::Mutex;

use self::case::{Case, Sender, ask, phone};
use self::line::{Fault, Line, TIME_LIMIT_MS};
use crate::support::{Engine, Setup, TestApp, within};

/// A refused withdrawal is undone within this.
const UNDONE_WITHIN: Duration = Duration::from_secs(2);
/// What a dead driver left is ended by then: the sweeper waits for 1.5 s.
const ENDS_WITHIN: Duration = Duration::from_secs(10);
/// Cases that are looked at at the same time.
const AT_ONCE: usize = 8;

/// After which commit the server dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dies {
    /// Not at all.
    Never,
    /// It is asked for, and nobody has prepared.
    Requested,
    /// Only this one has prepared.
    Prepared(Follower),
    /// Both have prepared, and nothing is decided or undone.
    BothPrepared,
    /// Decided or undone, and nobody has followed.
    Ended,
    /// Decided or undone; only this one has followed, and member has heard of it.
    Followed(Follower),
    /// Decided or undone, and both have followed; member has not heard of it.
    BothFollowed,
}

/// First those in which drivers give up in time, then those in which they die: each server has the settings of one kind.
const EVERYWHERE: [Dies; 9] = [
    Dies::Never,
    Dies::Ended,
    Dies::Followed(Follower::Point),
    Dies::Followed(Follower::Coupon),
    Dies::BothFollowed,
    Dies::Requested,
    Dies::Prepared(Follower::Point),
    Dies::Prepared(Follower::Coupon),
    Dies::BothPrepared,
];

/// What happened on the way; a matrix in which the rare things do not happen shows nothing.
#[derive(Debug, Default)]
struct Seen {
    cases: usize,
    unanswered: usize,
    refused: usize,
    following: usize,
    done: usize,
    /// How withdrawals stood when the server had died.
    preparing: usize,
    withdrawing: usize,
    late_questions: usize,
}

#[test]
fn every_withdrawal_ends_legally_whatever_is_lost_and_wherever_the_server_dies_on_sqlite() {
    every_withdrawal_ends_legally_whatever_is_lost_and_wherever_the_server_dies(Engine::Sqlite);
}

#[test]
fn every_withdrawal_ends_legally_whatever_is_lost_and_wherever_the_server_dies_on_postgres() {
    every_withdrawal_ends_legally_whatever_is_lost_and_wherever_the_server_dies(Engine::Postgres);
}

fn every_withdrawal_ends_legally_whatever_is_lost_and_wherever_the_server_dies(engine: Engine) {
    let line = Arc::new(Line::default());
    let mut app = TestApp::start_up(setup(engine, &line));
    let mut seen = Seen::default();
    let next = EVERYWHERE.into_iter().skip(1).chain([Dies::BothPrepared]);
    for (round, (dies, next)) in (0..).zip(EVERYWHERE.into_iter().zip(next)) {
        play(&mut app, &line, (dies, next), cases(1 + 100 * round), &mut seen);
    }
    app.settle();
    app.verify();
    println!("withdrawals on {engine:?}: {seen:?}");
    assert!(seen.unanswered > 50 && seen.refused > 50 && seen.following > 5, "{seen:?}");
    // In the round without a death the rest of what is decided may follow after the answer, on a busy machine.
    assert!(seen.done >= 1 && seen.done + seen.following > 10, "{seen:?}");
    assert!(seen.preparing > 50 && seen.withdrawing > 5 && seen.late_questions > 50, "{seen:?}");
}

fn setup(engine: Engine, line: &Arc<Line>) -> Setup {
    let sets = settings(Dies::Never);
    let mut setup = Setup::on(engine).with(&sets.each_ref().map(String::as_str));
    setup.betweens = line.betweens();
    setup
}

/// Here every question is to be tried; breakers have their own tests. A driver that is to die must not give up before.
fn settings(dies: Dies) -> [String; 3] {
    let limit_ms = if dies.held().is_some() { 60_000 } else { TIME_LIMIT_MS };
    let limit = |who| format!("questions.{who}.time_limit_ms={limit_ms}");
    [limit("point"), limit("coupon"), "breaker.min_calls=100000".to_owned()]
}

/// Every fault of either, with either sender; members are numbered from `first`.
fn cases(first: i64) -> Vec<Case> {
    let mut cases = Vec::new();
    for faulty in [Follower::Point, Follower::Coupon] {
        for fault in Fault::ALL {
            for sender in [Sender::Leaves, Sender::Repeats] {
                let member_id = first + i64::try_from(cases.len()).expect("few cases");
                cases.push(Case::new(member_id, faulty, fault, sender));
            }
        }
    }
    cases
}

/// One round; the server that comes after this one is that of the next round.
fn play(app: &mut TestApp, line: &Arc<Line>, (dies, next): (Dies, Dies), mut cases: Vec<Case>, seen: &mut Seen) {
    each(&mut cases, |case| {
        app.join(case.member_id, &phone(case.member_id));
    });
    app.settle();
    leave(app, line, dies, &mut cases, seen);
    if dies == Dies::Never {
        line.be_sound();
    } else {
        restart(app, line, next);
    }
    let app = &*app;
    each(&mut cases, |case| {
        if case.heard == Some(503) {
            must_hold(case, Instant::now(), || case.not_as_before(app));
        }
    });
    each(&mut cases, |case| {
        within(ENDS_WITHIN, &format!("{case:?} has ended"), || case.has_ended(app));
        if case.sender == Sender::Repeats {
            within(ENDS_WITHIN, &format!("{case:?} can leave"), || case.send_again(app) != Some(503));
        }
    });
    each(&mut cases, |case| must_hold(case, Instant::now(), || case.wrong_end(app)));
    seen.late_questions += line.deliver_late();
    each(&mut cases, |case| must_hold(case, Instant::now(), || case.wrong_end(app)));
    seen.note(&cases);
}

/// The server dies, and another one starts that is going to die like this.
fn restart(app: &mut TestApp, line: &Line, dies: Dies) {
    line.hang_up();
    let sets = settings(dies);
    app.restart_with(&sets.each_ref().map(String::as_str));
}

/// Everybody asks to leave at once, and the server is brought to the commit after which it is to die.
fn leave(app: &TestApp, line: &Line, dies: Dies, cases: &mut [Case], seen: &mut Seen) {
    line.begin();
    cases.iter().for_each(|case| line.set(case.member_id, case.faulty, case.fault));
    if let Some(held) = dies.held() {
        line.hold(held);
    }
    let stopped = dies.stopped();
    if !stopped.is_empty() {
        let contexts = Arc::clone(app.app());
        line.stop_when_asked(cases.len(), move || {
            stopped.iter().for_each(|context| contexts.set_running(context, false).expect("a context's name"));
        });
    }
    if dies == Dies::Never {
        ask_and_look(app, cases);
        seen.look(app, cases);
        app.settle();
        return;
    }
    let asking: Vec<_> = cases.iter().map(|case| case.ask_aside(app)).collect();
    if dies.held().is_some() {
        within(ENDS_WITHIN, "all questions are on their way", || line.asked() == 2 * cases.len());
        seen.look(app, cases);
        line.hang_up();
        // Their drivers are gone, and nothing that they are told counts.
        for sender in asking {
            let _ = sender.join();
        }
        return;
    }
    for (case, asking) in cases.iter_mut().zip(asking) {
        case.heard = asking.join().expect("a sender");
    }
    seen.look(app, cases);
    if dies == Dies::BothFollowed {
        app.stop("member");
        app.start("point");
        app.start("coupon");
    }
    app.settle();
}

/// Everybody asks to leave at once; whoever is refused looks at once, and has everything back in time from the answer on.
fn ask_and_look(app: &TestApp, cases: &mut [Case]) {
    std::thread::scope(|scope| {
        for case in cases {
            scope.spawn(move || {
                case.heard = ask(app.address(), case.member_id);
                let answered = Instant::now();
                if case.heard == Some(503) {
                    must_hold(case, answered, || case.not_as_before(app));
                }
            });
        }
    });
}

impl Dies {
    /// Who is reached, if nobody is to hear an answer.
    fn held(self) -> Option<&'static [Follower]> {
        match self {
            Self::Requested => Some(&[]),
            Self::Prepared(Follower::Point) => Some(&[Follower::Point]),
            Self::Prepared(Follower::Coupon) => Some(&[Follower::Coupon]),
            Self::BothPrepared => Some(&[Follower::Point, Follower::Coupon]),
            _ => None,
        }
    }

    /// Who takes nothing in from the answers on.
    fn stopped(self) -> &'static [&'static str] {
        match self {
            Self::Ended | Self::BothFollowed => &["point", "coupon"],
            Self::Followed(Follower::Point) => &["coupon"],
            Self::Followed(Follower::Coupon) => &["point"],
            _ => &[],
        }
    }
}

impl Seen {
    /// How withdrawals stand just before the server dies.
    fn look(&mut self, app: &TestApp, cases: &[Case]) {
        for case in cases {
            let step = case.step(app);
            self.preparing += usize::from(step == "PREPARING");
            self.withdrawing += usize::from(step == "WITHDRAWING");
        }
    }

    fn note(&mut self, cases: &[Case]) {
        let count = |heard: Option<u16>| cases.iter().filter(|case| case.heard == heard).count();
        self.cases += cases.len();
        self.unanswered += count(None);
        self.refused += count(Some(503));
        self.following += count(Some(202));
        self.done += count(Some(204));
    }
}

/// Waits until nothing is wrong, which is soon enough after `since`.
fn must_hold(case: &Case, since: Instant, wrong: impl Fn() -> Option<String>) {
    loop {
        // The time is read first: what is seen later than the limit was too late.
        let waited = since.elapsed();
        let wrong = wrong();
        assert!(waited <= UNDONE_WITHIN, "{case:?} after {waited:?}: {wrong:?}");
        if wrong.is_none() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Looks at cases side by side.
fn each(cases: &mut [Case], look: impl Fn(&mut Case) + Sync) {
    let waiting = Mutex::new(cases.iter_mut());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    // The lock must not be held while the case is looked at.
                    let next = waiting.lock().next();
                    let Some(case) = next else { break };
                    look(case);
                }
            });
        }
    });
}

#[test]
fn control_a_wallet_that_nobody_releases_is_not_as_before() {
    let line = Arc::new(Line::default());
    let app = TestApp::start_up(setup(Engine::Sqlite, &line));
    let mut case = Case::new(1, Follower::Coupon, Fault::AnswerLost, Sender::Leaves);
    app.join(1, &phone(1));
    app.settle();
    line.set(1, case.faulty, case.fault);
    // What was prepared under another attempt than the one that is released stays prepared.
    line.mistake_attempts(1);
    case.heard = case.ask_aside(&app).join().expect("a sender");
    assert_eq!(case.heard, Some(503));
    app.settle();
    let wrong = case.not_as_before(&app).expect("the case sees it");
    assert!(wrong.contains("coupon.member_leaving"), "{wrong}");
    // Control of the control: the release of that attempt frees it.
    line.mistake_attempts(0);
    line.be_sound();
    assert_eq!(case.send_again(&app), Some(204));
    must_hold(&case, Instant::now(), || case.not_gone(&app));
}
