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
    Ok(rows.first().map_or_else(Cursor::default, |row| Cursor { xid: row.int(1), position: row.int(2) }))
}

/// Moves a consumer's cursor, unless its lease has passed to someone else.
///
/// # Errors
/// `store.fenced` if it has; `Unavailable` when the store cannot be reached.
pub fn move_cursor(tx: &mut dyn Session, delivery: Delivery<'_>) -> Result<()> {
    let rows = tx.lock_many(&CURSORS, &[delivery.consumer.into()])?;
    if rows.first().is_some_and(|row| row.int(3) > delivery.fence) {
        return Err(Error::unavailable("store.fenced", "another process has taken this consumer over"));
    }
    let row = [delivery.consumer.into(), delivery.end.xid.into(), delivery.end.position.into(), delivery.fence.into()];
    tx.upsert_many(&CURSORS, vec![Row(row.into())])
}
