//! The rule *cancel*: a membership is taken back by its customer or the operator (SPEC section 4).

use super::{Event, Membership, MembershipStatus, Rejection};

/// Milliseconds of a day of 24 hours.
const DAY_MS: i64 = 86_400_000;

/// Cancels a membership. Before it is paid, and within `refund_days` times 24 hours of its purchase, money and unit are
/// given back; later neither is. `None`: it is cancelled already.
///
/// # Errors
/// [`Rejection::Refused`] and [`Rejection::Expired`]: there is nothing to cancel any more.
pub fn cancel_membership(membership: &Membership, now_ms: i64, refund_days: i64) -> Result<Option<Event>, Rejection> {
    let cancelled = |refunds| Ok(Some(Event::MembershipCancelled { membership: membership.facts.clone(), refunds }));
    let refunds_until_ms = membership.facts.purchased_at_ms.saturating_add(refund_days.saturating_mul(DAY_MS));
    match membership.status_at(now_ms) {
        MembershipStatus::Requested => cancelled(true),
        MembershipStatus::Use => cancelled(now_ms < refunds_until_ms),
        MembershipStatus::Canc => Ok(None),
        MembershipStatus::Refused => Err(Rejection::Refused),
        MembershipStatus::Expired => Err(Rejection::Expired),
    }
}
