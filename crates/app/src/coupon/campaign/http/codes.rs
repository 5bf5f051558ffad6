//! The codes of a campaign as CSV.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, Response};
use domain::kernel::Day;
use futures_util::stream;
use platform::error::Result;
use platform::http::csv::{Cell, write_row};
use platform::http::input::PathId;
use platform::http::shell::Caller;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::super::Coupons;
use super::super::super::store::Stored;
use crate::kit::must_be_operator;

/// Coupons read at once.
const PIECE_COUPONS: i64 = 1_000;

/// The route of a campaign's codes.
pub(super) fn routes() -> OpenApiRouter<Arc<Coupons>> {
    OpenApiRouter::new().routes(routes!(show_codes))
}

/// Every coupon of a campaign as CSV, in the order in which they were made, with its code and how it stands. The codes
/// are as good as the coupons: whoever has one can redeem it.
#[utoipa::path(get, path = "/couponCampaigns/{id}/codes", operation_id = "showCodes", tag = "couponCampaigns",
    params(("id" = i64, Path, description = "The campaign's number")),
    responses((status = 200, description = "All of them", body = String, content_type = "text/csv"), (status = 404, description = "No such campaign")))]
async fn show_codes(
    State(coupons): State<Arc<Coupons>>,
    PathId(campaign_id): PathId,
    caller: Caller,
) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let first = coupons.codes(campaign_id, 0, PIECE_COUPONS).await?;
    // Read while it is sent. If it cannot be read to the end, the connection breaks off: a list that lacks its end must
    // not look like one that has it.
    let pieces = stream::unfold(Piece::Read(head(), first), move |piece| {
        let coupons = Arc::clone(&coupons);
        async move {
            let (mut text, found) = match piece {
                Piece::Read(text, found) => (text, found),
                Piece::From(after) => match coupons.codes(campaign_id, after, PIECE_COUPONS).await {
                    Ok(found) => (String::new(), found),
                    Err(error) => return Some((Err(error), Piece::End)),
                },
                Piece::End => return None,
            };
            let today = coupons.today();
            found.iter().for_each(|stored| write_line(&mut text, stored, today));
            Some((Ok(text), found.last().map_or(Piece::End, |last| Piece::From(last.coupon.coupon_id))))
        }
    });
    let mut response = Response::new(Body::from_stream(pieces));
    let name = format!("attachment; filename=\"campaign-{campaign_id}-codes.csv\"");
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    headers.extend(HeaderValue::try_from(name).ok().map(|name| (CONTENT_DISPOSITION, name)));
    Ok(response)
}

/// What is sent next.
enum Piece {
    /// What was read already, after this text.
    Read(String, Vec<Stored>),
    /// What follows this coupon.
    From(i64),
    /// Nothing.
    End,
}

fn head() -> String {
    let mut out = String::new();
    write_row(&mut out, &["couponId", "code", "status", "memberId", "startDate", "endDate"].map(Cell::Text));
    out
}

fn write_line(out: &mut String, stored: &Stored, today: Day) {
    let coupon = &stored.coupon;
    let (code, status) = (stored.code.to_string(), coupon.standing(today).name());
    let member = coupon.member_id.map_or(Cell::Text(""), Cell::Number);
    let (start, end) = (coupon.start_date.to_string(), coupon.end_date.to_string());
    let texts = [Cell::Text(&code), Cell::Text(status), member, Cell::Text(&start), Cell::Text(&end)];
    let cells: Vec<Cell<'_>> = [Cell::Number(coupon.coupon_id)].into_iter().chain(texts).collect();
    write_row(out, &cells);
}
