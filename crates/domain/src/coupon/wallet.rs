//! The wallet: coupon's side of a member, and its part in a withdrawal (SPEC section 4, Withdrawal).
//!
//! Attempts of a member are numbered from 1. What is over stays over: a prepare that arrives after its release finds its
//! attempt ended and changes nothing, so an answer that was lost on the way cannot lock a wallet.

use super::{Event, Rejection};

/// A member's wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wallet {
    /// Whose it is.
    pub member_id: i64,
    /// Rises with every event of this wallet and its coupons.
    pub sequence: i64,
    /// Coupons in it whose status is ISSUED; the number that would be lost.
    pub issued: i64,
    /// The withdrawal attempt under which it refuses to give, redeem and roll back.
    pub closing: Option<i64>,
    /// Attempts up to this one are over; a late question about one of them changes nothing.
    pub ended_attempt: i64,
    /// Closed for good; the row stays, so that a late event finds the member gone.
    pub closed: bool,
}

impl Wallet {
    /// A new wallet with nothing in it.
    #[must_use]
    pub fn new(member_id: i64) -> Self {
        Self { member_id, sequence: 0, issued: 0, closing: None, ended_attempt: 0, closed: false }
    }
}

/// Opens a wallet with nothing in it. `None`: it is open already, or was and is closed for good.
#[must_use]
pub fn open_wallet(wallet: Option<&Wallet>, member_id: i64) -> Option<Event> {
    wallet.is_none().then_some(Event::WalletOpened { member_id })
}

/// Makes the wallet refuse changes. `None`: it does already for this attempt.
///
/// # Errors
/// [`Rejection::WalletUnknown`]; [`Rejection::AttemptOver`] for an attempt that was released or confirmed, or is older
/// than the one under way.
pub fn prepare_withdrawal(wallet: Option<&Wallet>, attempt: i64) -> Result<Option<Event>, Rejection> {
    let wallet = wallet.ok_or(Rejection::WalletUnknown)?;
    let overtaken = wallet.closing.is_some_and(|current| current > attempt);
    if wallet.closed || attempt <= wallet.ended_attempt || overtaken {
        return Err(Rejection::AttemptOver);
    }
    if wallet.closing == Some(attempt) {
        return Ok(None);
    }
    Ok(Some(Event::WithdrawalPrepared { member_id: wallet.member_id, attempt }))
}

/// The withdrawal did not happen. `None`: the attempt is over already.
#[must_use]
pub fn release_withdrawal(wallet: &Wallet, attempt: i64) -> Option<Event> {
    let is_over = wallet.closed || attempt <= wallet.ended_attempt;
    (!is_over).then_some(Event::WithdrawalReleased { member_id: wallet.member_id, attempt })
}

/// The member is gone: what was not redeemed is cancelled with this event. `None`: it was closed before.
#[must_use]
pub fn close_wallet(wallet: &Wallet, attempt: i64) -> Option<Event> {
    let Wallet { member_id, issued: cancelled, closed, .. } = *wallet;
    (!closed).then_some(Event::WalletClosed { member_id, attempt, cancelled })
}

/// Takes what happened to the wallet itself in.
pub(super) fn apply(wallet: &mut Wallet, event: &Event) {
    match event {
        Event::WithdrawalPrepared { attempt, .. } => wallet.closing = Some(*attempt),
        Event::WithdrawalReleased { attempt, .. } => {
            wallet.ended_attempt = *attempt;
            // A newer attempt may have prepared before this release arrived; it stays prepared.
            wallet.closing = wallet.closing.filter(|current| current > attempt);
        }
        Event::WalletClosed { attempt, .. } => {
            wallet.ended_attempt = *attempt;
            wallet.closing = None;
            wallet.closed = true;
            wallet.issued = 0;
        }
        _ => {}
    }
}
