//! How far each consumer has read: moved in the transaction of the effect.

use super::Delivery;
use crate::db::{Cursor, Kind, Row, Session, Table};
use crate::error::{Error, Result};

static CURSORS: Table = Table {
    name: "cursor_position",
    columns: &[
        ("consumer", Kind::Text),
        ("xid", Kind::Int),
        ("position", Kind::Int),
        ("fence", Kind::Int),
        ("topic_offset", Kind::Int),
    ],
};
/// Stands for an offset that is not known.
const NO_OFFSET: i64 = -1;

/// How far a consumer has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// The place in the log.
    pub cursor: Cursor,
    /// Where that stood in a topic, if the log was read from one. It only saves reading from the start again.
    pub offset: Option<i64>,
}

/// Where a consumer's cursor stands; at the start of the log if it never moved.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn read_cursor(session: &mut dyn Session, consumer: &str) -> Result<Cursor> {
    read_standing(session, consumer).map(|standing| standing.cursor)
}

pub(super) fn read_standing(session: &mut dyn Session, consumer: &str) -> Result<Standing> {
    let rows = session.load_many(&CURSORS, &[consumer.into()])?;
    Ok(rows.first().map_or_else(Standing::default, standing_of))
}

/// Where a consumer stands, for a holder of its lease to whom this fence is new. To be called in the transaction
/// that takes the lease: the fence is written down before anything is read under it, so whoever held the lease before
/// can no longer move the cursor that was handed over, nor leave an effect.
///
/// # Errors
/// `store.fenced` if the lease has passed on already; `Unavailable` when the store cannot be reached.
pub fn take_cursor(tx: &mut dyn Session, consumer: &str, fence: i64) -> Result<Standing> {
    let rows = tx.lock_many(&CURSORS, &[consumer.into()])?;
    let (standing, last) = rows.first().map_or((Standing::default(), 0), |row| (standing_of(row), row.int(3)));
    if last > fence {
        return Err(fenced());
    }
    if last < fence {
        tx.upsert_many(&CURSORS, vec![row_of(consumer, standing, fence)])?;
    }
    Ok(standing)
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
    let standing = Standing { cursor: delivery.end, offset: delivery.offset };
    tx.upsert_many(&CURSORS, vec![row_of(delivery.consumer, standing, delivery.fence)])
}

fn standing_of(row: &Row) -> Standing {
    let cursor = Cursor { xid: row.int(1), position: row.int(2) };
    Standing { cursor, offset: row.opt_int(4).filter(|offset| *offset > NO_OFFSET) }
}

fn row_of(consumer: &str, standing: Standing, fence: i64) -> Row {
    let Standing { cursor, offset } = standing;
    let offset = offset.unwrap_or(NO_OFFSET);
    Row(vec![consumer.into(), cursor.xid.into(), cursor.position.into(), fence.into(), offset.into()])
}

fn fenced() -> Error {
    Error::unavailable("store.fenced", "another process has taken this consumer over")
}
