//! What gifticon does when cart has decided how a cart ends.

use domain::cart::Event as CartEvent;
use platform::error::Result;
use platform::log;

use super::writer::Command;

/// Turns events of cart into commands of gifticon.
pub(super) fn on_cart_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut commands = Vec::new();
    // What does not end a cart is not even read.
    let concerns = |event: &&log::Event| matches!(&*event.kind, "CartApproved" | "CartDeclined" | "CartRemoved");
    for event in events.iter().filter(concerns) {
        match event.decode()? {
            CartEvent::CartApproved { cart, .. } => commands.push(Command::Sell {
                reservation_id: cart.reservation_id,
                cart_id: cart.cart_id,
                customer_id: cart.customer_id,
            }),
            CartEvent::CartDeclined { cart, .. } | CartEvent::CartRemoved(cart) => {
                commands.push(Command::GiveBack { reservation_id: cart.reservation_id, cart_id: Some(cart.cart_id) })
            }
            _ => {}
        }
    }
    Ok(commands)
}
