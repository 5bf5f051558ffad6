//! What an event makes of a cart.

use super::{Cart, CartStatus, Event, Removal};

/// Takes what happened into the cart that it is about.
pub fn apply(cart: &mut Option<Cart>, event: &Event) {
    if let Event::CartAdded(facts) = event {
        *cart = Some(Cart {
            facts: facts.clone(),
            status: CartStatus::CartAdded,
            payment_id: None,
            removal: None,
            fail_reason: None,
        });
        return;
    }
    let Some(cart) = cart else { return };
    match event {
        Event::CartApproved { payment_id, .. } => {
            cart.status = CartStatus::PaymentApproved;
            cart.payment_id = Some(*payment_id);
        }
        Event::CartDeclined { payment_id, reason, .. } => {
            cart.status = CartStatus::PaymentDeclined;
            cart.payment_id = Some(*payment_id);
            cart.fail_reason = Some(reason.clone());
        }
        Event::RemovalRequested(_) => cart.removal = Some(Removal::Requested),
        Event::RemovalRefused { reason, .. } => {
            cart.removal = Some(Removal::Refused);
            cart.fail_reason = Some(reason.clone());
        }
        Event::CartRemoved(_) => {
            cart.status = CartStatus::CartRemoved;
            cart.removal = None;
        }
        Event::CartAdded(_) | Event::ReservationRefused { .. } => {}
    }
}
