//! Taking points back that were given by mistake, and the debt that stays where they were spent (SPEC section 4, Deal
//! and Cancel).

use alloc::string::String;
use alloc::vec::Vec;

use super::{Account, EntryKind, Event, LotChange, Movement, Reference, Rejection, must_be_movable};
use crate::kernel::{MAX_SAFE, Month};

/// Takes points back.
#[derive(Debug, Clone)]
pub struct ClawBack {
    /// 1 to `MAX_AMOUNT` points.
    pub amount: i64,
    /// The expiry month with which they were given, if that is known: its lot gives first.
    pub lot: Option<Month>,
    /// What it is about.
    pub reference: Option<Reference>,
    /// The operator's words.
    pub reason: Option<String>,
}

/// Takes from the lot they were in, then from the lots that expire first; what is not available any more is owed.
/// The member's status does not matter: a mistake is a mistake. The points that move, if any are left, come first,
/// then always what it came to.
///
/// # Errors
/// [`Rejection`] with nothing changed.
pub fn claw_back(account: &Account, cmd: &ClawBack) -> Result<Vec<Event>, Rejection> {
    must_be_movable(cmd.amount)?;
    if account.closed {
        return Err(Rejection::AccountUnknown);
    }
    if account.closing.is_some() {
        return Err(Rejection::AccountClosing);
    }
    taking_back(account, cmd)
}

/// As [`claw_back`], of an open account, also while a withdrawal is under way.
pub(super) fn taking_back(account: &Account, cmd: &ClawBack) -> Result<Vec<Event>, Rejection> {
    let taken_point = cmd.amount.min(account.available());
    let owed_point = cmd.amount - taken_point;
    account.owed.checked_add(owed_point).filter(|owed| *owed <= MAX_SAFE).ok_or(Rejection::OwedTooLarge)?;
    let moved = (taken_point > 0).then(|| {
        Event::PointsMoved(Movement {
            kind: EntryKind::EarnCancel,
            amount: -taken_point,
            balance_after: account.remain_point - taken_point,
            lots: account.free_lots().take_from(cmd.lot, taken_point),
            reference: cmd.reference.clone(),
            reason: cmd.reason.clone(),
        })
    });
    Ok(moved.into_iter().chain([Event::PointsClawedBack { taken_point, owed_point }]).collect())
}

/// What is owed is repaid out of the lot that was just earned, before anything of it can be spent. `None`: nothing is
/// owed, or these points were not earned. An adjustment repays nothing: an operator's correction gives what it says.
#[must_use]
pub fn repay_owed(account: &Account, earned: &Movement) -> Option<Event> {
    let repays = matches!(earned.kind, EntryKind::Earn | EntryKind::Welcome);
    let point = account.owed.min(earned.amount);
    let (month, _) = *earned.lots.0.first()?;
    (repays && point > 0).then(|| {
        Event::PointsMoved(Movement {
            kind: EntryKind::OwedRepay,
            amount: -point,
            balance_after: account.remain_point - point,
            lots: LotChange::add(month, -point),
            reference: earned.reference.clone(),
            reason: None,
        })
    })
}
