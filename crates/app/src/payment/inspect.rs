//! What `onepoint verify` looks at in payment.

use std::collections::HashMap;

use domain::payment::{self, Event, Job, Payment, PaymentStatus, TIMED_OUT};
use platform::db::Session;
use platform::error::Result;
use platform::log::each_event;

use super::store::{Stored, payments_after};
use crate::kit::{Finding, Findings};

const PIECE_ROWS: i64 = 5_000;
const TOLD: &str = "a payment stands as its events tell";
const JOBS: &str = "what is to be charged or given back has a job, and nothing else has";
const SAID: &str = "a declined payment says why";

/// Compares every payment with what its log tells of it, and with what is still to be done about it.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn inspect(session: &mut dyn Session) -> Result<Findings> {
    let mut findings = Findings::new(&[TOLD, JOBS, SAID]);
    let mut told = told(session)?;
    let mut after = 0;
    loop {
        let piece = payments_after(session, after, PIECE_ROWS)?;
        let Some(last) = piece.last() else { break };
        after = last.payment.facts.payment_id;
        for stored in &piece {
            compare(stored, told.remove(&stored.payment.facts.payment_id), &mut findings);
        }
    }
    for payment_id in told.into_keys() {
        findings.add(TOLD, Finding::of(payment_id, "the log tells of it, and it is not there"));
    }
    Ok(findings)
}

fn told(session: &mut dyn Session) -> Result<HashMap<i64, Payment>> {
    let mut told: HashMap<i64, Payment> = HashMap::new();
    each_event(session, |event| {
        let mut payment = told.remove(&event.subject);
        payment::apply(&mut payment, &event.decode::<Event>()?);
        told.extend(payment.map(|payment| (event.subject, payment)));
        Ok(())
    })?;
    Ok(told)
}

fn compare(stored: &Stored, told: Option<Payment>, findings: &mut Findings) {
    let payment = &stored.payment;
    let payment_id = payment.facts.payment_id;
    if told.as_ref() != Some(payment) {
        let said = told.map_or("nothing", |told| told.status.name());
        let what = format!("it is {}, and its events tell {said}", payment.status.name());
        findings.add(TOLD, Finding::of(payment_id, what));
    }
    let is_timed_out = payment.reason.as_deref() == Some(TIMED_OUT);
    let wanted = match payment.status {
        PaymentStatus::PaymentRequested => Some(Job::Charge),
        PaymentStatus::PaymentCanceled if payment.refunded_won.is_none() => Some(Job::Cancel),
        PaymentStatus::PaymentDeclined if is_timed_out && payment.refunded_won.is_none() => Some(Job::Cancel),
        _ => None,
    };
    if payment.job != wanted || stored.due_at.is_some() != wanted.is_some() {
        let name = |job: Option<Job>| job.map_or("nothing", Job::name);
        let what = format!("{}: to do is {}, not {}", payment.status.name(), name(wanted), name(payment.job));
        findings.add(JOBS, Finding::of(payment_id, what));
    }
    if payment.status == PaymentStatus::PaymentDeclined && payment.reason.is_none() {
        findings.add(SAID, Finding::of(payment_id, "declined without a reason"));
    }
}
