//! SQLite: one file per context, written by one process, checkpointed in the background.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{CachedStatement, Connection, ErrorCode};

use self::checkpoint::Checkpointer;
use self::statements::TableSql;
use self::wire::{failed, read_log_row, read_row};
use super::{Cursor, Dialect, Durability, Row, Session, Table, Value, make_private_folder};
use crate::error::{Error, Result};

mod checkpoint;
mod statements;
mod wire;

/// Older libraries have the WAL-reset bug, which can corrupt a file that is checkpointed under load.
pub(super) const OLDEST_SAFE_LIBRARY: i32 = 3_051_003;
/// Rows here are small and scattered, so a small page means less to write per change.
const PAGE_BYTES: u32 = 1_024;
/// Enough for the accounts of a hundred thousand members; filled as it is used.
const WRITER_CACHE_KIB: i32 = 32_768;
/// How long a statement waits for another connection's lock.
const BUSY_PATIENCE: Duration = Duration::from_secs(5);
const READER_CACHE_KIB: i32 = 32_768;
/// Who writes a store that can be rebuilt answers no one: after so many rows others may have the core. A scheduler that
/// looks only every few milliseconds would let them wait for the whole piece.
const ROWS_PER_TURN: usize = 8;
/// A log is read at its end, where everything is new each time.
const LOG_CACHE_KIB: i32 = 256;

/// A context's file.
pub(super) struct Store {
    path: PathBuf,
    durability: Durability,
    /// Whether what is deleted is overwritten.
    wipes: bool,
    lock: Mutex<Option<File>>,
    readers: Mutex<Vec<SqliteSession>>,
    checkpointer: Arc<Checkpointer>,
}

impl Store {
    /// Opens the file, making it if there is none.
    pub(super) fn open(path: &Path, durability: Durability, wipes: bool) -> Result<Self> {
        if rusqlite::version_number() < OLDEST_SAFE_LIBRARY {
            return Err(Error::internal(
                "this build carries an SQLite older than 3.51.3, which can corrupt files; build with the bundled one",
            ));
        }
        if let Some(folder) = path.parent() {
            make_private_folder(folder).map_err(|error| cannot_open(path).caused_by(error))?;
        }
        Ok(Self {
            path: path.to_path_buf(),
            durability,
            wipes,
            lock: Mutex::new(None),
            readers: Mutex::new(Vec::new()),
            checkpointer: Checkpointer::new(path.to_path_buf(), wipes),
        })
    }

    /// Where the file is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What was deleted by now is to leave the write-ahead log.
    pub(super) fn wipe_soon(&self) {
        self.checkpointer.wipe_soon();
    }

    fn connect(&self, cache_kib: i32) -> Result<Connection> {
        let connection = connect(&self.path, self.durability, cache_kib)?;
        connection.pragma_update(None, "secure_delete", self.wipes).map_err(failed)?;
        Ok(connection)
    }

    /// A connection that may write. The first one takes the file for this process.
    pub(super) fn session(&self) -> Result<Box<dyn Session>> {
        self.take_lock()?;
        let connection = self.connect(WRITER_CACHE_KIB)?;
        self.checkpointer.start();
        Ok(Box::new(SqliteSession {
            checkpointer: Some(Arc::clone(&self.checkpointer)),
            may_give_way: self.durability == Durability::Rebuildable,
            ..SqliteSession::new(connection)
        }))
    }

    /// Reads on the caller's thread with a connection of the pool; reads are short.
    pub(super) fn read<T>(&self, work: impl FnOnce(&mut SqliteSession) -> Result<T>) -> Result<T> {
        let pooled = self.readers.lock().pop();
        let mut session = match pooled {
            Some(session) => session,
            None => self.reader(READER_CACHE_KIB)?,
        };
        let result = work(&mut session);
        self.readers.lock().push(session);
        result
    }

    /// A connection that may write beside other processes.
    pub(super) fn shared_session(&self) -> Result<Box<dyn Session>> {
        let connection = self.connect(READER_CACHE_KIB)?;
        // No background thread looks after a connection that is used once in a while.
        connection.pragma_update(None, "wal_autocheckpoint", 1_000).map_err(failed)?;
        Ok(Box::new(SqliteSession::new(connection)))
    }

    /// A connection that may not write, for reading through a log.
    pub(super) fn read_session(&self) -> Result<SqliteSession> {
        self.reader(LOG_CACHE_KIB)
    }

    fn reader(&self, cache_kib: i32) -> Result<SqliteSession> {
        let connection = self.connect(cache_kib)?;
        connection.pragma_update(None, "query_only", true).map_err(failed)?;
        Ok(SqliteSession::new(connection))
    }

    fn take_lock(&self) -> Result<()> {
        let mut lock = self.lock.lock();
        if lock.is_some() {
            return Ok(());
        }
        let path = self.path.with_extension("lock");
        let file = File::create(&path).map_err(|error| cannot_open(&path).caused_by(error))?;
        file.try_lock().map_err(|error| {
            let message = format!(
                "{} is in use by another onepoint process; stop that one first, or give this one another --data folder",
                self.path.display()
            );
            Error::unavailable("store.in_use", message).caused_by(error)
        })?;
        *lock = Some(file);
        Ok(())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.readers.lock().clear();
        self.checkpointer.stop();
    }
}

fn connect(path: &Path, durability: Durability, cache_kib: i32) -> Result<Connection> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_PATIENCE)?;
        connection.pragma_update(None, "page_size", PAGE_BYTES)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        let synchronous = if durability == Durability::Full { "full" } else { "normal" };
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "cache_size", -cache_kib)?;
        connection.pragma_update(None, "temp_store", "memory")?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    };
    open().map_err(|error| cannot_open(path).caused_by(error))
}

fn cannot_open(path: &Path) -> Error {
    Error::unavailable(
        "store.cannot_open",
        format!("cannot open {}; check that the folder exists and may be written", path.display()),
    )
}

/// One connection.
pub(super) struct SqliteSession {
    connection: Connection,
    /// By the address of the table's description: a table may be described twice, with different columns.
    tables: HashMap<usize, TableSql>,
    checkpointer: Option<Arc<Checkpointer>>,
    may_give_way: bool,
    gives_way: bool,
}

impl SqliteSession {
    fn new(connection: Connection) -> Self {
        Self { connection, tables: HashMap::new(), checkpointer: None, may_give_way: false, gives_way: false }
    }

    fn prepared(&mut self, table: &'static Table, pick: impl FnOnce(&TableSql) -> &str) -> Result<CachedStatement<'_>> {
        let sql = self.tables.entry(std::ptr::from_ref(table).addr()).or_insert_with(|| TableSql::new(table));
        self.connection.prepare_cached(pick(sql)).map_err(failed)
    }

    fn write_each(
        &mut self,
        table: &'static Table,
        rows: Vec<Row>,
        pick: impl FnOnce(&TableSql) -> &str,
    ) -> Result<()> {
        let gives_way = self.gives_way;
        let mut statement = self.prepared(table, pick)?;
        for (count, row) in rows.into_iter().enumerate() {
            take_turns(gives_way, count);
            debug_assert_eq!(row.0.len(), table.columns.len(), "a row of {} has another number of values", table.name);
            statement.execute(rusqlite::params_from_iter(row.0.iter())).map_err(failed)?;
        }
        Ok(())
    }
}

fn take_turns(gives_way: bool, rows_done: usize) {
    if gives_way && rows_done % ROWS_PER_TURN == ROWS_PER_TURN - 1 {
        std::thread::yield_now();
    }
}

impl Session for SqliteSession {
    fn begin(&mut self) -> Result<()> {
        if let Some(checkpointer) = &self.checkpointer {
            checkpointer.between_batches(&self.connection);
        }
        self.connection.prepare_cached("BEGIN IMMEDIATE").and_then(|mut begin| begin.execute([])).map_err(failed)?;
        Ok(())
    }

    fn begin_read(&mut self) -> Result<()> {
        self.connection.prepare_cached("BEGIN").and_then(|mut begin| begin.execute([])).map_err(failed)?;
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        let committed = self.connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        if let Err(error) = &committed {
            stop_if_disk_is_broken(error);
        }
        committed.map_err(failed)?;
        if let Some(checkpointer) = &self.checkpointer {
            checkpointer.written();
        }
        Ok(())
    }

    fn rollback(&mut self) {
        // After some failures SQLite has rolled back by itself; then there is nothing left to do.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.prepare_cached("ROLLBACK").and_then(|mut end| end.execute([]))
        {
            tracing::error!(%error, "rollback failed");
        }
    }

    fn load_many(&mut self, table: &'static Table, keys: &[Value]) -> Result<Vec<Row>> {
        let gives_way = self.gives_way;
        let mut statement = self.prepared(table, |sql| &sql.select)?;
        let mut found = Vec::with_capacity(keys.len());
        for (count, key) in keys.iter().enumerate() {
            take_turns(gives_way, count);
            let mut rows = statement.query([key]).map_err(failed)?;
            if let Some(row) = rows.next().map_err(failed)? {
                found.push(read_row(row, table.columns.len())?);
            }
        }
        Ok(found)
    }

    fn load_by(&mut self, table: &'static Table, column: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        let sql = format!("SELECT {} FROM {} WHERE {column} = ?1", table.column_list(), table.name);
        let mut found = Vec::new();
        for value in values {
            found.extend(self.query(&sql, std::slice::from_ref(value))?);
        }
        Ok(found)
    }

    fn lock_many(&mut self, table: &'static Table, keys: &[Value]) -> Result<Vec<Row>> {
        self.load_many(table, keys)
    }

    fn insert_many(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<()> {
        self.write_each(table, rows, |sql| &sql.insert)
    }

    fn upsert_many(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<()> {
        self.write_each(table, rows, |sql| &sql.upsert)
    }

    fn update_many(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<()> {
        self.write_each(table, rows, |sql| &sql.update)
    }

    fn next_ids(&mut self, sequence: &'static str, count: usize) -> Result<Vec<i64>> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let mut statement = self
            .connection
            .prepare_cached("UPDATE counter SET value = value + ?1 WHERE name = ?2 RETURNING value")
            .map_err(failed)?;
        let last: i64 = statement.query_row((count, sequence), |row| row.get(0)).map_err(failed)?;
        Ok((last - count + 1..=last).collect())
    }

    fn horizon(&mut self) -> Result<i64> {
        Ok(i64::MAX)
    }

    fn read_log(
        &mut self,
        table: &'static Table,
        after: Cursor,
        _horizon: i64,
        limit: usize,
    ) -> Result<Vec<(Cursor, Row)>> {
        let mut statement = self.prepared(table, |sql| &sql.read_log)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = statement.query([after.position, limit]).map_err(failed)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let row = read_log_row(row, table.columns.len())?;
            found.push((Cursor { xid: 0, position: row.int(0) }, row));
        }
        Ok(found)
    }

    fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let width = statement.column_count();
        let mut rows = statement.query(rusqlite::params_from_iter(params)).map_err(failed)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            found.push(read_row(row, width)?);
        }
        Ok(found)
    }

    fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64> {
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let touched = statement.execute(rusqlite::params_from_iter(params)).map_err(failed)?;
        Ok(u64::try_from(touched).unwrap_or(u64::MAX))
    }

    fn run_script(&mut self, sql: &str) -> Result<()> {
        self.connection.execute_batch(sql).map_err(failed)
    }

    fn give_way(&mut self, gives_way: bool) {
        self.gives_way = gives_way && self.may_give_way;
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }
}

/// After a failed sync nobody knows what the disk holds; the only safe thing is to start again from it.
fn stop_if_disk_is_broken(error: &rusqlite::Error) {
    if let rusqlite::Error::SqliteFailure(failure, _) = error
        && failure.code == ErrorCode::SystemIoFailure
    {
        tracing::error!(%error, "the disk failed during a commit; stopping, because what it holds is unknown");
        std::process::abort();
    }
}
