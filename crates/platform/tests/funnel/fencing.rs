//! Of several processes one follows a log. One that slept past its lease cannot move the cursor, nor leave an effect.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};

use parking_lot::Mutex;
use platform::clock::{Clock, ManualClock};
use platform::consumer::{Consumer, depose_followers, forget_cursors};
use platform::db::{Cursor, Session};
use platform::error::{ErrorKind, Result};
use platform::funnel::Delivery;
use platform::lease::{self, LEASE_MS};
use platform::log::Event;

use super::kit::{Move, Place, Purses, Shop, patiently};

const CONSUMER: &str = "purses<elsewhere";

fn end(position: i64) -> Cursor {
    Cursor { xid: 0, position }
}

#[test]
fn a_stale_fence_cannot_move_a_cursor() {
    for place in Place::all() {
        let shop = place.shop();
        let deliver = |fence, position, coins| {
            let delivery = Delivery { consumer: CONSUMER, fence, end: end(position), offset: None };
            shop.funnel.deliver(delivery, vec![Move::of(1, coins)])
        };
        deliver(1, 10, 100).expect("the first holder");
        deliver(2, 20, 100).expect("the next holder");
        let stale = deliver(1, 30, 100).expect_err("the first holder woke up");
        assert_eq!((stale.kind, stale.code.as_ref()), (ErrorKind::Unavailable, "store.fenced"));
        assert_eq!(shop.funnel.cursor(CONSUMER).expect("a cursor"), end(20));
        assert_eq!(shop.balances(1), (200, 200), "neither is there an effect");
        assert_eq!(shop.events(2).len(), 2);
        deliver(2, 30, 100).expect("the holder goes on");
    }
}

#[test]
fn a_delivery_that_is_refused_moves_neither_cursor_nor_coins() {
    let place = Place::sqlite();
    let shop = place.shop();
    let delivery = Delivery { consumer: CONSUMER, fence: 1, end: end(10), offset: None };
    let refused = shop.funnel.deliver(delivery, vec![Move::of(1, 5), Move::of(1, -6)]);
    assert!(refused.is_err());
    assert_eq!(shop.funnel.cursor(CONSUMER).expect("a cursor"), Cursor::default());
    assert_eq!(shop.balances(1), (0, 0));
}

#[test]
fn a_lease_passes_on_only_when_it_has_run_out() {
    for fresh in Place::shared() {
        let place = fresh();
        let shop = place.shop();
        let hold = |holder: &str, now_ms| shop.funnel.with_session(|tx| lease::hold(tx, "job", holder, now_ms));
        assert_eq!(hold("a", 0).expect("a store"), Some(1));
        assert_eq!(hold("b", LEASE_MS).expect("a store"), None);
        assert_eq!(hold("a", LEASE_MS).expect("a store"), Some(1), "renewed");
        assert_eq!(hold("b", LEASE_MS * 2 + 1).expect("a store"), Some(2));
        assert_eq!(hold("a", LEASE_MS * 2 + 2).expect("a store"), None);
    }
}

#[test]
fn of_processes_that_start_together_one_gets_the_lease() {
    for fresh in Place::shared() {
        let place = fresh();
        let shops: Vec<Shop> = (0..4).map(|_| place.shop()).collect();
        for round in 0..25 {
            let (name, start) = (format!("job-{round}"), Barrier::new(shops.len()));
            let take = |shop: &Shop, holder: &str| {
                start.wait();
                shop.funnel.with_session(|tx| lease::hold(tx, &name, holder, 0))
            };
            let held = std::thread::scope(|scope| {
                let take = &take;
                let holders = ["a", "b", "c", "d"].iter().zip(&shops);
                let threads: Vec<_> = holders.map(|(holder, shop)| scope.spawn(move || take(shop, holder))).collect();
                threads.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
            });
            let holding = held.iter().filter(|held| matches!(held, Ok(Some(_)))).count();
            assert_eq!(holding, 1, "round {round}: {held:?}");
        }
    }
}

/// The follower of `source`'s log in `shop`: each event moves one coin.
fn follower(shop: &Shop, source: &Shop, clock: &Arc<ManualClock>, holder: &str) -> Consumer<Purses> {
    let react = |events: &[Event]| Ok(events.iter().map(|event| Move::of(event.subject, 1)).collect());
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    Consumer::new(Arc::clone(&shop.funnel), Arc::clone(&source.log), clock, holder, Box::new(react))
}

#[test]
fn a_process_that_sleeps_past_its_lease_takes_nothing_in_when_it_wakes() {
    for fresh in Place::shared() {
        let (elsewhere, here) = (fresh(), fresh());
        let source = elsewhere.shop();
        let clock = Arc::new(ManualClock::new(0));
        let (first, second) = (here.shop(), here.shop());
        let mut sleeper = follower(&first, &source, &clock, "sleeper");
        let mut heir = follower(&second, &source, &clock, "heir");
        source.run(Move::of(1, 5)).expect("an event");
        assert_eq!(patiently(|| sleeper.step().expect("a step")), 1);
        assert_eq!(heir.step().expect("a step"), 0, "the other one holds the lease");

        source.run(Move::of(1, 5)).expect("an event");
        clock.advance_ms(LEASE_MS + 1);
        assert_eq!(patiently(|| heir.step().expect("a step")), 1, "the lease has run out");
        // The sleeper still believes that the place is its own, as it would after a stopped process goes on.
        source.run(Move::of(1, 5)).expect("an event");
        assert_eq!(sleeper.step().expect("a step"), 0);
        assert_eq!(patiently(|| heir.step().expect("a step")), 1);
        assert_eq!(sleeper.step().expect("a step"), 0, "not even now that there is something to read");
        assert_eq!(first.balances(1), (3, 3), "each event once");
    }
}

/// The sleeper has read an event when its lease passes on, and so has the heir before the sleeper wakes. What the
/// sleeper is told, and what there is once the heir has delivered too.
fn both_have_read_the_same(heir_writes_its_fence: bool) -> (Result<usize>, (i64, i64)) {
    let (elsewhere, here) = (Place::postgres(), Place::postgres());
    let source = elsewhere.shop();
    let clock = Arc::new(ManualClock::new(0));
    let (first, second) = (here.shop(), here.shop());
    let heir = Arc::new(Mutex::new(follower(&second, &source, &clock, "heir")));
    let (falls_asleep, meanwhile) = (Arc::new(AtomicBool::new(false)), Arc::clone(&heir));
    let (sleeps, time, inherited) = (Arc::clone(&falls_asleep), Arc::clone(&clock), Arc::clone(&second.funnel));
    let react = move |events: &[Event]| {
        if sleeps.load(Ordering::SeqCst) {
            time.advance_ms(LEASE_MS + 1);
            assert!(meanwhile.lock().is_ours()?, "the lease has run out");
            if !heir_writes_its_fence {
                inherited.with_session(|tx| tx.execute("UPDATE cursor_position SET fence = 1", &[]))?;
            }
        }
        Ok(events.iter().map(|event| Move::of(event.subject, 1)).collect())
    };
    let as_clock = Arc::clone(&clock) as Arc<dyn Clock>;
    let (funnel, log) = (Arc::clone(&first.funnel), Arc::clone(&source.log));
    let mut sleeper = Consumer::new(funnel, log, as_clock, "sleeper", Box::new(react));
    source.run(Move::of(1, 5)).expect("an event");
    assert_eq!(patiently(|| sleeper.step().expect("a step")), 1);

    source.run(Move::of(1, 5)).expect("an event");
    let events = source.events(2);
    falls_asleep.store(true, Ordering::SeqCst);
    let woken = sleeper.step();
    heir.lock().take_in(&events[1..], events[1].cursor).expect("the heir goes on");
    let is_back = first.funnel.with_session(|tx| sleeper.is_ours_in(tx));
    assert!(!is_back.expect("a store"), "the heir holds it");
    (woken, first.balances(1))
}

#[test]
fn a_process_that_sleeps_between_reading_and_delivering_is_refused() {
    let (woken, balances) = both_have_read_the_same(true);
    let stale = woken.expect_err("the lease has passed on");
    assert_eq!((stale.kind, stale.code.as_ref()), (ErrorKind::Unavailable, "store.fenced"));
    assert_eq!(balances, (2, 2), "each event once");
}

#[test]
fn control_with_a_fence_that_comes_only_with_a_delivery_an_event_counts_twice() {
    let (woken, balances) = both_have_read_the_same(false);
    assert_eq!(woken.expect("nobody refuses it"), 1);
    assert_eq!(balances, (3, 3));
}

#[test]
fn who_is_deposed_delivers_nothing_more_and_everything_is_read_again() {
    for fresh in Place::shared() {
        let (elsewhere, here) = (fresh(), fresh());
        let source = elsewhere.shop();
        let clock = Arc::new(ManualClock::new(1_000));
        let (first, second) = (here.shop(), here.shop());
        let mut old = follower(&first, &source, &clock, "old");
        let mut new = follower(&second, &source, &clock, "new");
        source.run(Move::of(1, 5)).expect("an event");
        assert_eq!(patiently(|| old.step().expect("a step")), 1);
        source.run(Move::of(1, 5)).expect("an event");
        let depose = |tx: &mut dyn Session| depose_followers(tx).and_then(|()| forget_cursors(tx));
        second.funnel.with_session(depose).expect("a store");

        let events = source.events(2);
        let stale = old.take_in(&events[1..], events[1].cursor).expect_err("its lease was taken away");
        assert_eq!((stale.kind, stale.code.as_ref()), (ErrorKind::Unavailable, "store.fenced"));
        assert_eq!(second.funnel.cursor("purses<purses").expect("a cursor"), Cursor::default(), "at the start");
        let mut read = 0;
        patiently(|| {
            read += new.step().expect("a step");
            usize::from(read == 2)
        });
        assert_eq!(read, 2, "without waiting for the end of a lease");
        assert_eq!(old.step().expect("a step"), 0, "the new one holds the lease");
        assert_eq!(first.balances(1), (3, 3), "the first event twice, as nothing was emptied here");
    }
}

#[test]
fn in_an_embedded_store_there_is_nobody_to_depose() {
    let (elsewhere, here) = (Place::sqlite(), Place::sqlite());
    let (source, shop) = (elsewhere.shop(), here.shop());
    let clock = Arc::new(ManualClock::new(0));
    source.run(Move::of(1, 5)).expect("an event");
    assert_eq!(follower(&shop, &source, &clock, "a").step().expect("a step"), 1);
    let depose = |tx: &mut dyn Session| depose_followers(tx).and_then(|()| forget_cursors(tx));
    shop.funnel.with_session(depose).expect("a store");
    assert_eq!(follower(&shop, &source, &clock, "a").step().expect("a step"), 1, "again, under the same fence");
}

#[test]
fn a_schema_that_was_changed_meanwhile_is_waited_for() {
    for fresh in Place::shared() {
        let place = fresh();
        let shop = place.shop();
        for sql in ["SELECT no_such_column FROM event", "SELECT 1 FROM no_such_table"] {
            let error = shop.funnel.with_session(|tx| tx.query(sql, &[])).expect_err("there is none");
            assert_eq!((error.kind, error.code.as_ref()), (ErrorKind::Unavailable, "store.changed"));
        }
    }
}
