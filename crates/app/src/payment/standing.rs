//! Every payment as it stands, for comparing those who are paid for.

use std::collections::{HashMap, HashSet};

use domain::payment::{Event, Order, Payment, PaymentStatus};
use platform::db::{Cursor, Session};
use platform::error::Result;
use platform::log::each_event;

use super::store::payments_after;

const PIECE_ROWS: i64 = 5_000;

/// What payment says of those who are paid for, by what they are.
#[derive(Debug, Default)]
pub struct Paid {
    /// Their payments.
    pub payments: HashMap<Order, Payment>,
    /// Where payment's log says that a payment was approved or declined.
    pub decided: HashMap<Order, Cursor>,
}

/// Every payment, and where it was decided.
///
/// # Errors
/// `Unavailable` when the store cannot be reached; `Internal` for an event that cannot be read.
pub fn payments(session: &mut dyn Session) -> Result<Paid> {
    let mut paid = Paid::default();
    each(session, |payment| {
        paid.payments.insert(payment.facts.order, payment);
    })?;
    each_event(session, |event| {
        if matches!(event.kind.as_str(), "PaymentApproved" | "PaymentDeclined") {
            paid.decided.insert(event.decode::<Event>()?.payment().order, event.cursor);
        }
        Ok(())
    })?;
    Ok(paid)
}

/// What is paid for by payments that are canceled. Looked at before what it is, that is off already, even while a server
/// is at work.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn canceled(session: &mut dyn Session) -> Result<HashSet<Order>> {
    let mut canceled = HashSet::new();
    each(session, |payment| {
        if payment.status == PaymentStatus::PaymentCanceled {
            canceled.insert(payment.facts.order);
        }
    })?;
    Ok(canceled)
}

fn each(session: &mut dyn Session, mut look: impl FnMut(Payment)) -> Result<()> {
    let mut after = 0;
    loop {
        let piece = payments_after(session, after, PIECE_ROWS)?;
        let Some(last) = piece.last() else { return Ok(()) };
        after = last.payment.facts.payment_id;
        piece.into_iter().for_each(|stored| look(stored.payment));
    }
}
