//! Looks at every state that can be reached, and not at a sample of them.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Debug;

/// Something with states and steps.
pub trait Explored: Clone {
    /// One step of somebody.
    type Action: Copy + Debug;

    /// Everything that can tell two states apart.
    fn key(&self) -> Box<[u8]>;

    /// Everything that can happen next. What would change nothing may be among it.
    fn enabled(&self, actions: &mut Vec<Self::Action>);

    /// Takes one step; what is wrong with it, if anything is.
    fn take(&mut self, action: Self::Action) -> Result<(), String>;

    /// What is true at every moment.
    fn must_be_legal(&self) -> Result<(), String>;

    /// Whether nothing is left that has to happen by itself. Messages may still be on their way.
    fn rests(&self) -> bool;

    /// What is true when everything has come to rest; which ends these are.
    fn must_have_ended(&self) -> Result<Vec<&'static str>, String>;
}

/// What was come across.
#[derive(Debug, Default)]
pub struct Seen {
    /// Different states.
    pub states: usize,
    /// Of them, those in which everything had come to rest, by their end.
    pub ends: BTreeMap<&'static str, usize>,
}

/// Looks at every state that can be reached; the shortest way to one that is wrong, if there is one. It is also wrong if
/// everything cannot come to rest any more from somewhere.
pub fn explore<W: Explored>(start: W) -> Result<Seen, String> {
    let mut known = HashMap::from([(start.key(), 0)]);
    let mut ways: Vec<(usize, Option<W::Action>)> = vec![(0, None)];
    let mut waiting = VecDeque::from([(0, start)]);
    let mut steps: Vec<(usize, usize)> = Vec::new();
    let mut resting = Vec::new();
    let mut seen = Seen::default();
    let mut actions = Vec::new();
    while let Some((place, world)) = waiting.pop_front() {
        if world.rests() {
            let ends = world.must_have_ended();
            for end in ends.map_err(|wrong| format!("{wrong}, after {:?}", way(&ways, place)))? {
                *seen.ends.entry(end).or_default() += 1;
            }
            resting.push(place);
        }
        actions.clear();
        world.enabled(&mut actions);
        for &action in &actions {
            let mut next = world.clone();
            let done = next.take(action).and_then(|()| next.must_be_legal());
            done.map_err(|wrong| format!("{wrong}, after {:?} and {action:?}", way(&ways, place)))?;
            let fresh = known.len();
            let found = match known.entry(next.key()) {
                Entry::Occupied(found) => *found.get(),
                Entry::Vacant(free) => {
                    free.insert(fresh);
                    ways.push((place, Some(action)));
                    waiting.push_back((fresh, next));
                    fresh
                }
            };
            if found != place {
                steps.push((found, place));
            }
        }
    }
    seen.states = known.len();
    match without_rest(seen.states, steps, resting) {
        None => Ok(seen),
        Some(place) => Err(format!("never comes to rest, after {:?}", way(&ways, place))),
    }
}

/// The first state from which none that rests can be reached; `steps` are pairs of a state and one before it.
fn without_rest(states: usize, mut steps: Vec<(usize, usize)>, mut resting: Vec<usize>) -> Option<usize> {
    steps.sort_unstable();
    let mut comes_to_rest = vec![false; states];
    resting.iter().for_each(|place| comes_to_rest[*place] = true);
    while let Some(place) = resting.pop() {
        let first = steps.partition_point(|(to, _)| *to < place);
        for &(_, before) in steps[first..].iter().take_while(|(to, _)| *to == place) {
            if !comes_to_rest[before] {
                comes_to_rest[before] = true;
                resting.push(before);
            }
        }
    }
    comes_to_rest.iter().position(|comes| !comes)
}

/// How the state at this place was reached.
fn way<A: Copy>(ways: &[(usize, Option<A>)], mut place: usize) -> Vec<A> {
    let mut actions = Vec::new();
    while let (before, Some(action)) = ways[place] {
        actions.push(action);
        place = before;
    }
    actions.reverse();
    actions
}
