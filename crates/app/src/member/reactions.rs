//! What member does when a message ended or an account was closed.

use domain::notification::{Event as NotificationEvent, MessageStatus};
use platform::error::Result;
use platform::log;

use super::writer::Command;
use crate::point::PointEvent;

/// Turns events of notification into commands of member.
pub(super) fn on_notification_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut commands = Vec::with_capacity(events.len());
    for event in events {
        let NotificationEvent::MessageEnded { member_id, phone_revision, status, .. } = event.decode()? else {
            continue;
        };
        // Other messages say nothing about the phone number.
        if phone_revision > 0 {
            commands.push(Command::RecordDelivery {
                member_id,
                phone_revision,
                delivered: status == MessageStatus::Success,
            });
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
            commands.push(Command::CompleteWithdrawal { member_id, forfeited_point });
        }
    }
    Ok(commands)
}
