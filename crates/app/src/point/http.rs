//! Routes of point.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use axum::routing::post;
use domain::point::Reference;
use platform::error::{Error, Result};
use platform::http::hal::{Item, Place, json};
use platform::http::input::{PathId, PathIds, Write};
use platform::http::list::PageQuery;
use platform::http::number::Whole;
use platform::http::shell::Caller;
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bulk::{__path_create_transactions, create_transactions};
use super::client::{PREPARE, Prepare, Prepared};
use super::entry::EntryView;
use super::views::{AccountView, Adjusted};
use super::writer::{Transaction, TransactionKind};
use super::{PointApi, Points};
use crate::kit::{must_be_operator, must_be_service, must_concern};

const POINTS: Place = Place { collection: "points", name: "point" };
const REASON_CHARS: usize = 200;

/// The routes below `/points`.
pub fn routes(points: Arc<Points>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_points))
        .routes(routes!(show_points, change_points))
        .routes(routes!(create_transaction))
        .routes(routes!(create_transactions))
        .routes(routes!(show_entry))
        .with_state(points)
}

/// The routes on the internal listener.
pub fn internal_routes(points: Arc<Points>) -> Router {
    Router::new().route(PREPARE, post(prepare_withdrawal)).with_state(points)
}

async fn prepare_withdrawal(State(points): State<Arc<Points>>, write: Write<Prepare>) -> Result<Response<Body>> {
    must_be_service(&write.caller)?;
    let answer = points.prepare_withdrawal(write.body.member_id, write.body.attempt).await?;
    json(StatusCode::OK, "application/json", &Prepared::of(answer))
}

/// A member's account.
#[utoipa::path(get, path = "/points/{id}", operation_id = "showPoints", tag = "points",
    params(("id" = i64, Path, description = "The member number")),
    responses((status = 200, body = AccountView), (status = 404, description = "No account, or the member is gone")))]
async fn show_points(
    State(points): State<Arc<Points>>,
    PathId(member_id): PathId,
    caller: Caller,
) -> Result<Response<Body>> {
    must_concern(&caller, member_id)?;
    let account = points.account(member_id).await?;
    Item::new(&points.kit.base_url, POINTS, member_id, account).shown()
}

/// All accounts, by member number.
#[utoipa::path(get, path = "/points", operation_id = "listPoints", tag = "points",
    params(("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of accounts")))]
async fn list_points(State(points): State<Arc<Points>>, caller: Caller, page: PageQuery) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let accounts = points.accounts(page.after, page.fetch()).await?;
    page.show(&points.kit.base_url, POINTS, accounts.into_iter().map(|account| (account.member_id, account)).collect())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ChangePoints {
    /// Points to add or, with a minus, to take.
    #[schema(value_type = i64, example = -730)]
    require_point: Whole,
    /// Why; it stays in the ledger for ever, so name no one in it.
    reason: Option<String>,
    #[serde(default, rename = "memberId")]
    #[schema(ignore)]
    _member_id: IgnoredAny,
    #[serde(default, rename = "memberStatus")]
    #[schema(ignore)]
    _member_status: IgnoredAny,
    #[serde(default, rename = "remainPoint")]
    #[schema(ignore)]
    _remain_point: IgnoredAny,
}

/// The operator adjusts a balance (seed 0). A refusal is an answer: `result` is `REJECTED` and nothing has changed.
#[utoipa::path(patch, path = "/points/{id}", operation_id = "changePoints", tag = "points", request_body = ChangePoints,
    params(("id" = i64, Path, description = "The member number")),
    responses((status = 200, body = Adjusted), (status = 404, description = "No account"), (status = 422, description = "0 or no whole number")))]
async fn change_points(
    State(points): State<Arc<Points>>,
    PathId(member_id): PathId,
    write: Write<ChangePoints>,
) -> Result<Response<Body>> {
    must_be_operator(&write.caller)?;
    let ChangePoints { require_point: Whole(require_point), reason, .. } = write.body;
    must_be_short(reason.as_deref())?;
    let adjusted = points.request_adjustment(member_id, require_point, reason, write.stamp).await?;
    Item::new(&points.kit.base_url, POINTS, member_id, adjusted).changed()
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateTransaction {
    /// `EARN`, `USE` or `ADJUST`.
    #[schema(value_type = String, example = "EARN")]
    kind: Direction,
    /// At least 1 point; an adjustment has a sign.
    #[schema(value_type = i64, example = 100)]
    amount: Whole,
    /// What it is about.
    #[schema(value_type = Option<super::entry::ReferenceView>)]
    reference: Option<ReferenceInput>,
    /// Why; it stays in the ledger for ever, so name no one in it.
    reason: Option<String>,
}

/// Which way points go, as clients write it.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Direction {
    Earn,
    Use,
    Adjust,
}

/// A reference as clients write it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReferenceInput {
    #[serde(rename = "type")]
    kind: String,
    id: ReferenceId,
}

/// Clients number their things, or name them.
#[derive(Deserialize)]
#[serde(untagged)]
enum ReferenceId {
    Text(String),
    Number(i64),
}

/// One movement of points. The answer is the ledger's entry.
#[utoipa::path(post, path = "/points/{id}/transactions", operation_id = "createTransaction", tag = "points", request_body = CreateTransaction,
    params(("id" = i64, Path, description = "The member number")),
    responses((status = 201, body = EntryView), (status = 404, description = "No account"), (status = 409, description = "Refused by a rule"), (status = 422, description = "A wrong value")))]
async fn create_transaction(
    State(points): State<Arc<Points>>,
    PathId(member_id): PathId,
    write: Write<CreateTransaction>,
) -> Result<Response<Body>> {
    must_be_operator(&write.caller)?;
    let CreateTransaction { kind, amount, reference, reason } = write.body;
    let (transaction, stamp) = (read_transaction(amount, reference, reason)?, write.stamp);
    let entry = match kind {
        Direction::Earn => points.earn_points(member_id, transaction, stamp).await?,
        Direction::Use => points.use_points(member_id, transaction, stamp).await?,
        Direction::Adjust => points.adjust_points(member_id, transaction, stamp).await?,
    };
    show(&points, entry).created()
}

/// One entry of the ledger.
#[utoipa::path(get, path = "/points/{id}/entries/{entryId}", operation_id = "showEntry", tag = "points",
    params(("id" = i64, Path, description = "The member number"), ("entryId" = i64, Path, description = "The entry's number")),
    responses((status = 200, body = EntryView), (status = 404, description = "No such entry of this member")))]
async fn show_entry(
    State(points): State<Arc<Points>>,
    PathIds(member_id, entry_id): PathIds,
    caller: Caller,
) -> Result<Response<Body>> {
    must_concern(&caller, member_id)?;
    let entry = points.entry(member_id, entry_id).await?;
    show(&points, entry).shown()
}

fn show(points: &Points, entry: EntryView) -> Item<EntryView> {
    let href = format!("{}/points/{}/entries/{}", points.kit.base_url, entry.member_id, entry.entry_id);
    Item::at(href, "entry", entry)
}

/// What a transaction is about; words within their bounds.
pub(super) fn read_transaction(
    amount: Whole,
    reference: Option<ReferenceInput>,
    reason: Option<String>,
) -> Result<Transaction> {
    must_be_short(reason.as_deref())?;
    let reference = reference.map(|reference| {
        let id = match reference.id {
            ReferenceId::Text(id) => id,
            ReferenceId::Number(id) => id.to_string(),
        };
        Reference { kind: reference.kind, id }
    });
    for text in reference.iter().flat_map(|reference| [&reference.kind, &reference.id]) {
        if text.is_empty() || text.chars().count() > REASON_CHARS {
            return Err(Error::invalid("/reference", "a reference has a type and an id of 1 to 200 characters"));
        }
    }
    Ok(Transaction { amount: amount.0, reference, reason })
}

impl From<Direction> for TransactionKind {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Earn => Self::Earn,
            Direction::Use => Self::Use,
            Direction::Adjust => Self::Adjust,
        }
    }
}

fn must_be_short(reason: Option<&str>) -> Result<()> {
    match reason {
        Some(text) if text.chars().count() > REASON_CHARS => {
            Err(Error::invalid("/reason", "a reason has at most 200 characters"))
        }
        _ => Ok(()),
    }
}
