//! Coupons: join coupons, campaigns, redemptions, and coupon's part in a withdrawal.

use domain::coupon::Rejection;

use crate::kit::Asked;

/// What other contexts may ask coupon.
pub trait CouponApi: Send + Sync {
    /// Makes a member's wallet refuse changes, reversibly. The answer: coupons that would be cancelled.
    fn prepare_withdrawal(&self, member_id: i64, attempt: i64) -> Asked<'_, i64, Rejection>;
}
