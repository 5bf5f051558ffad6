//! Memberships by table: each verb in each status, renewals, the calendar, the days of refunds.

use alloc::string::ToString as _;

use super::*;
use crate::kernel::Day;
use crate::payment::{Event as PaymentEvent, Order, PaymentFacts};

const DAY_MS: i64 = 86_400_000;
const TERM: Term = Term { starts_at_ms: 1_000, expires_at_ms: 366 * DAY_MS };

fn facts(mem_id: i64, renews_mem_id: Option<i64>) -> MembershipFacts {
    MembershipFacts {
        mem_id,
        unit_id: 10 + mem_id,
        product_id: 1,
        product_name: "CLUB".to_string(),
        price_won: 30_000,
        months: 12,
        customer_id: Some(1),
        method: PaymentMethod::Card,
        purchased_at_ms: 1_000,
        renews_mem_id,
    }
}

fn requested() -> Option<Membership> {
    let mut membership = None;
    apply(&mut membership, None, &request_membership(None, None, facts(1, None)).expect("it can be bought"));
    membership
}

fn payment(mem_id: i64) -> PaymentFacts {
    PaymentFacts {
        payment_id: 5,
        order: Order::Membership(mem_id),
        customer_id: Some(1),
        amount_won: 30_000,
        method: PaymentMethod::Card,
    }
}

fn approved() -> PaymentEvent {
    PaymentEvent::PaymentApproved(payment(1))
}

fn declined() -> PaymentEvent {
    PaymentEvent::PaymentDeclined { payment: payment(1), reason: "card_declined".to_string() }
}

/// A membership in each status, as the verbs bring it there.
fn standing(status: MembershipStatus) -> Membership {
    let mut membership = requested();
    let now = |membership: &Option<Membership>| membership.clone().expect("it is there");
    let paid = || record_payment(&now(&requested()), &approved(), Some(TERM)).expect("it is requested");
    let first = match status {
        MembershipStatus::Requested => None,
        MembershipStatus::Use | MembershipStatus::Expired => Some(paid()),
        MembershipStatus::Canc => cancel_membership(&now(&membership), 2_000, 7).expect("it may"),
        MembershipStatus::Refused => record_payment(&now(&membership), &declined(), Some(TERM)),
    };
    if let Some(event) = first {
        apply(&mut membership, None, &event);
    }
    if status == MembershipStatus::Expired {
        let event = expire_membership(&now(&membership), TERM.expires_at_ms).expect("it is over");
        apply(&mut membership, None, &event);
    }
    let membership = now(&membership);
    assert_eq!(membership.status, status);
    membership
}

#[test]
fn payment_is_heard_once() {
    for status in MembershipStatus::ALL {
        let membership = standing(status);
        let is_open = status == MembershipStatus::Requested;
        assert_eq!(record_payment(&membership, &approved(), Some(TERM)).is_some(), is_open, "{status:?}");
        assert_eq!(record_payment(&membership, &declined(), Some(TERM)).is_some(), is_open, "{status:?}");
    }
    let membership = standing(MembershipStatus::Requested);
    let refunded = PaymentEvent::PaymentRefunded { payment: payment(1), refunded_won: 0 };
    for nothing in [PaymentEvent::PaymentRequested(payment(1)), PaymentEvent::PaymentCanceled(payment(1)), refunded] {
        assert_eq!(record_payment(&membership, &nothing, Some(TERM)), None);
    }
    let other_amount = PaymentFacts { amount_won: 1, ..payment(1) };
    let other_order = PaymentFacts { order: Order::Cart(1), ..payment(1) };
    for other in [payment(2), other_amount, other_order] {
        assert_eq!(record_payment(&membership, &PaymentEvent::PaymentApproved(other), Some(TERM)), None);
    }
}

#[test]
fn a_paid_membership_tells_its_time_and_a_refused_one_why() {
    let paid = standing(MembershipStatus::Use);
    assert_eq!((paid.payment_id, paid.starts_at_ms, paid.expires_at_ms), (Some(5), Some(1_000), Some(366 * DAY_MS)));
    assert_eq!(paid.sequence, 2);
    let refused = standing(MembershipStatus::Refused);
    assert_eq!((refused.payment_id, refused.fail_reason.as_deref()), (Some(5), Some("card_declined")));
}

#[test]
fn a_cancel_refunds_before_payment_and_within_its_days() {
    let refunds = |status, now_ms, days| match cancel_membership(&standing(status), now_ms, days) {
        Ok(Some(Event::MembershipCancelled { refunds, .. })) => Some(refunds),
        other => panic!("{other:?}"),
    };
    assert_eq!(refunds(MembershipStatus::Requested, 300 * DAY_MS, 7), Some(true), "it was never paid");
    assert_eq!(refunds(MembershipStatus::Use, 1_000, 7), Some(true));
    assert_eq!(refunds(MembershipStatus::Use, 1_000 + 7 * DAY_MS - 1, 7), Some(true));
    assert_eq!(refunds(MembershipStatus::Use, 1_000 + 7 * DAY_MS, 7), Some(false));
    assert_eq!(refunds(MembershipStatus::Use, 1_000, 0), Some(false), "no days at all");
    assert_eq!(cancel_membership(&standing(MembershipStatus::Canc), 5_000, 7), Ok(None));
    assert_eq!(cancel_membership(&standing(MembershipStatus::Refused), 5_000, 7), Err(Rejection::Refused));
    assert_eq!(cancel_membership(&standing(MembershipStatus::Expired), 5_000, 7), Err(Rejection::Expired));
    let over = cancel_membership(&standing(MembershipStatus::Use), TERM.expires_at_ms, 1_000);
    assert_eq!(over, Err(Rejection::Expired), "over, though nobody has noted it");
}

#[test]
fn only_what_is_paid_expires_and_at_its_instant() {
    for status in MembershipStatus::ALL {
        let due = expire_membership(&standing(status), TERM.expires_at_ms).is_some();
        assert_eq!(due, status == MembershipStatus::Use, "{status:?}");
    }
    let membership = standing(MembershipStatus::Use);
    assert_eq!(expire_membership(&membership, TERM.expires_at_ms - 1), None);
    assert_eq!(membership.status_at(TERM.expires_at_ms - 1), MembershipStatus::Use);
    assert_eq!(membership.status_at(TERM.expires_at_ms), MembershipStatus::Expired);
}

#[test]
fn a_unit_becomes_a_membership_or_never_does() {
    assert_eq!(claim_unit(None, 11), Some(Event::UnitRefused { unit_id: 11 }));
    for known in [UnitClaim::Refused, UnitClaim::Membership(1)] {
        assert_eq!(claim_unit(Some(known), 11), None);
        assert_eq!(request_membership(Some(known), None, facts(1, None)), Err(Rejection::UnitGone));
    }
}

#[test]
fn only_a_good_membership_of_the_same_customer_is_renewed_and_once() {
    let renewal = |renewed: Option<&Membership>, customer_id| {
        request_membership(None, renewed, MembershipFacts { customer_id, ..facts(2, Some(1)) })
    };
    assert_eq!(renewal(None, Some(1)), Err(Rejection::RenewedUnknown));
    let mut renewed = standing(MembershipStatus::Use);
    assert_eq!(renewal(Some(&renewed), Some(2)), Err(Rejection::RenewedOfAnother));
    assert_eq!(renewal(Some(&renewed), None), Err(Rejection::RenewedOfAnother));
    for status in MembershipStatus::ALL {
        let found = renewal(Some(&standing(status)), Some(1));
        assert_eq!(found.is_ok(), status == MembershipStatus::Use, "{status:?}");
    }
    let event = renewal(Some(&renewed), Some(1)).expect("it may");
    let mut membership = None;
    apply(&mut membership, Some(&mut renewed), &event);
    assert_eq!(renewal(Some(&renewed), Some(1)), Err(Rejection::RenewedAlready));
    // A renewal that was cancelled makes room for another one.
    let cancelled = cancel_membership(membership.as_ref().expect("it is there"), 2_000, 7).expect("it may");
    apply(&mut membership, Some(&mut renewed), &cancelled.expect("it was not cancelled"));
    assert!(renewal(Some(&renewed), Some(1)).is_ok());
}

#[test]
fn what_ends_beyond_all_reason_is_not_renewed() {
    let ending = |end_ms| Membership { expires_at_ms: Some(end_ms), ..standing(MembershipStatus::Use) };
    let last = Day::new(9_800, 1, 1);
    assert_eq!(i64::from(last.number()) * DAY_MS, renew::LAST_RENEWED_END_MS);
    let refused = can_renew(Some(&ending(renew::LAST_RENEWED_END_MS)), Some(1), 2_000);
    assert_eq!(refused, Err(Rejection::RenewedTooFar));
    assert_eq!(can_renew(Some(&ending(renew::LAST_RENEWED_END_MS - 1)), Some(1), 2_000), Ok(()));
    assert!(end_day(last, 1_200).month.year() <= 9_999, "the longest there is ends within the calendar");
}

#[test]
fn only_an_approval_of_what_is_open_needs_a_term() {
    for status in MembershipStatus::ALL {
        assert_eq!(activates(&standing(status), &approved()), status == MembershipStatus::Requested, "{status:?}");
        assert!(!activates(&standing(status), &declined()));
    }
    let open = standing(MembershipStatus::Requested);
    assert!(record_payment(&open, &declined(), None).is_some());
    assert_eq!(record_payment(&open, &approved(), None), None);
}

#[test]
fn a_renewal_begins_where_the_other_ends() {
    let renewed = standing(MembershipStatus::Use);
    assert_eq!(starts_at_ms(&facts(2, Some(1)), Some(&renewed)), TERM.expires_at_ms);
    assert_eq!(starts_at_ms(&facts(1, None), None), 1_000);
}

#[test]
fn a_year_is_a_calendar_year() {
    for (starts, months, ends) in [
        (Day::new(2026, 11, 21), 12, Day::new(2027, 11, 21)),
        (Day::new(2024, 2, 29), 12, Day::new(2025, 2, 28)),
        (Day::new(2025, 2, 28), 12, Day::new(2026, 2, 28)),
        (Day::new(2023, 2, 28), 12, Day::new(2024, 2, 28)),
        (Day::new(2024, 2, 29), 48, Day::new(2028, 2, 29)),
        (Day::new(2026, 8, 31), 1, Day::new(2026, 9, 30)),
        (Day::new(2026, 12, 31), 2, Day::new(2027, 2, 28)),
    ] {
        assert_eq!(end_day(starts, months), ends, "{starts} + {months}");
    }
}
