//! The rule *request*: a membership is bought with a unit that product keeps, and payment follows (SPEC section 4).

use super::renew::can_renew;
use super::{Event, Membership, MembershipFacts, Rejection, UnitClaim};

/// A new membership under a number that was never used. `claim` is what is known of its unit, `renewed` the membership
/// that it names, if it names one and there is one.
///
/// # Errors
/// [`Rejection::UnitGone`]; those of [`can_renew`].
pub fn request_membership(
    claim: Option<UnitClaim>,
    renewed: Option<&Membership>,
    membership: MembershipFacts,
) -> Result<Event, Rejection> {
    if membership.renews_mem_id.is_some() {
        can_renew(renewed, membership.customer_id, membership.purchased_at_ms)?;
    }
    if claim.is_some() {
        return Err(Rejection::UnitGone);
    }
    Ok(Event::MembershipRequested(membership))
}
