//! MariaDB shows a commit to others before it is in the file of its own log. Whoever follows a context's log must not
//! have seen what a crash of the server takes back; the control reads the same rows without that care.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use platform::db::{Cursor, Database, Durability, Location, Row, Session, Value, migrate};
use platform::error::Result;
use platform::log::{EVENTS, Log, LogReader, Scope};

use super::mariadb::Own;

const WRITERS: usize = 6;
/// The server crashes when it has been written for so long,
const WRITING: Duration = Duration::from_millis(150);
/// and so often at most, until the control has shown what it is to show.
const ROUNDS: usize = 100;
/// Something heavy on its way to the disk holds up the log, as a slow disk would: what is shown meanwhile is not there.
const HEAVY: &str = "INSERT INTO heavy (data) VALUES (REPEAT('x', 500000))";

/// Events by place and text, because a place may be given again.
type Seen = BTreeSet<(i64, String)>;

#[test]
fn what_was_followed_is_still_there_when_the_server_has_crashed() {
    let mut server = Own::start();
    let location = Location::MariaDb(server.url("crash"));
    let open = || Database::open("purses", &location, Durability::Full).expect("the store opens");
    let mut session = open().session().expect("a session");
    migrate(&mut *session, &[]).expect("the schema is made");
    session.run_script("CREATE TABLE heavy (data LONGTEXT NOT NULL)").expect("a table for what is heavy");
    drop(session);
    let (mut lost, mut followed, mut rounds) = (0, 0, 0);
    for round in 0..ROUNDS {
        rounds += 1;
        let (careful, careless) = read_until_it_crashes(&mut server, &open, round);
        let rows = open().session().expect("a session").query("SELECT position, data FROM event", &[]).expect("rows");
        let stored: Seen = rows.iter().map(|row| (row.int(0), row.text(1).to_owned())).collect();
        let gone: Vec<_> = careful.difference(&stored).collect();
        assert!(gone.is_empty(), "round {round}: {gone:?} were followed and are gone");
        followed += careful.len();
        lost += careless.difference(&stored).count();
        if lost > 0 && followed > 100 {
            break;
        }
    }
    println!(
        "{followed} were followed and none lost in {rounds} crashes; of what was read without care {lost} are gone"
    );
    assert!(followed > 100, "only {followed} were followed, so little was shown");
    assert!(lost > 0, "the control: what is read without care may be gone after a crash");
}

fn read_until_it_crashes(server: &mut Own, open: &(impl Fn() -> Arc<Database> + Sync), round: usize) -> (Seen, Seen) {
    let (over, ready) = (AtomicBool::new(false), Barrier::new(WRITERS + 4));
    std::thread::scope(|scope| {
        let (over, ready) = (&over, &ready);
        for writer in 0..WRITERS {
            scope.spawn(move || {
                let mut session = open().session().expect("a session");
                ready.wait();
                write(&mut *session, over, &format!("{round} {writer}"));
            });
        }
        scope.spawn(move || {
            let mut session = open().session().expect("a session");
            ready.wait();
            while !over.load(Ordering::SeqCst) && session.execute(HEAVY, &[]).is_ok() {}
        });
        let careful = scope.spawn(move || {
            let mut reader = Log::new(open(), &[]).reader(Scope::Everything).expect("a reader");
            ready.wait();
            follow(&mut reader, over)
        });
        let careless = scope.spawn(move || {
            let mut session = open().session().expect("a session");
            ready.wait();
            glance(&mut *session, over)
        });
        ready.wait();
        std::thread::sleep(WRITING);
        server.crash();
        over.store(true, Ordering::SeqCst);
        (careful.join().expect("no panic"), careless.join().expect("no panic"))
    })
}

/// Commits one event after the other until the server is gone.
fn write(session: &mut dyn Session, over: &AtomicBool, name: &str) {
    let mut commit = |number: usize| -> Result<()> {
        session.begin()?;
        let position = session.next_ids("log_position", 1)?[0];
        let data = format!("{name} {number}");
        let mut row: Vec<Value> = vec![position.into(), "Happened".into(), 1.into(), 1.into(), 0.into()];
        row.extend([Value::Null, Value::Null, data.into(), Value::Null, Value::Null]);
        session.insert_many(&EVENTS, vec![Row(row)])?;
        session.commit()
    };
    for number in 0.. {
        if over.load(Ordering::SeqCst) || commit(number).is_err() {
            break;
        }
    }
}

/// Reads as a consumer does.
fn follow(reader: &mut LogReader, over: &AtomicBool) -> Seen {
    let (mut seen, mut after) = (Seen::new(), Cursor::default());
    while !over.load(Ordering::SeqCst) {
        let Ok(page) = reader.read(after, 100) else { break };
        seen.extend(page.events.into_iter().map(|event| (event.cursor.position, event.data)));
        after = page.end;
    }
    seen
}

/// Reads whatever the server shows.
fn glance(session: &mut dyn Session, over: &AtomicBool) -> Seen {
    let (mut seen, mut after) = (Seen::new(), Cursor::default());
    while !over.load(Ordering::SeqCst) {
        let Ok(rows) = session.read_log(&EVENTS, after, i64::MAX, 100) else { break };
        after = rows.last().map_or(after, |(cursor, _)| *cursor);
        seen.extend(rows.iter().map(|(cursor, row)| (cursor.position, row.text(7).to_owned())));
    }
    seen
}
