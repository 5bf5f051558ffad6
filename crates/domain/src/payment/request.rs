//! The rule *request a payment*: an order is to be paid.

use alloc::vec;
use alloc::vec::Vec;

use super::{Event, INVALID_AMOUNT, NO_CUSTOMER, NO_PROVIDER, Payment, PaymentFacts, PaymentMethod};
use crate::kernel::MAX_SAFE;

/// An order is to be paid.
#[derive(Debug, Clone, Copy)]
pub struct RequestPayment {
    /// The payment that it would be; its amount is the order's.
    pub facts: PaymentFacts,
    /// Whether there is a provider for cards.
    pub takes_cards: bool,
}

/// Takes an order in: its payment is to be charged, or is declined at once because nobody could ever charge it. An order
/// over nothing is paid at once. Empty: the order has its payment already, or was off before it came.
#[must_use]
pub fn request_payment(current: Option<&Payment>, request: &RequestPayment) -> Vec<Event> {
    if current.is_some() {
        return Vec::new();
    }
    let RequestPayment { facts, takes_cards } = *request;
    let requested = Event::PaymentRequested(facts);
    let decline = |reason: &str| Event::PaymentDeclined { payment: facts, reason: reason.into() };
    let at_once = if !(0..=MAX_SAFE).contains(&facts.amount_won) {
        decline(INVALID_AMOUNT)
    } else if facts.amount_won == 0 {
        Event::PaymentApproved(facts)
    } else if facts.method == PaymentMethod::Points && facts.customer_id.is_none() {
        decline(NO_CUSTOMER)
    } else if facts.method == PaymentMethod::Card && !takes_cards {
        decline(NO_PROVIDER)
    } else {
        return vec![requested];
    };
    vec![requested, at_once]
}
