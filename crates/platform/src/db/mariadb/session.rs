//! One connection with which a thread reads and writes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Params, Value as Wire};

use super::Target;
use super::wire::{Text, columns, failed, gone, read_row, selects, wire_row};
use crate::db::driver::Driver;
use crate::db::{Cursor, Dialect, Row, Session, Table, Value};
use crate::error::{Error, ErrorKind, Result};

/// A statement that takes longer is given up; not while a schema is brought up to date.
pub(super) const STATEMENT_TIME: &str = "max_statement_time = 60";
/// How long the server may be silent; longer than any statement may take there.
const ANSWER_TIME: Duration = Duration::from_secs(65);
/// Several processes write into one database in turns: whoever begins waits for the row that counts the places of the
/// log. So places are given in the order of commits, and an aggregate's events stand in the log in their order.
const BEGIN: &str = "START TRANSACTION; SELECT value FROM counter WHERE name = 'log_position' FOR UPDATE";
const BEGIN_READ: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; \
    START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
/// The last place of the log that is committed.
const LAST_PLACE: &str = "SELECT value FROM counter WHERE name = 'log_position'";
/// A commit that changes nothing but a count that nobody reads.
const SETTLE: &str =
    "INSERT INTO counter (name, value) VALUES ('log_settled', 1) ON DUPLICATE KEY UPDATE value = value + 1";
/// Rows that travel together at most.
const MOST_ROWS: usize = 2_000;

type Asked<T> = Result<T, mysql_async::Error>;

/// One connection.
pub(super) struct MariaDbSession {
    driver: Driver,
    target: Target,
    conn: Option<Conn>,
    texts: HashMap<String, Arc<Text>>,
    in_transaction: bool,
    /// The statements that open the transaction, until they are sent.
    begin_due: Option<&'static str>,
    /// Up to here the log is known to be on the server's disk.
    settled: i64,
}

impl MariaDbSession {
    pub(super) fn new(target: Target) -> Result<Self> {
        let driver = Driver::new()?;
        let conn = Some(driver.block_on(target.connect())??);
        Ok(Self { driver, target, conn, texts: HashMap::new(), in_transaction: false, begin_due: None, settled: 0 })
    }

    fn connected(&mut self) -> Result<()> {
        if self.conn.is_none() {
            self.conn = Some(self.driver.block_on(self.target.connect())??);
        }
        Ok(())
    }

    /// Asks the server. A connection that is gone is made anew by the next transaction.
    fn ask<T>(&mut self, question: impl AsyncFnOnce(&mut Conn) -> Asked<T>) -> Result<T> {
        let conn = self.conn.as_mut().ok_or_else(gone)?;
        let answered = self.driver.block_on(async { tokio::time::timeout(ANSWER_TIME, question(conn)).await })?;
        let Ok(answer) = answered else {
            // A server that is stopped, or whose machine is gone, says nothing at all.
            self.conn = None;
            return Err(gone());
        };
        self.noting(answer)
    }

    fn noting<T>(&mut self, answer: Asked<T>) -> Result<T> {
        answer.map_err(|error| {
            let is_fatal = error.is_fatal();
            let error = failed(error);
            if is_fatal || error.code == "store.gone" {
                self.conn = None;
            }
            error
        })
    }

    /// Connects if there is no transaction, and otherwise begins the one that is due.
    fn ready(&mut self) -> Result<()> {
        let Some(begin) = self.begin_due.take() else {
            return if self.in_transaction { Ok(()) } else { self.connected() };
        };
        let begun = self.ask(async |conn| conn.query_drop(begin).await);
        match begun {
            // The server may have been restarted since the last transaction, and nothing was done in this one yet.
            Err(error) if error.code == "store.gone" => {
                self.connected()?;
                self.ask(async |conn| conn.query_drop(begin).await)
            }
            begun => begun,
        }
    }

    fn text(&mut self, sql: &str) -> Arc<Text> {
        if let Some(text) = self.texts.get(sql) {
            return Arc::clone(text);
        }
        let text = Arc::new(Text::of(sql));
        self.texts.insert(sql.to_owned(), Arc::clone(&text));
        text
    }

    fn select(&mut self, sql: &str, params: Vec<Wire>) -> Result<Vec<Row>> {
        self.ready()?;
        let rows: Result<Vec<mysql_async::Row>> = {
            let params = params.clone();
            self.ask(async |conn| conn.exec(sql, Params::Positional(params)).await)
        };
        let rows = match rows {
            // Outside a transaction a question may be asked again, of a server that was restarted since.
            Err(error) if error.code == "store.gone" && !self.in_transaction => {
                self.connected()?;
                self.ask(async |conn| conn.exec(sql, Params::Positional(params)).await)?
            }
            rows => rows?,
        };
        rows.into_iter().map(read_row).collect()
    }

    fn select_in(&mut self, table: &'static Table, column: &str, values: &[Value], tail: &str) -> Result<Vec<Row>> {
        let mut found = Vec::with_capacity(values.len());
        for (sql, params) in selects(table, column, values, tail) {
            found.extend(self.select(&sql, params)?);
        }
        Ok(found)
    }

    /// Runs a statement for each of these rows; they travel together.
    fn write(&mut self, sql: &str, rows: Vec<Vec<Wire>>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.ready()?;
        let mut rows = rows.into_iter().map(Params::Positional).peekable();
        while rows.peek().is_some() {
            let packet: Vec<Params> = rows.by_ref().take(MOST_ROWS).collect();
            self.ask(async |conn| conn.exec_batch(sql, packet).await)?;
        }
        Ok(())
    }

    /// Makes sure that whatever stands in the log up to `place` is on the disk. The server shows a commit to others
    /// before it is there, and a log that others have followed must not lose its end in a crash. Its own log is
    /// written in order, so behind a later commit that was acknowledged everything before it is on the disk too.
    fn settle(&mut self, place: i64) -> Result<()> {
        if place > self.settled && !self.in_transaction {
            self.ask(async |conn| conn.query_drop(SETTLE).await)?;
            self.settled = place;
        }
        Ok(())
    }
}

impl Session for MariaDbSession {
    fn begin(&mut self) -> Result<()> {
        self.connected()?;
        self.in_transaction = true;
        self.begin_due = Some(BEGIN);
        Ok(())
    }

    fn begin_read(&mut self) -> Result<()> {
        self.connected()?;
        self.in_transaction = true;
        self.begin_due = Some(BEGIN_READ);
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        if self.begin_due.take().is_none() {
            // A connection that breaks here leaves open whether the server has committed.
            let committed = self.ask(async |conn| conn.query_drop("COMMIT").await);
            committed.map_err(|error| match &*error.code {
                // These the server says of a transaction that it has taken back.
                "store.contended" | "store.full" => error,
                _ => {
                    self.conn = None;
                    let code = "store.outcome_unknown".into();
                    Error { kind: ErrorKind::Unavailable, code, ..error }
                }
            })?;
        }
        self.in_transaction = false;
        Ok(())
    }

    fn rollback(&mut self) {
        let begun = std::mem::take(&mut self.in_transaction) && self.begin_due.take().is_none();
        if begun
            && self.conn.is_some()
            && let Err(error) = self.ask(async |conn| conn.query_drop("ROLLBACK").await)
        {
            tracing::warn!(%error, "rollback failed; the connection is given up");
            self.conn = None;
        }
    }

    fn load_many(&mut self, table: &'static Table, keys: &[Value]) -> Result<Vec<Row>> {
        self.select_in(table, table.key(), keys, "")
    }

    fn load_by(&mut self, table: &'static Table, column: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        self.select_in(table, column, values, "")
    }

    fn lock_many(&mut self, table: &'static Table, keys: &[Value]) -> Result<Vec<Row>> {
        let mut keys = keys.to_vec();
        keys.sort_unstable_by(|one, other| match (one, other) {
            (Value::Int(one), Value::Int(other)) => one.cmp(other),
            (Value::Text(one), Value::Text(other)) => one.cmp(other),
            (Value::Blob(one), Value::Blob(other)) => one.cmp(other),
            _ => std::cmp::Ordering::Equal,
        });
        let tail = format!(" ORDER BY {} FOR UPDATE", Text::of(table.key()).sql);
        self.select_in(table, table.key(), &keys, &tail)
    }

    fn insert_many(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<()> {
        self.write(&insert(table), rows.into_iter().map(wire_row).collect())
    }

    fn upsert_many(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<()> {
        let key = Text::of(table.key()).sql;
        // A row may meet another one by a unique column that is not the key; that one is not to be replaced.
        let mut changes = vec![format!("{key} = IF({key} = VALUES({key}), {key}, 1 DIV 0)")];
        changes.extend(table.columns[1..].iter().map(|(column, _)| {
            let column = Text::of(column).sql;
            format!("{column} = VALUES({column})")
        }));
        let sql = format!("{} ON DUPLICATE KEY UPDATE {}", insert(table), changes.join(", "));
        self.write(&sql, rows.into_iter().map(wire_row).collect())
    }

    fn update_many(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<()> {
        let settings = table.columns[1..].iter().map(|(column, _)| format!("{} = ?", Text::of(column).sql));
        let settings = settings.collect::<Vec<_>>().join(", ");
        let sql = format!("UPDATE {} SET {settings} WHERE {} = ?", table.name, Text::of(table.key()).sql);
        let key_last = |row| {
            let mut values = wire_row(row);
            values.rotate_left(1);
            values
        };
        self.write(&sql, rows.into_iter().map(key_last).collect())
    }

    fn next_ids(&mut self, sequence: &'static str, count: usize) -> Result<Vec<i64>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        self.ready()?;
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let sql = "UPDATE counter SET value = LAST_INSERT_ID(value + ?) WHERE name = ?";
        let (touched, last) = self.ask(async |conn| {
            let counted = conn.exec_iter(sql, (count, sequence)).await?;
            let (touched, last) = (counted.affected_rows(), counted.last_insert_id());
            counted.drop_result().await.map(|()| (touched, last))
        })?;
        let last = last.and_then(|last| i64::try_from(last).ok()).filter(|_| touched == 1);
        let last = last.ok_or_else(|| Error::internal(format!("the store has no sequence {sequence}")))?;
        Ok((last - count + 1..=last).collect())
    }

    fn horizon(&mut self) -> Result<i64> {
        let last = self.select(LAST_PLACE, Vec::new())?.first().map_or(0, |row| row.int(0));
        self.settle(last)?;
        Ok(last.saturating_add(1))
    }

    fn read_log(
        &mut self,
        table: &'static Table,
        after: Cursor,
        horizon: i64,
        limit: usize,
    ) -> Result<Vec<(Cursor, Row)>> {
        let (columns, name, place) = (columns(table), table.name, Text::of(table.key()).sql);
        let sql = format!("SELECT {columns} FROM {name} WHERE {place} > ? AND {place} < ? ORDER BY {place} LIMIT ?");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.select(&sql, [after.position, horizon, limit].map(Wire::Int).into())?;
        Ok(rows.into_iter().map(|row| (Cursor { xid: 0, position: row.int(0) }, row)).collect())
    }

    fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        let text = self.text(sql);
        self.select(&text.sql, text.params(params))
    }

    fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64> {
        let text = self.text(sql);
        let params = text.params(params);
        self.ready()?;
        self.ask(async |conn| {
            let done = conn.exec_iter(text.sql.as_str(), Params::Positional(params)).await?;
            let touched = done.affected_rows();
            done.drop_result().await.map(|()| touched)
        })
    }

    fn run_script(&mut self, sql: &str) -> Result<()> {
        self.ready()?;
        let text = Text::of(sql);
        // A step of a schema may take long.
        let conn = self.conn.as_mut().ok_or_else(gone)?;
        let done = self.driver.block_on(conn.query_drop(text.sql.as_str()))?;
        self.noting(done)
    }

    fn dialect(&self) -> Dialect {
        Dialect::MariaDb
    }
}

fn insert(table: &'static Table) -> String {
    let places = vec!["?"; table.columns.len()].join(", ");
    format!("INSERT INTO {} ({}) VALUES ({places})", table.name, columns(table))
}
