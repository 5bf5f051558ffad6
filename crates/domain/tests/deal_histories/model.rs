//! The programme as one patient clerk would run it: heaps of coins with a month on each, a slip of paper for each deal,
//! one thing after the other. It shares no code with the rules, and is told only who heard what when.

use std::collections::{BTreeMap, BTreeSet};

use domain::deal::DealType;

use crate::steps::{MEMBERS, Posting, Step};
use crate::system::News;

/// A date, written yyyyMM.
type MonthNumber = i64;

/// A member's coins by the month on them.
#[derive(Debug, Clone, Default)]
pub struct Heap {
    pub coins: BTreeMap<MonthNumber, i64>,
    pub owed: i64,
    pub is_gone: bool,
    attempt: i64,
    over: i64,
}

/// How a deal stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Pending,
    Success,
    Fail(String),
}

/// What point made of a deal.
#[derive(Debug, Clone, Default)]
struct Verdict {
    no: Option<String>,
    /// Coins that moved, in the order of taking; of a save the month on its coins.
    coins: Vec<MonthNumber>,
    moved: i64,
    undone: i64,
    is_void: bool,
}

/// A deal.
#[derive(Debug, Clone)]
pub struct Slip {
    member: i64,
    merchant: i64,
    kind: DealType,
    amount: i64,
    pub point: i64,
    of: Option<usize>,
    pub state: State,
    pub cancelled: i64,
    /// Whether the points of a cancel that stands have followed.
    pub has_followed: bool,
    asked_ms: i64,
    month: MonthNumber,
    is_left: bool,
    verdict: Option<Verdict>,
    /// Settlement heard of it, and the run that took it.
    is_line: bool,
    pub run: Option<usize>,
}

/// The whole programme.
pub struct Model {
    may_owe: bool,
    now_ms: i64,
    /// The month now, and those that follow.
    months: Vec<MonthNumber>,
    pub heaps: BTreeMap<i64, Heap>,
    pub slips: Vec<Slip>,
    blocked: BTreeSet<i64>,
    known: BTreeSet<i64>,
    runs: usize,
}

impl Model {
    pub fn new(may_owe: bool) -> Self {
        let heaps = (1..=MEMBERS).map(|member| (member, Heap::default())).collect();
        let (blocked, known) = (BTreeSet::new(), BTreeSet::new());
        Self { may_owe, now_ms: 0, months: vec![], heaps, slips: vec![], blocked, known, runs: 0 }
    }

    /// The clock moves; the months from now on.
    pub fn set_time(&mut self, now_ms: i64, months: Vec<MonthNumber>) {
        (self.now_ms, self.months) = (now_ms, months);
    }

    /// What a step does by itself; the rest comes as news.
    pub fn take(&mut self, step: &Step) {
        match step {
            Step::Look(member) => self.expire(*member),
            Step::Prepare(member, attempt) => {
                let heap = self.heap(*member);
                if !heap.is_gone && *attempt > heap.over {
                    heap.attempt = heap.attempt.max(*attempt);
                }
            }
            Step::Release(member, attempt) => {
                let heap = self.heap(*member);
                heap.over = heap.over.max(*attempt);
            }
            Step::Leave(member) => {
                let heap = self.heap(*member);
                heap.is_gone = true;
                heap.coins.clear();
            }
            Step::Block(merchant, status) if self.known.contains(merchant) => {
                match status {
                    domain::deal::MerchantStatus::Blocked => self.blocked.insert(*merchant),
                    domain::deal::MerchantStatus::Active => self.blocked.remove(merchant),
                };
            }
            Step::Sweep => self.sweep(),
            _ => {}
        }
    }

    /// Deals that have waited for half a minute.
    pub fn sweep(&mut self) {
        for slip in &mut self.slips {
            if slip.state == State::Pending && self.now_ms >= slip.asked_ms + 30_000 {
                match slip.kind {
                    DealType::Use => slip.state = State::Fail("deal.timed_out".to_owned()),
                    _ => slip.is_left = true,
                }
            }
        }
    }

    /// Something reached somebody.
    pub fn hear(&mut self, news: &News) -> Result<(), String> {
        let place = |deal_id: &i64| usize::try_from(deal_id - 1).expect("from 1");
        match news {
            News::Posted(posting) => self.post(posting),
            News::PointHears { deal_id, is_void } => self.point_hears(place(deal_id), *is_void),
            News::DealHears { deal_id } => self.deal_hears(place(deal_id)),
            News::SettlementHears { deal_id } => self.slips[place(deal_id)].is_line = true,
            News::Billed { merchant, month, used_point, deal_count } => {
                return self.bill(*merchant, *month, (*used_point, *deal_count));
            }
        }
        Ok(())
    }

    fn heap(&mut self, member: i64) -> &mut Heap {
        self.heaps.get_mut(&member).expect("a member")
    }

    fn post(&mut self, posting: &Posting) {
        let Posting { member_id: member, merchant_id: merchant, deal_type: kind, deal_amount: amount, .. } = *posting;
        let (asked_ms, month) = (self.now_ms, self.months[0]);
        let mut slip = Slip {
            member,
            merchant,
            kind,
            amount,
            point: posting.point.unwrap_or(0),
            of: None,
            state: State::Pending,
            cancelled: 0,
            has_followed: false,
            asked_ms,
            month,
            is_left: false,
            verdict: None,
            is_line: false,
            run: None,
        };
        match kind {
            DealType::Save | DealType::Use => {
                if kind == DealType::Save {
                    slip.point = amount / 2;
                }
                self.known.insert(merchant);
                if self.blocked.contains(&merchant) {
                    slip.state = State::Fail("merchant_blocked".to_owned());
                }
            }
            _ => self.post_cancel(&mut slip, posting),
        }
        self.slips.push(slip);
    }

    fn post_cancel(&mut self, slip: &mut Slip, posting: &Posting) {
        let named = posting.original_deal_id.map(|deal_id| usize::try_from(deal_id - 1).expect("from 1"));
        let found = (0..self.slips.len()).rev().find(|place| {
            let old = &self.slips[*place];
            let kinds = match slip.kind {
                DealType::SaveCancel => old.kind == DealType::Save,
                DealType::UseCancel => old.kind == DealType::Use,
                _ => matches!(old.kind, DealType::Save | DealType::Use),
            };
            let named = named.map_or(old.amount == slip.amount, |named| named == *place);
            let whose = old.member == slip.member && old.merchant == slip.merchant;
            named && kinds && whose && old.state == State::Success && old.cancelled < old.point
        });
        let Some(found) = found else {
            (slip.point, slip.state) = (0, State::Fail("deal.nothing_to_cancel".to_owned()));
            return;
        };
        let old = &mut self.slips[found];
        let left = old.point - old.cancelled;
        slip.point = if slip.point > 0 && slip.point < left { slip.point } else { left };
        old.cancelled += slip.point;
        slip.of = Some(found);
        slip.kind = if old.kind == DealType::Save { DealType::SaveCancel } else { DealType::UseCancel };
        if slip.kind == DealType::UseCancel || self.may_owe {
            slip.state = State::Success;
        }
    }

    fn deal_hears(&mut self, place: usize) {
        let slip = &mut self.slips[place];
        let Some(verdict) = &slip.verdict else { return };
        match (&slip.state, &verdict.no) {
            (State::Pending, Some(no)) => {
                slip.state = State::Fail(if no == "voided" { "deal.timed_out".to_owned() } else { no.clone() });
                let (of, point) = (slip.of, slip.point);
                if let Some(of) = of {
                    self.slips[of].cancelled -= point;
                }
            }
            (State::Pending, None) => {
                slip.state = State::Success;
                slip.has_followed = slip.kind == DealType::SaveCancel;
            }
            (State::Success, None) if slip.of.is_some() => slip.has_followed = true,
            _ => {}
        }
    }

    fn point_hears(&mut self, place: usize, is_void: bool) {
        let member = self.slips[place].member;
        if self.heaps.contains_key(&member) {
            self.expire(member);
        }
        let known = self.slips[place].verdict.clone();
        let verdict = match known {
            Some(mut known) if is_void && !known.is_void => {
                self.void(member, &mut known);
                known
            }
            Some(known) => known,
            None if is_void => Verdict { is_void, no: Some("voided".to_owned()), ..Verdict::default() },
            None => self.judge(place),
        };
        self.slips[place].verdict = Some(verdict);
    }

    fn void(&mut self, member: i64, verdict: &mut Verdict) {
        if self.heaps.get(&member).is_some_and(|heap| !heap.is_gone) {
            let left = verdict.moved - verdict.undone;
            self.put_back(member, verdict, left);
        }
        verdict.is_void = true;
        verdict.no.get_or_insert_with(|| "voided".to_owned());
    }

    fn judge(&mut self, place: usize) -> Verdict {
        let Slip { member, kind, point, of, state, .. } = self.slips[place].clone();
        let no = |why: &str| Verdict { no: Some(why.to_owned()), ..Verdict::default() };
        let gone = self.heaps.get(&member).is_none_or(|heap| heap.is_gone);
        if let Some(of) = of {
            let mut old = self.slips[of].verdict.clone().unwrap_or_default();
            if gone || old.no.is_some() || old.undone == old.moved {
                return Verdict::default();
            }
            let verdict = if kind == DealType::UseCancel {
                let moved = point;
                self.put_back(member, &mut old, point);
                Verdict { moved, ..Verdict::default() }
            } else {
                let has = self.heap(member).coins.values().sum::<i64>();
                if state == State::Pending && has < point {
                    return no("insufficient_points");
                }
                let moved = point.min(has);
                self.take_off(member, moved, old.coins.first().copied());
                self.heap(member).owed += point - moved;
                old.undone += point;
                Verdict { moved, ..Verdict::default() }
            };
            self.slips[of].verdict = Some(old);
            return verdict;
        }
        if gone {
            return no("member_unknown");
        }
        if self.heap(member).attempt > self.heap(member).over {
            return no("account_closing");
        }
        if kind == DealType::Use {
            if self.heap(member).coins.values().sum::<i64>() < point {
                return no("insufficient_points");
            }
            return Verdict { moved: point, coins: self.take_off(member, point, None), ..Verdict::default() };
        }
        let month = self.months[2];
        let heap = self.heap(member);
        let kept = (point - heap.owed).max(0);
        heap.owed -= point - kept;
        *heap.coins.entry(month).or_default() += kept;
        heap.coins.retain(|_, count| *count > 0);
        Verdict { moved: point, coins: vec![month], ..Verdict::default() }
    }

    /// Coin by coin: from the month that is wished for while there is any, else from the one that ends first.
    fn take_off(&mut self, member: i64, count: i64, wished: Option<MonthNumber>) -> Vec<MonthNumber> {
        let heap = self.heap(member);
        let mut taken = Vec::new();
        for _ in 0..count {
            let month = wished.filter(|month| heap.coins.contains_key(month));
            let month = month.or_else(|| heap.coins.keys().next().copied()).expect("enough coins");
            *heap.coins.entry(month).or_default() -= 1;
            heap.coins.retain(|_, count| *count > 0);
            taken.push(month);
        }
        taken
    }

    /// The coin that was taken last first. One whose month is over gets the month after this one.
    fn put_back(&mut self, member: i64, verdict: &mut Verdict, count: i64) {
        let (this, next) = (self.months[0], self.months[1]);
        for _ in 0..count {
            let place = verdict.coins.len() - 1 - usize::try_from(verdict.undone).expect("few");
            let month = verdict.coins[place];
            *self.heap(member).coins.entry(if month < this { next } else { month }).or_default() += 1;
            verdict.undone += 1;
        }
    }

    fn expire(&mut self, member: i64) {
        let this = self.months[0];
        self.heap(member).coins.retain(|month, _| *month >= this);
    }

    /// A run takes every line of the month, and every cancel until then, that no run has taken.
    fn bill(&mut self, merchant: i64, month: MonthNumber, told: (i64, i64)) -> Result<(), String> {
        self.runs += 1;
        let (mut point, mut count) = (0, 0);
        for slip in self.slips.iter_mut().filter(|slip| slip.merchant == merchant && slip.is_line) {
            let is_cancel = slip.kind == DealType::UseCancel;
            if slip.run.is_none() && (slip.month == month || (is_cancel && slip.month < month)) {
                slip.run = Some(self.runs);
                point += if is_cancel { -slip.point } else { slip.point };
                count += 1;
            }
        }
        let expected = (point, count);
        if expected == told {
            Ok(())
        } else {
            Err(format!("the run of {merchant} in {month} is {told:?}, not {expected:?}"))
        }
    }

    /// Lines that no run has taken, at the end.
    pub fn unbilled(&self) -> Vec<usize> {
        let is_line = |slip: &Slip| {
            matches!(slip.kind, DealType::Use | DealType::UseCancel)
                && slip.state == State::Success
                && slip.run.is_none()
        };
        (0..self.slips.len()).filter(|place| is_line(&self.slips[*place])).map(|place| place + 1).collect()
    }
}
