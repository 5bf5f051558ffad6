//! What became of a unit that product keeps and has heard nothing of (decision 0013).

use super::Event;

/// What is known of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitClaim {
    /// It became the membership with this number.
    Membership(i64),
    /// It never becomes one.
    Refused,
}

/// Product asks what became of a unit. One that became nothing yet never will: from this event on no membership is
/// stored with it. `None`: it is known already.
#[must_use]
pub fn claim_unit(claim: Option<UnitClaim>, unit_id: i64) -> Option<Event> {
    claim.is_none().then_some(Event::UnitRefused { unit_id })
}
