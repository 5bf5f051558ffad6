//! What notification does when something happened to a member.

use domain::member::Event;
use platform::error::Result;
use platform::log;

use super::store::Command;

/// Turns events of member into commands of notification.
pub(super) fn on_member_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut commands = Vec::with_capacity(events.len());
    for event in events {
        commands.extend(on_member_event(&event.decode()?, event.sequence));
    }
    Ok(commands)
}

fn on_member_event(event: &Event, member_sequence: i64) -> Option<Command> {
    match *event {
        Event::MemberJoined { member_id, phone_revision } => {
            Some(Command::RequestMessage { member_id, member_sequence, phone_revision, kind: "JOINED" })
        }
        Event::ContactsChanged { member_id, phone_revision, phone_changed: true, .. } => {
            Some(Command::RequestMessage { member_id, member_sequence, phone_revision, kind: "PHONE_CHANGED" })
        }
        Event::MemberWithdrawn { member_id, .. } => Some(Command::ForgetRecipient { member_id, member_sequence }),
        _ => None,
    }
}
