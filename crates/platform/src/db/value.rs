//! What goes into and comes out of a store: whole numbers, text and bytes.

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number of 64 bits; instants are milliseconds since 1970 in UTC.
    Int,
    /// UTF-8 text.
    Text,
    /// Bytes.
    Blob,
}

/// A table as the code sees it: its columns in the order in which rows are handed over, the key first.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Column names and types; the first is the primary key.
    pub columns: &'static [(&'static str, Kind)],
}

impl Table {
    /// The name of the key column.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.columns[0].0
    }

    /// `a, b, c` for a statement.
    #[must_use]
    pub fn column_list(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// `WITH RECURSIVE walk AS (…)`: the row with the key `$1` and those before it, at most `$2`, where `link` is the
    /// column in which each row names the one before it. What follows reads `walk`; `step` counts from 1, as wide as
    /// the key, for which the engines have no common name.
    #[must_use]
    pub fn walk(&self, link: &str) -> String {
        let (columns, table, key) = (self.column_list(), self.name, self.key());
        let before = self.columns.iter().map(|(column, _)| format!("{table}.{column}")).collect::<Vec<_>>().join(", ");
        format!(
            "WITH RECURSIVE walk AS (SELECT {columns}, {key} - {key} + 1 AS step FROM {table} WHERE {key} = $1 \
             UNION ALL SELECT {before}, walk.step + 1 FROM walk JOIN {table} ON {table}.{key} = walk.{link} \
             WHERE walk.step < $2)"
        )
    }
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        value.map_or(Self::Null, Self::Int)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        value.map_or(Self::Null, Self::Text)
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(value)
    }
}

impl From<Option<Vec<u8>>> for Value {
    fn from(value: Option<Vec<u8>>) -> Self {
        value.map_or(Self::Null, Self::Blob)
    }
}

/// One row; values are taken by their place in the table's or the statement's column list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(pub Vec<Value>);

impl Row {
    /// The number at `place`; 0 where there is none, which a NOT NULL column rules out.
    #[must_use]
    pub fn int(&self, place: usize) -> i64 {
        self.opt_int(place).unwrap_or(0)
    }

    /// The number at `place`, if there is one.
    #[must_use]
    pub fn opt_int(&self, place: usize) -> Option<i64> {
        match self.0.get(place) {
            Some(Value::Int(value)) => Some(*value),
            _ => None,
        }
    }

    /// The text at `place`; empty where there is none.
    #[must_use]
    pub fn text(&self, place: usize) -> &str {
        match self.0.get(place) {
            Some(Value::Text(value)) => value,
            _ => "",
        }
    }

    /// Takes the text at `place` out, if there is one.
    pub fn take_text(&mut self, place: usize) -> Option<String> {
        match self.0.get_mut(place).map(std::mem::take) {
            Some(Value::Text(value)) => Some(value),
            _ => None,
        }
    }

    /// The bytes at `place`, if there are any.
    #[must_use]
    pub fn blob(&self, place: usize) -> Option<&[u8]> {
        match self.0.get(place) {
            Some(Value::Blob(value)) => Some(value),
            _ => None,
        }
    }
}
