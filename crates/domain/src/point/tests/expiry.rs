//! Lots that end, debts and their repayment, case by case.

use super::*;
use crate::kernel::Day;

fn day(month: i32, day: i32) -> Day {
    Day::new(2031, month, day)
}

/// Everything that time has to say on this day, taken in: the account afterwards and what was said.
fn look(mut account: Account, today: Day) -> (Account, Vec<Event>) {
    let mut said = Vec::new();
    for verb in [expire_lots, announce_expiry] {
        while let Some(event) = verb(&account, today) {
            apply(&mut account, &event);
            said.push(event);
            assert!(said.len() < 20, "it comes to an end: {said:?}");
        }
    }
    assert!(!is_expiry_due(&account.lots, &account.notices, today));
    (account, said)
}

fn announced(number: i32, days: i64, days_left: i64, point: i64) -> Event {
    Event::ExpiryAnnounced { month: month(number), days, days_left, point }
}

fn expired(number: i32, point: i64, balance_after: i64) -> Event {
    Event::PointsMoved(Movement {
        kind: EntryKind::Expire,
        amount: -point,
        balance_after,
        lots: LotChange::add(month(number), -point),
        reference: None,
        reason: None,
    })
}

fn unannounced(number: i32, missed: &[i64]) -> Event {
    let reason = Unannounced::NotLookedAtInTime;
    Event::ExpiryUnannounced { month: month(number), missed: missed.to_vec(), reason }
}

fn clawed(account: &Account, amount: i64, lot: Option<i32>) -> Result<Vec<Event>, Rejection> {
    claw_back(account, &ClawBack { amount, lot: lot.map(month), reference: None, reason: None })
}

fn taken_in(mut account: Account, events: &[Event]) -> Account {
    events.iter().for_each(|event| apply(&mut account, event));
    account
}

#[test]
fn a_lot_is_announced_on_three_days_and_then_expires() {
    let mut account = with(&[(3, 70), (9, 5)]);
    // 60 days before the 31st of March is the 30th of January.
    for (today, expected) in [
        (day(1, 29), vec![]),
        (day(1, 30), vec![announced(3, 60, 60, 70)]),
        (day(1, 31), vec![]),
        (day(2, 28), vec![]),
        (day(3, 1), vec![announced(3, 30, 30, 70)]),
        (day(3, 27), vec![]),
        (day(3, 28), vec![announced(3, 3, 3, 70)]),
        (day(3, 31), vec![]),
        (day(4, 1), vec![expired(3, 70, 5)]),
        (day(4, 2), vec![]),
    ] {
        let (after, said) = look(account, today);
        assert_eq!(said, expected, "{today:?}");
        account = after;
    }
    assert_eq!((lots(&account), account.notices), (vec![(9, 5)], Notices::default()));
}

#[test]
fn of_several_announcements_that_are_due_the_closest_is_made() {
    for (today, days, days_left) in [(day(3, 5), 30, 26), (day(3, 29), 3, 2), (day(3, 31), 3, 0)] {
        let (account, said) = look(with(&[(3, 70)]), today);
        assert_eq!(said, [announced(3, days, days_left, 70)]);
        assert_eq!(look(account, today).1, []);
    }
    let (_, said) = look(with(&[(3, 70), (4, 1), (5, 2)]), day(3, 29));
    assert_eq!(said, [announced(3, 3, 2, 70), announced(4, 60, 32, 1)], "May is 63 days away");
}

#[test]
fn what_was_not_announced_is_on_record_before_it_expires() {
    let (account, said) = look(with(&[(3, 70), (4, 1), (9, 5)]), day(8, 15));
    let none = [60, 30, 3];
    let ended = [unannounced(3, &none), expired(3, 70, 6), unannounced(4, &none), expired(4, 1, 5)];
    assert_eq!(said, ended.into_iter().chain([announced(9, 60, 46, 5)]).collect::<Vec<_>>());
    assert_eq!(lots(&account), [(9, 5)]);

    let (account, _) = look(with(&[(3, 70)]), day(3, 5));
    assert_eq!(look(account, day(4, 1)).1, [unannounced(3, &[3]), expired(3, 70, 0)]);
}

#[test]
fn an_emptied_lot_is_neither_announced_nor_expired_and_a_filled_one_not_announced_again() {
    let (account, _) = look(with(&[(3, 70)]), day(1, 30));
    let account = after(account, &[Use(70)]);
    assert_eq!(look(account.clone(), day(3, 28)).1, []);
    assert_eq!(look(account.clone(), day(4, 1)).1, []);
    let account = after(account, &[Earn(3, 8)]);
    assert_eq!(look(account.clone(), day(2, 3)).1, [], "60 days were announced");
    assert_eq!(look(account, day(3, 10)).1, [announced(3, 30, 21, 8)]);
}

#[test]
fn closed_accounts_are_left_alone_and_closing_ones_are_not() {
    let closing = after(with(&[(3, 70)]), &[Prepare(1)]);
    assert_eq!(look(closing, day(4, 1)).1.last(), Some(&expired(3, 70, 0)));
    let closed = after(with(&[(3, 70)]), &[Leave(1)]);
    assert_eq!(look(closed.clone(), day(4, 1)), (closed, vec![]));
}

#[test]
fn held_points_stay_until_the_hold_ends() {
    let held = holding(with(&[(3, 70)]), 50);
    let (account, _) = look(held, day(3, 29));
    assert_eq!(expire_lots(&account, day(4, 1)), Some(expired(3, 20, 50)));
    let account = taken_in(account, &[expired(3, 20, 50)]);
    assert_eq!(expire_lots(&account, day(4, 1)), None);
    assert_eq!(expire_lots(&Account { pins: Lots::default(), ..account }, day(4, 1)), Some(expired(3, 50, 0)));
}

#[test]
fn what_ends_within_60_days_is_told() {
    let account = with(&[(3, 70), (4, 5), (9, 5)]);
    for (today, soon) in [(day(1, 29), 0), (day(1, 30), 70), (day(3, 1), 75), (day(4, 1), 75), (day(8, 1), 80)] {
        assert_eq!(expiring_soon(&account.lots, today), soon, "{today:?}");
    }
}

#[test]
fn points_given_by_mistake_leave_their_own_lot_first() {
    let account = with(&[(3, 10), (5, 20), (9, 30)]);
    for (amount, lot, left) in [
        (5, Some(5), vec![(3, 10), (5, 15), (9, 30)]),
        (25, Some(5), vec![(3, 5), (9, 30)]),
        (35, Some(5), vec![(9, 25)]),
        (25, Some(9), vec![(3, 10), (5, 20), (9, 5)]),
        (15, Some(7), vec![(5, 15), (9, 30)]),
        (15, None, vec![(5, 15), (9, 30)]),
        (60, Some(9), vec![]),
    ] {
        let events = clawed(&account, amount, lot).expect("nothing is against it");
        let after = taken_in(account.clone(), &events);
        assert_eq!((after.remain_point, after.owed, lots(&after)), (60 - amount, 0, left), "{amount} from {lot:?}");
        assert_eq!(after.sequence, account.sequence + 2);
        assert_eq!(events[1], Event::PointsClawedBack { taken_point: amount, owed_point: 0 });
    }
    assert_eq!(EntryKind::EarnCancel.postings(-5), ("member", "programme"));
    assert_eq!(EntryKind::OwedRepay.postings(-5), ("member", "programme"));
    assert_eq!(EntryKind::Expire.postings(-5), ("member", "breakage"));
}

#[test]
fn what_was_spent_already_is_owed() {
    let account = with(&[(3, 10)]);
    let account = taken_in(account.clone(), &clawed(&account, 25, None).expect("taken"));
    assert_eq!((account.remain_point, account.owed), (0, 15));
    let events = clawed(&account, 5, None).expect("taken");
    assert_eq!(events, [Event::PointsClawedBack { taken_point: 0, owed_point: 5 }], "nothing moves");
    assert_eq!(taken_in(account, &events).owed, 20);

    let held = holding(with(&[(3, 10)]), 8);
    assert_eq!(clawed(&held, 5, None).expect("taken")[1], Event::PointsClawedBack { taken_point: 2, owed_point: 3 });
    for status in [Ready, Abnormal] {
        let account = after(with(&[(3, 10)]), &[Follow(2, status)]);
        assert!(clawed(&account, 5, None).is_ok(), "a mistake is a mistake");
    }
}

#[test]
fn taking_back_is_refused_where_it_cannot_be() {
    let account = with(&[(3, 10)]);
    for amount in [0, -1, i64::MIN, MAX_AMOUNT + 1] {
        assert_eq!(clawed(&account, amount, None), Err(Rejection::InvalidAmount));
    }
    assert_eq!(clawed(&after(account.clone(), &[Prepare(1)]), 5, None), Err(Rejection::AccountClosing));
    assert_eq!(clawed(&after(account.clone(), &[Leave(1)]), 5, None), Err(Rejection::AccountUnknown));
    let indebted = Account { owed: MAX_SAFE - 5, ..account };
    assert_eq!(clawed(&indebted, 16, None), Err(Rejection::OwedTooLarge));
    assert!(clawed(&indebted, 15, None).is_ok());
}

#[test]
fn what_is_earned_repays_first_and_adjustments_do_not() {
    let indebted = Account { owed: 15, ..with(&[(3, 10)]) };
    let earned = |kind, amount| Movement {
        kind,
        amount,
        balance_after: 10 + amount,
        lots: LotChange::add(month(9), amount),
        reference: None,
        reason: None,
    };
    for (amount, repaid, owed, left) in
        [(7, 7, 8, vec![(3, 10)]), (15, 15, 0, vec![(3, 10)]), (20, 15, 0, vec![(3, 10), (9, 5)])]
    {
        for kind in [EntryKind::Earn, EntryKind::Welcome] {
            let earned = earned(kind, amount);
            let account = taken_in(indebted.clone(), &[Event::PointsMoved(earned.clone())]);
            let Some(event @ Event::PointsMoved(_)) = repay_owed(&account, &earned) else { panic!("15 are owed") };
            let account = taken_in(account, &[event]);
            assert_eq!((account.owed, account.remain_point), (owed, 10 + amount - repaid));
            assert_eq!(lots(&account), left, "out of the lot that was just earned");
        }
    }
    assert_eq!(repay_owed(&indebted, &earned(EntryKind::Adjust, 7)), None);
    assert_eq!(repay_owed(&with(&[(3, 10)]), &earned(EntryKind::Earn, 7)), None);
}
