//! Holds as a child would keep them: an envelope for each, into which the points go that are set aside.

use alloc::vec;
use alloc::vec::Vec;

use super::holds::{HoldAsk, OF_HOLDS, picked};
use super::model::{Date, Model};
use super::{Rejection, Step, What};

/// Points that lie apart.
pub(super) struct Envelope {
    /// Month and points, in the order in which they were put in. Empty once it is over.
    pub(super) coins: Vec<(i64, i64)>,
    amount: i64,
    until: Date,
    end: Option<&'static str>,
}

impl Model {
    pub(super) fn hold(&mut self, ask: HoldAsk) -> Result<Vec<What>, Rejection> {
        match ask {
            HoldAsk::Place(amount, days) => self.set_aside(amount, days),
            HoldAsk::Capture(pick, amount) => {
                let Some(place) = picked(pick, self.envelopes.len()) else { return Ok(vec![]) };
                self.capture(place, amount)
            }
            HoldAsk::Free(pick) => {
                let Some(place) = picked(pick, self.envelopes.len()) else { return Ok(vec![]) };
                match self.envelopes[place].end {
                    _ if self.is_closed() => Err(Rejection::AccountUnknown),
                    None => Ok(self.empty(place, "RELEASED")),
                    Some("RELEASED") => Ok(vec![]),
                    Some(_) => Err(Rejection::HoldOver),
                }
            }
        }
    }

    fn set_aside(&mut self, amount: i64, days: i64) -> Result<Vec<What>, Rejection> {
        match self.may_move(amount) {
            Err(Rejection::InvalidAmount) => return Err(Rejection::InvalidAmount),
            _ if !(1..=7).contains(&days) => return Err(Rejection::InvalidTtl),
            answer => answer?,
        }
        if amount > self.free() {
            return Err(Rejection::InsufficientPoints);
        }
        let coins: Vec<_> = self.take_off(amount, None).into_iter().map(|(month, point)| (month, -point)).collect();
        let until = self.days_on(days);
        self.envelopes.push(Envelope { coins: coins.clone(), amount, until, end: None });
        let hold = i64::try_from(self.envelopes.len()).expect("a short history");
        Ok(vec![What::Set { hold, lots: coins, until }])
    }

    fn capture(&mut self, place: usize, amount: Option<i64>) -> Result<Vec<What>, Rejection> {
        let whole = self.envelopes[place].amount;
        let amount = amount.unwrap_or(whole);
        if !(1..=1_000_000_000_000).contains(&amount) {
            return Err(Rejection::InvalidAmount);
        }
        if self.is_closed() {
            return Err(Rejection::AccountUnknown);
        }
        if self.envelopes[place].end.is_some() {
            return Err(Rejection::HoldOver);
        }
        if amount > whole {
            return Err(Rejection::CaptureTooLarge);
        }
        let (mut rest, mut taken) = (amount, Vec::new());
        for (month, point) in &mut self.envelopes[place].coins {
            let part = rest.min(*point);
            (*point, rest) = (*point - part, rest - part);
            if part > 0 {
                taken.push((*month, -part));
            }
        }
        let number = i64::try_from(place).expect("a short history") + 1;
        let moved = self.moved("HOLD_CAPTURE", taken);
        let mut said = self.empty(place, "CAPTURED");
        said[0] = match moved {
            What::Moved { kind, amount, balance, lots, .. } => {
                What::Moved { kind, amount, balance, lots, deal: OF_HOLDS + number }
            }
            other => other,
        };
        Ok(said)
    }

    /// What is still in an envelope goes back onto the heap; what is out of date there goes at once.
    fn empty(&mut self, place: usize, end: &'static str) -> Vec<What> {
        self.envelopes[place].end = Some(end);
        for (month, point) in core::mem::take(&mut self.envelopes[place].coins) {
            if point > 0 {
                *self.heap.entry(month).or_default() += point;
            }
        }
        let hold = i64::try_from(place).expect("a short history") + 1;
        let mut said = vec![What::Free { hold, why: end }];
        said.extend(self.expire());
        said
    }

    /// What ends by itself before a step is decided.
    pub(super) fn end_holds(&mut self, step: Step) -> Vec<What> {
        let asked = match step {
            Step::Hold(HoldAsk::Capture(pick, _) | HoldAsk::Free(pick)) => picked(pick, self.envelopes.len()),
            Step::Look | Step::Leave(_) => None,
            _ => return vec![],
        };
        let mut said = Vec::new();
        for place in 0..self.envelopes.len() {
            let is_over = self.envelopes[place].until <= self.today;
            let (why, ends) = if matches!(step, Step::Leave(_)) { ("RELEASED", true) } else { ("EXPIRED", is_over) };
            if ends && self.envelopes[place].end.is_none() && asked.is_none_or(|asked| asked == place) {
                said.extend(self.empty(place, why));
            }
        }
        said
    }
}
