//! Two contexts with a bus between them: purses that move coins, and purses elsewhere that move the same.

use std::sync::Arc;
use std::time::{Duration, Instant};

use platform::bus::{Bus, Kafka, Relay};
use platform::clock::{Clock, SystemClock};
use platform::consumer::Consumer;
use platform::db::{Cursor, Database};
use platform::error::{ErrorKind, Result};
use platform::log::{Event, Log};

use super::kafka;
use super::kit::{Move, Place, Purses, Shop};

/// Nothing here takes longer unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// The purse that all coins go into.
pub const PURSE: i64 = 1;

/// A bus with topics of its own on the broker that the tests share.
pub fn bus() -> Bus {
    bus_at(&kafka::shared())
}

/// A bus with topics of its own.
pub fn bus_at(url: &str) -> Bus {
    Bus::parse(url).and_then(|bus| bus.with_topics(&kafka::fresh_prefix(), 1)).expect("a bus")
}

/// The Kafka of a bus.
pub fn kafka_of(bus: &Bus) -> &Arc<Kafka> {
    match bus {
        Bus::Kafka(kafka) => kafka,
        Bus::Local => panic!("the tests here have a Kafka"),
    }
}

/// The clock of the machine.
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// What publishes the log of these purses.
pub fn relay(shop: &Shop, bus: &Bus, clock: &Arc<dyn Clock>, holder: &str) -> Relay {
    let kafka = Arc::clone(kafka_of(bus));
    Relay::new(Arc::clone(&shop.log), kafka, Arc::clone(clock), holder, shop.funnel.in_transaction())
}

/// The log of purses as another process sees it.
pub fn topic(bus: &Bus) -> Arc<Log> {
    Log::new(Database::elsewhere("purses", bus.clone()), &[])
}

/// Purses that move what is moved elsewhere.
pub struct Follower {
    pub shop: Shop,
    consumer: Consumer<Purses>,
}

impl Follower {
    /// In this place, as a process that was just started.
    pub fn new(place: &Place, bus: &Bus) -> Self {
        let shop = place.shop();
        let react = |events: &[Event]| events.iter().map(command).collect();
        let consumer = Consumer::new(Arc::clone(&shop.funnel), topic(bus), clock(), "follower", Box::new(react));
        Self { shop, consumer }
    }

    /// One step; what cannot be reached is met with patience.
    pub fn step(&mut self) -> usize {
        match self.consumer.step() {
            Err(error) if error.kind != ErrorKind::Unavailable => panic!("{error}"),
            stepped => stepped.unwrap_or_default(),
        }
    }

    /// The coins that it has moved.
    pub fn coins(&self) -> i64 {
        let (stored, moved) = self.shop.balances(PURSE);
        assert_eq!(stored, moved, "a balance is the sum of its movements");
        stored
    }

    /// Follows until so many coins have moved, and a while longer: nothing more may come.
    pub fn follow_to(&mut self, coins: i64) {
        until("the coins to arrive", || {
            self.step();
            self.coins() >= coins
        });
        self.follow_for(Duration::from_millis(700));
        assert_eq!(self.coins(), coins, "each once");
    }

    /// Follows for so long.
    pub fn follow_for(&mut self, time: Duration) {
        let started = Instant::now();
        while started.elapsed() < time {
            self.step();
        }
    }

    /// How far it stands in the log that it follows.
    pub fn cursor(&self) -> Cursor {
        self.shop.funnel.cursor("purses<purses").expect("the store can be read")
    }
}

fn command(event: &Event) -> Result<Move> {
    let super::kit::Event::CoinsMoved { coins, .. } = event.decode()?;
    Ok(Move::of(event.subject, coins))
}

/// Moves one coin, so many times, in batches.
pub fn move_coins(shop: &Shop, coins: i64) {
    for batch in 0..(coins + 99) / 100 {
        let size = (coins - batch * 100).min(100);
        for answer in shop.batch((0..size).map(|_| (Move::of(PURSE, 1), None))) {
            answer.expect("there is room for coins");
        }
    }
}

/// Has the relay publish all that is in the log, up to the acknowledgement that it stores. On a server a transaction of
/// anybody holds back what was committed after it began.
pub fn publish(relay: &mut Relay, shop: &Shop) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let end = runtime.block_on(shop.log.end()).expect("the log can be read");
    until("the relay to come to the end", || {
        relay.step().expect("the broker is there");
        shop.funnel.cursor("bus<purses").expect("the store can be read") == end
    });
}

/// Does it again until it says yes.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
