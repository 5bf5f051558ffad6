//! Coupons on the wire.

use domain::coupon::CouponStatus;
use domain::kernel::Day;
use domain::point::Reference;
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

use super::store::{Redemption, Stored};
use crate::kit::ReferenceView;

/// A coupon on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"couponId": 1, "code": "7K3M-Q2ZT-90VX-4HBD", "memberId": 1, "status": "REDEEMED",
    "startDate": "2026-11-21", "endDate": "2027-05-21", "redeemedAt": "2026-11-21T10:15:30.123+09:00",
    "reference": {"type": "receipt", "id": "20-1187"}}))]
#[serde(rename_all = "camelCase")]
pub struct CouponView {
    /// The coupon's number.
    pub coupon_id: i64,
    /// What is shown or typed in to redeem it.
    pub code: String,
    /// Whose it is; none: of whoever redeems it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member_id: Option<i64>,
    /// The campaign it is of; none: the coupon for joining.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<i64>,
    /// `ISSUED`, `REDEEMED`, `CANCELLED` or `EXPIRED`.
    #[schema(value_type = String, pattern = "^(ISSUED|REDEEMED|CANCELLED|EXPIRED)$")]
    pub status: CouponStatus,
    /// The first day on which it is good.
    #[schema(format = Date)]
    pub start_date: String,
    /// The last one.
    #[schema(format = Date)]
    pub end_date: String,
    /// When it was redeemed, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub redeemed_at: Option<String>,
    /// What it was redeemed for, in the words of whoever took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReferenceView>)]
    pub reference: Option<Reference>,
}

impl CouponView {
    /// As it stands on this day.
    pub(super) fn of(stored: &Stored, today: Day, zone: &Zone) -> Self {
        Self { status: stored.coupon.standing(today), ..Self::decided(stored, zone) }
    }

    /// As a command left it: what was issued or redeemed, was so on the day of the command, whatever the day is now.
    pub(super) fn decided(stored: &Stored, zone: &Zone) -> Self {
        let coupon = &stored.coupon;
        let redemption = stored.redemption.as_ref();
        Self {
            coupon_id: coupon.coupon_id,
            code: stored.code.to_string(),
            member_id: coupon.member_id,
            campaign_id: coupon.campaign_id,
            status: coupon.status,
            start_date: coupon.start_date.to_string(),
            end_date: coupon.end_date.to_string(),
            redeemed_at: redemption.map(|redemption| zone.format(redemption.at_ms)),
            reference: redemption.and_then(|redemption| redemption.reference.clone()),
        }
    }
}

impl Stored {
    /// As it stood when it was given to this member, whatever happened to it since.
    pub(super) fn issued_to(mut self, member_id: i64) -> Self {
        self.coupon.status = CouponStatus::Issued;
        self.coupon.member_id = Some(member_id);
        self.redemption = None;
        self
    }

    /// As it stood when this redemption was answered, whatever happened to it since.
    pub(super) fn redeemed_at(mut self, member_id: i64, at_ms: i64, reference: Option<Reference>) -> Self {
        self.coupon.status = CouponStatus::Redeemed;
        self.coupon.member_id = Some(member_id);
        self.redemption = Some(Redemption { at_ms, reference });
        self
    }
}
