//! Random histories of deals across contexts: the rules of deal, point and settlement put together, with questions and
//! answers lost, late and doubled, and events that are followed later, beside a naive model that runs in one thread.

#[path = "deal_histories/checks.rs"]
mod checks;
#[path = "deal_histories/ledger.rs"]
mod ledger;
#[path = "deal_histories/model.rs"]
mod model;
#[path = "deal_histories/settlement.rs"]
mod settlement;
#[path = "deal_histories/shop.rs"]
mod shop;
#[path = "deal_histories/steps.rs"]
mod steps;
#[path = "deal_histories/system.rs"]
mod system;

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::collection::vec as many;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRng, TestRunner};

use checks::{agree, books_balance, rests};
use model::Model;
use steps::{Step, any_step};
use system::{News, System, Without};

const HISTORIES: u32 = 10_000;
/// So many histories at most until a protection that is missing has shown.
const CONTROL_HISTORIES: u32 = 2_000;

/// Plays a history to the rules and to the model; what is wrong, if anything is.
fn play(
    history: &[Step],
    may_owe: bool,
    without: Without,
    seen: &RefCell<BTreeMap<String, u64>>,
) -> Result<(), String> {
    let (mut system, mut model) = (System::new(without, may_owe), Model::new(may_owe));
    let follow = |system: &System, model: &mut Model, news: &[News]| -> Result<(), String> {
        news.iter().try_for_each(|news| model.hear(news))?;
        agree(system, model)?;
        books_balance(system)
    };
    for step in history {
        set_time(&system, &mut model);
        let news = system.take(step);
        model.take(step);
        follow(&system, &mut model, &news).map_err(|wrong| format!("{step:?}: {wrong}"))?;
    }
    // Time passes while things come to rest, and the model has to see each moment.
    for _ in 0..3 {
        for end in system::ENDS {
            set_time(&system, &mut model);
            let news = system.end(end);
            set_time(&system, &mut model);
            if end == system::End::Sweep {
                model.sweep();
            }
            follow(&system, &mut model, &news)?;
        }
    }
    rests(&system, &model)?;
    checks::note(&system, &mut seen.borrow_mut());
    Ok(())
}

fn set_time(system: &System, model: &mut Model) {
    let month = system.today().month;
    model.set_time(system.now_ms, (0..=system::EXPIRY_MONTHS).map(|ahead| month.plus(ahead).as_number()).collect());
}

fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

#[test]
fn every_history_of_deals_agrees_with_the_clerk_and_balances() {
    let seen = RefCell::new(BTreeMap::new());
    TestRunner::new(config(HISTORIES))
        .run(&(many(any_step(), 1..60), any::<bool>()), |(history, may_owe)| {
            play(&history, may_owe, Without::Nothing, &seen).map_err(TestCaseError::fail)
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    // Histories that never come to something prove nothing about it.
    let seen = seen.into_inner();
    for what in WANTED {
        assert!(seen.get(what).is_some_and(|count| *count >= 20), "{what}: {seen:?}");
    }
}

/// What histories have to come across.
const WANTED: [&str; 30] = [
    "save success",
    "save member_unknown",
    "save account_closing",
    "save merchant_blocked",
    "use success",
    "use member_unknown",
    "use account_closing",
    "use merchant_blocked",
    "use insufficient_points",
    "use deal.timed_out",
    "saveCancel success",
    "saveCancel insufficient_points",
    "saveCancel deal.nothing_to_cancel",
    "useCancel success",
    "useCancel deal.nothing_to_cancel",
    "cancel deal.nothing_to_cancel",
    "cancelled in part",
    "left to point",
    "voided after its use",
    "voided before its use",
    "owed",
    "a member left",
    "a negative run",
    "EARN",
    "USE",
    "EARN_CANCEL",
    "USE_CANCEL",
    "OWED_REPAY",
    "EXPIRE",
    "FORFEIT",
];

#[test]
fn a_protection_that_is_left_out_shows() {
    for (without, wrong) in [
        (Without::Memory, "member"),
        (Without::VoidBefore, "member"),
        (Without::Void, "by the ledger and"),
        (Without::Reservation, "deal"),
        (Without::Sequences, "the run of"),
    ] {
        let seen = RefCell::new(BTreeMap::new());
        let mut runner = TestRunner::new_with_rng(Config { max_shrink_iters: 0, ..config(CONTROL_HISTORIES) }, rng());
        let found = runner.run(&(many(any_step(), 1..60), any::<bool>()), |(history, may_owe)| {
            play(&history, may_owe, without, &seen).map_err(TestCaseError::fail)
        });
        let said = found.err().map_or_else(String::new, |found| found.to_string());
        assert!(said.contains(wrong) && !said.contains("panicked"), "without {without:?}: {said}");
    }
}

/// The same histories in every run of the controls.
fn rng() -> TestRng {
    TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha)
}
