//! What donation does when point has decided.

use platform::error::Result;
use platform::log;

use super::writer::Command;
use crate::point::PointEvent;

/// Turns events of point into commands of donation.
pub(super) fn on_point_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut commands = Vec::new();
    // Of point's many events only this one matters here; the others are not even read.
    for event in events.iter().filter(|event| event.kind == "DonationDecided") {
        if let PointEvent::DonationDecided(decision) = event.decode()? {
            commands.push(Command::Record { decision });
        }
    }
    Ok(commands)
}
