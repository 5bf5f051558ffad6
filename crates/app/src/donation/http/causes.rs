//! Routes of causes.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use domain::donation::ChangeCause;
use domain::kernel::MAX_SAFE;
use platform::error::{Error, Result};
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

use super::super::Donations;
use super::super::views::{CauseView, ReceiptView};
use super::shown;
use crate::kit::must_be_operator;

const CAUSES: Place = Place { collection: "causes", name: "cause" };
const NAME_CHARS: usize = 200;

/// The routes below `/causes`.
pub(super) fn routes() -> OpenApiRouter<Arc<Donations>> {
    OpenApiRouter::new()
        .routes(routes!(list_causes, open_cause))
        .routes(routes!(show_cause, change_cause))
        .routes(routes!(list_receipts))
}

/// What a client may say about a new cause. What the server owns is accepted and ignored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CauseInput {
    /// A number of one's own choice; without it the next free one is given. It never changes.
    #[schema(value_type = Option<i64>, example = 7)]
    cause_id: Option<Whole>,
    /// What people call it, 1 to 200 characters that are not all blank.
    #[schema(example = "forest", min_length = 1, max_length = 200, pattern = r"\S")]
    name: String,
    /// Whether it takes donations; it does unless this says otherwise.
    open: Option<bool>,
    #[serde(default, rename = "receivedPoint")]
    #[schema(ignore)]
    _received_point: IgnoredAny,
    #[serde(default, rename = "donationCount")]
    #[schema(ignore)]
    _donation_count: IgnoredAny,
}

/// What is to change about a cause; what is left out stays. What the server owns is accepted and ignored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CauseChange {
    /// What people call it, 1 to 200 characters that are not all blank.
    #[schema(example = "forest", min_length = 1, max_length = 200, pattern = r"\S")]
    name: Option<String>,
    /// Whether it takes donations.
    #[schema(example = false)]
    open: Option<bool>,
    #[serde(default, rename = "causeId")]
    #[schema(ignore)]
    _cause_id: IgnoredAny,
    #[serde(default, rename = "receivedPoint")]
    #[schema(ignore)]
    _received_point: IgnoredAny,
    #[serde(default, rename = "donationCount")]
    #[schema(ignore)]
    _donation_count: IgnoredAny,
}

fn must_be_named(name: &str) -> Result<()> {
    if name.trim().is_empty() || name.chars().count() > NAME_CHARS {
        return Err(Error::invalid("/name", "a cause has a name of 1 to 200 characters"));
    }
    Ok(())
}

/// A new cause.
#[utoipa::path(post, path = "/causes", operation_id = "openCause", tag = "causes", request_body = CauseInput,
    responses((status = 201, body = CauseView), (status = 409, description = "The number is taken"), (status = 422, description = "A wrong value")))]
async fn open_cause(State(donations): State<Arc<Donations>>, write: Write<CauseInput>) -> Result<Response<Body>> {
    must_be_operator(&write.caller)?;
    let CauseInput { cause_id, name, open, .. } = write.body;
    let cause_id = cause_id.map(|Whole(id)| id);
    if cause_id.is_some_and(|id| !(1..=MAX_SAFE).contains(&id)) {
        return Err(Error::invalid("/causeId", "the number of a cause is 1 to 9007199254740991"));
    }
    must_be_named(&name)?;
    let cause = donations.open_cause(cause_id, name, open.unwrap_or(true), write.stamp).await?;
    Item::new(&donations.kit.base_url, CAUSES, cause.cause_id, cause).created()
}

/// A cause and what it has received.
#[utoipa::path(get, path = "/causes/{id}", operation_id = "showCause", tag = "causes",
    params(("id" = i64, Path, description = "The cause's number")),
    responses((status = 200, body = CauseView), (status = 404, description = "No such cause")))]
async fn show_cause(
    State(donations): State<Arc<Donations>>,
    PathId(cause_id): PathId,
    _caller: Caller,
) -> Result<Response<Body>> {
    let cause = donations.cause(cause_id).await?;
    Item::new(&donations.kit.base_url, CAUSES, cause_id, cause).shown()
}

/// A cause gets another name, or begins or ceases to take donations.
#[utoipa::path(patch, path = "/causes/{id}", operation_id = "changeCause", tag = "causes", request_body = CauseChange,
    params(("id" = i64, Path, description = "The cause's number")),
    responses((status = 200, body = CauseView), (status = 404, description = "No such cause"), (status = 422, description = "A wrong value")))]
async fn change_cause(
    State(donations): State<Arc<Donations>>,
    PathId(cause_id): PathId,
    write: Write<CauseChange>,
) -> Result<Response<Body>> {
    must_be_operator(&write.caller)?;
    let CauseChange { name, open, .. } = write.body;
    name.as_deref().map_or(Ok(()), must_be_named)?;
    let cause = donations.change_cause(cause_id, ChangeCause { name, open }, write.stamp).await?;
    Item::new(&donations.kit.base_url, CAUSES, cause_id, cause).changed()
}

/// All causes, by number.
#[utoipa::path(get, path = "/causes", operation_id = "listCauses", tag = "causes",
    params(("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of causes")))]
async fn list_causes(
    State(donations): State<Arc<Donations>>,
    _caller: Caller,
    page: PageQuery,
) -> Result<Response<Body>> {
    let found = donations.causes(page.after, page.fetch()).await?;
    page.show(&donations.kit.base_url, CAUSES, found.into_iter().map(|cause| (cause.cause_id, cause)).collect())
}

/// What a cause received, donation by donation.
#[utoipa::path(get, path = "/causes/{id}/receipts", operation_id = "listReceipts", tag = "causes",
    params(("id" = i64, Path, description = "The cause's number"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of receipts", body = Vec<ReceiptView>, content_type = "application/hal+json"), (status = 404, description = "No such cause")))]
async fn list_receipts(
    State(donations): State<Arc<Donations>>,
    PathId(cause_id): PathId,
    caller: Caller,
    page: PageQuery,
) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let found = donations.receipts(cause_id, page.after, page.fetch()).await?;
    let base = &donations.kit.base_url;
    let item = |receipt: ReceiptView| (receipt.donation_id, shown(base, receipt.donation_id, receipt));
    let href = format!("{base}/causes/{cause_id}/receipts");
    page.show_items(href, "receipts", "", found.into_iter().map(item).collect())
}
