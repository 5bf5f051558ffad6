//! The relay: publishes a context's log in its order, from a cursor in the context's own store.
//!
//! What is published is acknowledged later, and the cursor moves only then. Whatever was under way when something
//! failed is published again; whoever reads the topic passes over what it has seen.

mod outgoing;

use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge, counter, gauge};

use self::outgoing::Outgoing;
use super::kafka::Kafka;
use crate::clock::Clock;
use crate::db::{Cursor, Session};
use crate::error::Result;
use crate::funnel::{Delivery, InTransaction, Standing, move_cursor, take_cursor};
use crate::lease::{self, LEASE_MS, STAND_BY_MS};
use crate::log::{Log, LogReader, Scope};
use crate::work::Wake;

/// Log rows that are read at once.
const PIECE_ROWS: usize = 4_000;
/// The cursor is stored no more often than this; what was published since is published again after a crash.
const STORED_EVERY_MS: i64 = 200;
/// How long a step waits for room where as much is under way as may be; a stop waits for no more than that.
const ROOM_TIME: Duration = Duration::from_millis(250);

/// Publishes one log.
pub struct Relay {
    name: String,
    log: Arc<Log>,
    kafka: Arc<Kafka>,
    clock: Arc<dyn Clock>,
    holder: String,
    in_transaction: InTransaction,
    reader: Option<LogReader>,
    held: Option<Held>,
    /// While another process publishes the log: when this one asks for the lease again.
    asks_at_ms: i64,
    outgoing: Option<Outgoing>,
    /// When the oldest event happened that is not acknowledged, or since when nothing can be published.
    behind_since_ms: Option<i64>,
    lag: Gauge,
    published: Counter,
}

/// Under which lease it publishes, and how far it has come as the store knows.
#[derive(Clone, Copy)]
struct Held {
    fence: i64,
    renew_at_ms: i64,
    stored: Cursor,
    stored_at_ms: i64,
}

impl Relay {
    /// The relay of `log`, which is a log of this process; `holder` names the process in leases, `in_transaction` runs
    /// something in a transaction of the log's context.
    #[must_use]
    pub fn new(
        log: Arc<Log>,
        kafka: Arc<Kafka>,
        clock: Arc<dyn Clock>,
        holder: &str,
        in_transaction: InTransaction,
    ) -> Self {
        let context = log.context;
        Self {
            name: format!("bus<{context}"),
            log,
            kafka,
            clock,
            holder: holder.to_owned(),
            in_transaction,
            reader: None,
            held: None,
            asks_at_ms: i64::MIN,
            outgoing: None,
            behind_since_ms: None,
            lag: gauge!("bus_relay_lag_seconds", "context" => context),
            published: counter!("bus_published_total", "context" => context),
        }
    }

    /// Its name, which is that of its lease and its cursor: `bus<member`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What wakes it: a commit in the log; at the latest it looks after `idle`.
    #[must_use]
    pub fn wake(&self, idle: Duration) -> Wake {
        Wake::Bell(Arc::clone(&self.log), Scope::Everything, idle)
    }

    /// Publishes the next piece of the log; how many messages were handed over. 0 when there is nothing new, when as
    /// much is under way as may be, or when another process publishes this log.
    ///
    /// # Errors
    /// `Unavailable` when the broker or the store cannot be reached, after at most a few seconds; what was not
    /// acknowledged is published again. `bus.partitions` for a topic with several partitions.
    pub fn step(&mut self) -> Result<usize> {
        let stepped = match self.hold() {
            Ok(Some(held)) => self.publish(held),
            other => {
                self.outgoing = None;
                self.behind_since_ms = None;
                other.map(|_| 0)
            }
        };
        if stepped.is_err() {
            // The cursor in the store is the truth.
            (self.held, self.outgoing) = (None, None);
            self.behind_since_ms.get_or_insert(self.clock.now_ms());
        }
        let lag_ms = self.behind_since_ms.map_or(0, |since_ms| (self.clock.now_ms() - since_ms).max(0));
        self.lag.set(lag_ms as f64 / 1_000.0);
        stepped
    }

    fn publish(&mut self, held: Held) -> Result<usize> {
        let outgoing = match &mut self.outgoing {
            Some(outgoing) => outgoing,
            none => none.insert(Outgoing::open(&self.kafka, self.log.context, held.stored)?),
        };
        self.published.increment(outgoing.settle()?);
        let acknowledged = outgoing.acknowledged();
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => none.insert(self.log.reader(Scope::Everything)?),
        };
        let page = reader.read(outgoing.read_to(), PIECE_ROWS)?;
        let oldest_ms = page.events.first().map(|event| event.at_ms);
        let count = outgoing.publish(&page, self.clock.now_ms())?;
        if outgoing.read_to() < page.end {
            outgoing.wait_for_room(ROOM_TIME)?;
        }
        self.behind_since_ms = outgoing.oldest_ms().or_else(|| oldest_ms.filter(|_| outgoing.read_to() < page.end));
        self.store(held, acknowledged)?;
        Ok(count)
    }

    /// Stores how far everything is acknowledged, now and then.
    fn store(&mut self, held: Held, acknowledged: Cursor) -> Result<()> {
        let now_ms = self.clock.monotonic_ms();
        if acknowledged <= held.stored || now_ms - held.stored_at_ms < STORED_EVERY_MS {
            return Ok(());
        }
        let delivery = Delivery { consumer: &self.name, fence: held.fence, end: acknowledged, offset: None };
        (self.in_transaction)(&mut |tx| move_cursor(tx, delivery))?;
        self.held = Some(Held { stored: acknowledged, stored_at_ms: now_ms, ..held });
        Ok(())
    }

    /// Under which lease it works; nothing if another process publishes this log.
    fn hold(&mut self) -> Result<Option<Held>> {
        let now_ms = self.clock.monotonic_ms();
        if let Some(held) = self.held.filter(|held| now_ms < held.renew_at_ms) {
            return Ok(Some(held));
        }
        if self.held.is_none() && now_ms < self.asks_at_ms {
            return Ok(None);
        }
        let mut taken = None;
        (self.in_transaction)(&mut |tx| {
            taken = self.take_lease(tx)?;
            Ok(())
        })?;
        let Some((fence, standing)) = taken else {
            self.held = None;
            self.asks_at_ms = now_ms + STAND_BY_MS;
            return Ok(None);
        };
        let known = self.held.filter(|held| held.fence == fence);
        if known.is_none() {
            // Somebody else may have published meanwhile: begin where the store says.
            self.outgoing = None;
        }
        let fresh = Held { fence, renew_at_ms: 0, stored: standing.cursor, stored_at_ms: now_ms };
        self.held = Some(Held { renew_at_ms: now_ms + LEASE_MS / 3, ..known.unwrap_or(fresh) });
        Ok(self.held)
    }

    fn take_lease(&self, tx: &mut dyn Session) -> Result<Option<(i64, Standing)>> {
        let Some(fence) = lease::hold(tx, &self.name, &self.holder, self.clock.now_ms())? else { return Ok(None) };
        Ok(Some((fence, take_cursor(tx, &self.name, fence)?)))
    }
}

/// What was published again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Events, marks not counted.
    pub events: u64,
    /// The place up to which the log was read.
    pub end: Cursor,
}

/// Publishes what stands in a log behind `from`, up to its end as it is then, while others may publish it too; without a
/// Kafka it only counts. Moves no cursor.
///
/// # Errors
/// `Unavailable` when the broker or the store cannot be reached.
pub fn publish_again(log: &Arc<Log>, kafka: Option<&Kafka>, clock: &dyn Clock, from: Cursor) -> Result<Counted> {
    let mut reader = log.reader(Scope::Everything)?;
    let mut outgoing = kafka.map(|kafka| Outgoing::open(kafka, log.context, from)).transpose()?;
    let mut counted = Counted { events: 0, end: from };
    loop {
        // Asked before the log is read: what others publish behind our last message joins on to it only then.
        let was_settled = outgoing.as_mut().map_or(Ok(true), Outgoing::is_settled)?;
        let page = reader.read(counted.end, PIECE_ROWS)?;
        if page.end == counted.end {
            let Some(outgoing) = outgoing.as_mut().filter(|_| !was_settled) else { return Ok(counted) };
            // What others publish meanwhile joins on to what is acknowledged by now, so it is read once more.
            outgoing.wait_for_room(ROOM_TIME)?;
            continue;
        }
        let end = match &mut outgoing {
            None => page.end,
            Some(outgoing) => {
                outgoing.publish(&page, clock.now_ms())?;
                if outgoing.read_to() < page.end {
                    outgoing.wait_for_room(ROOM_TIME)?;
                }
                outgoing.settle()?;
                outgoing.read_to()
            }
        };
        counted.events += page.events.iter().filter(|event| event.cursor <= end).count() as u64;
        counted.end = end;
    }
}
