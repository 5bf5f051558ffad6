//! What notification does when something happened to a member.

use domain::member::Event;
use domain::notification::Content;
use platform::error::Result;
use platform::log;

use super::writer::Command;

/// Turns events of member into commands of notification.
pub(super) fn on_member_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut commands = Vec::with_capacity(events.len());
    for event in events {
        commands.extend(on_member_event(&event.decode()?, event.sequence));
    }
    Ok(commands)
}

fn on_member_event(event: &Event, member_sequence: i64) -> Option<Command> {
    let prove = |member_id, phone_revision, content| {
        Some(Command::ProvePhone { member_id, member_sequence, phone_revision, content })
    };
    match *event {
        Event::MemberJoined { member_id, phone_revision } => prove(member_id, phone_revision, Content::Joined {}),
        Event::ContactsChanged { member_id, phone_revision, phone_changed: true, .. } => {
            prove(member_id, phone_revision, Content::PhoneChanged {})
        }
        Event::MemberWithdrawn { member_id, .. } => Some(Command::ForgetRecipient { member_id, member_sequence }),
        _ => None,
    }
}
