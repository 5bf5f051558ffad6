//! Routes of holds.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use domain::point::HOLD_TTL_S;
use platform::error::Result;
use platform::http::hal::{Item, no_content};
use platform::http::input::{Bodiless, PathId, PathIds, Write};
use platform::http::list::{PageQuery, Sublist};
use platform::http::number::Whole;
use platform::http::shell::Caller;
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Points;
use super::hold_view::HoldView;
use crate::kit::{ReferenceInput, ReferenceView, must_be_operator, must_concern};

/// The routes below `/points/{id}/holds`.
pub(super) fn hold_routes() -> OpenApiRouter<Arc<Points>> {
    OpenApiRouter::new()
        .routes(routes!(list_holds, create_hold))
        .routes(routes!(show_hold, release_hold))
        .routes(routes!(capture_hold))
}

/// What somebody may say about a new hold. What the server owns is accepted and ignored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateHold {
    /// At least 1 point, at most what the member has available.
    #[schema(value_type = i64, example = 500)]
    amount: Whole,
    /// How long the points are held, in seconds: 1 to 604,800, 600 by default.
    #[serde(rename = "ttlS")]
    #[schema(value_type = Option<i64>, example = 600, minimum = 1, maximum = 604_800)]
    ttl_s: Option<Whole>,
    /// What it is about.
    #[schema(value_type = Option<ReferenceView>)]
    reference: Option<ReferenceInput>,
    #[serde(default, rename = "holdId")]
    #[schema(ignore)]
    _hold_id: IgnoredAny,
    #[serde(default, rename = "memberId")]
    #[schema(ignore)]
    _member_id: IgnoredAny,
    #[serde(default, rename = "captured")]
    #[schema(ignore)]
    _captured: IgnoredAny,
    #[serde(default, rename = "status")]
    #[schema(ignore)]
    _status: IgnoredAny,
    #[serde(default, rename = "expiresAt")]
    #[schema(ignore)]
    _expires_at: IgnoredAny,
}

/// Sets points aside: nobody else can use them, and they do not expire, until they are captured or released, or their
/// time is over.
#[utoipa::path(post, path = "/points/{id}/holds", operation_id = "createHold", tag = "points", request_body = CreateHold,
    params(("id" = i64, Path, description = "The member number")),
    responses((status = 201, body = HoldView), (status = 404, description = "No account"),
        (status = 409, description = "Refused by a rule"), (status = 422, description = "A wrong value")))]
async fn create_hold(
    State(points): State<Arc<Points>>,
    PathId(member_id): PathId,
    write: Write<CreateHold>,
) -> Result<Response<Body>> {
    must_be_operator(&write.caller)?;
    let CreateHold { amount: Whole(amount), ttl_s, reference, .. } = write.body;
    let ttl_s = ttl_s.map_or(HOLD_TTL_S, |Whole(ttl_s)| ttl_s);
    let reference = reference.map(ReferenceInput::read).transpose()?;
    let hold = points.place_hold(member_id, (amount, ttl_s), reference, write.stamp).await?;
    show(&points, hold).created()
}

/// A member's holds, the newest first, ended ones too.
#[utoipa::path(get, path = "/points/{id}/holds", operation_id = "listHolds", tag = "points",
    params(("id" = i64, Path, description = "The member number"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"),
        ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of holds, below _embedded.holds", body = Vec<HoldView>, content_type = "application/hal+json"),
        (status = 404, description = "No account, or the member is gone")))]
async fn list_holds(
    State(points): State<Arc<Points>>,
    PathId(member_id): PathId,
    caller: Caller,
    page: PageQuery,
) -> Result<Response<Body>> {
    must_concern(&caller, member_id)?;
    let after = Some(page.after).filter(|place| *place > 0);
    let (holds, next) = points.hold_views(member_id, after, page.limit).await?;
    let href = format!("{}/points/{member_id}/holds", points.kit.base_url);
    let query = format!("limit={}", page.limit);
    let items = holds.into_iter().map(|hold| show(&points, hold)).collect();
    Sublist { href, collection: "holds", query, after, next, items }.show()
}

/// One hold.
#[utoipa::path(get, path = "/points/{id}/holds/{holdId}", operation_id = "showHold", tag = "points",
    params(("id" = i64, Path, description = "The member number"), ("holdId" = i64, Path, description = "The hold's number")),
    responses((status = 200, body = HoldView), (status = 404, description = "No such hold of this member")))]
async fn show_hold(
    State(points): State<Arc<Points>>,
    PathIds(member_id, hold_id): PathIds,
    caller: Caller,
) -> Result<Response<Body>> {
    must_concern(&caller, member_id)?;
    let hold = points.hold_view(member_id, hold_id).await?;
    show(&points, hold).shown()
}

/// The points of a hold are free again. One that was released before stays as it is.
#[utoipa::path(delete, path = "/points/{id}/holds/{holdId}", operation_id = "releaseHold", tag = "points",
    params(("id" = i64, Path, description = "The member number"), ("holdId" = i64, Path, description = "The hold's number")),
    responses((status = 204, description = "The points are free again"),
        (status = 404, description = "No such hold of this member"),
        (status = 409, description = "It was captured or has expired (`point.hold_over`), or it belongs to a payment (`point.hold_of_payment`)")))]
async fn release_hold(
    State(points): State<Arc<Points>>,
    PathIds(member_id, hold_id): PathIds,
    request: Bodiless,
) -> Result<Response<Body>> {
    must_be_operator(&request.caller)?;
    points.release((member_id, hold_id), request.stamp).await?;
    Ok(no_content())
}

/// What somebody may say about taking held points. What the server owns is accepted and ignored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CaptureHold {
    /// At least 1 point, at most the hold's; all of them if nothing is said. The rest is free again.
    #[schema(value_type = Option<i64>, example = 300)]
    amount: Option<Whole>,
    #[serde(default, rename = "holdId")]
    #[schema(ignore)]
    _hold_id: IgnoredAny,
    #[serde(default, rename = "memberId")]
    #[schema(ignore)]
    _member_id: IgnoredAny,
    #[serde(default, rename = "captured")]
    #[schema(ignore)]
    _captured: IgnoredAny,
    #[serde(default, rename = "status")]
    #[schema(ignore)]
    _status: IgnoredAny,
    #[serde(default, rename = "expiresAt")]
    #[schema(ignore)]
    _expires_at: IgnoredAny,
    #[serde(default, rename = "reference")]
    #[schema(ignore)]
    _reference: IgnoredAny,
}

/// Takes held points. It is done once; the rest is free again.
#[utoipa::path(post, path = "/points/{id}/holds/{holdId}/captures", operation_id = "captureHold", tag = "points", request_body = CaptureHold,
    params(("id" = i64, Path, description = "The member number"), ("holdId" = i64, Path, description = "The hold's number")),
    responses((status = 201, body = HoldView), (status = 404, description = "No such hold of this member"),
        (status = 409, description = "It is over (`point.hold_over`), is smaller (`point.capture_too_large`), or belongs to a payment (`point.hold_of_payment`)"),
        (status = 422, description = "A wrong value")))]
async fn capture_hold(
    State(points): State<Arc<Points>>,
    PathIds(member_id, hold_id): PathIds,
    write: Write<CaptureHold>,
) -> Result<Response<Body>> {
    must_be_operator(&write.caller)?;
    let amount = write.body.amount.map(|Whole(amount)| amount);
    let hold = points.capture((member_id, hold_id), amount, write.stamp).await?;
    show(&points, hold).created()
}

fn show(points: &Points, hold: HoldView) -> Item<HoldView> {
    let href = format!("{}/points/{}/holds/{}", points.kit.base_url, hold.member_id, hold.hold_id);
    Item::at(href, "hold", hold)
}
