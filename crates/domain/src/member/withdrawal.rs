//! The way out of the programme: point and coupon prepare, member decides, both follow (SPEC section 4, Withdrawal).
//!
//! Attempts of a member are numbered from 1, so that what belongs to one that is over changes nothing. After the
//! decision nothing can be undone; whoever follows it confirms it, in either order, and the second one completes it.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Event, Member, Rejection};

/// The way out of the programme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// Whose.
    pub member_id: i64,
    /// Numbered from 1 for each member.
    pub attempt: i64,
    /// How far it is.
    pub step: WithdrawalStep,
    /// Points lost, once point has said so.
    pub forfeited_point: Option<i64>,
    /// Whether coupon has said that no coupon is left.
    pub coupons_cancelled: bool,
}

/// How far a withdrawal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WithdrawalStep {
    /// The others are asked whether they can let the member go; can still be undone.
    Preparing,
    /// Undone: one of them could not be asked or said no.
    Released,
    /// Decided, the point of no return: the others follow.
    Withdrawing,
    /// Everything has followed.
    Done,
}

impl WithdrawalStep {
    /// Its name in rows and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Preparing => "PREPARING",
            Self::Released => "RELEASED",
            Self::Withdrawing => "WITHDRAWING",
            Self::Done => "DONE",
        }
    }

    /// The step with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Preparing, Self::Released, Self::Withdrawing, Self::Done].into_iter().find(|step| step.name() == name)
    }
}

/// Who has to let a member go, and follows the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Follower {
    /// The ledger.
    Point,
    /// The wallet.
    Coupon,
}

/// What one of them says when it has followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// The account is closed.
    Point {
        /// Points lost, at least 0.
        forfeited_point: i64,
    },
    /// The wallet is closed, and no coupon in it is left to be redeemed.
    Coupon,
}

impl Withdrawal {
    /// Who has yet to answer or to follow; nobody once it has ended. While it is prepared that is both: who has
    /// prepared may still be undone.
    #[must_use]
    pub fn waits_for(&self) -> Vec<Follower> {
        let (point, coupon) = match self.step {
            WithdrawalStep::Preparing => (true, true),
            WithdrawalStep::Withdrawing => (self.forfeited_point.is_none(), !self.coupons_cancelled),
            WithdrawalStep::Released | WithdrawalStep::Done => (false, false),
        };
        [(point, Follower::Point), (coupon, Follower::Coupon)]
            .into_iter()
            .filter_map(|(waits, follower)| waits.then_some(follower))
            .collect()
    }
}

/// Begins a withdrawal. `None`: one is being prepared; it is joined.
///
/// # Errors
/// [`Rejection::MemberUnknown`].
pub fn request_withdrawal(member: Option<&Member>, last: Option<&Withdrawal>) -> Result<Option<Event>, Rejection> {
    let member = member.ok_or(Rejection::MemberUnknown)?;
    match last {
        Some(last) if last.step == WithdrawalStep::Preparing => Ok(None),
        Some(last) if matches!(last.step, WithdrawalStep::Withdrawing | WithdrawalStep::Done) => {
            Err(Rejection::MemberUnknown)
        }
        _ => Ok(Some(Event::WithdrawalRequested {
            member_id: member.member_id,
            attempt: last.map_or(0, |last| last.attempt) + 1,
        })),
    }
}

/// Undoes a withdrawal that is being prepared. `None`: it is no longer.
#[must_use]
pub fn release_withdrawal(withdrawal: &Withdrawal, attempt: i64) -> Option<Event> {
    is_prepared(withdrawal, attempt).then_some(Event::WithdrawalReleased { member_id: withdrawal.member_id, attempt })
}

/// The point of no return.
///
/// # Errors
/// [`Rejection::AttemptOver`] if it was released, or decided before.
pub fn decide_withdrawal(withdrawal: &Withdrawal, attempt: i64) -> Result<Event, Rejection> {
    if is_prepared(withdrawal, attempt) {
        Ok(Event::MemberWithdrawn { member_id: withdrawal.member_id, attempt })
    } else {
        Err(Rejection::AttemptOver)
    }
}

fn is_prepared(withdrawal: &Withdrawal, attempt: i64) -> bool {
    withdrawal.attempt == attempt && withdrawal.step == WithdrawalStep::Preparing
}

/// One of those who follow has closed what it keeps of the member: noted, or nothing is left to do. `None`: it has said
/// so before, or nothing is decided.
#[must_use]
pub fn confirm_withdrawal(withdrawal: &Withdrawal, confirmation: Confirmation) -> Option<Event> {
    let Withdrawal { member_id, attempt, step, forfeited_point, coupons_cancelled } = *withdrawal;
    if step != WithdrawalStep::Withdrawing {
        return None;
    }
    let noted = |forfeited_point| Some(Event::WithdrawalConfirmed { member_id, attempt, forfeited_point });
    let done = |forfeited_point| Some(Event::WithdrawalCompleted { member_id, attempt, forfeited_point });
    match (confirmation, forfeited_point, coupons_cancelled) {
        (Confirmation::Point { .. }, Some(_), _) | (Confirmation::Coupon, _, true) => None,
        (Confirmation::Point { forfeited_point }, None, false) => noted(Some(forfeited_point)),
        (Confirmation::Point { forfeited_point }, None, true) => done(forfeited_point),
        (Confirmation::Coupon, None, false) => noted(None),
        (Confirmation::Coupon, Some(forfeited_point), false) => done(forfeited_point),
    }
}

/// Takes what happened into the withdrawal.
pub(super) fn apply(withdrawal: &mut Option<Withdrawal>, event: &Event) {
    if let Event::WithdrawalRequested { member_id, attempt } = *event {
        let step = WithdrawalStep::Preparing;
        *withdrawal = Some(Withdrawal { member_id, attempt, step, forfeited_point: None, coupons_cancelled: false });
    }
    let Some(withdrawal) = withdrawal else { return };
    match *event {
        Event::WithdrawalReleased { .. } => withdrawal.step = WithdrawalStep::Released,
        Event::MemberWithdrawn { .. } => withdrawal.step = WithdrawalStep::Withdrawing,
        Event::WithdrawalConfirmed { forfeited_point: Some(point), .. } => withdrawal.forfeited_point = Some(point),
        Event::WithdrawalConfirmed { forfeited_point: None, .. } => withdrawal.coupons_cancelled = true,
        Event::WithdrawalCompleted { forfeited_point, .. } => {
            withdrawal.step = WithdrawalStep::Done;
            withdrawal.forfeited_point = Some(forfeited_point);
            withdrawal.coupons_cancelled = true;
        }
        _ => {}
    }
}
