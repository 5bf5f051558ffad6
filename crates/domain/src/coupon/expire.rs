//! A coupon's end date is over.

use super::{Coupon, CouponStatus, Event};
use crate::kernel::Day;

/// Notes that a member's coupon is no longer good, also of a member who is leaving. `None`: it is good, was redeemed or
/// taken back, was noted before, or is nobody's: codes without a member are counted by their campaign.
#[must_use]
pub fn expire_coupon(coupon: &Coupon, today: Day) -> Option<Event> {
    let is_due = coupon.status == CouponStatus::Issued && today > coupon.end_date;
    let member_id = coupon.member_id.filter(|_| is_due)?;
    Some(Event::CouponExpired(coupon.facts_of(member_id)))
}
