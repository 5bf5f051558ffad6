//! Migrations: embedded SQL, forward only, one history per context. What differs between engines is a closed list
//! of tokens.

use super::postgres::STATEMENT_TIME;
use super::{Dialect, Row, Session, Value, mariadb, transaction};
use crate::error::{Error, ErrorKind, Result};
use crate::seal::Seal;

/// One step of a context's schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Rising within a context; the number its file name begins with.
    pub number: i64,
    /// What the file is called after its number.
    pub name: &'static str,
    /// The text, with tokens.
    pub sql: &'static str,
    /// The first schema generation whose binaries can live with this step; an older binary refuses the store.
    pub lives_with: i64,
}

/// A step in Rust, run where the line `{fill}` stands in the text of the migration of that number.
pub type Fill = (i64, fn(&mut dyn Session, &Seal) -> Result<()>);

/// What every context's store has: its event log, the cursors of its consumers, leases, counters, parked events, and
/// the mark of the secret under which it is sealed.
const PLATFORM: [Migration; 4] = [
    Migration {
        number: 0,
        name: "platform",
        sql: include_str!("../../../../migrations/0000_platform.sql"),
        lives_with: 0,
    },
    // An older program does not look into the new table: it stops at an event that it cannot take in, as it did.
    Migration {
        number: 10,
        name: "platform_parked",
        sql: include_str!("../../../../migrations/0010_platform_parked.sql"),
        lives_with: 0,
    },
    Migration {
        number: 24,
        name: "platform_seal",
        sql: include_str!("../../../../migrations/0024_platform_seal.sql"),
        lives_with: 0,
    },
    // An older program leaves the offset behind when it moves a cursor, and then it does not fit and is not used.
    Migration {
        number: 35,
        name: "platform_offset",
        sql: include_str!("../../../../migrations/0035_platform_offset.sql"),
        lives_with: 0,
    },
];

/// Where a step in Rust is run.
const FILL: &str = "{fill}";
/// The token of a step, the last of its context, that removes what earlier steps left in places that no statement
/// reaches: unused parts of an embedded store's pages, samples that a server's planner took.
const REMAINS: &str = "{remove_remains}";

/// Replaces the tokens of a migration.
fn render(sql: &str, dialect: Dialect) -> Result<String> {
    if dialect == Dialect::MariaDb {
        return mariadb::render(sql);
    }
    let sqlite = dialect == Dialect::Sqlite;
    let pick = |a: &'static str, b: &'static str| if sqlite { a } else { b };
    let plain = sql
        .replace("{id}", pick("INTEGER PRIMARY KEY", "BIGINT PRIMARY KEY"))
        .replace("{int}", pick("INTEGER", "BIGINT"))
        .replace("{key}", pick("TEXT PRIMARY KEY", "VARCHAR(64) COLLATE \"C\" PRIMARY KEY"))
        .replace("{blob}", pick("BLOB", "BYTEA"))
        .replace("{short_blob}", pick("BLOB", "BYTEA"))
        .replace("{short}", "TEXT")
        .replace("{log_order}", pick("", ", xid BIGINT NOT NULL DEFAULT (pg_current_xact_id()::text::bigint)"))
        .replace("{log_place}", pick("", ", xid"))
        .replace("{updated_in_place}", pick("", " WITH (fillfactor = 70)"));
    let mut rendered = String::new();
    for line in plain.lines() {
        rendered.push_str(&render_line(line, sqlite));
        rendered.push('\n');
    }
    Ok(rendered)
}

/// The tokens that stand on a line of their own and take a name.
fn render_line(line: &str, sqlite: bool) -> String {
    let argument = |token: &str| line.trim().strip_prefix(token).and_then(|rest| rest.strip_suffix('}')).map(str::trim);
    if let Some(table) = argument("{append_only ") {
        return append_only(table, sqlite);
    }
    if let Some(name) = argument("{sequence ") {
        return if sqlite {
            format!("INSERT INTO counter (name, value) VALUES ('{name}', 0);")
        } else {
            format!("CREATE SEQUENCE {name};")
        };
    }
    if let Some(table) = argument("{replace ") {
        // What was built beside a table takes its place, and the table goes with every page it had.
        let replace = format!("DROP TABLE {table};\nALTER TABLE {table}_anew RENAME TO {table};");
        let rename_key = format!("ALTER INDEX {table}_anew_pkey RENAME TO {table}_pkey;");
        return if sqlite { replace } else { format!("{replace}\n{rename_key}") };
    }
    if line.trim() == REMAINS {
        return String::new();
    }
    if let Some(table) = argument("{log_index ") {
        return if sqlite {
            String::new()
        } else {
            format!(
                "CREATE INDEX {table}_order ON {table} (xid, position);\nCREATE UNIQUE INDEX {table}_key ON {table} (key) WHERE key IS NOT NULL;"
            )
        };
    }
    line.to_owned()
}

/// The ledger's net: the engine itself refuses to change or remove what was written.
fn append_only(table: &str, sqlite: bool) -> String {
    let message = format!("{table} is append-only; correct it by a reversal");
    if sqlite {
        let trigger = |verb: &str| {
            format!(
                "CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{message}'); END;"
            )
        };
        return format!("{}\n{}", trigger("UPDATE"), trigger("DELETE"));
    }
    format!(
        "CREATE OR REPLACE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{message}'; END $$;\n\
         CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} EXECUTE FUNCTION {table}_append_only();"
    )
}

/// The steps that a store does not have yet.
///
/// # Errors
/// `store.newer` if the store was migrated by a program that this one cannot live with.
pub fn pending(session: &mut dyn Session, migrations: &[Migration]) -> Result<Vec<Migration>> {
    session.run_script(&render(
        "CREATE TABLE IF NOT EXISTS migration (number {id}, name TEXT NOT NULL, lives_with {int} NOT NULL);",
        session.dialect(),
    )?)?;
    let done = session.query("SELECT number, lives_with FROM migration", &[])?;
    due(&done, migrations)
}

/// The steps that are not among `done`, rows of number and the generation that can live with it.
///
/// # Errors
/// As [`pending`].
pub(super) fn due(done: &[Row], migrations: &[Migration]) -> Result<Vec<Migration>> {
    let newest_known = migrations.last().map_or(0, |step| step.number);
    if let Some(row) = done.iter().find(|row| row.int(1) > newest_known) {
        let message = format!(
            "this store was migrated (step {}) by a newer onepoint; use that version or a later one",
            row.int(0)
        );
        return Err(Error::new(ErrorKind::Conflict, "store.newer", message));
    }
    let all = PLATFORM.into_iter().chain(migrations.iter().copied());
    Ok(all.filter(|step| !done.iter().any(|row| row.int(0) == step.number)).collect())
}

/// Brings a store up to date; the number of steps taken. Several processes may start at once: one does it, the others
/// wait and find it done.
///
/// # Errors
/// `store.newer`, or what the engine said; a step that fails leaves nothing behind.
pub fn migrate(session: &mut dyn Session, migrations: &[Migration]) -> Result<usize> {
    take_steps(session, migrations, None)
}

/// As [`migrate`], for a store that seals: steps in Rust are run, and a store that is sealed under another secret is
/// refused.
///
/// # Errors
/// As [`migrate`]; `config.secret`.
pub fn migrate_sealed(
    session: &mut dyn Session,
    migrations: &[Migration],
    seal: &Seal,
    fills: &[Fill],
) -> Result<usize> {
    take_steps(session, migrations, Some((seal, fills)))
}

fn take_steps(session: &mut dyn Session, migrations: &[Migration], sealing: Option<(&Seal, &[Fill])>) -> Result<usize> {
    if session.dialect() == Dialect::MariaDb {
        let unfit = || Error::internal("a store that seals cannot lie on MariaDB");
        return if sealing.is_some() { Err(unfit()) } else { mariadb::take_steps(session, migrations) };
    }
    patiently(session, |session| {
        let taken = transaction(session, |tx| {
            // On a shared store the transaction began with the lock that lets writers of a context take turns.
            let mut steps = pending(tx, migrations)?;
            if steps.len() < PLATFORM.len() + migrations.len() {
                steps.retain(|step| !removes_remains(step));
            }
            for step in &steps {
                take_step(tx, step, sealing)?;
                record(tx, step)?;
            }
            if let Some((seal, _)) = sealing {
                seal.claim(tx)?;
            }
            Ok(steps.len())
        })?;
        Ok(taken + remove_remains(session, migrations)?)
    })
}

/// Without the time limit that statements have on a server: a step may have to copy a large table, and whoever comes
/// second waits for it.
fn patiently<T>(session: &mut dyn Session, work: impl FnOnce(&mut dyn Session) -> Result<T>) -> Result<T> {
    if session.dialect() == Dialect::Sqlite {
        return work(session);
    }
    session.run_script("SET statement_timeout = 0")?;
    let done = work(session);
    let limited = session.run_script(&format!("SET statement_timeout = '{STATEMENT_TIME}'"));
    done.and_then(|value| limited.map(|()| value))
}

/// Notes that a step was taken.
pub(super) fn record(tx: &mut dyn Session, step: &Migration) -> Result<()> {
    let done = [Value::Int(step.number), Value::from(step.name), Value::Int(step.lives_with)];
    tx.execute("INSERT INTO migration (number, name, lives_with) VALUES ($1, $2, $3)", &done).map(|_| ())
}

fn removes_remains(step: &Migration) -> bool {
    step.sql.contains(REMAINS)
}

/// Takes the steps that remove remains, which stand behind all others. No engine does that in a transaction, so each is
/// recorded when it is done: a crash before that has it done again.
fn remove_remains(session: &mut dyn Session, migrations: &[Migration]) -> Result<usize> {
    if !migrations.iter().any(removes_remains) {
        return Ok(0);
    }
    let steps = transaction(session, |tx| pending(tx, migrations))?;
    for step in &steps {
        match session.dialect() {
            Dialect::Sqlite => session.run_script("VACUUM")?,
            Dialect::Postgres => rewrite_samples(session)?,
            // No store with personal data lies there.
            Dialect::MariaDb => {}
        }
        transaction(session, |tx| {
            // Another process may have done the same meanwhile.
            let is_due = pending(tx, migrations)?.iter().any(|due| due.number == step.number);
            if is_due { record(tx, step) } else { Ok(()) }
        })?;
    }
    Ok(steps.len())
}

/// The planner keeps samples of what stands in columns, and drops them with the column without wiping them.
fn rewrite_samples(session: &mut dyn Session) -> Result<()> {
    let file = "SELECT pg_relation_filenode('pg_statistic')::bigint";
    let before = session.query(file, &[])?;
    session.run_script("VACUUM FULL pg_statistic")?;
    // The server does not refuse it to a user who may not: it warns and goes on.
    if session.query(file, &[])? == before {
        tracing::warn!(
            "the planner's statistics may still hold samples of data that is sealed now, and this user may not rewrite \
             them; have the database's owner or a superuser run: VACUUM FULL pg_statistic"
        );
    }
    Ok(())
}

fn take_step(tx: &mut dyn Session, step: &Migration, sealing: Option<(&Seal, &[Fill])>) -> Result<()> {
    for (place, part) in step.sql.split(FILL).enumerate() {
        if place > 0 {
            let unfit = || Error::internal(format!("step {} seals, and nobody said how", step.number));
            let (seal, fills) = sealing.ok_or_else(unfit)?;
            let (_, fill) = fills.iter().find(|(number, _)| *number == step.number).ok_or_else(unfit)?;
            seal.claim(tx)?;
            fill(tx, seal)?;
        }
        tx.run_script(&render(part, tx.dialect())?)?;
    }
    Ok(())
}
