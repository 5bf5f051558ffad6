//! The log loses nothing and keeps the order of each aggregate while several processes write into one schema, some
//! slowly and some in vain. The control reads by position alone, as an outbox with a serial number is read.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use platform::db::{Cursor, Session, Value};
use platform::log::{Event, LogReader, Scope};

use super::kit::{FORBIDDEN, Move, Place, Purses, Shop};

const PROCESSES: i64 = 6;
const WRITING: Duration = Duration::from_millis(2_500);
const SETTLED: Duration = Duration::from_secs(10);
const PURSES_OF_EACH: i64 = 20;

/// What was seen while the others wrote.
struct Seen {
    committed: usize,
    by_cursor: Vec<Event>,
    by_position: usize,
}

#[test]
fn a_reader_beside_slow_writers_loses_nothing_and_reading_by_position_alone_does() {
    let place = Place::postgres();
    place.shop();
    let seen = read_beside_writers(&place);
    must_be_whole(&seen);
    let lost = seen.committed - seen.by_position;
    println!("{} committed, reading by position alone lost {lost}", seen.committed);
    assert!(lost > 0, "the control: reading by position alone loses some");
}

/// There the place is the order, and a process has none left over from an earlier turn.
#[test]
fn a_reader_beside_slow_writers_loses_nothing_on_mariadb() {
    let place = Place::mariadb();
    place.shop();
    must_be_whole(&read_beside_writers(&place));
}

fn must_be_whole(seen: &Seen) {
    assert!(seen.committed > 100, "only {} commits, so little was shown", seen.committed);
    assert_eq!(seen.by_cursor.len(), seen.committed, "committed and delivered");
    let mut sequences: HashMap<i64, i64> = HashMap::new();
    for event in &seen.by_cursor {
        let before = sequences.insert(event.subject, event.sequence).unwrap_or_default();
        assert_eq!(event.sequence, before + 1, "the order of aggregate {} is kept, without gaps", event.subject);
    }
}

#[test]
fn a_process_that_waited_for_a_row_stands_in_the_log_behind_the_one_that_held_it() {
    for fresh in Place::shared() {
        let place = fresh();
        let slow = |ms| place.shop_with(Purses { linger: Duration::from_millis(ms), ..Purses::default() }, true);
        let (first, waits, last) = (slow(450), place.shop(), slow(450));
        first.batch([1, 2, 3].map(|purse| (Move::of(purse, 1), None)));
        // The one that waits locks purse 1, then has to wait for the first one's purse 2. Meanwhile the last one comes and
        // locks purse 3, which it will have to wait for as well.
        std::thread::scope(|scope| {
            scope.spawn(|| first.run(Move::of(2, 1)));
            std::thread::sleep(Duration::from_millis(150));
            scope.spawn(|| waits.batch([1, 2, 3].map(|purse| (Move::of(purse, 1), None))));
            std::thread::sleep(Duration::from_millis(150));
            scope.spawn(|| last.run(Move::of(3, 1)));
        });
        let events = waits.events(8);
        let of_purse = |purse| events.iter().filter(move |event| event.subject == purse).map(|event| event.sequence);
        assert_eq!(events.len(), 8);
        for (purse, sequences) in [(1, vec![1, 2]), (2, vec![1, 2, 3]), (3, vec![1, 2, 3])] {
            assert_eq!(of_purse(purse).collect::<Vec<_>>(), sequences, "purse {purse} in log order");
        }
    }
}

fn read_beside_writers(place: &Place) -> Seen {
    let over = AtomicBool::new(false);
    // Some are quick and some slow, so that a later position is often committed first.
    let lingers = |process: i64| Duration::from_millis(u64::try_from(process * 3).unwrap_or(0));
    let shops: Vec<Shop> =
        (0..PROCESSES).map(|p| place.shop_with(Purses { linger: lingers(p), ..Purses::default() }, true)).collect();
    let watcher = place.shop();
    let mut reader = watcher.log.reader(Scope::Everything).expect("a reader");
    let mut naive = watcher.database.read_session().expect("a session");
    std::thread::scope(|scope| {
        let over = &over;
        let writers: Vec<_> =
            (0..).zip(&shops).map(|(process, shop)| scope.spawn(move || write(shop, process, over))).collect();
        let (mut cursor, mut by_cursor) = (Cursor::default(), Vec::new());
        let (mut position, mut by_position) = (0, 0);
        let started = Instant::now();
        while started.elapsed() < WRITING {
            cursor = take(&mut reader, cursor, &mut by_cursor);
            by_position += take_by_position(&mut *naive, &mut position);
        }
        over.store(true, Ordering::Relaxed);
        let committed: usize = writers.into_iter().map(|writer| writer.join().expect("no panic")).sum();
        // What is settled after the last commit; other tests on the server may hold it back for a while.
        let ended = Instant::now();
        while by_cursor.len() < committed && ended.elapsed() < SETTLED {
            cursor = take(&mut reader, cursor, &mut by_cursor);
            by_position += take_by_position(&mut *naive, &mut position);
        }
        Seen { committed, by_cursor, by_position }
    })
}

/// Writes until it is over, now and then in vain; how many events were committed.
fn write(shop: &Shop, process: i64, over: &AtomicBool) -> usize {
    let mut committed = 0;
    for round in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let purse = 1 + process * PURSES_OF_EACH + round % PURSES_OF_EACH;
        let coins = if round % 7 == 0 { FORBIDDEN } else { 1 };
        // Purses that all processes share, too: there they wait for each other.
        let shared = Move::of(1_000 + round % 3, 1);
        let answers = shop.batch([(Move::of(purse, coins), None), (shared, None)]);
        committed += answers.iter().filter(|answer| answer.is_ok()).count();
    }
    committed
}

fn take(reader: &mut LogReader, after: Cursor, into: &mut Vec<Event>) -> Cursor {
    let page = reader.read(after, 500).expect("the log can be read");
    into.extend(page.events);
    page.end
}

fn take_by_position(session: &mut dyn Session, position: &mut i64) -> usize {
    let sql = "SELECT position FROM event WHERE position > $1 ORDER BY position LIMIT 500";
    let rows = session.query(sql, &[Value::Int(*position)]).expect("the table can be read");
    *position = rows.last().map_or(*position, |row| row.int(0));
    rows.len()
}
