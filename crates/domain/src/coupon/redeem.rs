//! A coupon is used, once.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::{Coupon, CouponStatus, Event, IssueCoupon, Rejection, Wallet, issue_coupon, must_be_active};
use crate::kernel::Day;

/// Somebody brings a coupon.
#[derive(Debug, Clone)]
pub struct RedeemCoupon {
    /// Whose it is said to be; needed for a code that is nobody's yet.
    pub member_id: Option<i64>,
    /// Its code as it is shown.
    pub code: String,
    /// The day, in the programme's time zone.
    pub today: Day,
}

/// Uses a coupon. `wallet` is that of its member; for a code that is nobody's yet, of the one who brings it, to whom it
/// belongs from then on.
///
/// # Errors
/// [`Rejection::OfAnotherMember`], [`Rejection::MemberNeeded`], [`Rejection::Redeemed`], [`Rejection::Cancelled`],
/// [`Rejection::Expired`], [`Rejection::NotYetGood`], [`Rejection::WalletUnknown`], [`Rejection::MemberLeaving`].
pub fn redeem_coupon(wallet: Option<&Wallet>, coupon: &Coupon, cmd: &RedeemCoupon) -> Result<Vec<Event>, Rejection> {
    match (coupon.member_id, cmd.member_id) {
        (Some(owner), Some(said)) if owner != said => return Err(Rejection::OfAnotherMember),
        (None, None) => return Err(Rejection::MemberNeeded),
        _ => {}
    }
    match coupon.standing(cmd.today) {
        CouponStatus::Issued => {}
        CouponStatus::Redeemed => return Err(Rejection::Redeemed),
        CouponStatus::Cancelled => return Err(Rejection::Cancelled),
        CouponStatus::Expired => return Err(Rejection::Expired),
    }
    if cmd.today < coupon.start_date {
        return Err(Rejection::NotYetGood);
    }
    let member_id = must_be_active(wallet)?.member_id;
    let redeemed = Event::CouponRedeemed(coupon.facts_of(member_id));
    if coupon.member_id.is_some() {
        return Ok(vec![redeemed]);
    }
    let Coupon { coupon_id, campaign_id, start_date, end_date, .. } = *coupon;
    let code = cmd.code.clone();
    let bound = IssueCoupon { coupon_id, campaign_id, code, start_date, end_date, from_stock: true };
    Ok(vec![issue_coupon(wallet, &bound)?, redeemed])
}
