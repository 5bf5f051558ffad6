//! What the dashboard takes in of what happened elsewhere.

use domain::kernel::Day;
use domain::point::EntryKind;
use domain::{member, membership, payment};
use platform::error::{Error, Result};
use platform::log;
use platform::zone::Zone;

use super::coupons;
use super::days::Days;
use super::purchases::{Purchased, Step, What};
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

/// What happened to carts; what they are about is not even read.
pub(super) fn on_cart_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let what = |kind: &str| {
        Some(match kind {
            "CartAdded" => What::CartAdded,
            "CartApproved" => What::CartApproved,
            "CartDeclined" => What::CartDeclined,
            "RemovalRequested" => What::RemovalRequested,
            "RemovalRefused" => What::RemovalRefused,
            "CartRemoved" => What::CartRemoved,
            _ => return None,
        })
    };
    Ok(events.iter().filter_map(|event| purchased(event, what(&event.kind)?)).collect())
}

fn purchased(event: &log::Event, what: What) -> Option<Command> {
    Some(Command::Purchased(Purchased { id: event.subject, at_ms: event.at_ms, what }))
}

/// What happened to memberships.
pub(super) fn on_membership_events(events: &[log::Event]) -> Result<Vec<Command>> {
    use membership::Event;
    // That a unit never becomes a membership is nothing that is counted.
    let about = events.iter().filter(|event| event.kind != "UnitRefused");
    let read = |event: &log::Event| {
        let what = match event.decode()? {
            Event::MembershipRequested(_) => What::MembershipRequested,
            Event::MembershipActivated { membership, .. } => {
                What::MembershipActivated { price_won: membership.price_won }
            }
            Event::MembershipRefused { .. } => What::MembershipRefused,
            Event::MembershipCancelled { membership, refunds } => {
                What::MembershipCancelled { price_won: membership.price_won, refunds }
            }
            Event::MembershipExpired(_) => What::MembershipExpired,
            Event::UnitRefused { .. } => return Ok(None),
        };
        Ok(purchased(event, what))
    };
    about.filter_map(|event| read(event).transpose()).collect()
}

/// What happened to payments.
pub(super) fn on_payment_events(events: &[log::Event]) -> Result<Vec<Command>> {
    use payment::Event;
    let read = |event: &log::Event| {
        let told: Event = event.decode()?;
        let facts = told.payment();
        let (step, amount) = match &told {
            Event::PaymentRequested(_) => (Step::Requested, facts.amount_won),
            Event::PaymentApproved(_) => (Step::Approved, facts.amount_won),
            // Only then a refund follows.
            Event::PaymentDeclined { reason, .. } if reason == payment::TIMED_OUT => (Step::GivenUp, facts.amount_won),
            Event::PaymentDeclined { .. } => (Step::Declined, facts.amount_won),
            Event::PaymentCanceled(_) if event.sequence == 1 => (Step::NeverRequested, facts.amount_won),
            Event::PaymentCanceled(_) => (Step::Canceled, facts.amount_won),
            Event::PaymentRefunded { refunded_won, .. } => (Step::Refunded, *refunded_won),
        };
        Ok(purchased(event, What::Paid(step, facts.method, amount)))
    };
    events.iter().filter_map(|event| read(event).transpose()).collect()
}

/// What happened to gifticons.
pub(super) fn on_gifticon_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let read =
        |event: &log::Event| Ok(purchased(event, What::Stock { sequence: event.sequence, event: event.decode()? }));
    events.iter().filter_map(|event| read(event).transpose()).collect()
}
