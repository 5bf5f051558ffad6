//! Event logs: what happened in a context, in commit order, for everyone who wants to know.
//!
//! A context has one log with one row of numbering. Most events are rows of the `event` table; a context may add
//! tables whose rows are facts already (ledger entries), which are rendered as events when they are read, because
//! the same fact is not written twice.

mod reader;
mod topic;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::db::{Cursor, Database, Kind, Row, Session, Table};
use crate::error::{Error, Result};

pub use reader::{LogReader, Page};
pub use watch::Watch;

/// The event table that every context has.
pub static EVENTS: Table = Table {
    name: "event",
    columns: &[
        ("position", Kind::Int),
        ("type", Kind::Text),
        ("subject", Kind::Int),
        ("sequence", Kind::Int),
        ("at", Kind::Int),
        ("correlation", Kind::Text),
        ("causation", Kind::Text),
        ("data", Kind::Text),
        ("key", Kind::Blob),
        ("digest", Kind::Int),
    ],
};

/// Something that happened; its fields are those of a CloudEvents envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Where it stands in its log.
    pub cursor: Cursor,
    /// Its type, past tense: `PointsUsed`.
    pub kind: String,
    /// The aggregate it happened to.
    pub subject: i64,
    /// Rises by one with each event of the aggregate.
    pub sequence: i64,
    /// When, in milliseconds since 1970 in UTC.
    pub at_ms: i64,
    /// The fields of its type, as a JSON object.
    pub data: String,
    /// The `traceparent` of the request that brought it about, if that is traced.
    pub origin: Option<Box<str>>,
}

impl Event {
    /// Reads the event as one of the variants of `E`.
    ///
    /// # Errors
    /// `Internal` if its type or fields are not known to this program.
    pub fn decode<E: DeserializeOwned>(&self) -> Result<E> {
        let text = format!("{{\"{}\":{}}}", self.kind, self.data);
        serde_json::from_str(&text).map_err(|error| {
            let message =
                format!("event {} of type {} cannot be read by this version", self.cursor.position, self.kind);
            Error::internal(message).caused_by(error)
        })
    }
}

/// Splits a variant into its type and its fields.
///
/// # Errors
/// `Internal` if the value is not a variant with fields.
pub fn encode<E: Serialize>(event: &E) -> Result<(String, String)> {
    let text =
        serde_json::to_string(event).map_err(|error| Error::internal("an event cannot be written").caused_by(error))?;
    let parts =
        text.strip_prefix("{\"").and_then(|rest| rest.strip_suffix('}')).and_then(|rest| rest.split_once("\":"));
    let (kind, data) = parts.ok_or_else(|| Error::internal("an event must be a variant with fields"))?;
    Ok((kind.to_owned(), data.to_owned()))
}

/// A table of the log and how its rows read as events; `None` for rows that nobody is told about.
#[derive(Clone, Copy)]
pub struct LogSource {
    /// The table; its key is the position.
    pub table: &'static Table,
    /// Turns a row into an event; the cursor is filled in by the reader.
    pub render: fn(Row) -> Option<Event>,
}

/// The source that every log has.
pub const EVENT_SOURCE: LogSource = LogSource { table: &EVENTS, render: render_event };

/// An event from its row; nothing for a row that only remembers an answer. A type that is no word at all is an event
/// too: one that nobody can read.
fn render_event(row: Row) -> Option<Event> {
    let event = remembered_event(row);
    (!event.kind.starts_with(|first: char| first.is_ascii_lowercase())).then_some(event)
}

/// Rows of the event table that are read at once.
const ROWS: usize = 5_000;

/// Reads every event of the event table, in the order of the log; answers that are only remembered are left out.
///
/// # Errors
/// `Unavailable` when the store cannot be reached, and what `take` says.
pub fn each_event(session: &mut dyn Session, mut take: impl FnMut(Event) -> Result<()>) -> Result<()> {
    let mut after = Cursor::default();
    loop {
        let rows = session.read_log(&EVENTS, after, i64::MAX, ROWS)?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = *last;
        for (cursor, row) in rows {
            if let Some(event) = render_event(row) {
                take(Event { cursor, ..event })?;
            }
        }
    }
}

/// Any row of the event table, answers that are only remembered included.
pub(crate) fn remembered_event(mut row: Row) -> Event {
    Event {
        cursor: Cursor { xid: 0, position: row.int(0) },
        kind: row.take_text(1).unwrap_or_default(),
        subject: row.int(2),
        sequence: row.int(3),
        at_ms: row.int(4),
        data: row.take_text(7).unwrap_or_default(),
        origin: row.take_text(5).map(Into::into),
    }
}

/// Wakes whoever waits for new events.
#[derive(Default)]
pub struct Bell {
    rung: Mutex<u64>,
    wake: Condvar,
}

impl Bell {
    /// Says that something was committed.
    pub fn ring(&self) {
        *self.rung.lock() += 1;
        self.wake.notify_all();
    }

    /// How often it has rung.
    pub fn count(&self) -> u64 {
        *self.rung.lock()
    }

    /// Waits until it has rung more often than `seen`, at most for `limit`; how often it has rung.
    pub fn wait_beyond(&self, seen: u64, limit: Duration) -> u64 {
        let mut rung = self.rung.lock();
        if *rung == seen {
            self.wake.wait_for(&mut rung, limit);
        }
        *rung
    }
}

/// A context's log.
pub struct Log {
    /// The context.
    pub context: &'static str,
    bell: Bell,
    event_bell: Bell,
    database: Arc<Database>,
    sources: Vec<LogSource>,
}

impl Log {
    /// The log of a context whose facts stand in `more` tables beside the event table.
    #[must_use]
    pub fn new(database: Arc<Database>, more: &[LogSource]) -> Arc<Self> {
        let sources = std::iter::once(EVENT_SOURCE).chain(more.iter().copied()).collect();
        Arc::new(Self {
            context: database.context(),
            bell: Bell::default(),
            event_bell: Bell::default(),
            database,
            sources,
        })
    }

    /// Says that something was committed; `events` if the event table was among it.
    pub fn ring(&self, events: bool) {
        self.bell.ring();
        if events {
            self.event_bell.ring();
        }
    }

    /// The bell that rings when a reader of this scope finds something new.
    #[must_use]
    pub fn bell(&self, scope: Scope) -> &Bell {
        match scope {
            Scope::Everything => &self.bell,
            Scope::EventTable => &self.event_bell,
        }
    }

    /// The tables it is made of.
    #[must_use]
    pub fn sources(&self) -> &[LogSource] {
        &self.sources
    }

    /// Whether other processes write into it too, so that the bell alone does not tell.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.database.is_shared()
    }

    /// The place of its last row. A consumer whose cursor has come here has seen all that was committed before this was
    /// asked.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn end(&self) -> Result<Cursor> {
        let mut end = Cursor::default();
        for source in &self.sources {
            end = end.max(self.database.log_end(source.table).await?);
        }
        Ok(end)
    }

    /// A reader with a connection of its own.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn reader(self: &Arc<Self>, scope: Scope) -> Result<LogReader> {
        self.reader_at(scope, None)
    }

    /// As [`Log::reader`]; where the log is a topic, what was read last stood at `offset` in it, if that is known.
    ///
    /// # Errors
    /// As [`Log::reader`].
    pub fn reader_at(self: &Arc<Self>, scope: Scope, offset: Option<i64>) -> Result<LogReader> {
        LogReader::open(self, scope, offset)
    }
}

/// How much of a log a reader wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Everything,
    /// Only the event table: for those who would ignore every row of the other tables.
    EventTable,
}
