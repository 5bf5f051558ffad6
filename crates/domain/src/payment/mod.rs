//! Payments: what a cart or a membership costs is charged once, and given back once (SPEC sections 1 and 4; seeds 3 and
//! 4). The provider decides; here stands what it is to do, and what it said.
//!
//! A payment is requested, and then approved or declined or canceled; one that was approved may still be canceled. Money
//! may have been taken without anybody knowing only where a payment was declined as [`TIMED_OUT`] or canceled: then it is
//! the provider's turn to give back, and exactly one `PaymentRefunded` follows.

mod apply;
mod cancel;
mod outcome;
mod request;

use alloc::string::String;

use serde::{Deserialize, Serialize};

pub use apply::apply;
pub use cancel::{cancel_payment, record_refund};
pub use outcome::{ChargeOutcome, give_up, record_outcome};
pub use request::{RequestPayment, request_payment};

/// Why a payment was declined that the provider was not heard of in time. What it may have charged is given back.
pub const TIMED_OUT: &str = "timed_out";
/// Why a payment was declined that no provider was there for.
pub const NO_PROVIDER: &str = "no_provider";
/// Why a payment with points was declined of which nobody said whose points.
pub const NO_CUSTOMER: &str = "no_customer";
/// Why a payment was declined over an amount that cannot be charged.
pub const INVALID_AMOUNT: &str = "invalid_amount";

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

/// What the provider is still to do about a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Job {
    /// Charge it.
    Charge,
    /// Give back what it charged, and never charge it from now on.
    Cancel,
}

impl Job {
    /// Its name in rows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Cancel => "cancel",
        }
    }

    /// The job with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Charge, Self::Cancel].into_iter().find(|job| job.name() == name)
    }
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Payment {
    /// What for, how much, what with.
    pub facts: PaymentFacts,
    /// How it stands.
    pub status: PaymentStatus,
    /// Why it was declined.
    pub reason: Option<String>,
    /// What the provider is still to do.
    pub job: Option<Job>,
    /// Whether it was approved at some time: then what is given back is the whole amount.
    pub was_approved: bool,
    /// What was given back, in won (or points); none: nothing is known to be, or was to be.
    pub refunded_won: Option<i64>,
    /// Of its last event.
    pub sequence: i64,
}

/// What an event tells of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// It is to be charged. Exactly one of approved, declined and canceled follows, and canceled may follow approved. (An
    /// order that is off before anybody wanted to charge it has no such event; its first one is `PaymentCanceled`.)
    PaymentRequested(PaymentFacts),
    /// It was charged.
    PaymentApproved(PaymentFacts),
    /// It was not charged.
    PaymentDeclined {
        /// The payment.
        #[serde(flatten)]
        payment: PaymentFacts,
        /// Why: what the provider or the ledger said, or `timed_out`, `no_provider`, `no_customer`, `invalid_amount`.
        reason: String,
    },
    /// The order is off, before or after the charge.
    PaymentCanceled(PaymentFacts),
    /// What had been charged under a payment that was canceled, or declined as `timed_out`, has been given back, or it is
    /// certain that nothing was and nothing will be. Follows each of these once.
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

/// Why what a provider said is not recorded: it cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// Another amount than the payment's was given back.
    RefundMismatch,
}

impl Rejection {
    /// Its name.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::RefundMismatch => "refund_mismatch",
        }
    }
}

#[cfg(test)]
mod tests;
