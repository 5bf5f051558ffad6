//! The ledger's part in a withdrawal: prepare reversibly, then confirm or release (SPEC section 4, Withdrawal).
//!
//! Attempts of a member are numbered from 1. What is over stays over: a prepare that arrives after its release finds
//! its attempt ended and changes nothing, so an answer that was lost on the way cannot lock an account.

use super::{Account, EntryKind, Event, Movement, Rejection};

/// Makes the account refuse changes. `None`: it does already for this attempt.
///
/// # Errors
/// [`Rejection::AttemptOver`] for an attempt that was released or confirmed, or is older than the one under way.
pub fn prepare_withdrawal(account: &Account, attempt: i64) -> Result<Option<Event>, Rejection> {
    let overtaken = account.closing.is_some_and(|current| current > attempt);
    if account.closed || attempt <= account.ended_attempt || overtaken {
        return Err(Rejection::AttemptOver);
    }
    if account.closing == Some(attempt) {
        return Ok(None);
    }
    Ok(Some(Event::WithdrawalPrepared { attempt }))
}

/// The withdrawal did not happen. `None`: the attempt is over already.
#[must_use]
pub fn release_withdrawal(account: &Account, attempt: i64) -> Option<Event> {
    if account.closed || attempt <= account.ended_attempt {
        return None;
    }
    Some(Event::WithdrawalReleased { attempt })
}

/// The member is gone, so what is left is lost; what was held has been let go before. `None`: nothing is left, or it was
/// lost before.
#[must_use]
pub fn forfeit_points(account: &Account) -> Option<Event> {
    if account.closed || account.remain_point == 0 {
        return None;
    }
    Some(Event::PointsMoved(Movement {
        kind: EntryKind::Forfeit,
        amount: -account.remain_point,
        balance_after: 0,
        lots: account.lots.as_taken(),
        reference: None,
        reason: None,
    }))
}

/// Closes an account from which everything has been forfeited. `None`: it was closed before.
#[must_use]
pub fn close_account(account: &Account, attempt: i64) -> Option<Event> {
    if account.closed {
        return None;
    }
    debug_assert_eq!(account.remain_point, 0, "forfeit what is left before closing");
    Some(Event::AccountClosed { attempt })
}
