//! PostgreSQL: one schema per context in a server that several processes may share.
//!
//! Statements carry whole batches (`UNNEST`), writes wait until the commit and travel with it in one round trip,
//! and plans are always made for the values at hand: a plan made while a table was empty costs a factor of ten later.

use std::collections::HashMap;

use futures_util::future::{join, join_all};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use super::driver::Driver;
use super::{Cursor, Dialect, Kind, Row, Session, Table, Value};
use crate::error::{Error, Result};
pub(super) use reader::Reader;
use target::Target;
use wire::{array, columns_of, failed, key_array, read_row};

mod reader;
mod target;
mod wire;

/// Several processes write into one schema in turns. A transaction gets its number when it locks its first row, so
/// without the turn one that then waits for a second row would stand in the log before the one that it waited for,
/// and an aggregate's events would be read in the wrong order.
const BEGIN: &str = "BEGIN; SELECT pg_advisory_xact_lock(hashtext('onepoint ' || current_schema()))";

/// The oldest transaction still open.
const HORIZON: &str = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint";
/// A statement that takes longer is given up; not while a schema is brought up to date.
pub(super) const STATEMENT_TIME: &str = "60s";

/// A context's schema.
pub(super) struct Store {
    target: Target,
    reader: Reader,
}

impl Store {
    /// Prepares access; the schema is made by the first session.
    pub(super) fn open(url: &str, schema: &'static str) -> Result<Self> {
        let target = Target { url: url.to_owned(), schema };
        Ok(Self { reader: Reader::new(target.clone()), target })
    }

    /// A connection that may write.
    pub(super) fn session(&self) -> Result<Box<dyn Session>> {
        Ok(Box::new(PostgresSession::new(self.target.clone())?))
    }

    /// The row with this key, asked together with what others ask at the same time.
    pub(super) async fn get(&self, table: &'static Table, key: i64) -> Result<Option<Row>> {
        self.reader.get(table, key).await
    }

    /// The rows with these keys.
    pub(super) async fn get_many(&self, table: &'static Table, keys: &[i64]) -> Result<Vec<Row>> {
        self.reader.get_many(table, keys).await
    }

    /// A plain SELECT outside any transaction.
    pub(super) async fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        self.reader.query(sql, params).await
    }
}

type Param = Box<dyn ToSql + Sync + Send>;

/// A statement that travels with the commit.
struct Write {
    statement: Statement,
    params: Vec<Param>,
}

/// One connection.
struct PostgresSession {
    driver: Driver,
    target: Target,
    client: Option<Client>,
    statements: HashMap<String, Statement>,
    in_transaction: bool,
    /// The statement that opens the transaction, until it is sent.
    begin_due: Option<&'static str>,
    writes: Vec<Write>,
}

impl PostgresSession {
    fn new(target: Target) -> Result<Self> {
        let driver = Driver::new()?;
        let client = Some(driver.block_on(target.connect())??);
        Ok(Self {
            driver,
            target,
            client,
            statements: HashMap::new(),
            in_transaction: false,
            begin_due: None,
            writes: Vec::new(),
        })
    }

    fn connected(&mut self) -> Result<()> {
        if self.client.as_ref().is_some_and(|client| !client.is_closed()) {
            return Ok(());
        }
        self.statements.clear();
        self.client = Some(self.driver.block_on(self.target.connect())??);
        Ok(())
    }

    fn client(&self) -> Result<&Client> {
        self.client.as_ref().ok_or_else(|| Error::unavailable("store.gone", "the connection to PostgreSQL is gone"))
    }

    fn statement(&mut self, sql: &str) -> Result<Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        self.open_transaction()?;
        let statement = self.driver.block_on(self.client()?.prepare(sql))?.map_err(failed)?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Sends a due BEGIN by itself, for the rare statement that cannot carry it along.
    fn open_transaction(&mut self) -> Result<()> {
        if let Some(begin) = self.begin_due.take() {
            self.driver.block_on(self.client()?.batch_execute(begin))?.map_err(failed)?;
        }
        Ok(())
    }

    /// Runs a SELECT, together with a BEGIN that is due.
    fn select(&mut self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        self.flush()?;
        let statement = self.statement(sql)?;
        let begin = self.begin_due.take();
        let client = self.client()?;
        let rows = self.driver.block_on(async {
            let query = client.query(&statement, params);
            match begin {
                Some(begin) => {
                    let (begun, rows) = join(client.batch_execute(begin), query).await;
                    begun.and(rows)
                }
                None => query.await,
            }
        });
        rows?.map_err(failed)?.iter().map(read_row).collect()
    }

    fn write(&mut self, sql: &str, params: Vec<Param>) -> Result<()> {
        let statement = self.statement(sql)?;
        self.writes.push(Write { statement, params });
        Ok(())
    }

    /// Sends the waiting writes, and `last` behind them, in one round trip.
    fn send(&mut self, last: Option<&str>) -> Result<()> {
        let begin = self.begin_due.take();
        let writes = std::mem::take(&mut self.writes);
        let client = self.client()?;
        let result = self.driver.block_on(async {
            let begun = async { if let Some(begin) = begin { client.batch_execute(begin).await } else { Ok(()) } };
            let written = join_all(writes.iter().map(|write| {
                client.execute_raw(&write.statement, write.params.iter().map(|param| &**param as &dyn ToSql))
            }));
            let ended = async { if let Some(sql) = last { client.batch_execute(sql).await } else { Ok(()) } };
            let ((begun, written), ended) = join(join(begun, written), ended).await;
            begun?;
            for outcome in written {
                outcome?;
            }
            ended
        });
        result?.map_err(failed)
    }

    fn flush(&mut self) -> Result<()> {
        if self.writes.is_empty() { Ok(()) } else { self.send(None) }
    }

    fn select_keys(&mut self, table: &'static Table, keys: &[Value], tail: &str) -> Result<Vec<Row>> {
        let sql = format!("SELECT {} FROM {} WHERE {} = ANY($1){tail}", table.column_list(), table.name, table.key());
        let keys = key_array(table, keys);
        self.select(&sql, &[&*keys])
    }
}

impl Session for PostgresSession {
    fn begin(&mut self) -> Result<()> {
        self.connected()?;
        self.in_transaction = true;
        self.begin_due = Some(BEGIN);
        Ok(())
    }

    fn begin_read(&mut self) -> Result<()> {
        self.connected()?;
        self.in_transaction = true;
        self.begin_due = Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        if self.writes.is_empty() && self.begin_due.take().is_some() {
            self.in_transaction = false;
            return Ok(());
        }
        // A connection that breaks here leaves open whether the server has committed.
        self.send(Some("COMMIT")).map_err(|error| match &*error.code {
            "store.gone" => Error { code: "store.outcome_unknown".into(), ..error },
            _ => error,
        })?;
        self.in_transaction = false;
        Ok(())
    }

    fn rollback(&mut self) {
        self.writes.clear();
        let begun = std::mem::take(&mut self.in_transaction) && self.begin_due.take().is_none();
        if begun
            && let Some(client) = &self.client
            && !client.is_closed()
            && let Err(error) =
                self.driver.block_on(client.batch_execute("ROLLBACK")).and_then(|ended| ended.map_err(failed))
        {
            tracing::warn!(%error, "rollback failed; the connection is given up");
            self.client = None;
        }
    }

    fn load_many(&mut self, table: &'static Table, keys: &[Value]) -> Result<Vec<Row>> {
        self.select_keys(table, keys, "")
    }

    fn load_by(&mut self, table: &'static Table, column: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        let kind = table.columns.iter().find(|(name, _)| *name == column).map_or(Kind::Text, |(_, kind)| *kind);
        let sql = format!("SELECT {} FROM {} WHERE {column} = ANY($1)", table.column_list(), table.name);
        let values = array(kind, values.to_vec());
        self.select(&sql, &[&*values])
    }

    fn lock_many(&mut self, table: &'static Table, keys: &[Value]) -> Result<Vec<Row>> {
        let tail = format!(" ORDER BY {} FOR UPDATE", table.key());
        self.select_keys(table, keys, &tail)
    }

    fn insert_many(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let (sql, params) = insert(table, rows);
        self.write(&sql, params)
    }

    fn upsert_many(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let changes = table.columns[1..]
            .iter()
            .map(|(column, _)| format!("{column} = excluded.{column}"))
            .collect::<Vec<_>>()
            .join(", ");
        let (sql, params) = insert(table, rows);
        self.write(&format!("{sql} ON CONFLICT ({}) DO UPDATE SET {changes}", table.key()), params)
    }

    fn update_many(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let (casts, params) = columns_of(table, rows);
        let (name, key, columns) = (table.name, table.key(), table.column_list());
        let settings = table.columns[1..].iter().map(|(column, _)| format!("{column} = fresh.{column}"));
        let settings = settings.collect::<Vec<_>>().join(", ");
        let fresh = format!("SELECT * FROM UNNEST({casts}) AS rows ({columns})");
        self.write(
            &format!("UPDATE {name} SET {settings} FROM ({fresh}) AS fresh WHERE {name}.{key} = fresh.{key}"),
            params,
        )
    }

    fn next_ids(&mut self, sequence: &'static str, count: usize) -> Result<Vec<i64>> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let sql = format!("SELECT nextval('{sequence}') FROM generate_series(1, $1::bigint)");
        Ok(self.select(&sql, &[&count])?.iter().map(|row| row.int(0)).collect())
    }

    fn horizon(&mut self) -> Result<i64> {
        let rows = self.select(&format!("SELECT {HORIZON}"), &[])?;
        Ok(rows.first().map_or(0, |row| row.int(0)))
    }

    fn read_log(
        &mut self,
        table: &'static Table,
        after: Cursor,
        horizon: i64,
        limit: usize,
    ) -> Result<Vec<(Cursor, Row)>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = format!(
            "SELECT {}, xid FROM {} WHERE (xid, position) > ($1, $2) AND xid < $3 ORDER BY xid, position LIMIT $4",
            table.column_list(),
            table.name
        );
        let rows = self.select(&sql, &[&after.xid, &after.position, &horizon, &limit])?;
        let place = table.columns.len();
        Ok(rows.into_iter().map(|row| (Cursor { xid: row.int(place), position: row.int(0) }, row)).collect())
    }

    fn log_end(&mut self, table: &'static Table) -> Result<Cursor> {
        let (name, key) = (table.name, table.key());
        let order = "ORDER BY xid DESC, position DESC LIMIT 1";
        let sql = format!("SELECT xid, {key} FROM {name} WHERE xid < {HORIZON} {order}");
        Ok(Cursor::of_first(&self.query(&sql, &[])?))
    }

    fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        self.connected()?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        self.select(sql, &params)
    }

    fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64> {
        self.connected()?;
        self.flush()?;
        let statement = self.statement(sql)?;
        self.open_transaction()?;
        let client = self.client()?;
        self.driver
            .block_on(client.execute_raw(&statement, params.iter().map(|value| value as &dyn ToSql)))?
            .map_err(failed)
    }

    fn run_script(&mut self, sql: &str) -> Result<()> {
        self.connected()?;
        self.flush()?;
        self.open_transaction()?;
        self.driver.block_on(self.client()?.batch_execute(sql))?.map_err(failed)
    }

    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }
}

fn insert(table: &'static Table, rows: Vec<Row>) -> (String, Vec<Param>) {
    let (casts, params) = columns_of(table, rows);
    let sql = format!("INSERT INTO {} ({}) SELECT * FROM UNNEST({casts})", table.name, table.column_list());
    (sql, params)
}
