//! Every way in which a question between cart and gifticon or its answer can be lost, against senders who leave or repeat,
//! a provider that has its ways, removals at any moment, and contexts that are stopped until the server dies: each cart has
//! one legal end, no piece is lost or sold twice, and the provider has charged once and given back once.

#[path = "carts/case.rs"]
pub mod case;
#[path = "carts/line.rs"]
pub mod line;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::json;

use self::case::{Case, Sender, Shown, Wish};
use self::line::{Fault, Line, TIME_LIMIT_MS};
use crate::support::{Client, Engine, Request, Setup, TestApp, within};

/// Cases that are played at the same time.
const AT_ONCE: usize = 32;
/// After this gifticon asks about a reservation of which no cart came, and cart about a removal.
const ASKED_AFTER_MS: i64 = 4_000;
const ENDS_WITHIN: Duration = Duration::from_secs(20);
/// Known to the sandbox inside the program.
pub const KEY: &str = "test-key";

/// Who takes nothing in from which moment on, until the server dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stops {
    /// Nobody, and the server lives.
    Nobody,
    /// Payment has seen no cart when it is removed.
    Payment,
    /// Payment has charged, and cart has not heard of it.
    Cart,
    /// Cart is paid, and gifticon has not followed.
    Gifticon,
}

const EVERYBODY: [Stops; 4] = [Stops::Nobody, Stops::Payment, Stops::Cart, Stops::Gifticon];

/// What happened on the way; a matrix in which the rare things do not happen shows nothing.
#[derive(Debug, Default)]
struct Seen {
    cases: usize,
    told_nothing: usize,
    never_came: usize,
    late_questions: usize,
    bought: usize,
    removed: usize,
    stayed: usize,
    given_back: usize,
}

#[test]
fn every_cart_ends_once_whatever_is_lost_on_sqlite() {
    every_cart_ends_once_whatever_is_lost(Engine::Sqlite);
}

#[test]
fn every_cart_ends_once_whatever_is_lost_on_postgres() {
    every_cart_ends_once_whatever_is_lost(Engine::Postgres);
}

fn every_cart_ends_once_whatever_is_lost(engine: Engine) {
    let line = Arc::new(Line::default());
    let mut app = TestApp::start_up(setup(engine, &line));
    let mut seen = Seen::default();
    for (round, stops) in (0..).zip(EVERYBODY) {
        let mut cases = cases(engine, stops, 1 + 1_000 * round);
        play(&mut app, &line, stops, &mut cases, &mut seen);
    }
    app.settle();
    app.verify();
    println!("carts on {engine:?}: {seen:?}");
    assert!(seen.told_nothing > 60 && seen.never_came > 20 && seen.late_questions > 20, "{seen:?}");
    assert!(seen.bought > 20 && seen.removed > 10 && seen.stayed > 5 && seen.given_back > 5, "{seen:?}");
}

fn setup(engine: Engine, line: &Arc<Line>) -> Setup {
    let limit = format!("questions.gifticon.time_limit_ms={TIME_LIMIT_MS}");
    let key = format!("payment.key={KEY}");
    // Here every question is to be tried; breakers have their own tests.
    let mut setup = Setup::on(engine).with(&[&limit, &key, "breaker.min_calls=100000"]);
    setup.betweens = line.betweens();
    setup
}

/// Every fault with everything that may become of the cart, and with every sender where nobody stops, with one of them
/// in turn where somebody does; numbered from `first`.
fn cases(engine: Engine, stops: Stops, first: i64) -> Vec<Case> {
    // What senders do has been played on the other engine.
    let senders = if engine == Engine::Sqlite { &Sender::ALL[..] } else { &[Sender::Leaves, Sender::RepeatsLate] };
    let mut cases = Vec::new();
    for (row, fault) in Fault::ALL.into_iter().enumerate() {
        for (column, wish) in Wish::ALL.into_iter().enumerate() {
            let of = if stops == Stops::Nobody { 0..senders.len() } else { row + column..row + column + 1 };
            for sender in of.map(|place| senders[place % senders.len()]) {
                let id = first + i64::try_from(cases.len()).expect("few cases");
                cases.push(Case::new(id, fault, sender, wish));
            }
        }
    }
    cases
}

/// One round.
fn play(app: &mut TestApp, line: &Line, stops: Stops, cases: &mut [Case], seen: &mut Seen) {
    each(cases, |case| {
        line.set(case.id, case.fault);
        case.register(app);
    });
    if stops != Stops::Nobody {
        app.stop("payment");
    }
    line.is_bad(true);
    each(cases, |case| {
        case.send(app);
        if case.wish == Wish::RemoveAtOnce {
            case.remove(app);
        }
    });
    line.is_bad(false);
    seen.told_nothing += cases.iter().filter(|case| case.cart_id().is_none()).count();
    if stops != Stops::Nobody {
        stop_and_die(app, line, stops);
    }
    each(cases, |case| {
        if case.sender == Sender::Repeats {
            case.send(app);
        }
    });
    app.clock.advance_ms(ASKED_AFTER_MS);
    within(ENDS_WITHIN, "what no cart came for is free again", || nothing_waits(app));
    each(cases, |case| {
        if case.sender == Sender::RepeatsLate {
            case.send(app);
        }
    });
    seen.never_came += cases.iter().filter(|case| case.cart_id().is_none()).count();
    remove(app, line, cases);
    seen.late_questions += line.deliver_late();
    app.clock.advance_ms(ASKED_AFTER_MS);
    must_all_be_right(app, cases);
    seen.note(app, cases);
}

/// Brings the server to where only a part has followed, and starts another one.
fn stop_and_die(app: &mut TestApp, line: &Line, stops: Stops) {
    match stops {
        Stops::Cart => app.stop("cart"),
        Stops::Gifticon => app.stop("gifticon"),
        Stops::Nobody | Stops::Payment => {}
    }
    if stops != Stops::Payment {
        app.start("payment");
        app.settle();
    }
    line.hang_up();
    app.restart();
}

/// Whether gifticon keeps nothing for carts that never came.
fn nothing_waits(app: &TestApp) -> bool {
    let sql = "SELECT count(*) FROM reservation WHERE ask_at IS NOT NULL";
    let rows = app.app().purchases.gifticons.funnel.with_session(|tx| tx.query(sql, &[]));
    rows.expect("reservations can be read")[0].int(0) == 0
}

/// Carts that are to go once they are decided go over a bad line; who is not answered asks again later.
fn remove(app: &TestApp, line: &Line, cases: &mut [Case]) {
    each(cases, |case| {
        if matches!(case.wish, Wish::RemoveDecided | Wish::UseAndRemove) {
            within(ENDS_WITHIN, &format!("{case:?} is decided"), || case.is_decided(app));
        }
        if case.wish == Wish::UseAndRemove {
            case.use_voucher(app);
        }
    });
    line.is_bad(true);
    each(cases, |case| {
        if matches!(case.wish, Wish::RemoveDecided | Wish::UseAndRemove) {
            case.remove(app);
        }
    });
    line.is_bad(false);
    each(cases, |case| {
        // The others are removed by the sweep.
        let is_open = case.removed.last().is_some_and(|answer| answer.status == 503);
        if is_open && (case.sender == Sender::Repeats || case.used) {
            case.remove(app);
        }
    });
}

fn must_all_be_right(app: &TestApp, cases: &[Case]) {
    let started = Instant::now();
    loop {
        let shown = shown(app);
        let wrongs: Vec<_> = cases
            .iter()
            .map(|case| (case, case.wrongs(&shown)))
            .filter(|(_, wrongs)| !wrongs.is_empty())
            .map(|(case, wrongs)| {
                let told = case.heard.iter().chain(&case.removed).map(|answer| answer.status).collect::<Vec<_>>();
                let Case { id, fault, sender, wish, .. } = case;
                format!("{id} {fault:?} {sender:?} {wish:?}, told {told:?}: {}", wrongs.join("; "))
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

/// Everything that there is to look at.
fn shown(app: &TestApp) -> Shown {
    let [carts, payments, gifticons, vouchers] =
        ["carts", "payments", "gifticons", "vouchers"].map(|all| app.all_of(all));
    Shown { carts, payments, gifticons, vouchers, charges: charges(app) }
}

/// The provider's own list.
pub fn charges(app: &TestApp) -> Vec<serde_json::Value> {
    let address = std::fs::read_to_string(app.data().join("sandbox-payments.address")).expect("the sandbox runs");
    let address: SocketAddr = address.trim().parse().expect("an address");
    let client = Client::new(address);
    let request = Request::new(&client, "GET", "/v1/charges?limit=10000");
    let page = request.header("authorization", &format!("Bearer {KEY}")).send().must_be(200).json;
    assert_eq!(page["next"], json!(null), "all of it on one page");
    page["charges"].as_array().cloned().expect("charges")
}

impl Seen {
    fn note(&mut self, app: &TestApp, cases: &[Case]) {
        let told = |case: &Case, status: u16| case.removed.iter().any(|answer| answer.status == status);
        let carts = app.all_of("carts");
        let is_mine = |cart: &serde_json::Value| cases.iter().any(|case| cart["customerId"] == case.id);
        let carts = carts.as_array().into_iter().flatten().filter(|cart| is_mine(cart));
        self.cases += cases.len();
        self.bought += carts.filter(|cart| cart["status"] == "PaymentApproved").count();
        self.removed += cases.iter().filter(|case| told(case, 204)).count();
        self.stayed += cases.iter().filter(|case| told(case, 409)).count();
        self.given_back = charges(app).iter().filter(|charge| charge["refunds"] == 1).count();
    }
}

/// Plays cases side by side.
pub fn each<C: Send>(cases: &mut [C], play: impl Fn(&mut C) + Sync) {
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
fn control_a_gifticon_that_forgets_that_a_voucher_was_used_lets_the_cart_go() {
    let line = Arc::new(Line::default());
    let app = TestApp::start_up(setup(Engine::Sqlite, &line));
    let mut case = Case::new(7, Fault::Sound, Sender::Leaves, Wish::UseAndRemove);
    case.register(&app);
    case.send(&app);
    within(ENDS_WITHIN, "it is paid", || case.is_decided(&app));
    case.use_voucher(&app);
    let forgotten = "UPDATE voucher SET status = 'ISSUED'";
    let gifticons = &app.app().purchases.gifticons.funnel;
    assert_eq!(gifticons.with_session(|tx| tx.execute(forgotten, &[])).expect("it forgets"), 1);
    case.remove(&app);
    app.settle();
    let wrongs = case.wrongs(&shown(&app)).join("; ");
    assert!(wrongs.contains("refused to be removed, but not used") || wrongs.contains("told removed"), "{wrongs}");
}
