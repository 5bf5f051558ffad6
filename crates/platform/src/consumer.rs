//! Consumers: how one context follows the log of another.
//!
//! A consumer reads a piece of the log, turns it into commands of its own context and delivers them through that
//! context's funnel, which moves the cursor in the same transaction. A piece that was delivered and not acknowledged
//! is delivered again; the rules take nothing in twice.
//!
//! A piece that fails because something cannot be reached is repeated, smaller after a while (see `pace`). One that fails for another reason is
//! halved until the event is found that cannot be taken in; that one is parked (see `parked`), and the others go on.

mod pace;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use metrics::{Gauge, gauge};

use self::pace::{PIECE_ROWS, Pace};
use crate::clock::Clock;
use crate::db::{Cursor, Session};
use crate::desk::Desk;
use crate::error::{Error, ErrorKind, Result};
use crate::funnel::{Delivery, Funnel, Writer, move_cursor, take_cursor};
use crate::lease::{self, LEASE_MS};
use crate::log::{Event, Log, LogReader, Scope};
use crate::parked::{self, Aside};
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
    /// Subjects with parked events: all of them, and perhaps some that another process has dealt with meanwhile.
    parked: HashSet<i64>,
    /// Since when the cursor in the store is behind, by events from which nothing followed.
    unstored_since_ms: Option<i64>,
    lag: Gauge,
    /// When the oldest event happened that was read and not taken in; 0 if there is none.
    behind_since_ms: Arc<AtomicI64>,
    parked_events: Gauge,
}

/// Where it stands and under which lease.
#[derive(Clone, Copy)]
struct Place {
    cursor: Cursor,
    fence: i64,
    renew_at_ms: i64,
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
            parked: HashSet::new(),
            unstored_since_ms: None,
            lag,
            behind_since_ms: Arc::default(),
            parked_events,
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

    /// Its name: `point<member`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
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
            none => none.insert(self.log.reader(self.scope)?),
        };
        let page = reader.read(place.cursor, self.pace.rows()).inspect_err(|_| self.reader = None)?;
        if page.end == place.cursor {
            self.is_level();
            return self.store_cursor(place, heard).map(usize::from);
        }
        if let Some(oldest) = page.events.first() {
            self.lag.set((self.clock.now_ms() - oldest.at_ms) as f64 / 1_000.0);
            self.behind_since_ms.store(oldest.at_ms, Ordering::Relaxed);
        }
        let taken = self.take_in(&page.events, page.end);
        self.pace.note(&self.name, &taken);
        taken?;
        Ok(page.events.len().max(1))
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
        let stored = self.move_to(place.cursor, place.fence, Vec::new());
        // After a failure the cursor in the store is the truth.
        self.place = self.place.filter(|_| stored.is_ok());
        stored.map(|()| false)
    }

    /// Where an operator deals with its parked events.
    #[must_use]
    pub fn desk(&self) -> Desk {
        Desk::new(&self.name, &self.funnel, &self.react, &self.behind_since_ms)
    }

    /// Nothing waits to be taken in by this process.
    fn is_level(&self) {
        self.lag.set(0.0);
        self.behind_since_ms.store(0, Ordering::Relaxed);
    }

    /// Delivers these events and moves the cursor to `end`. After one that had to be parked it leaves the rest to the
    /// next step, so that no step takes long. Public so that a test can deliver twice and out of order.
    ///
    /// # Errors
    /// As [`Consumer::step`].
    pub fn take_in(&mut self, events: &[Event], end: Cursor) -> Result<()> {
        let Some(place) = self.place()? else { return Ok(()) };
        // All parts go under the lease of the first: were it taken anew in between, a part could be left out.
        let taken = self.take_part(events, end, place.fence);
        // After a failure, or half way, the cursor in the store is the truth.
        self.place = matches!(taken, Ok(true)).then_some(Place { cursor: end, ..place });
        taken.map(|_| ())
    }

    /// Delivers these events, halving them while they fail for a reason that repeating alone will not mend; whether it
    /// came to their end.
    fn take_part(&mut self, events: &[Event], end: Cursor, fence: i64) -> Result<bool> {
        let error = match self.deliver(events, end, fence) {
            Err(error) if error.kind != ErrorKind::Unavailable => error,
            taken => return taken.map(|()| true),
        };
        match events {
            [] => Err(error),
            [event] => self.try_or_park(event, end, fence, error),
            _ => {
                let (first, second) = events.split_at(events.len() / 2);
                let middle = first.last().map_or(end, |event| event.cursor);
                Ok(self.take_part(first, middle, fence)? && self.take_part(second, end, fence)?)
            }
        }
    }

    /// Delivers in one transaction; of subjects that have parked events, parks behind those instead.
    fn deliver(&mut self, events: &[Event], end: Cursor, fence: i64) -> Result<()> {
        let touches = !self.parked.is_empty() && events.iter().any(|event| self.parked.contains(&event.subject));
        if touches {
            self.load_parked()?;
            let (behind, free): (Vec<&Event>, Vec<&Event>) =
                events.iter().partition(|event| self.parked.contains(&event.subject));
            if !behind.is_empty() {
                let free: Vec<Event> = free.into_iter().cloned().collect();
                let aside = Aside { reason: WAITS, tries: 0, now_ms: self.clock.now_ms() };
                return self.deliver_parking(&free, &behind, aside, Delivery { consumer: &self.name, fence, end });
            }
        }
        let commands = react_guarded(&*self.react, events)?;
        if commands.is_empty() {
            let since_ms = *self.unstored_since_ms.get_or_insert(self.clock.monotonic_ms());
            if !self.is_overdue(since_ms) {
                return Ok(());
            }
        }
        self.move_to(end, fence, commands)
    }

    /// Whether a cursor that moved without effect has waited long enough to be stored.
    fn is_overdue(&self, since_ms: i64) -> bool {
        u128::from((self.clock.monotonic_ms() - since_ms).unsigned_abs()) >= STORED_WITHIN.as_millis()
    }

    /// Carries the commands out and stores the cursor with them.
    fn move_to(&mut self, end: Cursor, fence: i64, commands: Vec<W::Command>) -> Result<()> {
        self.unstored_since_ms = None;
        self.funnel.deliver(Delivery { consumer: &self.name, fence, end }, commands)
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
    fn try_or_park(&mut self, event: &Event, end: Cursor, fence: i64, mut error: Error) -> Result<bool> {
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
        self.deliver_parking(&[], &[event], aside, Delivery { consumer: &self.name, fence, end })?;
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

    /// Where it stands; in a shared store only while this process holds the lease.
    fn place(&mut self) -> Result<Option<Place>> {
        let now_ms = self.clock.monotonic_ms();
        if let Some(place) = self.place.filter(|place| now_ms < place.renew_at_ms) {
            return Ok(Some(place));
        }
        let held = if self.log.is_shared() {
            self.funnel.with_session(|tx| self.hold(tx))?
        } else {
            let known = self.place.map(|place| place.cursor);
            Some((1, known.map_or_else(|| self.funnel.cursor(&self.name), Ok)?))
        };
        let Some((fence, cursor)) = held else {
            self.place = None;
            // Whoever holds it counts them, and says how far behind it is.
            self.parked.clear();
            self.parked_events.set(0.0);
            self.is_level();
            return Ok(None);
        };
        if !self.parked.is_empty() || self.place.is_none_or(|place| place.fence != fence) {
            self.load_parked()?;
        }
        self.place = Some(Place { cursor, fence, renew_at_ms: now_ms + LEASE_MS / 3 });
        Ok(self.place)
    }

    /// Takes or renews the lease: its fence, and where to go on reading. Nothing if another process holds it.
    fn hold(&self, tx: &mut dyn Session) -> Result<Option<(i64, Cursor)>> {
        let Some(fence) = lease::hold(tx, &self.name, &self.holder, self.clock.now_ms())? else { return Ok(None) };
        let known = self.place.filter(|place| place.fence == fence);
        let cursor = known.map_or_else(|| take_cursor(tx, &self.name, fence), |place| Ok(place.cursor))?;
        Ok(Some((fence, cursor)))
    }
}

/// Takes the leases away from all who follow logs for this context, for a step that throws a read model away. Whoever
/// follows them next reads where the cursors stand then; what is delivered under an earlier lease is refused.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn depose_followers(tx: &mut dyn Session) -> Result<()> {
    tx.execute(
        "UPDATE lease SET holder = '', until_ms = 0, fence = fence + 1 WHERE name IN (SELECT consumer FROM cursor_position)",
        &[],
    )?;
    // An embedded store has no leases, and its one fence stays.
    let fence = "SELECT fence FROM lease WHERE name = consumer";
    let sql = format!("UPDATE cursor_position SET fence = ({fence}) WHERE consumer IN (SELECT name FROM lease)");
    tx.execute(&sql, &[]).map(|_| ())
}

/// Sets every consumer of a context back to the start of its logs (a rebuild of a read model).
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn forget_cursors(tx: &mut dyn Session) -> Result<()> {
    // What was parked comes again.
    parked::forget_all(tx)?;
    // The fences stay, so that a holder that slept through the rebuild cannot put its old cursor back.
    tx.execute("UPDATE cursor_position SET xid = 0, position = 0", &[]).map(|_| ())
}
