//! Deals as a child would keep them: one slip of paper for each, with every single point that was taken in a row.

use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::deals::{Ask, Numbers, Told, about, points};
use super::model::Model;
use super::{Rejection, What};

/// A deal.
#[derive(Debug, Clone, Default)]
struct Slip {
    kind: &'static str,
    of: i64,
    point: i64,
    no: Option<String>,
    moved: i64,
    owed: i64,
    /// How much was undone.
    undone: i64,
    /// What the void gave back.
    void: Option<i64>,
    /// The month on each point that was taken; of a save the month on its points.
    coins: Vec<i64>,
}

/// All slips.
#[derive(Default)]
pub(super) struct Slips {
    numbers: Numbers,
    by_number: BTreeMap<i64, Slip>,
}

impl Slip {
    fn told(&self, deal: i64, ask: Ask) -> What {
        let (kind, of) = about(ask);
        let void = if kind == "VOID" { self.void } else { None };
        let (done, reason, moved) = match (void, &self.no) {
            (Some(point), _) => (true, None, point),
            (None, None) => (true, None, self.moved),
            (None, no) => (false, no.clone(), 0),
        };
        What::Told(Told { deal, kind, of, done, reason, moved, owed: self.owed })
    }
}

impl Model {
    pub(super) fn deal(&mut self, ask: Ask) -> Vec<What> {
        let Some((number, ask)) = self.slips.numbers.of(ask) else { return vec![] };
        let ((kind, of), point) = (about(ask), points(ask));
        let is_about = if kind == "VOID" { "USE" } else { kind };
        let known = self.slips.by_number.get(&number).cloned();
        let mut slip = known.clone().unwrap_or(Slip { kind: is_about, of, point, ..Slip::default() });
        if (slip.kind, slip.of, slip.point) != (is_about, of, point) {
            let reason = Some("deal_number_reused".to_owned());
            return vec![What::Told(Told { deal: number, kind, of, done: false, reason, moved: 0, owed: 0 })];
        }
        let mut said = match (ask, &known) {
            (Ask::Void(..), None | Some(Slip { void: None, .. })) => self.void(&mut slip),
            (_, Some(_)) => vec![],
            (Ask::Save(months, amount), None) => self.save(&mut slip, months, amount),
            (Ask::Pay(amount), None) => self.pay(&mut slip, amount),
            (_, None) => self.cancel(&mut slip, ask),
        };
        for what in &mut said {
            if let What::Moved { deal, .. } = what {
                *deal = number;
            }
        }
        said.push(slip.told(number, ask));
        self.slips.by_number.insert(number, slip);
        said
    }

    fn refuses(&self, slip: &mut Slip, amount: i64) -> bool {
        slip.no = self.may_move(amount).err().map(|no| {
            if no == Rejection::AccountUnknown { "member_unknown".to_owned() } else { no.reason().to_owned() }
        });
        slip.no.is_some()
    }

    fn save(&mut self, slip: &mut Slip, months: i32, amount: i64) -> Vec<What> {
        if self.refuses(slip, if amount == 0 { 1 } else { amount }) || amount == 0 {
            return vec![];
        }
        slip.moved = amount;
        slip.coins = vec![self.ahead(months)];
        self.earn("EARN", months, amount)
    }

    fn pay(&mut self, slip: &mut Slip, amount: i64) -> Vec<What> {
        if self.refuses(slip, amount) {
            return vec![];
        }
        match self.spend("USE", amount) {
            Ok(what) => {
                if let What::Moved { lots, .. } = &what {
                    slip.coins = lots.iter().flat_map(|(month, point)| (0..-point).map(|_| *month)).collect();
                }
                slip.moved = amount;
                vec![what]
            }
            Err(no) => {
                slip.no = Some(no.reason().to_owned());
                vec![]
            }
        }
    }

    /// What the deal says of the member does not matter, only whether there is still one.
    fn cancel(&mut self, slip: &mut Slip, ask: Ask) -> Vec<What> {
        let (of, amount, may_owe, wanted) = match ask {
            Ask::CancelSave(of, amount, may_owe) => (of, amount, may_owe, "SAVE"),
            Ask::CancelUse(of, amount) => (of, amount, true, "USE"),
            _ => return vec![],
        };
        if !(1..=1_000_000_000_000).contains(&amount) {
            slip.no = Some("invalid_amount".to_owned());
            return vec![];
        }
        let Some(mut original) = self.slips.by_number.get(&of).cloned() else { return vec![] };
        let amount = amount.min(original.moved - original.undone);
        if original.kind != wanted || original.no.is_some() || amount == 0 || self.is_closed() {
            return vec![];
        }
        let said = if wanted == "USE" {
            self.put_back(&original, amount)
        } else if !may_owe && amount > self.free() {
            slip.no = Some("insufficient_points".to_owned());
            return vec![];
        } else {
            self.claw_back(amount, original.coins.first().copied())
        };
        for what in &said {
            match what {
                What::Moved { amount, .. } => slip.moved = amount.abs(),
                What::ClawedBack { owed, .. } => slip.owed = *owed,
                _ => {}
            }
        }
        original.undone += amount;
        self.slips.by_number.insert(of, original);
        said
    }

    fn void(&mut self, slip: &mut Slip) -> Vec<What> {
        let left = slip.moved - slip.undone;
        let said = if left == 0 || self.is_closed() { vec![] } else { self.put_back(slip, left) };
        let given = if said.is_empty() { 0 } else { left };
        slip.undone += given;
        slip.void = Some(given);
        slip.no.get_or_insert_with(|| "voided".to_owned());
        said
    }

    /// Coin by coin from the end of the row, without those that came back before.
    fn put_back(&mut self, slip: &Slip, amount: i64) -> Vec<What> {
        let (soon, now) = (self.ahead(1), self.ahead(0));
        let mut lots: Vec<(i64, i64)> = Vec::new();
        let back = slip.coins.iter().rev().skip(usize::try_from(slip.undone).expect("few"));
        for month in back.take(usize::try_from(amount).expect("few")) {
            let month = if *month < now { soon } else { *month };
            *self.heap.entry(month).or_default() += 1;
            match lots.iter_mut().find(|(of, _)| *of == month) {
                Some((_, count)) => *count += 1,
                None => lots.push((month, 1)),
            }
        }
        vec![self.moved("USE_CANCEL", lots)]
    }
}
