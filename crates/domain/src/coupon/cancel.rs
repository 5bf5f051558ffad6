//! The operator takes a coupon back.

use super::{Coupon, CouponStatus, Event, Rejection};
use crate::kernel::Day;

/// Takes a coupon back, also one whose member is leaving. `None`: it was taken back before.
///
/// # Errors
/// [`Rejection::Redeemed`], [`Rejection::Expired`].
pub fn cancel_coupon(coupon: &Coupon, today: Day) -> Result<Option<Event>, Rejection> {
    match coupon.standing(today) {
        CouponStatus::Cancelled => return Ok(None),
        CouponStatus::Redeemed => return Err(Rejection::Redeemed),
        CouponStatus::Expired => return Err(Rejection::Expired),
        CouponStatus::Issued => {}
    }
    Ok(match (coupon.member_id, coupon.campaign_id) {
        (Some(member_id), _) => Some(Event::CouponCancelled(coupon.facts_of(member_id))),
        (None, campaign_id) => {
            campaign_id.map(|campaign_id| Event::CodeCancelled { campaign_id, coupon_id: coupon.coupon_id })
        }
    })
}
