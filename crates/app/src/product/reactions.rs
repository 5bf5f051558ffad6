//! What product does when a membership is paid, refused or cancelled.

use domain::membership::Event;
use platform::error::Result;
use platform::log;

use super::writer::Command;

/// Turns events of membership into commands of product. A cancel without a refund keeps its unit.
pub(super) fn on_membership_events(events: &[log::Event]) -> Result<Vec<Command>> {
    const KINDS: [&str; 3] = ["MembershipActivated", "MembershipRefused", "MembershipCancelled"];
    let mut commands = Vec::new();
    for event in events.iter().filter(|event| KINDS.contains(&event.kind.as_str())) {
        match event.decode()? {
            Event::MembershipActivated { membership, .. } => {
                commands.push(Command::Sell { unit_id: membership.unit_id, mem_id: membership.mem_id });
            }
            Event::MembershipRefused { membership, .. } | Event::MembershipCancelled { membership, refunds: true } => {
                commands.push(Command::Return { unit_id: membership.unit_id });
            }
            Event::MembershipRequested(_)
            | Event::MembershipCancelled { .. }
            | Event::MembershipExpired(_)
            | Event::UnitRefused { .. } => {}
        }
    }
    Ok(commands)
}
