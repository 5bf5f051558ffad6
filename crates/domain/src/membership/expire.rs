//! A membership's time is over.

use super::{Event, Membership, MembershipStatus};

/// Notes that a membership is no longer good. `None`: it is good, was never paid, was cancelled, or was noted before.
#[must_use]
pub fn expire_membership(membership: &Membership, now_ms: i64) -> Option<Event> {
    let is_due =
        membership.status != membership.status_at(now_ms) && membership.status_at(now_ms) == MembershipStatus::Expired;
    is_due.then(|| Event::MembershipExpired(membership.facts.clone()))
}
