//! Random histories with a moving clock: what the rules say, beside a naive model that shares no code with them, and
//! a reading of the rows that were left, which knows neither of both.
//!
//! A further verb is an arm in [`Step`], [`Desk::decide`], [`Model::take`] and [`any_step`].

mod controls;
mod deal_model;
mod deals;
mod hold_model;
mod hold_reading;
mod holds;
mod model;
mod reading;

use alloc::collections::BTreeSet;
use core::cell::RefCell;

use proptest::collection::vec as many;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;

use self::deals::{Ask, Deals, Told, any_ask};
use self::holds::{HoldAsk, Holds, OF_HOLDS, any_hold};
use self::model::Model;
use self::reading::{State, wrongs};
use super::*;
use crate::kernel::Day;

/// The first day of every history: year, month, day.
const START: (i32, i32, i32) = (2031, 1, 15);

/// What a donor has to have more of.
const ABOVE: i64 = 100;

/// One thing that happens.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Points that expire with a month so many months ahead.
    Earn(i32, i64),
    Welcome(i32, i64),
    Use(i64),
    /// Points are given away by who has more than [`ABOVE`].
    Donate(i64),
    Adjust(i32, i64),
    /// Points are taken back, perhaps from the lot so many months ahead first.
    ClawBack(i64, Option<i32>),
    /// A deal asks.
    Deal(Ask),
    /// Points are set aside, or what was set aside ends.
    Hold(HoldAsk),
    /// Days go by, and nobody looks.
    Pass(i32),
    /// The daily look at the account.
    Look,
    Prepare(i64),
    Release(i64),
    Leave(i64),
}
use self::Step::{Adjust, ClawBack, Deal, Donate, Earn, Hold, Leave, Look, Pass, Prepare, Release, Use, Welcome};

/// A row that was left, and the day as year, month and day.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    day: (i32, i32, i32),
    what: What,
}

/// What a row says. Lots by month, as `yyyyMM`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// Points moved, perhaps for a deal, or out of a hold: then its number is above [`OF_HOLDS`].
    Moved {
        kind: &'static str,
        amount: i64,
        balance: i64,
        lots: Vec<(i64, i64)>,
        deal: i64,
    },
    Told(Told),
    /// Points were set aside until the end of the day before `until`.
    Set {
        hold: i64,
        lots: Vec<(i64, i64)>,
        until: (i32, i32, i32),
    },
    /// They are free again.
    Free {
        hold: i64,
        why: &'static str,
    },
    ClawedBack {
        taken: i64,
        owed: i64,
    },
    Announced {
        month: i64,
        days: i64,
        left: i64,
        point: i64,
    },
    Unannounced {
        month: i64,
        missed: Vec<i64>,
    },
    Noted,
}

fn what(event: &Event) -> What {
    match event {
        Event::PointsMoved(movement) | Event::PointsAdjusted(movement) | Event::HoldCaptured { movement, .. } => {
            What::Moved {
                kind: movement.kind.name(),
                amount: movement.amount,
                balance: movement.balance_after,
                lots: movement.lots.0.iter().map(|(month, point)| (month.as_number(), *point)).collect(),
                deal: movement.reference.as_ref().map_or(0, |of| {
                    let number: i64 = of.id.parse().expect("a number");
                    if of.kind == "hold" { OF_HOLDS + number } else { number }
                }),
            }
        }
        Event::PointsHeld(hold) => holds::set(hold),
        Event::HoldReleased(hold) | Event::HoldExpired(hold) => {
            What::Free { hold: hold.hold_id, why: hold.status.name() }
        }
        Event::PointsClawedBack { taken_point, owed_point } => {
            What::ClawedBack { taken: *taken_point, owed: *owed_point }
        }
        Event::ExpiryAnnounced { month, days, days_left, point } => {
            What::Announced { month: month.as_number(), days: *days, left: *days_left, point: *point }
        }
        Event::ExpiryUnannounced { month, missed, .. } => {
            What::Unannounced { month: month.as_number(), missed: missed.clone() }
        }
        _ => What::Noted,
    }
}

/// A protection that a control takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Without {
    Nothing,
    ExpiryBeforeVerbs,
    Announcements,
    Repayment,
    /// Deals that were answered are asked anew.
    Memory,
    /// Nobody notes what was cancelled before.
    CancelLimit,
    /// Points come back into lots that have ended.
    EndedLots,
    /// Verbs take what is pinned.
    Pins,
    /// Holds that have ended are taken for open.
    HoldEnds,
    /// The clock of holds stands still.
    HoldTime,
}

/// The rules as the shell asks them.
struct Desk {
    account: Account,
    today: Day,
    rows: Vec<Row>,
    deals: Deals,
    holds: Holds,
    without: Without,
}

impl Desk {
    fn new(without: Without) -> Self {
        let (year, month, day) = START;
        let (deals, holds) = (Deals::default(), Holds::default());
        Self { account: opened(Normal), today: Day::new(year, month, day), rows: Vec::new(), deals, holds, without }
    }

    fn record(&mut self, event: &Event) {
        let sequence = self.account.sequence;
        apply(&mut self.account, event);
        assert_eq!(self.account.sequence, sequence + 1, "one event, one row");
        let day = (self.today.month.year(), self.today.month.number(), self.today.day);
        let is_notice = matches!(event, Event::ExpiryAnnounced { .. } | Event::ExpiryUnannounced { .. });
        if !is_notice || self.without != Without::Announcements {
            self.rows.push(Row { day, what: what(event) });
        }
        if let Event::PointsMoved(earned) = event
            && self.without != Without::Repayment
            && let Some(repaid) = repay_owed(&self.account, earned)
        {
            self.record(&repaid);
        }
    }

    fn ask(&mut self, step: Step) -> Result<(), Rejection> {
        if let Pass(days) = step {
            (0..days).for_each(|_| self.today = self.today.next());
            return Ok(());
        }
        if self.without != Without::ExpiryBeforeVerbs || matches!(step, Look) {
            self.expire();
        }
        if let Hold(ask) = step {
            return self.hold(ask);
        }
        if let Look | Leave(_) = step {
            self.end_holds(step);
        }
        if let Deal(ask) = step {
            self.deal(ask);
            return Ok(());
        }
        for event in self.decide(step)? {
            self.record(&event);
        }
        Ok(())
    }

    fn expire(&mut self) {
        while let Some(event) = expire_lots(&self.account, self.today) {
            self.record(&event);
        }
    }

    fn decide(&self, step: Step) -> Result<Vec<Event>, Rejection> {
        let unpinned = Account { pins: Lots::default(), ..self.account.clone() };
        let looked_at = if self.without == Without::Pins { &unpinned } else { &self.account };
        let (account, reference, reason) = (looked_at, None, None);
        let ahead = |months: i32| self.today.month.plus(months);
        let one = |event: Event| vec![event];
        Ok(match step {
            Earn(months, amount) => {
                one(earn_points(account, &EarnPoints { amount, expires: ahead(months), reference, reason })?)
            }
            Welcome(months, amount) => {
                let gift = WelcomeMember { amount, expires: ahead(months) };
                welcome_member(account, &gift)?.into_iter().collect()
            }
            Use(amount) => one(use_points(account, &UsePoints { amount, reference, reason })?),
            Donate(amount) => one(donate_points(account, &DonatePoints { amount, balance_above: ABOVE, reference })?),
            Adjust(months, amount) => {
                one(AdjustPoints { amount, expires: ahead(months), reference, reason }.as_request(account)?)
            }
            ClawBack(amount, months) => {
                claw_back(account, &super::ClawBack { amount, lot: months.map(ahead), reference, reason })?
            }
            Pass(_) | Deal(_) | Hold(_) => vec![],
            Look => {
                let mut looked = account.clone();
                core::iter::from_fn(|| announce_expiry(&looked, self.today).inspect(|event| apply(&mut looked, event)))
                    .collect()
            }
            Prepare(attempt) => prepare_withdrawal(account, attempt)?.into_iter().collect(),
            Release(attempt) => release_withdrawal(account, attempt).into_iter().collect(),
            Leave(attempt) => leave(account, attempt),
        })
    }

    fn state(&self) -> State {
        let lots = self.account.lots.iter().map(|(month, point)| (month.as_number(), point)).collect();
        let held = self.account.pins.iter().map(|(month, point)| (month.as_number(), point)).collect();
        State { lots, held, balance: self.account.remain_point, owed: self.account.owed }
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let ahead = || 1..=5_i32;
    let amount = || prop_oneof![14 => 1..=60_i64, 1 => select(vec![0, -7, MAX_AMOUNT, MAX_AMOUNT + 1, i64::MIN])];
    let own = prop_oneof![Just(None), (0..=5_i32).prop_map(Some)];
    prop_oneof![
        8 => (ahead(), amount()).prop_map(|(months, amount)| Earn(months, amount)),
        1 => (ahead(), amount()).prop_map(|(months, amount)| Welcome(months, amount)),
        5 => amount().prop_map(Use),
        3 => prop_oneof![4 => amount(), 1 => 100..=300_i64].prop_map(Donate),
        3 => (ahead(), amount(), any::<bool>())
            .prop_map(|(months, amount, down)| Adjust(months, if down { amount.wrapping_neg() } else { amount })),
        3 => (amount(), own).prop_map(|(amount, months)| ClawBack(amount, months)),
        16 => any_ask().prop_map(Deal),
        9 => any_hold().prop_map(Hold),
        6 => prop_oneof![6 => 0..=4_i32, 4 => 5..=35_i32, 1 => 36..=400_i32].prop_map(Pass),
        8 => Just(Look),
        1 => (1..=3_i64).prop_map(Prepare),
        1 => (1..=3_i64).prop_map(Release),
        1 => select(vec![None, None, Some(1_i64)]).prop_map(|attempt| attempt.map_or(Look, Leave)),
    ]
}

/// Plays a history to the rules and to the model, and reads the rows; `seen` collects what they came across.
fn play(history: &[Step], seen: &RefCell<BTreeSet<&'static str>>) -> Result<(), TestCaseError> {
    let (mut desk, mut model) = (Desk::new(Without::Nothing), Model::new(START));
    for step in history {
        let place = desk.rows.len();
        let answer = desk.ask(*step);
        let (expected, rows) = model.take(*step);
        prop_assert_eq!(&answer, &expected, "{:?}", step);
        prop_assert_eq!(&desk.rows[place..], &rows[..], "{:?}", step);
        prop_assert_eq!(&desk.state(), &model.state(), "{:?}", step);
        prop_assert_eq!(desk.account.lots.total(), desk.account.remain_point);
        prop_assert!(desk.account.available() >= 0 && desk.account.held() >= 0 && desk.account.owed >= 0);
        note(&answer, &desk.rows[place..], &mut seen.borrow_mut());
    }
    let found = wrongs(&desk.rows, &desk.state());
    prop_assert!(found.is_empty(), "{:?}", found);
    Ok(())
}

fn note(answer: &Result<(), Rejection>, rows: &[Row], seen: &mut BTreeSet<&'static str>) {
    seen.extend(answer.err().map(Rejection::reason));
    for row in rows {
        seen.insert(match &row.what {
            What::Moved { kind, .. } => kind,
            What::ClawedBack { owed: 0, .. } => "taken back",
            What::ClawedBack { .. } => "owed",
            What::Announced { days: 60, .. } => "60 days",
            What::Announced { days: 30, .. } => "30 days",
            What::Announced { .. } => "3 days",
            What::Unannounced { missed, .. } if missed.len() == 3 => "never announced",
            What::Unannounced { .. } => "not announced to the last",
            What::Set { .. } => "set aside",
            What::Free { why, .. } => why,
            What::Noted => "noted",
            What::Told(told) => told.summary(),
        });
    }
}

#[test]
fn every_lifetime_agrees_with_the_model_and_with_what_its_rows_say() {
    let config = ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() };
    let seen = RefCell::new(BTreeSet::new());
    TestRunner::new(config)
        .run(&many(any_step(), 1..60), |history| play(&history, &seen))
        .unwrap_or_else(|failure| panic!("{failure}"));
    // Histories that never come to something prove nothing about it.
    let kinds =
        ["ADJUST", "DONATE", "EARN", "EARN_CANCEL", "EXPIRE", "FORFEIT", "OWED_REPAY", "USE", "USE_CANCEL", "WELCOME"];
    let of_holds =
        ["HOLD_CAPTURE", "set aside", "RELEASED", "EXPIRED", "hold_over", "invalid_ttl", "capture_too_large"];
    let notices = ["60 days", "30 days", "3 days", "never announced", "not announced to the last"];
    let more = ["taken back", "owed", "noted", "voided", "refused for ever", "no member", "a deal", "no deal"];
    let refusals = ["account_closing", "account_unknown", "attempt_over", "insufficient_points", "invalid_amount"];
    let refusals = [&refusals[..], &["balance_too_low"]].concat();
    let expected: BTreeSet<_> = [&kinds[..], &notices, &more, &of_holds, &refusals].concat().into_iter().collect();
    assert_eq!(seen.into_inner(), expected);
}
