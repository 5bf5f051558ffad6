//! MariaDB commits after every statement that changes a schema, so whoever is killed in the middle of a step leaves a
//! part of it behind. The next start makes the rest, and what comes of it is the schema of an undisturbed start.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use platform::db::{Database, Durability, Location, Migration, migrate};

use crate::process::Store;
use crate::support::Engine;
use crate::support::mariadb::Databases;

const CONTEXTS: [(&str, &[Migration]); 2] =
    [("coupon", app::coupon::MIGRATIONS), ("notification", app::notification::MIGRATIONS)];
/// Every so many statements a start is broken off.
const CUT_EVERY: usize = 3;

/// Every table with its columns and indexes, and the names of the sequences.
fn schema(databases: &Databases, context: &str) -> BTreeMap<String, String> {
    let database = databases.of(context);
    let tables =
        databases.run(&format!("SELECT table_name FROM information_schema.tables WHERE table_schema = '{database}'"));
    let shown = |table: String| {
        let made = databases.run(&format!("SHOW CREATE TABLE `{database}`.`{table}`")).remove(0).remove(1);
        (table, made)
    };
    let mut schema: BTreeMap<String, String> = tables.into_iter().flatten().map(shown).collect();
    let names =
        databases.run(&format!("SELECT name FROM `{database}`.counter WHERE name <> 'log_settled' ORDER BY name"));
    schema.insert("sequences".to_owned(), names.concat().join(", "));
    schema
}

/// What takes each statement of a step back, with the number of the step.
fn taken_back(migrations: &[Migration]) -> Vec<(i64, String)> {
    let mut all = Vec::new();
    for step in migrations {
        let words = step.sql.lines().map(|line| line.split([' ', '}']).collect::<Vec<_>>());
        all.extend(words.filter_map(|words| match words.as_slice() {
            ["CREATE", "TABLE", table, ..] => Some((step.number, format!("DROP TABLE {table}"))),
            ["CREATE", "INDEX", index, "ON", table, ..] | ["CREATE", "UNIQUE", "INDEX", index, "ON", table, ..] => {
                Some((step.number, format!("DROP INDEX {index} ON {table}")))
            }
            ["ALTER", "TABLE", table, "ADD", "COLUMN", column, ..] => {
                Some((step.number, format!("ALTER TABLE {table} DROP COLUMN {column}")))
            }
            ["{sequence", name, ..] => Some((step.number, format!("DELETE FROM counter WHERE name = '{name}'"))),
            _ => None,
        }));
    }
    all
}

#[test]
fn a_step_that_was_broken_off_anywhere_is_mended() {
    let databases = Databases::fresh();
    for (context, migrations) in CONTEXTS {
        let database = Database::open(context, &Location::MariaDb(databases.url.clone()), Durability::Full);
        let database = database.expect("the store opens");
        let mut session = database.session().expect("a session");
        migrate(&mut *session, migrations).expect("the schema is made");
        let whole = schema(&databases, context);
        assert!(whole["event"].contains("UNIQUE KEY `event_key`"), "{whole:?}");
        let statements = taken_back(migrations);
        assert!(statements.len() > 6, "{statements:?}");
        for cut in (0..statements.len()).step_by(CUT_EVERY) {
            for (number, statement) in statements[cut..].iter().rev() {
                session.run_script(statement).unwrap_or_else(|error| panic!("{statement}: {error:?}"));
                session.execute("DELETE FROM migration WHERE number = $1", &[(*number).into()]).expect("a record");
            }
            assert_ne!(schema(&databases, context), whole, "something is missing now");
            let mut open: Vec<i64> = statements[cut..].iter().map(|(number, _)| *number).collect();
            open.dedup();
            let taken = migrate(&mut *session, migrations).expect("the rest is made");
            assert_eq!((taken, schema(&databases, context)), (open.len(), whole.clone()), "after {cut} statements");
        }
        // The control: as it is written, a statement can be run once.
        assert!(session.run_script("CREATE TABLE lease (name VARCHAR(64))").is_err());
    }
}

#[test]
fn a_program_that_is_killed_while_it_changes_schemas_is_followed_by_one_that_goes_on() {
    let undisturbed = Store::fresh(Engine::Mixed);
    assert!(undisturbed.run(&["migrate"]).status.success());
    let store = Store::fresh(Engine::Mixed);
    let mut killed = 0;
    for wait_ms in [60, 120, 200, 300, 450] {
        let mut command = store.command(&["migrate"]);
        let mut program = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
        std::thread::sleep(Duration::from_millis(wait_ms));
        killed += usize::from(program.try_wait().expect("its state").is_none());
        let _ = program.kill();
        program.wait().expect("it ends");
    }
    assert!(killed > 0, "none was killed at work");
    let said = store.run(&["migrate"]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let (one, other) = (store.mariadb().expect("databases"), undisturbed.mariadb().expect("databases"));
    for (context, _) in CONTEXTS {
        assert_eq!(schema(one, context), schema(other, context), "{context}");
    }
}
