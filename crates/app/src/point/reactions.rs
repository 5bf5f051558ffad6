//! What point does when something happened to a member or a deal, or a donation was asked for.

use domain::deal::{DealFacts, DealType, Event as DealEvent};
use domain::donation::Event as DonationEvent;
use domain::member::{Event, MemberStatus};
use domain::point::{DealAsk, FollowMember};
use platform::error::{Error, Result};
use platform::log;

use super::deal::{DealQuestion, Heard};
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
        Event::WithdrawalRequested { .. }
        | Event::WithdrawalConfirmed { .. }
        | Event::WithdrawalCompleted { .. }
        | Event::CouponNoted { .. }
        | Event::OperatorNotified { .. } => None,
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

/// Events of deal that concern the ledger; most of the others are of deals that it has answered already.
const DEAL_KINDS: [&str; 4] = ["UseVoided", "DealLeftToPoint", "SaveCancelled", "UseCancelled"];

/// Turns events of deal into commands of point: what nobody could ask directly, or heard the answer of.
pub(super) fn on_deal_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let concerning = events.iter().filter(|event| DEAL_KINDS.contains(&event.kind.as_str()));
    concerning.filter_map(|event| event.decode().and_then(on_deal_event).transpose()).collect()
}

fn on_deal_event(event: DealEvent) -> Result<Option<Command>> {
    let (deal, ask, heard) = match event {
        // Deal has ended it; nobody waits for an answer.
        DealEvent::UseVoided(deal) => (deal, DealAsk::Void, Heard::ByAsker),
        DealEvent::SaveCancelled(deal) => {
            let ask = DealAsk::CancelSave { of: original(&deal)?, may_owe: true };
            (deal, ask, Heard::ByFollowers)
        }
        DealEvent::UseCancelled(deal) => {
            let ask = DealAsk::CancelUse { of: original(&deal)? };
            (deal, ask, Heard::ByFollowers)
        }
        DealEvent::DealLeftToPoint(deal) => {
            let ask = match deal.deal_type {
                DealType::Save => DealAsk::Save,
                // Left to point is a cancel only where it may be refused.
                DealType::SaveCancel => DealAsk::CancelSave { of: original(&deal)?, may_owe: false },
                _ => return Err(Error::internal("a deal was left to point that point does not decide")),
            };
            (deal, ask, Heard::ByFollowers)
        }
        _ => return Ok(None),
    };
    let DealFacts { deal_id, member_id, point, .. } = deal;
    Ok(Some(Command::Deal { question: DealQuestion { deal_id, member_id, ask, point }, heard }))
}

fn original(deal: &DealFacts) -> Result<i64> {
    deal.original_deal_id.ok_or_else(|| Error::internal("a cancel does not say which deal it cancels"))
}
