//! The rules *record an outcome* and *give up*: what the provider said of a charge, or that it said nothing in time.

use alloc::string::String;

use super::{Event, Payment, PaymentStatus, TIMED_OUT};

/// What a provider says of a charge.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ChargeOutcome {
    /// It is charged.
    Charged,
    /// It is not, and never will be under this reference; why.
    Declined(String),
}

/// Records what the provider said of the charge, whichever way and whenever it came. `None`: the payment is not waiting
/// for it any more. Then it is recorded already, or the payment is over and has been or will be cancelled at the provider,
/// which gives back whatever was charged.
#[must_use]
pub fn record_outcome(payment: &Payment, outcome: &ChargeOutcome) -> Option<Event> {
    if payment.status != PaymentStatus::PaymentRequested {
        return None;
    }
    Some(match outcome {
        ChargeOutcome::Charged => Event::PaymentApproved(payment.facts),
        ChargeOutcome::Declined(reason) => Event::PaymentDeclined { payment: payment.facts, reason: reason.clone() },
    })
}

/// Declines a payment of which the provider has said nothing for `waited_ms`, if that is as long as `limit_ms`. What it
/// may have charged is given back from now on. `None`: it is not waiting, or not long enough.
#[must_use]
pub fn give_up(payment: &Payment, waited_ms: i64, limit_ms: i64) -> Option<Event> {
    let is_due = payment.status == PaymentStatus::PaymentRequested && waited_ms >= limit_ms;
    is_due.then(|| Event::PaymentDeclined { payment: payment.facts, reason: TIMED_OUT.into() })
}
