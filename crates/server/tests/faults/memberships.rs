//! Every way in which a question between membership and product or its answer can be lost, against senders who leave or
//! repeat, a provider that has its ways, cancels at any moment, and contexts that are stopped until the server dies: each
//! membership has one legal end, no unit is lost or sold twice, and the provider has charged once and given back once.

#[path = "memberships/case.rs"]
mod case;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use app::kit::Asked;
use app::product::{ProductApi, ReserveUnit, ReservedUnit};
use domain::product::UnitRefusal;
use parking_lot::Mutex;
use server::assembly::Betweens;

use self::case::{Case, Shown, Wish};
use crate::carts::case::Sender;
use crate::carts::line::{Fault, TIME_LIMIT_MS, carry};
use crate::carts::{KEY, charges, each};
use crate::support::{Engine, Setup, TestApp, within};

/// After this product asks about a unit of which no membership came.
const ASKED_AFTER_MS: i64 = 4_000;
/// After this nothing is given back any more: eight days.
const TOO_LATE_MS: i64 = 8 * 86_400_000;
const ENDS_WITHIN: Duration = Duration::from_secs(20);

/// The line between membership and product; it outlives the servers at its ends.
#[derive(Default)]
struct Line {
    bad: AtomicBool,
    faults: Mutex<HashMap<i64, Fault>>,
    late: Mutex<Vec<ReserveUnit>>,
    products: Mutex<Option<Arc<dyn ProductApi>>>,
}

struct Lossy {
    api: Arc<dyn ProductApi>,
    line: Arc<Line>,
}

impl ProductApi for Lossy {
    fn reserve_unit(&self, question: ReserveUnit) -> Asked<'_, ReservedUnit, UnitRefusal> {
        Box::pin(async move {
            let is_bad = self.line.bad.load(Ordering::SeqCst);
            let fault = self.line.faults.lock().get(&question.product_id).copied().filter(|_| is_bad);
            let fault = fault.unwrap_or(Fault::Sound);
            if matches!(fault, Fault::QuestionLate | Fault::Doubled) {
                self.line.late.lock().push(question.clone());
            }
            carry(fault, || self.api.reserve_unit(question.clone())).await
        })
    }
}

impl Line {
    fn betweens(self: &Arc<Self>) -> Betweens {
        let line = Arc::clone(self);
        let wrap = move |api: Arc<dyn ProductApi>| {
            *line.products.lock() = Some(Arc::clone(&api));
            Arc::new(Lossy { api, line: Arc::clone(&line) }) as Arc<dyn ProductApi>
        };
        Betweens { membership_and_product: Some(Arc::new(wrap)), ..Betweens::default() }
    }

    /// Delivers the questions that were kept back, each twice; how many there were.
    fn deliver_late(&self) -> usize {
        let late = std::mem::take(&mut *self.late.lock());
        let api = self.products.lock().clone().expect("a server runs");
        let asking = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        for question in late.iter().flat_map(|question| [question, question]) {
            // Nobody hears what it says.
            drop(asking.block_on(api.reserve_unit(question.clone())));
        }
        late.len()
    }
}

/// What happened on the way; a matrix in which the rare things do not happen shows nothing.
#[derive(Debug, Default)]
struct Seen {
    cases: usize,
    told_nothing: usize,
    late_questions: usize,
    cancelled: usize,
    given_back: usize,
}

#[test]
fn every_membership_ends_once_whatever_is_lost_on_sqlite() {
    every_membership_ends_once_whatever_is_lost(Engine::Sqlite);
}

#[test]
fn every_membership_ends_once_whatever_is_lost_on_postgres() {
    every_membership_ends_once_whatever_is_lost(Engine::Postgres);
}

fn every_membership_ends_once_whatever_is_lost(engine: Engine) {
    let line = Arc::new(Line::default());
    let mut app = TestApp::start_up(setup(engine, &line));
    let mut seen = Seen::default();
    // Nobody is stopped; payment has seen no membership when it is cancelled; payment has charged and membership has not
    // heard of it; membership is paid and product has not followed.
    for (round, stopped) in (0..).zip([None, Some("payment"), Some("membership"), Some("product")]) {
        play(&mut app, &line, stopped, &mut cases(engine, 1 + 1_000 * round), &mut seen);
    }
    app.settle();
    app.verify();
    println!("memberships on {engine:?}: {seen:?}");
    assert!(seen.told_nothing > 100 && seen.late_questions > 20, "{seen:?}");
    assert!(seen.cancelled > 50 && seen.given_back > 20, "{seen:?}");
}

fn setup(engine: Engine, line: &Arc<Line>) -> Setup {
    let limit = format!("questions.product.time_limit_ms={TIME_LIMIT_MS}");
    let key = format!("payment.key={KEY}");
    // Here every question is to be tried; breakers have their own tests.
    let mut setup = Setup::on(engine).with(&[&limit, &key, "breaker.min_calls=100000"]);
    setup.betweens = line.betweens();
    setup
}

/// Every fault with every sender and everything that may become of the membership; numbered from `first`.
fn cases(engine: Engine, first: i64) -> Vec<Case> {
    // What senders do has been played on the other engine.
    let senders = if engine == Engine::Sqlite { &Sender::ALL[..] } else { &[Sender::Leaves, Sender::RepeatsLate] };
    let mut cases = Vec::new();
    for fault in Fault::ALL {
        for &sender in senders {
            for wish in Wish::ALL {
                let id = first + i64::try_from(cases.len()).expect("few cases");
                cases.push(Case::new(id, fault, sender, wish));
            }
        }
    }
    cases
}

/// One round.
fn play(app: &mut TestApp, line: &Line, stopped: Option<&str>, cases: &mut [Case], seen: &mut Seen) {
    each(cases, |case| {
        line.faults.lock().insert(case.id, case.fault);
        case.register(app);
    });
    if stopped.is_some() {
        app.stop("payment");
    }
    line.bad.store(true, Ordering::SeqCst);
    each(cases, |case| {
        case.send(app);
        if case.wish == Wish::CancelAtOnce {
            case.cancel(app);
        }
    });
    line.bad.store(false, Ordering::SeqCst);
    seen.told_nothing += cases.iter().filter(|case| case.mem_id().is_none()).count();
    if let Some(stopped) = stopped {
        stop_and_die(app, line, stopped);
    }
    each(cases, |case| {
        if case.sender == Sender::Repeats {
            case.send(app);
        }
    });
    app.clock.advance_ms(ASKED_AFTER_MS);
    each(cases, |case| {
        within(ENDS_WITHIN, &format!("{case:?} is decided"), || case.is_decided(app));
        if case.sender == Sender::RepeatsLate {
            case.send(app);
        }
        if case.wish == Wish::CancelDecided {
            within(ENDS_WITHIN, &format!("{case:?} is decided"), || case.is_decided(app));
            case.cancel(app);
            case.cancel(app);
        }
    });
    each(cases, |case| {
        within(ENDS_WITHIN, &format!("{case:?} is decided"), || case.is_decided(app));
    });
    seen.late_questions += line.deliver_late();
    app.clock.advance_ms(TOO_LATE_MS);
    each(cases, |case| {
        if case.wish == Wish::CancelLate {
            case.cancel(app);
        }
    });
    must_all_be_right(app, cases);
    seen.cases += cases.len();
    seen.cancelled += cases.iter().filter(|case| !case.cancelled.is_empty()).count();
    seen.given_back = charges(app).iter().filter(|charge| charge["refunds"] == 1).count();
}

/// Brings the server to where only a part has followed, and starts another one.
fn stop_and_die(app: &mut TestApp, line: &Line, stopped: &str) {
    if stopped != "payment" {
        app.stop(stopped);
        app.start("payment");
        app.settle();
    }
    *line.products.lock() = None;
    app.restart();
}

fn must_all_be_right(app: &TestApp, cases: &[Case]) {
    let started = Instant::now();
    loop {
        let [memberships, payments, products] = ["memberships", "payments", "products"].map(|all| app.all_of(all));
        let shown = Shown { memberships, payments, products, charges: charges(app) };
        let told =
            |case: &Case| case.heard.iter().chain(&case.cancelled).map(|answer| answer.status).collect::<Vec<_>>();
        let wrongs: Vec<_> = cases
            .iter()
            .map(|case| (case, case.wrongs(&shown)))
            .filter(|(_, wrongs)| !wrongs.is_empty())
            .map(|(case, wrongs)| {
                let Case { id, fault, sender, wish, .. } = case;
                format!("{id} {fault:?} {sender:?} {wish:?}, told {:?}: {}", told(case), wrongs.join("; "))
            })
            .collect();
        if wrongs.is_empty() {
            return;
        }
        let waited = started.elapsed();
        assert!(waited < ENDS_WITHIN, "{} of {} cases:\n{}", wrongs.len(), cases.len(), wrongs.join("\n"));
        std::thread::sleep(Duration::from_millis(200));
    }
}
