//! Routes of closings.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use platform::error::Result;
use platform::http::hal::{Item, Place};
use platform::http::input::{PathId, Write};
use platform::http::list::PageQuery;
use platform::http::number::Whole;
use platform::http::shell::Caller;
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Settlements;
use super::super::views::ClosingView;
use super::read_month;
use crate::kit::must_be_operator;

const CLOSINGS: Place = Place { collection: "closings", name: "closing" };

/// The routes below `/closings`.
pub(super) fn routes() -> OpenApiRouter<Arc<Settlements>> {
    OpenApiRouter::new().routes(routes!(list_closings, open_closing)).routes(routes!(show_closing))
}

/// Which month is to be closed. What the server owns is accepted and ignored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ClosingInput {
    /// The month, `yyyyMM`; it must have begun.
    #[schema(value_type = String, example = "202010", pattern = "^[0-9]{6}$")]
    billing_month: Whole,
    #[serde(default, rename = "status")]
    #[schema(ignore)]
    _status: IgnoredAny,
    #[serde(default, rename = "merchants")]
    #[schema(ignore)]
    _merchants: IgnoredAny,
    #[serde(default, rename = "billed")]
    #[schema(ignore)]
    _billed: IgnoredAny,
    #[serde(default, rename = "billingAmount")]
    #[schema(ignore)]
    _billing_amount: IgnoredAny,
    #[serde(default, rename = "startedAt")]
    #[schema(ignore)]
    _started_at: IgnoredAny,
    #[serde(default, rename = "endedAt")]
    #[schema(ignore)]
    _ended_at: IgnoredAny,
}

/// Closes a month: every merchant with something to bill is billed, one after the other. A closing that is under way
/// goes on; one that is over begins anew, for what has come since. It goes on when this is answered.
#[utoipa::path(post, path = "/closings", operation_id = "openClosing", tag = "closings", request_body = ClosingInput,
    responses((status = 201, body = ClosingView), (status = 422, description = "A wrong value, or a month that has not begun")))]
async fn open_closing(
    State(settlements): State<Arc<Settlements>>,
    write: Write<ClosingInput>,
) -> Result<Response<Body>> {
    must_be_operator(&write.caller)?;
    let month = read_month(write.body.billing_month)?;
    let closing = settlements.open_closing(month, write.stamp).await?;
    shown(&settlements.kit.base_url, month.as_number(), closing).created()
}

/// The closing of a month and how far it is.
#[utoipa::path(get, path = "/closings/{billingMonth}", operation_id = "showClosing", tag = "closings",
    params(("billingMonth" = i64, Path, description = "The month, yyyyMM")),
    responses((status = 200, body = ClosingView), (status = 404, description = "The month was not closed yet")))]
async fn show_closing(
    State(settlements): State<Arc<Settlements>>,
    PathId(month): PathId,
    caller: Caller,
) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let closing = settlements.closing(month).await?;
    shown(&settlements.kit.base_url, month, closing).shown()
}

/// All closings, by month.
#[utoipa::path(get, path = "/closings", operation_id = "listClosings", tag = "closings",
    params(("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of closings")))]
async fn list_closings(
    State(settlements): State<Arc<Settlements>>,
    caller: Caller,
    page: PageQuery,
) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let found = settlements.closings(page.after, page.fetch()).await?;
    let base = &settlements.kit.base_url;
    let items = found.into_iter().map(|(month, closing)| (month, shown(base, month, closing))).collect();
    page.show_items(format!("{base}/closings"), CLOSINGS.collection, "", items)
}

fn shown(base: &str, month: i64, closing: ClosingView) -> Item<ClosingView> {
    let billings = format!("{base}/billings?billingMonth={}", closing.billing_month);
    Item::new(base, CLOSINGS, month, closing).leading_to("billings", billings)
}
