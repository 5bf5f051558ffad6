//! What notification does when something happened to a member, to points or to a donation.

use domain::donation::{DonationStatus, Event as DonationEvent};
use domain::member::Event;
use domain::notification::{Content, NoticeKind};
use platform::error::{Error, Result};
use platform::log;

use super::writer::{Command, Origin};
use crate::point::PointEvent;

/// Turns events of member into commands of notification.
pub(super) fn on_member_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut commands = Vec::with_capacity(events.len());
    for event in events {
        commands.extend(on_member_event(&event.decode()?, event.sequence));
    }
    Ok(commands)
}

fn on_member_event(event: &Event, member_sequence: i64) -> Option<Command> {
    let prove = |member_id, phone_revision, content, notice| {
        Some(Command::ProvePhone { member_id, member_sequence, phone_revision, content, notice })
    };
    match *event {
        Event::MemberJoined { member_id, phone_revision, .. } => {
            prove(member_id, phone_revision, Content::Joined {}, Some(NoticeKind::MemberJoined))
        }
        Event::ContactsChanged { member_id, phone_revision, phone_changed: true, .. } => {
            prove(member_id, phone_revision, Content::PhoneChanged {}, None)
        }
        Event::MemberWithdrawn { member_id, .. } => Some(Command::ForgetRecipient { member_id, member_sequence }),
        _ => None,
    }
}

/// Turns events of donation into commands of notification: every decision is told, refusals too.
pub(super) fn on_donation_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut commands = Vec::with_capacity(events.len());
    for event in events {
        let told = on_donation_event(event.decode()?);
        let origin = Origin::of("donation", event);
        commands.extend(told.map(|(member_id, content)| Command::RequestMessage { member_id, origin, content }));
    }
    Ok(commands)
}

fn on_donation_event(event: DonationEvent) -> Option<(i64, Content)> {
    match event {
        DonationEvent::DonationEnded { member_id, amount, status: DonationStatus::Donated, balance_after, .. } => {
            Some((member_id, Content::Donated { amount, balance_after: balance_after.unwrap_or_default() }))
        }
        DonationEvent::DonationEnded { member_id, amount, reason, .. } => {
            Some((member_id, Content::DonationRejected { amount, reason: reason.unwrap_or_default() }))
        }
        DonationEvent::DonationRefused { member_id, amount, reason, .. } => {
            Some((member_id, Content::DonationRejected { amount, reason }))
        }
        DonationEvent::DonationRequested { .. }
        | DonationEvent::CauseOpened { .. }
        | DonationEvent::CauseChanged { .. } => None,
    }
}

/// Turns events of point into commands of notification.
pub(super) fn on_point_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut commands = Vec::new();
    // Of point's many events only this one matters here; the others are not even read.
    for event in events.iter().filter(|event| event.kind == "ExpiryAnnounced") {
        if let PointEvent::ExpiryAnnounced { member_id, month, point, .. } = event.decode()? {
            let unread = |_| Error::internal(format!("'{month}' is no month of an expiry"));
            let content = Content::PointsExpiring { point, month: month.parse().map_err(unread)? };
            commands.push(Command::RequestMessage { member_id, origin: Origin::of("point", event), content });
        }
    }
    Ok(commands)
}
