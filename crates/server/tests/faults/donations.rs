//! Point decides each donation once, whichever way and however often it is asked.

use std::sync::Arc;

use super::bus::{Delivery, System};
use super::senders::Random;
use crate::support::Engine;

use app::member::Contacts;
use app::point::Transaction;

const DONORS: std::ops::RangeInclusive<i64> = 1..=8;

/// Members with 2,000 points each who give 150, half of them while point is stopped.
fn play(system: &mut System) {
    let (members, points) = (Arc::clone(&system.app.members), Arc::clone(&system.app.points));
    let donations = Arc::clone(&system.app.donations);
    for member in DONORS {
        let contacts = Contacts { phone_no: Some(format!("010{member:08}")), ..Contacts::default() };
        system.runtime.block_on(members.join(Some(member), contacts, None)).expect("joined");
    }
    system.settle();
    for member in DONORS {
        let transaction = Transaction { amount: 1_000, reference: None, reason: None };
        system.runtime.block_on(points.earn_points(member, transaction, None)).expect("earned");
    }
    for (stopped, status) in [(false, "Donated"), (true, "Requested")] {
        system.app.set_running("point", !stopped).expect("a context's name");
        for member in DONORS.filter(|member| (member % 2 == 0) == stopped) {
            let given = system.runtime.block_on(donations.donate(member, 1, 150, None)).expect("taken");
            assert_eq!(format!("{:?}", given.status), status, "{given:?}");
        }
    }
    system.app.set_running("point", true).expect("a context's name");
    system.settle();
}

/// Entries of donations, points that left members by them, and what the general fund shows.
fn taken(system: &System) -> (i64, i64, i64) {
    let sql = "SELECT count(*), CAST(coalesce(sum(-amount), 0) AS BIGINT) FROM point_entry WHERE kind = 'DONATE'";
    let entries = system.app.points.funnel.with_session(|tx| tx.query(sql, &[])).expect("the ledger can be read");
    let fund = "SELECT received_point FROM cause WHERE cause_id = 1";
    let fund = system.app.donations.funnel.with_session(|tx| tx.query(fund, &[])).expect("causes can be read");
    (entries[0].int(0), entries[0].int(1), fund[0].int(0))
}

fn expected() -> (i64, i64, i64) {
    let count = *DONORS.end();
    (count, 150 * count, 150 * count)
}

#[test]
fn every_event_delivered_twice_and_late_decides_each_donation_once() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        for seed in [1, 20] {
            let mut system = System::on(engine, Delivery::Disorderly(Random::seeded(seed)));
            play(&mut system);
            assert_eq!(taken(&system), expected(), "seed {seed}");
            system.redeliver(&mut Random::seeded(seed + 1));
            assert_eq!(taken(&system), expected(), "the whole past again, seed {seed}");
        }
    }
}

#[test]
fn control_a_point_that_forgets_its_answers_takes_the_points_again() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut system = System::on(engine, Delivery::Once);
        play(&mut system);
        assert_eq!(taken(&system), expected());
        let forgotten = system.app.points.funnel.with_session(|tx| tx.execute("DELETE FROM point_question", &[]));
        assert_eq!(forgotten.expect("the answers can be removed"), DONORS.end().unsigned_abs());
        system.redeliver(&mut Random::seeded(1));
        let (entries, points, received) = taken(&system);
        assert!(entries > *DONORS.end() && points > 150 * DONORS.end(), "{entries} entries, {points} points");
        // Donation itself records a decision once; what the ledger took beyond that, verify finds.
        assert_eq!(received, 150 * DONORS.end());
        let before = system.app.donations.funnel.with_session(app::donation::donated).expect("donations");
        let ledger = system.app.points.funnel.with_session(app::point::donated).expect("the ledger");
        let found = system.app.donations.funnel.with_session(|tx| app::donation::inspect(tx, &before, &ledger));
        assert!(!found.expect("an inspection").is_clean());
    }
}
