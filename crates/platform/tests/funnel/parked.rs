//! An event that cannot be taken in stops its own subject and nobody else. It is parked with its cause, later events
//! of its subject wait behind it, and after the fix each of them is taken in once. The control delivers the piece as a
//! whole, as was done before there was parking, and then nobody's events are taken in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use platform::clock::{Clock, ManualClock};
use platform::consumer::{Consumer, React, forget_cursors};
use platform::db::{Cursor, Value};
use platform::desk::Retried;
use platform::error::{Error, ErrorKind};
use platform::funnel::Delivery;
use platform::lease::LEASE_MS;
use platform::log::Event as Logged;
use platform::parked::{self, ParkedEvent};

use super::kit::{Event, FORBIDDEN, Move, Place, Purses, Shop, patiently};

const NAME: &str = "purses<purses";
const BAD_PURSE: i64 = 2;

/// What is wrong with the first event of purse 2, until it is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Poison {
    /// A type that this version does not know.
    UnknownType,
    /// Fields that cannot be read.
    UnreadableData,
    /// The rule says no.
    RefusedByTheRule,
    /// The store says no.
    RefusedByTheStore,
    /// The rule panics.
    PanickingRule,
    /// The reaction panics.
    PanickingReaction,
}

const POISONS: [Poison; 6] = [
    Poison::UnknownType,
    Poison::UnreadableData,
    Poison::RefusedByTheRule,
    Poison::RefusedByTheStore,
    Poison::PanickingRule,
    Poison::PanickingReaction,
];

impl Poison {
    fn reason(self) -> &'static str {
        match self {
            Self::UnknownType | Self::UnreadableData => "cannot be read by this version",
            Self::RefusedByTheRule => "purse.empty: there are not so many coins",
            Self::RefusedByTheStore => "the store refused a statement",
            Self::PanickingRule => "a rule failed",
            Self::PanickingReaction => "a reaction broke off",
        }
    }
}

/// Each event moves one coin into the purse of the same number; the poisoned one does not, until it is mended.
fn react(poison: Poison, mended: &Arc<AtomicBool>) -> React<Move> {
    let mended = Arc::clone(mended);
    let one = move |event: &Logged| {
        let is_bad = event.subject == BAD_PURSE && event.sequence == 1;
        if !is_bad || mended.load(Ordering::SeqCst) {
            return Ok(Move::of(event.subject, 1));
        }
        match poison {
            Poison::UnknownType | Poison::UnreadableData => {
                event.decode::<Event>().map(|_| panic!("the event was to be unreadable"))
            }
            Poison::RefusedByTheRule => Ok(Move::of(event.subject, -1)),
            Poison::RefusedByTheStore => Ok(Move::of(event.subject, FORBIDDEN)),
            Poison::PanickingRule => Ok(Move { panics: true, ..Move::of(event.subject, 1) }),
            Poison::PanickingReaction => panic!("the defect that a test asked for"),
        }
    };
    Box::new(move |events| events.iter().map(&one).collect())
}

/// Three purses elsewhere, three events each in turns, the first of purse 2 poisoned; and a shop that follows them.
struct Stage {
    source: Shop,
    shop: Shop,
    clock: Arc<ManualClock>,
    mended: Arc<AtomicBool>,
    poison: Poison,
    runtime: tokio::runtime::Runtime,
    here: Place,
    _elsewhere: Place,
}

impl Stage {
    fn set(place: fn() -> Place, poison: Poison) -> Self {
        let (elsewhere, here) = (place(), place());
        let source = elsewhere.shop();
        for purse in [1, 2, 3].repeat(3) {
            source.run(Move::of(purse, 5)).expect("an event");
        }
        let spoil = match poison {
            Poison::UnknownType => "UPDATE event SET type = 'CoinsMelted' WHERE subject = $1 AND sequence = 1",
            _ => "UPDATE event SET data = 'no JSON {' WHERE subject = $1 AND sequence = 1",
        };
        let spoiled = source.funnel.with_session(|tx| tx.execute(spoil, &[BAD_PURSE.into()]));
        assert_eq!(spoiled.expect("the log can be changed past the program"), 1);
        let shop = here.shop();
        let (clock, mended) = (Arc::new(ManualClock::new(1_000)), Arc::new(AtomicBool::new(false)));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self { runtime: runtime.expect("a runtime"), source, shop, clock, mended, poison, here, _elsewhere: elsewhere }
    }

    fn follower_in(&self, shop: &Shop, holder: &str) -> Consumer<Purses> {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let log = Arc::clone(&self.source.log);
        Consumer::new(Arc::clone(&shop.funnel), log, clock, holder, react(self.poison, &self.mended))
    }

    fn follower(&self) -> Consumer<Purses> {
        self.follower_in(&self.shop, "a")
    }

    /// What the purses hold here: how many of each one's events were taken in.
    fn taken(&self) -> [i64; 3] {
        [1, 2, 3].map(|purse| {
            let (stored, moved) = self.shop.balances(purse);
            assert_eq!(stored, moved, "purse {purse}");
            stored
        })
    }

    /// Steps until the purses hold this.
    fn follow_until(&self, consumer: &mut Consumer<Purses>, taken: [i64; 3], parked: usize) {
        let is_there = || self.taken() == taken && self.parked().len() == parked;
        let step = || {
            consumer.step().expect("a step");
            usize::from(is_there())
        };
        assert_eq!(patiently(step), 1, "{:?} taken and {} parked", self.taken(), self.parked().len());
        assert_eq!(consumer.step().expect("a step"), 0, "nothing is left to do");
    }

    fn parked(&self) -> Vec<ParkedEvent> {
        self.runtime.block_on(parked::list(&self.shop.database, Some(NAME), 0, 100)).expect("a list")
    }

    fn one_more_for(&self, purse: i64) {
        self.source.run(Move::of(purse, 5)).expect("an event");
    }
}

fn on_all(test: impl Fn(fn() -> Place)) {
    test(Place::sqlite);
    test(Place::postgres);
    test(Place::mariadb);
}

#[test]
fn a_poison_event_stops_only_its_own_key_on_sqlite() {
    POISONS.into_iter().for_each(|poison| stops_only_its_own_key(Place::sqlite, poison));
}

#[test]
fn a_poison_event_stops_only_its_own_key_on_postgres() {
    let unlike = [Poison::UnknownType, Poison::RefusedByTheStore, Poison::PanickingReaction];
    unlike.into_iter().for_each(|poison| stops_only_its_own_key(Place::postgres, poison));
}

#[test]
fn a_poison_event_stops_only_its_own_key_on_mariadb() {
    let unlike = [Poison::UnknownType, Poison::RefusedByTheStore];
    unlike.into_iter().for_each(|poison| stops_only_its_own_key(Place::mariadb, poison));
}

/// And is taken in once after the fix.
fn stops_only_its_own_key(place: fn() -> Place, poison: Poison) {
    let stage = Stage::set(place, poison);
    let mut consumer = stage.follower();
    stage.follow_until(&mut consumer, [3, 0, 3], 3);
    let parked = stage.parked();
    assert!(parked[0].reason.contains(poison.reason()), "{poison:?}: {}", parked[0].reason);
    let told = |parked: &ParkedEvent| (parked.event.subject, parked.event.sequence, parked.tries);
    assert_eq!(parked.iter().map(told).collect::<Vec<_>>(), [(2, 1, 3), (2, 2, 0), (2, 3, 0)], "{poison:?}");
    assert_eq!(parked[0].parked_at_ms, stage.clock.now_ms());

    // Later ones of the same key are kept in order behind it; the others flow.
    stage.one_more_for(1);
    stage.one_more_for(2);
    stage.follow_until(&mut consumer, [4, 0, 3], 4);

    let desk = consumer.desk();
    let in_vain = desk.retry(&parked[2]).expect("a retry");
    assert_eq!((in_vain.delivered, in_vain.left), (0, 4), "{poison:?}");
    assert!(in_vain.reason.is_some_and(|reason| reason.contains(poison.reason())));
    assert_eq!((stage.parked()[0].tries, stage.taken()), (4, [4, 0, 3]));

    stage.mended.store(true, Ordering::SeqCst);
    let done = desk.retry(&parked[0]).expect("a retry");
    assert_eq!(done, Retried { delivered: 4, left: 0, reason: None }, "{poison:?}");
    assert_eq!((stage.taken(), stage.parked().len()), ([4, 4, 3], 0));
    assert_eq!(desk.retry(&parked[0]).expect("a retry").delivered, 0, "it is taken in once");
    assert_eq!(stage.shop.events(11).iter().filter(|event| event.subject == 2).count(), 4);

    // The key flows again.
    stage.one_more_for(2);
    stage.follow_until(&mut consumer, [4, 5, 3], 0);
}

#[test]
fn bytes_that_are_no_text_and_numbers_that_are_none_are_parked_like_any_other() {
    for damage in ["data = CAST(x'22FF22' AS TEXT)", "data = x'00FF'", "data = 1.5", "type = x'FF'", "data = '\u{1}'"] {
        let stage = Stage::set(Place::sqlite, Poison::UnreadableData);
        let sql = format!("UPDATE event SET {damage} WHERE subject = $1 AND sequence = 1");
        stage.source.funnel.with_session(|tx| tx.execute(&sql, &[BAD_PURSE.into()])).expect("the log can be changed");
        let mut consumer = stage.follower();
        stage.follow_until(&mut consumer, [3, 0, 3], 3);
        assert!(stage.parked()[0].reason.contains("cannot be read"), "{damage}: {}", stage.parked()[0].reason);
    }
}

#[test]
fn control_delivered_as_a_whole_nobodys_events_are_taken_in() {
    on_all(|place| {
        let stage = Stage::set(place, Poison::UnknownType);
        let events = stage.source.events(9);
        let react = react(stage.poison, &stage.mended);
        for _ in 0..5 {
            let end = events.last().expect("events").cursor;
            let delivery = Delivery { consumer: NAME, fence: 1, end, offset: None };
            let delivered = react(&events).and_then(|commands| stage.shop.funnel.deliver(delivery, commands));
            assert_eq!(delivered.expect_err("the piece fails").kind, ErrorKind::Internal);
        }
        assert_eq!(stage.taken(), [0, 0, 0]);
    });
}

#[test]
fn what_cannot_be_reached_is_repeated_and_never_parked() {
    on_all(|place| {
        let stage = Stage::set(place, Poison::UnknownType);
        let reachable = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&reachable);
        let react: React<Move> = Box::new(move |events| match seen.load(Ordering::SeqCst) {
            true => Ok(events.iter().map(|event| Move::of(event.subject, 1)).collect()),
            false => Err(Error::unavailable("peer.unavailable", "it does not answer")),
        });
        let clock = Arc::clone(&stage.clock) as Arc<dyn Clock>;
        let log = Arc::clone(&stage.source.log);
        let mut consumer = Consumer::new(Arc::clone(&stage.shop.funnel), log, clock, "a", react);
        let mut failures = 0;
        patiently(|| {
            failures += usize::from(consumer.step().is_err());
            usize::from(failures >= 3)
        });
        assert_eq!((failures, stage.taken(), stage.parked().len()), (3, [0, 0, 0], 0));
        reachable.store(true, Ordering::SeqCst);
        stage.follow_until(&mut consumer, [3, 3, 3], 0);
    });
}

#[test]
fn a_retry_that_cannot_reach_something_leaves_everything_parked() {
    let stage = Stage::set(Place::sqlite, Poison::UnknownType);
    let mut consumer = stage.follower();
    stage.follow_until(&mut consumer, [3, 0, 3], 3);
    stage.mended.store(true, Ordering::SeqCst);
    stage.shop.funnel.set_open(false);
    let refused = consumer.desk().retry(&stage.parked()[0]).expect_err("the context is stopped");
    assert_eq!(refused.kind, ErrorKind::Unavailable);
    assert_eq!((stage.parked().len(), stage.parked()[0].tries), (3, 3));
}

#[test]
fn a_dropped_event_never_happens_and_those_behind_it_can_be_retried() {
    on_all(|place| {
        let stage = Stage::set(place, Poison::UnreadableData);
        let mut consumer = stage.follower();
        stage.follow_until(&mut consumer, [3, 0, 3], 3);
        let (parked, desk) = (stage.parked(), consumer.desk());
        desk.drop_event(parked[0].id).expect("it is there");
        assert_eq!(desk.drop_event(parked[0].id).expect_err("it is gone").code, "parked.unknown");
        // Nothing is delivered behind the operator's back.
        stage.one_more_for(2);
        stage.follow_until(&mut consumer, [3, 0, 3], 3);
        assert_eq!(desk.retry(&parked[1]).expect("a retry"), Retried { delivered: 3, left: 0, reason: None });
        assert_eq!((stage.taken(), stage.parked().len()), ([3, 3, 3], 0));
    });
}

#[test]
fn whoever_follows_next_finds_what_is_parked() {
    on_all(|place| {
        let stage = Stage::set(place, Poison::RefusedByTheStore);
        stage.follow_until(&mut stage.follower(), [3, 0, 3], 3);
        stage.one_more_for(2);
        stage.follow_until(&mut stage.follower(), [3, 0, 3], 4);
        stage.mended.store(true, Ordering::SeqCst);
        // The fix is there, but the order of the key is kept until the operator retries.
        stage.one_more_for(2);
        let mut last = stage.follower();
        stage.follow_until(&mut last, [3, 0, 3], 5);
        assert_eq!(last.desk().retry(&stage.parked()[0]).expect("a retry").delivered, 5);
        assert_eq!(stage.taken(), [3, 5, 3]);
    });
}

#[test]
fn a_retry_in_another_process_frees_the_key_for_the_one_that_follows() {
    for fresh in Place::shared() {
        let stage = Stage::set(fresh, Poison::UnknownType);
        let mut follows = stage.follower();
        stage.follow_until(&mut follows, [3, 0, 3], 3);
        let other = stage.here.shop();
        let mut watches = stage.follower_in(&other, "b");
        assert_eq!(watches.step().expect("a step"), 0, "the other one holds the lease");
        stage.mended.store(true, Ordering::SeqCst);
        assert_eq!(watches.desk().retry(&stage.parked()[0]).expect("a retry").delivered, 3);
        // The one that follows still believes that the key is parked; it looks before it parks behind nothing.
        stage.one_more_for(2);
        stage.follow_until(&mut follows, [3, 4, 3], 0);
    }
}

#[test]
fn a_process_that_sleeps_past_its_lease_parks_nothing() {
    for fresh in Place::shared() {
        let stage = Stage::set(fresh, Poison::UnknownType);
        let mut sleeper = stage.follower();
        stage.follow_until(&mut sleeper, [3, 0, 3], 3);
        stage.clock.advance_ms(LEASE_MS + 1);
        let other = stage.here.shop();
        let mut heir = stage.follower_in(&other, "heir");
        patiently(|| usize::from(heir.is_ours().expect("a store")));
        stage.mended.store(true, Ordering::SeqCst);
        assert_eq!(heir.desk().retry(&stage.parked()[0]).expect("a retry").delivered, 3);
        stage.one_more_for(2);
        stage.follow_until(&mut heir, [3, 4, 3], 0);
        // The sleeper wakes with what it read long ago and would park it behind what is no longer there.
        let events = stage.source.events(10);
        let end = events.last().expect("events").cursor;
        sleeper.take_in(&events[3..], end).expect("it is told that the place is not its own");
        assert_eq!((stage.taken(), stage.parked().len()), ([3, 4, 3], 0));
    }
}

#[test]
fn events_that_come_twice_are_parked_once() {
    on_all(|place| {
        let stage = Stage::set(place, Poison::UnknownType);
        let mut consumer = stage.follower();
        stage.follow_until(&mut consumer, [3, 0, 3], 3);
        let of_bad: Vec<Logged> =
            stage.source.events(9).into_iter().filter(|event| event.subject == BAD_PURSE).collect();
        let end = stage.shop.funnel.cursor(NAME).expect("a cursor");
        consumer.take_in(&of_bad, end).expect("it is parked already");
        assert_eq!((stage.taken(), stage.parked().len()), ([3, 0, 3], 3));
    });
}

#[test]
fn a_rebuild_forgets_what_was_parked_because_it_comes_again() {
    on_all(|place| {
        let stage = Stage::set(place, Poison::UnknownType);
        stage.follow_until(&mut stage.follower(), [3, 0, 3], 3);
        let clear = ["DELETE FROM movement", "DELETE FROM purse"];
        let cleared = stage.shop.funnel.with_session(|tx| {
            clear.iter().try_for_each(|sql| tx.execute(sql, &[] as &[Value]).map(|_| ()))?;
            forget_cursors(tx)
        });
        cleared.expect("it can be emptied");
        assert_eq!(stage.shop.funnel.cursor(NAME).expect("a cursor"), Cursor::default());
        stage.mended.store(true, Ordering::SeqCst);
        stage.follow_until(&mut stage.follower(), [3, 3, 3], 0);
    });
}

#[test]
fn many_good_events_around_a_poison_one_do_not_cost_a_commit_each() {
    let stage = Stage::set(Place::sqlite, Poison::UnknownType);
    for _ in 0..4 {
        stage.source.batch((0..400).map(|number| (Move::of(100 + number, 1), None)));
    }
    let mut consumer = stage.follower();
    let started = std::time::Instant::now();
    assert_eq!(consumer.step().expect("a step"), 1_609, "one piece");
    assert_eq!(stage.taken(), [1, 0, 0], "it stops where it had to park");
    assert_eq!(consumer.step().expect("a step"), 1_607, "the rest goes at once");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!((stage.taken(), stage.parked().len()), ([3, 0, 3], 3));
    assert_eq!(stage.shop.balances(499), (4, 4));
}
