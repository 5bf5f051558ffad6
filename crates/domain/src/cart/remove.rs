//! The rule *remove*: a cart is given up (SPEC section 4; seed 4). One that is not paid goes at once. Of one that is paid
//! gifticon says whether it can: it alone knows whether a voucher was used.

use alloc::string::String;

use super::{Cart, CartStatus, Event, Rejection, Removal};

/// What gifticon says of the vouchers of a paid cart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Revocation {
    /// They are void, and the stock is free.
    Revoked,
    /// They stay; why.
    Refused(String),
}

/// Removes a cart, or asks for it where it is paid. Nothing happens where that has been asked for already; gifticon may
/// be asked again.
///
/// # Errors
/// [`Rejection::Unknown`] for a cart that is removed, and [`Rejection::CannotBeRemoved`] for one of which gifticon said
/// so before: its word is final.
pub fn remove_cart(cart: &Cart) -> Result<Option<Event>, Rejection> {
    let facts = cart.facts.clone();
    match (cart.status, cart.removal) {
        (CartStatus::CartRemoved, _) => Err(Rejection::Unknown),
        (CartStatus::CartAdded | CartStatus::PaymentDeclined, _) => Ok(Some(Event::CartRemoved(facts))),
        (CartStatus::PaymentApproved, None) => Ok(Some(Event::RemovalRequested(facts))),
        (CartStatus::PaymentApproved, Some(Removal::Requested)) => Ok(None),
        (CartStatus::PaymentApproved, Some(Removal::Refused)) => {
            Err(Rejection::CannotBeRemoved(cart.fail_reason.clone().unwrap_or_default()))
        }
    }
}

/// Takes gifticon's word in. Nothing: no removal is under way, because an earlier answer ended it.
#[must_use]
pub fn record_revocation(cart: &Cart, revocation: &Revocation) -> Option<Event> {
    if cart.status != CartStatus::PaymentApproved || cart.removal != Some(Removal::Requested) {
        return None;
    }
    let facts = cart.facts.clone();
    Some(match revocation {
        Revocation::Revoked => Event::CartRemoved(facts),
        Revocation::Refused(reason) => Event::RemovalRefused { cart: facts, reason: reason.clone() },
    })
}
