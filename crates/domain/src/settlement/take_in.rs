//! A line comes in and is added to the open tally of its merchant, month and kind.

use super::{LineKind, Merchant, Rejection, Tally};
use crate::kernel::{MAX_SAFE, Month};

/// A line: a use that happened, or a cancel of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The deal.
    pub deal_id: i64,
    /// The month that it is dated in.
    pub month: Month,
    /// What it is.
    pub kind: LineKind,
    /// Points, negative for a cancel.
    pub point: i64,
}

/// Adds a line that the merchant's event of deal with this sequence tells of. The number of its tally, which is
/// `next_tally` for the first line of its month and kind since the last run; nothing if the event was taken in before.
///
/// # Errors
/// `SumTooLarge`; nothing has changed.
pub fn take_in(
    merchant: &mut Merchant,
    line: &Line,
    sequence: i64,
    next_tally: i64,
) -> Result<Option<i64>, Rejection> {
    if sequence <= merchant.through {
        return Ok(None);
    }
    let Line { deal_id, month, kind, point } = *line;
    let fits = |sum: &i64| (-MAX_SAFE..=MAX_SAFE).contains(sum);
    let tally_id = match merchant.open.iter_mut().find(|tally| (tally.month, tally.kind) == (month, kind)) {
        Some(tally) => {
            tally.point = tally.point.checked_add(point).filter(fits).ok_or(Rejection::SumTooLarge)?;
            tally.deal_count += 1;
            tally.first_deal = tally.first_deal.min(deal_id);
            tally.last_deal = tally.last_deal.max(deal_id);
            tally.tally_id
        }
        None => {
            let (first_deal, last_deal, deal_count) = (deal_id, deal_id, 1);
            merchant.open.push(Tally { tally_id: next_tally, month, kind, point, deal_count, first_deal, last_deal });
            next_tally
        }
    };
    merchant.through = sequence;
    Ok(Some(tally_id))
}

/// Deal tells what is agreed with a merchant: the fee of the runs from now on.
pub fn set_fee_rate(merchant: &mut Merchant, fee_rate: Option<i64>, sequence: i64) {
    if sequence > merchant.through {
        merchant.known = true;
        merchant.fee_rate = fee_rate;
        merchant.through = sequence;
    }
}
