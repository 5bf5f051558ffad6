//! What membership does when payment has decided.

use domain::payment::{Event, Order};
use platform::error::Result;
use platform::log;

use super::writer::Command;

/// Turns events of payment into commands of membership. Payments of carts are another's.
pub(super) fn on_payment_events(events: &[log::Event]) -> Result<Vec<Command>> {
    const KINDS: [&str; 2] = ["PaymentApproved", "PaymentDeclined"];
    let mut commands = Vec::new();
    for event in events.iter().filter(|event| KINDS.contains(&event.kind.as_str())) {
        let payment: Event = event.decode()?;
        if matches!(payment.payment().order, Order::Membership(_)) {
            commands.push(Command::Record { payment });
        }
    }
    Ok(commands)
}
