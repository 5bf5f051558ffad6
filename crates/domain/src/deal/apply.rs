//! What an event makes of a deal, and of the one that this deal cancels.

use super::{Deal, DealFacts, DealStatus, Event, PointStatus, fail};

/// Takes what happened into the deal that it is about, and into the one that this deal cancels.
pub fn apply(deal: &mut Option<Deal>, original: Option<&mut Deal>, event: &Event) {
    match event {
        Event::DealRequested(facts) => {
            reserve(original, facts.point);
            *deal = Some(fresh(facts, DealStatus::Pending));
        }
        Event::SaveCancelled(facts) | Event::UseCancelled(facts) => {
            // One that waited for point's word took its points of the original then.
            if deal.is_none() {
                reserve(original, facts.point);
            }
            let point_status = Some(PointStatus::Pending);
            *deal = Some(Deal { point_status, ..fresh(facts, DealStatus::Success) });
        }
        Event::SaveDealt(facts) | Event::UseDealt(facts) => *deal = Some(fresh(facts, DealStatus::Success)),
        Event::DealFailed { deal: facts, reason } => {
            if deal.is_some() {
                reserve(original, -facts.point);
            }
            *deal = Some(Deal { fail_reason: Some(reason.clone()), ..fresh(facts, DealStatus::Fail) });
        }
        Event::UseVoided(facts) => {
            *deal = Some(Deal { fail_reason: Some(fail::TIMED_OUT.into()), ..fresh(facts, DealStatus::Fail) });
        }
        Event::DealLeftToPoint(_) => {
            if let Some(deal) = deal {
                deal.left_to_point = true;
            }
        }
        Event::CancelCompleted { .. } => {
            if let Some(deal) = deal {
                deal.point_status = Some(PointStatus::Done);
            }
        }
        Event::MerchantOpened(_) | Event::MerchantChanged(_) => {}
    }
}

fn reserve(original: Option<&mut Deal>, point: i64) {
    if let Some(original) = original {
        original.cancelled_point += point;
    }
}

fn fresh(facts: &DealFacts, status: DealStatus) -> Deal {
    Deal {
        facts: facts.clone(),
        status,
        cancelled_point: 0,
        point_status: None,
        fail_reason: None,
        left_to_point: false,
    }
}
