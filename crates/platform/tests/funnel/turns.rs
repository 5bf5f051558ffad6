//! On MariaDB a place in the log is given under the turn of its writer, so a reader that goes by places passes nothing
//! over while several write, some slowly. The control takes places before the turn, as from a serial number.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use platform::db::{Cursor, Database, Row, Session, Value};
use platform::log::{EVENTS, Scope};

use super::kit::{Move, Place};

const WRITERS: u64 = 6;
const COMMITS: u64 = 40;
const PATIENCE: Duration = Duration::from_secs(30);

/// When a writer takes its place in the log.
#[derive(Clone, Copy, PartialEq)]
enum Takes {
    /// In the transaction that fills it.
    InItsTurn,
    /// Before it.
    BeforeIt,
}

#[test]
fn a_reader_beside_several_writers_passes_nothing_over() {
    let (written, passed_over) = read_beside_writers(Takes::InItsTurn);
    assert_eq!((written, passed_over), (WRITERS * COMMITS, 0));
}

#[test]
fn control_without_the_turn_places_are_passed_over() {
    let (written, passed_over) = read_beside_writers(Takes::BeforeIt);
    println!("{passed_over} of {written} were passed over");
    assert_eq!(written, WRITERS * COMMITS);
    assert!(passed_over > 0, "the control: a place that is taken before the turn may be filled late");
}

#[test]
fn processes_that_write_by_turns_leave_nothing_behind_a_reader() {
    let place = Place::mariadb();
    let (one, other) = (place.shop(), place.shop());
    let mut reader = one.log.reader(Scope::Everything).expect("a reader");
    let (mut after, mut seen) = (Cursor::default(), 0);
    for (shop, turn) in [&one, &other].into_iter().cycle().zip(1..=8) {
        shop.run(Move::of(1, 1)).expect("coins are given");
        // Whoever follows has read to the end before the other one writes.
        let page = reader.read(after, 100).expect("the log can be read");
        (after, seen) = (page.end, seen + page.events.len());
        assert_eq!(seen, turn, "what was written in turn {turn} was seen");
    }
}

/// How many events were written, and how many of them the reader did not see.
fn read_beside_writers(takes: Takes) -> (u64, usize) {
    let place = Place::mariadb();
    let shop = place.shop();
    let mut reader = shop.log.reader(Scope::Everything).expect("a reader");
    let writing = AtomicUsize::new(usize::try_from(WRITERS).expect("a count"));
    let mut seen = BTreeSet::new();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (writing, database) = (&writing, place.open());
            scope.spawn(move || {
                write(&database, writer, takes);
                writing.fetch_sub(1, Ordering::SeqCst);
            });
        }
        let (started, mut after) = (Instant::now(), Cursor::default());
        loop {
            // Looked at before the page is read: then nothing is written behind it.
            let is_over = writing.load(Ordering::SeqCst) == 0;
            let page = reader.read(after, 100).expect("the log can be read");
            if page.end == after && is_over {
                break;
            }
            seen.extend(page.events.iter().map(|event| event.cursor.position));
            after = page.end;
            assert!(started.elapsed() < PATIENCE, "the writers do not come to an end");
        }
    });
    let mut session = shop.database.read_session().expect("a session");
    let rows = session.query("SELECT position FROM event", &[]).expect("the log can be read");
    let passed_over = rows.iter().filter(|row| !seen.contains(&row.int(0))).count();
    (u64::try_from(rows.len()).expect("a count"), passed_over)
}

/// Writes events one after the other, each some time after its place was taken.
fn write(database: &Database, writer: u64, takes: Takes) {
    let mut session = database.session().expect("a session");
    for commit in 0..COMMITS {
        let early = (takes == Takes::BeforeIt).then(|| take(&mut *session));
        std::thread::sleep(Duration::from_millis((writer * 7 + commit * 3) % 5));
        session.begin().expect("a transaction");
        let position = early.unwrap_or_else(|| take(&mut *session));
        std::thread::sleep(Duration::from_millis((writer * 5 + commit) % 3));
        let mut row: Vec<Value> = vec![position.into(), "CoinsMoved".into(), 1.into(), 1.into(), 0.into()];
        row.extend([Value::Null, Value::Null, r#"{"coins":1,"balance":1}"#.into(), Value::Null, Value::Null]);
        session.insert_many(&EVENTS, vec![Row(row)]).expect("an event");
        session.commit().expect("a commit");
    }
}

fn take(session: &mut dyn Session) -> i64 {
    session.next_ids("log_position", 1).expect("a place")[0]
}
