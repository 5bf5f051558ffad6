//! What my page does when something happened to a member, to points, to a donation, to coupons or to purchases.

use std::collections::HashMap;

use domain::member::{Event, MemberStatus};
use platform::error::Result;
use platform::log;

use super::ContactQuestions;
use super::coupons;
use super::donations::Told;
use super::store::{Change, Command, PageChange};
use super::told;
use crate::member::Contacts;
use crate::point::PointEvent;

/// Turns events of member into changes of pages, with the contact data that member gives for them.
pub(super) fn on_member_events(questions: &ContactQuestions, events: &[log::Event]) -> Result<Vec<Command>> {
    let decoded: Vec<(i64, Event)> =
        events.iter().map(|event| Ok((event.sequence, event.decode()?))).collect::<Result<_>>()?;
    let wanted: Vec<i64> = decoded.iter().filter_map(|(_, event)| wants_contacts(event)).collect();
    let contacts = if wanted.is_empty() {
        HashMap::new()
    } else {
        questions.runtime.block_on(questions.guard.ask(|| questions.api.contacts(wanted.clone())))?
    };
    Ok(decoded.into_iter().filter_map(|(sequence, event)| on_member_event(&event, sequence, &contacts)).collect())
}

fn wants_contacts(event: &Event) -> Option<i64> {
    match *event {
        Event::MemberJoined { member_id, .. } | Event::ContactsChanged { member_id, .. } => Some(member_id),
        _ => None,
    }
}

fn on_member_event(event: &Event, sequence: i64, contacts: &HashMap<i64, Contacts>) -> Option<Command> {
    // A member who is gone by now has no contact data; the page is about to go too.
    let known = |member_id| contacts.get(&member_id).cloned().unwrap_or_default();
    let (member_id, change) = match *event {
        Event::MemberJoined { member_id, .. } => {
            (member_id, Change::Contacts { contacts: known(member_id), status: MemberStatus::Ready })
        }
        Event::ContactsChanged { member_id, status, .. } => {
            (member_id, Change::Contacts { contacts: known(member_id), status })
        }
        Event::StatusChanged { member_id, status, .. } => (member_id, Change::Status(status)),
        Event::MemberWithdrawn { member_id, .. } => (member_id, Change::Gone),
        Event::WithdrawalRequested { .. }
        | Event::WithdrawalReleased { .. }
        | Event::WithdrawalConfirmed { .. }
        | Event::WithdrawalCompleted { .. }
        | Event::CouponNoted { .. }
        | Event::OperatorNotified { .. } => return None,
    };
    Some(Command::Page(PageChange { member_id, sequence, change }))
}

/// Turns entries of point into changes of pages.
pub(super) fn on_point_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut commands = Vec::with_capacity(events.len());
    for event in events {
        let (kind, facts) = match event.decode()? {
            PointEvent::PointsWelcomed(facts) => ("WELCOME", facts),
            PointEvent::PointsEarned(facts) => ("EARN", facts),
            PointEvent::PointsUsed(facts) => ("USE", facts),
            PointEvent::PointsAdjusted(facts) => ("ADJUST", facts),
            PointEvent::PointsDonated(facts) => ("DONATE", facts),
            PointEvent::PointsForfeited(facts) => ("FORFEIT", facts),
            PointEvent::PointsExpired(facts) => ("EXPIRE", facts),
            PointEvent::EarnCancelled(facts) => ("EARN_CANCEL", facts),
            PointEvent::UseCancelled(facts) => ("USE_CANCEL", facts),
            PointEvent::OwedRepaid(facts) => ("OWED_REPAY", facts),
            PointEvent::HoldCaptured(facts) => ("HOLD_CAPTURE", facts),
            _ => continue,
        };
        let change = Change::Entry { kind, facts, at_ms: event.at_ms };
        commands.push(Command::Page(PageChange { member_id: event.subject, sequence: event.sequence, change }));
    }
    Ok(commands)
}

/// Turns events of donation into changes of pages.
pub(super) fn on_donation_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut commands = Vec::with_capacity(events.len());
    for event in events {
        let told = Told::of(event.decode()?);
        commands.extend(told.map(|(member_id, told)| {
            let change = Change::Donation(told);
            Command::Page(PageChange { member_id, sequence: event.sequence, change })
        }));
    }
    Ok(commands)
}

/// Events of coupon that concern a member's wallet; those of campaigns are not even read.
const WALLET_KINDS: [&str; 9] = [
    "WalletOpened",
    "CouponIssued",
    "CouponRedeemed",
    "RedemptionRolledBack",
    "CouponCancelled",
    "CouponExpired",
    "WithdrawalPrepared",
    "WithdrawalReleased",
    "WalletClosed",
];

/// Turns events of coupon into changes of pages.
pub(super) fn on_coupon_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut commands = Vec::with_capacity(events.len());
    for event in events.iter().filter(|event| WALLET_KINDS.contains(&event.kind.as_str())) {
        let told = coupons::Told::of(event.decode()?);
        commands.extend(told.map(|(member_id, told)| {
            let change = Change::Coupon(told);
            Command::Page(PageChange { member_id, sequence: event.sequence, change })
        }));
    }
    Ok(commands)
}

/// Turns events about purchases into changes of them, as `read` understands these.
pub(super) fn on_purchase_events(
    events: &[log::Event],
    read: fn(&log::Event) -> Result<Option<told::Told>>,
) -> Result<Vec<Command>> {
    let mut commands = Vec::with_capacity(events.len());
    for event in events {
        commands.extend(read(event)?.map(|told| Command::Purchase { sequence: event.sequence, told }));
    }
    Ok(commands)
}
