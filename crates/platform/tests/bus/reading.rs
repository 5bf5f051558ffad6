//! Reading a topic: from the stored offset on, from another one, and where there is no broker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use platform::db::Cursor;
use platform::error::ErrorKind;
use platform::log::{Event, LogReader, Page, Scope};

use super::follower::{Follower, bus, bus_at, clock, move_coins, publish, relay, topic, until};
use super::kit::{Move, Place, stamp};

/// Everything behind `after`, and how many messages were passed over on the way.
fn read_all(reader: &mut LogReader, after: Cursor, count: usize) -> (Vec<Event>, Page) {
    let mut all = Vec::new();
    let mut last = Page { end: after, ..Page::default() };
    let mut passed_over = 0;
    until("the events", || {
        let page = reader.read(last.end, 100).expect("the broker is there");
        passed_over += page.passed_over;
        last = Page { offset: page.offset, end: page.end, ..Page::default() };
        all.extend(page.events);
        all.len() >= count
    });
    (all, Page { passed_over, ..last })
}

#[test]
fn a_topic_is_the_log_from_any_place_on() {
    for source in [Place::sqlite(), Place::postgres()] {
        let (shop, bus) = (source.shop(), bus());
        move_coins(&shop, 500);
        let mut relay = relay(&shop, &bus, &clock(), "relay");
        publish(&mut relay, &shop);
        let log = shop.events(500);
        let mut reader = topic(&bus).reader(Scope::Everything).expect("a reader");
        let (events, end) = read_all(&mut reader, Cursor::default(), 500);
        assert_eq!(events, log, "the same events");
        assert_eq!((end.end, end.offset, end.passed_over), (log[499].cursor, Some(499), 0));

        // From the middle of a piece, as after a failure, and from the start again, as a rebuild does.
        let (events, page) = read_all(&mut reader, log[249].cursor, 250);
        assert_eq!((events.as_slice(), page.end), (&log[250..], log[499].cursor));
        assert_eq!(read_all(&mut reader, Cursor::default(), 500).0, log);

        // With the offset that belongs to the place nothing is read twice; any other one does no harm.
        for (offset, most) in [(Some(249), 1), (Some(100), 150), (Some(499), 250), (Some(9_999), 250), (None, 250)] {
            let mut reader = topic(&bus).reader_at(Scope::Everything, offset).expect("a reader");
            let (events, page) = read_all(&mut reader, log[249].cursor, 250);
            assert_eq!(events, log[250..], "from offset {offset:?}");
            assert!(page.passed_over <= most, "{} were passed over from offset {offset:?}", page.passed_over);
        }
    }
}

#[test]
fn where_the_last_rows_are_no_events_a_mark_moves_cursors() {
    for source in [Place::sqlite(), Place::postgres()] {
        let (shop, elsewhere, bus) = (source.shop(), Place::sqlite(), bus());
        move_coins(&shop, 3);
        let mut relay = relay(&shop, &bus, &clock(), "relay");
        let refused = shop.batch([(Move::of(2, -1), stamp("a", "1")), (Move::of(3, -1), stamp("b", "1"))]);
        assert!(refused.iter().all(Result::is_err), "rows that are no events");
        publish(&mut relay, &shop);
        let mut follower = Follower::new(&elsewhere, &bus);
        follower.follow_to(3);
        let end = shop.funnel.cursor("bus<purses").expect("a cursor");
        assert!(end > shop.events(3)[2].cursor, "beyond the last event");
        assert_eq!(follower.cursor(), end);
        move_coins(&shop, 2);
        publish(&mut relay, &shop);
        follower.follow_to(5);
    }
}

#[test]
fn who_is_started_again_goes_on_where_it_was() {
    let (place, elsewhere, bus) = (Place::sqlite(), Place::sqlite(), bus());
    let shop = place.shop();
    let mut relay = relay(&shop, &bus, &clock(), "relay");
    for round in 1..=3 {
        move_coins(&shop, 40);
        publish(&mut relay, &shop);
        let mut follower = Follower::new(&elsewhere, &bus);
        follower.follow_to(40 * round);
        let standing = follower.shop.funnel.standing("purses<purses").expect("the store can be read");
        assert_eq!(standing.offset, Some(40 * round - 1));
    }
}

#[test]
fn what_comes_rings_the_bell_of_those_who_wait() {
    let (place, bus) = (Place::sqlite(), bus());
    let shop = place.shop();
    let mut relay = relay(&shop, &bus, &clock(), "relay");
    move_coins(&shop, 1);
    publish(&mut relay, &shop);
    let log = topic(&bus);
    let mut reader = log.reader(Scope::Everything).expect("a reader");
    let (_, page) = read_all(&mut reader, Cursor::default(), 1);
    let heard = log.bell(Scope::EventTable).count();
    let waiting = Arc::clone(&log);
    let heard_at = std::thread::spawn(move || {
        waiting.bell(Scope::EventTable).wait_beyond(heard, Duration::from_secs(30));
        Instant::now()
    });
    let moved_at = Instant::now();
    move_coins(&shop, 1);
    relay.step().expect("the broker is there");
    let waited = heard_at.join().expect("it waits").duration_since(moved_at);
    assert!(waited < Duration::from_secs(5), "{waited:?}");
    let (events, _) = read_all(&mut reader, page.end, 1);
    assert_eq!(events.len(), 1);
}

#[test]
fn a_broker_that_is_not_there_is_said_soon_and_nothing_hangs() {
    let (place, bus) = (Place::sqlite(), bus_at("kafka://127.0.0.1:1"));
    let shop = place.shop();
    move_coins(&shop, 1);
    let mut relay = relay(&shop, &bus, &clock(), "relay");
    let mut reader = topic(&bus).reader(Scope::Everything).expect("a reader");
    let check = |what: &str, step: &mut dyn FnMut() -> Option<(ErrorKind, String)>| {
        let asked = Instant::now();
        let refused = step();
        assert_eq!(refused, Some((ErrorKind::Unavailable, "bus.unavailable".to_owned())), "{what}");
        assert!(asked.elapsed() < Duration::from_secs(5), "{what} took {:?}", asked.elapsed());
    };
    let told = |error: platform::error::Error| (error.kind, error.code.into_owned());
    for _ in 0..2 {
        check("the relay", &mut || relay.step().err().map(told));
        check("the reader", &mut || reader.read(Cursor::default(), 10).err().map(told));
    }
    assert_eq!(shop.funnel.cursor("bus<purses").expect("a cursor"), Cursor::default());
}
