//! The rule *give up*: a deal of which nobody learned in time what point decided (SPEC section 4).

use super::{Deal, DealStatus, DealType, Event};

/// A deal that has been pending for so many milliseconds is given up by whoever asked for it.
pub const ABANDONED_MS: i64 = 30_000;

/// Ends a `use` as failed: point gives back what it took. Leaves anything else to point, which decides it by this
/// event. `None`: it is not pending, not old enough, or was left to point before.
#[must_use]
pub fn give_up(deal: &Deal, now_ms: i64) -> Option<Event> {
    let is_due = deal.facts.dealt_at_ms.saturating_add(ABANDONED_MS) <= now_ms;
    if deal.status != DealStatus::Pending || deal.left_to_point || !is_due {
        return None;
    }
    Some(match deal.facts.deal_type {
        DealType::Use => Event::UseVoided(deal.facts.clone()),
        _ => Event::DealLeftToPoint(deal.facts.clone()),
    })
}
