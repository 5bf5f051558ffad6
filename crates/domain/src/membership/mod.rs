//! Paid memberships: purchases of products, paid by event, valid for a calendar year (SPEC sections 1 and 4; seed 3).
//! Membership alone decides how a purchase ends; payment and product follow its log.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::payment::PaymentMethod;

/// How a membership stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MembershipStatus {
    /// Bought; payment follows.
    Requested,
    /// Paid, and good until it expires.
    Use,
    /// Cancelled.
    Canc,
    /// Its time is over.
    Expired,
    /// It was not paid.
    Refused,
}

impl MembershipStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [Self::Requested, Self::Use, Self::Canc, Self::Expired, Self::Refused];

    /// Its name in rows and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Requested => "REQUESTED",
            Self::Use => "USE",
            Self::Canc => "CANC",
            Self::Expired => "EXPIRED",
            Self::Refused => "REFUSED",
        }
    }

    /// The status with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// What an event tells of a membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MembershipFacts {
    /// The membership.
    pub mem_id: i64,
    /// The unit that product keeps for it.
    pub unit_id: i64,
    /// Which product.
    pub product_id: i64,
    /// Its name when it was bought.
    pub product_name: String,
    /// Its price when it was bought, in won; product's word, never the client's.
    pub price_won: i64,
    /// How long it lasts, in calendar months.
    pub months: i64,
    /// Whose; it is not looked up among members (SPEC section 4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<i64>,
    /// What it is paid with.
    pub method: PaymentMethod,
    /// When it was bought, in milliseconds since 1970 in UTC.
    pub purchased_at_ms: i64,
    /// The membership that this one renews: it begins where that one ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renews_mem_id: Option<i64>,
}

/// What happened to a membership. Public contract: this is what stands in membership's event log. The subject is the
/// membership; sequences count per membership from 1. (`UnitRefused` is about a unit: its subject is `unit:<number>`.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// It was bought, and is to be paid.
    MembershipRequested(MembershipFacts),
    /// It is paid.
    MembershipActivated {
        /// The membership.
        #[serde(flatten)]
        membership: MembershipFacts,
        /// How.
        payment_id: i64,
        /// From when on it is good, in milliseconds since 1970 in UTC.
        starts_at_ms: i64,
        /// Until when.
        expires_at_ms: i64,
    },
    /// It was not paid.
    MembershipRefused {
        /// The membership.
        #[serde(flatten)]
        membership: MembershipFacts,
        /// What said so.
        payment_id: i64,
        /// Why.
        reason: String,
    },
    /// It was cancelled.
    MembershipCancelled {
        /// The membership.
        #[serde(flatten)]
        membership: MembershipFacts,
        /// Whether the money is given back and the unit returned: it was cancelled before it was paid, or within the
        /// days of `membership.refund_days`.
        refunds: bool,
    },
    /// Its time is over.
    MembershipExpired(MembershipFacts),
    /// This unit will never become a membership: product asked, and none had come.
    UnitRefused {
        /// The unit.
        unit_id: i64,
    },
}
