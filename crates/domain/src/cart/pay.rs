//! The rule *record payment*: a cart is paid, or is not (SPEC section 4; seed 4).

use alloc::string::String;

use super::{Cart, CartStatus, Event};

/// What payment says of a cart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is paid.
    Approved,
    /// It is not, and never will be; why.
    Declined(String),
}

/// Takes payment's word in. Nothing: the cart was removed meanwhile (payment follows that, and gives back), or had its
/// word already.
#[must_use]
pub fn record_payment(cart: &Cart, payment_id: i64, verdict: &Verdict) -> Option<Event> {
    if cart.status != CartStatus::CartAdded {
        return None;
    }
    let facts = cart.facts.clone();
    Some(match verdict {
        Verdict::Approved => Event::CartApproved { cart: facts, payment_id },
        Verdict::Declined(reason) => Event::CartDeclined { cart: facts, payment_id, reason: reason.clone() },
    })
}
