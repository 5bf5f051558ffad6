//! The ledger's rules: each verb by table here, random histories against models in `histories`
//! (every command) and `lifetimes` (a moving clock).

mod deals;
mod donate;
mod expiry;
mod histories;
mod holds;
mod lifetimes;

use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::kernel::{MAX_AMOUNT, MAX_SAFE, Month};
use crate::member::MemberStatus::{Abnormal, Normal, Ready};

/// One thing that can be asked of an account. Months are 1 to 12 of 2031.
#[derive(Debug, Clone, Copy)]
enum Step {
    Open(i64, MemberStatus),
    Follow(i64, MemberStatus),
    Welcome(i32, i64),
    Earn(i32, i64),
    Use(i64),
    Adjust(i32, i64),
    Prepare(i64),
    Release(i64),
    /// Forfeit and close, as one command of the shell.
    Leave(i64),
}
use Step::{Adjust, Earn, Follow, Leave, Open, Prepare, Release, Use, Welcome};

fn month(number: i32) -> Month {
    Month::new(2031, number)
}

/// The rules' answer; the account is not changed.
fn ask(account: &Account, step: Step) -> Result<Vec<Event>, Rejection> {
    let (reference, reason) = (None, None);
    let event = match step {
        Open(member_sequence, status) => open_account(Some(account), &FollowMember { member_sequence, status }),
        Follow(member_sequence, status) => follow_member(account, &FollowMember { member_sequence, status }),
        Welcome(number, amount) => welcome_member(account, &WelcomeMember { amount, expires: month(number) })?,
        Earn(number, amount) => {
            Some(earn_points(account, &EarnPoints { amount, expires: month(number), reference, reason })?)
        }
        Use(amount) => Some(use_points(account, &UsePoints { amount, reference, reason })?),
        Adjust(number, amount) => {
            Some(AdjustPoints { amount, expires: month(number), reference, reason }.as_request(account)?)
        }
        Prepare(attempt) => prepare_withdrawal(account, attempt)?,
        Release(attempt) => release_withdrawal(account, attempt),
        Leave(attempt) => return Ok(leave(account, attempt)),
    };
    Ok(event.into_iter().collect())
}

fn leave(account: &Account, attempt: i64) -> Vec<Event> {
    let mut left = account.clone();
    let mut events = Vec::new();
    for verb in [|account: &Account, _: i64| forfeit_points(account), close_account] {
        if let Some(event) = verb(&left, attempt) {
            apply(&mut left, &event);
            events.push(event);
        }
    }
    events
}

/// The account after these steps; refusals leave it as it is.
fn after(mut account: Account, steps: &[Step]) -> Account {
    for step in steps {
        ask(&account, *step).unwrap_or_default().iter().for_each(|event| apply(&mut account, event));
    }
    account
}

fn opened(status: MemberStatus) -> Account {
    let mut account = Account::new(1);
    let event = open_account(None, &FollowMember { member_sequence: 1, status }).expect("nothing is open yet");
    apply(&mut account, &event);
    account
}

/// A NORMAL member's account with these points by month.
fn with(lots: &[(i32, i64)]) -> Account {
    let account = lots.iter().fold(opened(Normal), |account, (number, point)| after(account, &[Earn(*number, *point)]));
    assert_eq!(account.remain_point, lots.iter().map(|(_, point)| point).sum::<i64>());
    account
}

/// The account with so many of its points set aside by hold 1, from the lots that expire first.
fn holding(account: Account, amount: i64) -> Account {
    let cmd = HoldPoints { hold_id: 1, amount, ttl_s: HOLD_TTL_S, reference: None, payment_id: None, now_ms: 0 };
    let (event, mut account) = (hold_points(&account, &cmd).expect("as much is available"), account);
    apply(&mut account, &event);
    account
}

fn lots(account: &Account) -> Vec<(i32, i64)> {
    account.lots.iter().map(|(month, point)| (month.number(), point)).collect()
}

fn refusal(account: &Account, step: Step) -> Option<Rejection> {
    match ask(account, step) {
        Err(rejection) => Some(rejection),
        Ok(events) => events.iter().find_map(|event| match event {
            Event::AdjustmentRejected { reason, .. } => Some(*reason),
            _ => None,
        }),
    }
}

#[test]
fn earned_points_go_into_the_lot_of_their_expiry_month() {
    let account = after(opened(Normal), &[Earn(5, 10), Earn(3, 7), Earn(5, 1), Earn(9, 2)]);
    assert_eq!((account.remain_point, lots(&account)), (20, vec![(3, 7), (5, 11), (9, 2)]));
}

#[test]
fn spending_takes_the_lots_that_expire_first() {
    let account = with(&[(9, 30), (3, 10), (5, 20)]);
    for (amount, left) in [
        (1, vec![(3, 9), (5, 20), (9, 30)]),
        (10, vec![(5, 20), (9, 30)]),
        (25, vec![(5, 5), (9, 30)]),
        (30, vec![(9, 30)]),
        (59, vec![(9, 1)]),
        (60, vec![]),
    ] {
        for step in [Use(amount), Adjust(1, -amount)] {
            let spent = after(account.clone(), &[step]);
            assert_eq!((spent.remain_point, lots(&spent)), (60 - amount, left.clone()), "{step:?}");
        }
    }
}

#[test]
fn lots_from_rows_are_sorted_and_none_is_empty() {
    let account = Account { lots: Lots::new(vec![(month(5), 2), (month(4), 0), (month(3), 1)]), ..opened(Normal) };
    assert_eq!((lots(&account), account.lots.total()), (vec![(3, 1), (5, 2)], 3));
}

#[test]
fn more_than_the_balance_is_refused() {
    let account = with(&[(3, 10), (5, 20)]);
    for step in [Use(31), Use(MAX_AMOUNT), Adjust(1, -31), Adjust(1, -MAX_AMOUNT)] {
        assert_eq!(refusal(&account, step), Some(Rejection::InsufficientPoints), "{step:?}");
        assert_eq!(after(account.clone(), &[step]).lots, account.lots);
    }
}

#[test]
fn held_points_cannot_be_spent() {
    let account = holding(with(&[(3, 10), (5, 20)]), 21);
    assert_eq!(refusal(&account, Use(10)), Some(Rejection::InsufficientPoints));
    assert_eq!(refusal(&account, Adjust(1, -10)), Some(Rejection::InsufficientPoints));
    assert_eq!(refusal(&account, Use(9)), None);
}

#[test]
fn what_is_no_number_of_points_is_refused_and_not_remembered() {
    let account = with(&[(3, MAX_AMOUNT), (4, 1)]);
    for amount in [0, i64::MIN, i64::MAX, MAX_AMOUNT + 1, -MAX_AMOUNT - 1] {
        for step in [Earn(3, amount), Use(amount), Adjust(3, amount)] {
            assert_eq!(ask(&account, step), Err(Rejection::InvalidAmount), "{step:?}");
        }
    }
    for step in [Earn(3, -1), Use(-1)] {
        assert_eq!(ask(&account, step), Err(Rejection::InvalidAmount), "{step:?}");
    }
    for step in [Earn(3, MAX_AMOUNT), Use(MAX_AMOUNT), Adjust(3, MAX_AMOUNT), Adjust(3, -MAX_AMOUNT)] {
        assert_eq!(refusal(&account, step), None, "{step:?}");
    }
}

#[test]
fn a_balance_beyond_exact_numbers_is_refused() {
    let account = after(opened(Normal), &[Welcome(1, MAX_SAFE - 10)]);
    for step in [Earn(2, 11), Earn(1, MAX_AMOUNT), Adjust(1, 11)] {
        assert_eq!(refusal(&account, step), Some(Rejection::BalanceTooLarge), "{step:?}");
    }
    for step in [Earn(2, 10), Adjust(1, 10)] {
        assert_eq!(after(account.clone(), &[step]).remain_point, MAX_SAFE);
    }
    let unwelcomed = after(opened(Normal), &[Earn(1, 1)]);
    assert_eq!(ask(&unwelcomed, Welcome(1, MAX_SAFE)), Err(Rejection::BalanceTooLarge));
    assert_eq!(ask(&unwelcomed, Welcome(1, i64::MAX)), Err(Rejection::BalanceTooLarge));
}

#[test]
fn only_an_open_account_of_a_normal_member_moves() {
    let rich = with(&[(3, 100)]);
    for (steps, reason) in [
        (vec![Follow(2, Ready)], Rejection::MemberNotNormal),
        (vec![Follow(2, Abnormal)], Rejection::MemberNotNormal),
        (vec![Prepare(1)], Rejection::AccountClosing),
        (vec![Follow(2, Abnormal), Prepare(1)], Rejection::AccountClosing),
        (vec![Prepare(1), Leave(1)], Rejection::AccountUnknown),
        (vec![Leave(1)], Rejection::AccountUnknown),
    ] {
        let account = after(rich.clone(), &steps);
        for step in [Earn(3, 1), Use(1), Adjust(3, 1), Adjust(3, -1)] {
            assert_eq!(refusal(&account, step), Some(reason), "{step:?} after {steps:?}");
            let asked = after(account.clone(), &[step]);
            assert_eq!((asked.remain_point, asked.lots), (account.remain_point, account.lots.clone()));
        }
    }
}

#[test]
fn an_adjustment_is_echoed_granted_or_not() {
    let mut account = after(opened(Normal), &[Welcome(1, 1000)]);
    assert_eq!(account.require_point, None);
    for (amount, balance) in [(530, 1530), (-730, 800), (-801, 800), (-800, 0), (-1, 0)] {
        account = after(account, &[Adjust(1, amount)]);
        assert_eq!((account.require_point, account.remain_point), (Some(amount), balance));
    }
    for (unable, amount) in [(opened(Abnormal), 100), (opened(Abnormal), -50), (after(account, &[Prepare(1)]), 7)] {
        let asked = after(unable.clone(), &[Adjust(1, amount)]);
        assert_eq!(asked, Account { require_point: Some(amount), sequence: unable.sequence + 1, ..unable });
    }
    let closed = after(opened(Normal), &[Leave(1)]);
    assert_eq!(ask(&closed, Adjust(1, 5)), Err(Rejection::AccountUnknown));
}

#[test]
fn a_movement_says_why_and_what_it_is_about() {
    let account = with(&[(3, 100)]);
    let reference = Some(Reference { kind: "deal".into(), id: "7".into() });
    let reason = Some(String::from("goodwill"));
    let earn = EarnPoints { amount: 5, expires: month(4), reference: reference.clone(), reason: reason.clone() };
    let spend = UsePoints { amount: 5, reference: reference.clone(), reason: reason.clone() };
    let lower = AdjustPoints { amount: -5, expires: month(4), reference: reference.clone(), reason: reason.clone() };
    let raise = AdjustPoints { amount: 5, ..lower.clone() };
    let movement = |kind, amount, place| Movement {
        kind,
        amount,
        balance_after: 100 + amount,
        lots: LotChange::add(month(place), amount),
        reference: reference.clone(),
        reason: reason.clone(),
    };
    let moved = |movement| Ok(Event::PointsMoved(movement));
    assert_eq!(earn_points(&account, &earn), moved(movement(EntryKind::Earn, 5, 4)));
    assert_eq!(use_points(&account, &spend), moved(movement(EntryKind::Use, -5, 3)));
    assert_eq!(adjust_points(&account, &raise), Ok(movement(EntryKind::Adjust, 5, 4)));
    assert_eq!(adjust_points(&account, &lower), Ok(movement(EntryKind::Adjust, -5, 3)));
    assert_eq!(EntryKind::Earn.postings(5), ("programme", "member"));
    assert_eq!(EntryKind::Use.postings(-5), ("member", "programme"));
    assert_eq!(EntryKind::Forfeit.postings(-5), ("member", "breakage"));
}

#[test]
fn opening_twice_changes_nothing_not_even_after_closing() {
    for steps in [vec![], vec![Earn(1, 5)], vec![Prepare(1)], vec![Leave(1)]] {
        assert_eq!(ask(&after(opened(Normal), &steps), Open(9, Normal)), Ok(vec![]));
    }
}

#[test]
fn older_and_repeated_news_of_a_member_is_ignored() {
    let account =
        after(opened(Ready), &[Follow(5, Normal), Follow(4, Abnormal), Follow(5, Abnormal), Follow(1, Ready)]);
    assert_eq!((account.member_status, account.member_sequence, account.sequence), (Normal, 5, 2));
    assert_eq!(after(account.clone(), &[Follow(6, Abnormal)]).member_status, Abnormal);
    assert_eq!(ask(&after(account, &[Leave(1)]), Follow(9, Normal)), Ok(vec![]));
}

#[test]
fn the_welcome_is_given_once() {
    let account = after(opened(Normal), &[Welcome(4, 1000), Welcome(4, 1000), Use(1000), Welcome(5, 1000)]);
    assert_eq!((account.remain_point, account.welcomed, account.sequence), (0, true, 3));
    assert_eq!(after(opened(Normal), &[Welcome(4, 0), Welcome(4, -1)]), opened(Normal));
    assert_eq!(ask(&after(opened(Normal), &[Leave(1)]), Welcome(4, 1000)), Ok(vec![]));
}

#[test]
fn what_is_over_stays_over_in_every_order_of_prepare_and_release() {
    for (steps, closing, ended_attempt) in [
        (vec![Prepare(1)], Some(1), 0),
        (vec![Prepare(1), Prepare(1)], Some(1), 0),
        (vec![Prepare(1), Release(1)], None, 1),
        (vec![Prepare(1), Release(1), Release(1), Prepare(1)], None, 1),
        (vec![Release(1), Prepare(1)], None, 1),
        (vec![Release(1), Prepare(1), Prepare(2)], Some(2), 1),
        (vec![Prepare(1), Prepare(2)], Some(2), 0),
        (vec![Prepare(1), Prepare(2), Release(1)], Some(2), 1),
        (vec![Prepare(1), Prepare(2), Release(1), Release(2)], None, 2),
        (vec![Prepare(2), Prepare(1)], Some(2), 0),
        (vec![Prepare(2), Release(1), Prepare(1)], Some(2), 1),
        (vec![Prepare(1), Release(2), Prepare(2)], None, 2),
        (vec![Release(2), Release(1), Prepare(1)], None, 2),
    ] {
        let account = after(with(&[(3, 9)]), &steps);
        assert_eq!((account.closing, account.ended_attempt), (closing, ended_attempt), "{steps:?}");
        assert_eq!((account.remain_point, refusal(&account, Use(9)).is_some()), (9, closing.is_some()), "{steps:?}");
    }
    let again = |steps: &[Step], attempt| ask(&after(opened(Normal), steps), Prepare(attempt));
    assert_eq!(again(&[Prepare(1)], 1), Ok(vec![]));
    assert_eq!(again(&[Prepare(1), Release(1)], 1), Err(Rejection::AttemptOver));
    assert_eq!(again(&[Prepare(2)], 1), Err(Rejection::AttemptOver));
    assert_eq!(again(&[Leave(1)], 2), Err(Rejection::AttemptOver));
    assert_eq!(again(&[], 0), Err(Rejection::AttemptOver));
}

#[test]
fn closing_forfeits_every_lot_once_and_for_good() {
    let rich = with(&[(3, 10), (5, 20)]);
    for steps in [vec![], vec![Prepare(1)], vec![Release(1), Prepare(2)], vec![Follow(2, Abnormal)]] {
        let account = after(rich.clone(), &steps);
        let Some(Event::PointsMoved(forfeit)) = forfeit_points(&account) else { panic!("30 points are left") };
        assert_eq!((forfeit.kind, forfeit.amount, forfeit.balance_after), (EntryKind::Forfeit, -30, 0));
        assert_eq!(forfeit.lots, LotChange(vec![(month(3), -10), (month(5), -20)]));
        let closed = after(account.clone(), &[Leave(2)]);
        assert_eq!((closed.remain_point, lots(&closed)), (0, vec![]));
        assert_eq!((closed.closed, closed.closing, closed.sequence), (true, None, account.sequence + 2));
        let late =
            [Leave(2), Leave(3), Prepare(3), Release(2), Release(3), Follow(9, Normal), Welcome(1, 5), Earn(1, 5)];
        assert_eq!(after(closed.clone(), &late), closed);
    }
    assert_eq!(forfeit_points(&opened(Normal)), None);
}
