//! What the dashboard takes in of what happened elsewhere.

use domain::kernel::Day;
use domain::member;
use domain::point::EntryKind;
use platform::error::{Error, Result};
use platform::log;
use platform::zone::Zone;

use super::coupons;
use super::days::Days;
use super::sums::plus;
use super::writer::Command;
use crate::point::{EntryFacts, PointEvent};

/// Entries of one kind on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// The day of the programme.
    pub day: Day,
    /// Why points moved.
    pub kind: EntryKind,
    /// How many entries.
    pub quantity: i64,
    /// Points, with sign.
    pub point: i64,
}

/// Sums entries up. They are by far the most events there are, so what does not move points is passed over unread, and
/// of an entry only its figures are read.
pub(super) fn on_point_events(zone: &Zone, events: &[log::Event]) -> Result<Vec<Command>> {
    let mut days = Days::new(zone.clone());
    let mut sums: Vec<Moved> = Vec::new();
    for event in events {
        let Some(kind) = PointEvent::moved(&event.kind) else { continue };
        let facts: EntryFacts = serde_json::from_str(&event.data).map_err(|error| {
            let message = format!("entry {} cannot be read by this version", event.cursor.position);
            Error::internal(message).caused_by(error)
        })?;
        let day = days.of(event.at_ms);
        // A piece of the log holds few days and kinds.
        match sums.iter_mut().find(|moved| moved.kind == kind && moved.day == day) {
            Some(moved) => (moved.quantity, moved.point) = (moved.quantity + 1, plus(moved.point, facts.amount)?),
            None => sums.push(Moved { day, kind, quantity: 1, point: facts.amount }),
        }
    }
    Ok(if sums.is_empty() { Vec::new() } else { vec![Command::Entries(sums)] })
}

/// Events of deal, each as it is.
pub(super) fn on_deal_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let read = |event: &log::Event| {
        Ok(Command::Deal { merchant_id: event.subject, sequence: event.sequence, event: event.decode()? })
    };
    events.iter().map(read).collect()
}

/// Events of settlement, each as it is.
pub(super) fn on_settlement_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let read = |event: &log::Event| Ok(Command::Settlement { sequence: event.sequence, event: event.decode()? });
    events.iter().map(read).collect()
}

/// Events of member, each as it is.
pub(super) fn on_member_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let read = |event: &log::Event| {
        let (member_id, sequence, at_ms) = (event.subject, event.sequence, event.at_ms);
        Ok(Command::Member { member_id, sequence, at_ms, event: event.decode::<member::Event>()? })
    };
    events.iter().map(read).collect()
}

/// Donations that are under way, or not any more.
pub(super) fn on_donation_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let read = |event: &log::Event| Ok(Command::of_donation(&event.decode()?, event.at_ms));
    events.iter().filter_map(|event| read(event).transpose()).collect()
}

/// Counts what happened to coupons.
pub(super) fn on_coupon_events(zone: &Zone, events: &[log::Event]) -> Result<Vec<Command>> {
    let moved = coupons::count(zone, events)?;
    Ok(if moved.is_empty() { Vec::new() } else { vec![Command::Coupons(moved)] })
}
