//! Every deal as it stands, for comparing those who show deals.

use std::collections::HashMap;

use domain::deal::Deal;
use platform::db::Session;
use platform::error::Result;

use super::list::{deals_after, merchants_after};
use super::store::MerchantSlot;

const PIECE_ROWS: i64 = 5_000;

/// Each merchant with the sequence of its last event.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn sequences(session: &mut dyn Session) -> Result<HashMap<i64, i64>> {
    let (mut merchants, mut after) = (HashMap::new(), 0);
    loop {
        let piece = merchants_after(session, after, PIECE_ROWS)?;
        let Some(last) = piece.last() else { return Ok(merchants) };
        after = last.int(0);
        merchants.extend(piece.iter().map(|row| (row.int(0), MerchantSlot::read(row).sequence)));
    }
}

/// Shows every deal with the sequence of the event that ended it, 0 while it is pending; in order of their numbers.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn each_deal(session: &mut dyn Session, look: &mut dyn FnMut(Deal, i64)) -> Result<()> {
    let mut after = 0;
    loop {
        let piece = deals_after(session, after, PIECE_ROWS)?;
        let Some(last) = piece.last() else { return Ok(()) };
        after = last.deal.facts.deal_id;
        piece.into_iter().for_each(|stored| look(stored.deal, stored.sequence));
    }
}
