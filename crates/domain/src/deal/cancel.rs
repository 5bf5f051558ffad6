//! The rule *cancel*: a deal is taken back, wholly or in part (SPEC section 4). It is deal's own decision, because deal
//! knows what was earned or used and how much of it was cancelled; the points follow.

use super::{Deal, DealFacts, DealType, Event, fail};

/// A merchant takes a deal back.
#[derive(Debug, Clone)]
pub struct CancelDeal {
    /// The number that the cancelling deal gets.
    pub deal_id: i64,
    /// Whose points.
    pub member_id: i64,
    /// Where.
    pub merchant_id: i64,
    /// `SaveCancel`, `UseCancel`, or `Cancel` for whichever is found.
    pub deal_type: DealType,
    /// What was paid, in won, as the client says it; finds the deal where none is named. 0 where nothing was said.
    pub deal_amount: i64,
    /// Counts only if it is at least 1 and less than what is left: then only so much is cancelled.
    pub point: Option<i64>,
    /// The deal to cancel; without it the newest that fits.
    pub original_deal_id: Option<i64>,
    /// When, in milliseconds since 1970 in UTC.
    pub now_ms: i64,
    /// The month that it is then in the programme's time zone, `yyyyMM`.
    pub month: i64,
}

/// Whether this is a deal that the command may be about: of the same member and merchant, of a fitting type, happened,
/// and with something left; the one that is named, or else one of the same amount.
#[must_use]
pub fn can_cancel(deal: &Deal, cmd: &CancelDeal) -> bool {
    let facts = &deal.facts;
    let fits = match cmd.deal_type {
        DealType::SaveCancel => facts.deal_type == DealType::Save,
        DealType::UseCancel => facts.deal_type == DealType::Use,
        _ => true,
    };
    let is_meant = match cmd.original_deal_id {
        Some(original) => facts.deal_id == original,
        None => facts.deal_amount == cmd.deal_amount,
    };
    let is_theirs = (facts.member_id, facts.merchant_id) == (cmd.member_id, cmd.merchant_id);
    is_theirs && is_meant && fits && deal.left_point() > 0
}

/// Cancels `original`, which is one that [`can_cancel`] lets through; fails without one. `may_owe`: points of a `save`
/// that were spent already are owed. Otherwise point decides, and what is to be cancelled is set aside until then.
#[must_use]
pub fn cancel_deal(original: Option<&Deal>, cmd: &CancelDeal, may_owe: bool) -> Event {
    let asked = DealFacts {
        deal_id: cmd.deal_id,
        member_id: cmd.member_id,
        merchant_id: cmd.merchant_id,
        deal_type: cmd.deal_type,
        deal_amount: cmd.deal_amount,
        point: 0,
        original_deal_id: cmd.original_deal_id,
        dealt_at_ms: cmd.now_ms,
        month: cmd.month,
    };
    let Some(original) = original.filter(|deal| can_cancel(deal, cmd)) else {
        return Event::DealFailed { deal: asked, reason: fail::NOTHING_TO_CANCEL.into() };
    };
    let left = original.left_point();
    let cancelled = DealFacts {
        point: cmd.point.filter(|point| (1..left).contains(point)).unwrap_or(left),
        deal_amount: original.facts.deal_amount,
        original_deal_id: Some(original.facts.deal_id),
        ..asked
    };
    match original.facts.deal_type {
        DealType::Use => Event::UseCancelled(DealFacts { deal_type: DealType::UseCancel, ..cancelled }),
        _ => {
            let cancelled = DealFacts { deal_type: DealType::SaveCancel, ..cancelled };
            if may_owe { Event::SaveCancelled(cancelled) } else { Event::DealRequested(cancelled) }
        }
    }
}
