//! Routes of settlement: billings here, lines in `lines`, closings in `closings`.

mod closings;
mod lines;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use domain::kernel::{MAX_SAFE, Month};
use platform::error::{Error, Result};
use platform::http::filter::{Filter, in_query};
use platform::http::hal::{Item, Place};
use platform::http::input::{PathId, Write};
use platform::http::list::PageQuery;
use platform::http::number::{Whole, parse_whole};
use platform::http::shell::Caller;
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::views::BillingView;
use super::{Chosen, Settlements, billing_unknown};
use crate::kit::{must_be_operator, only, own_of};

const BILLINGS: Place = Place { collection: "billings", name: "billing" };

/// The routes below `/billings`, `/billingAmountViews` and `/closings`.
pub fn routes(settlements: Arc<Settlements>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_billings, bill))
        .routes(routes!(show_billing))
        .merge(lines::routes())
        .merge(closings::routes())
        .with_state(settlements)
}

/// What the operator says about a run. What the server owns is accepted and ignored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct BillingInput {
    /// The merchant; `mercharntId` means the same.
    #[serde(alias = "mercharntId")]
    #[schema(value_type = i64, example = 20)]
    merchant_id: Whole,
    /// The month, `yyyyMM`; it must have begun.
    #[schema(value_type = String, example = "202010", pattern = "^[0-9]{6}$")]
    billing_month: Whole,
    #[serde(default, rename = "billingId")]
    #[schema(ignore)]
    _billing_id: IgnoredAny,
    #[serde(default, rename = "run")]
    #[schema(ignore)]
    _run: IgnoredAny,
    #[serde(default, rename = "usedPoint")]
    #[schema(ignore)]
    _used_point: IgnoredAny,
    #[serde(default, rename = "feeRate")]
    #[schema(ignore)]
    _fee_rate: IgnoredAny,
    #[serde(default, rename = "billingAmount")]
    #[schema(ignore)]
    _billing_amount: IgnoredAny,
    #[serde(default, rename = "dealCount")]
    #[schema(ignore)]
    _deal_count: IgnoredAny,
    #[serde(default, rename = "billedAt")]
    #[schema(ignore)]
    _billed_at: IgnoredAny,
}

/// A month in a body.
fn read_month(Whole(number): Whole) -> Result<Month> {
    Month::from_number(number).ok_or_else(|| Error::invalid("/billingMonth", "write a month as yyyyMM: 202010"))
}

/// Bills what is open of a merchant's month: the uses dated in it, and the cancels of uses dated in it or earlier. 201
/// for a new run; 200 with the last one if there is nothing new. A first run without lines is over 0.
#[utoipa::path(post, path = "/billings", operation_id = "bill", tag = "billings", request_body = BillingInput,
    responses((status = 201, body = BillingView, description = "A new run"), (status = 200, body = BillingView, description = "Nothing new: the last run"),
        (status = 404, description = "No such merchant"), (status = 422, description = "A wrong value, or a month that has not begun"),
        (status = 503, description = "The latest deals have not come here yet; nothing was billed")))]
async fn bill(State(settlements): State<Arc<Settlements>>, write: Write<BillingInput>) -> Result<Response<Body>> {
    must_be_operator(&write.caller)?;
    let BillingInput { merchant_id: Whole(merchant_id), billing_month, .. } = write.body;
    if !(1..=MAX_SAFE).contains(&merchant_id) {
        return Err(Error::invalid("/merchantId", "the number of a merchant is 1 to 9007199254740991"));
    }
    let settled = settlements.bill(merchant_id, read_month(billing_month)?, write.stamp).await?;
    let billing = shown(&settlements.kit.base_url, settled.billing);
    if settled.is_new { billing.created() } else { billing.changed() }
}

/// A billing. A merchant's key shows its own only.
#[utoipa::path(get, path = "/billings/{id}", operation_id = "showBilling", tag = "billings",
    params(("id" = i64, Path, description = "The billing's number")),
    responses((status = 200, body = BillingView), (status = 404, description = "No such billing")))]
async fn show_billing(
    State(settlements): State<Arc<Settlements>>,
    PathId(billing_id): PathId,
    caller: Caller,
) -> Result<Response<Body>> {
    let billing = own_billing(&settlements, billing_id, &caller).await?;
    shown(&settlements.kit.base_url, billing).shown()
}

/// All billings, or those of a merchant or a month, by number. A merchant's key lists its own.
#[utoipa::path(get, path = "/billings", operation_id = "listBillings", tag = "billings",
    params(("merchantId" = Option<i64>, Query, description = "Only of this merchant"), ("billingMonth" = Option<String>, Query, pattern = "^[1-9][0-9]{3}(0[1-9]|1[0-2])$", description = "Only of this month, yyyyMM"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of billings"), (status = 403, description = "Another merchant's billings")))]
async fn list_billings(
    State(settlements): State<Arc<Settlements>>,
    caller: Caller,
    page: PageQuery,
    filter: Filter,
) -> Result<Response<Body>> {
    let merchant_id = only(filter.number("merchantId")?, own_of(&caller, "merchant")?)?;
    let read_month = |text: &str| parse_whole(text).and_then(Month::from_number);
    let month = filter.read("billingMonth", "write a month as yyyyMM: 202010", read_month)?;
    let found = settlements.billings(Chosen { merchant_id, month }, page.after, page.fetch()).await?;
    let base = &settlements.kit.base_url;
    let (merchant, month) = (merchant_id.map(|id| id.to_string()), month.map(|month| month.to_string()));
    let filter = in_query([("merchantId", merchant), ("billingMonth", month)]);
    let items = found.into_iter().map(|billing| (billing.billing_id, shown(base, billing))).collect();
    page.show_items(format!("{base}/billings"), BILLINGS.collection, &filter, items)
}

/// A billing with links to what it is made of.
fn shown(base: &str, billing: BillingView) -> Item<BillingView> {
    let (billing_id, merchant_id) = (billing.billing_id, billing.merchant_id);
    Item::new(base, BILLINGS, billing_id, billing)
        .leading_to("lines", format!("{base}/billings/{billing_id}/lines"))
        .leading_to("statement", format!("{base}/billings/{billing_id}/statement"))
        .leading_to("merchant", format!("{base}/merchants/{merchant_id}"))
}

/// A billing that this caller may see. To a merchant those of others are not there, so nobody can count them.
async fn own_billing(settlements: &Settlements, billing_id: i64, caller: &Caller) -> Result<BillingView> {
    let own = own_of(caller, "merchant")?;
    let billing = settlements.billing(billing_id).await?;
    if own.is_some_and(|merchant_id| merchant_id != billing.merchant_id) {
        return Err(billing_unknown());
    }
    Ok(billing)
}
