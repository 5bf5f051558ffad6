//! Statements and values on their way to and from MariaDB.

use mysql_async::Error as Trouble;
use mysql_async::consts::ColumnType;
use mysql_async::{Column, Value as Wire};

use crate::db::{Row, Table, Value};
use crate::error::{Error, Result};

/// Columns whose names are words of the language here. Names are written in lower case, the words of a statement in
/// upper case, so nothing else is meant by them.
const RESERVED: [&str; 1] = ["key"];
/// The character set of what is no text.
const BINARY: u16 = 63;
/// Values that one statement asks for at most.
const MOST_VALUES: usize = 1024;

/// A statement as MariaDB takes it, and which parameter stands at each of its places.
pub(super) struct Text {
    pub(super) sql: String,
    places: Vec<usize>,
}

impl Text {
    /// Turns `$1…` into `?` and quotes reserved names, outside of texts in quotes.
    pub(super) fn of(sql: &str) -> Self {
        let mut text = Self { sql: String::with_capacity(sql.len() + 16), places: Vec::new() };
        let mut rest = sql;
        while let Some(first) = rest.chars().next() {
            let of = |belongs: fn(char) -> bool| rest.find(|c| !belongs(c)).unwrap_or(rest.len());
            let length = match first {
                '\'' => rest[1..].find('\'').map_or(rest.len(), |end| end + 2),
                '$' => 1 + rest[1..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - 1),
                _ if is_name(first) => of(is_name),
                _ => first.len_utf8(),
            };
            let (piece, behind) = rest.split_at(length);
            match piece.strip_prefix('$').and_then(|number| number.parse::<usize>().ok()) {
                Some(number) => {
                    text.sql.push('?');
                    text.places.push(number.saturating_sub(1));
                }
                None if RESERVED.contains(&piece) => text.sql.extend(["`", piece, "`"]),
                None => text.sql.push_str(piece),
            }
            rest = behind;
        }
        text
    }

    /// The parameters in the order of their places.
    pub(super) fn params(&self, params: &[Value]) -> Vec<Wire> {
        self.places.iter().map(|place| params.get(*place).map_or(Wire::NULL, wire)).collect()
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The columns of a table for a statement.
pub(super) fn columns(table: &Table) -> String {
    Text::of(&table.column_list()).sql
}

/// Statements that together read the rows whose `column` holds one of these values. There are few lengths, so that few
/// statements have to be prepared; what is missing to one is filled up with the last value.
pub(super) fn selects(table: &Table, column: &str, values: &[Value], tail: &str) -> Vec<(String, Vec<Wire>)> {
    let (columns, name, column) = (columns(table), table.name, Text::of(column).sql);
    let select = |chunk: &[Value]| {
        let length = chunk.len().next_power_of_two();
        let places = vec!["?"; length].join(", ");
        let last = chunk.last().map_or(Wire::NULL, wire);
        let mut params: Vec<Wire> = chunk.iter().map(wire).collect();
        params.resize(length, last);
        (format!("SELECT {columns} FROM {name} WHERE {column} IN ({places}){tail}"), params)
    };
    values.chunks(MOST_VALUES).map(select).collect()
}

/// A value as it is sent.
pub(super) fn wire(value: &Value) -> Wire {
    match value {
        Value::Null => Wire::NULL,
        Value::Int(value) => Wire::Int(*value),
        Value::Text(text) => Wire::Bytes(text.as_bytes().to_vec()),
        Value::Blob(bytes) => Wire::Bytes(bytes.clone()),
    }
}

/// A row's values as they are sent, without copying them.
pub(super) fn wire_row(row: Row) -> Vec<Wire> {
    let owned = |value| match value {
        Value::Text(text) => Wire::Bytes(text.into_bytes()),
        Value::Blob(bytes) => Wire::Bytes(bytes),
        other => wire(&other),
    };
    row.0.into_iter().map(owned).collect()
}

/// One row as it came.
pub(super) fn read_row(row: mysql_async::Row) -> Result<Row> {
    let columns = row.columns();
    row.unwrap()
        .into_iter()
        .zip(columns.iter())
        .map(|(value, column)| read(value, column))
        .collect::<Result<_>>()
        .map(Row)
}

fn read(value: Wire, column: &Column) -> Result<Value> {
    let foreign = || Error::internal("a column came back that is neither a whole number, text nor bytes");
    match value {
        Wire::NULL => Ok(Value::Null),
        Wire::Int(value) => Ok(Value::Int(value)),
        Wire::UInt(value) => i64::try_from(value).map(Value::Int).map_err(|_| foreign()),
        Wire::Bytes(bytes) => match column.column_type() {
            // A sum is a decimal here.
            ColumnType::MYSQL_TYPE_NEWDECIMAL | ColumnType::MYSQL_TYPE_DECIMAL => {
                std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok()).map(Value::Int).ok_or_else(foreign)
            }
            _ if column.character_set() == BINARY => Ok(Value::Blob(bytes)),
            _ => String::from_utf8(bytes).map(Value::Text).map_err(|_| foreign()),
        },
        _ => Err(foreign()),
    }
}

/// What MariaDB said, in our terms. Contention and a lost connection are worth a repeat.
pub(super) fn failed(error: Trouble) -> Error {
    let Trouble::Server(said) = &error else {
        return match error {
            Trouble::Io(_) | Trouble::Driver(mysql_async::DriverError::ConnectionClosed) => gone().caused_by(error),
            _ => Error::internal("the store could not be asked; nothing was changed").caused_by(error),
        };
    };
    match said.code {
        // A lock was waited for too long; a deadlock; a row was changed meanwhile; a value is there already. A division
        // by zero is how an upsert says that it met the row of another key.
        1205 | 1213 | 1020 | 1062 | 1365 => {
            Error::unavailable("store.contended", "another writer was faster; nothing was changed").caused_by(error)
        }
        1021 | 1114 => {
            Error::unavailable("store.full", "the database's disk is full; nothing was changed").caused_by(error)
        }
        // A program that is newer has changed the schema under this one, which is not to take that for its own mistake.
        1049 | 1054 | 1146 => Error::unavailable(
            "store.changed",
            "the store's schema is another one; stop this process if a newer onepoint has changed it",
        )
        .caused_by(error),
        // The server or an operator ended the connection.
        1053 | 1152 | 1158..=1161 | 1184 | 1927 | 4031 => gone().caused_by(error),
        // Out of connections or memory, read only for a while, too slow: it may be well again in a moment.
        1037 | 1038 | 1040 | 1041 | 1203 | 1290 | 1317 | 1836 | 1969 => {
            Error::unavailable("store.unwell", "the database cannot do this now; nothing was changed").caused_by(error)
        }
        _ => Error::internal("the store refused a statement; nothing was changed").caused_by(error),
    }
}

/// The connection is not there any more.
pub(super) fn gone() -> Error {
    Error::unavailable(
        "store.gone",
        "the connection to the database was lost; repeat with the same Idempotency-Key to learn the outcome",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_reserved_names_are_written_as_the_server_takes_them() {
        let text =
            Text::of("SELECT key, keys FROM event WHERE key = $2 AND (a, b) > ($1, $2) AND c = '$1 key' LIMIT $10");
        assert_eq!(
            text.sql,
            "SELECT `key`, keys FROM event WHERE `key` = ? AND (a, b) > (?, ?) AND c = '$1 key' LIMIT ?"
        );
        assert_eq!(text.places, [1, 0, 1, 9]);
        let params = text.params(&[Value::Int(5), Value::from("ü")]);
        assert_eq!(params, [Wire::Bytes("ü".into()), Wire::Int(5), Wire::Bytes("ü".into()), Wire::NULL]);
    }

    #[test]
    fn many_values_are_asked_for_in_few_shapes() {
        static THINGS: Table = Table { name: "thing", columns: &[("id", crate::db::Kind::Int)] };
        let values: Vec<Value> = (0..1_027).map(Value::Int).collect();
        let statements = selects(&THINGS, "id", &values, " FOR UPDATE");
        assert_eq!(statements.iter().map(|(_, params)| params.len()).collect::<Vec<_>>(), [1_024, 4]);
        assert_eq!(statements[1].0, "SELECT id FROM thing WHERE id IN (?, ?, ?, ?) FOR UPDATE");
        assert_eq!(statements[1].1, [1_024, 1_025, 1_026, 1_026].map(Wire::Int));
        assert!(selects(&THINGS, "id", &[], "").is_empty());
    }
}
