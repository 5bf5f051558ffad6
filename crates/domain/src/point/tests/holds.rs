//! Holds case by case, and every short history of a payment with points.

use alloc::collections::BTreeSet;

use super::*;
use crate::kernel::Day;

const TTL_MS: i64 = HOLD_TTL_S * 1_000;

fn day(month: i32, day: i32) -> Day {
    Day::new(2031, month, day)
}

fn placed(account: &Account, amount: i64, ttl_s: i64) -> Result<Hold, Rejection> {
    let cmd = HoldPoints { hold_id: 1, amount, ttl_s, reference: None, payment_id: None, now_ms: 0 };
    hold_points(account, &cmd).map(|event| match event {
        Event::PointsHeld(hold) => hold,
        other => panic!("{other:?}"),
    })
}

/// An account with 10 points of March, 20 of May and 30 of September, of which 25 are held, and the hold.
fn held() -> (Account, Hold) {
    let account = with(&[(3, 10), (5, 20), (9, 30)]);
    let hold = placed(&account, 25, HOLD_TTL_S).expect("as much is available");
    (holding(account, 25), hold)
}

fn taken_in(mut account: Account, event: &Event) -> Account {
    apply(&mut account, event);
    account
}

fn pinned(account: &Account) -> Vec<(i32, i64)> {
    account.pins.iter().map(|(month, point)| (month.number(), point)).collect()
}

#[test]
fn a_hold_pins_what_expires_first_and_others_take_what_is_free() {
    let (account, hold) = held();
    assert_eq!((hold.status, hold.amount, hold.captured, hold.expires_at_ms), (HoldStatus::Held, 25, 0, TTL_MS));
    assert_eq!((account.remain_point, account.held(), account.available()), (60, 25, 35));
    assert_eq!(pinned(&account), [(3, 10), (5, 15)]);
    assert_eq!(lots(&account), [(3, 10), (5, 20), (9, 30)], "nothing has moved");
    let used = after(account.clone(), &[Use(7)]);
    assert_eq!(lots(&used), [(3, 10), (5, 15), (9, 28)]);
    assert_eq!(refusal(&account, Use(36)), Some(Rejection::InsufficientPoints));
    let clawed = super::ClawBack { amount: 25, lot: Some(month(5)), reference: None, reason: None };
    let events = claw_back(&account, &clawed).expect("35 are free");
    let clawed = events.iter().fold(account, taken_in);
    assert_eq!((lots(&clawed), clawed.owed), (vec![(3, 10), (5, 15), (9, 10)], 0), "its own lot as far as it is free");
}

#[test]
fn a_capture_takes_what_was_pinned_and_lets_the_rest_go() {
    for (amount, left) in [
        (None, vec![(5, 5), (9, 30)]),
        (Some(25), vec![(5, 5), (9, 30)]),
        (Some(12), vec![(5, 18), (9, 30)]),
        (Some(4), vec![(3, 6), (5, 20), (9, 30)]),
    ] {
        let (account, hold) = held();
        let event = capture_hold(&account, &hold, amount, TTL_MS - 1).expect("it is open");
        let Event::HoldCaptured { movement, hold } = &event else { panic!("{event:?}") };
        let taken = amount.unwrap_or(25);
        assert_eq!((movement.kind, movement.amount, hold.captured), (EntryKind::HoldCapture, -taken, taken));
        assert_eq!(movement.reference, Some(Reference { kind: "hold".into(), id: "1".into() }));
        assert_eq!(hold.status, HoldStatus::Captured);
        let account = taken_in(account, &event);
        assert_eq!((lots(&account), account.held(), account.available()), (left, 0, 60 - taken), "{amount:?}");
        for again in [None, Some(1)] {
            assert_eq!(capture_hold(&account, hold, again, 0), Err(Rejection::HoldOver));
        }
        assert_eq!(release_hold(&account, hold, 0), Err(Rejection::HoldOver));
        assert_eq!((expire_hold(hold, i64::MAX), drop_hold(hold)), (None, None));
    }
    assert_eq!(EntryKind::HoldCapture.postings(-5), ("member", "programme"));
}

#[test]
fn a_hold_is_over_at_its_time_and_ends_once() {
    let (account, hold) = held();
    assert_eq!(expire_hold(&hold, TTL_MS - 1), None);
    assert_eq!(capture_hold(&account, &hold, None, TTL_MS), Err(Rejection::HoldOver));
    assert_eq!(release_hold(&account, &hold, TTL_MS), Err(Rejection::HoldOver));
    let Some(event @ Event::HoldExpired(_)) = expire_hold(&hold, TTL_MS) else { panic!("its time is over") };
    let after = taken_in(account.clone(), &event);
    assert_eq!((after.held(), after.remain_point), (0, 60));
    let released = release_hold(&account, &hold, 0).expect("it is open").expect("for the first time");
    let Event::HoldReleased(ended) = &released else { panic!("{released:?}") };
    let after = taken_in(account, &released);
    assert_eq!((after.held(), ended.status), (0, HoldStatus::Released));
    assert_eq!(release_hold(&after, ended, 0), Ok(None), "it stays as it is");
    assert_eq!(capture_hold(&after, ended, None, 0), Err(Rejection::HoldOver));
}

#[test]
fn what_cannot_be_held_is_refused() {
    let account = with(&[(3, 30)]);
    for amount in [0, -1, i64::MIN, MAX_AMOUNT + 1] {
        assert_eq!(placed(&account, amount, 1), Err(Rejection::InvalidAmount));
    }
    for ttl_s in [0, -1, MAX_HOLD_TTL_S + 1, i64::MAX] {
        assert_eq!(placed(&account, 1, ttl_s), Err(Rejection::InvalidTtl));
    }
    assert!(placed(&account, 30, MAX_HOLD_TTL_S).is_ok());
    assert_eq!(placed(&account, 31, 1), Err(Rejection::InsufficientPoints));
    assert_eq!(placed(&holding(account.clone(), 20), 11, 1), Err(Rejection::InsufficientPoints), "20 are held");
    for (steps, reason) in [
        (vec![Follow(2, Ready)], Rejection::MemberNotNormal),
        (vec![Prepare(1)], Rejection::AccountClosing),
        (vec![Leave(1)], Rejection::AccountUnknown),
    ] {
        assert_eq!(placed(&after(account.clone(), &steps), 1, 1), Err(reason));
    }
    let (account, hold) = held();
    for (amount, reason) in [
        (0, Rejection::InvalidAmount),
        (-1, Rejection::InvalidAmount),
        (26, Rejection::CaptureTooLarge),
        (MAX_AMOUNT + 1, Rejection::InvalidAmount),
    ] {
        assert_eq!(capture_hold(&account, &hold, Some(amount), 0), Err(reason));
    }
    assert!(capture_hold(&after(account, &[Follow(2, Abnormal), Prepare(1)]), &hold, None, 0).is_ok(), "held before");
    assert_eq!(hold.must_be_of_no_payment(), Ok(()));
    let of_payment = Hold { payment_id: Some(7), ..hold };
    assert_eq!(of_payment.must_be_of_no_payment(), Err(Rejection::HoldOfPayment));
}

#[test]
fn several_lots_that_ended_under_a_hold_expire_as_far_as_they_are_free() {
    let (mut account, hold) = held();
    let gone = |account: &mut Account| {
        let mut gone = Vec::new();
        while let Some(event) = expire_lots(account, day(6, 1)) {
            if let Event::PointsMoved(movement) = &event {
                gone.extend(movement.lots.0.iter().map(|(month, point)| (month.number(), *point)));
            }
            apply(account, &event);
        }
        gone
    };
    assert_eq!(gone(&mut account), [(5, -5)], "March is pinned whole");
    let released = release_hold(&account, &hold, 0).expect("it is open").expect("for the first time");
    apply(&mut account, &released);
    assert_eq!(gone(&mut account), [(3, -10), (5, -15)], "and live no longer for it");
    assert_eq!(lots(&account), [(9, 30)]);
}

/// One thing that happens around a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Hold,
    Capture,
    Cancel,
    /// Its time is over, and the job comes by.
    Expire,
    /// The member's other points are used up.
    Spend,
    Leave,
}

/// The rules as the shell asks them about payment 7 over 25 points.
#[derive(Debug, Clone)]
struct Till {
    account: Account,
    hold: Option<Hold>,
    record: Option<PaymentRecord>,
    now_ms: i64,
}

impl Till {
    fn new() -> Self {
        Self { account: with(&[(3, 10), (5, 20), (9, 30)]), hold: None, record: None, now_ms: 0 }
    }

    fn take(&mut self, event: &Event) {
        apply(&mut self.account, event);
        match event {
            Event::PointsHeld(hold)
            | Event::HoldCaptured { hold, .. }
            | Event::HoldReleased(hold)
            | Event::HoldExpired(hold) => self.hold = Some(hold.clone()),
            _ => {}
        }
    }

    fn ask(&mut self, ask: PaymentAsk) -> PaymentAnswer {
        let cmd = AskPayment { payment_id: 7, member_id: 1, ask, today: day(2, 1), now_ms: self.now_ms };
        let outcome = decide_payment(Some(&self.account), self.record.as_ref(), self.hold.as_ref(), &cmd);
        outcome.event.iter().for_each(|event| self.take(event));
        self.record = outcome.record.or(self.record.take());
        assert!(!outcome.number_reused);
        outcome.answer
    }

    fn act(&mut self, act: Act) -> Option<PaymentAnswer> {
        match act {
            Act::Hold => return Some(self.ask(PaymentAsk::Hold { amount: 25, hold_id: 4 })),
            Act::Capture => return Some(self.ask(PaymentAsk::Capture)),
            Act::Cancel => return Some(self.ask(PaymentAsk::Cancel)),
            Act::Expire => {
                self.now_ms += TTL_MS;
                let due = self.hold.as_ref().and_then(|hold| expire_hold(hold, self.now_ms));
                due.iter().for_each(|event| self.take(event));
            }
            Act::Spend => self.account = after(self.account.clone(), &[Use(self.account.available())]),
            Act::Leave => {
                let open = self.hold.as_ref().and_then(drop_hold);
                open.iter().for_each(|event| self.take(event));
                self.account = after(self.account.clone(), &[Leave(1)]);
            }
        }
        None
    }
}

/// Plays every history of so many acts, with `checked` after each act.
fn every_history(length: usize, till: &Till, past: &mut Vec<Act>, seen: &mut BTreeSet<&'static str>) {
    if past.len() == length {
        return;
    }
    for act in [Act::Hold, Act::Capture, Act::Cancel, Act::Expire, Act::Spend, Act::Leave] {
        let mut next = till.clone();
        let answer = next.act(act);
        past.push(act);
        check(till, &next, act, answer, past, seen);
        every_history(length, &next, past, seen);
        past.pop();
    }
}

fn check(
    before: &Till,
    after: &Till,
    act: Act,
    answer: Option<PaymentAnswer>,
    past: &[Act],
    seen: &mut BTreeSet<&'static str>,
) {
    let repeated = after.clone().act(act);
    let lasts = matches!(act, Act::Hold | Act::Capture | Act::Cancel);
    assert!(!lasts || repeated == answer, "{past:?}: {answer:?}, then {repeated:?}");
    let (was, is) = (&before.account, &after.account);
    assert!(is.available() >= 0 && is.held() >= 0 && is.lots.total() == is.remain_point, "{past:?}");
    let cancelled = before.record.as_ref().is_some_and(|record| record.given_back.is_some());
    seen.insert(match answer {
        Some(PaymentAnswer::Held(Ok(held))) => {
            assert!(!cancelled && held.hold_id == 4, "{past:?}: never again");
            "held"
        }
        Some(PaymentAnswer::Held(Err(refusal))) => {
            assert!(
                !cancelled
                    || refusal == HoldRefusal::Cancelled
                    || refusal == HoldRefusal::MemberUnknown
                    || before.record.as_ref().is_some_and(|known| known.refusal == Some(refusal)),
                "{past:?}"
            );
            refusal.reason()
        }
        Some(PaymentAnswer::Captured(Ok(captured))) => {
            assert!(!cancelled && captured.captured_point == 25, "{past:?}");
            let moved = was.remain_point - is.remain_point;
            let again = before.hold.as_ref().is_some_and(|hold| hold.status == HoldStatus::Captured);
            assert_eq!(moved, if again { 0 } else { 25 }, "{past:?}: taken once");
            "captured"
        }
        Some(PaymentAnswer::Captured(Err(over))) => {
            assert_eq!(was.remain_point, is.remain_point, "{past:?}");
            over.reason()
        }
        Some(PaymentAnswer::Cancelled(CancelledHold { given_back_point })) => {
            let moved = is.remain_point - was.remain_point;
            assert_eq!(moved, if cancelled { 0 } else { given_back_point }, "{past:?}: given back once");
            let took = before.hold.as_ref().is_some_and(|hold| hold.captured == 25) && !was.closed;
            assert!(cancelled || (given_back_point == 25) == took, "{past:?}");
            assert_eq!(is.held(), 0, "{past:?}");
            if given_back_point > 0 { "given back" } else { "nothing to give back" }
        }
        None => "no question",
    });
}

#[test]
fn a_payment_takes_once_gives_back_once_and_answers_the_same_for_ever() {
    let mut seen = BTreeSet::new();
    every_history(6, &Till::new(), &mut Vec::new(), &mut seen);
    let expected = [
        "held",
        "captured",
        "given back",
        "nothing to give back",
        "no question",
        "cancelled",
        "insufficient_points",
        "member_unknown",
        "never_held",
        "hold_expired",
        "hold_released",
    ];
    assert_eq!(seen, expected.into_iter().collect());
}

#[test]
fn what_was_taken_comes_back_to_its_lots_unless_they_have_ended() {
    let mut till = Till::new();
    till.act(Act::Hold);
    till.act(Act::Capture);
    assert_eq!(lots(&till.account), [(5, 5), (9, 30)]);
    for (today, back) in [
        (day(3, 31), vec![(3, 10), (5, 20), (9, 30)]),
        (day(4, 1), vec![(5, 30), (9, 30)]),
        (day(6, 2), vec![(5, 5), (7, 25), (9, 30)]),
    ] {
        let cmd = AskPayment { payment_id: 7, member_id: 1, ask: PaymentAsk::Cancel, today, now_ms: 0 };
        let outcome = decide_payment(Some(&till.account), till.record.as_ref(), till.hold.as_ref(), &cmd);
        let Some(event @ Event::PointsMoved(movement)) = &outcome.event else { panic!("{outcome:?}") };
        assert_eq!((movement.kind, movement.amount), (EntryKind::UseCancel, 25));
        assert_eq!(movement.reference, Some(Reference { kind: "payment".into(), id: "7".into() }));
        assert_eq!(lots(&taken_in(till.account.clone(), event)), back, "{today:?}");
    }
}

#[test]
fn a_number_of_another_payment_is_refused_and_changes_nothing() {
    let mut till = Till::new();
    till.act(Act::Hold);
    till.act(Act::Capture);
    for (member_id, ask) in [
        (1, PaymentAsk::Hold { amount: 24, hold_id: 0 }),
        (2, PaymentAsk::Hold { amount: 25, hold_id: 0 }),
        (2, PaymentAsk::Capture),
        (2, PaymentAsk::Cancel),
    ] {
        let cmd = AskPayment { payment_id: 7, member_id, ask, today: day(2, 1), now_ms: 0 };
        let outcome = decide_payment(Some(&till.account), till.record.as_ref(), till.hold.as_ref(), &cmd);
        assert!(outcome.number_reused, "{cmd:?}");
        assert_eq!((outcome.event, outcome.record), (None, None));
        let no = matches!(
            outcome.answer,
            PaymentAnswer::Held(Err(HoldRefusal::PaymentNumberReused))
                | PaymentAnswer::Captured(Err(HoldOver::NeverHeld))
                | PaymentAnswer::Cancelled(CancelledHold { given_back_point: 0 })
        );
        assert!(no, "{:?}", outcome.answer);
    }
}
