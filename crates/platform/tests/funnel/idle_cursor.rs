//! A cursor that moves over events from which nothing follows is stored once it is quiet, not with every piece; with an
//! effect it is stored at once.

use std::sync::Arc;

use platform::clock::ManualClock;
use platform::consumer::{Consumer, React};
use platform::db::Cursor;

use super::kit::{Move, Place, Purses, Shop, patiently};

const NAME: &str = "purses<purses";
/// Only events of this purse lead to something.
const HEEDED: i64 = 7;

fn consumer(shop: &Shop, clock: &Arc<ManualClock>) -> Consumer<Purses> {
    let react: React<Move> =
        Box::new(|events| Ok(events.iter().filter(|event| event.subject == HEEDED).map(|_| Move::of(1, 1)).collect()));
    Consumer::new(Arc::clone(&shop.funnel), Arc::clone(&shop.log), Arc::clone(clock) as _, "one", react)
}

fn stored(shop: &Shop) -> Cursor {
    shop.funnel.cursor(NAME).expect("the store can be read")
}

#[test]
fn a_cursor_that_moves_without_effect_is_stored_when_it_is_quiet() {
    for place in Place::all() {
        let shop = place.shop();
        let clock = Arc::new(ManualClock::new(1_000));
        let mut consumer = consumer(&shop, &clock);
        shop.run(Move::of(2, 10)).expect("it is moved");
        assert_eq!(patiently(|| consumer.step().expect("a step")), 1);
        assert_eq!(stored(&shop), Cursor::default(), "not stored while more may come");
        clock.advance_ms(20);
        assert_eq!(consumer.step().expect("a step"), 0);
        let quiet = stored(&shop);

        let last = shop.events(1).last().expect("an event").cursor;
        assert_eq!(quiet, last);
        let end = Cursor { position: last.position + 1, ..last };
        consumer.take_in(&[], end).expect("nothing follows from nothing");
        assert_eq!(stored(&shop), quiet, "not stored yet");
        let event = platform::log::Event { subject: HEEDED, cursor: end, ..shop.events(1).remove(0) };
        consumer.take_in(&[event], end).expect("it is taken in");
        assert_eq!((stored(&shop), shop.balances(1)), (end, (1, 1)), "an effect and its cursor are one");
    }
}
