//! Parked events: what a consumer could not take in, set aside so that only its own subject waits.
//!
//! A consumer whose event fails again and again writes it into the table `parked_event` of its own database, in the
//! transaction that moves its cursor past it. Later events of the same subject are parked behind it, so the order of
//! each subject is kept. An operator delivers them again once the cause is gone, or drops them.
//!
//! Only the holder of a consumer's lease parks; any process may retry or drop. So what a consumer remembers of its
//! parked subjects may be too much but never too little, and it asks the table before it acts on it.

use std::collections::{HashMap, HashSet};

use crate::db::{Cursor, Database, Kind, Row, Session, Table, Value};
use crate::error::{Error, ErrorKind, Result};
use crate::log::Event;

/// The table that every context has.
static PARKED: Table = Table {
    name: "parked_event",
    columns: &[
        ("id", Kind::Int),
        ("consumer", Kind::Text),
        ("xid", Kind::Int),
        ("position", Kind::Int),
        ("subject", Kind::Int),
        ("type", Kind::Text),
        ("sequence", Kind::Int),
        ("at", Kind::Int),
        ("data", Kind::Text),
        ("reason", Kind::Text),
        ("tries", Kind::Int),
        ("parked_at", Kind::Int),
    ],
};
const NUMBERS: &str = "parked_number";
const REASON_CHARS: usize = 500;

/// An event that waits for an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedEvent {
    /// Its number in this context.
    pub id: i64,
    /// The consumer that could not take it in: `point<member`.
    pub consumer: String,
    /// The event as it stands in its log.
    pub event: Event,
    /// Code and sentence of the error, or that it waits behind another one. Nothing of the event's data is in it.
    pub reason: String,
    /// How often it was tried; 0 if it only waits behind another one.
    pub tries: i64,
    /// Since when, in milliseconds since 1970 in UTC.
    pub parked_at_ms: i64,
}

impl ParkedEvent {
    fn read(mut row: Row) -> Self {
        Self {
            id: row.int(0),
            consumer: row.take_text(1).unwrap_or_default(),
            event: Event {
                cursor: Cursor { xid: row.int(2), position: row.int(3) },
                kind: row.take_text(5).unwrap_or_default(),
                subject: row.int(4),
                sequence: row.int(6),
                at_ms: row.int(7),
                data: row.take_text(8).unwrap_or_default(),
                origin: None,
            },
            reason: row.take_text(9).unwrap_or_default(),
            tries: row.int(10),
            parked_at_ms: row.int(11),
        }
    }
}

/// Why events are set aside, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aside<'a> {
    pub(crate) reason: &'a str,
    pub(crate) tries: i64,
    pub(crate) now_ms: i64,
}

/// The reason that is written down: what went wrong, without the data that it went wrong with.
pub(crate) fn reason_of(error: &Error) -> String {
    format!("{}: {}", error.code, error.message).chars().take(REASON_CHARS).collect()
}

/// The subjects of which a consumer has parked events, and how many events they are.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn subjects(tx: &mut dyn Session, consumer: &str) -> Result<(HashSet<i64>, i64)> {
    let sql = "SELECT subject, COUNT(*) FROM parked_event WHERE consumer = $1 GROUP BY subject";
    let rows = tx.query(sql, &[consumer.into()])?;
    let count = rows.iter().map(|row| row.int(1)).sum();
    Ok((rows.iter().map(|row| row.int(0)).collect(), count))
}

/// The event of a subject that has to be delivered next, if any is parked.
pub(crate) fn first_of(tx: &mut dyn Session, consumer: &str, subject: i64) -> Result<Option<ParkedEvent>> {
    let sql = format!(
        "SELECT {} FROM {} WHERE consumer = $1 AND subject = $2 ORDER BY xid, position LIMIT 1",
        PARKED.column_list(),
        PARKED.name
    );
    Ok(tx.query(&sql, &[consumer.into(), subject.into()])?.pop().map(ParkedEvent::read))
}

/// How many events of a subject are parked.
pub(crate) fn count_of(tx: &mut dyn Session, consumer: &str, subject: i64) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM parked_event WHERE consumer = $1 AND subject = $2";
    let rows = tx.query(sql, &[consumer.into(), subject.into()])?;
    Ok(rows.first().map_or(0, |row| row.int(0)))
}

/// Sets events of a consumer aside. One that is parked already, because it was delivered twice, stays as it is.
pub(crate) fn park(tx: &mut dyn Session, consumer: &str, events: &[&Event], aside: Aside<'_>) -> Result<()> {
    let mut known = HashSet::new();
    for (subject, from) in first_cursors(events) {
        let sql = "SELECT xid, position FROM parked_event \
                   WHERE consumer = $1 AND subject = $2 AND (xid, position) >= ($3, $4)";
        let rows = tx.query(sql, &[consumer.into(), subject.into(), from.xid.into(), from.position.into()])?;
        known.extend(rows.iter().map(|row| Cursor { xid: row.int(0), position: row.int(1) }));
    }
    let fresh: Vec<&Event> = events.iter().copied().filter(|event| known.insert(event.cursor)).collect();
    let ids = tx.next_ids(NUMBERS, fresh.len())?;
    let row = |(id, event): (i64, &Event)| {
        let columns: [Value; 12] = [
            id.into(),
            consumer.into(),
            event.cursor.xid.into(),
            event.cursor.position.into(),
            event.subject.into(),
            event.kind.as_str().into(),
            event.sequence.into(),
            event.at_ms.into(),
            event.data.as_str().into(),
            aside.reason.into(),
            aside.tries.into(),
            aside.now_ms.into(),
        ];
        Row(columns.into())
    };
    tx.insert_many(&PARKED, ids.into_iter().zip(fresh).map(row).collect())
}

/// The first place of each subject among these events.
fn first_cursors(events: &[&Event]) -> HashMap<i64, Cursor> {
    let mut first = HashMap::new();
    for event in events {
        let cursor = first.entry(event.subject).or_insert(event.cursor);
        *cursor = event.cursor.min(*cursor);
    }
    first
}

/// Notes that an event was tried once more in vain.
pub(crate) fn note_failure(tx: &mut dyn Session, id: i64, reason: &str) -> Result<()> {
    let sql = "UPDATE parked_event SET tries = tries + 1, reason = $1 WHERE id = $2";
    tx.execute(sql, &[reason.into(), id.into()]).map(|_| ())
}

/// Removes an event; whether it was there.
pub(crate) fn remove(tx: &mut dyn Session, id: i64) -> Result<bool> {
    tx.execute("DELETE FROM parked_event WHERE id = $1", &[id.into()]).map(|touched| touched > 0)
}

/// Forgets everything that is parked in a context, because its logs are read from the start again.
pub(crate) fn forget_all(tx: &mut dyn Session) -> Result<()> {
    tx.execute("DELETE FROM parked_event", &[]).map(|_| ())
}

/// What is parked has changed meanwhile: what was to be done is looked at anew.
pub(crate) fn changed() -> Error {
    Error::unavailable("parked.changed", "the parked events have changed meanwhile; nothing was done, repeat it")
}

/// There is no such event.
#[must_use]
pub fn unknown() -> Error {
    Error::new(ErrorKind::NotFound, "parked.unknown", "there is no such parked event; it was delivered or dropped")
}

/// Parked events of a context with a number above `after`, of one consumer or of all.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub async fn list(database: &Database, consumer: Option<&str>, after: i64, limit: i64) -> Result<Vec<ParkedEvent>> {
    let columns = PARKED.column_list();
    let rows = match consumer {
        None => {
            let sql = format!("SELECT {columns} FROM {} WHERE id > $1 ORDER BY id LIMIT $2", PARKED.name);
            database.query(&sql, &[after.into(), limit.into()]).await?
        }
        Some(consumer) => {
            let name = PARKED.name;
            let sql = format!("SELECT {columns} FROM {name} WHERE id > $1 AND consumer = $2 ORDER BY id LIMIT $3");
            database.query(&sql, &[after.into(), consumer.into(), limit.into()]).await?
        }
    };
    Ok(rows.into_iter().map(ParkedEvent::read).collect())
}

/// One parked event of a context.
///
/// # Errors
/// `parked.unknown` if there is none of this number; `Unavailable` when the store cannot be reached.
pub async fn one(database: &Database, id: i64) -> Result<ParkedEvent> {
    database.get(&PARKED, id).await?.map(ParkedEvent::read).ok_or_else(unknown)
}

/// How many events each consumer of a context has parked, by its name.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn counts(session: &mut dyn Session) -> Result<Vec<(String, i64)>> {
    let sql = "SELECT consumer, COUNT(*) FROM parked_event GROUP BY consumer ORDER BY consumer";
    let rows = session.query(sql, &[])?;
    Ok(rows.into_iter().map(|mut row| (row.take_text(0).unwrap_or_default(), row.int(1))).collect())
}
