//! What deal does when point has decided, and when settlement has billed.

use domain::settlement::Event as SettlementEvent;
use platform::error::Result;
use platform::log;

use super::writer::Command;
use crate::point::PointEvent;

/// Turns events of point into commands of deal.
pub(super) fn on_point_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut commands = Vec::new();
    // Of point's many events only this one matters here; the others are not even read.
    for event in events.iter().filter(|event| event.kind == "DealDecided") {
        if let PointEvent::DealDecided(decision) = event.decode()? {
            commands.push(Command::Record { decision });
        }
    }
    Ok(commands)
}

/// Turns events of settlement into commands of deal.
pub(super) fn on_settlement_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut commands = Vec::new();
    for event in events.iter().filter(|event| event.kind == "Billed") {
        let SettlementEvent::Billed { merchant_id, billing_month: month, through, .. } = event.decode()?;
        commands.push(Command::MarkBilled { merchant_id, month, through });
    }
    Ok(commands)
}
