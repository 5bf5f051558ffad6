//! How a message leaves the house.

use domain::kernel::normal_phone;
use domain::notification::Attempt;

/// A message on its way.
pub struct Message<'a> {
    /// Its number, which is the idempotency key towards a provider.
    pub message_id: i64,
    /// What it is about.
    pub kind: &'a str,
    /// Where it goes.
    pub phone_no: &'a str,
}

/// Sends messages.
pub trait Notifier: Send + Sync {
    /// Tries once; may block for as long as the provider takes.
    fn send(&self, message: &Message<'_>) -> Attempt;
}

/// Writes messages into the program's log, the phone number masked: for a programme that sends none, and for trying out.
pub struct LogNotifier;

impl Notifier for LogNotifier {
    fn send(&self, message: &Message<'_>) -> Attempt {
        let normal = normal_phone(message.phone_no);
        let ending = normal.get(normal.len().saturating_sub(2)..).unwrap_or_default();
        tracing::debug!(message_id = message.message_id, kind = message.kind, to = %format!("…{ending}"), "message");
        Attempt::Delivered
    }
}
