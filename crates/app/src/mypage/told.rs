//! What events of cart, membership and payment tell of purchases.

use domain::cart::{self, CartFacts};
use domain::membership::{self, MembershipFacts, MembershipStatus};
use domain::payment::{self, Order, PaymentStatus};
use platform::error::Result;
use platform::log;

/// Events of cart that say how a cart is shown; the others are not even read. That it is paid is told by payment.
const CART_KINDS: [&str; 2] = ["CartAdded", "CartRemoved"];
/// Events of membership that say how a membership is shown.
const MEMBERSHIP_KINDS: [&str; 5] =
    ["MembershipRequested", "MembershipActivated", "MembershipRefused", "MembershipCancelled", "MembershipExpired"];
/// Events of payment that say how a payment stands.
const PAYMENT_KINDS: [&str; 4] = ["PaymentRequested", "PaymentApproved", "PaymentDeclined", "PaymentCanceled"];

/// What an event tells of a purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A cart was put in, or removed.
    Cart { facts: CartFacts, is_removed: bool },
    /// A membership stands like this from now on.
    Membership { facts: MembershipFacts, status: MembershipStatus, expires_at_ms: Option<i64> },
    /// The payment of a cart or a membership does.
    Paid(Order, Paid),
}

/// How a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paid {
    pub(super) payment_id: i64,
    pub(super) customer_id: Option<i64>,
    pub(super) status: PaymentStatus,
}

impl Told {
    /// What an event of cart tells; nothing if it does not change what is shown.
    ///
    /// # Errors
    /// `Internal` for an event that this version cannot read.
    pub(super) fn of_cart(event: &log::Event) -> Result<Option<Self>> {
        if !CART_KINDS.contains(&event.kind.as_str()) {
            return Ok(None);
        }
        Ok(match event.decode()? {
            cart::Event::CartAdded(facts) => Some(Self::Cart { facts, is_removed: false }),
            cart::Event::CartRemoved(facts) => Some(Self::Cart { facts, is_removed: true }),
            _ => None,
        })
    }

    /// What an event of membership tells.
    ///
    /// # Errors
    /// As [`Told::of_cart`].
    pub(super) fn of_membership(event: &log::Event) -> Result<Option<Self>> {
        use membership::Event;
        if !MEMBERSHIP_KINDS.contains(&event.kind.as_str()) {
            return Ok(None);
        }
        let (facts, status, expires_at_ms) = match event.decode()? {
            Event::MembershipRequested(facts) => (facts, MembershipStatus::Requested, None),
            Event::MembershipActivated { membership, expires_at_ms, .. } => {
                (membership, MembershipStatus::Use, Some(expires_at_ms))
            }
            Event::MembershipRefused { membership, .. } => (membership, MembershipStatus::Refused, None),
            Event::MembershipCancelled { membership, .. } => (membership, MembershipStatus::Canc, None),
            Event::MembershipExpired(facts) => (facts, MembershipStatus::Expired, None),
            Event::UnitRefused { .. } => return Ok(None),
        };
        Ok(Some(Self::Membership { facts, status, expires_at_ms }))
    }

    /// What an event of payment tells.
    ///
    /// # Errors
    /// As [`Told::of_cart`].
    pub(super) fn of_payment(event: &log::Event) -> Result<Option<Self>> {
        use payment::Event;
        if !PAYMENT_KINDS.contains(&event.kind.as_str()) {
            return Ok(None);
        }
        let event: Event = event.decode()?;
        let status = match event {
            Event::PaymentRequested(_) => PaymentStatus::PaymentRequested,
            Event::PaymentApproved(_) => PaymentStatus::PaymentApproved,
            Event::PaymentDeclined { .. } => PaymentStatus::PaymentDeclined,
            Event::PaymentCanceled(_) => PaymentStatus::PaymentCanceled,
            Event::PaymentRefunded { .. } => return Ok(None),
        };
        let facts = event.payment();
        let paid = Paid { payment_id: facts.payment_id, customer_id: facts.customer_id, status };
        Ok(Some(Self::Paid(facts.order, paid)))
    }

    pub(super) fn order(&self) -> Order {
        match self {
            Self::Cart { facts, .. } => Order::Cart(facts.cart_id),
            Self::Membership { facts, .. } => Order::Membership(facts.mem_id),
            Self::Paid(order, _) => *order,
        }
    }

    pub(super) fn customer_id(&self) -> Option<i64> {
        match self {
            Self::Cart { facts, .. } => facts.customer_id,
            Self::Membership { facts, .. } => facts.customer_id,
            Self::Paid(_, paid) => paid.customer_id,
        }
    }
}
