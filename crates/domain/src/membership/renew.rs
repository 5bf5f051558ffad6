//! The rule *renew*: a membership of its own that begins where another one ends (SPEC section 4).

use super::{Membership, MembershipStatus, Rejection};

/// Whether this membership can be renewed by this customer: it is good, theirs, and not renewed already.
///
/// # Errors
/// [`Rejection::RenewedUnknown`], [`Rejection::RenewedOfAnother`], [`Rejection::RenewedNotInUse`],
/// [`Rejection::RenewedAlready`].
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
    Ok(())
}
