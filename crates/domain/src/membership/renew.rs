//! The rule *renew*: a membership of its own that begins where another one ends (SPEC section 4).

use super::{Membership, MembershipStatus, Rejection};

/// What ends at this instant or later is not renewed: 1 January 9800, in milliseconds since 1970 in UTC. A membership lasts
/// at most 100 years, and the calendar ends with the year 9999.
pub(super) const LAST_RENEWED_END_MS: i64 = 247_090_953_600_000;

/// Whether this membership can be renewed by this customer: it is good, theirs, not renewed already, and
/// its end is not beyond all reason.
///
/// # Errors
/// [`Rejection::RenewedUnknown`], [`Rejection::RenewedOfAnother`], [`Rejection::RenewedNotInUse`],
/// [`Rejection::RenewedAlready`], [`Rejection::RenewedTooFar`].
pub fn can_renew(renewed: Option<&Membership>, customer_id: Option<i64>, now_ms: i64) -> Result<(), Rejection> {
    let renewed = renewed.ok_or(Rejection::RenewedUnknown)?;
    if renewed.facts.customer_id != customer_id {
        return Err(Rejection::RenewedOfAnother);
    }
    if renewed.status_at(now_ms) != MembershipStatus::Use {
        return Err(Rejection::RenewedNotInUse);
    }
    if renewed.renewed_by.is_some() {
        return Err(Rejection::RenewedAlready);
    }
    if renewed.expires_at_ms.is_some_and(|end_ms| end_ms >= LAST_RENEWED_END_MS) {
        return Err(Rejection::RenewedTooFar);
    }
    Ok(())
}
