//! Looks at a context's store without changing anything in it, beside whatever works there: for `doctor`.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio_postgres::{Client, NoTls};

use super::driver::Driver;
use super::migrate::due;
use super::sqlite::OLDEST_SAFE_LIBRARY;
use super::{Location, Migration, Row, Value, mariadb};
use crate::error::{Error, Result};

/// The oldest PostgreSQL that the statements here are written for.
const OLDEST_SERVER: i64 = 130_000;
/// A server that has not answered by then counts as gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// A setting of the engine that should be another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Whether what was acknowledged may be lost over it.
    pub is_vital: bool,
    /// What is wrong, and what to do about it.
    pub what: String,
}

/// A lease as it stands in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenLease {
    /// The job.
    pub name: String,
    /// The process that has it or had it last.
    pub holder: String,
    /// Until when, in milliseconds since 1970 in UTC; 0 when it was given back.
    pub until_ms: i64,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Examined {
    /// The engine with its version: `PostgreSQL 15.8`.
    pub engine: String,
    /// Settings of the engine that should be others.
    pub faults: Vec<Fault>,
    /// Whether there is a schema at all.
    pub is_made: bool,
    /// Steps that the schema is behind this program.
    pub steps_due: usize,
    /// The server's clock, in milliseconds since 1970 in UTC; an embedded store has none of its own.
    pub clock_ms: Option<i64>,
    /// Who does which job; an embedded store belongs to one process and has no leases.
    pub leases: Vec<SeenLease>,
}

/// The embedded SQLite library's version, and whether it is one that is safe under load (3.51.3 or later).
#[must_use]
pub fn embedded_library() -> (&'static str, bool) {
    (rusqlite::version(), rusqlite::version_number() >= OLDEST_SAFE_LIBRARY)
}

/// Examines the store of `context` at this place. Blocks; not for async code.
///
/// # Errors
/// `store.cannot_open` when it cannot be reached or read, `store.newer` when a newer program made it.
pub fn examine(context: &str, location: &Location, migrations: &[Migration]) -> Result<Examined> {
    match location {
        Location::Sqlite(path) => examine_file(path, migrations),
        Location::Postgres(url) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| Error::internal("no runtime for a connection").caused_by(error))?;
            let examined = runtime
                .block_on(async { tokio::time::timeout(PATIENCE, examine_server(context, url, migrations)).await });
            examined.map_err(|_| Error::unavailable("store.cannot_open", "PostgreSQL did not answer in time"))?
        }
        Location::MariaDb(url) => {
            let examined = async { tokio::time::timeout(PATIENCE, mariadb::examine(context, url, migrations)).await };
            let examined = Driver::new()?.block_on(examined)?;
            examined.map_err(|_| Error::unavailable("store.cannot_open", "MariaDB did not answer in time"))?
        }
    }
}

fn examine_file(path: &Path, migrations: &[Migration]) -> Result<Examined> {
    let engine = format!("SQLite {}", rusqlite::version());
    if !path.exists() {
        return Ok(Examined { engine, ..Examined::default() });
    }
    let look = || -> rusqlite::Result<(String, Vec<Row>)> {
        let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        file.busy_timeout(PATIENCE)?;
        let mode = file.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
        let sql = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'migration'";
        if file.query_row(sql, [], |row| row.get::<_, i64>(0))? == 0 {
            return Ok((mode, Vec::new()));
        }
        let mut statement = file.prepare("SELECT number, lives_with FROM migration")?;
        let done = statement.query_map([], |row| Ok(step(row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        Ok((mode, done))
    };
    let (mode, done) = look().map_err(|error| {
        let message = format!("{} cannot be read; is it a store of this program?", path.display());
        Error::unavailable("store.cannot_open", message).caused_by(error)
    })?;
    let steps_due = due(&done, migrations)?.len();
    let mut faults = Vec::new();
    if !done.is_empty() && mode != "wal" {
        let what =
            format!("{} is not in write-ahead mode ({mode}); start the server once, which sets it", path.display());
        faults.push(Fault { is_vital: false, what });
    }
    Ok(Examined { engine, faults, is_made: !done.is_empty(), steps_due, ..Examined::default() })
}

fn step(number: i64, lives_with: i64) -> Row {
    Row(vec![Value::Int(number), Value::Int(lives_with)])
}

async fn examine_server(context: &str, url: &str, migrations: &[Migration]) -> Result<Examined> {
    let failed = |error: tokio_postgres::Error| {
        let message = "PostgreSQL cannot be asked; check the database URL, that the server runs and lets this user in";
        Error::unavailable("store.cannot_open", message).caused_by(error)
    };
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(failed)?;
    tokio::spawn(connection);
    client.batch_execute("SET default_transaction_read_only = on").await.map_err(failed)?;
    let sql = "SELECT current_setting('server_version_num')::bigint, current_setting('server_version'), \
        (extract(epoch FROM clock_timestamp()) * 1000)::bigint, to_regnamespace($1) IS NOT NULL, \
        to_regclass($1 || '.migration') IS NOT NULL, has_database_privilege(current_database(), 'CREATE')";
    let row = client.query_one(sql, &[&context]).await.map_err(failed)?;
    let (number, version): (i64, String) = (row.get(0), row.get(1));
    let mut examined = Examined {
        engine: format!("PostgreSQL {}", version.split(' ').next().unwrap_or_default()),
        faults: server_faults(&client, number).await.map_err(failed)?,
        is_made: row.get(4),
        clock_ms: Some(row.get(2)),
        ..Examined::default()
    };
    let (has_schema, may_create): (bool, bool) = (row.get(3), row.get(5));
    if !has_schema && !may_create {
        let what =
            format!("there is no schema '{context}' yet, and this user may not make one; GRANT CREATE ON DATABASE");
        examined.faults.push(Fault { is_vital: true, what });
    }
    let mut done = Vec::new();
    if examined.is_made {
        let sql = format!("SELECT number, lives_with FROM {context}.migration");
        done = client.query(&sql, &[]).await.map_err(failed)?.iter().map(|row| step(row.get(0), row.get(1))).collect();
        examined.leases = leases(&client, context).await.map_err(failed)?;
    }
    examined.steps_due = due(&done, migrations)?.len();
    Ok(examined)
}

async fn server_faults(client: &Client, version: i64) -> Result<Vec<Fault>, tokio_postgres::Error> {
    let mut faults = Vec::new();
    if version < OLDEST_SERVER {
        let what = "this PostgreSQL is older than version 13; use a later one".to_owned();
        faults.push(Fault { is_vital: true, what });
    }
    let settings = [
        ("fsync", true, "a power cut can lose what was acknowledged; set it on and restart PostgreSQL"),
        ("full_page_writes", true, "a power cut can tear pages; set it on and reload PostgreSQL"),
        ("synchronous_commit", false, "this program sets it on for itself, others on this database may lose writes"),
    ];
    for (name, is_vital, advice) in settings {
        let value: String = client.query_one("SELECT current_setting($1)", &[&name]).await?.get(0);
        if value == "off" {
            faults.push(Fault { is_vital, what: format!("{name} is off: {advice}") });
        }
    }
    let recovering: bool = client.query_one("SELECT pg_is_in_recovery()", &[]).await?.get(0);
    if recovering {
        let what = "this is a standby, which takes no writes; use the URL of the primary".to_owned();
        faults.push(Fault { is_vital: true, what });
    }
    Ok(faults)
}

async fn leases(client: &Client, context: &str) -> Result<Vec<SeenLease>, tokio_postgres::Error> {
    let there = client.query_one("SELECT to_regclass($1 || '.lease') IS NOT NULL", &[&context]).await?;
    if !there.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT name, holder, until_ms FROM {context}.lease ORDER BY name");
    let rows = client.query(&sql, &[]).await?;
    Ok(rows.iter().map(|row| SeenLease { name: row.get(0), holder: row.get(1), until_ms: row.get(2) }).collect())
}
