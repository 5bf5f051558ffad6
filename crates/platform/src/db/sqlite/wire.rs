//! Values as SQLite holds them, and what SQLite said in our terms.

use rusqlite::ErrorCode;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use super::super::{Row, Value};
use crate::error::{Error, Result};

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

/// A row, with nothing in it that does not belong there.
pub(super) fn read_row(row: &rusqlite::Row<'_>, width: usize) -> Result<Row> {
    let mut values = Vec::with_capacity(width);
    for place in 0..width {
        values.push(match row.get_ref(place).map_err(failed)? {
            ValueRef::Text(bytes) => Value::Text(read_text(bytes)?),
            ValueRef::Real(_) => {
                return Err(Error::internal("a store holds a fraction where only whole numbers may be"));
            }
            sound => read_sound(sound),
        });
    }
    Ok(Row(values))
}

/// A row of a log. What does not belong there is left out, so that one event cannot be read and not the whole piece of
/// the log that it stands in.
pub(super) fn read_log_row(row: &rusqlite::Row<'_>, width: usize) -> Result<Row> {
    let mut values = Vec::with_capacity(width);
    for place in 0..width {
        values.push(match row.get_ref(place).map_err(failed)? {
            ValueRef::Text(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
            other => read_sound(other),
        });
    }
    Ok(Row(values))
}

fn read_sound(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Text(_) => Value::Null,
    }
}

fn read_text(bytes: &[u8]) -> Result<String> {
    let text = String::from_utf8(bytes.to_vec());
    text.map_err(|error| Error::internal("a store holds text that is no UTF-8").caused_by(error))
}

/// What SQLite said, in our terms. A machine in trouble is worth a repeat; nothing is wrong with what was asked.
pub(super) fn failed(error: rusqlite::Error) -> Error {
    let code = match &error {
        rusqlite::Error::SqliteFailure(failure, _) => Some(failure.code),
        _ => None,
    };
    match code {
        Some(ErrorCode::DiskFull) => {
            Error::unavailable("store.full", "the disk is full; nothing was changed").caused_by(error)
        }
        Some(ErrorCode::DatabaseBusy) => {
            Error::unavailable("store.busy", "the store is busy; nothing was changed").caused_by(error)
        }
        Some(ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory | ErrorCode::CannotOpen) => {
            Error::unavailable("store.unwell", "the disk or the memory failed; nothing was changed").caused_by(error)
        }
        _ => Error::internal("the store refused a statement; nothing was changed").caused_by(error),
    }
}
