//! A store from before statements walked the ledger is brought up to date with all its rows.

use platform::db::{Database, Durability, Location, Session, migrate};

use crate::support::{Engine, TestApp, postgres};

/// Takes back what the step added.
const BEFORE: &str = "ALTER TABLE point_entry DROP COLUMN previous; ALTER TABLE point_account DROP COLUMN last_entry; \
                      ALTER TABLE point_account DROP COLUMN notices; DROP TABLE point_expiry; \
                      DELETE FROM migration WHERE number >= 6";

#[test]
fn a_store_from_before_gets_its_statements_on_sqlite() {
    a_store_from_before_gets_its_statements(Engine::Sqlite);
}

#[test]
fn a_store_from_before_gets_its_statements_on_postgres() {
    a_store_from_before_gets_its_statements(Engine::Postgres);
}

fn a_store_from_before_gets_its_statements(engine: Engine) {
    let mut app = TestApp::open(engine);
    app.join_normal(1);
    app.join_normal(2);
    app.join(3, "0101");
    for round in 1..=20 {
        app.transact(1 + round % 2, "EARN", round).must_be(201);
    }
    let keyed = |app: &TestApp| {
        let request = app.request("POST", "/points/1/transactions").key("before");
        request.json(&serde_json::json!({"kind": "USE", "amount": 3})).send().must_be(201).json["entryId"].clone()
    };
    let used = keyed(&app);
    app.settle();
    let read = |app: &TestApp| -> Vec<_> {
        let mut entries = [1, 2, 3].map(|member_id| app.statement(member_id, ""));
        entries.iter_mut().flatten().for_each(|entry| entry["_links"] = serde_json::json!(null));
        entries.to_vec()
    };
    let (statements, pages) = (read(&app), app.all_of("mypages"));
    let place = if engine == Engine::Postgres { "position, xid" } else { "position" };
    let places = app.rows(&format!("SELECT {place} FROM point_entry ORDER BY position"));

    app.shut_down();
    let location = match app.store_settings().iter().find_map(|set| set.strip_prefix("database.url=")) {
        Some(url) => Location::parse(url, app.data(), "point").expect("a store"),
        None => panic!("the store has an address"),
    };
    let store = Database::open("point", &location, Durability::Full).expect("the store");
    store.session().and_then(|mut session| session.run_script(BEFORE)).expect("a store as it was");
    drop(store);
    app.restart();

    assert_eq!(read(&app), statements);
    app.verify();
    assert_eq!(app.rows(&format!("SELECT {place} FROM point_entry ORDER BY position")), places, "places in the log");
    let refused = app.app().points.funnel.with_session(|tx| tx.execute("UPDATE point_entry SET amount = 1", &[]));
    assert!(refused.is_err(), "the ledger is append-only as before");
    assert_eq!(keyed(&app), used, "keys are remembered as before");
    app.settle();
    assert_eq!(app.all_of("mypages"), pages, "nothing was told twice");
    app.transact(1, "EARN", 7).must_be(201);
    assert_eq!(app.statement(1, "").len(), statements[0].len() + 1);
    app.verify();
}

#[test]
fn entries_are_linked_by_sequence_not_by_position_on_sqlite() {
    let data = tempfile::tempdir().expect("a folder");
    entries_are_linked_by_sequence_not_by_position(&Location::Sqlite(data.path().join("point.sqlite")));
}

#[test]
fn entries_are_linked_by_sequence_not_by_position_on_postgres() {
    let database = postgres::Database::fresh();
    entries_are_linked_by_sequence_not_by_position(&Location::Postgres(database.url.clone()));
}

/// Two processes on one database take positions in blocks, so a later entry may have the lower one.
fn entries_are_linked_by_sequence_not_by_position(location: &Location) {
    let store = Database::open("point", location, Durability::Full).expect("the store");
    let mut session = store.session().expect("a session");
    migrate(&mut *session, &app::point::MIGRATIONS[..1]).expect("the first step");
    let run =
        |session: &mut dyn Session, sql: &str| session.run_script(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    for member_id in [1, 2, 3] {
        run(
            &mut *session,
            &format!(
                "INSERT INTO point_account VALUES ({member_id}, 'NORMAL', 0, 0, 0, NULL, '', 9, 1, 1, NULL, 0, 0, '')"
            ),
        );
    }
    for (position, member_id, sequence) in [(100, 1, 3), (7, 1, 4), (200, 1, 5), (101, 2, 3), (8, 1, 6)] {
        let columns =
            "position, member_id, sequence, kind, debit_account, credit_account, amount, balance_after, lots, at, hash";
        run(
            &mut *session,
            &format!(
                "INSERT INTO point_entry ({columns}) VALUES ({position}, {member_id}, {sequence}, 'EARN', 'programme', 'member', 1, 1, '', 0, '')"
            ),
        );
    }
    migrate(&mut *session, app::point::MIGRATIONS).expect("every step");
    let mut pairs = |sql: &str| -> Vec<(i64, i64)> {
        session.query(sql, &[]).expect("rows").iter().map(|row| (row.int(0), row.int(1))).collect()
    };
    let linked = pairs("SELECT position, previous FROM point_entry ORDER BY sequence, position");
    assert_eq!(linked, [(100, 0), (101, 0), (7, 100), (200, 7), (8, 200)]);
    let last = pairs("SELECT member_id, last_entry FROM point_account ORDER BY member_id");
    assert_eq!(last, [(1, 8), (2, 101), (3, 0)]);
}
