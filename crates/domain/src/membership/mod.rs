//! Paid memberships: purchases of products, paid by event, valid for a calendar year (SPEC sections 1 and 4; seed 3).
//! Membership alone decides how a purchase ends; payment and product follow its log.

mod apply;
mod cancel;
mod claim;
mod expire;
mod pay;
mod renew;
mod request;

use alloc::string::String;

use serde::{Deserialize, Serialize};

pub use apply::apply;
pub use cancel::cancel_membership;
pub use claim::{UnitClaim, claim_unit};
pub use expire::expire_membership;
pub use pay::{Term, activates, end_day, is_about, record_payment, starts_at_ms};
pub use renew::can_renew;
pub use request::request_membership;

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
/// membership; sequences count per membership from 1. (`UnitRefused` is about a unit: its subject is the unit's number below zero.)
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

/// A membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// What was bought; as its events tell it.
    pub facts: MembershipFacts,
    /// How it stands on record; what is shown is [`Membership::status_at`].
    pub status: MembershipStatus,
    /// How it was paid, or what said that it was not; none before that.
    pub payment_id: Option<i64>,
    /// From when on it is good, in milliseconds since 1970 in UTC; none until it is paid.
    pub starts_at_ms: Option<i64>,
    /// Until when.
    pub expires_at_ms: Option<i64>,
    /// Why it was not paid.
    pub fail_reason: Option<String>,
    /// The membership that renews this one; none if there is none, or it was refused or cancelled.
    pub renewed_by: Option<i64>,
    /// Number of its last event.
    pub sequence: i64,
}

impl Membership {
    /// How it stands at this instant: what is over is over, whether or not it has been noted.
    #[must_use]
    pub fn status_at(&self, now_ms: i64) -> MembershipStatus {
        if self.status == MembershipStatus::Use && self.expires_at_ms.is_some_and(|end_ms| end_ms <= now_ms) {
            return MembershipStatus::Expired;
        }
        self.status
    }
}

/// Why the business says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// The unit never becomes a membership, or is another's: another one has to be kept.
    UnitGone,
    /// There is no such membership to renew.
    RenewedUnknown,
    /// The membership to renew is not good at present.
    RenewedNotInUse,
    /// The membership to renew is another customer's.
    RenewedOfAnother,
    /// It has been renewed already.
    RenewedAlready,
    /// It ends so far away that what renews it could end after the calendar.
    RenewedTooFar,
    /// It was not paid; there is nothing to cancel.
    Refused,
    /// Its time is over; there is nothing to cancel.
    Expired,
}

impl Rejection {
    /// The reason on the wire, after `membership.`.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::UnitGone => "unit_gone",
            Self::RenewedUnknown => "renewed_unknown",
            Self::RenewedNotInUse => "renewed_not_in_use",
            Self::RenewedOfAnother => "renewed_of_another",
            Self::RenewedAlready => "renewed_already",
            Self::RenewedTooFar => "renewed_too_far",
            Self::Refused => "refused",
            Self::Expired => "expired",
        }
    }
}

#[cfg(test)]
mod tests;
