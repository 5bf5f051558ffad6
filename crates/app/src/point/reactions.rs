//! What point does when something happened to a member, or a donation was asked for.

use domain::donation::Event as DonationEvent;
use domain::member::{Event, MemberStatus};
use domain::point::FollowMember;
use platform::error::Result;
use platform::log;

use super::donate::DonationQuestion;
use super::writer::Command;

/// Turns events of member into commands of point.
pub(super) fn on_member_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut commands = Vec::with_capacity(events.len());
    for event in events {
        commands.extend(on_member_event(&event.decode()?, event.sequence));
    }
    Ok(commands)
}

fn on_member_event(event: &Event, member_sequence: i64) -> Option<Command> {
    let follow = |member_id, status, welcome| {
        Some(Command::FollowMember { member_id, follow: FollowMember { member_sequence, status }, welcome })
    };
    match *event {
        Event::MemberJoined { member_id, .. } => follow(member_id, MemberStatus::Ready, false),
        Event::ContactsChanged { member_id, status, .. } => follow(member_id, status, false),
        Event::StatusChanged { member_id, status, welcome } => follow(member_id, status, welcome),
        Event::WithdrawalReleased { member_id, attempt } => Some(Command::ReleaseWithdrawal { member_id, attempt }),
        Event::MemberWithdrawn { member_id, attempt } => Some(Command::ConfirmWithdrawal { member_id, attempt }),
        Event::WithdrawalRequested { .. } | Event::WithdrawalCompleted { .. } => None,
    }
}

/// Turns events of donation into commands of point: what nobody could ask directly is decided all the same.
pub(super) fn on_donation_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut commands = Vec::new();
    for event in events.iter().filter(|event| event.kind == "DonationRequested") {
        if let DonationEvent::DonationRequested { donation_id, member_id, amount, balance_above, .. } =
            event.decode()?
        {
            commands.push(Command::Donate(DonationQuestion { donation_id, member_id, amount, balance_above }));
        }
    }
    Ok(commands)
}
