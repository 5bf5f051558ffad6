//! How far each consumer has read: moved in the transaction of the effect.

use super::Delivery;
use crate::db::{Cursor, Kind, Row, Session, Table};
use crate::error::{Error, Result};

static CURSORS: Table = Table {
    name: "cursor_position",
    columns: &[("consumer", Kind::Text), ("xid", Kind::Int), ("position", Kind::Int), ("fence", Kind::Int)],
};

/// Where a consumer's cursor stands; at the start of the log if it never moved.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn read_cursor(session: &mut dyn Session, consumer: &str) -> Result<Cursor> {
    let rows = session.load_many(&CURSORS, &[consumer.into()])?;
    Ok(rows.first().map_or_else(Cursor::default, cursor_of))
}

/// Where a consumer's cursor stands, for a holder of its lease to whom this fence is new. To be called in the transaction
/// that takes the lease: the fence is written down before anything is read under it, so whoever held the lease before
/// can no longer move the cursor that was handed over, nor leave an effect.
///
/// # Errors
/// `store.fenced` if the lease has passed on already; `Unavailable` when the store cannot be reached.
pub fn take_cursor(tx: &mut dyn Session, consumer: &str, fence: i64) -> Result<Cursor> {
    let rows = tx.lock_many(&CURSORS, &[consumer.into()])?;
    let (cursor, last) = rows.first().map_or((Cursor::default(), 0), |row| (cursor_of(row), row.int(3)));
    if last > fence {
        return Err(fenced());
    }
    if last < fence {
        tx.upsert_many(&CURSORS, vec![row_of(consumer, cursor, fence)])?;
    }
    Ok(cursor)
}

/// Moves a consumer's cursor, unless its lease has passed to someone else.
///
/// # Errors
/// `store.fenced` if it has; `Unavailable` when the store cannot be reached.
pub fn move_cursor(tx: &mut dyn Session, delivery: Delivery<'_>) -> Result<()> {
    let rows = tx.lock_many(&CURSORS, &[delivery.consumer.into()])?;
    if rows.first().is_some_and(|row| row.int(3) > delivery.fence) {
        return Err(fenced());
    }
    tx.upsert_many(&CURSORS, vec![row_of(delivery.consumer, delivery.end, delivery.fence)])
}

fn cursor_of(row: &Row) -> Cursor {
    Cursor { xid: row.int(1), position: row.int(2) }
}

fn row_of(consumer: &str, cursor: Cursor, fence: i64) -> Row {
    Row(vec![consumer.into(), cursor.xid.into(), cursor.position.into(), fence.into()])
}

fn fenced() -> Error {
    Error::unavailable("store.fenced", "another process has taken this consumer over")
}
