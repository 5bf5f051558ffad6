//! Deals that nobody could ask point about are ended by events, once, whichever way and however often these come.

use std::sync::Arc;

use app::deal::Posted;
use domain::deal::{DealStatus, DealType};
use domain::kernel::Month;
use platform::error::ErrorKind;

use super::bus::{Delivery, System};
use super::senders::Random;
use crate::support::Engine;

use app::member::Contacts;

const MEMBERS: std::ops::RangeInclusive<i64> = 1..=8;
/// After so long a deal that nobody drives is given up.
const SWEPT_AFTER_MS: i64 = 31_000;

/// Members with 1,000 points each who earn and use points and take uses back; those with an even number do the second
/// half of it while point is stopped, and nobody repeats anything.
fn play(system: &mut System) {
    let members = Arc::clone(&system.app.members);
    for member in MEMBERS {
        let contacts = Contacts { phone_no: Some(format!("010{member:08}")), ..Contacts::default() };
        system.runtime.block_on(members.join(Some(member), contacts, None)).expect("joined");
    }
    system.settle();
    let mut uses = Vec::new();
    for member in MEMBERS {
        post(system, deal(member, DealType::Save, 100_000), true);
        uses.push(post(system, Posted { point: Some(300), ..deal(member, DealType::Use, 0) }, true));
    }
    for stopped in [false, true] {
        system.app.set_running("point", !stopped).expect("a context's name");
        for member in MEMBERS.filter(|member| (member % 2 == 0) == stopped) {
            let used = uses[usize::try_from(member - 1).expect("a place")];
            post(system, deal(member, DealType::Save, 50_000), !stopped);
            post(system, Posted { point: Some(200), ..deal(member, DealType::Use, 0) }, !stopped);
            let cancel = Posted { point: Some(100), original_deal_id: used, ..deal(member, DealType::UseCancel, 0) };
            assert!(post(system, cancel, true).is_some(), "a cancel stands whether or not point is there");
        }
    }
    system.app.set_running("point", true).expect("a context's name");
    system.settle();
    system.clock.advance_ms(SWEPT_AFTER_MS);
    let swept = system.app.deals.sweep().expect("deals are given up");
    assert_eq!(swept, 8, "a save and a use of four members");
    system.settle();
}

/// Bills every merchant. Of deals that are not settled settlement need not say at once that it has read them, so the last
/// one is a use.
fn bill(system: &mut System) {
    post(system, Posted { point: Some(1), ..deal(1, DealType::Use, 0) }, true);
    system.settle();
    let month = Month::from_number(202_606).expect("a month");
    for merchant in 1..=3 {
        let run = system.runtime.block_on(system.app.settlements.bill(merchant, month, None)).expect("billed");
        assert!(run.is_new);
    }
    system.settle();
}

fn deal(member_id: i64, deal_type: DealType, deal_amount: i64) -> Posted {
    let merchant_id = 1 + member_id % 3;
    Posted { member_id, merchant_id, deal_type, deal_amount: Some(deal_amount), point: None, original_deal_id: None }
}

/// Posts a deal that succeeds, or one that nobody is told about; its number if it succeeded.
fn post(system: &System, posted: Posted, succeeds: bool) -> Option<i64> {
    match system.runtime.block_on(system.app.deals.post_deal(posted, None)) {
        Ok(view) => {
            assert!(succeeds && view.status == DealStatus::Success, "{view:?}");
            Some(view.deal_id)
        }
        Err(error) => {
            assert!(!succeeds && error.kind == ErrorKind::Unavailable, "{error:?}");
            None
        }
    }
}

/// Balances, entries in the ledger, deals by type and status.
type Outcome = (Vec<i64>, i64, Vec<(String, i64)>);

fn outcome(system: &System) -> Outcome {
    let ledger = &system.app.points.funnel;
    let balances = "SELECT remain_point FROM point_account ORDER BY member_id";
    let balances = ledger.with_session(|tx| tx.query(balances, &[])).expect("accounts");
    let entries = ledger.with_session(|tx| tx.query("SELECT count(*) FROM point_entry", &[])).expect("entries");
    let deals =
        "SELECT type || ' ' || status || coalesce(' ' || point_status, ''), count(*) FROM deal GROUP BY 1 ORDER BY 1";
    let deals = system.app.deals.funnel.with_session(|tx| tx.query(deals, &[])).expect("deals");
    let balances = balances.iter().map(|row| row.int(0)).collect();
    (balances, entries[0].int(0), deals.iter().map(|row| (row.text(0).to_owned(), row.int(1))).collect())
}

fn expected() -> Outcome {
    let balances = MEMBERS.map(|member| if member % 2 == 0 { 2_300 } else { 2_100 }).collect();
    // Welcome, save, use and save again, cancel; the second use of half of the members.
    let entries = 8 * 5 + 4;
    let deals = [("save success", 16), ("use fail", 4), ("use success", 12), ("useCancel success DONE", 8)];
    (balances, entries, deals.map(|(name, count)| (name.to_owned(), count)).to_vec())
}

#[test]
fn every_event_of_a_deal_delivered_twice_and_late_moves_its_points_once() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        for seed in [1, 20] {
            let mut system = System::on(engine, Delivery::Disorderly(Random::seeded(seed)));
            play(&mut system);
            assert_eq!(outcome(&system), expected(), "seed {seed}");
            bill(&mut system);
            let stands = |system: &System| (outcome(system), system.app.dashboards.digest().expect("a digest"));
            let before = stands(&system);
            system.redeliver(&mut Random::seeded(seed + 1));
            assert_eq!(stands(&system), before, "the whole past again, seed {seed}");
        }
    }
}

#[test]
fn control_a_point_that_forgets_its_answers_gives_the_points_again() {
    let mut system = System::on(Engine::Sqlite, Delivery::Once);
    play(&mut system);
    assert_eq!(outcome(&system), expected());
    let forgotten = system.app.points.funnel.with_session(|tx| tx.execute("DELETE FROM point_deal", &[]));
    assert!(forgotten.expect("the answers can be removed") >= 40);
    system.redeliver(&mut Random::seeded(1));
    let (balances, entries, _) = outcome(&system);
    assert!(entries > expected().1 && balances != expected().0, "{entries} entries, balances {balances:?}");
}
