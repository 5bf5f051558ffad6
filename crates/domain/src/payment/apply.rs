//! What an event makes of a payment.

use super::{Event, Job, Payment, PaymentStatus, TIMED_OUT};

/// Takes what happened into the payment.
pub fn apply(payment: &mut Option<Payment>, event: &Event) {
    let before = payment.take();
    let fresh = Payment {
        facts: *event.payment(),
        status: PaymentStatus::PaymentRequested,
        reason: None,
        job: Some(Job::Charge),
        was_approved: false,
        refunded_won: None,
        sequence: 0,
    };
    let mut next = before.unwrap_or(fresh);
    next.sequence += 1;
    match event {
        Event::PaymentRequested(_) => {}
        Event::PaymentApproved(_) => {
            (next.status, next.job, next.was_approved) = (PaymentStatus::PaymentApproved, None, true);
        }
        Event::PaymentDeclined { reason, .. } => {
            next.status = PaymentStatus::PaymentDeclined;
            next.job = (reason == TIMED_OUT).then_some(Job::Cancel);
            next.reason = Some(reason.clone());
        }
        Event::PaymentCanceled(_) => {
            (next.status, next.job) = (PaymentStatus::PaymentCanceled, Some(Job::Cancel));
        }
        Event::PaymentRefunded { refunded_won, .. } => {
            (next.job, next.refunded_won) = (None, Some(*refunded_won));
        }
    }
    *payment = Some(next);
}
