//! What point is asked about a deal.

use super::{Deal, DealStatus, DealType, PointStatus};
use crate::point::DealAsk;

/// The question that is open; `None` if point has been heard of, or has nothing to do with it. Of a cancel that stands
/// the points follow whatever the member has left; one that waits for point's word may be refused.
#[must_use]
pub fn open_ask(deal: &Deal) -> Option<DealAsk> {
    let is_pending = deal.status == DealStatus::Pending;
    if !is_pending && deal.point_status != Some(PointStatus::Pending) {
        return None;
    }
    match (deal.facts.deal_type, deal.facts.original_deal_id) {
        (DealType::Save, _) => Some(DealAsk::Save),
        (DealType::Use, _) => Some(DealAsk::Use),
        (DealType::SaveCancel, Some(of)) => Some(DealAsk::CancelSave { of, may_owe: !is_pending }),
        (DealType::UseCancel, Some(of)) => Some(DealAsk::CancelUse { of }),
        (DealType::SaveCancel | DealType::UseCancel | DealType::Cancel, _) => None,
    }
}
