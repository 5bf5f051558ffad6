//! The ledger's rules: accounts, lots and movements (SPEC sections 1, 3 and 4; seed 0).
//!
//! A verb looks at an [`Account`] and answers with an [`Event`] or a [`Rejection`]; only [`apply`] changes the account.

mod adjust;
mod donate;
mod earn;
mod lots;
mod open;
mod use_points;
mod withdrawal;

use alloc::string::String;

use serde::{Deserialize, Serialize};

pub use adjust::{AdjustPoints, adjust_points};
pub use donate::{DonatePoints, DonationDecision, donate_points};
pub use earn::{EarnPoints, earn_points};
pub use lots::{LotChange, Lots};
pub use open::{FollowMember, WelcomeMember, follow_member, open_account, welcome_member};
pub use use_points::{UsePoints, use_points};
pub use withdrawal::{close_account, forfeit_points, prepare_withdrawal, release_withdrawal};

use crate::kernel::{MAX_AMOUNT, MAX_SAFE};
use crate::member::MemberStatus;

/// A member's points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Whose points they are.
    pub member_id: i64,
    /// What member said last; only NORMAL may earn and spend.
    pub member_status: MemberStatus,
    /// The balance in points, held points included; never below 0.
    pub remain_point: i64,
    /// How much of the balance is reserved.
    pub held: i64,
    /// What later earnings repay first; not part of the balance.
    pub owed: i64,
    /// The last adjustment that was asked for, granted or not (seed 0).
    pub require_point: Option<i64>,
    /// The balance by expiry month; its sum is the balance.
    pub lots: Lots,
    /// Rises with every event of this account.
    pub sequence: i64,
    /// Sequence of the last event of member that was taken in.
    pub member_sequence: i64,
    /// Whether the welcome points were given; they are given once per member number.
    pub welcomed: bool,
    /// The withdrawal attempt under which the account is closing: it refuses every change of its points but the
    /// welcome, which nobody would give again if the withdrawal is released.
    pub closing: Option<i64>,
    /// Attempts up to this one are over; a late question about one of them changes nothing.
    pub ended_attempt: i64,
    /// Closed for good; the row stays because the ledger refers to it.
    pub closed: bool,
}

impl Account {
    /// A new account with nothing in it.
    #[must_use]
    pub fn new(member_id: i64) -> Self {
        Self {
            member_id,
            member_status: MemberStatus::Ready,
            remain_point: 0,
            held: 0,
            owed: 0,
            require_point: None,
            lots: Lots::default(),
            sequence: 0,
            member_sequence: 0,
            welcomed: false,
            closing: None,
            ended_attempt: 0,
            closed: false,
        }
    }

    /// What may be spent: the balance less what is held.
    #[must_use]
    pub fn available(&self) -> i64 {
        self.remain_point - self.held
    }
}

/// Why points move (SPEC section 1, entry kinds).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EntryKind {
    /// Given once when a member becomes NORMAL.
    Welcome,
    /// Earned.
    Earn,
    /// Spent.
    Use,
    /// Put right by the operator, either way.
    Adjust,
    /// Given to a cause.
    Donate,
    /// Lost by withdrawal.
    Forfeit,
}

impl EntryKind {
    /// Its name in rows and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Welcome => "WELCOME",
            Self::Earn => "EARN",
            Self::Use => "USE",
            Self::Adjust => "ADJUST",
            Self::Donate => "DONATE",
            Self::Forfeit => "FORFEIT",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Welcome, Self::Earn, Self::Use, Self::Adjust, Self::Donate, Self::Forfeit];
        all.into_iter().find(|kind| kind.name() == name)
    }

    /// The ledger accounts that a movement of this sign debits and credits.
    #[must_use]
    pub fn postings(self, amount: i64) -> (&'static str, &'static str) {
        let other = match self {
            Self::Forfeit => "breakage",
            Self::Donate => "cause",
            Self::Welcome | Self::Earn | Self::Use | Self::Adjust => "programme",
        };
        if amount < 0 { ("member", other) } else { (other, "member") }
    }
}

/// What a movement is about, in the words of whoever asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// For instance `deal`.
    #[serde(rename = "type")]
    pub kind: String,
    /// For instance the deal's number.
    pub id: String,
}

/// Points that move: what becomes an entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Why.
    pub kind: EntryKind,
    /// Points, with sign.
    pub amount: i64,
    /// The balance after it.
    pub balance_after: i64,
    /// Which lots it takes from or adds to.
    pub lots: LotChange,
    /// What it is about.
    pub reference: Option<Reference>,
    /// The operator's words.
    pub reason: Option<String>,
}

/// What happened to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The account exists from now on.
    AccountOpened {
        /// Sequence of the event of member behind it.
        member_sequence: i64,
        /// The status member gave.
        status: MemberStatus,
    },
    /// Member changed the status.
    StatusFollowed {
        /// Sequence of the event of member behind it.
        member_sequence: i64,
        /// The status from now on.
        status: MemberStatus,
    },
    /// Points moved.
    PointsMoved(Movement),
    /// The operator asked for an adjustment, and it was granted.
    PointsAdjusted(Movement),
    /// The operator asked for an adjustment, and it was refused.
    AdjustmentRejected {
        /// What was asked for.
        require_point: i64,
        /// Why it was refused.
        reason: Rejection,
    },
    /// The question of a donation was answered; the points, if any, moved before.
    DonationDecided(DonationDecision),
    /// The account refuses changes until the withdrawal is decided.
    WithdrawalPrepared {
        /// The attempt.
        attempt: i64,
    },
    /// The withdrawal did not happen.
    WithdrawalReleased {
        /// The attempt.
        attempt: i64,
    },
    /// The member is gone; what was left has been forfeited before.
    AccountClosed {
        /// The attempt.
        attempt: i64,
    },
}

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
    /// This withdrawal attempt is already over.
    AttemptOver,
}

impl Rejection {
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
            Self::AttemptOver => "attempt_over",
        }
    }

    /// The rejection with this reason.
    #[must_use]
    pub fn from_reason(reason: &str) -> Option<Self> {
        let all = [
            Self::AccountUnknown,
            Self::MemberNotNormal,
            Self::AccountClosing,
            Self::InsufficientPoints,
            Self::BalanceTooLow,
            Self::InvalidAmount,
            Self::BalanceTooLarge,
            Self::AttemptOver,
        ];
        all.into_iter().find(|rejection| rejection.reason() == reason)
    }
}

/// Refuses an account whose points may not move at present.
fn must_be_active(account: &Account) -> Result<(), Rejection> {
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
fn must_be_movable(amount: i64) -> Result<(), Rejection> {
    if (1..=MAX_AMOUNT).contains(&amount) { Ok(()) } else { Err(Rejection::InvalidAmount) }
}

/// The balance after adding `amount`, which stays an exact JSON number.
fn balance_with(account: &Account, amount: i64) -> Result<i64, Rejection> {
    account.remain_point.checked_add(amount).filter(|balance| *balance <= MAX_SAFE).ok_or(Rejection::BalanceTooLarge)
}

/// Takes what happened into the account. One event is one row of the log, and raises the sequence by one.
pub fn apply(account: &mut Account, event: &Event) {
    account.sequence += 1;
    match event {
        Event::AccountOpened { member_sequence, status } | Event::StatusFollowed { member_sequence, status } => {
            account.member_sequence = *member_sequence;
            account.member_status = *status;
        }
        Event::PointsMoved(movement) => book(account, movement),
        Event::PointsAdjusted(movement) => {
            account.require_point = Some(movement.amount);
            book(account, movement);
        }
        Event::AdjustmentRejected { require_point, .. } => account.require_point = Some(*require_point),
        // The points have moved before, in an event of their own.
        Event::DonationDecided(_) => {}
        Event::WithdrawalPrepared { attempt } => account.closing = Some(*attempt),
        Event::WithdrawalReleased { attempt } => {
            account.ended_attempt = *attempt;
            // A newer attempt may have prepared before this release arrived; it stays prepared.
            account.closing = account.closing.filter(|current| current > attempt);
        }
        Event::AccountClosed { attempt } => {
            account.ended_attempt = *attempt;
            account.closing = None;
            account.closed = true;
        }
    }
}

fn book(account: &mut Account, movement: &Movement) {
    account.welcomed |= movement.kind == EntryKind::Welcome;
    account.lots.change(&movement.lots);
    account.remain_point = movement.balance_after;
}

#[cfg(test)]
mod tests;
