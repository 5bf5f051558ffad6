//! The rules *cancel a payment* and *record a refund*: the order is off, and money that was taken goes back.

use alloc::vec;
use alloc::vec::Vec;

use super::{Event, Job, Payment, PaymentFacts, PaymentMethod, PaymentStatus, Rejection};

/// Takes in that an order is off. A payment that is requested or approved is canceled, and the provider is to give back
/// what it charged. Of an order that nobody wanted to charge yet it is noted that nobody ever will. Empty: it is over
/// already.
#[must_use]
pub fn cancel_payment(current: Option<&Payment>, facts: &PaymentFacts) -> Vec<Event> {
    let (facts, may_be_charged) = match current {
        None => (*facts, false),
        Some(payment) => (payment.facts, payment.facts.amount_won > 0),
    };
    let is_open = current.is_none_or(|payment| {
        matches!(payment.status, PaymentStatus::PaymentRequested | PaymentStatus::PaymentApproved)
    });
    if !is_open {
        return Vec::new();
    }
    let canceled = Event::PaymentCanceled(facts);
    if may_be_charged {
        return vec![canceled];
    }
    vec![canceled, Event::PaymentRefunded { payment: facts, refunded_won: 0 }]
}

/// Records what the provider gave back, in won (or points). `None`: nothing is to be given back any more.
///
/// # Errors
/// [`Rejection::RefundMismatch`] for anything but the whole amount, or nothing where it was never approved. Points of a
/// member who is gone are gone with the member: of points any part may be given back.
pub fn record_refund(payment: &Payment, refunded_won: i64) -> Result<Option<Event>, Rejection> {
    if payment.job != Some(Job::Cancel) {
        return Ok(None);
    }
    let PaymentFacts { amount_won, method, .. } = payment.facts;
    let may_be = match method {
        PaymentMethod::Card => refunded_won == amount_won || (refunded_won == 0 && !payment.was_approved),
        PaymentMethod::Points => (0..=amount_won).contains(&refunded_won),
    };
    if !may_be {
        return Err(Rejection::RefundMismatch);
    }
    Ok(Some(Event::PaymentRefunded { payment: payment.facts, refunded_won }))
}
