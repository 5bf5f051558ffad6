//! Why the business says no.

use super::{Account, hold::MAX_HOLD_TTL_S};
use crate::kernel::MAX_AMOUNT;
use crate::member::MemberStatus;

/// Why the business says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// There is no account of this member.
    AccountUnknown,
    /// The member is READY or ABNORMAL.
    MemberNotNormal,
    /// A withdrawal is under way.
    AccountClosing,
    /// More than is available.
    InsufficientPoints,
    /// A donation needs more points than the member has available.
    BalanceTooLow,
    /// Not a number of points that can be moved: 0, the wrong sign, or beyond the bound.
    InvalidAmount,
    /// The balance would leave the range of exact numbers.
    BalanceTooLarge,
    /// What is owed would leave the range of exact numbers.
    OwedTooLarge,
    /// This withdrawal attempt is already over.
    AttemptOver,
    /// A hold lives for 1 second to 7 days.
    InvalidTtl,
    /// The hold was captured or released, or its time is over.
    HoldOver,
    /// More is to be captured than is held.
    CaptureTooLarge,
    /// The hold belongs to a payment, which alone ends it.
    HoldOfPayment,
}

impl Rejection {
    /// Every rejection.
    const ALL: [Self; 13] = [
        Self::AccountUnknown,
        Self::MemberNotNormal,
        Self::AccountClosing,
        Self::InsufficientPoints,
        Self::BalanceTooLow,
        Self::InvalidAmount,
        Self::BalanceTooLarge,
        Self::OwedTooLarge,
        Self::AttemptOver,
        Self::InvalidTtl,
        Self::HoldOver,
        Self::CaptureTooLarge,
        Self::HoldOfPayment,
    ];

    /// The reason on the wire (SPEC section 3).
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::AccountUnknown => "account_unknown",
            Self::MemberNotNormal => "member_not_normal",
            Self::AccountClosing => "account_closing",
            Self::InsufficientPoints => "insufficient_points",
            Self::BalanceTooLow => "balance_too_low",
            Self::InvalidAmount => "invalid_amount",
            Self::BalanceTooLarge => "balance_too_large",
            Self::OwedTooLarge => "owed_too_large",
            Self::AttemptOver => "attempt_over",
            Self::InvalidTtl => "invalid_ttl",
            Self::HoldOver => "hold_over",
            Self::CaptureTooLarge => "capture_too_large",
            Self::HoldOfPayment => "hold_of_payment",
        }
    }

    /// The rejection with this reason.
    #[must_use]
    pub fn from_reason(reason: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rejection| rejection.reason() == reason)
    }
}

/// Refuses an account whose points may not move at present.
pub(super) fn must_be_active(account: &Account) -> Result<(), Rejection> {
    if account.closed {
        return Err(Rejection::AccountUnknown);
    }
    if account.closing.is_some() {
        return Err(Rejection::AccountClosing);
    }
    if account.member_status != MemberStatus::Normal {
        return Err(Rejection::MemberNotNormal);
    }
    Ok(())
}

/// An amount that one movement may carry: 1 to [`MAX_AMOUNT`] points.
pub(super) fn must_be_movable(amount: i64) -> Result<(), Rejection> {
    if (1..=MAX_AMOUNT).contains(&amount) { Ok(()) } else { Err(Rejection::InvalidAmount) }
}

/// A time that a hold may live: 1 to [`MAX_HOLD_TTL_S`] seconds.
pub(super) fn must_be_a_lifetime(ttl_s: i64) -> Result<(), Rejection> {
    if (1..=MAX_HOLD_TTL_S).contains(&ttl_s) { Ok(()) } else { Err(Rejection::InvalidTtl) }
}
