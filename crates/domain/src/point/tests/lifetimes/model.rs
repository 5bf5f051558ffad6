//! An account as a child would keep it: a heap of points, each with the month that is written on it, and a calendar
//! whose days are crossed off one by one.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;

use super::deal_model::Slips;
use super::hold_model::Envelope;
use super::reading::State;
use super::{Rejection, Row, Step, What};

pub(super) type Date = (i32, i32, i32);

/// The account.
pub(super) struct Model {
    pub(super) today: Date,
    /// Points by the month on them, as `yyyyMM`.
    pub(super) heap: BTreeMap<i64, i64>,
    owed: i64,
    welcomed: bool,
    prepared: i64,
    over: i64,
    closed: bool,
    /// Which announcements are crossed off, by month.
    told: BTreeMap<i64, BTreeSet<i64>>,
    pub(super) slips: Slips,
    /// Points that were taken off the heap and lie apart.
    pub(super) envelopes: Vec<Envelope>,
}

fn days_of(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn after((year, month, day): Date) -> Date {
    if day < days_of(year, month) {
        (year, month, day + 1)
    } else if month < 12 {
        (year, month + 1, 1)
    } else {
        (year + 1, 1, 1)
    }
}

fn name((year, month, _): Date) -> i64 {
    i64::from(year * 100 + month)
}

impl Model {
    pub(super) fn new(today: Date) -> Self {
        let (heap, told) = (BTreeMap::new(), BTreeMap::new());
        let (slips, envelopes) = (Slips::default(), Vec::new());
        Self { today, heap, owed: 0, welcomed: false, prepared: 0, over: 0, closed: false, told, slips, envelopes }
    }

    pub(super) fn state(&self) -> State {
        let mut held = BTreeMap::new();
        for (month, point) in self.envelopes.iter().flat_map(|envelope| &envelope.coins) {
            *held.entry(*month).or_default() += point;
        }
        State { lots: self.lots(), held, balance: self.balance(), owed: self.owed }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// What is on the heap and what lies apart.
    fn lots(&self) -> BTreeMap<i64, i64> {
        let mut lots = self.heap.clone();
        for (month, point) in self.envelopes.iter().flat_map(|envelope| &envelope.coins) {
            *lots.entry(*month).or_default() += point;
        }
        lots
    }

    fn balance(&self) -> i64 {
        self.lots().values().sum()
    }

    /// What is on the heap.
    pub(super) fn free(&self) -> i64 {
        self.heap.values().sum()
    }

    pub(super) fn days_on(&self, days: i64) -> Date {
        (0..days).fold(self.today, |day, _| after(day))
    }

    pub(super) fn ahead(&self, months: i32) -> i64 {
        let mut date = (self.today.0, self.today.1, 1);
        for _ in 0..months {
            date = if date.1 == 12 { (date.0 + 1, 1, 1) } else { (date.0, date.1 + 1, 1) };
        }
        name(date)
    }

    /// Days until the last day of this month, counted; more than 60 are not counted to the end.
    fn days_left(&self, month: i64) -> i64 {
        let mut date = self.today;
        (0..=61)
            .find(|_| {
                let is_last = name(date) == month && date.2 == days_of(date.0, date.1);
                date = after(date);
                is_last
            })
            .unwrap_or(99)
    }

    /// Takes a step as SPEC section 4 tells it: the answer, and the rows that it leaves.
    pub(super) fn take(&mut self, step: Step) -> (Result<(), Rejection>, Vec<Row>) {
        if let Step::Pass(days) = step {
            (0..days).for_each(|_| self.today = after(self.today));
            return (Ok(()), vec![]);
        }
        let mut said = self.expire();
        said.extend(self.end_holds(step));
        let answer = self.decide(step).map(|more| said.extend(more));
        (answer, said.into_iter().map(|what| Row { day: self.today, what }).collect())
    }

    fn decide(&mut self, step: Step) -> Result<Vec<What>, Rejection> {
        Ok(match step {
            Step::Earn(months, amount) => {
                self.may_move(amount)?;
                self.earn("EARN", months, amount)
            }
            Step::Welcome(_, amount) if self.closed || self.welcomed || amount <= 0 => vec![],
            Step::Welcome(months, amount) => {
                self.welcomed = true;
                self.earn("WELCOME", months, amount)
            }
            Step::Use(amount) => {
                self.may_move(amount)?;
                vec![self.spend("USE", amount)?]
            }
            Step::Donate(amount) => {
                self.may_move(amount)?;
                if self.free() <= super::ABOVE {
                    return Err(Rejection::BalanceTooLow);
                }
                vec![self.spend("DONATE", amount)?]
            }
            Step::Adjust(months, amount) => self.adjust(months, amount)?,
            Step::ClawBack(amount, months) => {
                self.may_move(amount)?;
                self.claw_back(amount, months.map(|months| self.ahead(months)))
            }
            Step::Deal(ask) => self.deal(ask),
            Step::Hold(ask) => self.hold(ask)?,
            Step::Pass(_) => vec![],
            Step::Look => self.announce(),
            Step::Prepare(attempt) if self.closed || attempt <= self.over || attempt < self.prepared => {
                return Err(Rejection::AttemptOver);
            }
            Step::Prepare(attempt) => {
                let is_new = attempt > self.prepared;
                self.prepared = attempt;
                if is_new { vec![What::Noted] } else { vec![] }
            }
            Step::Release(attempt) if self.closed || attempt <= self.over => vec![],
            Step::Release(attempt) => {
                self.over = attempt;
                vec![What::Noted]
            }
            Step::Leave(_) if self.closed => vec![],
            Step::Leave(_) => {
                let lost = self.balance();
                let lots = self.heap.iter().map(|(month, point)| (*month, -point)).collect();
                self.heap.clear();
                self.closed = true;
                let forfeit = What::Moved { kind: "FORFEIT", amount: -lost, balance: 0, lots, deal: 0 };
                if lost == 0 { vec![What::Noted] } else { vec![forfeit, What::Noted] }
            }
        })
    }

    pub(super) fn may_move(&self, amount: i64) -> Result<(), Rejection> {
        if !(1..=1_000_000_000_000).contains(&amount) {
            return Err(Rejection::InvalidAmount);
        }
        if self.closed {
            return Err(Rejection::AccountUnknown);
        }
        if self.prepared > self.over {
            return Err(Rejection::AccountClosing);
        }
        Ok(())
    }

    pub(super) fn moved(&self, kind: &'static str, lots: Vec<(i64, i64)>) -> What {
        let amount = lots.iter().map(|(_, point)| point).sum();
        What::Moved { kind, amount, balance: self.balance(), lots, deal: 0 }
    }

    pub(super) fn earn(&mut self, kind: &'static str, months: i32, amount: i64) -> Vec<What> {
        let month = self.ahead(months);
        *self.heap.entry(month).or_default() += amount;
        let mut said = vec![self.moved(kind, vec![(month, amount)])];
        if self.owed > 0 && kind != "ADJUST" {
            let back = if self.owed < amount { self.owed } else { amount };
            self.owed -= back;
            self.remove(month, back);
            said.push(self.moved("OWED_REPAY", vec![(month, -back)]));
        }
        said
    }

    fn remove(&mut self, month: i64, point: i64) {
        *self.heap.entry(month).or_default() -= point;
        self.heap.retain(|_, point| *point > 0);
    }

    /// Point by point off the top of the heap would be slow; as much as the top holds at once is the same.
    pub(super) fn take_off(&mut self, mut amount: i64, own: Option<i64>) -> Vec<(i64, i64)> {
        let mut taken = Vec::new();
        while amount > 0 {
            let own = own.filter(|month| self.heap.contains_key(month));
            let month = own.or_else(|| self.heap.keys().next().copied()).expect("there is enough");
            let part = amount.min(self.heap[&month]);
            self.remove(month, part);
            taken.push((month, -part));
            amount -= part;
        }
        taken
    }

    pub(super) fn spend(&mut self, kind: &'static str, amount: i64) -> Result<What, Rejection> {
        if amount > self.free() {
            return Err(Rejection::InsufficientPoints);
        }
        let lots = self.take_off(amount, None);
        Ok(self.moved(kind, lots))
    }

    fn adjust(&mut self, months: i32, amount: i64) -> Result<Vec<What>, Rejection> {
        let size = amount.checked_abs().unwrap_or(0);
        match self.may_move(size) {
            Err(no @ (Rejection::InvalidAmount | Rejection::AccountUnknown)) => Err(no),
            Err(_) => Ok(vec![What::Noted]),
            Ok(()) if amount > 0 => Ok(self.earn("ADJUST", months, amount)),
            Ok(()) => Ok(vec![self.spend("ADJUST", size).unwrap_or(What::Noted)]),
        }
    }

    pub(super) fn claw_back(&mut self, amount: i64, own: Option<i64>) -> Vec<What> {
        let taken = amount.min(self.free());
        let owed = amount - taken;
        let lots = self.take_off(taken, own);
        self.owed += owed;
        let mut said = if taken > 0 { vec![self.moved("EARN_CANCEL", lots)] } else { vec![] };
        said.push(What::ClawedBack { taken, owed });
        said
    }

    pub(super) fn expire(&mut self) -> Vec<What> {
        let mut said = Vec::new();
        while let Some((&month, &point)) = self.heap.iter().next().filter(|(month, _)| **month < name(self.today)) {
            let told = self.told.entry(month).or_default();
            if !told.contains(&3) {
                let missed = [60, 30, 3].into_iter().filter(|days| !told.contains(days)).collect();
                said.push(What::Unannounced { month, missed });
                // What is left in an envelope was spoken of with it.
                told.insert(3);
            }
            self.remove(month, point);
            said.push(self.moved("EXPIRE", vec![(month, -point)]));
        }
        said
    }

    fn announce(&mut self) -> Vec<What> {
        let mut said = Vec::new();
        for (month, point) in self.lots() {
            let left = self.days_left(month);
            let Some(days) = [3, 30, 60].into_iter().find(|days| left <= *days) else { continue };
            let told = self.told.entry(month).or_default();
            if told.insert(days) {
                told.extend([60, 30].into_iter().filter(|wider| *wider > days));
                said.push(What::Announced { month, days, left, point });
            }
        }
        said
    }
}
