//! The rule *record payment*: a cart is paid, or is not (SPEC section 4; seed 4).

use alloc::string::String;

use super::{Cart, CartStatus, Event, amount_won};
use crate::payment::{Order, PaymentFacts};

/// What payment says of a cart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is paid.
    Approved,
    /// It is not, and never will be; why.
    Declined(String),
}

/// Whether a payment is about this cart: a store that was restored on its own gives numbers out again.
#[must_use]
pub fn is_about(cart: &Cart, paid: &PaymentFacts) -> bool {
    let facts = &cart.facts;
    paid.order == Order::Cart(facts.cart_id)
        && Some(paid.amount_won) == amount_won(facts.quantity, facts.unit_price_won)
        && (paid.customer_id, paid.method) == (facts.customer_id, facts.method)
}

/// Takes payment's word in. Nothing: the cart was removed meanwhile (payment follows that, and gives back), had its word
/// already, or is another one than was paid.
#[must_use]
pub fn record_payment(cart: &Cart, paid: &PaymentFacts, verdict: &Verdict) -> Option<Event> {
    if cart.status != CartStatus::CartAdded || !is_about(cart, paid) {
        return None;
    }
    let (facts, payment_id) = (cart.facts.clone(), paid.payment_id);
    Some(match verdict {
        Verdict::Approved => Event::CartApproved { cart: facts, payment_id },
        Verdict::Declined(reason) => Event::CartDeclined { cart: facts, payment_id, reason: reason.clone() },
    })
}
