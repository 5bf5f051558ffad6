//! Routes of coupon: coupons here, redemptions in `redemptions`.

mod redemptions;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use axum::routing::post;
use domain::coupon::CouponStatus;
use platform::access::Role;
use platform::error::{Error, ErrorKind, Result};
use platform::http::hal::{Item, Place, json, no_content};
use platform::http::input::{Bodiless, PathId, Write};
use platform::http::list::{PageQuery, Sublist, number_in_query};
use platform::http::percent::encoded;
use platform::http::shell::Caller;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::client::{PREPARE, Prepare, Prepared};
use super::views::CouponView;
use super::{Chosen, CouponApi, CouponPage, Coupons, coupon_unknown};
use crate::kit::{must_be_operator, must_be_service};

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
    let own = own_coupons(&caller)?;
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
        ("status" = Option<String>, Query, description = "Only those that are ISSUED, REDEEMED, CANCELLED or EXPIRED"),
        ("code" = Option<String>, Query, description = "Only the one with this code; blanks, hyphens and case do not matter"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of coupons"), (status = 403, description = "Another's coupons"),
        (status = 422, description = "A wrong value; `coupon.code_malformed`: the check character of the code does not fit")))]
async fn list_coupons(
    State(coupons): State<Arc<Coupons>>,
    caller: Caller,
    page: PageQuery,
    filter: CouponFilter,
) -> Result<Response<Body>> {
    let CouponFilter { mut chosen, code } = filter;
    // Who has the code may know what it is good for.
    let is_merchant_with_code = code.is_some() && caller.0.role == Role::Owner("merchant");
    let own = if is_merchant_with_code { None } else { own_coupons(&caller)? };
    if own.is_some() && chosen.member_id.is_some() && chosen.member_id != own {
        return Err(not_allowed());
    }
    chosen.member_id = chosen.member_id.or(own);
    let CouponPage { coupons: found, next } = match &code {
        Some(code) => coupons.page_of_code(chosen, code).await?,
        None => coupons.coupons(chosen, page.after, page.limit).await?,
    };
    let base = &coupons.kit.base_url;
    let numbers = [("memberId", chosen.member_id), ("campaignId", chosen.campaign_id)];
    let mut query = format!("limit={}", page.limit);
    query.extend(numbers.iter().filter_map(|(name, id)| id.map(|id| format!("&{name}={id}"))));
    query.extend(chosen.status.map(|status| format!("&status={}", status.name())));
    query.extend(code.map(|code| format!("&code={}", encoded(&code))));
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

/// The member whose coupons are all that this caller may see; nothing for one who may see all.
pub(super) fn own_coupons(caller: &Caller) -> Result<Option<i64>> {
    match caller.0.role {
        Role::Operator | Role::Service => Ok(None),
        Role::Owner("member") => Ok(Some(caller.0.owner_id.unwrap_or(0))),
        Role::Owner(_) => Err(not_allowed()),
    }
}

pub(super) fn not_allowed() -> Error {
    Error::new(ErrorKind::Forbidden, "auth.not_allowed", "this API key may not do that")
}

/// `memberId`, `campaignId`, `status` and `code` in the query of a list.
struct CouponFilter {
    chosen: Chosen,
    code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawFilter {
    member_id: Option<String>,
    campaign_id: Option<String>,
    status: Option<String>,
    code: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for CouponFilter {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self> {
        let Query(raw) = Query::<RawFilter>::try_from_uri(&parts.uri)
            .map_err(|error| Error::invalid("/query", "the query cannot be read").caused_by(error))?;
        let status = |name: &str| {
            let message = "a status is ISSUED, REDEEMED, CANCELLED or EXPIRED";
            CouponStatus::from_name(name).ok_or_else(|| Error::invalid("/query/status", message))
        };
        let chosen = Chosen {
            member_id: number_in_query(raw.member_id.as_deref(), "/query/memberId")?,
            campaign_id: number_in_query(raw.campaign_id.as_deref(), "/query/campaignId")?,
            status: raw.status.as_deref().map(status).transpose()?,
        };
        Ok(Self { chosen, code: raw.code })
    }
}
