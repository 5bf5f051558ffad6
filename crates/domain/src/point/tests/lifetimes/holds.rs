//! Holds in random histories: what is asked, and how the shell asks the rules.

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;
use proptest::sample::select;

use super::{Desk, Step, What, Without};
use crate::kernel::{Day, MAX_AMOUNT};
use crate::point::{
    Event, Hold, HoldPoints, HoldStatus, Rejection, capture_hold, drop_hold, expire_hold, hold_points, release_hold,
};

/// Where references of holds begin, so that they are not taken for those of deals.
pub(super) const OF_HOLDS: i64 = 1_000_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// One thing that is asked about holds. They are picked by a number that is wrapped to those that there are.
#[derive(Debug, Clone, Copy)]
pub(super) enum HoldAsk {
    /// So many points, for so many days.
    Place(i64, i64),
    /// Of the hold that is picked so many points are taken, or all.
    Capture(i64, Option<i64>),
    /// The hold that is picked is released.
    Free(i64),
}

/// What the shell keeps of holds; their numbers count from 1.
#[derive(Default)]
pub(super) struct Holds(Vec<Hold>);

/// The row of points that were set aside.
pub(super) fn set(hold: &Hold) -> What {
    let mut until = Day::new(2031, 1, 1);
    while i64::from(until.number()) < hold.expires_at_ms / DAY_MS {
        until = until.next();
    }
    let lots = hold.pinned.0.iter().map(|(month, point)| (month.as_number(), *point)).collect();
    What::Set { hold: hold.hold_id, lots, until: (until.month.year(), until.month.number(), until.day) }
}

/// The place of the one that is picked of so many.
pub(super) fn picked(pick: i64, count: usize) -> Option<usize> {
    let count = i64::try_from(count).expect("a short history");
    (count > 0).then(|| usize::try_from(pick % count).expect("not below 0"))
}

impl Desk {
    fn now_ms(&self) -> i64 {
        i64::from(self.today.number()) * DAY_MS
    }

    pub(super) fn hold(&mut self, ask: HoldAsk) -> Result<(), Rejection> {
        let event = match ask {
            HoldAsk::Place(amount, days) => {
                let hold_id = i64::try_from(self.holds.0.len()).expect("a short history") + 1;
                let (ttl_s, now_ms) = (days * DAY_MS / 1_000, self.now_ms());
                let cmd = HoldPoints { hold_id, amount, ttl_s, reference: None, payment_id: None, now_ms };
                Some(hold_points(&self.account, &cmd)?)
            }
            HoldAsk::Capture(pick, _) | HoldAsk::Free(pick) => {
                let Some(place) = picked(pick, self.holds.0.len()) else { return Ok(()) };
                let now_ms = if self.without == Without::HoldTime { 0 } else { self.now_ms() };
                self.end_hold(expire_hold(&self.holds.0[place], now_ms));
                let mut hold = self.holds.0[place].clone();
                if self.without == Without::HoldEnds {
                    hold.status = HoldStatus::Held;
                }
                match ask {
                    HoldAsk::Capture(_, amount) => Some(capture_hold(&self.account, &hold, amount, now_ms)?),
                    _ => release_hold(&self.account, &hold, now_ms)?,
                }
            }
        };
        self.end_hold(event);
        Ok(())
    }

    /// What the job and a confirmed withdrawal do before anything else.
    pub(super) fn end_holds(&mut self, step: Step) {
        for place in 0..self.holds.0.len() {
            let hold = &self.holds.0[place];
            let event = if matches!(step, Step::Leave(_)) { drop_hold(hold) } else { expire_hold(hold, self.now_ms()) };
            self.end_hold(event);
        }
    }

    /// Takes in what happened to a hold; what its pins kept from expiring goes at once.
    fn end_hold(&mut self, event: Option<Event>) {
        let Some(event) = event else { return };
        self.record(&event);
        match event {
            Event::PointsHeld(hold) => self.holds.0.push(hold),
            Event::HoldCaptured { hold, .. } | Event::HoldReleased(hold) | Event::HoldExpired(hold) => {
                let place = usize::try_from(hold.hold_id - 1).expect("from 1");
                self.holds.0[place] = hold;
            }
            _ => {}
        }
        self.expire();
    }
}

pub(super) fn any_hold() -> impl Strategy<Value = HoldAsk> {
    let amount = || prop_oneof![14 => 1..=60_i64, 1 => select(vec![0, -7, MAX_AMOUNT, MAX_AMOUNT + 1, i64::MIN])];
    let part = prop_oneof![2 => Just(None), 3 => amount().prop_map(Some)];
    let days = prop_oneof![12 => 1..=7_i64, 1 => select(vec![0, -1, 8, 100])];
    let pick = || 0..=40_i64;
    prop_oneof![
        5 => (amount(), days).prop_map(|(amount, days)| HoldAsk::Place(amount, days)),
        4 => (pick(), part).prop_map(|(pick, part)| HoldAsk::Capture(pick, part)),
        2 => pick().prop_map(HoldAsk::Free),
    ]
}
