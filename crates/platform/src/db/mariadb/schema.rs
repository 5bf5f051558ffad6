//! Migrations on MariaDB, which commits after every statement that changes a schema: each of them is written so that it
//! can be run again, and one process at a time takes steps. What a step may consist of is a closed list.

use super::session::STATEMENT_TIME;
use crate::db::migrate::{pending, record};
use crate::db::{Migration, Session};
use crate::error::{Error, Result};

/// A lock of this server, for one database and not for a transaction, which the server gives back when its holder dies.
/// The second figure is how long another process is waited for, in seconds.
const LOCK: &str = "SELECT GET_LOCK(CONCAT('onepoint ', MD5(DATABASE())), 50)";
const UNLOCK: &str = "SELECT RELEASE_LOCK(CONCAT('onepoint ', MD5(DATABASE())))";

/// Brings a store up to date; the number of steps taken. A process that is killed in the middle of a step leaves a part
/// of it behind, which the next one passes over.
///
/// # Errors
/// `store.newer`, what the engine said, or `Internal` for a step that cannot be taken here.
pub(in crate::db) fn take_steps(session: &mut dyn Session, migrations: &[Migration]) -> Result<usize> {
    session.run_script("SET max_statement_time = 0")?;
    let taken = alone(session, |session| {
        let steps = pending(session, migrations)?;
        for step in &steps {
            session.run_script(&render(step.sql)?)?;
            record(session, step)?;
        }
        Ok(steps.len())
    });
    let limited = session.run_script(&format!("SET {STATEMENT_TIME}"));
    taken.and_then(|count| limited.map(|()| count))
}

fn alone<T>(session: &mut dyn Session, work: impl FnOnce(&mut dyn Session) -> Result<T>) -> Result<T> {
    let is_ours = session.query(LOCK, &[])?.first().is_some_and(|row| row.int(0) == 1);
    if !is_ours {
        let message = "another process has been changing the schema for long; see whether it still works, and repeat";
        return Err(Error::unavailable("store.contended", message));
    }
    let done = work(session);
    let unlocked = session.query(UNLOCK, &[]);
    done.and_then(|value| unlocked.map(|_| value))
}

/// The statements of a step, as often as one likes.
///
/// # Errors
/// `Internal` for a statement that is not on the list.
pub(in crate::db) fn render(sql: &str) -> Result<String> {
    let mut rendered = String::new();
    for statement in statements(sql) {
        rendered.push_str(&repeatable(&statement)?);
        rendered.push_str(";\n");
    }
    Ok(rendered)
}

/// The statements without comments and tokens.
fn statements(sql: &str) -> Vec<String> {
    let mut plain = String::new();
    for line in sql.lines().filter(|line| !line.trim_start().starts_with("--")) {
        let argument = |token: &str| line.trim().strip_prefix(token).and_then(|rest| rest.strip_suffix('}'));
        if let Some(name) = argument("{sequence ") {
            plain.push_str(&format!("INSERT INTO counter (name, value) VALUES ('{}', 0);", name.trim()));
        } else if let Some(table) = argument("{log_index ") {
            let table = table.trim();
            plain.push_str(&format!("CREATE UNIQUE INDEX {table}_key ON {table} (key);"));
        } else {
            plain.push_str(line);
        }
        plain.push('\n');
    }
    let typed = plain
        .replace(" TEXT", " LONGTEXT")
        .replace("{id}", "BIGINT PRIMARY KEY")
        .replace("{int}", "BIGINT")
        .replace("{key}", "VARCHAR(64) PRIMARY KEY")
        .replace("{short}", "VARCHAR(255)")
        .replace("{blob}", "LONGBLOB")
        .replace("{short_blob}", "VARBINARY(255)")
        .replace("{log_order}", "")
        .replace("{log_place}", "")
        .replace("{updated_in_place}", "");
    typed.split(';').map(str::trim).filter(|statement| !statement.is_empty()).map(str::to_owned).collect()
}

fn repeatable(statement: &str) -> Result<String> {
    let unfit = || {
        let first = statement.lines().next().unwrap_or_default();
        Error::internal(format!("this step of a schema cannot be taken on MariaDB: {first}"))
    };
    if statement.contains(['{', '\'']) && !statement.starts_with("INSERT INTO counter") && !is_index(statement) {
        return Err(unfit());
    }
    if statement.starts_with("CREATE TABLE IF NOT EXISTS ") {
        return Ok(statement.to_owned());
    }
    if let Some(table) = statement.strip_prefix("CREATE TABLE ") {
        return Ok(format!("CREATE TABLE IF NOT EXISTS {table}"));
    }
    if let Some(index) = statement.strip_prefix("CREATE INDEX ") {
        return whole_index(index).map(|index| format!("CREATE INDEX IF NOT EXISTS {index}")).ok_or_else(unfit);
    }
    if let Some(index) = statement.strip_prefix("CREATE UNIQUE INDEX ") {
        // Where the others are unique only among rows that have a value, it is here of itself.
        let index = index.split_once(" WHERE ").map_or(index, |(index, _)| index);
        return Ok(format!("CREATE UNIQUE INDEX IF NOT EXISTS {index}"));
    }
    if statement.starts_with("INSERT INTO counter ") {
        return Ok(format!("{statement} ON DUPLICATE KEY UPDATE value = value"));
    }
    let added = statement.strip_prefix("ALTER TABLE ").and_then(|change| change.split_once(" ADD COLUMN "));
    added.map(|(table, column)| format!("ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column}")).ok_or_else(unfit)
}

fn is_index(statement: &str) -> bool {
    statement.starts_with("CREATE INDEX ") || statement.starts_with("CREATE UNIQUE INDEX ")
}

/// An index holds every row here. What an index of some rows asks of them stands before its columns instead, so that
/// the others lie elsewhere in it.
fn whole_index(index: &str) -> Option<String> {
    let Some((index, condition)) = index.split_once(" WHERE ") else { return Some(index.to_owned()) };
    let (head, columns) = index.strip_suffix(')')?.split_once('(')?;
    let asked = condition.split(" AND ").filter(|one| !one.ends_with(" IS NOT NULL"));
    let mut all: Vec<&str> = asked.filter_map(|one| one.split(' ').next()).collect();
    for column in columns.split(", ") {
        if !all.contains(&column) {
            all.push(column);
        }
    }
    Some(format!("{head}({})", all.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(sql: &str) -> String {
        render(sql).expect("it can be taken")
    }

    #[test]
    fn what_is_made_is_made_once_however_often_the_step_is_taken() {
        let sql = "-- A thing; or two.\nCREATE TABLE thing (\n    id {id},\n    name {short} NOT NULL,\n    data TEXT,\n    key {short_blob}{log_order}\n){updated_in_place};\n\
                   {log_index thing}\n{sequence thing_number}\nALTER TABLE thing ADD COLUMN more {blob};\n";
        assert_eq!(
            rendered(sql),
            "CREATE TABLE IF NOT EXISTS thing (\n    id BIGINT PRIMARY KEY,\n    name VARCHAR(255) NOT NULL,\n    \
             data LONGTEXT,\n    key VARBINARY(255)\n);\nCREATE UNIQUE INDEX IF NOT EXISTS thing_key ON thing (key);\n\
             INSERT INTO counter (name, value) VALUES ('thing_number', 0) ON DUPLICATE KEY UPDATE value = value;\n\
             ALTER TABLE thing ADD COLUMN IF NOT EXISTS more LONGBLOB;\n"
        );
    }

    #[test]
    fn an_index_of_some_rows_begins_with_what_it_asks_of_them() {
        let of = |condition: &str| rendered(&format!("CREATE INDEX i ON t (a, b) WHERE {condition};"));
        assert_eq!(of("c IS NULL AND s = 'NEW'"), "CREATE INDEX IF NOT EXISTS i ON t (c, s, a, b);\n");
        assert_eq!(of("a IS NOT NULL"), "CREATE INDEX IF NOT EXISTS i ON t (a, b);\n");
        assert_eq!(
            rendered("CREATE UNIQUE INDEX i ON t (a) WHERE a IS NOT NULL;"),
            "CREATE UNIQUE INDEX IF NOT EXISTS i ON t (a);\n"
        );
    }

    #[test]
    fn a_step_that_could_not_be_mended_is_refused() {
        for sql in
            ["UPDATE t SET a = 1;", "{append_only t}", "{fill}", "{replace t}", "{remove_remains}", "DROP TABLE t;"]
        {
            assert!(render(sql).is_err(), "{sql}");
        }
    }
}
