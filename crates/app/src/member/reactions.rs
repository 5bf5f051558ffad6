//! What member does when a message or a notice ended, a join coupon was issued or taken back, or an account or a wallet
//! was closed.

use domain::coupon::Event as CouponEvent;
use domain::member::Confirmation;
use domain::notification::{Event as NotificationEvent, MessageStatus};
use platform::error::Result;
use platform::log;

use super::writer::Command;
use crate::point::PointEvent;

/// Turns events of notification into commands of member.
pub(super) fn on_notification_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut commands = Vec::with_capacity(events.len());
    for event in events.iter().filter(|event| ["MessageEnded", "NoticeEnded"].contains(&event.kind.as_str())) {
        match event.decode()? {
            // Other messages say nothing about the phone number.
            NotificationEvent::MessageEnded { member_id, phone_revision, status, .. } if phone_revision > 0 => {
                let delivered = status == MessageStatus::Success;
                commands.push(Command::RecordDelivery { member_id, phone_revision, delivered });
            }
            NotificationEvent::NoticeEnded { member_id: Some(member_id), status: MessageStatus::Success, .. } => {
                commands.push(Command::NoteOperatorTold { member_id });
            }
            _ => {}
        }
    }
    Ok(commands)
}

/// Turns events of point into commands of member.
pub(super) fn on_point_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut commands = Vec::new();
    // Of point's many events only this one matters here; the others are not even read.
    for event in events.iter().filter(|event| event.kind == "AccountClosed") {
        if let PointEvent::AccountClosed { member_id, forfeited_point, .. } = event.decode()? {
            let confirmation = Confirmation::Point { forfeited_point };
            commands.push(Command::ConfirmWithdrawal { member_id, confirmation });
        }
    }
    Ok(commands)
}

/// Events of coupon that concern membership.
const COUPON_KINDS: [&str; 3] = ["CouponIssued", "CouponCancelled", "WalletClosed"];

/// Turns events of coupon into commands of member. Coupons of campaigns are no concern of membership.
pub(super) fn on_coupon_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut commands = Vec::new();
    for event in events.iter().filter(|event| COUPON_KINDS.contains(&event.kind.as_str())) {
        match event.decode()? {
            CouponEvent::CouponIssued { member_id, campaign_id: None, .. } => {
                commands.push(Command::NoteCoupon { member_id, cancelled: false });
            }
            CouponEvent::CouponCancelled(coupon) if coupon.campaign_id.is_none() => {
                commands.push(Command::NoteCoupon { member_id: coupon.member_id, cancelled: true });
            }
            CouponEvent::WalletClosed { member_id, .. } => {
                commands.push(Command::ConfirmWithdrawal { member_id, confirmation: Confirmation::Coupon });
            }
            _ => {}
        }
    }
    Ok(commands)
}
