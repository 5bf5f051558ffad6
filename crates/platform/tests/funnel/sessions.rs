//! What a session promises is the same on each engine: values come back as they went in, keys differ byte by byte, and
//! nothing is replaced but the row of the same key.

use platform::db::{Kind, Row, Session, Table, Value, transaction};
use platform::log::EVENTS;

use super::kit::Place;

static LEASES: Table = Table {
    name: "lease",
    columns: &[("name", Kind::Text), ("holder", Kind::Text), ("fence", Kind::Int), ("until_ms", Kind::Int)],
};

fn lease(name: &str, holder: &str, fence: i64) -> Row {
    Row(vec![name.into(), holder.into(), fence.into(), 0.into()])
}

fn event(position: i64, data: &str, key: Option<&[u8]>) -> Row {
    let mut row: Vec<Value> = vec![position.into(), "Happened".into(), i64::MIN.into(), i64::MAX.into(), 0.into()];
    row.extend([Value::Null, "".into(), data.into(), key.map(<[u8]>::to_vec).into(), Value::Null]);
    Row(row)
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|row| (row.int(0), row.text(0).to_owned()));
    rows
}

#[test]
fn values_come_back_as_they_went_in() {
    let texts = ["", "it's \\n \"so\"", "trailing  ", "한국어 🎟️ ÿ", "$1 ? :name key -- ;", "\u{0001}\t\n"];
    for place in Place::all() {
        let database = place.open();
        let mut session = database.session().expect("a session");
        let bytes: Vec<u8> = (0..=255).take(200).collect();
        let rows: Vec<Row> = (1..).zip(texts).map(|(position, text)| event(position, text, None)).collect();
        let keyed = event(100, "{}", Some(&bytes));
        transaction(&mut *session, |tx| {
            tx.insert_many(&EVENTS, rows.clone())?;
            tx.insert_many(&EVENTS, vec![keyed.clone()])
        })
        .expect("they are stored");
        let keys: Vec<Value> = (1..=6).map(Value::Int).collect();
        assert_eq!(sorted(session.load_many(&EVENTS, &keys).expect("rows")), rows);
        assert_eq!(session.load_by(&EVENTS, "key", &[bytes.into()]).expect("a row"), [keyed]);
        let sql = "SELECT position FROM event WHERE data = $1 AND (data = $1 OR position = $2)";
        for (position, text) in (1..).zip(texts) {
            let found = session.query(sql, &[text.into(), 0.into()]).expect("rows");
            assert_eq!(found.iter().map(|row| row.int(0)).collect::<Vec<_>>(), [position], "{text:?}");
        }
    }
}

#[test]
fn keys_differ_byte_by_byte_and_many_of_them_are_found() {
    for place in Place::all() {
        let database = place.open();
        let mut session = database.session().expect("a session");
        let alike = ["a", "A", "a ", "ä", "ａ"];
        let rows: Vec<Row> = alike.iter().zip(1..).map(|(name, fence)| lease(name, "h", fence)).collect();
        session.insert_many(&LEASES, rows.clone()).expect("none is there twice");
        session.upsert_many(&LEASES, vec![lease("a", "other", 9), lease("b", "new", 1)]).expect("stored");
        session.update_many(&LEASES, vec![lease("A", "third", 8), lease("nobody", "x", 1)]).expect("stored");
        let keys = ["a ", "A", "a", "b", "nobody", "c"].map(Value::from);
        let found = session.lock_many(&LEASES, &keys).expect("rows");
        let expected = vec![lease("A", "third", 8), lease("a", "other", 9), lease("a ", "h", 3), lease("b", "new", 1)];
        assert_eq!(sorted(found), expected);
        // An update that changes nothing has found its row all the same.
        let same = session.execute("UPDATE lease SET holder = $1 WHERE name = $2", &["third".into(), "A".into()]);
        assert_eq!(same.expect("an update"), 1);
        let ids = session.next_ids("log_position", 5_000).expect("ids");
        assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1));
        session.insert_many(&EVENTS, ids.iter().map(|id| event(*id, "{}", None)).collect()).expect("stored");
        let keys: Vec<Value> = ids.iter().copied().map(Value::Int).collect();
        let found = session.load_many(&EVENTS, &keys).expect("rows");
        assert_eq!(sorted(found).iter().map(|row| row.int(0)).collect::<Vec<_>>(), ids);
        assert!(session.next_ids("log_position", 0).expect("none").is_empty());
    }
}

#[test]
fn an_upsert_that_meets_another_row_by_its_second_key_replaces_nothing() {
    for fresh in Place::shared() {
        let place = fresh();
        let database = place.open();
        let mut session = database.session().expect("a session");
        transaction(&mut *session, |tx| tx.insert_many(&EVENTS, vec![event(1, "first", Some(b"k"))])).expect("stored");
        for row in [event(2, "second", Some(b"k")), event(3, "third", Some(b"k"))] {
            let met = transaction(&mut *session, |tx| tx.upsert_many(&EVENTS, vec![event(9, "", None), row.clone()]));
            assert_eq!(met.expect_err("it is another row").code, "store.contended");
        }
        let sql = "SELECT position, data FROM event";
        let all = session.query(sql, &[]).expect("rows");
        assert_eq!(all, [Row(vec![1.into(), "first".into()])]);
        // The control: the row of the same key is replaced.
        let again = |tx: &mut dyn Session| tx.upsert_many(&EVENTS, vec![event(1, "again", Some(b"k"))]);
        transaction(&mut *session, again).expect("stored");
        assert_eq!(session.query(sql, &[]).expect("rows"), [Row(vec![1.into(), "again".into()])]);
    }
}

#[test]
fn on_mariadb_a_connection_that_was_cut_is_made_anew_and_what_was_under_way_is_gone() {
    let place = Place::mariadb();
    let Place::MariaDb(databases) = &place else { unreachable!("it was just made") };
    let cut = || {
        let name = databases.of("purses");
        let ids = databases.run(&format!("SELECT id FROM information_schema.processlist WHERE db = '{name}'"));
        for id in ids.concat() {
            databases.run(&format!("KILL CONNECTION {id}"));
        }
    };
    let database = place.open();
    let mut session = database.session().expect("a session");
    let add = |name: &'static str| move |tx: &mut dyn Session| tx.insert_many(&LEASES, vec![lease(name, "h", 1)]);
    transaction(&mut *session, add("before")).expect("stored");
    cut();
    transaction(&mut *session, add("after")).expect("a transaction that begins then does not notice");
    session.begin().expect("a transaction");
    add("lost")(&mut *session).expect("on its way");
    cut();
    let error = session.commit().expect_err("nobody is there");
    assert_eq!(error.code, "store.outcome_unknown");
    session.rollback();
    let count =
        |session: &mut dyn Session| session.query("SELECT COUNT(*) FROM lease", &[]).expect("a count")[0].int(0);
    assert_eq!(count(&mut *session), 2);
    cut();
    assert_eq!(count(&mut *session), 2, "a question is asked again");
}
