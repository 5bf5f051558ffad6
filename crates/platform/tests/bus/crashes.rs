//! Processes that crash, sleep and come back: relays, and the broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use platform::bus::Bus;
use platform::clock::{Clock, ManualClock};
use platform::db::Cursor;
use platform::lease::LEASE_MS;
use platform::log::Scope;
use platform::work::{Wake, Workers};

use super::follower::{Follower, bus, bus_at, clock, move_coins, publish, relay, topic, until};
use super::kafka::Broker;
use super::kit::Place;

/// Relays that never come to store their cursors, one after the other, because each is killed before; what follows takes
/// in what all of them have published.
fn relays_are_killed(source: &Place, bus: &Bus) -> i64 {
    let (shop, elsewhere) = (source.shop(), Place::sqlite());
    let mut follower = Follower::new(&elsewhere, bus);
    let log = topic(bus);
    for (coins, messages) in [(700, 700), (300, 1_700)] {
        move_coins(&shop, coins);
        // Time stands still, so it is never time to store a cursor.
        let stopped: Arc<dyn Clock> = Arc::new(ManualClock::new(0));
        let mut killed = relay(&shop, bus, &stopped, "the same process");
        until("the messages to be on their way", || killed.step().expect("the broker is there") == 0);
        // What is not there when this ends is cut off.
        let (mut reader, mut stands, mut there) =
            (log.reader(Scope::Everything).expect("a reader"), Cursor::default(), 0);
        until("the messages to be there", || {
            let page = reader.read(stands, 10_000).expect("the broker is there");
            there += page.events.len() + page.passed_over;
            stands = page.end;
            there >= messages
        });
        drop(killed);
        follower.follow_for(Duration::from_millis(300));
    }
    let mut last = relay(&shop, bus, &clock(), "the same process");
    publish(&mut last, &shop);
    until("the follower to come to the end", || {
        follower.step();
        follower.coins() >= 1_000
    });
    follower.follow_for(Duration::from_millis(700));
    follower.coins()
}

#[test]
fn what_a_killed_relay_publishes_again_has_its_effect_once() {
    assert_eq!(relays_are_killed(&Place::sqlite(), &bus()), 1_000);
    assert_eq!(relays_are_killed(&Place::postgres(), &bus()), 1_000);
}

#[test]
fn control_without_the_comparisons_it_has_its_effect_again() {
    let coins = relays_are_killed(&Place::sqlite(), &bus().trusting());
    assert!(coins > 1_000, "{coins} of 1,000 coins");
}

#[test]
fn two_relays_at_once_only_repeat_each_other() {
    let (source, elsewhere, bus) = (Place::postgres(), Place::sqlite(), bus());
    let (first, second) = (source.shop(), source.shop());
    let mut follower = Follower::new(&elsewhere, &bus);
    // One has slept past its lease and does not know it; the other one has taken it over.
    let asleep: Arc<dyn Clock> = Arc::new(ManualClock::new(0));
    let awake: Arc<dyn Clock> = Arc::new(ManualClock::new(LEASE_MS + 1));
    let (mut sleeper, mut heir) = (relay(&first, &bus, &asleep, "sleeper"), relay(&second, &bus, &awake, "heir"));
    for _ in 0..20 {
        move_coins(&first, 50);
        sleeper.step().expect("the broker is there");
        heir.step().expect("the broker is there");
        follower.step();
    }
    drop((sleeper, heir));
    let time = Arc::new(ManualClock::new(3 * LEASE_MS));
    let as_clock = Arc::clone(&time) as Arc<dyn Clock>;
    let mut third = relay(&first, &bus, &as_clock, "third");
    until("the rest to be published", || {
        time.advance_ms(10);
        third.step().expect("the broker is there");
        follower.step();
        follower.coins() >= 1_000
    });
    follower.follow_to(1_000);
}

#[test]
fn a_broker_that_is_killed_under_load_loses_and_doubles_nothing() {
    let (source, elsewhere) = (Place::sqlite(), Place::sqlite());
    let mut broker = Broker::start();
    let bus = bus_at(&broker.url());
    let shop = source.shop();
    let mut follower = Follower::new(&elsewhere, &bus);
    let workers = Workers::default();
    let mut relay = relay(&shop, &bus, &clock(), "relay");
    workers
        .spawn("bus<purses".to_owned(), relay.wake(Duration::from_millis(500)), move || relay.step())
        .expect("a thread");
    let comes = AtomicBool::new(true);
    let moved = std::thread::scope(|scope| {
        let moving = scope.spawn(|| {
            let mut coins = 0;
            while comes.load(Ordering::Acquire) {
                move_coins(&shop, 20);
                coins += 20;
                std::thread::sleep(Duration::from_millis(5));
            }
            coins
        });
        for _ in 0..2 {
            let before = follower.coins();
            until("coins to arrive", || {
                follower.step();
                follower.coins() > before + 200
            });
            broker.kill();
            // It is away for a while, and everybody notices.
            follower.follow_for(Duration::from_millis(1_500));
            broker.resume();
        }
        comes.store(false, Ordering::Release);
        moving.join().expect("coins move")
    });
    follower.follow_to(moved);
    workers.stop(&[Arc::clone(&shop.log)]);
    // While it was away other things went on: a thread that cannot publish ends at once all the same.
    broker.kill();
    let mut away = super::follower::relay(&shop, &bus, &clock(), "relay");
    let workers = Workers::default();
    workers.spawn("bus<purses".to_owned(), Wake::Pause(Duration::ZERO), move || away.step()).expect("a thread");
    std::thread::sleep(Duration::from_millis(300));
    let asked = std::time::Instant::now();
    workers.stop(&[]);
    assert!(asked.elapsed() < Duration::from_secs(5), "it took {:?}", asked.elapsed());
}
