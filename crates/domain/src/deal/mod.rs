//! Deals at merchants: what was earned and used there, and what of it was cancelled (SPEC sections 1 and 4; seed 1).
//! Point decides whether points may move; here stands what was asked for and what came of it.

mod apply;
mod ask;
mod billed;
mod cancel;
mod give_up;
mod merchant;
mod record;
mod request;

use alloc::string::String;

use serde::{Deserialize, Serialize};

pub use apply::apply;
pub use ask::open_ask;
pub use billed::is_billed;
pub use cancel::{CancelDeal, can_cancel, cancel_deal};
pub use give_up::{ABANDONED_MS, give_up};
pub use merchant::{ChangeMerchant, change_merchant, open_merchant};
pub use record::{is_about, record_decision};
pub use request::{RequestDeal, request_deal};

/// What a deal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DealType {
    /// The member earns a share of what was paid.
    Save,
    /// The member pays with points.
    Use,
    /// Takes a `save` back, wholly or in part.
    SaveCancel,
    /// Takes a `use` back, wholly or in part.
    UseCancel,
    /// A cancel for which no deal was found.
    Cancel,
}

impl DealType {
    /// Every type.
    pub const ALL: [Self; 5] = [Self::Save, Self::Use, Self::SaveCancel, Self::UseCancel, Self::Cancel];

    /// Its name in rows and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Save => "save",
            Self::Use => "use",
            Self::SaveCancel => "saveCancel",
            Self::UseCancel => "useCancel",
            Self::Cancel => "cancel",
        }
    }

    /// The type with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// How a deal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DealStatus {
    /// Point has not been heard of yet.
    Pending,
    /// It happened.
    Success,
    /// It did not; nothing moved, or what moved has been given back.
    Fail,
}

impl DealStatus {
    /// Its name in rows and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Fail => "fail",
        }
    }

    /// The status with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pending, Self::Success, Self::Fail].into_iter().find(|status| status.name() == name)
    }
}

/// Whether a merchant may post deals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MerchantStatus {
    /// It may.
    Active,
    /// It may not: its deals fail. What happened before can still be cancelled, and is settled.
    Blocked,
}

impl MerchantStatus {
    /// Its name in rows and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Blocked => "BLOCKED",
        }
    }

    /// The status with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Blocked].into_iter().find(|status| status.name() == name)
    }
}

/// What an event tells of a deal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DealFacts {
    /// The deal.
    pub deal_id: i64,
    /// Whose points.
    pub member_id: i64,
    /// Where.
    pub merchant_id: i64,
    /// What it is.
    #[serde(rename = "type")]
    pub deal_type: DealType,
    /// What was paid, in won; 0 where nothing was said.
    pub deal_amount: i64,
    /// Points that are to move or have moved: earned, used, or cancelled.
    pub point: i64,
    /// The deal that this one cancels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_deal_id: Option<i64>,
    /// The deal's date: when it was asked for, in milliseconds since 1970 in UTC.
    pub dealt_at_ms: i64,
    /// The month that it is settled in, as the whole number `yyyyMM`: that of its date in the programme's time zone as it
    /// was then. It stays, whatever zone the programme has later.
    pub month: i64,
}

/// What happened to a deal or a merchant. Public contract: this is what stands in deal's event log. Every event is one
/// of a merchant (subject), numbered per merchant (sequence), so who follows sees a merchant's deals in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// A deal was asked for that point has to decide: a `save`, a `use`, and a `saveCancel` under the policy `refuse`.
    /// Exactly one of the events that end a deal follows.
    DealRequested(DealFacts),
    /// Points were earned.
    SaveDealt(DealFacts),
    /// Points were used.
    UseDealt(DealFacts),
    /// A `save` was cancelled by the points that are told. They follow by this event if point was not heard of before.
    SaveCancelled(DealFacts),
    /// A `use` was cancelled by the points that are told. They follow by this event if point was not heard of before.
    UseCancelled(DealFacts),
    /// The deal did not happen.
    DealFailed {
        /// The deal.
        #[serde(flatten)]
        deal: DealFacts,
        /// Why.
        reason: String,
    },
    /// Nobody learned in time whether a `use` took its points: it failed, and point gives back what it took and never
    /// takes it again.
    UseVoided(DealFacts),
    /// Nobody learned in time what came of a `save` (or of a `saveCancel` under the policy `refuse`): point decides it
    /// by this event and tells.
    DealLeftToPoint(DealFacts),
    /// The points of a cancel have followed.
    CancelCompleted {
        /// The cancelling deal.
        deal_id: i64,
        /// Points taken back or given back.
        moved_point: i64,
        /// Points that were spent already and are owed from now on.
        owed_point: i64,
    },
    /// A merchant is known from now on.
    MerchantOpened(MerchantFacts),
    /// What is agreed with a merchant has changed.
    MerchantChanged(MerchantFacts),
}

impl Event {
    /// The deal that it is about, and the one which that cancels; nothing if it is about a merchant.
    #[must_use]
    pub fn deal(&self) -> Option<(i64, Option<i64>)> {
        match self {
            Self::DealRequested(facts)
            | Self::SaveDealt(facts)
            | Self::UseDealt(facts)
            | Self::SaveCancelled(facts)
            | Self::UseCancelled(facts)
            | Self::UseVoided(facts)
            | Self::DealLeftToPoint(facts)
            | Self::DealFailed { deal: facts, .. } => Some((facts.deal_id, facts.original_deal_id)),
            Self::CancelCompleted { deal_id, .. } => Some((*deal_id, None)),
            Self::MerchantOpened(_) | Self::MerchantChanged(_) => None,
        }
    }

    /// Whether a deal has happened or failed with it.
    #[must_use]
    pub fn ends_deal(&self) -> bool {
        match self {
            Self::SaveDealt(_) | Self::UseDealt(_) | Self::SaveCancelled(_) | Self::UseCancelled(_) => true,
            Self::UseVoided(_) | Self::DealFailed { .. } => true,
            Self::DealRequested(_) | Self::DealLeftToPoint(_) | Self::CancelCompleted { .. } => false,
            Self::MerchantOpened(_) | Self::MerchantChanged(_) => false,
        }
    }
}

/// What an event tells of a merchant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MerchantFacts {
    /// The merchant.
    pub merchant_id: i64,
    /// What people call it.
    #[serde(default)]
    pub name: Option<String>,
    /// Share of the amount that is earned, in basis points; nothing: the programme's.
    #[serde(default)]
    pub earn_rate_bp: Option<i64>,
    /// Share that the programme keeps at settlement, in basis points; nothing: the programme's.
    #[serde(default)]
    pub fee_rate_bp: Option<i64>,
    /// Whether it may post deals.
    pub status: MerchantStatus,
}

/// Whether the points of a cancel have followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PointStatus {
    /// They follow by event.
    Pending,
    /// They have.
    Done,
}

impl PointStatus {
    /// Its name in rows and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Done => "DONE",
        }
    }

    /// The status with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pending, Self::Done].into_iter().find(|status| status.name() == name)
    }
}

/// A deal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deal {
    /// What it is about; as its events tell it.
    pub facts: DealFacts,
    /// How it stands.
    pub status: DealStatus,
    /// Of a `save` or `use`: points that cancels took of it, those included that wait for point. Never more than its
    /// points.
    pub cancelled_point: i64,
    /// Of a cancel that happened: whether its points have followed.
    pub point_status: Option<PointStatus>,
    /// Why it did not happen.
    pub fail_reason: Option<String>,
    /// Nobody learned in time what came of it, and point will tell.
    pub left_to_point: bool,
}

impl Deal {
    /// Points that can still be cancelled; 0 for anything but a `save` or `use` that happened.
    #[must_use]
    pub fn left_point(&self) -> i64 {
        match (self.status, self.facts.deal_type) {
            (DealStatus::Success, DealType::Save | DealType::Use) => self.facts.point - self.cancelled_point,
            _ => 0,
        }
    }
}

/// The programme's settings that concern deals (SPEC section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Share of the amount that is earned at a merchant without a rate of its own, in basis points.
    pub earn_rate_bp: i64,
    /// Whether the first deal of an unknown merchant opens it; otherwise such a deal fails.
    pub opens_merchants: bool,
    /// Whether points that were earned by a cancelled `save` and spent already are owed; otherwise the cancel needs
    /// point's word.
    pub may_owe: bool,
}

/// Why the business says no, so that there is no deal and no merchant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// Not an amount that can be paid.
    InvalidAmount,
    /// Not a number of points that can be used.
    InvalidPoint,
    /// The number of a merchant is taken.
    NumberTaken,
    /// Not a rate that can be earned.
    InvalidEarnRate,
    /// Not a rate that can be kept.
    InvalidFeeRate,
}

impl Rejection {
    /// The reason on the wire (SPEC section 3).
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::InvalidAmount => "invalid_amount",
            Self::InvalidPoint => "invalid_point",
            Self::NumberTaken => "number_taken",
            Self::InvalidEarnRate => "invalid_earn_rate",
            Self::InvalidFeeRate => "invalid_fee_rate",
        }
    }
}

/// Why a deal failed that point was never asked about. What point says comes in its own words.
pub mod fail {
    /// The merchant may not post deals.
    pub const MERCHANT_BLOCKED: &str = "merchant_blocked";
    /// There is no such merchant, and deals do not open any.
    pub const MERCHANT_UNKNOWN: &str = "merchant_unknown";
    /// Nobody learned in time whether the points were taken; they were not, or were given back.
    pub const TIMED_OUT: &str = "deal.timed_out";
    /// No deal was found, or nothing is left of it.
    pub const NOTHING_TO_CANCEL: &str = "deal.nothing_to_cancel";
}

#[cfg(test)]
mod tests;
