//! Donating: who has more than the bound may give up to all of it.

use super::*;

const ABOVE: i64 = 1_000;

fn donate(account: &Account, amount: i64) -> Result<Event, Rejection> {
    let reference = Some(Reference { kind: "donation".into(), id: "4".into() });
    donate_points(account, &DonatePoints { amount, balance_above: ABOVE, reference })
}

#[test]
fn a_donation_needs_more_than_the_bound_and_at_most_what_is_available() {
    for (balance, amount, reason) in [
        (1_530, 1, None),
        (1_530, 1_530, None),
        (1_530, 1_531, Some(Rejection::InsufficientPoints)),
        (1_001, 1_001, None),
        (1_000, 1, Some(Rejection::BalanceTooLow)),
        (1_000, 1_001, Some(Rejection::BalanceTooLow)),
        (800, 100, Some(Rejection::BalanceTooLow)),
        (1_530, 0, Some(Rejection::InvalidAmount)),
        (1_530, -1, Some(Rejection::InvalidAmount)),
        (1_530, i64::MIN, Some(Rejection::InvalidAmount)),
        (1_530, MAX_AMOUNT + 1, Some(Rejection::InvalidAmount)),
        (1_530, MAX_AMOUNT, Some(Rejection::InsufficientPoints)),
    ] {
        assert_eq!(donate(&with(&[(3, balance)]), amount).err(), reason, "{amount} of {balance}");
    }
}

#[test]
fn held_points_count_neither_for_the_bound_nor_for_the_amount() {
    let account = |held| holding(with(&[(3, 1_530)]), held);
    assert_eq!(donate(&account(530), 1).err(), Some(Rejection::BalanceTooLow));
    assert_eq!(donate(&account(529), 1_002).err(), Some(Rejection::InsufficientPoints));
    assert_eq!(donate(&account(529), 1_001).err(), None);
}

#[test]
fn only_an_open_account_of_a_normal_member_donates() {
    for (steps, reason) in [
        (vec![Follow(2, Ready)], Rejection::MemberNotNormal),
        (vec![Follow(2, Abnormal)], Rejection::MemberNotNormal),
        (vec![Prepare(1)], Rejection::AccountClosing),
        (vec![Leave(1)], Rejection::AccountUnknown),
    ] {
        let account = after(with(&[(3, 1_530)]), &steps);
        assert_eq!(donate(&account, 1), Err(reason), "{steps:?}");
    }
}

#[test]
fn a_donation_takes_the_lots_that_expire_first_and_gives_to_the_cause() {
    let mut account = with(&[(9, 30), (3, 1_000), (5, 500)]);
    let event = donate(&account, 1_200).expect("1,530 are enough");
    let Event::PointsMoved(movement) = &event else { panic!("points move: {event:?}") };
    assert_eq!((movement.kind, movement.amount, movement.balance_after), (EntryKind::Donate, -1_200, 330));
    assert_eq!(movement.kind.postings(movement.amount), ("member", "cause"));
    assert_eq!(movement.reference, Some(Reference { kind: "donation".into(), id: "4".into() }));
    apply(&mut account, &event);
    assert_eq!((account.remain_point, lots(&account)), (330, vec![(5, 300), (9, 30)]));
    assert_eq!(donate(&account, 1), Err(Rejection::BalanceTooLow), "what is left is too little for another one");
}

#[test]
fn the_names_of_kinds_and_reasons_lead_back_to_them() {
    assert_eq!(EntryKind::from_name(EntryKind::Donate.name()), Some(EntryKind::Donate));
    assert_eq!(Rejection::from_reason(Rejection::BalanceTooLow.reason()), Some(Rejection::BalanceTooLow));
}
