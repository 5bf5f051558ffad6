//! What coupon does when something happened to a member.

use domain::member::Event;
use platform::error::Result;
use platform::log;

use super::writer::Command;

/// Events of member that concern wallets; the others are not even read.
const MEMBER_KINDS: [&str; 3] = ["MemberJoined", "WithdrawalReleased", "MemberWithdrawn"];

/// Turns events of member into commands of coupon.
pub(super) fn on_member_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let concerning = events.iter().filter(|event| MEMBER_KINDS.contains(&event.kind.as_str()));
    let mut commands = Vec::new();
    for event in concerning {
        commands.extend(on_member_event(&event.decode()?, event.at_ms));
    }
    Ok(commands)
}

fn on_member_event(event: &Event, at_ms: i64) -> Option<Command> {
    match *event {
        Event::MemberJoined { member_id, coupon, .. } => {
            Some(Command::OpenWallet { member_id, coupon, joined_at_ms: at_ms })
        }
        Event::WithdrawalReleased { member_id, attempt } => Some(Command::ReleaseWithdrawal { member_id, attempt }),
        Event::MemberWithdrawn { member_id, attempt } => Some(Command::ConfirmWithdrawal { member_id, attempt }),
        _ => None,
    }
}
