//! A redemption is undone.

use super::{Coupon, CouponStatus, Event, Rejection, Wallet, must_be_active};

/// Undoes a redemption; the coupon is as if it had not been redeemed.
///
/// # Errors
/// [`Rejection::NotRedeemed`], [`Rejection::WalletUnknown`] for a member who is gone, [`Rejection::MemberLeaving`].
pub fn roll_back_redemption(wallet: Option<&Wallet>, coupon: &Coupon) -> Result<Event, Rejection> {
    if coupon.status != CouponStatus::Redeemed {
        return Err(Rejection::NotRedeemed);
    }
    let member_id = must_be_active(wallet)?.member_id;
    Ok(Event::RedemptionRolledBack(coupon.facts_of(member_id)))
}
