//! Deals in random histories: what is asked, and how the shell asks the rules.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;
use proptest::sample::select;

use super::{Desk, Row, START, What, Without};
use crate::kernel::{Day, MAX_AMOUNT};
use crate::point::{AskDeal, DealAsk, DealOutcome, DealRecord, decide_deal};

/// One thing that a deal asks. Other deals are picked by a number that is wrapped to those that there are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ask {
    /// Points that expire with a month so many months ahead.
    Save(i32, i64),
    Pay(i64),
    /// Points of the deal that is picked are taken back; whether they may be owed.
    CancelSave(i64, i64, bool),
    /// Points of the deal that is picked are given back.
    CancelUse(i64, i64),
    /// A deal that was asked for, or one of the next two, which is over these points then.
    Void(i64, i64),
    /// What was asked before is asked again.
    Again(i64),
}

/// Questions by number, from 1.
#[derive(Default)]
pub(super) struct Numbers {
    asked: Vec<Ask>,
    /// Points of those that were voided before they were asked.
    voided: BTreeMap<i64, i64>,
}

impl Numbers {
    /// The number and the question, with a real number in place of the picked one. `None`: there is none yet.
    pub(super) fn of(&mut self, ask: Ask) -> Option<(i64, Ask)> {
        let count = i64::try_from(self.asked.len()).expect("a short history");
        let picked = |pick: i64, more: i64| pick % (count + more) + 1;
        let ask = match ask {
            Ask::Void(pick, point) => {
                let number = picked(pick, 2);
                let known = usize::try_from(number - 1).ok().and_then(|place| self.asked.get(place));
                let point = known.map_or_else(|| *self.voided.entry(number).or_insert(point), |ask| points(*ask));
                return Some((number, Ask::Void(number, point)));
            }
            Ask::Pay(point) => Ask::Pay(*self.voided.get(&(count + 1)).unwrap_or(&point)),
            Ask::Again(_) if count == 0 => return None,
            Ask::Again(pick) => {
                let number = picked(pick, 0);
                return Some((number, self.asked[usize::try_from(number - 1).expect("from 1")]));
            }
            Ask::CancelSave(pick, amount, may_owe) => Ask::CancelSave(picked(pick, 1), amount, may_owe),
            Ask::CancelUse(pick, amount) => Ask::CancelUse(picked(pick, 1), amount),
            ask => ask,
        };
        self.asked.push(ask);
        Some((count + 1, ask))
    }
}

/// What a deal was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) deal: i64,
    pub(super) kind: &'static str,
    /// The deal that is cancelled, or 0.
    pub(super) of: i64,
    pub(super) done: bool,
    pub(super) reason: Option<String>,
    pub(super) moved: i64,
    pub(super) owed: i64,
}

impl Told {
    /// In two words.
    pub(super) fn summary(&self) -> &'static str {
        match (self.kind, self.reason.as_deref()) {
            ("VOID", None) if self.moved > 0 => "voided",
            (_, Some("voided")) => "refused for ever",
            (_, Some("member_unknown")) => "no member",
            (_, Some(_)) => "no deal",
            (_, None) => "a deal",
        }
    }
}

/// Kind and cancelled deal of a question.
pub(super) fn about(ask: Ask) -> (&'static str, i64) {
    match ask {
        Ask::Save(..) => ("SAVE", 0),
        Ask::Pay(_) => ("USE", 0),
        Ask::CancelSave(of, ..) => ("CANCEL_SAVE", of),
        Ask::CancelUse(of, _) => ("CANCEL_USE", of),
        Ask::Void(..) | Ask::Again(_) => ("VOID", 0),
    }
}

/// The points that are asked for.
pub(super) fn points(ask: Ask) -> i64 {
    match ask {
        Ask::Save(_, point)
        | Ask::Pay(point)
        | Ask::CancelSave(_, point, _)
        | Ask::CancelUse(_, point)
        | Ask::Void(_, point) => point,
        Ask::Again(_) => 0,
    }
}

/// What the shell keeps of deals.
#[derive(Default)]
pub(super) struct Deals {
    numbers: Numbers,
    records: BTreeMap<i64, DealRecord>,
}

impl Desk {
    pub(super) fn deal(&mut self, ask: Ask) {
        let Some((deal_id, ask)) = self.deals.numbers.of(ask) else { return };
        let point = points(ask);
        let (months, asked) = match ask {
            Ask::Save(months, _) => (months, DealAsk::Save),
            Ask::Pay(_) => (1, DealAsk::Use),
            Ask::CancelSave(of, _, may_owe) => (1, DealAsk::CancelSave { of, may_owe }),
            Ask::CancelUse(of, _) => (1, DealAsk::CancelUse { of }),
            Ask::Void(..) | Ask::Again(_) => (1, DealAsk::Void),
        };
        let expires = self.today.month.plus(months);
        let (year, month, day) = START;
        let looks_at_the_day = self.without != Without::EndedLots;
        let today = if looks_at_the_day { self.today } else { Day::new(year, month, day) };
        let cmd = AskDeal { deal_id, member_id: 1, ask: asked, point, expires, today, now_ms: 0 };
        let known = self.deals.records.get(&deal_id).filter(|_| self.without != Without::Memory);
        let mut original = asked.original().and_then(|of| self.deals.records.get(&of)).cloned();
        if self.without == Without::CancelLimit {
            original.iter_mut().for_each(|original| original.cancelled_point = 0);
        }
        let outcome = decide_deal(Some(&self.account), known, original.as_ref(), &cmd);
        let DealOutcome { decision, events, record, original, .. } = outcome;
        events.iter().for_each(|event| self.record(event));
        self.deals.records.extend(record.into_iter().chain(original).map(|record| (record.deal_id, record)));
        let (kind, of) = about(ask);
        let what = What::Told(Told {
            deal: decision.deal_id,
            kind,
            of,
            done: decision.done,
            reason: decision.reason,
            moved: decision.moved_point,
            owed: decision.owed_point,
        });
        let day = (self.today.month.year(), self.today.month.number(), self.today.day);
        self.rows.push(Row { day, what });
    }
}

pub(super) fn any_ask() -> impl Strategy<Value = Ask> {
    let amount = || prop_oneof![14 => 1..=60_i64, 1 => select(vec![0, -7, MAX_AMOUNT + 1, i64::MIN])];
    let part = || prop_oneof![8 => 1..=25_i64, 4 => 26..=60_i64, 1 => select(vec![0, -7, MAX_AMOUNT, i64::MAX])];
    let pick = || 0..=40_i64;
    prop_oneof![
        5 => (1..=5_i32, amount()).prop_map(|(months, amount)| Ask::Save(months, amount)),
        6 => amount().prop_map(Ask::Pay),
        4 => (pick(), part(), any::<bool>()).prop_map(|(pick, part, owes)| Ask::CancelSave(pick, part, owes)),
        5 => (pick(), part()).prop_map(|(pick, part)| Ask::CancelUse(pick, part)),
        2 => (pick(), 1..=60_i64).prop_map(|(pick, point)| Ask::Void(pick, point)),
        2 => pick().prop_map(Ask::Again),
    ]
}
