//! Routes of coupon: coupons here, redemptions in `redemptions`.

mod redemptions;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use axum::routing::post;
use domain::coupon::CouponStatus;
use platform::access::Role;
use platform::error::Result;
use platform::http::filter::{Filter, in_query};
use platform::http::hal::{Item, Place, json, no_content};
use platform::http::input::{Bodiless, PathId, Write};
use platform::http::list::{PageQuery, Sublist};
use platform::http::shell::Caller;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::client::{PREPARE, Prepare, Prepared};
use super::views::CouponView;
use super::{Chosen, CouponApi, CouponPage, Coupons, coupon_unknown};
use crate::kit::{must_be_operator, must_be_service, only, own_of};

pub(super) const COUPONS: Place = Place { collection: "coupons", name: "coupon" };

/// The routes below `/coupons` and `/couponCampaigns`.
pub fn routes(coupons: Arc<Coupons>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_coupons))
        .routes(routes!(show_coupon, cancel_coupon))
        .merge(redemptions::routes())
        .merge(super::campaign::http::routes())
        .with_state(coupons)
}

/// The routes on the internal listener.
pub fn internal_routes(coupons: Arc<Coupons>) -> Router {
    Router::new().route(PREPARE, post(prepare_withdrawal)).with_state(coupons)
}

async fn prepare_withdrawal(State(coupons): State<Arc<Coupons>>, write: Write<Prepare>) -> Result<Response<Body>> {
    must_be_service(&write.caller)?;
    let answer = coupons.prepare_withdrawal(write.body.member_id, write.body.attempt).await?;
    json(StatusCode::OK, "application/json", &Prepared::of(answer))
}

/// A coupon and how it stands. A member's key shows that member's own only.
#[utoipa::path(get, path = "/coupons/{id}", operation_id = "showCoupon", tag = "coupons",
    params(("id" = i64, Path, description = "The coupon's number")),
    responses((status = 200, body = CouponView), (status = 404, description = "No such coupon")))]
async fn show_coupon(
    State(coupons): State<Arc<Coupons>>,
    PathId(coupon_id): PathId,
    caller: Caller,
) -> Result<Response<Body>> {
    let own = own_of(&caller, "member")?;
    let coupon = coupons.coupon(coupon_id).await?;
    // To others it is not there, so nobody can count coupons.
    if own.is_some() && own != coupon.member_id {
        return Err(coupon_unknown());
    }
    shown(&coupons.kit.base_url, coupon).shown()
}

/// All coupons, or those of a campaign, by number; or those of a member, the newest first; or the one with a code, as it
/// is typed. A member's key lists that member's own, a merchant's key only finds codes. A page that is chosen by status
/// looks at 20,000 coupons, so it may hold fewer than asked for, even none, and still have a next one.
#[utoipa::path(get, path = "/coupons", operation_id = "listCoupons", tag = "coupons",
    params(("memberId" = Option<i64>, Query, description = "Only of this member"), ("campaignId" = Option<i64>, Query, description = "Only of this campaign"),
        ("status" = Option<String>, Query, pattern = "^(ISSUED|REDEEMED|CANCELLED|EXPIRED)$", description = "Only those that are ISSUED, REDEEMED, CANCELLED or EXPIRED"),
        ("code" = Option<String>, Query, description = "Only the one with this code; blanks, hyphens and case do not matter"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of coupons"), (status = 403, description = "Another's coupons"),
        (status = 422, description = "A wrong value; `coupon.code_malformed`: the check character of the code does not fit")))]
async fn list_coupons(
    State(coupons): State<Arc<Coupons>>,
    caller: Caller,
    page: PageQuery,
    filter: Filter,
) -> Result<Response<Body>> {
    let code = filter.read("code", "a code is text", |code| Some(code.to_owned()))?;
    // Who has the code may know what it is good for.
    let is_merchant_with_code = code.is_some() && caller.0.role == Role::Owner("merchant");
    let own = if is_merchant_with_code { None } else { own_of(&caller, "member")? };
    let chosen = Chosen {
        member_id: only(filter.number("memberId")?, own)?,
        campaign_id: filter.number("campaignId")?,
        status: filter.read("status", "a status is ISSUED, REDEEMED, CANCELLED or EXPIRED", CouponStatus::from_name)?,
    };
    let CouponPage { coupons: found, next } = match &code {
        Some(code) => coupons.page_of_code(chosen, code).await?,
        None => coupons.coupons(chosen, page.after, page.limit).await?,
    };
    let base = &coupons.kit.base_url;
    let text = |id: Option<i64>| id.map(|id| id.to_string());
    let query = in_query([
        ("memberId", text(chosen.member_id)),
        ("campaignId", text(chosen.campaign_id)),
        ("status", chosen.status.map(|status| status.name().to_owned())),
        ("code", code),
    ]);
    let query = format!("limit={}{query}", page.limit);
    let items = found.into_iter().map(|coupon| shown(base, coupon)).collect();
    let after = Some(page.after).filter(|after| *after > 0);
    Sublist { href: format!("{base}/coupons"), collection: COUPONS.collection, query, after, next, items }.show()
}

/// The operator takes a coupon back. One that was taken back before stays as it is.
#[utoipa::path(delete, path = "/coupons/{id}", operation_id = "cancelCoupon", tag = "coupons",
    params(("id" = i64, Path, description = "The coupon's number")),
    responses((status = 204, description = "It is cancelled"), (status = 404, description = "No such coupon"),
        (status = 409, description = "It was redeemed (`coupon.redeemed`), or its end date is over (`coupon.expired`)")))]
async fn cancel_coupon(
    State(coupons): State<Arc<Coupons>>,
    PathId(coupon_id): PathId,
    request: Bodiless,
) -> Result<Response<Body>> {
    must_be_operator(&request.caller)?;
    coupons.cancel(coupon_id, request.stamp).await?;
    Ok(no_content())
}

pub(super) fn shown(base: &str, coupon: CouponView) -> Item<CouponView> {
    Item::new(base, COUPONS, coupon.coupon_id, coupon)
}
