//! Payments: what a cart or a membership costs is charged once, and given back once (SPEC sections 1 and 4; seeds 3 and
//! 4). The provider decides; here stands what it is to do, and what it said.

use alloc::string::String;

use serde::{Deserialize, Serialize};

/// How a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PaymentStatus {
    /// It is to be charged; the provider may have been asked.
    PaymentRequested,
    /// It was charged.
    PaymentApproved,
    /// It was not charged; what may have been charged without an answer is given back.
    PaymentDeclined,
    /// The order is off; what was charged is given back.
    PaymentCanceled,
}

impl PaymentStatus {
    /// Every status.
    pub const ALL: [Self; 4] =
        [Self::PaymentRequested, Self::PaymentApproved, Self::PaymentDeclined, Self::PaymentCanceled];

    /// Its name in rows and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PaymentRequested => "PaymentRequested",
            Self::PaymentApproved => "PaymentApproved",
            Self::PaymentDeclined => "PaymentDeclined",
            Self::PaymentCanceled => "PaymentCanceled",
        }
    }

    /// The status with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// What is paid with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PaymentMethod {
    /// Money, by the provider.
    Card,
    /// The customer's points, one for each won, by a hold on the ledger.
    Points,
}

impl PaymentMethod {
    /// Its name in rows and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Points => "points",
        }
    }

    /// The method with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Card, Self::Points].into_iter().find(|method| method.name() == name)
    }
}

/// What is paid for. Each order is paid once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Order {
    /// The cart with this number.
    Cart(i64),
    /// The membership with this number.
    Membership(i64),
}

impl Order {
    /// What kind of order it is, as on the wire: `cart` or `membership`.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Cart(_) => "cart",
            Self::Membership(_) => "membership",
        }
    }

    /// The number of the cart or the membership.
    #[must_use]
    pub fn id(self) -> i64 {
        match self {
            Self::Cart(id) | Self::Membership(id) => id,
        }
    }
}

/// What an event tells of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentFacts {
    /// The payment.
    pub payment_id: i64,
    /// What for.
    pub order: Order,
    /// Who pays; none where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<i64>,
    /// How much, in won (or points).
    pub amount_won: i64,
    /// What with.
    pub method: PaymentMethod,
}

/// What happened to a payment. Public contract: this is what stands in payment's event log. The subject is the payment;
/// sequences count per payment from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// It is to be charged. Exactly one of approved, declined and canceled follows.
    PaymentRequested(PaymentFacts),
    /// It was charged.
    PaymentApproved(PaymentFacts),
    /// It was not charged.
    PaymentDeclined {
        /// The payment.
        #[serde(flatten)]
        payment: PaymentFacts,
        /// Why: what the provider or the ledger said, or `timed_out`.
        reason: String,
    },
    /// The order is off, before or after the charge.
    PaymentCanceled(PaymentFacts),
    /// What had been charged under a payment that was declined or canceled has been given back, or it is certain that
    /// nothing was and nothing will be.
    PaymentRefunded {
        /// The payment.
        #[serde(flatten)]
        payment: PaymentFacts,
        /// How much was given back, in won (or points); 0 if nothing had been charged.
        refunded_won: i64,
    },
}

impl Event {
    /// The payment that it is about.
    #[must_use]
    pub fn payment(&self) -> &PaymentFacts {
        match self {
            Self::PaymentRequested(facts) | Self::PaymentApproved(facts) | Self::PaymentCanceled(facts) => facts,
            Self::PaymentDeclined { payment, .. } | Self::PaymentRefunded { payment, .. } => payment,
        }
    }
}
