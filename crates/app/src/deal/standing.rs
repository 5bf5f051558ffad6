//! Every deal as it stands, for comparing those who show deals.

use std::collections::HashMap;

use domain::deal::Deal;
use platform::db::Session;
use platform::error::Result;

use super::list::{deals_after, merchants_after};
use super::store::MerchantSlot;

const PIECE_ROWS: i64 = 5_000;

/// Each merchant with the sequence of its last event, and every deal.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn standing(session: &mut dyn Session) -> Result<(HashMap<i64, i64>, Vec<Deal>)> {
    let (mut merchants, mut deals) = (HashMap::new(), Vec::new());
    let mut after = 0;
    while let piece = merchants_after(session, after, PIECE_ROWS)?
        && let Some(last) = piece.last()
    {
        after = last.int(0);
        merchants.extend(piece.iter().map(|row| (row.int(0), MerchantSlot::read(row).sequence)));
    }
    after = 0;
    while let piece = deals_after(session, after, PIECE_ROWS)?
        && let Some(last) = piece.last()
    {
        after = last.deal.facts.deal_id;
        deals.extend(piece.into_iter().map(|stored| stored.deal));
    }
    Ok((merchants, deals))
}
