//! Coupons: issued, redeemed once, cancelled, expired, rolled back (SPEC sections 1 and 4; seed 2). A member's coupons
//! hang on a wallet, which also carries coupon's part in a withdrawal.
//!
//! A verb looks at a [`Wallet`] and a [`Coupon`] and answers with an [`Event`] or a [`Rejection`]; only [`apply`] changes
//! them.

pub mod bulk;
pub mod campaign;
mod cancel;
pub mod claim;
pub mod code;
mod expire;
mod issue;
mod redeem;
mod roll_back;
mod wallet;

use alloc::string::String;

use serde::{Deserialize, Serialize};

pub use cancel::cancel_coupon;
pub use expire::expire_coupon;
pub use issue::{IssueCoupon, issue_coupon, join_dates};
pub use redeem::{RedeemCoupon, redeem_coupon};
pub use roll_back::roll_back_redemption;
pub use wallet::{Wallet, close_wallet, open_wallet, prepare_withdrawal, release_withdrawal};

use crate::kernel::Day;
use campaign::Counts;

/// How a coupon stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CouponStatus {
    /// Good until its end date.
    Issued,
    /// Used, once.
    Redeemed,
    /// Taken back, or lost with the membership.
    Cancelled,
    /// Its end date is over.
    Expired,
}

impl CouponStatus {
    /// Its name in rows and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Issued => "ISSUED",
            Self::Redeemed => "REDEEMED",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
        }
    }

    /// The status with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Issued, Self::Redeemed, Self::Cancelled, Self::Expired].into_iter().find(|status| status.name() == name)
    }
}

/// A coupon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coupon {
    /// Its number.
    pub coupon_id: i64,
    /// Whose it is; none: of whoever brings its code.
    pub member_id: Option<i64>,
    /// The campaign it is of; none: the join coupon.
    pub campaign_id: Option<i64>,
    /// What happened to it last.
    pub status: CouponStatus,
    /// The first day on which it is good.
    pub start_date: Day,
    /// The last one.
    pub end_date: Day,
}

impl Coupon {
    /// How it stands on this day: one whose end date is over is expired, whether or not anyone came by to note it.
    #[must_use]
    pub fn standing(&self, today: Day) -> CouponStatus {
        match self.status {
            CouponStatus::Issued if today > self.end_date => CouponStatus::Expired,
            status => status,
        }
    }

    /// Which coupon of this member.
    fn facts_of(&self, member_id: i64) -> CouponFacts {
        CouponFacts { coupon_id: self.coupon_id, member_id, campaign_id: self.campaign_id }
    }
}

/// Which coupon of which member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CouponFacts {
    /// The coupon.
    pub coupon_id: i64,
    /// Whose it is.
    pub member_id: i64,
    /// The campaign it is of; none: the join coupon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<i64>,
}

/// What happened to coupons. Public contract: this is what stands in coupon's event log. The subject is the member,
/// and the campaign where no member is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// A member's wallet was opened.
    WalletOpened {
        /// The member number.
        member_id: i64,
    },
    /// A member got a coupon.
    CouponIssued {
        /// The coupon.
        coupon_id: i64,
        /// Whose it is.
        member_id: i64,
        /// The campaign it is of; none: the join coupon.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        campaign_id: Option<i64>,
        /// What is shown or typed in to redeem it.
        code: String,
        /// The first day on which it is good, `yyyy-MM-dd`.
        start_date: String,
        /// The last one.
        end_date: String,
        /// Whether its code was made in advance, and so is counted in `CodesIssued` already.
        from_stock: bool,
    },
    /// A coupon was used.
    CouponRedeemed(CouponFacts),
    /// A redemption was undone; the coupon is as if it had not been redeemed. If its end date is over by now, it
    /// expires next.
    RedemptionRolledBack(CouponFacts),
    /// A coupon was taken back by the operator.
    CouponCancelled(CouponFacts),
    /// A coupon's end date is over.
    CouponExpired(CouponFacts),
    /// The wallet refuses changes until the withdrawal is decided.
    WithdrawalPrepared {
        /// The member number.
        member_id: i64,
        /// Which attempt.
        attempt: i64,
    },
    /// The withdrawal did not happen.
    WithdrawalReleased {
        /// The member number.
        member_id: i64,
        /// Which attempt.
        attempt: i64,
    },
    /// The member is gone, and what was not redeemed is cancelled.
    WalletClosed {
        /// The member number.
        member_id: i64,
        /// Which attempt.
        attempt: i64,
        /// Coupons that were cancelled by this.
        cancelled: i64,
    },
    /// A campaign was opened.
    CampaignOpened {
        /// The campaign.
        campaign_id: i64,
    },
    /// The operator changed a campaign; how it stood right after that.
    CampaignChanged {
        /// The campaign.
        campaign_id: i64,
        /// What people call it.
        name: String,
        /// Whether it gives coupons.
        open: bool,
        /// Coupons that there may be at most.
        quantity: i64,
        /// What became of its coupons until then.
        counts: Counts,
    },
    /// A bulk issue was asked for.
    BulkIssueRequested {
        /// The campaign.
        campaign_id: i64,
        /// The bulk issue.
        issue_id: i64,
        /// Codes to be made.
        count: i64,
    },
    /// A piece of a bulk issue was made: codes without a member.
    CodesIssued {
        /// The campaign.
        campaign_id: i64,
        /// The bulk issue.
        issue_id: i64,
        /// Codes in this piece.
        count: i64,
        /// Whether it is the last piece: all codes are made, or no more are, because the campaign is over or the operator
        /// stopped the bulk issue.
        complete: bool,
    },
    /// Codes without a member are over their end date.
    CodesExpired {
        /// The campaign.
        campaign_id: i64,
        /// How many.
        count: i64,
    },
    /// A code without a member was taken back by the operator.
    CodeCancelled {
        /// The campaign.
        campaign_id: i64,
        /// The coupon.
        coupon_id: i64,
    },
}

impl Event {
    /// The member whom it concerns; none: it is about a campaign.
    #[must_use]
    pub fn member_id(&self) -> Option<i64> {
        match self {
            Self::WalletOpened { member_id }
            | Self::CouponIssued { member_id, .. }
            | Self::WithdrawalPrepared { member_id, .. }
            | Self::WithdrawalReleased { member_id, .. }
            | Self::WalletClosed { member_id, .. } => Some(*member_id),
            Self::CouponRedeemed(facts)
            | Self::RedemptionRolledBack(facts)
            | Self::CouponCancelled(facts)
            | Self::CouponExpired(facts) => Some(facts.member_id),
            Self::CampaignOpened { .. }
            | Self::CampaignChanged { .. }
            | Self::BulkIssueRequested { .. }
            | Self::CodesIssued { .. }
            | Self::CodesExpired { .. }
            | Self::CodeCancelled { .. } => None,
        }
    }

    /// The coupon that it is about, if it is about one.
    #[must_use]
    pub fn coupon_id(&self) -> Option<i64> {
        match self {
            Self::CouponIssued { coupon_id, .. } | Self::CodeCancelled { coupon_id, .. } => Some(*coupon_id),
            Self::CouponRedeemed(facts)
            | Self::RedemptionRolledBack(facts)
            | Self::CouponCancelled(facts)
            | Self::CouponExpired(facts) => Some(facts.coupon_id),
            _ => None,
        }
    }
}

/// Why the business says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// There is no wallet of this member.
    WalletUnknown,
    /// The withdrawal attempt was released, confirmed or overtaken.
    AttemptOver,
    /// The member is leaving.
    MemberLeaving,
    /// The coupon was used.
    Redeemed,
    /// The coupon was taken back.
    Cancelled,
    /// Its end date is over.
    Expired,
    /// Its start date is to come.
    NotYetGood,
    /// A redemption is to be undone where there is none.
    NotRedeemed,
    /// The coupon is another member's.
    OfAnotherMember,
    /// The coupon is nobody's yet, and nobody says whose it is to be.
    MemberNeeded,
}

impl Rejection {
    /// Every rejection.
    pub const ALL: [Self; 10] = [
        Self::WalletUnknown,
        Self::AttemptOver,
        Self::MemberLeaving,
        Self::Redeemed,
        Self::Cancelled,
        Self::Expired,
        Self::NotYetGood,
        Self::NotRedeemed,
        Self::OfAnotherMember,
        Self::MemberNeeded,
    ];

    /// Its name between contexts and, after `coupon.`, on the wire.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::WalletUnknown => "wallet_unknown",
            Self::AttemptOver => "attempt_over",
            Self::MemberLeaving => "member_leaving",
            Self::Redeemed => "redeemed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::NotYetGood => "not_yet_good",
            Self::NotRedeemed => "not_redeemed",
            Self::OfAnotherMember => "of_another_member",
            Self::MemberNeeded => "member_needed",
        }
    }

    /// The rejection with this name.
    #[must_use]
    pub fn from_reason(reason: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rejection| rejection.reason() == reason)
    }
}

/// Refuses a wallet whose coupons may not change hands at present.
fn must_be_active(wallet: Option<&Wallet>) -> Result<&Wallet, Rejection> {
    match wallet {
        None => Err(Rejection::WalletUnknown),
        Some(wallet) if wallet.closed => Err(Rejection::WalletUnknown),
        Some(wallet) if wallet.closing.is_some() => Err(Rejection::MemberLeaving),
        Some(wallet) => Ok(wallet),
    }
}

/// Takes what happened to a member's coupon or wallet in. One event is one row of the log, and raises the wallet's
/// sequence by one. `coupon` is the one that the event is about; those that are lost when the wallet closes become
/// [`CouponStatus::Cancelled`] by [`lose`].
pub fn apply(wallet: &mut Wallet, coupon: Option<&mut Coupon>, event: &Event) {
    wallet.sequence += 1;
    let (status, issued) = match event {
        Event::CouponIssued { .. } => (CouponStatus::Issued, 1),
        Event::RedemptionRolledBack(_) => (CouponStatus::Issued, 1),
        Event::CouponRedeemed(_) => (CouponStatus::Redeemed, -1),
        Event::CouponCancelled(_) => (CouponStatus::Cancelled, -1),
        Event::CouponExpired(_) => (CouponStatus::Expired, -1),
        _ => return wallet::apply(wallet, event),
    };
    wallet.issued += issued;
    if let Some(coupon) = coupon {
        coupon.status = status;
        coupon.member_id = Some(wallet.member_id);
    }
}

/// What becomes of a coupon that is not redeemed when its member's wallet closes.
pub fn lose(coupon: &mut Coupon) {
    if coupon.status == CouponStatus::Issued {
        coupon.status = CouponStatus::Cancelled;
    }
}

#[cfg(test)]
mod tests;
