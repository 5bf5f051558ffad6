//! A member gets a coupon.

use alloc::format;
use alloc::string::String;

use super::{Event, Rejection, Wallet, must_be_active};
use crate::kernel::Day;

/// A coupon for a member.
#[derive(Debug, Clone)]
pub struct IssueCoupon {
    /// Its number.
    pub coupon_id: i64,
    /// The campaign it is of; none: the join coupon.
    pub campaign_id: Option<i64>,
    /// Its code as it is shown.
    pub code: String,
    /// The first day on which it is good.
    pub start_date: Day,
    /// The last one.
    pub end_date: Day,
    /// Whether its code was made in advance.
    pub from_stock: bool,
}

/// Gives a coupon.
///
/// # Errors
/// [`Rejection::WalletUnknown`], [`Rejection::MemberLeaving`].
pub fn issue_coupon(wallet: Option<&Wallet>, cmd: &IssueCoupon) -> Result<Event, Rejection> {
    let wallet = must_be_active(wallet)?;
    Ok(Event::CouponIssued {
        coupon_id: cmd.coupon_id,
        member_id: wallet.member_id,
        campaign_id: cmd.campaign_id,
        code: cmd.code.clone(),
        start_date: format!("{}", cmd.start_date),
        end_date: format!("{}", cmd.end_date),
        from_stock: cmd.from_stock,
    })
}

/// From when to when a join coupon is good: from the day of joining to the same day `months` later.
#[must_use]
pub fn join_dates(joined: Day, months: i32) -> (Day, Day) {
    (joined, joined.plus_months(months))
}
