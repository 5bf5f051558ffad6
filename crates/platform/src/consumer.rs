//! Consumers: how one context follows the log of another.
//!
//! A consumer reads a piece of the log, turns it into commands of its own context and delivers them through that
//! context's funnel, which moves the cursor in the same transaction. A piece that was delivered and not acknowledged
//! is delivered again; the rules take nothing in twice.
//!
//! A piece that fails because something cannot be reached is repeated, smaller after a while (see `pace`). One that fails for another reason is
//! halved until the event is found that cannot be taken in; that one is parked (see `parked`), and the others go on.

mod pace;
mod place;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use metrics::{Counter, Gauge, counter, gauge};

use self::pace::{PIECE_ROWS, Pace};
use self::place::Place;
pub use self::place::{depose_followers, forget_cursors};
use crate::clock::Clock;
use crate::db::{Cursor, Session};
use crate::desk::Desk;
use crate::error::{Error, ErrorKind, Result};
use crate::funnel::{Delivery, Funnel, Standing, Writer, move_cursor};
use crate::lease;
use crate::log::{Event, Log, LogReader, Page, Scope};
use crate::parked::{self, Aside};
use crate::trace::taking_in;
use crate::work::Wake;

/// An event that fails alone is tried again after each of these pauses, then parked.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(80)];
/// How long a cursor may wait to be stored where nothing followed from what was read: reading it again would do no harm,
/// and storing it costs a sync of the disk.
const STORED_WITHIN: Duration = Duration::from_millis(20);
/// The reason that is noted for an event that was not even tried.
const WAITS: &str = "waits behind an earlier parked event of the same subject";

/// Turns events of another context into commands of this one. May ask other contexts; keeps nothing.
pub type React<C> = Box<dyn Fn(&[Event]) -> Result<Vec<C>> + Send + Sync>;
/// A reaction that a consumer and its desk share.
pub(crate) type SharedReact<C> = Arc<dyn Fn(&[Event]) -> Result<Vec<C>> + Send + Sync>;

/// Asks a reaction; one that panics is a defect, but not a reason to stop those that follow.
pub(crate) fn react_guarded<C>(
    react: &(dyn Fn(&[Event]) -> Result<Vec<C>> + Send + Sync),
    events: &[Event],
) -> Result<Vec<C>> {
    catch_unwind(AssertUnwindSafe(|| react(events)))
        .unwrap_or_else(|_| Err(Error::internal("a reaction broke off; its panic is in the log")))
}

/// One context following one log.
pub struct Consumer<W: Writer> {
    name: String,
    funnel: Arc<Funnel<W>>,
    log: Arc<Log>,
    scope: Scope,
    pace: Pace,
    react: SharedReact<W::Command>,
    clock: Arc<dyn Clock>,
    holder: String,
    reader: Option<LogReader>,
    place: Option<Place>,
    /// While another process follows the log: when this one asks for the lease again.
    asks_at_ms: i64,
    /// Subjects with parked events: all of them, and perhaps some that another process has dealt with meanwhile.
    parked: HashSet<i64>,
    /// Since when the cursor in the store is behind, by events from which nothing followed.
    unstored_since_ms: Option<i64>,
    lag: Gauge,
    /// When the oldest event happened that was read and not taken in; 0 if there is none.
    behind_since_ms: Arc<AtomicI64>,
    parked_events: Gauge,
    events_missing: Counter,
    /// Since when nothing can be taken in, because something is missing in the topic.
    apart_since_ms: Option<i64>,
}

impl<W: Writer> Consumer<W> {
    /// The consumer of `log` in the context of `funnel`; `holder` names this process in leases.
    #[must_use]
    pub fn new(
        funnel: Arc<Funnel<W>>,
        log: Arc<Log>,
        clock: Arc<dyn Clock>,
        holder: &str,
        react: React<W::Command>,
    ) -> Self {
        let name = format!("{}<{}", funnel.context(), log.context);
        let lag = gauge!("event_lag_seconds", "consumer" => name.clone());
        let parked_events = gauge!("parked_events", "consumer" => name.clone());
        let events_missing = counter!("events_missing_total", "consumer" => name.clone());
        Self {
            name,
            funnel,
            log,
            scope: Scope::Everything,
            pace: Pace::of(PIECE_ROWS),
            react: Arc::from(react),
            clock,
            holder: holder.to_owned(),
            reader: None,
            place: None,
            asks_at_ms: i64::MIN,
            parked: HashSet::new(),
            unstored_since_ms: None,
            lag,
            behind_since_ms: Arc::default(),
            parked_events,
            events_missing,
            apart_since_ms: None,
        }
    }

    /// The same consumer, looking only at the event table of the log.
    #[must_use]
    pub fn of_event_table(mut self) -> Self {
        self.scope = Scope::EventTable;
        self
    }

    /// What wakes it: a commit in the part of the log that it looks at; at the latest it looks after `idle`.
    #[must_use]
    pub fn wake(&self, idle: Duration) -> Wake {
        Wake::Bell(Arc::clone(&self.log), self.scope, idle)
    }

    /// The same for one that looks only every now and then, and only if there was a commit.
    #[must_use]
    pub fn glance(&self, pause: Duration) -> Wake {
        Wake::Glance(Arc::clone(&self.log), self.scope, pause)
    }

    /// Its name: `point<member`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The context that follows.
    #[must_use]
    pub fn context(&self) -> &'static str {
        self.funnel.context()
    }

    /// Whether this process is the one that follows the log; with an embedded store it always is.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn is_ours(&mut self) -> Result<bool> {
        Ok(self.place()?.is_some())
    }

    /// As [`Consumer::is_ours`], in a transaction of this context, before whose end nobody else can become the one.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn is_ours_in(&self, tx: &mut dyn Session) -> Result<bool> {
        Ok(self.hold(tx)?.is_some())
    }

    /// Takes in the next piece of the log; how many log rows it looked at. 0 when there is nothing new, when the
    /// context is stopped, or when another process follows this log.
    ///
    /// # Errors
    /// `Unavailable` when a store or a context that has to be asked cannot be reached; nothing was taken in.
    pub fn step(&mut self) -> Result<usize> {
        if !self.funnel.is_open() {
            return Ok(0);
        }
        let heard = self.log.bell(self.scope).count();
        let Some(place) = self.place()? else { return Ok(0) };
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => none.insert(self.log.reader_at(self.scope, place.offset)?),
        };
        let page = reader.read(place.cursor, self.pace.rows())?;
        if page.missing > 0 {
            self.events_missing.increment(page.missing);
            self.apart_since_ms.get_or_insert(self.clock.now_ms());
        }
        if page.end == place.cursor {
            self.is_level();
            if page.passed_over > 0 {
                return Ok(page.passed_over);
            }
            return self.store_cursor(place, heard).map(usize::from);
        }
        self.apart_since_ms = None;
        if let Some(oldest) = page.events.first() {
            self.lag.set((self.clock.now_ms() - oldest.at_ms) as f64 / 1_000.0);
            self.behind_since_ms.store(oldest.at_ms, Ordering::Relaxed);
        }
        let Page { end, offset, events, .. } = page;
        let taken = self.take_page(&events, Standing { cursor: end, offset });
        self.pace.note(&self.name, &taken);
        taken?;
        Ok(events.len().max(1))
    }

    /// Stores a cursor that moved without effect, unless more comes meanwhile; whether it did.
    fn store_cursor(&mut self, place: Place, heard: u64) -> Result<bool> {
        let Some(since_ms) = self.unstored_since_ms else { return Ok(false) };
        if self.log.is_shared() {
            // What the bell rang for may be visible a little later, so whoever steps this looks again soon.
            if !self.is_overdue(since_ms) {
                return Ok(false);
            }
        } else if self.log.bell(self.scope).wait_beyond(heard, STORED_WITHIN) != heard {
            return Ok(true);
        }
        let stored = self.move_to(place.standing(), place.fence, Vec::new());
        // After a failure the cursor in the store is the truth.
        self.place = self.place.filter(|_| stored.is_ok());
        stored.map(|()| false)
    }

    /// Where an operator deals with its parked events.
    #[must_use]
    pub fn desk(&self) -> Desk {
        Desk::new(&self.name, &self.funnel, &self.react, &self.behind_since_ms)
    }

    /// Nothing waits to be taken in by this process, unless what comes does not join on; nobody who writes has to wait for
    /// that to be mended.
    fn is_level(&self) {
        let apart_ms = self.apart_since_ms.map_or(0, |since_ms| self.clock.now_ms() - since_ms);
        self.lag.set(apart_ms as f64 / 1_000.0);
        self.behind_since_ms.store(0, Ordering::Relaxed);
    }

    /// Delivers these events and moves the cursor to `end`. After one that had to be parked it leaves the rest to the
    /// next step, so that no step takes long. Public so that a test can deliver twice and out of order.
    ///
    /// # Errors
    /// As [`Consumer::step`].
    pub fn take_in(&mut self, events: &[Event], end: Cursor) -> Result<()> {
        self.take_page(events, Standing { cursor: end, offset: None })
    }

    fn take_page(&mut self, events: &[Event], end: Standing) -> Result<()> {
        let Some(place) = self.place()? else { return Ok(()) };
        // All parts go under the lease of the first: were it taken anew in between, a part could be left out.
        let taken = self.take_part(events, end, place);
        // After a failure, or half way, the cursor in the store is the truth.
        self.place = matches!(taken, Ok(true)).then_some(place.at(end));
        taken.map(|_| ())
    }

    /// Delivers these events, halving them while they fail for a reason that repeating alone will not mend; whether it
    /// came to their end.
    fn take_part(&mut self, events: &[Event], end: Standing, from: Place) -> Result<bool> {
        let error = match self.deliver(events, end, from.fence) {
            Err(error) if error.kind != ErrorKind::Unavailable => error,
            taken => return taken.map(|()| true),
        };
        match events {
            [] => Err(error),
            [event] => self.try_or_park(event, end, from.fence, error),
            _ => {
                let (first, second) = events.split_at(events.len() / 2);
                // Reading goes on early enough from where the piece began.
                let middle = first.last().map_or(end, |event| Standing { cursor: event.cursor, offset: from.offset });
                Ok(self.take_part(first, middle, from)? && self.take_part(second, end, from)?)
            }
        }
    }

    /// Delivers in one transaction; of subjects that have parked events, parks behind those instead.
    fn deliver(&mut self, events: &[Event], end: Standing, fence: i64) -> Result<()> {
        let touches = !self.parked.is_empty() && events.iter().any(|event| self.parked.contains(&event.subject));
        if touches {
            self.load_parked()?;
            let (behind, free): (Vec<&Event>, Vec<&Event>) =
                events.iter().partition(|event| self.parked.contains(&event.subject));
            if !behind.is_empty() {
                let free: Vec<Event> = free.into_iter().cloned().collect();
                let aside = Aside { reason: WAITS, tries: 0, now_ms: self.clock.now_ms() };
                return self.deliver_parking(&free, &behind, aside, self.delivery(end, fence));
            }
        }
        let commands = react_guarded(&*self.react, events)?;
        if commands.is_empty() {
            let since_ms = *self.unstored_since_ms.get_or_insert(self.clock.monotonic_ms());
            if !self.is_overdue(since_ms) {
                return Ok(());
            }
        }
        let spans = if commands.is_empty() { Vec::new() } else { taking_in(&self.name, events) };
        let moved = self.move_to(end, fence, commands);
        let outcome = if moved.is_ok() { "taken in" } else { "failed" };
        spans.into_iter().for_each(|span| span.ended(outcome, moved.is_err()));
        moved
    }

    fn delivery(&self, end: Standing, fence: i64) -> Delivery<'_> {
        Delivery { consumer: &self.name, fence, end: end.cursor, offset: end.offset }
    }

    /// Whether a cursor that moved without effect has waited long enough to be stored.
    fn is_overdue(&self, since_ms: i64) -> bool {
        u128::from((self.clock.monotonic_ms() - since_ms).unsigned_abs()) >= STORED_WITHIN.as_millis()
    }

    /// Carries the commands out and stores the cursor with them.
    fn move_to(&mut self, end: Standing, fence: i64, commands: Vec<W::Command>) -> Result<()> {
        self.unstored_since_ms = None;
        self.funnel.deliver(self.delivery(end, fence), commands)
    }

    /// Takes `free` in and parks `aside`, in one transaction.
    fn deliver_parking(
        &self,
        free: &[Event],
        parking: &[&Event],
        aside: Aside<'_>,
        delivery: Delivery<'_>,
    ) -> Result<()> {
        let commands = react_guarded(&*self.react, free)?;
        let waited_for: HashSet<i64> = parking.iter().filter(|_| aside.tries == 0).map(|event| event.subject).collect();
        self.funnel.deliver_along(commands, &mut |tx| {
            // Nobody but the holder of the lease may park: whoever holds it next must find all that is parked.
            if !lease::is_held(tx, &self.name, delivery.fence)? {
                return Err(lease::lost());
            }
            for subject in &waited_for {
                if parked::first_of(tx, &self.name, *subject)?.is_none() {
                    return Err(parked::changed());
                }
            }
            parked::park(tx, &self.name, parking, aside)?;
            move_cursor(tx, delivery)
        })?;
        self.parked_events.increment(parking.len() as f64);
        Ok(())
    }

    /// An event that failed alone: tried a few times more, then parked with its cause; whether it was taken in.
    fn try_or_park(&mut self, event: &Event, end: Standing, fence: i64, mut error: Error) -> Result<bool> {
        for pause in PAUSES {
            std::thread::sleep(pause);
            error = match self.deliver(std::slice::from_ref(event), end, fence) {
                Err(error) if error.kind != ErrorKind::Unavailable => error,
                taken => return taken.map(|()| true),
            };
        }
        let position = event.cursor.position;
        tracing::error!(consumer = self.name, position, kind = event.kind, subject = event.subject, %error, "an event cannot be taken in and is parked; later ones of its subject wait behind it");
        let reason = parked::reason_of(&error);
        let aside = Aside { reason: &reason, tries: 1 + PAUSES.len() as i64, now_ms: self.clock.now_ms() };
        self.deliver_parking(&[], &[event], aside, self.delivery(end, fence))?;
        self.parked.insert(event.subject);
        Ok(false)
    }

    /// Learns which subjects have parked events.
    fn load_parked(&mut self) -> Result<()> {
        let (subjects, count) = self.funnel.with_session(|tx| parked::subjects(tx, &self.name))?;
        self.parked = subjects;
        self.parked_events.set(count as f64);
        Ok(())
    }
}
