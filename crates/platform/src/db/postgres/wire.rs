//! Values on their way to and from PostgreSQL.

use std::error::Error as StdError;

use tokio_postgres::error::SqlState;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::super::{Kind, Row, Table, Value};
use super::Param;
use crate::error::{Error, Result};

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => value.to_sql(ty, out),
            Self::Text(value) => value.to_sql(ty, out),
            Self::Blob(value) => value.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::TEXT | Type::VARCHAR | Type::BYTEA)
    }

    to_sql_checked!();
}

/// One row as it came.
pub(super) fn read_row(row: &tokio_postgres::Row) -> Result<Row> {
    let mut values = Vec::with_capacity(row.len());
    for (place, column) in row.columns().iter().enumerate() {
        values.push(
            match *column.type_() {
                Type::INT8 => row.try_get::<_, Option<i64>>(place).map(Value::from),
                Type::TEXT | Type::VARCHAR => row.try_get::<_, Option<String>>(place).map(Value::from),
                Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(place).map(Value::from),
                ref other => {
                    return Err(Error::internal(format!(
                        "a column of type {other} came back; cast it to bigint or text"
                    )));
                }
            }
            .map_err(failed)?,
        );
    }
    Ok(Row(values))
}

/// Rows turned into one array per column, and the casts that name their types.
pub(super) fn columns_of(table: &'static Table, rows: Vec<Row>) -> (String, Vec<Param>) {
    let mut columns: Vec<Vec<Value>> = table.columns.iter().map(|_| Vec::with_capacity(rows.len())).collect();
    for row in rows {
        for (column, value) in columns.iter_mut().zip(row.0) {
            column.push(value);
        }
    }
    let casts = table.columns.iter().enumerate().map(|(n, (_, kind))| format!("${}::{}[]", n + 1, type_name(*kind)));
    let casts = casts.collect::<Vec<_>>().join(", ");
    let params = table.columns.iter().zip(columns).map(|((_, kind), values)| array(*kind, values)).collect();
    (casts, params)
}

/// The keys of a `= ANY($1)`.
pub(super) fn key_array(table: &'static Table, keys: &[Value]) -> Param {
    array(table.columns[0].1, keys.to_vec())
}

fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Int => "bigint",
        Kind::Text => "text",
        Kind::Blob => "bytea",
    }
}

/// Values as an array of their type.
pub(super) fn array(kind: Kind, values: Vec<Value>) -> Param {
    match kind {
        Kind::Int => Box::new(
            values.into_iter().map(|value| if let Value::Int(n) = value { Some(n) } else { None }).collect::<Vec<_>>(),
        ),
        Kind::Text => Box::new(
            values
                .into_iter()
                .map(|value| if let Value::Text(text) = value { Some(text) } else { None })
                .collect::<Vec<_>>(),
        ),
        Kind::Blob => Box::new(
            values
                .into_iter()
                .map(|value| if let Value::Blob(bytes) = value { Some(bytes) } else { None })
                .collect::<Vec<_>>(),
        ),
    }
}

/// What PostgreSQL said, in our terms. Contention and a lost connection are worth a repeat.
pub(super) fn failed(error: tokio_postgres::Error) -> Error {
    let contended = [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::UNIQUE_VIOLATION,
        SqlState::LOCK_NOT_AVAILABLE,
    ];
    match error.code() {
        Some(code) if contended.contains(code) => {
            Error::unavailable("store.contended", "another writer was faster; nothing was changed").caused_by(error)
        }
        Some(code) if *code == SqlState::DISK_FULL => {
            Error::unavailable("store.full", "the database's disk is full; nothing was changed").caused_by(error)
        }
        // A program that is newer has changed the schema under this one, which is not to take that for its own mistake.
        Some(code) if [SqlState::UNDEFINED_COLUMN, SqlState::UNDEFINED_TABLE].contains(code) => Error::unavailable(
            "store.changed",
            "the store's schema is another one; stop this process if a newer onepoint has changed it",
        )
        .caused_by(error),
        // Shutting down, starting up, out of connections or memory, too slow: it may be well again in a moment.
        Some(code) if ["57", "53", "25"].iter().any(|class| code.code().starts_with(class)) => {
            Error::unavailable("store.unwell", "the database cannot do this now; nothing was changed").caused_by(error)
        }
        Some(_) => Error::internal("the store refused a statement; nothing was changed").caused_by(error),
        None => Error::unavailable(
            "store.gone",
            "the connection to the database was lost; repeat with the same Idempotency-Key to learn the outcome",
        )
        .caused_by(error),
    }
}
