//! Deals at merchants: what was earned and used there, and what of it was cancelled (SPEC sections 1 and 4; seed 1).
//! Point decides whether points may move; here stands what was asked for and what came of it.

use alloc::string::String;

use serde::{Deserialize, Serialize};

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
    /// The deal's date: when it was asked for, in milliseconds since 1970 in UTC. Decides the month it is settled in.
    pub dealt_at_ms: i64,
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
