//! The ledger's rules: accounts, lots and movements (SPEC sections 1, 3 and 4; seed 0).
//!
//! A verb looks at an [`Account`] and answers with an [`Event`] or a [`Rejection`]; only [`apply`] changes the account.

mod account;
mod adjust;
mod claw_back;
mod deal;
mod donate;
mod earn;
mod expiry;
mod give_back;
mod hold;
mod lots;
mod open;
mod payment_hold;
mod rejection;
mod use_points;
mod withdrawal;

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

pub use account::Account;
pub use adjust::{AdjustPoints, adjust_points};
pub use claw_back::{ClawBack, claw_back, repay_owed};
pub use deal::{AskDeal, DealAsk, DealDecision, DealKind, DealOutcome, DealRecord, Oddity, decide_deal};
pub use donate::{DonatePoints, DonationDecision, donate_points};
pub use earn::{EarnPoints, earn_points};
pub use expiry::{
    NOTICE_DAYS, Notices, Unannounced, announce_expiry, days_left, expire_lots, expiring_soon, is_expiry_due,
};
pub use hold::{
    HOLD_TTL_S, Hold, HoldPoints, HoldStatus, MAX_HOLD_TTL_S, capture_hold, drop_hold, expire_hold, hold_points,
    release_hold,
};
pub use lots::{LotChange, Lots};
pub use open::{FollowMember, WelcomeMember, follow_member, open_account, welcome_member};
pub use payment_hold::{
    AskPayment, CancelledHold, CapturedHold, HeldPoints, HoldOver, HoldRefusal, PaymentAnswer, PaymentAsk,
    PaymentOutcome, PaymentRecord, decide_payment,
};
pub use rejection::Rejection;
pub use use_points::{UsePoints, use_points};
pub use withdrawal::{close_account, forfeit_points, prepare_withdrawal, release_withdrawal};

use self::rejection::{must_be_active, must_be_movable};
use crate::kernel::{MAX_SAFE, Month};
use crate::member::MemberStatus;

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
    /// Lost because their month is over.
    Expire,
    /// Taken back because they were given by mistake.
    EarnCancel,
    /// Earned and at once given for what was owed.
    OwedRepay,
    /// Given back because what they were spent on was cancelled.
    UseCancel,
    /// Spent out of what was held.
    HoldCapture,
}

impl EntryKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Welcome,
        Self::Earn,
        Self::Use,
        Self::Adjust,
        Self::Donate,
        Self::Forfeit,
        Self::Expire,
        Self::EarnCancel,
        Self::OwedRepay,
        Self::UseCancel,
        Self::HoldCapture,
    ];

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
            Self::Expire => "EXPIRE",
            Self::EarnCancel => "EARN_CANCEL",
            Self::OwedRepay => "OWED_REPAY",
            Self::UseCancel => "USE_CANCEL",
            Self::HoldCapture => "HOLD_CAPTURE",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The ledger accounts that a movement of this sign debits and credits.
    #[must_use]
    pub fn postings(self, amount: i64) -> (&'static str, &'static str) {
        let other = match self {
            Self::Forfeit | Self::Expire => "breakage",
            Self::Donate => "cause",
            _ => "programme",
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
    /// A deal that came by event was answered; the points, if any, moved then or before.
    DealDecided(DealDecision),
    /// Points that were given by mistake were taken back.
    PointsClawedBack {
        /// Points that were still there; they have moved before.
        taken_point: i64,
        /// Points that were not, and are owed from now on.
        owed_point: i64,
    },
    /// Points were set aside.
    PointsHeld(Hold),
    /// Of points that were set aside some moved; the rest is free again.
    HoldCaptured {
        /// The points that moved.
        movement: Movement,
        /// The hold from now on.
        hold: Hold,
    },
    /// Points that were set aside are free again.
    HoldReleased(Hold),
    /// Points that were set aside are free again, because time is over.
    HoldExpired(Hold),
    /// A lot is about to end.
    ExpiryAnnounced {
        /// Its month.
        month: Month,
        /// Which of [`NOTICE_DAYS`].
        days: i64,
        /// How many days there really are; 0 on the last one.
        days_left: i64,
        /// What is in it now.
        point: i64,
    },
    /// A lot has ended and was not announced to the last; its points leave next.
    ExpiryUnannounced {
        /// Its month.
        month: Month,
        /// Which of [`NOTICE_DAYS`] there were not.
        missed: Vec<i64>,
        /// Why.
        reason: Unannounced,
    },
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
        Event::DonationDecided(_) | Event::DealDecided(_) => {}
        Event::PointsClawedBack { owed_point, .. } => account.owed += owed_point,
        Event::PointsHeld(hold) => hold::pin(account, hold),
        Event::HoldCaptured { movement, hold } => {
            hold::unpin(account, hold);
            book(account, movement);
        }
        Event::HoldReleased(hold) | Event::HoldExpired(hold) => hold::unpin(account, hold),
        Event::ExpiryAnnounced { month, days, .. } => expiry::announced(&mut account.notices, *month, *days),
        Event::ExpiryUnannounced { month, .. } => expiry::unannounced(&mut account.notices, *month),
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
            account.notices = Notices::default();
        }
    }
}

fn book(account: &mut Account, movement: &Movement) {
    account.lots.change(&movement.lots);
    account.remain_point = movement.balance_after;
    match movement.kind {
        EntryKind::Welcome => account.welcomed = true,
        EntryKind::OwedRepay => account.owed += movement.amount,
        EntryKind::Expire => expiry::expired(account, movement),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
