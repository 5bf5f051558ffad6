//! Who belongs to the programme, and how one leaves it (SPEC sections 1 and 4; seeds 0 and 1).
//!
//! Contact data is no concern of the rules and never part of an event: it stays in member's own rows.

mod withdrawal;

use serde::{Deserialize, Serialize};

pub use withdrawal::{
    Confirmation, Follower, Withdrawal, WithdrawalStep, confirm_withdrawal, decide_withdrawal, release_withdrawal,
    request_withdrawal,
};

/// Where a member stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MemberStatus {
    /// Joined; the message to the phone is on its way.
    Ready,
    /// The message arrived: may earn and spend.
    Normal,
    /// The message could not be delivered.
    Abnormal,
}

impl MemberStatus {
    /// Its name in rows and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "READY",
            Self::Normal => "NORMAL",
            Self::Abnormal => "ABNORMAL",
        }
    }

    /// The status with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Ready, Self::Normal, Self::Abnormal].into_iter().find(|status| status.name() == name)
    }
}

/// How the coupon stands that a member has for joining. It only goes forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JoinCoupon {
    /// None was issued, or coupon has not said so yet.
    None,
    /// It was issued.
    Issued,
    /// It was taken back.
    Cancelled,
}

impl JoinCoupon {
    /// Its name in rows and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Issued => "ISSUED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// The state with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::None, Self::Issued, Self::Cancelled].into_iter().find(|state| state.name() == name)
    }
}

/// A member, without contact data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The member number.
    pub member_id: i64,
    /// Where the member stands.
    pub status: MemberStatus,
    /// Rises when the phone number changes, so that the outcome of an older message counts for nothing.
    pub phone_revision: i64,
    /// How the coupon for joining stands.
    pub join_coupon: JoinCoupon,
    /// Whether the operator was told that the member joined.
    pub operator_told: bool,
    /// Rises with every event of this member; the row keeps it when the member is gone.
    pub sequence: i64,
}

/// How the message to a member's phone ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordDelivery {
    /// The revision of the phone number it went to.
    pub phone_revision: i64,
    /// Whether it arrived.
    pub delivered: bool,
    /// Whether this phone number may have welcome points (none within `welcome.again_after_days`).
    pub welcome_due: bool,
}

/// What happened to a member. Public contract: this is what stands in member's event log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// Someone joined.
    MemberJoined {
        /// The member number.
        member_id: i64,
        /// Revision of the phone number, 1.
        phone_revision: i64,
        /// Whether a join coupon is due; events from before there were coupons say nothing of it.
        #[serde(default)]
        coupon: bool,
    },
    /// Contact data changed; with a new phone number the status is READY again.
    ContactsChanged {
        /// The member number.
        member_id: i64,
        /// Revision of the phone number.
        phone_revision: i64,
        /// Whether the phone number is another one now.
        phone_changed: bool,
        /// The status from now on.
        status: MemberStatus,
    },
    /// The status changed.
    StatusChanged {
        /// The member number.
        member_id: i64,
        /// The status from now on.
        status: MemberStatus,
        /// Whether welcome points are due.
        welcome: bool,
    },
    /// A withdrawal began.
    WithdrawalRequested {
        /// The member number.
        member_id: i64,
        /// Which attempt.
        attempt: i64,
    },
    /// It was undone.
    WithdrawalReleased {
        /// The member number.
        member_id: i64,
        /// Which attempt.
        attempt: i64,
    },
    /// It was decided; the member is gone from here on.
    MemberWithdrawn {
        /// The member number.
        member_id: i64,
        /// Which attempt.
        attempt: i64,
    },
    /// The join coupon is there, or was taken back.
    CouponNoted {
        /// The member number.
        member_id: i64,
        /// Whether it was taken back.
        cancelled: bool,
    },
    /// The operator was told that the member joined.
    OperatorNotified {
        /// The member number.
        member_id: i64,
    },
    /// One of those who have to follow the decision has; the other has not yet.
    WithdrawalConfirmed {
        /// The member number.
        member_id: i64,
        /// Which attempt.
        attempt: i64,
        /// Points lost, if it was point.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        forfeited_point: Option<i64>,
    },
    /// Everything has followed.
    WithdrawalCompleted {
        /// The member number.
        member_id: i64,
        /// Which attempt.
        attempt: i64,
        /// Points lost.
        forfeited_point: i64,
    },
}

/// Why the business says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// The member number is taken or was used before.
    NumberTaken,
    /// There is no such member.
    MemberUnknown,
    /// The attempt is over.
    AttemptOver,
}

/// A new member under a number that was never used. `coupon_due`: within `welcome.again_after_days` nobody had a join
/// coupon with this phone number, and no member changed to it.
///
/// # Errors
/// [`Rejection::NumberTaken`].
pub fn join(ever_used: bool, member_id: i64, coupon_due: bool) -> Result<Event, Rejection> {
    if ever_used {
        Err(Rejection::NumberTaken)
    } else {
        Ok(Event::MemberJoined { member_id, phone_revision: 1, coupon: coupon_due })
    }
}

/// Contact data changes; a changed phone number has to prove itself again.
#[must_use]
pub fn change_contacts(member: &Member, phone_changed: bool) -> Event {
    let phone_revision = member.phone_revision + i64::from(phone_changed);
    let status = if phone_changed { MemberStatus::Ready } else { member.status };
    Event::ContactsChanged { member_id: member.member_id, phone_revision, phone_changed, status }
}

/// The message ended: NORMAL or ABNORMAL. `None`: it went to an earlier phone number, or its outcome is known.
#[must_use]
pub fn record_delivery(member: &Member, cmd: &RecordDelivery) -> Option<Event> {
    if member.status != MemberStatus::Ready || cmd.phone_revision != member.phone_revision {
        return None;
    }
    let status = if cmd.delivered { MemberStatus::Normal } else { MemberStatus::Abnormal };
    Some(Event::StatusChanged { member_id: member.member_id, status, welcome: cmd.delivered && cmd.welcome_due })
}

/// Coupon issued the join coupon, or took it back. `None`: that is known, or more is.
#[must_use]
pub fn note_coupon(member: &Member, cancelled: bool) -> Option<Event> {
    let told = if cancelled { JoinCoupon::Cancelled } else { JoinCoupon::Issued };
    (member.join_coupon < told).then_some(Event::CouponNoted { member_id: member.member_id, cancelled })
}

/// The operator was told of the member. `None`: that is known.
#[must_use]
pub fn note_operator_told(member: &Member) -> Option<Event> {
    (!member.operator_told).then_some(Event::OperatorNotified { member_id: member.member_id })
}

/// Takes what happened into the member and the withdrawal.
pub fn apply(member: &mut Member, withdrawal: &mut Option<Withdrawal>, event: &Event) {
    member.sequence += 1;
    match *event {
        Event::MemberJoined { phone_revision, .. } => member.phone_revision = phone_revision,
        Event::ContactsChanged { phone_revision, status, .. } => {
            member.phone_revision = phone_revision;
            member.status = status;
        }
        Event::StatusChanged { status, .. } => member.status = status,
        Event::CouponNoted { cancelled, .. } => {
            member.join_coupon = if cancelled { JoinCoupon::Cancelled } else { JoinCoupon::Issued };
        }
        Event::OperatorNotified { .. } => member.operator_told = true,
        Event::WithdrawalRequested { .. }
        | Event::WithdrawalReleased { .. }
        | Event::MemberWithdrawn { .. }
        | Event::WithdrawalConfirmed { .. }
        | Event::WithdrawalCompleted { .. } => withdrawal::apply(withdrawal, event),
    }
}

#[cfg(test)]
mod tests;
