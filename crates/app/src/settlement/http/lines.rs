//! Routes of lines: those of a billing, its statement, and each line by its deal.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, Response};
use futures_util::stream;
use platform::error::Result;
use platform::http::csv::{Cell, write_row};
use platform::http::filter::{Filter, in_query};
use platform::http::hal::{Item, Place};
use platform::http::input::PathId;
use platform::http::list::PageQuery;
use platform::http::shell::Caller;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::views::{BillingView, LineView};
use super::super::{ChosenLines, Settlements, line_unknown};
use super::own_billing;
use crate::kit::{only, own_of};

const VIEWS: Place = Place { collection: "billingAmountViews", name: "billingAmountView" };
/// Lines read at once for a statement.
const STATEMENT_LINES: i64 = 500;

/// The routes of lines.
pub(super) fn routes() -> OpenApiRouter<Arc<Settlements>> {
    OpenApiRouter::new()
        .routes(routes!(list_billing_lines))
        .routes(routes!(show_statement))
        .routes(routes!(list_lines))
        .routes(routes!(show_line))
}

/// A line with links to its deal and its billing.
fn shown(base: &str, line: LineView) -> (i64, Item<LineView>) {
    let (deal_id, billing_id) = (line.deal_id, line.billing_id);
    let item = Item::new(base, VIEWS, deal_id, line).leading_to("deal", format!("{base}/deals/{deal_id}"));
    let item = match billing_id {
        Some(billing_id) => item.leading_to("billing", format!("{base}/billings/{billing_id}")),
        None => item,
    };
    (deal_id, item)
}

/// The lines that a billing is made of, by deal.
#[utoipa::path(get, path = "/billings/{id}/lines", operation_id = "listBillingLines", tag = "billings",
    params(("id" = i64, Path, description = "The billing's number"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of lines", body = Vec<LineView>, content_type = "application/hal+json"), (status = 404, description = "No such billing")))]
async fn list_billing_lines(
    State(settlements): State<Arc<Settlements>>,
    PathId(billing_id): PathId,
    caller: Caller,
    page: PageQuery,
) -> Result<Response<Body>> {
    let billing = own_billing(&settlements, billing_id, &caller).await?;
    let found = settlements.lines_of(&billing, page.after, page.fetch()).await?;
    let base = &settlements.kit.base_url;
    let items = found.into_iter().map(|line| shown(base, line)).collect();
    page.show_items(format!("{base}/billings/{billing_id}/lines"), "lines", "", items)
}

/// A billing's statement as CSV: its lines by deal, and a last row with the billing's own figures.
#[utoipa::path(get, path = "/billings/{id}/statement", operation_id = "showStatement", tag = "billings",
    params(("id" = i64, Path, description = "The billing's number")),
    responses((status = 200, description = "All of it", body = String, content_type = "text/csv"), (status = 404, description = "No such billing")))]
async fn show_statement(
    State(settlements): State<Arc<Settlements>>,
    PathId(billing_id): PathId,
    caller: Caller,
) -> Result<Response<Body>> {
    let billing = own_billing(&settlements, billing_id, &caller).await?;
    let first = settlements.lines_of(&billing, 0, STATEMENT_LINES).await?;
    let start = Piece::Read(head(), first);
    // Read while it is sent. If it cannot be read to the end, the connection breaks off: a statement that lacks its end
    // must not look like one that has it.
    let pieces = stream::unfold(start, move |piece| {
        let (settlements, billing) = (Arc::clone(&settlements), billing.clone());
        async move {
            let (mut text, lines) = match piece {
                Piece::Read(text, lines) => (text, lines),
                Piece::From(after) => match settlements.lines_of(&billing, after, STATEMENT_LINES).await {
                    Ok(lines) => (String::new(), lines),
                    Err(error) => return Some((Err(error), Piece::End)),
                },
                Piece::End => return None,
            };
            lines.iter().for_each(|line| write_line(&mut text, line));
            let next = lines.last().map_or(Piece::End, |last| Piece::From(last.deal_id));
            if matches!(next, Piece::End) {
                write_total(&mut text, &billing);
            }
            Some((Ok(text), next))
        }
    });
    let mut response = Response::new(Body::from_stream(pieces));
    let name = format!("attachment; filename=\"billing-{billing_id}.csv\"");
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    headers.extend(HeaderValue::try_from(name).ok().map(|name| (CONTENT_DISPOSITION, name)));
    Ok(response)
}

/// What is sent next of a statement.
enum Piece {
    /// What was read already, after this text.
    Read(String, Vec<LineView>),
    /// What follows this deal.
    From(i64),
    /// Nothing.
    End,
}

fn head() -> String {
    let mut out = String::new();
    write_row(&mut out, &["dealId", "dealDate", "type", "point", "billingAmount"].map(Cell::Text));
    out
}

fn write_line(out: &mut String, line: &LineView) {
    let (point, amount) = (Cell::Number(line.point), Cell::Number(line.billing_amount));
    write_row(
        out,
        &[Cell::Number(line.deal_id), Cell::Text(&line.deal_date), Cell::Text(line.line_type), point, amount],
    );
}

/// The billing is cut off once, over its sum; so its row is not always what the rows above come to.
fn write_total(out: &mut String, billing: &BillingView) {
    let (point, amount) = (Cell::Number(billing.used_point), Cell::Number(billing.billing_amount));
    write_row(out, &[Cell::Text("total"), Cell::Text(&billing.billed_at), Cell::Text("billing"), point, amount]);
}

/// A line by its deal: a use that happened, or a cancel of one. A merchant's key shows its own only.
#[utoipa::path(get, path = "/billingAmountViews/{dealId}", operation_id = "showBillingAmountView", tag = "billings",
    params(("dealId" = i64, Path, description = "The deal's number")),
    responses((status = 200, body = LineView), (status = 404, description = "The deal is none that is settled")))]
async fn show_line(
    State(settlements): State<Arc<Settlements>>,
    PathId(deal_id): PathId,
    caller: Caller,
) -> Result<Response<Body>> {
    let own = own_of(&caller, "merchant")?;
    let line = settlements.line(deal_id).await?;
    if own.is_some_and(|merchant_id| merchant_id != line.merchant_id) {
        return Err(line_unknown());
    }
    shown(&settlements.kit.base_url, line).1.shown()
}

/// All lines, or those of a merchant, by deal. A merchant's key lists its own.
#[utoipa::path(get, path = "/billingAmountViews", operation_id = "listBillingAmountViews", tag = "billings",
    params(("merchantId" = Option<i64>, Query, description = "Only of this merchant"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of lines"), (status = 403, description = "Another merchant's lines")))]
async fn list_lines(
    State(settlements): State<Arc<Settlements>>,
    caller: Caller,
    page: PageQuery,
    filter: Filter,
) -> Result<Response<Body>> {
    let merchant_id = only(filter.number("merchantId")?, own_of(&caller, "merchant")?)?;
    let found = settlements.lines(ChosenLines { merchant_id }, page.after, page.fetch()).await?;
    let base = &settlements.kit.base_url;
    let filter = in_query([("merchantId", merchant_id.map(|id| id.to_string()))]);
    let items = found.into_iter().map(|line| shown(base, line)).collect();
    page.show_items(format!("{base}/billingAmountViews"), VIEWS.collection, &filter, items)
}
