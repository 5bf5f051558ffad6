//! Routes of point.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, Response};
use domain::kernel::Month;
use domain::point::ClawBack;
use futures_util::stream;
use platform::error::{Error, Result};
use platform::http::hal::{Item, Place};
use platform::http::input::{PathId, PathIds, Write};
use platform::http::list::{PageQuery, Sublist};
use platform::http::number::Whole;
use platform::http::shell::Caller;
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Points;
use super::bulk::{__path_create_transactions, create_transactions};
use super::entry::EntryView;
use super::hold_http::hold_routes;
pub use super::internal::internal_routes;
use super::statement::{Filter, Statement, StatementQuery, csv_head, write_csv};
use super::views::{AccountView, Adjusted, ClawedBack, LotView};
use super::writer::{Transaction, TransactionKind};
use crate::kit::{ReferenceInput, ReferenceView, must_be_operator, must_concern};

const POINTS: Place = Place { collection: "points", name: "point" };
const REASON_CHARS: usize = 200;
/// Entries read at once for a CSV.
const CSV_ENTRIES: usize = 500;

/// The routes below `/points`.
pub fn routes(points: Arc<Points>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_points))
        .routes(routes!(show_points, change_points))
        .routes(routes!(create_transaction))
        .routes(routes!(create_transactions))
        .routes(routes!(claw_back))
        .routes(routes!(list_lots))
        .routes(routes!(list_entries))
        .routes(routes!(show_entry))
        .merge(hold_routes())
        .with_state(points)
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

/// The operator adjusts a balance. A refusal is an answer: `result` is `REJECTED` and nothing has changed.
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
    #[schema(value_type = Option<ReferenceView>)]
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

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateClawback {
    /// At least 1 point.
    #[schema(value_type = i64, example = 1000)]
    amount: Whole,
    /// The expiry month with which the points were given, `yyyyMM`: its lot gives first.
    #[schema(value_type = Option<String>, example = "203111", pattern = "^(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})(0[1-9]|1[0-2])$")]
    lot: Option<Whole>,
    /// What it is about.
    #[schema(value_type = Option<ReferenceView>)]
    reference: Option<ReferenceInput>,
    /// Why; it stays in the ledger for ever, so name no one in it.
    reason: Option<String>,
}

/// Takes back points that were given by mistake, from the lot they were in and then from those that expire first. What
/// was spent already is owed, and later earnings repay it. Whatever the member's status.
#[utoipa::path(post, path = "/points/{id}/clawbacks", operation_id = "clawBack", tag = "points", request_body = CreateClawback,
    params(("id" = i64, Path, description = "The member number"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key and body get the same answer")),
    responses((status = 201, body = ClawedBack), (status = 400, description = "No JSON"),
        (status = 401, description = "No key"), (status = 403, description = "Only the operator may"),
        (status = 404, description = "No account"), (status = 409, description = "The member is leaving"),
        (status = 413, description = "The body is too large"), (status = 415, description = "The body is not JSON"),
        (status = 422, description = "A wrong value"), (status = 503, description = "Not now; Retry-After says when")))]
async fn claw_back(
    State(points): State<Arc<Points>>,
    PathId(member_id): PathId,
    write: Write<CreateClawback>,
) -> Result<Response<Body>> {
    must_be_operator(&write.caller)?;
    let clawed_back = points.claw_back(member_id, write.body.read()?, write.stamp).await?;
    Item::new(&points.kit.base_url, POINTS, member_id, clawed_back).created()
}

impl CreateClawback {
    fn read(self) -> Result<ClawBack> {
        must_be_short(self.reason.as_deref())?;
        let wrong_month = || Error::invalid("/lot", "a lot is named by its month, for instance 203111");
        let month = |Whole(number)| Month::from_number(number).ok_or_else(wrong_month);
        let lot = self.lot.map(month).transpose()?;
        let reference = self.reference.map(ReferenceInput::read).transpose()?;
        Ok(ClawBack { amount: self.amount.0, lot, reference, reason: self.reason })
    }
}

/// The member's points by the month at whose end they expire, the earliest first. All of them: there are at most as
/// many as months until new points expire.
#[utoipa::path(get, path = "/points/{id}/lots", operation_id = "listLots", tag = "points",
    params(("id" = i64, Path, description = "The member number")),
    responses((status = 200, description = "The lots, below _embedded.lots", body = Vec<LotView>, content_type = "application/hal+json"),
        (status = 401, description = "No key"), (status = 403, description = "Another member's"),
        (status = 404, description = "No account, or the member is gone"), (status = 422, description = "No number in the path"),
        (status = 503, description = "Not now; Retry-After says when")))]
async fn list_lots(
    State(points): State<Arc<Points>>,
    PathId(member_id): PathId,
    caller: Caller,
) -> Result<Response<Body>> {
    must_concern(&caller, member_id)?;
    let items = points.lots(member_id).await?;
    let href = format!("{}/points/{member_id}/lots", points.kit.base_url);
    Sublist { href, collection: "lots", query: String::new(), after: None, next: None, items }.show()
}

/// The member's statement, newest first, each entry with the balance after it. A page may hold fewer entries than asked
/// for, even none, and still have a next one: a filter looks at 5,000 entries for a page. As CSV it is the whole range.
#[utoipa::path(get, path = "/points/{id}/entries", operation_id = "listEntries", tag = "points",
    params(("id" = i64, Path, description = "The member number"),
        ("kind" = Option<String>, Query, description = "One or several kinds, with commas between", example = "EARN,USE"),
        ("from" = Option<String>, Query, description = "A day in the programme's time zone or an instant, included", example = "2026-11-01"),
        ("to" = Option<String>, Query, description = "A day in the programme's time zone or an instant, included", example = "2026-11-30"),
        ("format" = Option<String>, Query, description = "json or csv; Accept: text/csv does the same"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 20 by default; not for CSV"),
        ("after" = Option<String>, Query, description = "From the next link of an earlier page; not for CSV")),
    responses((status = 200, description = "A page of the statement, below _embedded.entries; or all of it as CSV", content(
            (Vec<EntryView> = "application/hal+json"), (String = "text/csv"))),
        (status = 401, description = "No key"), (status = 403, description = "Another member's"),
        (status = 404, description = "No account, or the member is gone"), (status = 422, description = "A wrong value in the query"),
        (status = 503, description = "Not now; Retry-After says when")))]
async fn list_entries(
    State(points): State<Arc<Points>>,
    PathId(member_id): PathId,
    caller: Caller,
    page: PageQuery,
    query: StatementQuery,
) -> Result<Response<Body>> {
    must_concern(&caller, member_id)?;
    let filter = query.filter(&points.kit.zone)?;
    if query.is_csv {
        return statement_csv(points, member_id, filter).await;
    }
    let after = Some(page.after).filter(|place| *place > 0);
    let Statement { entries, next } = points.statement(member_id, &filter, after, page.limit()).await?;
    let href = format!("{}/points/{member_id}/entries", points.kit.base_url);
    let items = entries.into_iter().map(|entry| show(&points, entry)).collect();
    Sublist { href, collection: "entries", query: query.text(page.limit), after, next, items }.show()
}

/// The whole range, read while it is sent. If it cannot be read to the end, the connection breaks off: a statement that
/// lacks its end must not look like one that has it.
async fn statement_csv(points: Arc<Points>, member_id: i64, filter: Filter) -> Result<Response<Body>> {
    let first = points.statement(member_id, &filter, None, CSV_ENTRIES).await?;
    let pieces = stream::unfold(Piece::Read(csv_head(), first), move |piece| {
        let (points, filter) = (Arc::clone(&points), filter.clone());
        async move {
            let (mut text, part) = match piece {
                Piece::Read(text, part) => (text, part),
                Piece::From(place) => match points.statement(member_id, &filter, Some(place), CSV_ENTRIES).await {
                    Ok(part) => (String::new(), part),
                    Err(error) => return Some((Err(error), Piece::End)),
                },
                Piece::End => return None,
            };
            write_csv(&mut text, &part.entries);
            Some((Ok(text), part.next.map_or(Piece::End, Piece::From)))
        }
    });
    let mut response = Response::new(Body::from_stream(pieces));
    let name = format!("attachment; filename=\"points-{member_id}-entries.csv\"");
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    headers.extend(HeaderValue::try_from(name).ok().map(|name| (CONTENT_DISPOSITION, name)));
    Ok(response)
}

/// What is sent next of a statement.
enum Piece {
    /// What was read already, after this text.
    Read(String, Statement),
    /// What begins at this place.
    From(i64),
    /// Nothing.
    End,
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
    let reference = reference.map(ReferenceInput::read).transpose()?;
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
