//! What followers of point's log are told of an event of the rules.

use domain::point::{Account, Event};

use super::entry::PointEvent;
use super::hold::HoldFacts;

/// The event as it stands in the log; nothing for one that moves points, which is an entry. `account` is as it stands
/// afterwards.
pub(super) fn told(event: &Event, account: &Account, forfeited_point: i64) -> Option<PointEvent> {
    let Account { member_id, member_status, remain_point, owed, .. } = *account;
    Some(match event {
        Event::PointsMoved(_) | Event::PointsAdjusted(_) | Event::HoldCaptured { .. } => return None,
        Event::AccountOpened { .. } => PointEvent::AccountOpened { member_id },
        Event::StatusFollowed { status, .. } => PointEvent::StatusFollowed { member_id, status: *status },
        Event::AdjustmentRejected { require_point, reason } => PointEvent::AdjustmentRejected {
            member_id,
            require_point: *require_point,
            reason: reason.reason().to_owned(),
            member_status,
            remain_point,
        },
        Event::DonationDecided(decision) => PointEvent::DonationDecided(decision.clone()),
        Event::DealDecided(decision) => PointEvent::DealDecided(decision.clone()),
        Event::PointsClawedBack { taken_point, owed_point } => PointEvent::PointsClawedBack {
            member_id,
            taken_point: *taken_point,
            owed_point: *owed_point,
            owed,
            remain_point,
        },
        Event::PointsHeld(hold) => PointEvent::PointsHeld(HoldFacts::of(hold)),
        Event::HoldReleased(hold) => PointEvent::HoldReleased(HoldFacts::of(hold)),
        Event::HoldExpired(hold) => PointEvent::HoldExpired(HoldFacts::of(hold)),
        Event::ExpiryAnnounced { month, days, days_left, point } => PointEvent::ExpiryAnnounced {
            member_id,
            month: month.to_string(),
            days: *days,
            days_left: *days_left,
            point: *point,
        },
        Event::ExpiryUnannounced { month, missed, reason } => PointEvent::ExpiryUnannounced {
            member_id,
            month: month.to_string(),
            missed: missed.clone(),
            reason: reason.reason().to_owned(),
        },
        Event::WithdrawalPrepared { attempt } => PointEvent::WithdrawalPrepared { member_id, attempt: *attempt },
        Event::WithdrawalReleased { attempt } => PointEvent::WithdrawalReleased { member_id, attempt: *attempt },
        Event::AccountClosed { attempt } => PointEvent::AccountClosed { member_id, attempt: *attempt, forfeited_point },
    })
}
