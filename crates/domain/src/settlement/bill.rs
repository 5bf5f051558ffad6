//! A run: what is open of a merchant's month is summed up, the fee goes off, and the tallies are closed.

use alloc::vec::Vec;

use super::{Event, LastRun, LineKind, Merchant, Rejection, Tally, is_billed_by};
use crate::kernel::{MAX_SAFE, Month};

/// The whole, in basis points.
const WHOLE: i64 = 10_000;

/// What surrounds a run.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// The month to bill.
    pub month: Month,
    /// The month that it is now.
    pub now: Month,
    /// The fee where none is agreed, in basis points.
    pub fee_rate: i64,
    /// The time, in milliseconds since 1970 in UTC.
    pub now_ms: i64,
}

/// What a merchant is paid for these points, in won: the fee goes off the sum, and what is less than one won is cut
/// off towards zero. `fee_rate` is 0 to 10,000 basis points.
#[must_use]
pub fn billing_amount(point: i64, fee_rate: i64) -> i64 {
    let kept = i128::from(point) * i128::from(WHOLE - fee_rate.clamp(0, WHOLE)) / i128::from(WHOLE);
    // Not larger than `point`, so it fits.
    i64::try_from(kept).unwrap_or(point)
}

/// Bills what is open of a merchant's month: its uses, and the cancels of it and of earlier months. Nothing if that is
/// nothing and the month was billed before: then the last run stands. The first run of a month without lines is one
/// over 0.
///
/// # Errors
/// `MerchantUnknown`; `MonthNotBegun`; `SumTooLarge`.
pub fn bill(
    merchant: Option<&Merchant>,
    last: Option<LastRun>,
    asked: &Asked,
    billing_id: i64,
) -> Result<Option<Event>, Rejection> {
    if asked.month > asked.now {
        return Err(Rejection::MonthNotBegun);
    }
    let merchant = merchant.filter(|merchant| merchant.known).ok_or(Rejection::MerchantUnknown)?;
    let billed: Vec<&Tally> = merchant.open.iter().filter(|tally| is_billed_by(tally, asked.month)).collect();
    if billed.is_empty() && last.is_some() {
        return Ok(None);
    }
    let sum = billed.iter().try_fold(0_i64, |sum, tally| sum.checked_add(tally.point));
    let used_point = sum.filter(|sum| (-MAX_SAFE..=MAX_SAFE).contains(sum)).ok_or(Rejection::SumTooLarge)?;
    let fee_rate = merchant.fee_rate.unwrap_or(asked.fee_rate);
    Ok(Some(Event::Billed {
        billing_id,
        merchant_id: merchant.merchant_id,
        billing_month: asked.month.as_number(),
        run: last.map_or(1, |last| last.run + 1),
        used_point,
        fee_rate,
        billing_amount: billing_amount(used_point, fee_rate),
        deal_count: billed.iter().map(|tally| tally.deal_count).sum(),
        through: merchant.through,
        billed_at_ms: asked.now_ms,
    }))
}

/// The months that a closing of `month` bills at a merchant, in order: earlier ones in which uses are open that came
/// late, and the month itself if anything of it, or a cancel of an earlier one, is open. None if nothing is.
#[must_use]
pub fn close_month(merchant: &Merchant, month: Month) -> Vec<Month> {
    let is_late = |tally: &&Tally| tally.kind == LineKind::Use && tally.month < month;
    let mut months: Vec<Month> = merchant.open.iter().filter(is_late).map(|tally| tally.month).collect();
    months.sort_unstable();
    // The last of the late runs takes the cancels up to its own month along.
    let taken = months.last().copied();
    let is_left = |tally: &Tally| is_billed_by(tally, month) && taken.is_none_or(|late| !is_billed_by(tally, late));
    if merchant.open.iter().any(is_left) {
        months.push(month);
    }
    months
}
