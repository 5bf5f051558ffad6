//! What is wrong with the rows of an account, read from beginning to end without asking the rules.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::deals::Told;
use super::hold_reading::OpenHold;
use super::{Row, What};

/// Lots by month as `yyyyMM`, balance, debt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct State {
    pub(super) lots: BTreeMap<i64, i64>,
    /// What of them is held.
    pub(super) held: BTreeMap<i64, i64>,
    pub(super) balance: i64,
    pub(super) owed: i64,
}

/// What was read so far.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) state: State,
    /// Announcements by month and days; a lot that was said to be unannounced counts as announced to the last.
    told: BTreeSet<(i64, i64)>,
    expired: BTreeSet<i64>,
    /// Points that the next row has to repay.
    due: i64,
    /// The movement of the row before was an EARN_CANCEL over so many points.
    cancelled: i64,
    /// Points that moved for each deal, by kind.
    dealt: BTreeMap<(i64, String), i64>,
    /// What deals were told first, by number.
    answers: BTreeMap<i64, Told>,
    voided: BTreeSet<i64>,
    /// What of each deal was undone.
    undone: BTreeMap<i64, i64>,
    /// Holds that have not ended.
    pub(super) open: BTreeMap<i64, OpenHold>,
    /// Holds that there were.
    pub(super) known: BTreeSet<i64>,
    /// Months of which something was held once.
    pub(super) freed: BTreeSet<i64>,
    wrongs: Vec<String>,
}

/// Everything that is wrong with these rows, and with a state that is said to follow from them.
pub(super) fn wrongs(rows: &[Row], state: &State) -> Vec<String> {
    let mut reader = Reader::default();
    for row in rows {
        reader.read(row);
    }
    reader.must(reader.due == 0, || format!("{:?} was not repaid", rows.last()));
    if reader.state != *state {
        reader.wrongs.push(format!("the rows come to {:?}, not to {state:?}", reader.state));
    }
    reader.wrongs
}

impl Reader {
    pub(super) fn must(&mut self, holds: bool, wrong: impl FnOnce() -> String) {
        if !holds {
            self.wrongs.push(wrong());
        }
    }

    fn read(&mut self, row: &Row) {
        let this_month = i64::from(row.day.0) * 100 + i64::from(row.day.1);
        match &row.what {
            What::Moved { kind, amount, balance, lots, deal } => {
                if *kind == "HOLD_CAPTURE" {
                    self.captured(row, *deal, lots);
                }
                self.moved(row, this_month, kind, *amount, *balance, lots);
                self.moved_for(row, this_month, *deal, kind, *amount, lots);
            }
            What::Told(told) => self.told_to(row, told),
            What::Set { hold, lots, until } => self.set_aside(row, *hold, lots, *until),
            What::Free { hold, why } => self.set_free(row, *hold, why),
            What::ClawedBack { taken, owed } => {
                self.must(*taken == self.cancelled, || format!("{row:?}: another amount was taken"));
                self.state.owed += owed;
            }
            What::Announced { month, days, left, point } => {
                let known = self.state.lots.get(month) == Some(point) && *month >= this_month;
                self.must(known && left <= days && *left >= 0, || format!("{row:?}: there is no such lot"));
                let is_new = self.told.insert((*month, *days));
                self.must(is_new, || format!("{row:?}: announced before"));
            }
            What::Unannounced { month, missed } => {
                let really = missed.contains(&3) && missed.iter().all(|days| !self.told.contains(&(*month, *days)));
                self.must(really && *month < this_month, || format!("{row:?}: it was announced, or is not over"));
                self.told.insert((*month, 3));
            }
            What::Noted => {}
        }
        self.must(self.due == 0 || is_earning(&row.what), || format!("{row:?}: what was owed was not repaid"));
        self.cancelled = match &row.what {
            What::Moved { kind: "EARN_CANCEL", amount, .. } => -amount,
            _ => 0,
        };
    }

    fn moved(&mut self, row: &Row, this_month: i64, kind: &str, amount: i64, balance: i64, lots: &[(i64, i64)]) {
        let sum: i64 = lots.iter().map(|(_, point)| point).sum();
        self.must(sum == amount && amount != 0, || format!("{row:?}: the lots come to {sum}"));
        let free = self.free();
        if kind != "EXPIRE" && kind != "HOLD_CAPTURE" {
            let late = free.keys().find(|month| **month < this_month).copied();
            self.must(late.is_none(), || format!("{row:?}: the ended lot of {late:?} was still there"));
        }
        for (month, point) in lots {
            *self.state.lots.entry(*month).or_default() += point;
        }
        let negative = self.state.lots.values().any(|point| *point < 0);
        self.state.lots.retain(|_, point| *point != 0);
        self.state.balance += amount;
        let right = self.state.balance == balance && balance >= 0 && !negative;
        self.must(right, || format!("{row:?}: the balance, or a lot below zero"));
        let left = self.free();
        self.must(left.values().all(|point| *point > 0), || format!("{row:?}: takes what is held"));
        match kind {
            "EARN" | "WELCOME" => {
                self.must(amount > 0, || format!("{row:?}: nothing is given"));
                self.due = self.state.owed.min(amount);
            }
            "OWED_REPAY" => {
                let due = self.due;
                self.must(-amount == due, || format!("{row:?}: {due} were to be repaid"));
                self.state.owed += amount;
                self.due = 0;
            }
            "EXPIRE" => {
                let (month, point) = lots[0];
                let whole = lots.len() == 1 && free.get(&month) == Some(&-point) && month < this_month;
                self.must(whole, || format!("{row:?}: not a whole lot that has ended"));
                self.must(self.told.contains(&(month, 3)), || format!("{row:?}: expired without a word"));
                // What a hold pins follows when it ends.
                let once = self.state.held.contains_key(&month) || self.expired.insert(month);
                self.must(once || self.freed.contains(&month), || format!("{row:?}: expired before"));
            }
            "FORFEIT" => self.must(self.state.lots.is_empty(), || format!("{row:?}: something is left")),
            "USE" | "ADJUST" | "DONATE" if amount < 0 => {
                let last = lots.iter().map(|(month, _)| *month).max().unwrap_or_default();
                let earlier = left.keys().any(|month| *month < last);
                self.must(!earlier, || format!("{row:?}: not what expires first"));
            }
            _ => {}
        }
    }
}

impl Reader {
    fn moved_for(&mut self, row: &Row, this_month: i64, deal: i64, kind: &str, amount: i64, lots: &[(i64, i64)]) {
        if kind == "USE_CANCEL" {
            let ended = lots.iter().any(|(month, _)| *month < this_month);
            self.must(!ended && deal != 0, || format!("{row:?}: back into a lot that has ended"));
        }
        if deal != 0 {
            let is_new = self.dealt.insert((deal, kind.into()), amount.abs()).is_none();
            self.must(is_new, || format!("{row:?}: moved twice"));
        }
    }

    fn told_to(&mut self, row: &Row, told: &Told) {
        let moved_as = |deal: i64, kind: &str| self.dealt.get(&(deal, kind.into())).copied().unwrap_or(0);
        let moved = match told.kind {
            "SAVE" => moved_as(told.deal, "EARN"),
            "USE" => moved_as(told.deal, "USE"),
            "CANCEL_SAVE" => moved_as(told.deal, "EARN_CANCEL"),
            _ => moved_as(told.deal, "USE_CANCEL"),
        };
        let of = if told.of == 0 { told.deal } else { told.of };
        let whole = moved_as(of, "EARN") + moved_as(of, "USE");
        if told.kind == "VOID" {
            // A void of what is no use changes nothing.
            let is_first = self.answers.get(&told.deal).is_none_or(|first| first.kind == "USE");
            if is_first && self.voided.insert(told.deal) {
                *self.undone.entry(told.deal).or_default() += moved;
            }
        } else if let Some(first) = self.answers.get(&told.deal) {
            let refused = self.voided.contains(&told.deal) && !told.done;
            let same = refused || first == told;
            self.must(same, || format!("{row:?}: the answer was another"));
        } else {
            let right = told.moved == if told.done { moved } else { 0 };
            self.must(right, || format!("{row:?}: {moved} moved"));
            self.answers.insert(told.deal, told.clone());
            if told.of != 0 {
                *self.undone.entry(of).or_default() += told.moved + told.owed;
            }
        }
        let undone = self.undone.get(&of).copied().unwrap_or(0);
        self.must(undone <= whole, || format!("{row:?}: cancelled for more than it moved"));
    }
}

/// Whether this row left something to repay, which the next row does.
fn is_earning(what: &What) -> bool {
    matches!(what, What::Moved { kind: "EARN" | "WELCOME", .. })
}
