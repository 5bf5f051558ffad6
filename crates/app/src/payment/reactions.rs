//! What payment does when an order comes or is off.

use domain::cart::{CartFacts, Event as CartEvent};
use domain::membership::{Event as MembershipEvent, MembershipFacts};
use domain::payment::Order;
use platform::error::Result;
use platform::log;

use super::writer::{Command, OrderFacts};

fn of_cart(cart: &CartFacts) -> OrderFacts {
    OrderFacts {
        order: Order::Cart(cart.cart_id),
        customer_id: cart.customer_id,
        // More than any number holds is more than can be charged: the rule declines it.
        amount_won: cart.unit_price_won.saturating_mul(cart.quantity),
        method: cart.method,
    }
}

fn of_membership(membership: &MembershipFacts) -> OrderFacts {
    OrderFacts {
        order: Order::Membership(membership.mem_id),
        customer_id: membership.customer_id,
        amount_won: membership.price_won,
        method: membership.method,
    }
}

/// Turns events of cart into commands of payment.
pub(super) fn on_cart_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut commands = Vec::new();
    // The other events are not even read.
    for event in events.iter().filter(|event| matches!(event.kind.as_str(), "CartAdded" | "CartRemoved")) {
        match event.decode()? {
            CartEvent::CartAdded(cart) => commands.push(Command::Request(of_cart(&cart))),
            CartEvent::CartRemoved(cart) => commands.push(Command::Cancel(of_cart(&cart))),
            _ => {}
        }
    }
    Ok(commands)
}

/// Turns events of membership into commands of payment.
pub(super) fn on_membership_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut commands = Vec::new();
    let concerns = |event: &&log::Event| matches!(event.kind.as_str(), "MembershipRequested" | "MembershipCancelled");
    for event in events.iter().filter(concerns) {
        match event.decode()? {
            MembershipEvent::MembershipRequested(membership) => {
                commands.push(Command::Request(of_membership(&membership)));
            }
            MembershipEvent::MembershipCancelled { membership, refunds: true } => {
                commands.push(Command::Cancel(of_membership(&membership)));
            }
            _ => {}
        }
    }
    Ok(commands)
}
