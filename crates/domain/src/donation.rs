//! Donations: members give points to causes (SPEC sections 1 and 4; seed 0). Point decides whether the points may go;
//! here stands what was asked for, what came of it, and what each cause has received.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::kernel::MAX_AMOUNT;
use crate::point::DonationDecision;

/// The cause that always exists: the general fund.
pub const GENERAL_FUND: i64 = 1;

/// How a donation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DonationStatus {
    /// Asked for; point has not been heard of yet.
    Requested,
    /// The points have gone to the cause.
    Donated,
    /// Refused; nothing moved.
    Rejected,
}

impl DonationStatus {
    /// Its name in rows and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Requested => "REQUESTED",
            Self::Donated => "DONATED",
            Self::Rejected => "REJECTED",
        }
    }

    /// The status with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Requested, Self::Donated, Self::Rejected].into_iter().find(|status| status.name() == name)
    }
}

/// A donation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Donation {
    /// Its number.
    pub donation_id: i64,
    /// Who gives; the number stays when the member is gone.
    pub member_id: i64,
    /// Who receives.
    pub cause_id: i64,
    /// Points.
    pub amount: i64,
    /// The available points have to be more than this, as the programme had it when the donation was asked for.
    pub balance_above: i64,
    /// How it stands.
    pub status: DonationStatus,
    /// Why it was refused.
    pub reason: Option<String>,
    /// The balance before the decision, if point was asked and knew the member.
    pub balance_before: Option<i64>,
    /// The balance after the decision.
    pub balance_after: Option<i64>,
    /// When it was decided, in milliseconds since 1970 in UTC.
    pub ended_at_ms: Option<i64>,
}

/// Who receives donations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Its number.
    pub cause_id: i64,
    /// What people call it.
    pub name: String,
    /// Points received so far.
    pub received_point: i64,
    /// Donations received so far.
    pub donation_count: i64,
    /// Whether it takes donations.
    pub open: bool,
    /// Rises with every change of its name and openness.
    pub sequence: i64,
}

/// A member wants to give points to a cause.
#[derive(Debug, Clone)]
pub struct RequestDonation {
    /// The number it gets.
    pub donation_id: i64,
    /// Who gives.
    pub member_id: i64,
    /// 1 to `MAX_AMOUNT` points.
    pub amount: i64,
    /// The programme's `donation.balance_above`.
    pub balance_above: i64,
    /// When, in milliseconds since 1970 in UTC.
    pub now_ms: i64,
}

/// What is to change about a cause; nothing where it stays.
#[derive(Debug, Clone, Default)]
pub struct ChangeCause {
    /// The name from now on.
    pub name: Option<String>,
    /// Whether it takes donations from now on.
    pub open: Option<bool>,
}

/// What happened to a donation or a cause. Public contract: this is what stands in donation's event log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// A donation was asked for; point is to decide it.
    DonationRequested {
        /// The donation.
        donation_id: i64,
        /// Who gives.
        member_id: i64,
        /// Who receives.
        cause_id: i64,
        /// Points.
        amount: i64,
        /// The available points have to be more than this.
        balance_above: i64,
    },
    /// A donation was refused without asking point.
    DonationRefused {
        /// The donation.
        donation_id: i64,
        /// Who wanted to give.
        member_id: i64,
        /// Who would have received.
        cause_id: i64,
        /// Points.
        amount: i64,
        /// Why.
        reason: String,
        /// When, in milliseconds since 1970 in UTC.
        ended_at_ms: i64,
    },
    /// A donation that was asked for has been decided.
    DonationEnded {
        /// The donation.
        donation_id: i64,
        /// Who gives.
        member_id: i64,
        /// Who receives.
        cause_id: i64,
        /// Points.
        amount: i64,
        /// DONATED or REJECTED.
        status: DonationStatus,
        /// Why it was refused.
        reason: Option<String>,
        /// The balance before it.
        balance_before: Option<i64>,
        /// The balance after it.
        balance_after: Option<i64>,
        /// When, in milliseconds since 1970 in UTC.
        ended_at_ms: i64,
    },
    /// There is a new cause.
    CauseOpened {
        /// The cause.
        cause_id: i64,
        /// What people call it.
        name: String,
        /// Whether it takes donations.
        open: bool,
    },
    /// A cause has another name, or began or ceased to take donations.
    CauseChanged {
        /// The cause.
        cause_id: i64,
        /// The name from now on.
        name: String,
        /// Whether it takes donations from now on.
        open: bool,
    },
}

/// Why the business says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// There is no such cause.
    CauseUnknown,
    /// The cause takes no donations at present.
    CauseClosed,
    /// Not a number of points that can be given.
    InvalidAmount,
    /// The number of a cause is taken.
    NumberTaken,
}

impl Rejection {
    /// The reason on the wire (SPEC section 3).
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::CauseUnknown => "cause_unknown",
            Self::CauseClosed => "cause_closed",
            Self::InvalidAmount => "invalid_amount",
            Self::NumberTaken => "number_taken",
        }
    }
}

/// Takes a donation in. A closed cause is a business fact: the donation exists and is refused at once; any other is for
/// point to decide.
///
/// # Errors
/// [`Rejection::InvalidAmount`] and [`Rejection::CauseUnknown`], after which there is no donation.
pub fn request_donation(cause: Option<&Cause>, cmd: &RequestDonation) -> Result<Event, Rejection> {
    if !(1..=MAX_AMOUNT).contains(&cmd.amount) {
        return Err(Rejection::InvalidAmount);
    }
    let Cause { cause_id, open, .. } = *cause.ok_or(Rejection::CauseUnknown)?;
    let RequestDonation { donation_id, member_id, amount, balance_above, now_ms } = *cmd;
    if open {
        return Ok(Event::DonationRequested { donation_id, member_id, cause_id, amount, balance_above });
    }
    let reason = Rejection::CauseClosed.reason().into();
    Ok(Event::DonationRefused { donation_id, member_id, cause_id, amount, reason, ended_at_ms: now_ms })
}

/// Whether a decision is about this donation: a store that was restored on its own gives numbers out again.
#[must_use]
pub fn is_about(donation: &Donation, decision: &DonationDecision) -> bool {
    (donation.donation_id, donation.member_id, donation.amount)
        == (decision.donation_id, decision.member_id, decision.amount)
}

/// Records what point decided, whichever way its answer came. `None`: it is recorded already.
#[must_use]
pub fn record_decision(donation: &Donation, decision: &DonationDecision) -> Option<Event> {
    let undecided = DonationStatus::Requested;
    if donation.status != undecided || decision.status == undecided || !is_about(donation, decision) {
        return None;
    }
    Some(Event::DonationEnded {
        donation_id: donation.donation_id,
        member_id: donation.member_id,
        cause_id: donation.cause_id,
        amount: donation.amount,
        status: decision.status,
        reason: decision.reason.clone(),
        balance_before: decision.balance_before,
        balance_after: decision.balance_after,
        ended_at_ms: decision.decided_at_ms,
    })
}

/// A new cause under a number that is free.
///
/// # Errors
/// [`Rejection::NumberTaken`].
pub fn open_cause(known: Option<&Cause>, cause_id: i64, name: &str, open: bool) -> Result<Event, Rejection> {
    match known {
        Some(_) => Err(Rejection::NumberTaken),
        None => Ok(Event::CauseOpened { cause_id, name: name.into(), open }),
    }
}

/// Changes a cause. `None`: it is like that already.
#[must_use]
pub fn change_cause(cause: &Cause, cmd: &ChangeCause) -> Option<Event> {
    let name = cmd.name.as_ref().unwrap_or(&cause.name);
    let open = cmd.open.unwrap_or(cause.open);
    let is_new = *name != cause.name || open != cause.open;
    is_new.then(|| Event::CauseChanged { cause_id: cause.cause_id, name: name.clone(), open })
}

/// Takes what happened into the donation and the cause that it is about.
pub fn apply(donation: &mut Option<Donation>, cause: &mut Option<Cause>, event: &Event) {
    match event {
        Event::DonationRequested { donation_id, member_id, cause_id, amount, balance_above } => {
            *donation = Some(fresh(*donation_id, *member_id, *cause_id, *amount, *balance_above));
        }
        Event::DonationRefused { donation_id, member_id, cause_id, amount, reason, ended_at_ms } => {
            *donation = Some(Donation {
                status: DonationStatus::Rejected,
                reason: Some(reason.clone()),
                ended_at_ms: Some(*ended_at_ms),
                ..fresh(*donation_id, *member_id, *cause_id, *amount, 0)
            });
        }
        Event::DonationEnded { amount, status, reason, balance_before, balance_after, ended_at_ms, .. } => {
            if let Some(donation) = donation {
                donation.status = *status;
                donation.reason.clone_from(reason);
                (donation.balance_before, donation.balance_after) = (*balance_before, *balance_after);
                donation.ended_at_ms = Some(*ended_at_ms);
            }
            if let Some(cause) = cause
                && *status == DonationStatus::Donated
            {
                // Every amount was part of a balance of at most 2^53, so it takes a thousand full ones to get there.
                cause.received_point = cause.received_point.saturating_add(*amount);
                cause.donation_count += 1;
            }
        }
        Event::CauseOpened { cause_id, name, open } => {
            let (cause_id, name, open) = (*cause_id, name.clone(), *open);
            *cause = Some(Cause { cause_id, name, received_point: 0, donation_count: 0, open, sequence: 1 });
        }
        Event::CauseChanged { name, open, .. } => {
            if let Some(cause) = cause {
                cause.name.clone_from(name);
                cause.open = *open;
                cause.sequence += 1;
            }
        }
    }
}

fn fresh(donation_id: i64, member_id: i64, cause_id: i64, amount: i64, balance_above: i64) -> Donation {
    Donation {
        donation_id,
        member_id,
        cause_id,
        amount,
        balance_above,
        status: DonationStatus::Requested,
        reason: None,
        balance_before: None,
        balance_after: None,
        ended_at_ms: None,
    }
}

#[cfg(test)]
mod tests;
