//! Overload: whether what follows a group has fallen so far behind that nothing more should be written there.
//!
//! A follower is too slow when it goes on and the age of the oldest event that it has not taken in does not fall from
//! piece to piece, but has grown by more than the limit. It counts from the age at which it was found: one that stands
//! still is not slow but stuck, on a store or on a broker that is away, and holding writers back would not help it. When
//! it goes on again it has much to catch up, and one whose broker was away finds events from before, all at once: nobody
//! waits for that.

use std::collections::HashMap;

/// What is seen of a follower at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Age of the oldest event that it has not taken in, in milliseconds; 0 if there is none.
    pub lag_ms: i64,
    /// When that event happened, by the follower's clock.
    pub since_ms: i64,
}

/// Whoever stands before the same event for longer is stuck: no piece takes so long to be stored.
const STUCK_MS: i64 = 30_000;
/// A follower that says nothing for so many looks is forgotten.
const FORGOTTEN: u32 = 60;

/// What is known of a follower after a look.
#[derive(Debug, Clone, Copy)]
struct Known {
    seen: Seen,
    /// For how long it has stood before the same event.
    stood_ms: i64,
    /// Its age at the last look at which it had gone on.
    picked_ms: i64,
    /// The lowest of these ages since it was found, or since it was stuck.
    lowest_ms: i64,
    is_too_slow: bool,
    /// It was found once where it had stood for longer than the limit. Whoever takes long for each piece is slow.
    is_pardoned: bool,
    /// Looks at which it said nothing.
    missed: u32,
}

impl Known {
    fn first(seen: Seen) -> Self {
        let Seen { lag_ms, .. } = seen;
        let (stood_ms, is_too_slow, is_pardoned, missed) = (0, false, false, 0);
        Self { seen, stood_ms, picked_ms: lag_ms, lowest_ms: lag_ms, is_too_slow, is_pardoned, missed }
    }

    /// After one more look.
    fn then(self, seen: Seen, limit_ms: i64) -> Self {
        let Seen { lag_ms, since_ms } = seen;
        // Whoever goes on comes to later events; by a little less, if several clocks write into one log.
        if since_ms + limit_ms < self.seen.since_ms {
            return Self::first(seen);
        }
        if since_ms <= self.seen.since_ms {
            let stood_ms = self.stood_ms + (lag_ms - self.seen.lag_ms).max(0);
            // What was said of it holds while it is at the same piece.
            let known = if stood_ms > STUCK_MS { Self::first(seen) } else { Self { seen, missed: 0, ..self } };
            return Self { stood_ms, ..known };
        }
        let pardons = self.stood_ms > limit_ms && !self.is_pardoned;
        let lowest_ms = if pardons { lag_ms } else { self.lowest_ms.min(lag_ms) };
        let is_too_slow = lag_ms >= self.picked_ms && lag_ms - lowest_ms > limit_ms;
        let is_pardoned = (pardons || self.is_pardoned) && lag_ms > limit_ms;
        Self { seen, stood_ms: 0, picked_ms: lag_ms, lowest_ms, is_too_slow, is_pardoned, missed: 0 }
    }

    /// A look at which it says nothing. Whether it is still known: not once it has been silent for long.
    fn miss(&mut self) -> bool {
        self.missed += 1;
        self.is_too_slow = false;
        self.missed <= FORGOTTEN
    }
}

/// What is known of all followers.
#[derive(Debug, Default)]
pub struct Flow {
    known: HashMap<String, Known>,
}

impl Flow {
    /// Takes one look at all followers in, by their names, `who<whom`. Who cannot be looked at is left out. Which groups
    /// are to be written to no more, each with a follower that is to blame.
    pub fn look(&mut self, seen: HashMap<String, Seen>, limit_ms: i64) -> HashMap<String, String> {
        self.known.retain(|name, known| seen.contains_key(name) || known.miss());
        for (name, seen) in seen {
            let known = self.known.entry(name);
            known.and_modify(|known| *known = known.then(seen, limit_ms)).or_insert_with(|| Known::first(seen));
        }
        let slow = self.known.iter().filter(|(_, known)| known.is_too_slow);
        slow.filter_map(|(name, _)| Some((name.split_once('<')?.1.to_owned(), name.clone()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether writes are held back after each of these looks, a second apart; nothing where it cannot be looked at.
    fn held_back(lags_ms: impl IntoIterator<Item = Option<i64>>) -> Vec<bool> {
        let mut flow = Flow::default();
        let looks = (0_i64..).map(|second| second * 1_000).zip(lags_ms);
        looks
            .map(|(now_ms, lag_ms)| {
                let seen = lag_ms.map(|lag_ms| ("b<a".to_owned(), Seen { lag_ms, since_ms: now_ms - lag_ms }));
                flow.look(seen.into_iter().collect(), 5_000).contains_key("a")
            })
            .collect()
    }

    fn of(lags_ms: impl IntoIterator<Item = i64>) -> Vec<bool> {
        held_back(lags_ms.into_iter().map(Some))
    }

    /// The first look after which writes were held back.
    fn first_held(lags_ms: impl IntoIterator<Item = i64>) -> Option<usize> {
        of(lags_ms).iter().position(|held| *held)
    }

    /// The lags of a follower that takes in so many of a hundred that come, in pieces that take so long, a look a second.
    fn busy(percent: i64, piece_ms: i64, looks: i64) -> Vec<i64> {
        let picked = |now_ms: i64| now_ms / piece_ms * piece_ms * percent / 100;
        (0..looks).map(|look| look * 1_000 - picked(look * 1_000)).collect()
    }

    #[test]
    fn an_age_that_grows_beyond_the_limit_holds_back_until_it_falls() {
        assert_eq!(first_held((0..60).map(|look| look * 800)), Some(7), "5.6 s");
        assert_eq!(first_held((0..60).map(|look| (look * 800).min(5_000))), None, "not beyond the limit");
        let grown = (0..8).map(|look| look * 800);
        let held = of(grown.chain([5_600, 5_599, 5_500, 5_600, 0]));
        assert_eq!(held[7..], [true, true, false, false, true, false], "as it does not fall, falls, grows once more");
    }

    #[test]
    fn whoever_takes_in_less_than_comes_holds_back_whatever_its_pieces() {
        for (percent, piece_ms) in
            [(20, 1_000), (50, 1_600), (60, 2_000), (85, 1_600), (70, 4_500), (30, 12_000), (60, 9_000)]
        {
            let held = of(busy(percent, piece_ms, 240));
            let count = held.iter().filter(|held| **held).count();
            assert!(count >= 80, "{percent} % in pieces of {piece_ms} ms: held back after {count} of 240 looks");
        }
        for piece_ms in [500, 1_600, 4_500] {
            assert!(!of(busy(100, piece_ms, 240)).contains(&true), "control: all that comes, {piece_ms} ms");
        }
    }

    #[test]
    fn catching_up_after_an_outage_holds_nobody_back() {
        assert_eq!(first_held((0..600).map(|look| 600_000 - look * 900)), None);
        let back = |more: [i64; 4]| first_held([0, 0, 600_000].into_iter().chain(more));
        assert_eq!(back([590_000, 300_000, 300_500, 0]), None, "a broker that is back brings what it did not tell");
        assert_eq!(back([600_900, 601_800, 400_000, 0]), None, "the first pieces may be small");
        let no_faster = [0, 600_000].into_iter().chain((1..20).map(|look| 600_000 + look * 900));
        assert_eq!(first_held(no_faster), Some(7), "control: it takes in less than what comes");
    }

    #[test]
    fn a_follower_that_stands_still_or_says_nothing_holds_nobody_back() {
        let still = (0..60).map(|look| look * 1_000);
        assert_eq!(first_held(still.clone()), None, "its broker or its store is away");
        assert_eq!(first_held(still.chain([59_500, 59_900, 30_000])), None, "and is back");
        let short = (0..12).map(|look| look * 1_000);
        assert_eq!(
            first_held(short.chain([11_500, 12_300, 13_000, 4_000, 0])),
            None,
            "after a short while, in small pieces"
        );
        assert_eq!(held_back([None, Some(600_000), None, Some(600_000), Some(600_500)]), [false; 5]);
        // A look that it misses now and then, because it is busy, changes nothing.
        let growing = (0..60).map(|look| (look % 4 > 0).then_some(look * 900));
        assert_eq!(held_back(growing).iter().position(|held| *held), Some(7));
    }

    #[test]
    fn only_whom_it_follows_is_held_back() {
        let mut flow = Flow::default();
        let seen = |slow: i64| {
            let looks = [("c<a", slow), ("c<b", 10), ("odd", slow)];
            looks.map(|(name, lag_ms)| (name.to_owned(), Seen { lag_ms, since_ms: lag_ms / 2 })).into()
        };
        assert!(flow.look(seen(0), 5_000).is_empty());
        assert_eq!(flow.look(seen(6_000), 5_000), HashMap::from([("a".to_owned(), "c<a".to_owned())]));
    }
}
