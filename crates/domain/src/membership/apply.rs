//! What an event makes of a membership, and of the one that this one renews.

use super::{Event, Membership, MembershipFacts, MembershipStatus};

/// Takes what happened into the membership that it is about, and into the one that this one renews.
pub fn apply(membership: &mut Option<Membership>, renewed: Option<&mut Membership>, event: &Event) {
    if let Event::MembershipRequested(facts) = event {
        if let Some(renewed) = renewed {
            renewed.renewed_by = Some(facts.mem_id);
        }
        *membership = Some(fresh(facts));
        return;
    }
    let Some(membership) = membership.as_mut().filter(|_| !matches!(event, Event::UnitRefused { .. })) else { return };
    membership.sequence += 1;
    match event {
        Event::MembershipRequested(_) | Event::UnitRefused { .. } => {}
        Event::MembershipActivated { payment_id, starts_at_ms, expires_at_ms, .. } => {
            membership.status = MembershipStatus::Use;
            membership.payment_id = Some(*payment_id);
            membership.starts_at_ms = Some(*starts_at_ms);
            membership.expires_at_ms = Some(*expires_at_ms);
        }
        Event::MembershipRefused { payment_id, reason, .. } => {
            membership.status = MembershipStatus::Refused;
            membership.payment_id = Some(*payment_id);
            membership.fail_reason = Some(reason.clone());
            release(renewed, membership.facts.mem_id);
        }
        Event::MembershipCancelled { .. } => {
            membership.status = MembershipStatus::Canc;
            release(renewed, membership.facts.mem_id);
        }
        Event::MembershipExpired(_) => membership.status = MembershipStatus::Expired,
    }
}

/// What was renewed by this one may be renewed again.
fn release(renewed: Option<&mut Membership>, mem_id: i64) {
    if let Some(renewed) = renewed.filter(|renewed| renewed.renewed_by == Some(mem_id)) {
        renewed.renewed_by = None;
    }
}

fn fresh(facts: &MembershipFacts) -> Membership {
    Membership {
        facts: facts.clone(),
        status: MembershipStatus::Requested,
        payment_id: None,
        starts_at_ms: None,
        expires_at_ms: None,
        fail_reason: None,
        renewed_by: None,
        sequence: 1,
    }
}
