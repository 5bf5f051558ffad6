//! Consumers: how one context follows the log of another.
//!
//! A consumer reads a piece of the log, turns it into commands of its own context and delivers them through that
//! context's funnel, which moves the cursor in the same transaction. A piece that was delivered and not acknowledged
//! is delivered again; the rules take nothing in twice.

use std::sync::Arc;
use std::time::Duration;

use metrics::{Gauge, gauge};

use crate::clock::Clock;
use crate::db::{Cursor, Session};
use crate::error::Result;
use crate::funnel::{Delivery, Funnel, Writer};
use crate::lease::{self, LEASE_MS};
use crate::log::{Event, Log, LogReader, Scope};
use crate::work::Wake;

/// Log rows read and delivered at once; whoever asks the same context meanwhile waits for them.
const PIECE_ROWS: usize = 2_000;
/// As many for a read model, where no one waits: the more rows, the more of them share a page that is written.
const LARGE_PIECE_ROWS: usize = 16_000;

/// Turns events of another context into commands of this one. May ask other contexts; keeps nothing.
pub type React<C> = Box<dyn FnMut(&[Event]) -> Result<Vec<C>> + Send>;

/// One context following one log.
pub struct Consumer<W: Writer> {
    name: String,
    funnel: Arc<Funnel<W>>,
    log: Arc<Log>,
    scope: Scope,
    piece_rows: usize,
    react: React<W::Command>,
    clock: Arc<dyn Clock>,
    holder: String,
    reader: Option<LogReader>,
    place: Option<Place>,
    lag: Gauge,
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
        Self {
            name,
            funnel,
            log,
            scope: Scope::Everything,
            piece_rows: PIECE_ROWS,
            react,
            clock,
            holder: holder.to_owned(),
            reader: None,
            place: None,
            lag,
        }
    }

    /// The same consumer, looking only at the event table of the log.
    #[must_use]
    pub fn of_event_table(mut self) -> Self {
        self.scope = Scope::EventTable;
        self
    }

    /// The same consumer for a read model, which takes more in at once when there is more.
    #[must_use]
    pub fn in_large_pieces(mut self) -> Self {
        self.piece_rows = LARGE_PIECE_ROWS;
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

    /// Takes in the next piece of the log; how many log rows it looked at. 0 when there is nothing new, when the
    /// context is stopped, or when another process follows this log.
    ///
    /// # Errors
    /// `Unavailable` when a store or a context that has to be asked cannot be reached; nothing was taken in.
    pub fn step(&mut self) -> Result<usize> {
        if !self.funnel.is_open() {
            return Ok(0);
        }
        let Some(place) = self.place()? else { return Ok(0) };
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => none.insert(self.log.reader(self.scope)?),
        };
        let page = reader.read(place.cursor, self.piece_rows).inspect_err(|_| self.reader = None)?;
        if page.end == place.cursor {
            self.lag.set(0.0);
            return Ok(0);
        }
        if let Some(oldest) = page.events.first() {
            self.lag.set((self.clock.now_ms() - oldest.at_ms) as f64 / 1_000.0);
        }
        self.take_in(&page.events, page.end)?;
        Ok(page.events.len().max(1))
    }

    /// Delivers these events and moves the cursor to `end`. Public so that a test can deliver twice and out of order.
    ///
    /// # Errors
    /// As [`Consumer::step`].
    pub fn take_in(&mut self, events: &[Event], end: Cursor) -> Result<()> {
        let Some(place) = self.place()? else { return Ok(()) };
        let commands = (self.react)(events)?;
        let delivery = Delivery { consumer: &self.name, fence: place.fence, end };
        let delivered = self.funnel.deliver(delivery, commands);
        // After a failure the cursor in the store is the truth.
        self.place = delivered.is_ok().then_some(Place { cursor: end, ..place });
        delivered
    }

    /// Where it stands; in a shared store only while this process holds the lease.
    fn place(&mut self) -> Result<Option<Place>> {
        let now_ms = self.clock.monotonic_ms();
        if let Some(place) = self.place.filter(|place| now_ms < place.renew_at_ms) {
            return Ok(Some(place));
        }
        let fence = if self.log.is_shared() {
            let wall_ms = self.clock.now_ms();
            let held = self.funnel.with_session(|tx| lease::hold(tx, &self.name, &self.holder, wall_ms))?;
            match held {
                Some(fence) => fence,
                None => {
                    self.place = None;
                    return Ok(None);
                }
            }
        } else {
            1
        };
        let cursor = match self.place {
            Some(place) if place.fence == fence => place.cursor,
            _ => self.funnel.cursor(&self.name)?,
        };
        self.place = Some(Place { cursor, fence, renew_at_ms: now_ms + LEASE_MS / 3 });
        Ok(self.place)
    }
}

/// Sets every consumer of a context back to the start of its logs (a rebuild of a read model).
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn forget_cursors(tx: &mut dyn Session) -> Result<()> {
    // The fences stay, so that a holder that slept through the rebuild cannot put its old cursor back.
    tx.execute("UPDATE cursor_position SET xid = 0, position = 0", &[]).map(|_| ())
}
