//! The rule *record*: what point decided, whichever way its answer came (SPEC section 4).

use alloc::vec;
use alloc::vec::Vec;

use super::{Deal, DealStatus, DealType, Event, PointStatus, fail};
use crate::point::DealDecision;

/// What point says of a deal whose `use` was voided before it came.
const VOIDED: &str = "voided";

/// Whether a decision is about this deal: a store that was restored on its own gives numbers out again. A `save` or `use`
/// that happened moved its points, all of them.
#[must_use]
pub fn is_about(deal: &Deal, decision: &DealDecision) -> bool {
    let facts = &deal.facts;
    let moves_all = decision.done && matches!(facts.deal_type, DealType::Save | DealType::Use);
    (facts.deal_id, facts.member_id) == (decision.deal_id, decision.member_id)
        && (!moves_all || decision.moved_point == facts.point)
}

/// Records what point decided. Nothing: it is recorded already, or the deal ended otherwise meanwhile.
#[must_use]
pub fn record_decision(deal: &Deal, decision: &DealDecision) -> Vec<Event> {
    if !is_about(deal, decision) {
        return Vec::new();
    }
    let facts = deal.facts.clone();
    let completed = Event::CancelCompleted {
        deal_id: facts.deal_id,
        moved_point: decision.moved_point,
        owed_point: decision.owed_point,
    };
    match (deal.status, facts.deal_type) {
        (DealStatus::Pending, _) if !decision.done => {
            let reason = match decision.reason.as_deref() {
                Some(VOIDED) | None => fail::TIMED_OUT,
                Some(reason) => reason,
            };
            vec![Event::DealFailed { deal: facts, reason: reason.into() }]
        }
        (DealStatus::Pending, DealType::Save) => vec![Event::SaveDealt(facts)],
        (DealStatus::Pending, DealType::Use) => vec![Event::UseDealt(facts)],
        (DealStatus::Pending, DealType::SaveCancel) => vec![Event::SaveCancelled(facts), completed],
        (DealStatus::Success, _) if decision.done && deal.point_status == Some(PointStatus::Pending) => vec![completed],
        _ => Vec::new(),
    }
}
