//! The withdrawal saga, every way that it can go: the rules of member, point and coupon put together with senders, a
//! sweeper and messages, and every reachable state looked at, not a sample of them.
//!
//! A question or an answer may be lost, come late or come again; an event may come late and again, also long after later
//! ones; a driver may die between any two commits; a second sender may join or come afterwards; the sweeper may take a
//! driver for dead that is not. Wherever nothing is left to happen, the member is here with everything or gone with
//! everything.

#[path = "withdrawal_saga/actions.rs"]
mod actions;
#[path = "withdrawal_saga/world.rs"]
mod world;

use std::collections::{HashSet, VecDeque};

use actions::{Action, enabled};
use world::{Bounds, Mode, Without, World};

/// What was come across.
#[derive(Debug, Default)]
struct Seen {
    states: usize,
    gone: usize,
    here: usize,
    refused: usize,
}

/// Looks at every state that can be reached; the shortest way to one that is wrong, if there is one.
fn explore(mode: Mode, bounds: Bounds, without: Without) -> Result<Seen, String> {
    let start = World::new(mode, bounds, without);
    let mut known = HashSet::from([start.key()]);
    let mut ways: Vec<(usize, Option<Action>)> = vec![(0, None)];
    let mut waiting = VecDeque::from([(0, start)]);
    let mut seen = Seen::default();
    let mut actions = Vec::new();
    while let Some((place, world)) = waiting.pop_front() {
        let told = |wrong: String| format!("{wrong}, after {:?}", way(&ways, place));
        if world.rests() {
            world.must_have_ended().map_err(told)?;
            seen.gone += usize::from(world.is_gone());
            seen.here += usize::from(!world.is_gone());
            seen.refused += usize::from(world.refused != 0);
        }
        actions.clear();
        enabled(&world, &mut actions);
        for &action in &actions {
            let mut next = world.clone();
            let done = next.take(action).and_then(|()| next.must_be_legal());
            done.map_err(|wrong| format!("{wrong}, after {:?} and {action:?}", way(&ways, place)))?;
            if known.insert(next.key()) {
                ways.push((place, Some(action)));
                waiting.push_back((ways.len() - 1, next));
            }
        }
    }
    seen.states = known.len();
    Ok(seen)
}

/// How the state at this place was reached.
fn way(ways: &[(usize, Option<Action>)], mut place: usize) -> Vec<Action> {
    let mut actions = Vec::new();
    while let (before, Some(action)) = ways[place] {
        actions.push(action);
        place = before;
    }
    actions.reverse();
    actions
}

/// Two senders who come at any time, together or one after the other, while the member uses points and a coupon.
const TWO_SENDERS: Bounds = Bounds { senders: 2, requests: 2, attempts: 2, spends: true };
/// One sender who comes back again and again.
const ONE_SENDER: Bounds = Bounds { senders: 1, requests: 3, attempts: 3, spends: false };

#[test]
fn every_withdrawal_ends_here_with_everything_or_gone_with_everything() {
    for (mode, bounds) in [
        (Mode::Strict, TWO_SENDERS),
        (Mode::Strict, ONE_SENDER),
        (Mode::Deferred, TWO_SENDERS),
        (Mode::Deferred, ONE_SENDER),
    ] {
        let seen =
            explore(mode, bounds, Without::Nothing).unwrap_or_else(|wrong| panic!("{mode:?} {bounds:?}: {wrong}"));
        println!("{mode:?} {bounds:?}: {seen:?}");
        // An exploration that does not come to all the ends proves nothing about them.
        assert!(seen.gone >= 4 && seen.here > 10 && seen.refused > 10, "{seen:?}");
    }
}

#[test]
fn a_protection_that_is_left_out_shows() {
    for (without, wrong) in [
        (Without::OneAnswer, "decided although"),
        (Without::PrepareAttempts, "here, but"),
        (Without::ReleaseAttempts, "although one has not prepared"),
        (Without::SecondConfirmation, "done, but"),
        (Without::PointOfNoReturn, "gone and not gone"),
        (Without::Sweeper, "not ended"),
    ] {
        let said = explore(Mode::Strict, TWO_SENDERS, without).err().unwrap_or_default();
        assert!(said.contains(wrong), "without {without:?}: {said}");
    }
}
