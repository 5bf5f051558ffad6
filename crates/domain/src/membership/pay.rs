//! The rule *record*: what payment said of a membership, and the calendar time for which it is good (SPEC section 4).

use super::{Event, Membership, MembershipFacts, MembershipStatus};
use crate::kernel::Day;
use crate::payment::{Event as PaymentEvent, Order};

/// The time for which a membership is good, in milliseconds since 1970 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// From when on.
    pub starts_at_ms: i64,
    /// Until when; at this instant it is over.
    pub expires_at_ms: i64,
}

/// From when on a membership is good: from its purchase on, or from the end of the one that it renews. That end stays
/// where it is, also if that one is cancelled in the meantime.
#[must_use]
pub fn starts_at_ms(membership: &MembershipFacts, renewed: Option<&Membership>) -> i64 {
    let end_ms = renewed.and_then(|renewed| renewed.expires_at_ms);
    end_ms.unwrap_or(membership.purchased_at_ms)
}

/// The day on which a membership of so many calendar months ends that begins on this one, at the same time of day. From
/// 29 February it is 28 February in a year that has no 29th.
#[must_use]
pub fn end_day(starts: Day, months: i64) -> Day {
    starts.plus_months(i32::try_from(months).unwrap_or(i32::MAX))
}

/// Whether a payment is about this membership: a store that was restored on its own gives numbers out again.
#[must_use]
pub fn is_about(membership: &Membership, payment: &PaymentEvent) -> bool {
    let (facts, paid) = (&membership.facts, payment.payment());
    paid.order == Order::Membership(facts.mem_id) && paid.amount_won == facts.price_won
}

/// Whether this payment makes a membership good: only then its [`Term`] is needed.
#[must_use]
pub fn activates(membership: &Membership, payment: &PaymentEvent) -> bool {
    is_open_to(membership, payment) && matches!(payment, PaymentEvent::PaymentApproved(_))
}

fn is_open_to(membership: &Membership, payment: &PaymentEvent) -> bool {
    membership.status == MembershipStatus::Requested && is_about(membership, payment)
}

/// Records what payment said; `term` is that of a membership which it [`activates`]. `None`: it says nothing about whether
/// it is paid, or the membership was decided before.
#[must_use]
pub fn record_payment(membership: &Membership, payment: &PaymentEvent, term: Option<Term>) -> Option<Event> {
    if !is_open_to(membership, payment) {
        return None;
    }
    let membership = membership.facts.clone();
    match payment {
        PaymentEvent::PaymentApproved(paid) => term.map(|Term { starts_at_ms, expires_at_ms }| {
            Event::MembershipActivated { membership, payment_id: paid.payment_id, starts_at_ms, expires_at_ms }
        }),
        PaymentEvent::PaymentDeclined { payment, reason } => {
            Some(Event::MembershipRefused { membership, payment_id: payment.payment_id, reason: reason.clone() })
        }
        PaymentEvent::PaymentRequested(_) | PaymentEvent::PaymentCanceled(_) | PaymentEvent::PaymentRefunded { .. } => {
            None
        }
    }
}
