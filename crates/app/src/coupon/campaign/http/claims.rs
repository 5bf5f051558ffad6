//! The route by which members get coupons of a campaign.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use domain::kernel::MAX_SAFE;
use platform::error::{Error, Result};
use platform::http::input::Write;
use platform::http::number::Whole;
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::super::Coupons;
use super::super::super::http::shown;
use super::super::super::views::CouponView;
use crate::kit::must_concern;

/// The route below `/coupons`.
pub(super) fn routes() -> OpenApiRouter<Arc<Coupons>> {
    OpenApiRouter::new().routes(routes!(claim_coupon))
}

/// Who wants a coupon of which campaign. What the server owns is accepted and ignored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ClaimInput {
    /// The campaign.
    #[schema(value_type = i64, example = 1)]
    campaign_id: Whole,
    /// Whose the coupon is to be.
    #[schema(value_type = i64, example = 1)]
    member_id: Whole,
    #[serde(default, rename = "couponId")]
    #[schema(ignore)]
    _coupon_id: IgnoredAny,
    #[serde(default, rename = "code")]
    #[schema(ignore)]
    _code: IgnoredAny,
    #[serde(default, rename = "status")]
    #[schema(ignore)]
    _status: IgnoredAny,
    #[serde(default, rename = "startDate")]
    #[schema(ignore)]
    _start_date: IgnoredAny,
    #[serde(default, rename = "endDate")]
    #[schema(ignore)]
    _end_date: IgnoredAny,
    #[serde(default, rename = "redeemedAt")]
    #[schema(ignore)]
    _redeemed_at: IgnoredAny,
    #[serde(default, rename = "reference")]
    #[schema(ignore)]
    _reference: IgnoredAny,
}

/// A member gets a coupon of a campaign: the next code made in advance, otherwise a new one. Members ask for themselves,
/// the operator for anyone.
#[utoipa::path(post, path = "/coupons", operation_id = "claimCoupon", tag = "coupons", request_body = ClaimInput,
    responses((status = 201, body = CouponView), (status = 403, description = "A member's key gets coupons for that member only"),
        (status = 404, description = "No such campaign (`coupon.campaign_unknown`) or member (`coupon.wallet_unknown`)"),
        (status = 409, description = "`coupon.campaign_exhausted`, `coupon.campaign_closed`, `coupon.campaign_over`, `coupon.member_limit` or `coupon.member_leaving`"),
        (status = 422, description = "A wrong value"), (status = 503, description = "The last codes are being made (`coupon.codes_being_made`)")))]
async fn claim_coupon(State(coupons): State<Arc<Coupons>>, write: Write<ClaimInput>) -> Result<Response<Body>> {
    let ClaimInput { campaign_id: Whole(campaign_id), member_id: Whole(member_id), .. } = write.body;
    must_concern(&write.caller, member_id)?;
    if !(1..=MAX_SAFE).contains(&member_id) {
        return Err(Error::invalid("/memberId", "a member number is 1 to 9007199254740991"));
    }
    let coupon = coupons.claim(campaign_id, member_id, write.stamp).await?;
    shown(&coupons.kit.base_url, coupon).created()
}
