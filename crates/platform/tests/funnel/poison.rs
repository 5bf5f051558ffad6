//! A batch that fails as a whole is carried out one by one: only the command that cannot be carried out fails, its
//! neighbours succeed, and nothing of the failed attempt is left, neither in the tables nor in the log.

use platform::error::ErrorKind;

use super::kit::{Event, FORBIDDEN, Move, Place, stamp};

const NEIGHBOURS: usize = 9;

#[test]
fn a_command_that_the_store_refuses_fails_alone_on_sqlite() {
    fails_alone(&Place::sqlite(), Move::of(5, FORBIDDEN));
}

#[test]
fn a_command_that_the_store_refuses_fails_alone_on_postgres() {
    fails_alone(&Place::postgres(), Move::of(5, FORBIDDEN));
}

#[test]
fn a_command_that_the_store_refuses_fails_alone_on_mariadb() {
    fails_alone(&Place::mariadb(), Move::of(5, FORBIDDEN));
}

#[test]
fn a_rule_that_panics_fails_alone_on_sqlite() {
    fails_alone(&Place::sqlite(), Move { panics: true, ..Move::of(5, 1) });
}

#[test]
fn a_rule_that_panics_fails_alone_on_postgres() {
    fails_alone(&Place::postgres(), Move { panics: true, ..Move::of(5, 1) });
}

#[test]
fn a_rule_that_panics_fails_alone_on_mariadb() {
    fails_alone(&Place::mariadb(), Move { panics: true, ..Move::of(5, 1) });
}

/// Ten commands on ten purses; the poison is in the middle.
fn fails_alone(place: &Place, poison: Move) {
    let shop = place.shop();
    let command = |purse: i64| if purse == poison.purse { poison } else { Move::of(purse, 100) };
    let sent = || (1..=10).map(|purse| (command(purse), stamp(&format!("k{purse}"), "b")));
    let answers = shop.batch(sent());
    for (purse, answer) in (1..).zip(&answers) {
        match answer {
            Ok(balance) => assert_eq!((*balance, shop.balances(purse)), (100, (100, 100)), "purse {purse}"),
            Err(error) => {
                assert_eq!((purse, error.kind), (poison.purse, ErrorKind::Internal), "{error}");
                assert_eq!(shop.balances(purse), (0, 0));
            }
        }
    }
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), NEIGHBOURS);

    // The first attempt decided all ten and was rolled back: had it left events, there would be more.
    let events = shop.events(NEIGHBOURS);
    let mut subjects: Vec<i64> = events.iter().map(|event| event.subject).collect();
    subjects.sort_unstable();
    let expected: Vec<i64> = (1..=10).filter(|purse| *purse != poison.purse).collect();
    assert_eq!(subjects, expected);
    for event in &events {
        let Event::CoinsMoved { coins, balance } = event.decode().expect("a known event");
        assert_eq!((coins, balance, event.sequence), (100, 100, 1));
    }

    // A failure that is nobody's answer is not remembered: the same key may succeed once the cause is gone.
    let again = shop.batch([(Move::of(poison.purse, 7), stamp(&format!("k{}", poison.purse), "b"))]);
    assert!(matches!(again[..], [Ok(7)]), "{again:?}");
    let repeated = shop.batch([(Move::of(1, 100), stamp("k1", "b"))]);
    assert!(matches!(repeated[..], [Ok(100)]) && shop.balances(1) == (100, 100), "{repeated:?}");
}

#[test]
fn a_refusal_among_others_costs_them_nothing() {
    let place = Place::sqlite();
    let shop = place.shop();
    let answers = shop.batch([Move::of(1, 10), Move::of(1, -11), Move::of(1, -10)].map(|command| (command, None)));
    assert!(matches!(&answers[..], [Ok(10), Err(error), Ok(0)] if error.kind == ErrorKind::Conflict), "{answers:?}");
    assert_eq!(shop.events(2).len(), 2);
}
