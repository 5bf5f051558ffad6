//! Random histories of an account against a naive model that shares no code with the rules.

use alloc::collections::{BTreeMap, BTreeSet};
use core::cell::RefCell;

use proptest::collection::vec as many;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;

use super::*;

/// An account as a child would keep it: points by month, every movement, the highest attempts seen.
#[derive(Debug, Clone)]
struct Model {
    status: MemberStatus,
    news: i64,
    months: BTreeMap<i32, i64>,
    moved: Vec<i64>,
    asked: Option<i64>,
    welcomed: bool,
    prepared: i64,
    over: i64,
    closed: bool,
    events: i64,
}

/// What an event comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Said {
    Noted,
    Moved(EntryKind, i64),
    Denied(Rejection),
}

fn said(event: &Event) -> Said {
    match event {
        Event::PointsMoved(movement) | Event::PointsAdjusted(movement) => Said::Moved(movement.kind, movement.amount),
        Event::AdjustmentRejected { reason, .. } => Said::Denied(*reason),
        _ => Said::Noted,
    }
}

impl Model {
    fn new(status: MemberStatus) -> Self {
        let (months, moved) = (BTreeMap::new(), Vec::new());
        let (asked, welcomed, closed) = (None, false, false);
        Self { status, news: 1, months, moved, asked, welcomed, prepared: 0, over: 0, closed, events: 1 }
    }

    fn balance(&self) -> i64 {
        self.months.values().sum()
    }

    fn closing(&self) -> Option<i64> {
        (!self.closed && self.prepared > self.over).then_some(self.prepared)
    }

    /// Takes a step as SPEC section 4 tells it.
    fn take(&mut self, step: Step) -> Result<Vec<Said>, Rejection> {
        let said = match step {
            Open(..) => vec![],
            Follow(news, status) if !self.closed && news > self.news => {
                (self.news, self.status) = (news, status);
                vec![Said::Noted]
            }
            Welcome(month, amount) if !self.closed && !self.welcomed && amount > 0 => {
                self.gain(month, amount)?;
                self.welcomed = true;
                vec![Said::Moved(EntryKind::Welcome, amount)]
            }
            Follow(..) | Welcome(..) => vec![],
            Earn(month, amount) => {
                self.change(month, i128::from(amount), amount > 0)?;
                vec![Said::Moved(EntryKind::Earn, amount)]
            }
            Use(amount) => {
                self.change(0, -i128::from(amount), amount > 0)?;
                vec![Said::Moved(EntryKind::Use, -amount)]
            }
            Adjust(month, amount) => vec![self.adjust(month, amount)?],
            Prepare(attempt) if self.closed || attempt <= self.over || attempt < self.prepared => {
                return Err(Rejection::AttemptOver);
            }
            Prepare(attempt) => {
                let new = attempt > self.prepared;
                self.prepared = attempt;
                if new { vec![Said::Noted] } else { vec![] }
            }
            Release(attempt) if !self.closed && attempt > self.over => {
                self.over = attempt;
                vec![Said::Noted]
            }
            Release(_) => vec![],
            Leave(_) => self.leave(),
        };
        self.events += said.len() as i64;
        self.moved.extend(said.iter().filter_map(|said| if let Said::Moved(_, n) = said { Some(n) } else { None }));
        Ok(said)
    }

    fn change(&mut self, month: i32, amount: i128, right_sign: bool) -> Result<(), Rejection> {
        if !right_sign || amount.abs() > 1_000_000_000_000 {
            return Err(Rejection::InvalidAmount);
        }
        if self.closed {
            return Err(Rejection::AccountUnknown);
        }
        if self.closing().is_some() {
            return Err(Rejection::AccountClosing);
        }
        if self.status != Normal {
            return Err(Rejection::MemberNotNormal);
        }
        let amount = amount as i64;
        if amount > 0 { self.gain(month, amount) } else { self.spend(-amount) }
    }

    fn gain(&mut self, month: i32, amount: i64) -> Result<(), Rejection> {
        if i128::from(self.balance()) + i128::from(amount) > 9_007_199_254_740_991 {
            return Err(Rejection::BalanceTooLarge);
        }
        *self.months.entry(month).or_default() += amount;
        Ok(())
    }

    /// Points in a row by expiry, the first `amount` of them cut off.
    fn spend(&mut self, amount: i64) -> Result<(), Rejection> {
        if amount > self.balance() {
            return Err(Rejection::InsufficientPoints);
        }
        let mut end = 0;
        for point in self.months.values_mut() {
            end += *point;
            *point = (end - amount).clamp(0, *point);
        }
        self.months.retain(|_, point| *point > 0);
        Ok(())
    }

    fn adjust(&mut self, month: i32, amount: i64) -> Result<Said, Rejection> {
        let outcome = self.change(month, i128::from(amount), amount != 0);
        if matches!(outcome, Err(Rejection::InvalidAmount | Rejection::AccountUnknown)) {
            outcome?;
        }
        self.asked = Some(amount);
        Ok(outcome.map_or_else(Said::Denied, |()| Said::Moved(EntryKind::Adjust, amount)))
    }

    fn leave(&mut self) -> Vec<Said> {
        if self.closed {
            return vec![];
        }
        let lost = self.balance();
        self.closed = true;
        self.months.clear();
        if lost == 0 { vec![Said::Noted] } else { vec![Said::Moved(EntryKind::Forfeit, -lost), Said::Noted] }
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let month = 1..=4;
    let amount = || {
        let odd = vec![0, -7, MAX_AMOUNT, MAX_AMOUNT + 1, i64::MAX, i64::MIN];
        prop_oneof![12 => 1..=60_i64, 1 => select(odd)]
    };
    let gift = select(vec![0, -1, 1000, 1000, 1000, MAX_SAFE - 40, MAX_SAFE, i64::MAX]);
    let attempt = || 1..=4_i64;
    prop_oneof![
        1 => (1..=12_i64, any_status()).prop_map(|(news, status)| Open(news, status)),
        3 => (1..=12_i64, any_status()).prop_map(|(news, status)| Follow(news, status)),
        2 => (month.clone(), gift).prop_map(|(month, amount)| Welcome(month, amount)),
        8 => (month.clone(), amount()).prop_map(|(month, amount)| Earn(month, amount)),
        8 => amount().prop_map(Use),
        4 => (month, amount(), any::<bool>())
            .prop_map(|(month, amount, down)| Adjust(month, if down { amount.wrapping_neg() } else { amount })),
        2 => attempt().prop_map(Prepare),
        2 => attempt().prop_map(Release),
        1 => attempt().prop_map(Leave),
    ]
}

fn any_status() -> impl Strategy<Value = MemberStatus> {
    prop_oneof![6 => Just(Normal), 1 => Just(Ready), 1 => Just(Abnormal)]
}

/// Plays a history to the rules and to the model; `seen` collects the kinds and refusals that it came across.
fn play(status: MemberStatus, history: &[Step], seen: &RefCell<BTreeSet<&'static str>>) -> Result<(), TestCaseError> {
    let (mut account, mut model) = (opened(status), Model::new(status));
    for step in history {
        let answer = ask(&account, *step);
        let expected = model.clone().take(*step);
        let heard = answer.as_ref().map(|events| events.iter().map(said).collect::<Vec<_>>()).map_err(|no| *no);
        prop_assert_eq!(&heard, &expected, "{:?}", step);
        if expected.is_ok() {
            // A refused step is not shown to the model at all, so a refusal that changed something would differ.
            let _ = model.take(*step);
        }
        note(&heard, seen);
        let shut = account.closed || account.closing.is_some();
        for event in answer.iter().flatten() {
            book_checked(&mut account, event, shut)?;
        }
        agree(&account, &model)?;
        if matches!(step, Open(..) | Follow(..) | Welcome(..) | Prepare(_) | Release(_) | Leave(_)) {
            let replay = ask(&account, *step);
            prop_assert_eq!(replay, answer.map(|_| vec![]), "a replay of {:?} is a no-op", step);
        }
    }
    Ok(())
}

fn note(heard: &Result<Vec<Said>, Rejection>, seen: &RefCell<BTreeSet<&'static str>>) {
    let mut seen = seen.borrow_mut();
    match heard {
        Err(rejection) => _ = seen.insert(rejection.reason()),
        Ok(said) => seen.extend(said.iter().filter_map(|said| match said {
            Said::Moved(kind, _) => Some(kind.name()),
            Said::Denied(rejection) => Some(rejection.reason()),
            Said::Noted => None,
        })),
    }
}

fn book_checked(account: &mut Account, event: &Event, shut: bool) -> Result<(), TestCaseError> {
    let before = account.clone();
    apply(account, event);
    prop_assert_eq!(account.sequence, before.sequence + 1);
    if let Event::PointsMoved(movement) | Event::PointsAdjusted(movement) = event {
        prop_assert_eq!(movement.balance_after, before.remain_point + movement.amount);
        prop_assert_eq!(movement.lots.0.iter().map(|(_, point)| point).sum::<i64>(), movement.amount);
        // An entry names the lots that it touched, and no others.
        prop_assert!(movement.lots.0.iter().all(|(_, point)| point.signum() == movement.amount.signum()));
        // A welcome is due whatever becomes of the withdrawal: nobody would give it again after a release.
        let may_move = matches!(movement.kind, EntryKind::Forfeit | EntryKind::Welcome) && !before.closed;
        prop_assert!(!shut || may_move, "{:?} moved while closing or closed", movement);
    } else {
        prop_assert_eq!((account.remain_point, &account.lots), (before.remain_point, &before.lots));
    }
    Ok(())
}

fn agree(account: &Account, model: &Model) -> Result<(), TestCaseError> {
    prop_assert_eq!(lots(account), model.months.clone().into_iter().collect::<Vec<_>>());
    prop_assert_eq!(account.lots.total(), account.remain_point);
    prop_assert_eq!(account.remain_point, model.moved.iter().sum::<i64>());
    prop_assert!((0..=MAX_SAFE).contains(&account.remain_point));
    prop_assert_eq!((account.member_status, account.member_sequence), (model.status, model.news));
    prop_assert_eq!((account.require_point, account.welcomed), (model.asked, model.welcomed));
    prop_assert_eq!((account.closing, account.closed), (model.closing(), model.closed));
    prop_assert_eq!(account.sequence, model.events);
    Ok(())
}

#[test]
fn every_history_agrees_with_the_model() {
    let config = ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() };
    let seen = RefCell::new(BTreeSet::new());
    TestRunner::new(config)
        .run(&(any_status(), many(any_step(), 1..40)), |(status, history)| play(status, &history, &seen))
        .unwrap_or_else(|failure| panic!("{failure}"));
    // Histories that never come to something prove nothing about it.
    let kinds = ["ADJUST", "EARN", "FORFEIT", "USE", "WELCOME"];
    let refusals = ["account_closing", "account_unknown", "attempt_over", "balance_too_large"];
    let more = ["insufficient_points", "invalid_amount", "member_not_normal"];
    assert_eq!(seen.into_inner(), kinds.into_iter().chain(refusals).chain(more).collect());
}
