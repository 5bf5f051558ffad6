//! What the reading of the rows catches: rules that lack something, and rows that were damaged.

use alloc::vec::Vec;

use super::Step::{Adjust, ClawBack, Deal, Donate, Earn, Hold, Leave, Look, Pass, Use, Welcome};
use super::deals::Ask;
use super::holds::HoldAsk;
use super::reading::wrongs;
use super::{Desk, Row, START, Step, What, Without};

/// A history in which everything happens.
const FULL: [Step; 43] = [
    Deal(Ask::Save(1, 20)),
    Deal(Ask::Pay(5)),
    Deal(Ask::CancelSave(0, 8, true)),
    Welcome(4, 1_000),
    Earn(1, 70),
    Earn(2, 30),
    Look,
    Pass(40),
    Look,
    Use(10),
    Donate(25),
    Earn(3, 50),
    ClawBack(2_000, Some(3)),
    Earn(2, 500),
    Earn(1, 400),
    Pass(20),
    Look,
    Adjust(2, 5),
    Pass(30),
    Adjust(1, -25),
    Earn(1, 300),
    Earn(5, 77),
    Pass(13),
    Look,
    Deal(Ask::Pay(90)),
    Deal(Ask::Again(3)),
    Deal(Ask::CancelUse(3, 60)),
    Deal(Ask::CancelUse(3, 60)),
    Earn(1, 60),
    Deal(Ask::Pay(20)),
    Pass(60),
    Deal(Ask::Void(6, 1)),
    Deal(Ask::Again(6)),
    Earn(0, 40),
    Earn(1, 200),
    Hold(HoldAsk::Place(60, 7)),
    Hold(HoldAsk::Place(30, 2)),
    Use(150),
    Hold(HoldAsk::Capture(1, Some(20))),
    Hold(HoldAsk::Capture(1, None)),
    Pass(7),
    Hold(HoldAsk::Capture(0, None)),
    Leave(1),
];

fn played(without: Without) -> Desk {
    let mut desk = Desk::new(without);
    for step in FULL {
        let _ = desk.ask(step);
    }
    desk
}

#[test]
fn rows_of_rules_that_lack_something_are_caught() {
    let sound = played(Without::Nothing);
    assert_eq!(wrongs(&sound.rows, &sound.state()), [""; 0]);
    for (without, said) in [
        (Without::ExpiryBeforeVerbs, "was still there"),
        (Without::Announcements, "expired without a word"),
        (Without::Repayment, "was not repaid"),
        (Without::Memory, "moved twice"),
        (Without::CancelLimit, "cancelled for more"),
        (Without::EndedLots, "back into a lot that has ended"),
        (Without::Pins, "takes what is held"),
        (Without::HoldEnds, "moved twice"),
        (Without::HoldTime, "its time was over"),
    ] {
        let broken = played(without);
        let found = wrongs(&broken.rows, &broken.state());
        assert!(found.iter().any(|wrong| wrong.contains(said)), "{without:?}: {found:?}");
    }
}

#[test]
fn damaged_rows_are_caught() {
    let sound = played(Without::Nothing);
    let place = |wanted: &str| {
        let is_it = |row: &Row| matches!(&row.what, What::Moved { kind, .. } if *kind == wanted);
        sound.rows.iter().position(is_it).unwrap_or_else(|| panic!("{wanted} happens"))
    };
    let caught = |what: &str, damage: &dyn Fn(&mut Vec<Row>)| {
        let mut rows = sound.rows.clone();
        damage(&mut rows);
        assert!(!wrongs(&rows, &sound.state()).is_empty(), "{what}");
    };
    for kind in [
        "EARN",
        "USE",
        "DONATE",
        "ADJUST",
        "EXPIRE",
        "EARN_CANCEL",
        "OWED_REPAY",
        "FORFEIT",
        "WELCOME",
        "USE_CANCEL",
        "HOLD_CAPTURE",
    ] {
        let at = place(kind);
        caught("a row is missing", &|rows| drop(rows.remove(at)));
        caught("a row is there twice", &|rows| rows.insert(at, rows[at].clone()));
        caught("an amount is another", &|rows| {
            if let What::Moved { amount, .. } = &mut rows[at].what {
                *amount -= 1;
            }
        });
        caught("another lot", &|rows| {
            if let What::Moved { lots, .. } = &mut rows[at].what {
                lots[0].0 += 100;
            }
        });
    }
    let of_notices = |row: &Row| matches!(row.what, What::Announced { .. } | What::Unannounced { .. });
    for at in (0..sound.rows.len()).filter(|at| of_notices(&sound.rows[*at])) {
        caught("an announcement twice", &|rows| rows.insert(at, rows[at].clone()));
    }
    let expiry = place("EXPIRE");
    caught("too early", &|rows| rows[expiry].day = START);
}
