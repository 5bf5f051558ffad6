//! However many bring a code at the same moment, one of them redeems it.

use std::sync::Barrier;
use std::time::Duration;

use domain::coupon::{CouponFacts, Event};
use platform::clock::Clock;
use platform::db::{Row, Session, Value as Field};
use platform::log::{EVENTS, encode};
use serde_json::json;
use server::assembly::Options;
use server::config::Settings;
use server::serve::Running;

use crate::senders::{Sent, send_together};
use crate::support::{Engine, TestApp};
use crate::verified::{ONCE, found};
use crate::{STORES, code, programme};

const PEOPLE: usize = 64;

fn redemption(code: &str) -> Sent {
    Sent::post("/coupons/redemptions", json!({"code": code}))
}

#[test]
fn of_64_people_one_redeems_a_code() {
    for engine in STORES {
        let app = programme(engine, 1);
        let text = code(&app, 1);
        let answers = send_together(&vec![(app.address(), redemption(&text)); PEOPLE]);
        let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((count(201), count(409)), (1, PEOPLE - 1), "{answers:?}");
        assert!(answers.iter().all(|answer| answer.status == 201 || answer.code() == "coupon.redeemed"));
        // Undone by many, it is undone once, and then it is redeemed once again.
        let undo = Sent { method: "DELETE", path: "/coupons/1/redemption".to_owned(), body: None, key: None };
        let undone = send_together(&vec![(app.address(), undo); PEOPLE]);
        assert_eq!(undone.iter().filter(|answer| answer.status == 204).count(), 1, "{undone:?}");
        let again = send_together(&vec![(app.address(), redemption(&text)); PEOPLE]);
        assert_eq!(again.iter().filter(|answer| answer.status == 201).count(), 1, "{again:?}");
        app.settle();
        app.verify();
    }
}

#[test]
fn of_64_people_at_two_servers_one_redeems_a_code() {
    let app = programme(Engine::Postgres, 3);
    let mut sets = app.store_settings();
    sets.push("listen=127.0.0.1:0".to_owned());
    let settings = Settings::from_sources(None, std::iter::empty(), &sets).expect("settings");
    let runtime = server::serve::runtime(&settings).expect("a runtime");
    let options = Options { clock: Some(std::sync::Arc::clone(&app.clock) as _), ..Options::default() };
    let second = Running::start(&settings, options, &runtime).expect("the second server starts");
    for coupon_id in 1..=3 {
        let text = code(&app, coupon_id);
        let address = |person: usize| if person.is_multiple_of(2) { app.address() } else { second.address };
        let all: Vec<_> = (0..PEOPLE).map(|person| (address(person), redemption(&text))).collect();
        let answers = send_together(&all);
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "{answers:?}");
    }
    second.stop(&runtime, Duration::ZERO);
    app.settle();
    app.verify();
}

#[test]
fn control_without_turns_who_goes_by_what_was_seen_redeems_it_often() {
    for engine in STORES {
        let app = programme(engine, 1);
        app.settle();
        let start = Barrier::new(PEOPLE);
        let redeemed = std::thread::scope(|scope| {
            let people: Vec<_> = (0..PEOPLE).map(|_| scope.spawn(|| redeem_as_seen(&app, &start))).collect();
            people.into_iter().map(|person| person.join().expect("a person")).filter(|did| *did).count()
        });
        assert!(redeemed > 1, "{redeemed} redeemed it");
        assert!(found(&app).contains(&ONCE), "verify sees it");
    }
}

/// Looks, and writes what follows from that in a transaction of its own, past the writer, in which the one who decides
/// is the one who writes. Whether the coupon was redeemed by this.
fn redeem_as_seen(app: &TestApp, start: &Barrier) -> bool {
    let coupons = &app.app().coupons.funnel;
    start.wait();
    let look = |tx: &mut dyn Session| tx.query("SELECT status FROM coupon WHERE coupon_id = 1", &[]);
    if coupons.with_session(look).expect("coupons can be read")[0].text(0) != "ISSUED" {
        return false;
    }
    // What it takes to decide.
    std::thread::sleep(Duration::from_millis(20));
    let event = Event::CouponRedeemed(CouponFacts { coupon_id: 1, member_id: 1, campaign_id: None });
    let write = |tx: &mut dyn Session| {
        let position = tx.next_ids("log_position", 1)?[0];
        let (kind, data) = encode(&event)?;
        let mut row: Vec<Field> = vec![position.into(), kind.into(), 1.into(), 3.into(), app.clock.now_ms().into()];
        row.extend([Field::Null, Field::Null, data.into(), Field::Null, Field::Null]);
        tx.insert_many(&EVENTS, vec![Row(row)])?;
        tx.execute("UPDATE coupon SET status = 'REDEEMED' WHERE coupon_id = 1", &[])
    };
    coupons.with_session(write).expect("coupons can be written") == 1
}

#[test]
fn control_with_a_code_each_all_of_them_redeem() {
    let people = 8;
    let app = programme(Engine::Sqlite, people);
    let all: Vec<_> = (1..=people).map(|coupon_id| (app.address(), redemption(&code(&app, coupon_id)))).collect();
    assert!(send_together(&all).iter().all(|answer| answer.status == 201));
    app.verify();
}

#[test]
fn a_redemption_races_with_the_operators_cancel() {
    for engine in STORES {
        for _ in 0..4 {
            let app = programme(engine, 1);
            let cancel = Sent { method: "DELETE", path: "/coupons/1".to_owned(), body: None, key: None };
            let mut all = vec![(app.address(), cancel); 4];
            all.extend(vec![(app.address(), redemption(&code(&app, 1))); 4]);
            let answers = send_together(&all);
            let redeemed = answers[4..].iter().filter(|answer| answer.status == 201).count();
            let cancelled = answers[..4].iter().filter(|answer| answer.status == 204).count();
            assert!((redeemed, cancelled) == (1, 0) || (redeemed, cancelled) == (0, 4), "{answers:?}");
            app.verify();
        }
    }
}
