//! Migrations: embedded SQL, forward only, one history per context. What differs between engines is a closed list
//! of tokens.

use super::{Dialect, Row, Session, Value, transaction};
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
const PLATFORM: [Migration; 3] = [
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
];

/// Where a step in Rust is run.
const FILL: &str = "{fill}";
/// The token for a table of which nothing must be left of what the migration removed: it is written anew.
const REWRITE: &str = "{rewrite ";

/// Replaces the tokens of a migration.
fn render(sql: &str, dialect: Dialect) -> String {
    let sqlite = dialect == Dialect::Sqlite;
    let pick = |a: &'static str, b: &'static str| if sqlite { a } else { b };
    let plain = sql
        .replace("{id}", pick("INTEGER PRIMARY KEY", "BIGINT PRIMARY KEY"))
        .replace("{int}", pick("INTEGER", "BIGINT"))
        .replace("{key}", pick("TEXT PRIMARY KEY", "VARCHAR(64) COLLATE \"C\" PRIMARY KEY"))
        .replace("{blob}", pick("BLOB", "BYTEA"))
        .replace("{log_order}", pick("", ", xid BIGINT NOT NULL DEFAULT (pg_current_xact_id()::text::bigint)"))
        .replace("{log_place}", pick("", ", xid"))
        .replace("{updated_in_place}", pick("", " WITH (fillfactor = 70)"));
    let mut rendered = String::new();
    for line in plain.lines() {
        rendered.push_str(&render_line(line, sqlite));
        rendered.push('\n');
    }
    rendered
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
    if let Some(table) = argument(REWRITE) {
        // An embedded store wipes what it deletes, and was compacted before the steps.
        return if sqlite { String::new() } else { format!("CLUSTER {table} USING {table}_pkey;") };
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
    ))?;
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
    let leaves_remains = leaves_remains(session, migrations)?;
    if leaves_remains && session.dialect() == Dialect::Sqlite {
        // What was deleted before stands in unused parts of pages. It goes before the steps are taken, so that a crash in
        // between leaves nothing: then all of it is done again.
        session.run_script("VACUUM")?;
    }
    let taken = take_steps(session, migrations, Some((seal, fills)))?;
    if leaves_remains && session.dialect() == Dialect::Postgres {
        // The planner had samples of what stood there.
        session.run_script("VACUUM FULL pg_statistic")?;
    }
    Ok(taken)
}

/// Whether what a due step removes was stored by an earlier program, which leaves it in places that no step reaches.
fn leaves_remains(session: &mut dyn Session, migrations: &[Migration]) -> Result<bool> {
    let steps = transaction(session, |tx| pending(tx, migrations))?;
    let is_new = steps.len() == PLATFORM.len() + migrations.len();
    Ok(!is_new && steps.iter().any(|step| step.sql.contains(REWRITE)))
}

fn take_steps(session: &mut dyn Session, migrations: &[Migration], sealing: Option<(&Seal, &[Fill])>) -> Result<usize> {
    transaction(session, |tx| {
        // On a shared store the transaction began with the lock that lets writers of a context take turns.
        let steps = pending(tx, migrations)?;
        if tx.dialect() == Dialect::Postgres {
            // A step may have to copy a large table, which takes as long as it takes.
            tx.run_script("SET LOCAL statement_timeout = 0")?;
        }
        for step in &steps {
            take_step(tx, step, sealing)?;
            let done = [Value::Int(step.number), Value::from(step.name), Value::Int(step.lives_with)];
            tx.execute("INSERT INTO migration (number, name, lives_with) VALUES ($1, $2, $3)", &done)?;
        }
        if let Some((seal, _)) = sealing {
            seal.claim(tx)?;
        }
        Ok(steps.len())
    })
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
        tx.run_script(&render(part, tx.dialect()))?;
    }
    Ok(())
}
