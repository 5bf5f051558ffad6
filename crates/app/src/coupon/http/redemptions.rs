//! Redeeming a coupon, and undoing it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use domain::kernel::MAX_SAFE;
use platform::access::Role;
use platform::error::{Error, Result};
use platform::http::hal::no_content;
use platform::http::input::{Bodiless, PathId, Write};
use platform::http::number::Whole;
use platform::http::shell::Caller;
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shown;
use crate::coupon::views::CouponView;
use crate::coupon::{Brought, Coupons};
use crate::kit::{ReferenceInput, ReferenceView, must_be_operator, only, own_of};

pub(super) fn routes() -> OpenApiRouter<Arc<Coupons>> {
    OpenApiRouter::new().routes(routes!(redeem_coupon)).routes(routes!(roll_back_redemption))
}

/// What is brought to be redeemed. What the server owns is accepted and ignored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RedemptionInput {
    /// The code, as it is typed: blanks, hyphens and case do not matter, and `O` reads as `0`, `I` and `L` as `1`.
    #[schema(example = "7K3M-Q2ZT-90VX-4HBD")]
    code: String,
    /// Whose coupon it is; may be left out unless the code belongs to nobody yet, which makes it this member's.
    #[schema(value_type = Option<i64>, example = 1)]
    member_id: Option<Whole>,
    /// What it is used for; it stays with the coupon, so name no one in it.
    #[schema(value_type = Option<ReferenceView>)]
    reference: Option<ReferenceInput>,
    #[serde(default, rename = "couponId")]
    #[schema(ignore)]
    _coupon_id: IgnoredAny,
    #[serde(default, rename = "campaignId")]
    #[schema(ignore)]
    _campaign_id: IgnoredAny,
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
}

impl RedemptionInput {
    fn read(self, caller: &Caller) -> Result<Brought> {
        let said = self.member_id.map(|Whole(member_id)| member_id);
        if said.is_some_and(|member_id| !(1..=MAX_SAFE).contains(&member_id)) {
            return Err(Error::invalid("/memberId", "a member number is 1 to 9007199254740991"));
        }
        let member_id = redeems_for(caller, said)?;
        let reference = self.reference.map(ReferenceInput::read).transpose()?;
        Ok(Brought { code: self.code, member_id, reference })
    }
}

/// For whom this caller may redeem: the operator and merchants for whoever is said to have brought it, a member for
/// nobody else.
fn redeems_for(caller: &Caller, said: Option<i64>) -> Result<Option<i64>> {
    if caller.0.role == Role::Owner("merchant") { Ok(said) } else { only(said, own_of(caller, "member")?) }
}

/// A coupon is redeemed, once. It belongs to a member, or to nobody until now: then it becomes that of `memberId`.
#[utoipa::path(post, path = "/coupons/redemptions", operation_id = "redeemCoupon", tag = "coupons", request_body = RedemptionInput,
    responses((status = 201, body = CouponView), (status = 403, description = "A member's key redeems that member's coupons only"),
        (status = 404, description = "No coupon has this code (`coupon.code_unknown`), or there is no such member"),
        (status = 409, description = "`coupon.redeemed`, `coupon.cancelled`, `coupon.expired`, `coupon.not_yet_good`, `coupon.of_another_member`, `coupon.member_limit` or `coupon.member_leaving`"),
        (status = 422, description = "A wrong value; `coupon.code_malformed`: the check character of the code does not fit; `coupon.member_needed`: the code belongs to nobody yet")))]
async fn redeem_coupon(State(coupons): State<Arc<Coupons>>, write: Write<RedemptionInput>) -> Result<Response<Body>> {
    let coupon = coupons.redeem(write.body.read(&write.caller)?, write.stamp).await?;
    shown(&coupons.kit.base_url, coupon).created()
}

/// The operator undoes a redemption; the coupon is as if it had not been redeemed.
#[utoipa::path(delete, path = "/coupons/{id}/redemption", operation_id = "rollBackRedemption", tag = "coupons",
    params(("id" = i64, Path, description = "The coupon's number")),
    responses((status = 204, description = "It is as if it had not been redeemed"), (status = 404, description = "No such coupon, or its member is gone"),
        (status = 409, description = "It is not redeemed (`coupon.not_redeemed`), or its member is leaving (`coupon.member_leaving`)")))]
async fn roll_back_redemption(
    State(coupons): State<Arc<Coupons>>,
    PathId(coupon_id): PathId,
    request: Bodiless,
) -> Result<Response<Body>> {
    must_be_operator(&request.caller)?;
    coupons.roll_back(coupon_id, request.stamp).await?;
    Ok(no_content())
}
