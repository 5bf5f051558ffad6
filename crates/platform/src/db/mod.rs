//! Storage behind one small interface: SQLite (embedded), PostgreSQL and MariaDB (servers). What truly differs between
//! engines is the closed list of [`Session`], and a further engine means one more implementation of it.
//!
//! A [`Session`] is one writing connection, used synchronously by one thread at a time, so that no transaction is
//! ever owned by a future that a request or a timeout can drop. [`Database`] is a context's store: it opens
//! sessions and answers reads.

mod driver;
mod elsewhere;
mod examine;
mod mariadb;
mod migrate;
mod postgres;
mod sqlite;
mod value;

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use elsewhere::ElsewhereSession;
pub use examine::{Examined, Fault, SeenLease, embedded_library, examine};
pub use migrate::{Fill, Migration, migrate, migrate_sealed, pending};
pub use value::{Kind, Row, Table, Value};

use crate::bus::Bus;
use crate::error::{Error, ErrorKind, Result};

/// A place in an event log: on PostgreSQL the writing transaction's number and the position in it, because a
/// sequence alone is not commit order; on SQLite and MariaDB the first figure is always 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cursor {
    /// Number of the transaction that wrote the row; 0 on SQLite and MariaDB.
    pub xid: i64,
    /// Position of the row in its log.
    pub position: i64,
}

impl Cursor {
    /// The place in the first of these rows of transaction and position; the start of the log if there is none.
    fn of_first(rows: &[Row]) -> Self {
        rows.first().map_or_else(Self::default, |row| Self { xid: row.int(0), position: row.int(1) })
    }
}

/// One connection with which a thread reads and writes; every method blocks.
pub trait Session: Send {
    /// Starts a transaction that may write. On a server it begins with the first statement.
    fn begin(&mut self) -> Result<()>;
    /// Starts a transaction that only reads and sees one moment; ended by `rollback`.
    fn begin_read(&mut self) -> Result<()>;
    /// Makes everything since `begin` durable. An error means that nothing is known to have happened.
    fn commit(&mut self) -> Result<()>;
    /// Forgets everything since `begin`.
    fn rollback(&mut self);
    /// The rows with these keys, in no promised order; a key without a row is simply absent.
    fn load_many(&mut self, table: &'static Table, keys: &[Value]) -> Result<Vec<Row>>;
    /// The rows whose `column` (a unique one) holds one of these values.
    fn load_by(&mut self, table: &'static Table, column: &'static str, values: &[Value]) -> Result<Vec<Row>>;
    /// As `load_many`, in key order, and other writers of these rows wait until this transaction ends.
    fn lock_many(&mut self, table: &'static Table, keys: &[Value]) -> Result<Vec<Row>>;
    /// Adds rows.
    fn insert_many(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<()>;
    /// Adds rows or replaces the ones with the same key.
    fn upsert_many(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<()>;
    /// Replaces rows that are there; a row that is not there is left out.
    fn update_many(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<()>;
    /// `count` fresh ids of a `{sequence}`, rising; a refused batch may leave a gap.
    fn next_ids(&mut self, sequence: &'static str, count: usize) -> Result<Vec<i64>>;
    /// What [`Session::read_log`] finds below this is settled and visible: an `xid` on PostgreSQL, a position on
    /// MariaDB, `i64::MAX` on SQLite.
    fn horizon(&mut self) -> Result<i64>;
    /// Up to `limit` rows of a log after `after` and below `horizon`, in log order.
    fn read_log(
        &mut self,
        table: &'static Table,
        after: Cursor,
        horizon: i64,
        limit: usize,
    ) -> Result<Vec<(Cursor, Row)>>;
    /// The place of the last row of a log that is settled and visible; the start of the log if there is none.
    fn log_end(&mut self, table: &'static Table) -> Result<Cursor> {
        let (name, key) = (table.name, table.key());
        let rows = self.query(&format!("SELECT 0, {key} FROM {name} ORDER BY {key} DESC LIMIT 1"), &[])?;
        Ok(Cursor::of_first(&rows))
    }
    /// A plain SELECT with `$1…` in order of first use.
    fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>>;
    /// A plain INSERT, UPDATE or DELETE; the number of rows it touched.
    fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64>;
    /// Several statements without parameters (migrations).
    fn run_script(&mut self, sql: &str) -> Result<()>;
    /// Whether others may have the core between rows from now on. Heeded by an embedded store that can be rebuilt:
    /// nobody waits for what is written there.
    fn give_way(&mut self, _gives_way: bool) {}
    /// Which engine this is, for the tokens of a migration.
    fn dialect(&self) -> Dialect;
}

/// The engine of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Embedded, one file per context, one process.
    Sqlite,
    /// A server shared by several processes, one schema per context.
    Postgres,
    /// A server shared by several processes, one database per context.
    MariaDb,
}

/// What a commit promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On the disk before anyone is answered (`synchronous=FULL`).
    Full,
    /// May lose the last commits in a power cut; only for what can be rebuilt from logs.
    Rebuildable,
}

/// Where a context's data lies.
#[derive(Debug, Clone)]
pub enum Location {
    /// A file of its own.
    Sqlite(PathBuf),
    /// A schema of its own in this database.
    Postgres(String),
    /// A database of its own on this server, named after the one in the URL and the context.
    MariaDb(String),
}

impl Location {
    /// Reads `sqlite:` (a file named after the context under `data_dir`), `sqlite:PATH`, `postgres://…` or `mysql://…`
    /// (as well written `mariadb://…`).
    ///
    /// # Errors
    /// `config.database_url` for anything else.
    pub fn parse(url: &str, data_dir: &Path, context: &str) -> Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let folder = if path.is_empty() { data_dir.to_path_buf() } else { PathBuf::from(path) };
            return Ok(Self::Sqlite(folder.join(format!("{context}.sqlite"))));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url.to_owned()));
        }
        if let Some(rest) = url.strip_prefix("mysql://").or_else(|| url.strip_prefix("mariadb://")) {
            let url = format!("mysql://{rest}");
            return mariadb::Target::new(&url, context).map(|_| Self::MariaDb(url));
        }
        let message = format!(
            "'{context}' cannot use this database URL: write sqlite:, postgres://user@host/database or \
             mysql://user@host/database"
        );
        Err(Error::new(ErrorKind::Invalid, "config.database_url", message))
    }
}

/// A context's store: where writing sessions come from, and reads without one.
pub struct Database {
    context: &'static str,
    engine: Engine,
}

enum Engine {
    Sqlite(sqlite::Store),
    Postgres(postgres::Store),
    MariaDb(mariadb::Store),
    /// In another process, whose log comes over this bus.
    Elsewhere(Bus),
}

impl Database {
    /// Opens a context's store, making the file or the schema if there is none yet.
    ///
    /// # Errors
    /// `Unavailable` if another process holds the file or the server does not answer.
    pub fn open(context: &'static str, location: &Location, durability: Durability) -> Result<Arc<Self>> {
        Self::open_as(context, location, (durability, false))
    }

    /// As [`Database::open`], for a store with personal data: what is deleted or replaced there is overwritten in an
    /// embedded store's pages, and soon gone from its write-ahead log ([`Database::wipe_soon`]). A server's pages
    /// cannot be wiped; what must not be read there has to be sealed.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub fn open_wiping(context: &'static str, location: &Location, durability: Durability) -> Result<Arc<Self>> {
        Self::open_as(context, location, (durability, true))
    }

    fn open_as(
        context: &'static str,
        location: &Location,
        (durability, wipes): (Durability, bool),
    ) -> Result<Arc<Self>> {
        let engine = match location {
            Location::Sqlite(path) => Engine::Sqlite(sqlite::Store::open(path, durability, wipes)?),
            Location::Postgres(url) => Engine::Postgres(postgres::Store::open(url, context)?),
            Location::MariaDb(url) => Engine::MariaDb(mariadb::Store::open(url, context)?),
        };
        Ok(Arc::new(Self { context, engine }))
    }

    /// Stands for the store of a context that runs in another process: nothing is found in it, whatever is written is
    /// refused (`store.elsewhere`), and its log is what comes over the bus.
    #[must_use]
    pub fn elsewhere(context: &'static str, bus: Bus) -> Arc<Self> {
        Arc::new(Self { context, engine: Engine::Elsewhere(bus) })
    }

    /// The bus that brings the log of a context that runs in another process; nothing for a store of this one.
    #[must_use]
    pub fn bus(&self) -> Option<&Bus> {
        match &self.engine {
            Engine::Elsewhere(bus) => Some(bus),
            Engine::Sqlite(_) | Engine::Postgres(_) | Engine::MariaDb(_) => None,
        }
    }

    /// What was deleted or replaced by now leaves an embedded store's write-ahead log within seconds, if the store was
    /// opened to wipe. Many wishes at once are one piece of work.
    pub fn wipe_soon(&self) {
        if let Engine::Sqlite(store) = &self.engine {
            store.wipe_soon();
        }
    }

    /// The context whose store this is.
    #[must_use]
    pub fn context(&self) -> &'static str {
        self.context
    }

    /// A new connection that may write.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn session(&self) -> Result<Box<dyn Session>> {
        match &self.engine {
            Engine::Sqlite(store) => store.session(),
            Engine::Postgres(store) => store.session(),
            Engine::MariaDb(store) => store.session(),
            Engine::Elsewhere(_) => Ok(self.nothing()),
        }
    }

    fn nothing(&self) -> Box<dyn Session> {
        Box::new(ElsewhereSession::new(self.context))
    }

    /// A new connection that may write beside other processes, which only suits rare writes that take nothing from
    /// memory (API keys).
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn shared_session(&self) -> Result<Box<dyn Session>> {
        match &self.engine {
            Engine::Sqlite(store) => store.shared_session(),
            Engine::Postgres(store) => store.session(),
            Engine::MariaDb(store) => store.session(),
            Engine::Elsewhere(_) => Ok(self.nothing()),
        }
    }

    /// A new connection that only reads.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn read_session(&self) -> Result<Box<dyn Session>> {
        match &self.engine {
            Engine::Sqlite(store) => store.read_session().map(|session| Box::new(session) as Box<dyn Session>),
            Engine::Postgres(store) => store.session(),
            Engine::MariaDb(store) => store.session(),
            Engine::Elsewhere(_) => Ok(self.nothing()),
        }
    }

    /// The row with this key. SQLite reads it at once; PostgreSQL gathers what is asked at the same time
    /// into one statement; MariaDB answers over one of a few connections.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn get(&self, table: &'static Table, key: i64) -> Result<Option<Row>> {
        match &self.engine {
            Engine::Sqlite(store) => {
                store.read(|session| session.load_many(table, &[Value::Int(key)])).map(|mut rows| rows.pop())
            }
            Engine::Postgres(store) => store.get(table, key).await,
            Engine::MariaDb(store) => store.get(table, key).await,
            Engine::Elsewhere(_) => Ok(None),
        }
    }

    /// The rows with these keys, in no promised order.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn get_many(&self, table: &'static Table, keys: &[i64]) -> Result<Vec<Row>> {
        match &self.engine {
            Engine::Sqlite(store) => {
                let keys: Vec<Value> = keys.iter().copied().map(Value::Int).collect();
                store.read(|session| session.load_many(table, &keys))
            }
            Engine::Postgres(store) => store.get_many(table, keys).await,
            Engine::MariaDb(store) => store.get_many(table, keys).await,
            Engine::Elsewhere(_) => Ok(Vec::new()),
        }
    }

    /// A plain SELECT outside any transaction, `$1…` in order of first use.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        match &self.engine {
            Engine::Sqlite(store) => store.read(|session| session.query(sql, params)),
            Engine::Postgres(store) => store.query(sql, params).await,
            Engine::MariaDb(store) => store.query(sql, params).await,
            Engine::Elsewhere(_) => Ok(Vec::new()),
        }
    }

    /// The place of the last row of a log table; the start of the log when it is empty. What was committed before this
    /// was asked stands at or before it.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn log_end(&self, table: &'static Table) -> Result<Cursor> {
        let (name, key) = (table.name, table.key());
        let sql = match &self.engine {
            Engine::Sqlite(_) | Engine::MariaDb(_) | Engine::Elsewhere(_) => {
                format!("SELECT 0, {key} FROM {name} ORDER BY {key} DESC LIMIT 1")
            }
            Engine::Postgres(_) => format!("SELECT xid, {key} FROM {name} ORDER BY xid DESC, {key} DESC LIMIT 1"),
        };
        Ok(Cursor::of_first(&self.query(&sql, &[]).await?))
    }

    /// Whether several processes may write here, so that what is remembered in memory proves nothing.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self.engine, Engine::Postgres(_) | Engine::MariaDb(_))
    }

    /// Where files that belong to the store and can be rebuilt from it may lie; none on a server.
    #[must_use]
    pub fn side_folder(&self) -> Option<PathBuf> {
        match &self.engine {
            Engine::Sqlite(store) => Some(store.path().with_extension("keys")),
            Engine::Postgres(_) | Engine::MariaDb(_) | Engine::Elsewhere(_) => None,
        }
    }
}

/// Makes a folder that only its owner may look into, if there is none; one that is there stays as it is.
///
/// # Errors
/// What the operating system says.
pub fn make_private_folder(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Runs `work` between `begin` and `commit`; an error in either rolls back.
///
/// # Errors
/// Whatever `work` or the commit said.
pub fn transaction<T>(session: &mut dyn Session, work: impl FnOnce(&mut dyn Session) -> Result<T>) -> Result<T> {
    session.begin()?;
    let result = work(session).and_then(|value| session.commit().map(|()| value));
    if result.is_err() {
        session.rollback();
    }
    result
}
