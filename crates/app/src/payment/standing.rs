//! Every payment as it stands, for comparing those who are paid for.

use std::collections::HashMap;

use domain::payment::Payment;
use platform::db::Session;
use platform::error::Result;

use super::store::payments_after;

const PIECE_ROWS: i64 = 5_000;

/// Every payment, by its number.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn payments(session: &mut dyn Session) -> Result<HashMap<i64, Payment>> {
    let (mut payments, mut after) = (HashMap::new(), 0);
    loop {
        let piece = payments_after(session, after, PIECE_ROWS)?;
        let Some(last) = piece.last() else { return Ok(payments) };
        after = last.payment.facts.payment_id;
        payments.extend(piece.into_iter().map(|stored| (stored.payment.facts.payment_id, stored.payment)));
    }
}
