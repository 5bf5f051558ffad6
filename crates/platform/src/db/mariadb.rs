//! MariaDB: one database per context on a server that several processes may share.
//!
//! Statements carry whole batches over the bulk protocol. Writers of a context take turns by locking the row that
//! counts the places of its log, so places are given in the order of commits.

use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder};

use super::{Row, Session, Table, Value};
use crate::error::{Error, ErrorKind, Result};
pub(super) use examine::examine;
use reader::Reader;
pub(super) use schema::{render, take_steps};
use server::{Settings, connect_failed};
use session::MariaDbSession;
use wire::failed;

mod examine;
mod reader;
mod schema;
mod server;
mod session;
mod wire;

/// Text is compared byte by byte, and blanks at its end count.
const COLLATION: &str = "utf8mb4_nopad_bin";
/// A server that does not let us in by then counts as gone.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// After so long without a word a broken line is looked for.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 128;
/// The server takes no longer name.
const LONGEST_NAME: usize = 64;

/// A context's database.
pub(super) struct Store {
    target: Target,
    reader: Reader,
}

/// Where to connect and what to set there.
#[derive(Clone)]
pub(super) struct Target {
    opts: Opts,
    database: String,
}

impl Store {
    /// Prepares access; the database is made by the first session.
    pub(super) fn open(url: &str, context: &str) -> Result<Self> {
        let target = Target::new(url, context)?;
        Ok(Self { reader: Reader::new(target.clone()), target })
    }

    /// A connection that may write.
    pub(super) fn session(&self) -> Result<Box<dyn Session>> {
        Ok(Box::new(MariaDbSession::new(self.target.clone())?))
    }

    /// The row with this key.
    pub(super) async fn get(&self, table: &'static Table, key: i64) -> Result<Option<Row>> {
        Ok(self.reader.get_many(table, &[key]).await?.pop())
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

impl Target {
    /// Reads `mysql://user[:password]@host[:port]/database`; `?socket=/path` stands for a socket of this machine.
    ///
    /// # Errors
    /// `config.database_url`.
    pub(super) fn new(url: &str, context: &str) -> Result<Self> {
        let unfit = |what: String| Error::new(ErrorKind::Invalid, "config.database_url", what);
        let opts = Opts::from_url(url).map_err(|error| {
            unfit(format!("'{context}' cannot use this database URL: {error}; write mysql://user@host/database"))
        })?;
        let database = format!("{}_{context}", opts.db_name().unwrap_or_default());
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if opts.db_name().is_none() || !database.chars().all(is_plain) || database.len() > LONGEST_NAME {
            return Err(unfit(format!(
                "'{context}' needs the name of a database in its URL, of letters, digits and '_', which makes at most \
                 {LONGEST_NAME} characters together with '_{context}'"
            )));
        }
        let opts = OptsBuilder::from_opts(opts)
            .db_name(None::<String>)
            .prefer_socket(false)
            .client_found_rows(true)
            .tcp_keepalive(Some(KEEPALIVE))
            .stmt_cache_size(STATEMENTS);
        Ok(Self { opts: opts.into(), database })
    }

    /// A connection to the server, in no database.
    async fn enter(&self) -> Result<Conn> {
        let entering = tokio::time::timeout(CONNECT_TIME, Conn::new(self.opts.clone())).await;
        let unanswered = || Error::unavailable("store.cannot_open", "MariaDB did not answer in time");
        entering.map_err(|_| unanswered())?.map_err(|error| connect_failed(&self.database, error))
    }

    /// Connects, checks that the server keeps what it acknowledges, and sets the session up.
    async fn connect(&self) -> Result<Conn> {
        let mut conn = self.enter().await?;
        Settings::read(&mut conn).await.map_err(failed)?.must_keep_what_it_acknowledges()?;
        conn.query_drop(self.setup()).await.map_err(failed)?;
        let collation: Option<String> = conn.query_first("SELECT @@collation_database").await.map_err(failed)?;
        if collation.as_deref() != Some(COLLATION) {
            // Somebody else has made the database; what is made in it from now on is to compare text as it should.
            let sql = format!("ALTER DATABASE `{}` CHARACTER SET utf8mb4 COLLATE {COLLATION}", self.database);
            conn.query_drop(sql).await.map_err(failed)?;
        }
        Ok(conn)
    }

    /// A lock is waited for longer than a transaction may idle, so that one which was left standing ends first. Without
    /// looking into an index first the planner does not take a large part of a table for a reason to read all of it,
    /// which is a mistake where the first few rows are wanted.
    fn setup(&self) -> String {
        let name = &self.database;
        let statement_time = session::STATEMENT_TIME;
        format!(
            "CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4 COLLATE {COLLATION}; USE `{name}`; \
             SET NAMES utf8mb4 COLLATE {COLLATION}; SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
             SET SESSION sql_mode = \
             'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION', \
             autocommit = 1, default_storage_engine = InnoDB, {statement_time}, innodb_lock_wait_timeout = 30, \
             lock_wait_timeout = 30, idle_transaction_timeout = 10, wait_timeout = 31536000, \
             max_recursive_iterations = 4294967295, eq_range_index_dive_limit = 1"
        )
    }
}
