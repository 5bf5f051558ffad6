//! Coupons: issued, redeemed once, cancelled, expired, rolled back (SPEC sections 1 and 4; seed 2). A member's coupons
//! hang on a wallet, which also carries coupon's part in a withdrawal.

use alloc::string::String;

use serde::{Deserialize, Serialize};

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
    /// A campaign was changed.
    CampaignChanged {
        /// The campaign.
        campaign_id: i64,
        /// Whether it gives coupons.
        open: bool,
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
        /// Whether the bulk issue is complete with it.
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

/// Why the business says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// There is no wallet of this member.
    WalletUnknown,
    /// The withdrawal attempt was released, confirmed or overtaken.
    AttemptOver,
}

impl Rejection {
    /// Its name between contexts and, after `coupon.`, on the wire.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::WalletUnknown => "wallet_unknown",
            Self::AttemptOver => "attempt_over",
        }
    }

    /// The rejection with this name.
    #[must_use]
    pub fn from_reason(reason: &str) -> Option<Self> {
        [Self::WalletUnknown, Self::AttemptOver].into_iter().find(|rejection| rejection.reason() == reason)
    }
}
