//! The statements that SQLite runs for a table.

use crate::db::Table;

/// The statements of one table, composed once.
pub(super) struct TableSql {
    pub(super) select: String,
    pub(super) insert: String,
    pub(super) upsert: String,
    pub(super) update: String,
    pub(super) read_log: String,
}

impl TableSql {
    pub(super) fn new(table: &'static Table) -> Self {
        let (name, key, columns) = (table.name, table.key(), table.column_list());
        let places = (1..=table.columns.len()).map(|n| format!("?{n}")).collect::<Vec<_>>().join(", ");
        let insert = format!("INSERT INTO {name} ({columns}) VALUES ({places})");
        let changes = table.columns[1..]
            .iter()
            .map(|(column, _)| format!("{column} = excluded.{column}"))
            .collect::<Vec<_>>()
            .join(", ");
        let settings = table.columns[1..].iter().zip(2..).map(|((column, _), n)| format!("{column} = ?{n}"));
        let settings = settings.collect::<Vec<_>>().join(", ");
        Self {
            select: format!("SELECT {columns} FROM {name} WHERE {key} = ?1"),
            upsert: format!("{insert} ON CONFLICT ({key}) DO UPDATE SET {changes}"),
            update: format!("UPDATE {name} SET {settings} WHERE {key} = ?1"),
            read_log: format!("SELECT {columns} FROM {name} WHERE {key} > ?1 ORDER BY {key} LIMIT ?2"),
            insert,
        }
    }
}
