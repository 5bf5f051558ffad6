//! The controls: the checks of the other tests, and `onepoint verify`, on copies that were damaged.

use platform::db::{Session, Value};
use platform::error::Result;

use super::checker::{ledger, read_acked, wrongs};
use super::kills::{killed, must_verify};
use super::process::Store;
use crate::support::Engine;

#[test]
fn damage_is_seen_on_sqlite() {
    damage_is_seen(Engine::Sqlite);
}

#[test]
fn damage_is_seen_on_postgres() {
    damage_is_seen(Engine::Postgres);
}

fn damage_is_seen(engine: Engine) {
    let (store, file) = killed(engine);
    must_verify(&store);
    let mut acked = read_acked(&file);
    assert!(wrongs(&acked, &ledger(&store)).is_empty());
    the_net_holds(&store);

    let lost = acked[acked.len() / 2].1;
    let copy = damaged(&store, |session| remove(session, lost));
    let found = wrongs(&acked, &ledger(&copy));
    assert!(found.len() == 1 && found[0].contains(&format!("entry {lost}, which is not there")), "{found:?}");
    must_find(&copy, "hash chain unbroken", "a removed entry");

    acked.push(("0000000000-never-sent".to_owned(), lost));
    acked.push(("0000000000-never-sent".to_owned(), i64::MAX));
    assert_eq!(
        wrongs(&acked, &ledger(&store)).len(),
        2,
        "an invented line, with a number that exists and one that does not"
    );

    let copy = damaged(&store, |session| twice(session, lost));
    assert_eq!(wrongs(&read_acked(&file), &ledger(&copy)), ["one key has 2 effects"]);

    let edit = [
        (
            "an edited amount",
            "balance = sum of entries",
            "UPDATE point_entry SET amount = amount + 1 WHERE position = $1",
        ),
        ("an edited reason", "hash chain unbroken", "UPDATE point_entry SET reason = 'other' WHERE position = $1"),
        (
            "an edited link",
            "statements reach every entry",
            "UPDATE point_entry SET previous = previous + 1 WHERE position = $1",
        ),
        ("an edited time", "hash chain unbroken", "UPDATE point_entry SET at = at + 1 WHERE position = $1"),
    ];
    for (what, check, sql) in edit {
        must_find(&damaged(&store, |session| session.execute(sql, &[lost.into()])), check, what);
    }
    must_find(&damaged(&store, swap), "hash chain unbroken", "two swapped entries");
    accounts_that_do_not_fit(&store);
    must_find(&damaged(&store, behead), "hash chain unbroken", "the last entry removed, the balance put right");
}

fn accounts_that_do_not_fit(store: &Store) {
    for (what, check, sql) in [
        (
            "an edited balance",
            "balance = sum of entries",
            "UPDATE point_account SET remain_point = remain_point + 1 WHERE member_id = 7",
        ),
        (
            "an account that names another entry",
            "statements reach every entry",
            "UPDATE point_account SET last_entry = last_entry - 1 WHERE member_id = 7",
        ),
    ] {
        must_find(&damaged(store, |session| session.execute(sql, &[])), check, what);
    }
}

/// The engine itself refuses to change the ledger.
fn the_net_holds(store: &Store) {
    for sql in ["UPDATE point_entry SET amount = amount + 1", "DELETE FROM point_entry"] {
        let refused = store.with("point", |session| Ok(session.execute(sql, &[]).is_err()));
        assert!(refused, "{sql}");
    }
}

/// A copy on which this was done, with the net taken away.
fn damaged<T>(store: &Store, damage: impl FnOnce(&mut dyn Session) -> Result<T>) -> Store {
    let copy = store.copy();
    copy.with("point", |session| {
        let triggers: &[&str] = match session.dialect() {
            platform::db::Dialect::Sqlite => {
                &["DROP TRIGGER point_entry_no_UPDATE", "DROP TRIGGER point_entry_no_DELETE"]
            }
            platform::db::Dialect::Postgres => &["DROP TRIGGER point_entry_append_only ON point_entry"],
            platform::db::Dialect::MariaDb => panic!("no ledger lies on MariaDB"),
        };
        for drop in triggers {
            session.run_script(drop)?;
        }
        damage(session)
    });
    copy
}

fn remove(session: &mut dyn Session, entry: i64) -> Result<u64> {
    session.execute("DELETE FROM point_entry WHERE position = $1", &[entry.into()])
}

/// The same effect once more, as a server without a memory of keys would have left it.
fn twice(session: &mut dyn Session, entry: i64) -> Result<u64> {
    if session.dialect() == platform::db::Dialect::Postgres {
        session.run_script("DROP INDEX point_entry_key")?;
    }
    let columns = "member_id, sequence, kind, debit_account, credit_account, amount, balance_after, reference_type, \
                   reference_id, reason, lots, at, hash, key, digest, previous";
    let sql = format!(
        "INSERT INTO point_entry (position, {columns}) SELECT $1, {columns} FROM point_entry WHERE position = $2"
    );
    session.execute(&sql, &[Value::Int(1_000_000_000), entry.into()])
}

/// Two entries of one member change places.
fn swap(session: &mut dyn Session) -> Result<()> {
    let sql = "SELECT position FROM point_entry WHERE member_id = (SELECT member_id FROM point_entry GROUP BY \
               member_id HAVING count(*) > 2 ORDER BY member_id LIMIT 1) ORDER BY position";
    let rows = session.query(sql, &[])?;
    let (first, second) = (rows[1].int(0), rows[2].int(0));
    for (from, to) in [(first, -1), (second, first), (-1, second)] {
        let moved = [Value::Int(to), Value::Int(from)];
        session.execute("UPDATE point_entry SET position = $1 WHERE position = $2", &moved)?;
    }
    Ok(())
}

/// The newest entry of a member is removed, and the account made to fit it except for the head of its chain.
fn behead(session: &mut dyn Session) -> Result<u64> {
    let sql = "SELECT position, member_id, amount FROM point_entry ORDER BY position DESC LIMIT 1";
    let row = session.query(sql, &[])?.remove(0);
    remove(session, row.int(0))?;
    let fit = [Value::Int(row.int(2)), Value::Int(row.int(1))];
    session.execute("UPDATE point_account SET remain_point = remain_point - $1 WHERE member_id = $2", &fit)
}

fn must_find(store: &Store, check: &str, what: &str) {
    let output = store.run(&["verify"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{what}: {said}");
    assert!(said.lines().any(|line| line == format!("WRONG  point: {check}")), "{what}: {said}");
}
