//! Routes of deal: deals here, merchants in `merchants`.

mod merchants;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use axum::routing::post;
use domain::deal::DealType;
use domain::kernel::{MAX_AMOUNT, MAX_SAFE};
use platform::access::Role;
use platform::db::Cursor;
use platform::error::{Error, Result};
use platform::http::filter::{Filter, in_query};
use platform::http::hal::{Item, Place, json};
use platform::http::input::{PathId, Write};
use platform::http::list::{PageQuery, Sublist};
use platform::http::number::Whole;
use platform::http::shell::Caller;
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::client::{LOG_END, LogEnd, WhichEnd};
use super::views::DealView;
use super::{Chosen, DealApi, DealPage, Deals, Posted, deal_unknown};
use crate::kit::{forbidden, must_be_service, only};

const DEALS: Place = Place { collection: "deals", name: "deal" };

/// The routes below `/deals` and `/merchants`.
pub fn routes(deals: Arc<Deals>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_deals, post_deal))
        .routes(routes!(show_deal))
        .merge(merchants::routes())
        .with_state(deals)
}

/// The routes on the internal listener.
pub fn internal_routes(deals: Arc<Deals>) -> Router {
    Router::new().route(LOG_END, post(show_log_end)).with_state(deals)
}

async fn show_log_end(State(deals): State<Arc<Deals>>, write: Write<WhichEnd>) -> Result<Response<Body>> {
    must_be_service(&write.caller)?;
    let Cursor { xid, position } = deals.log_end().await?;
    json(StatusCode::OK, "application/json", &LogEnd { xid, position })
}

/// What a merchant may say about a deal. What the server owns is accepted and ignored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct DealInput {
    /// Whose points.
    #[schema(value_type = i64, example = 1)]
    member_id: Whole,
    /// Where.
    #[schema(value_type = i64, example = 20)]
    merchant_id: Whole,
    /// `save` (points are earned), `use` (points are paid with), `saveCancel` or `useCancel`, or `cancel` for whichever
    /// deal is found.
    #[serde(rename = "type")]
    #[schema(value_type = DealTypeInput)]
    deal_type: DealType,
    /// What was paid, in won: at least 1 for a save. A cancel that names no deal takes the newest one of this amount.
    #[schema(value_type = Option<i64>, example = 100_000, minimum = 0)]
    deal_amount: Option<Whole>,
    /// Points of a use, at least 1. Of a cancel, if only so much is to be cancelled. Ignored for a save.
    #[schema(value_type = Option<i64>, example = 100)]
    point: Option<Whole>,
    /// The deal to cancel; without it the newest that fits.
    #[schema(value_type = Option<i64>, example = 1)]
    original_deal_id: Option<Whole>,
    #[serde(default, rename = "dealId")]
    #[schema(ignore)]
    _deal_id: IgnoredAny,
    #[serde(default, rename = "status")]
    #[schema(ignore)]
    _status: IgnoredAny,
    #[serde(default, rename = "billingStatus")]
    #[schema(ignore)]
    _billing_status: IgnoredAny,
    #[serde(default, rename = "dealDate")]
    #[schema(ignore)]
    _deal_date: IgnoredAny,
    #[serde(default, rename = "cancelledPoint")]
    #[schema(ignore)]
    _cancelled_point: IgnoredAny,
    #[serde(default, rename = "pointStatus")]
    #[schema(ignore)]
    _point_status: IgnoredAny,
    #[serde(default, rename = "failReason")]
    #[schema(ignore)]
    _fail_reason: IgnoredAny,
}

/// What a deal may be.
#[derive(ToSchema)]
#[schema(as = DealType, rename_all = "camelCase")]
#[expect(dead_code, reason = "described, never made")]
enum DealTypeInput {
    Save,
    Use,
    SaveCancel,
    UseCancel,
    Cancel,
}

impl DealInput {
    fn read(self) -> Result<Posted> {
        let [deal_amount, point, original_deal_id] =
            [self.deal_amount, self.point, self.original_deal_id].map(|number| number.map(|Whole(number)| number));
        let posted = Posted {
            member_id: self.member_id.0,
            merchant_id: self.merchant_id.0,
            deal_type: self.deal_type,
            deal_amount,
            point,
            original_deal_id,
        };
        for (number, pointer) in [(posted.member_id, "/memberId"), (posted.merchant_id, "/merchantId")] {
            if !(1..=MAX_SAFE).contains(&number) {
                return Err(Error::invalid(pointer, "the number of a member or merchant is 1 to 9007199254740991"));
            }
        }
        if original_deal_id.is_some_and(|number| !(1..=MAX_SAFE).contains(&number)) {
            return Err(Error::invalid("/originalDealId", "the number of a deal is 1 to 9007199254740991"));
        }
        if deal_amount.is_some_and(|amount| !(0..=MAX_AMOUNT).contains(&amount)) {
            return Err(Error::invalid("/dealAmount", "an amount is 0 to 1,000,000,000,000 won"));
        }
        Ok(posted)
    }
}

/// A merchant posts a deal. A refusal is an answer too: `status` is `fail`, `failReason` says why, and nothing moved. A
/// cancel stands at once; if point cannot be asked, `pointStatus` is `PENDING` and the points follow.
#[utoipa::path(post, path = "/deals", operation_id = "postDeal", tag = "deals", request_body = DealInput,
    responses((status = 201, body = DealView), (status = 403, description = "A merchant's key posts that merchant's deals only; a member's none"),
        (status = 422, description = "A wrong value"),
        (status = 503, description = "Point was not heard of: `dealId` names the deal, and a repeat with the same key within 30 s takes it up; or as many deals are under way as can be taken, and nothing was stored")))]
async fn post_deal(State(deals): State<Arc<Deals>>, write: Write<DealInput>) -> Result<Response<Body>> {
    must_trade_as(&write.caller, write.body.merchant_id.0)?;
    let deal = deals.post_deal(write.body.read()?, write.stamp).await?;
    shown(&deals.kit.base_url, deal).created()
}

/// A deal and how it stands. The key of a merchant or a member shows their own only.
#[utoipa::path(get, path = "/deals/{id}", operation_id = "showDeal", tag = "deals",
    params(("id" = i64, Path, description = "The deal's number")),
    responses((status = 200, body = DealView), (status = 404, description = "No such deal")))]
async fn show_deal(State(deals): State<Arc<Deals>>, PathId(deal_id): PathId, caller: Caller) -> Result<Response<Body>> {
    let own = own_deals(&caller)?;
    let deal = deals.deal(deal_id).await?;
    let is_own = |own: Option<i64>, id: i64| own.is_none_or(|own| own == id);
    // To the others it is not there, so nobody can count a merchant's deals.
    if !is_own(own.member_id, deal.member_id) || !is_own(own.merchant_id, deal.merchant_id) {
        return Err(deal_unknown());
    }
    shown(&deals.kit.base_url, deal).shown()
}

/// All deals, or those at a merchant, by number; or those of a member, the newest first. The key of a merchant or a
/// member lists their own. A page that is chosen by merchant looks at 20,000 deals, so it may hold fewer than asked for,
/// even none, and still have a next one.
#[utoipa::path(get, path = "/deals", operation_id = "listDeals", tag = "deals",
    params(("memberId" = Option<i64>, Query, description = "Only of this member"), ("merchantId" = Option<i64>, Query, description = "Only at this merchant"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of deals"), (status = 403, description = "Another's deals")))]
async fn list_deals(
    State(deals): State<Arc<Deals>>,
    caller: Caller,
    page: PageQuery,
    filter: Filter,
) -> Result<Response<Body>> {
    let own = own_deals(&caller)?;
    let chosen = Chosen {
        member_id: only(filter.number("memberId")?, own.member_id)?,
        merchant_id: only(filter.number("merchantId")?, own.merchant_id)?,
    };
    let DealPage { deals: found, next } = deals.deals(chosen, page.after, page.limit).await?;
    let base = &deals.kit.base_url;
    let text = |id: Option<i64>| id.map(|id| id.to_string());
    let filter = in_query([("memberId", text(chosen.member_id)), ("merchantId", text(chosen.merchant_id))]);
    let items = found.into_iter().map(|deal| shown(base, deal)).collect();
    let (href, query) = (format!("{base}/deals"), format!("limit={}{filter}", page.limit));
    let after = Some(page.after).filter(|after| *after > 0);
    Sublist { href, collection: DEALS.collection, query, after, next, items }.show()
}

fn shown(base: &str, deal: DealView) -> Item<DealView> {
    Item::new(base, DEALS, deal.deal_id, deal)
}

/// The deals that are all that this caller may see; no limit for one who may see all.
fn own_deals(caller: &Caller) -> Result<Chosen> {
    let own = Some(caller.0.owner_id.unwrap_or(0));
    match caller.0.role {
        Role::Operator | Role::Service => Ok(Chosen::default()),
        Role::Owner("merchant") => Ok(Chosen { merchant_id: own, member_id: None }),
        Role::Owner("member") => Ok(Chosen { member_id: own, merchant_id: None }),
        Role::Owner(_) => Err(forbidden()),
    }
}

/// The operator, or the merchant whose deal it is.
fn must_trade_as(caller: &Caller, merchant_id: i64) -> Result<()> {
    match caller.0.role {
        Role::Operator | Role::Service => Ok(()),
        Role::Owner("merchant") if caller.0.owner_id == Some(merchant_id) => Ok(()),
        Role::Owner(_) => Err(forbidden()),
    }
}
