//! Donating points: only who has more than enough may give, and what was decided stays decided (SPEC section 4).

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::use_points::spending;
use super::{Account, EntryKind, Event, Reference, Rejection, UsePoints, must_be_active, must_be_movable};
use crate::donation::DonationStatus;

/// Takes points that a member gives to a cause.
#[derive(Debug, Clone)]
pub struct DonatePoints {
    /// 1 to `MAX_AMOUNT` points.
    pub amount: i64,
    /// The available points before it have to be more than this; exactly as many are too few.
    pub balance_above: i64,
    /// The donation.
    pub reference: Option<Reference>,
}

/// What the ledger answered to the question of a donation, once for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DonationDecision {
    /// The donation.
    pub donation_id: i64,
    /// Whose points they are.
    pub member_id: i64,
    /// Points that were to be given.
    pub amount: i64,
    /// DONATED or REJECTED.
    pub status: DonationStatus,
    /// Why it was refused.
    pub reason: Option<String>,
    /// The entry that took the points.
    pub entry_id: Option<i64>,
    /// The balance before it; nothing for a member who is not there.
    pub balance_before: Option<i64>,
    /// The balance after it.
    pub balance_after: Option<i64>,
    /// When, in milliseconds since 1970 in UTC.
    pub decided_at_ms: i64,
}

/// Takes the points from the lots that expire first, if the member has more than `balance_above` available.
///
/// # Errors
/// [`Rejection`] with nothing changed.
pub fn donate_points(account: &Account, cmd: &DonatePoints) -> Result<Event, Rejection> {
    must_be_movable(cmd.amount)?;
    must_be_active(account)?;
    if account.available() <= cmd.balance_above {
        return Err(Rejection::BalanceTooLow);
    }
    let spend = UsePoints { amount: cmd.amount, reference: cmd.reference.clone(), reason: None };
    spending(account, EntryKind::Donate, &spend).map(Event::PointsMoved)
}
