//! Carts: pieces of one gifticon that somebody wants, from the reserved stock to paid or removed (SPEC sections 1 and 4;
//! seed 4). Cart alone decides how a cart ends; payment and gifticon follow its log.

mod add;
mod apply;
mod claim;
mod pay;
mod remove;

use alloc::string::String;

use serde::{Deserialize, Serialize};

pub use add::{AddCart, add_cart, amount_won, check_request};
pub use apply::apply;
pub use claim::{Standing, claim_reservation};
pub use pay::{Verdict, is_about, record_payment};
pub use remove::{Revocation, record_revocation, remove_cart};

use crate::payment::PaymentMethod;

/// Pieces that one cart may hold.
pub const MAX_QUANTITY: i64 = 1_000;

/// How a cart stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CartStatus {
    /// The stock is kept; payment follows.
    CartAdded,
    /// It is paid; vouchers are issued.
    PaymentApproved,
    /// It was not paid; the stock is free again.
    PaymentDeclined,
    /// It was removed: not shown, not listed.
    CartRemoved,
}

impl CartStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::CartAdded, Self::PaymentApproved, Self::PaymentDeclined, Self::CartRemoved];

    /// Its name in rows and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CartAdded => "CartAdded",
            Self::PaymentApproved => "PaymentApproved",
            Self::PaymentDeclined => "PaymentDeclined",
            Self::CartRemoved => "CartRemoved",
        }
    }

    /// The status with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// What an event tells of a cart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CartFacts {
    /// The cart.
    pub cart_id: i64,
    /// The stock that gifticon keeps for it.
    pub reservation_id: i64,
    /// Of what.
    pub gifticon_id: i64,
    /// Pieces.
    pub quantity: i64,
    /// Price of a piece when it was put in, in won; gifticon's word, never the client's.
    pub unit_price_won: i64,
    /// Whose; none where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<i64>,
    /// What it is paid with.
    pub method: PaymentMethod,
}

/// What happened to a cart. Public contract: this is what stands in cart's event log. The subject is the cart; sequences
/// count per cart from 1. (`ReservationRefused` is about a reservation, which happens to it once: its subject is the
/// reservation's number below zero, as no cart's is.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// It was put in, and is to be paid.
    CartAdded(CartFacts),
    /// It is paid.
    CartApproved {
        /// The cart.
        #[serde(flatten)]
        cart: CartFacts,
        /// How.
        payment_id: i64,
    },
    /// It was not paid, and is over.
    CartDeclined {
        /// The cart.
        #[serde(flatten)]
        cart: CartFacts,
        /// What said so.
        payment_id: i64,
        /// Why.
        reason: String,
    },
    /// A paid cart is to be removed; gifticon is asked whether its vouchers can be made void.
    RemovalRequested(CartFacts),
    /// They cannot: one has been used. The cart stays paid.
    RemovalRefused {
        /// The cart.
        #[serde(flatten)]
        cart: CartFacts,
        /// Why.
        reason: String,
    },
    /// It was removed: payment is cancelled, stock returned.
    CartRemoved(CartFacts),
    /// This reservation will never become a cart: gifticon asked, and none had come.
    ReservationRefused {
        /// The reservation.
        reservation_id: i64,
    },
}

impl Event {
    /// The cart that it is about; none for a reservation that never becomes one.
    #[must_use]
    pub fn cart(&self) -> Option<&CartFacts> {
        match self {
            Self::CartAdded(facts) | Self::RemovalRequested(facts) | Self::CartRemoved(facts) => Some(facts),
            Self::CartApproved { cart, .. } | Self::CartDeclined { cart, .. } | Self::RemovalRefused { cart, .. } => {
                Some(cart)
            }
            Self::ReservationRefused { .. } => None,
        }
    }
}

/// How far the removal of a paid cart has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Removal {
    /// Gifticon is to be asked whether its vouchers can be made void.
    Requested,
    /// They cannot, now or ever.
    Refused,
}

impl Removal {
    /// Its name in rows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Requested => "REQUESTED",
            Self::Refused => "REFUSED",
        }
    }

    /// The removal with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Requested, Self::Refused].into_iter().find(|removal| removal.name() == name)
    }
}

/// A cart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cart {
    /// What it is about; as its events tell it.
    pub facts: CartFacts,
    /// How it stands.
    pub status: CartStatus,
    /// What decided whether it is paid; none while nobody did.
    pub payment_id: Option<i64>,
    /// Of a paid cart: whether it is being removed, or cannot be.
    pub removal: Option<Removal>,
    /// Why it was not paid, or why it cannot be removed.
    pub fail_reason: Option<String>,
}

/// Why the business says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// Not a number of pieces that a cart may hold.
    InvalidQuantity,
    /// More money than can be paid at once, or none.
    InvalidAmount,
    /// Who pays with points has to be named.
    CustomerNeeded,
    /// This reservation never becomes a cart: gifticon was told so.
    ReservationRefused,
    /// Another cart has this reservation.
    ReservationTaken,
    /// There is no such cart, or no longer.
    Unknown,
    /// It cannot be removed; why, in gifticon's words.
    CannotBeRemoved(String),
}

#[cfg(test)]
mod tests;
