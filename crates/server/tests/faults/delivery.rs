//! Events that come twice, late and in any order between aggregates change nothing: the same commands lead to the
//! same members, messages, ledger and pages as when every event comes once and in order.

use std::collections::HashMap;
use std::sync::Arc;

use app::coupon::{Brought, Chosen};
use app::member::Contacts;
use app::point::Transaction;
use platform::funnel::{Funnel, Writer};
use platform::log::Event;
use server::assembly::App;

use super::bus::{Delivery, System, disarranged};
use super::senders::Random;
use crate::support::Engine;

const MEMBERS: std::ops::RangeInclusive<i64> = 1..=12;
const LEAVING: [i64; 3] = [2, 5, 9];
const SEEDS: [u64; 3] = [1, 20, 300];

#[test]
fn disorder_changes_nothing_on_sqlite() {
    disorder_changes_nothing(Engine::Sqlite);
}

#[test]
fn disorder_changes_nothing_on_postgres() {
    disorder_changes_nothing(Engine::Postgres);
}

fn disorder_changes_nothing(engine: Engine) {
    let mut orderly = System::on(engine, Delivery::Once);
    play(&mut orderly);
    let expected = outcome(&orderly);
    let words = ["WELCOME", "FORFEIT", "DONATE", "REJECTED", "REDEEMED", "CANCELLED", "MEMBER_JOINED"];
    assert!(words.iter().all(|word| expected.contains(word)), "{expected}");
    for seed in SEEDS {
        let mut disorderly = System::on(engine, Delivery::Disorderly(Random::seeded(seed)));
        play(&mut disorderly);
        assert_eq!(outcome(&disorderly), expected, "seed {seed}");
    }
}

#[test]
fn the_whole_past_delivered_again_changes_nothing() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut system = System::on(engine, Delivery::Once);
        play(&mut system);
        let stands = |system: &System| {
            let App { pages, dashboards, .. } = &*system.app;
            let digests = [pages.digest(), dashboards.digest()].map(|digest| digest.expect("a digest"));
            (outcome(system), digests, log_rows(system))
        };
        let before = stands(&system);
        for seed in SEEDS {
            system.redeliver(&mut Random::seeded(seed));
            assert_eq!(stands(&system), before, "seed {seed}");
        }
    }
}

#[test]
fn my_page_folded_from_disorder_has_the_digest_of_the_one_that_was_followed() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut system = System::on(engine, Delivery::Once);
        play(&mut system);
        let followed = system.app.pages.digest().expect("a digest");
        let logs = system.logs();
        assert_eq!(system.fold_pages(&logs), followed);
        for seed in SEEDS {
            let mut random = Random::seeded(seed);
            let disorder = logs.each_ref().map(|events| disarranged(events, &[], &mut random));
            assert_eq!(system.fold_pages(&disorder), followed, "seed {seed}");
        }
    }
}

#[test]
fn control_with_the_order_of_an_aggregate_broken_the_digest_differs() {
    let mut system = System::on(Engine::Sqlite, Delivery::Once);
    play(&mut system);
    let followed = system.app.pages.digest().expect("a digest");
    let logs = system.logs();
    // Points, donations and coupons, one at a time.
    for backwards in 1..4 {
        let mut broken = logs.clone();
        broken[backwards].reverse();
        assert_ne!(system.fold_pages(&broken), followed, "log {backwards}");
    }
    assert_eq!(system.fold_pages(&logs), followed);
}

#[test]
fn control_a_fold_that_does_not_look_at_sequences_counts_twice() {
    let mut system = System::on(Engine::Sqlite, Delivery::Once);
    play(&mut system);
    let [_, point, ..] = system.logs();
    let disorder = disarranged(&point, &[], &mut Random::seeded(1));
    assert_eq!(fold(&disorder, true), fold(&point, true));
    assert_eq!(fold(&point, false), fold(&point, true));
    assert_ne!(fold(&disorder, false), fold(&point, true));
}

/// Points by member, summed up as a careless read model would, or taking each sequence once.
fn fold(events: &[Event], checks_sequence: bool) -> Vec<(i64, i64)> {
    let mut points: HashMap<i64, (i64, i64)> = HashMap::new();
    for event in events {
        let (seen, sum) = points.entry(event.subject).or_default();
        if checks_sequence && event.sequence <= *seen {
            continue;
        }
        *seen = event.sequence;
        let data: serde_json::Value = serde_json::from_str(&event.data).expect("JSON");
        *sum += data["amount"].as_i64().unwrap_or_default();
    }
    let mut sums: Vec<(i64, i64)> = points.into_iter().map(|(member, (_, sum))| (member, sum)).collect();
    sums.sort_unstable();
    sums
}

/// A small history: joining, changing a number before the message is sent and after, points, leaving.
fn play(system: &mut System) {
    let (members, points) = (Arc::clone(&system.app.members), Arc::clone(&system.app.points));
    let phone = |number: i64| Contacts { phone_no: Some(format!("010{number:08}")), ..Contacts::default() };
    for member in MEMBERS {
        // One number to which no message can go.
        let contacts = if member == 7 { Contacts::default() } else { phone(member) };
        system.runtime.block_on(members.join(Some(member), contacts, None)).expect("joined");
    }
    for member in [3, 4, 9] {
        system.runtime.block_on(members.change_contacts(member, phone(100 + member), None)).expect("changed");
    }
    system.settle();
    for round in 1..=4 {
        for member in MEMBERS.filter(|member| *member != 7) {
            let transaction = |amount| Transaction { amount, reference: None, reason: None };
            system
                .runtime
                .block_on(points.earn_points(member, transaction(10 * round + member), None))
                .expect("earned");
            if member % 2 == 0 {
                system.runtime.block_on(points.use_points(member, transaction(round), None)).expect("used");
            }
        }
        system.pump();
    }
    system.settle();
    for member in [1, 3, 7] {
        system.runtime.block_on(members.change_contacts(member, phone(200 + member), None)).expect("changed");
        system.pump();
    }
    system.settle();
    donate(system);
    use_coupons(system);
    let leaving: Vec<_> = LEAVING
        .iter()
        .map(|member| {
            let (members, member) = (Arc::clone(&members), *member);
            system.runtime.spawn(async move { members.withdraw(member, None).await })
        })
        .collect();
    while leaving.iter().any(|leaving| !leaving.is_finished()) {
        system.pump();
    }
    for leaving in leaving {
        system.runtime.block_on(leaving).expect("no panic").expect("withdrawn");
    }
    system.settle();
}

/// Donations that point decides when it is asked, and others that wait until it is back.
fn donate(system: &mut System) {
    let donations = Arc::clone(&system.app.donations);
    let give = |system: &mut System, member: i64, amount: i64| {
        system.runtime.block_on(donations.donate(member, 1, amount, None)).expect("taken")
    };
    for member in MEMBERS {
        give(system, member, 30 + member);
    }
    system.pump();
    system.app.set_running("point", false).expect("a context's name");
    for member in [2, 4, 7, 4, 8] {
        let waiting = give(system, member, 20 * member);
        assert_eq!(format!("{:?}", waiting.status), "Requested");
    }
    system.app.set_running("point", true).expect("a context's name");
    system.settle();
}

/// Coupons that are redeemed, given back and taken back. Those of members who leave are lost, but for one that was used.
fn use_coupons(system: &mut System) {
    let coupons = Arc::clone(&system.app.coupons);
    let coupon = |system: &System, member_id: i64| {
        let chosen = Chosen { member_id: Some(member_id), ..Chosen::default() };
        let page = system.runtime.block_on(coupons.coupons(chosen, 0, 10)).expect("a page");
        page.coupons.into_iter().next().expect("the member has a coupon")
    };
    let redeem = |system: &System, member_id: i64| {
        let brought = Brought { code: coupon(system, member_id).code, member_id: None, reference: None };
        system.runtime.block_on(coupons.redeem(brought, None)).expect("redeemed");
    };
    for member in [1, 3, 9] {
        redeem(system, member);
    }
    system.pump();
    let undone = coupon(system, 3).coupon_id;
    system.runtime.block_on(coupons.roll_back(undone, None)).expect("rolled back");
    system.pump();
    redeem(system, 3);
    let taken_back = coupon(system, 4).coupon_id;
    system.runtime.block_on(coupons.cancel(taken_back, None)).expect("cancelled");
    system.settle();
}

/// What is stored, without the numbers that depend on who came first.
fn outcome(system: &System) -> String {
    let App { members, notifications, points, pages, donations, coupons, .. } = &*system.app;
    pages_agree(system);
    let events = "SELECT type, subject, sequence FROM event ORDER BY subject, sequence";
    let member = "SELECT member_id, CASE WHEN contacts IS NULL THEN 'erased' ELSE 'kept' END, status, phone_revision, \
                  sequence, gone_at FROM member ORDER BY member_id";
    let withdrawal = "SELECT member_id, attempt, step, forfeited_point FROM withdrawal ORDER BY member_id";
    let message = "SELECT member_id, kind, status, phone_revision, attempts FROM message \
                   ORDER BY member_id, phone_revision, origin";
    let told = "SELECT member_id, coupon_status, notified, coupon_cancelled FROM member ORDER BY member_id";
    let notice = "SELECT kind, member_id, status, attempts FROM notice ORDER BY member_id";
    let wallet =
        "SELECT member_id, sequence, issued, closing, ended_attempt, closed FROM coupon_wallet ORDER BY member_id";
    let coupon = "SELECT member_id, campaign_id, status, start_date, end_date FROM coupon ORDER BY member_id";
    let recipient = "SELECT member_id, member_sequence, gone FROM recipient ORDER BY member_id";
    let account = "SELECT member_id, member_status, remain_point, lots, sequence, member_sequence, welcomed, closed \
                   FROM point_account ORDER BY member_id";
    let entry = "SELECT member_id, sequence, kind, amount, balance_after, lots FROM point_entry \
                 ORDER BY member_id, sequence";
    let page = "SELECT member_id, CASE WHEN contacts IS NULL THEN 'erased' ELSE 'kept' END, member_status, \
                remain_point, member_sequence, point_sequence, gone FROM page ORDER BY member_id";
    let donation = "SELECT donation_id, member_id, amount, status, reason, balance_before, balance_after FROM donation \
                    ORDER BY donation_id";
    let cause = "SELECT cause_id, received_point, donation_count FROM cause ORDER BY cause_id";
    let question = "SELECT question, member_id FROM point_question ORDER BY question";
    let shown = "SELECT member_id, donations, donation_sequence, coupon_sequence FROM page ORDER BY member_id";
    let mut all: Vec<String> = [member, told, withdrawal, events].map(|sql| rows(&members.funnel, sql)).into();
    all.extend([message, notice, recipient].map(|sql| rows(&notifications.funnel, sql)));
    all.extend([account, entry, events].map(|sql| rows(&points.funnel, sql)));
    all.push(rows(&points.funnel, question));
    all.extend([donation, cause, events].map(|sql| rows(&donations.funnel, sql)));
    all.extend([wallet, coupon, events].map(|sql| rows(&coupons.funnel, sql)));
    all.extend([page, shown].map(|sql| rows(&pages.funnel, sql)));
    all.join("\n")
}

/// Codes are drawn by chance and differ from run to run, so pages are compared with coupon's own rows.
fn pages_agree(system: &System) {
    let held = system.app.coupons.funnel.with_session(app::coupon::held).expect("coupons can be read");
    let look = |tx: &mut dyn platform::db::Session| app::mypage::inspect(tx, &HashMap::new(), &held);
    let findings = system.app.pages.funnel.with_session(look).expect("my page can be inspected");
    assert!(findings.is_clean(), "{findings:?}");
}

fn rows<W: Writer>(funnel: &Funnel<W>, sql: &str) -> String {
    let rows = funnel.with_session(|tx| tx.query(sql, &[])).expect("the store can be read");
    assert!(!rows.is_empty(), "{sql}");
    rows.iter().map(|row| format!("{:?}\n", row.0)).collect()
}

/// Rows in the logs: what is delivered again must not be told again.
fn log_rows(system: &System) -> Vec<i64> {
    let app = &system.app;
    let sql = "SELECT count(*) FROM event";
    let counts = [
        app.members.funnel.with_session(|tx| tx.query(sql, &[])),
        app.notifications.funnel.with_session(|tx| tx.query(sql, &[])),
        app.points.funnel.with_session(|tx| tx.query(sql, &[])),
        app.points.funnel.with_session(|tx| tx.query("SELECT count(*) FROM point_entry", &[])),
        app.donations.funnel.with_session(|tx| tx.query(sql, &[])),
        app.coupons.funnel.with_session(|tx| tx.query(sql, &[])),
    ];
    counts.into_iter().map(|rows| rows.expect("the log can be read")[0].int(0)).collect()
}
