//! What cart does when payment has decided.

use domain::cart::Verdict;
use domain::payment::{Event as PaymentEvent, Order};
use platform::error::Result;
use platform::log;

use super::writer::Command;

/// Turns events of payment into commands of cart.
pub(super) fn on_payment_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut commands = Vec::new();
    // The other events of payment follow from what cart told, or are about money alone; they are not even read.
    for event in events.iter().filter(|event| matches!(event.kind.as_str(), "PaymentApproved" | "PaymentDeclined")) {
        let (payment, verdict) = match event.decode()? {
            PaymentEvent::PaymentApproved(payment) => (payment, Verdict::Approved),
            PaymentEvent::PaymentDeclined { payment, reason } => (payment, Verdict::Declined(reason)),
            _ => continue,
        };
        if let Order::Cart(cart_id) = payment.order {
            commands.push(Command::RecordPayment { cart_id, payment, verdict });
        }
    }
    Ok(commands)
}
