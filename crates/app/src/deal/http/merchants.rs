//! Routes of merchants.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use domain::deal::{ChangeMerchant, MerchantFacts, MerchantStatus};
use domain::kernel::MAX_SAFE;
use platform::access::Role;
use platform::error::{Error, Result};
use platform::http::hal::{Item, Place};
use platform::http::input::{PathId, Write};
use platform::http::list::PageQuery;
use platform::http::number::Whole;
use platform::http::shell::Caller;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::views::MerchantView;
use super::super::{Deals, merchant_unknown};
use crate::kit::must_be_operator;

const MERCHANTS: Place = Place { collection: "merchants", name: "merchant" };
const NAME_CHARS: usize = 200;

/// The routes below `/merchants`.
pub(super) fn routes() -> OpenApiRouter<Arc<Deals>> {
    OpenApiRouter::new().routes(routes!(list_merchants, open_merchant)).routes(routes!(show_merchant, change_merchant))
}

/// What a client may say about a new merchant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct MerchantInput {
    /// A number of one's own choice; without it the next free one is given. It never changes.
    #[schema(value_type = Option<i64>, example = 21)]
    merchant_id: Option<Whole>,
    /// What people call it, 1 to 200 characters that are not all blank.
    #[schema(example = "한강 베이커리", min_length = 1, max_length = 200, pattern = r"\S")]
    name: Option<String>,
    /// Share of the amount that is earned, 0 to 10,000 basis points (100 are 1 %); without it the programme's.
    #[schema(value_type = Option<i64>, example = 150, minimum = 0, maximum = 10_000)]
    earn_rate_bp: Option<Whole>,
    /// Share that the programme keeps at settlement, 0 to 10,000 basis points; without it the programme's.
    #[schema(value_type = Option<i64>, example = 200, minimum = 0, maximum = 10_000)]
    fee_rate_bp: Option<Whole>,
    /// `ACTIVE` or `BLOCKED`; `ACTIVE` if it is left out.
    #[schema(value_type = Option<MerchantStatusInput>)]
    status: Option<MerchantStatus>,
}

/// What is to change about a merchant; what is left out stays. A rate or a name that is null is taken away: the
/// programme's rate holds then.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct MerchantChange {
    /// What people call it, 1 to 200 characters that are not all blank.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>, example = "한강 베이커리", min_length = 1, max_length = 200, pattern = r"\S")]
    name: Option<Option<String>>,
    /// Share of the amount that is earned, 0 to 10,000 basis points.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<i64>, example = 150, minimum = 0, maximum = 10_000)]
    earn_rate_bp: Option<Option<Whole>>,
    /// Share that the programme keeps at settlement, 0 to 10,000 basis points.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<i64>, example = 200, minimum = 0, maximum = 10_000)]
    fee_rate_bp: Option<Option<Whole>>,
    /// `ACTIVE`, or `BLOCKED`: its deals fail, and what happened before can still be cancelled and is settled.
    #[schema(value_type = Option<MerchantStatusInput>)]
    status: Option<MerchantStatus>,
    #[serde(default, rename = "merchantId")]
    #[schema(ignore)]
    _merchant_id: IgnoredAny,
}

/// Whether a merchant may post deals.
#[derive(ToSchema)]
#[schema(as = MerchantStatus, rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "described, never made")]
enum MerchantStatusInput {
    Active,
    Blocked,
}

/// Tells null from nothing.
fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn must_be_named(name: Option<&str>) -> Result<()> {
    match name {
        Some(name) if name.trim().is_empty() || name.chars().count() > NAME_CHARS => {
            Err(Error::invalid("/name", "a merchant's name has 1 to 200 characters"))
        }
        _ => Ok(()),
    }
}

/// A new merchant.
#[utoipa::path(post, path = "/merchants", operation_id = "openMerchant", tag = "merchants", request_body = MerchantInput,
    responses((status = 201, body = MerchantView), (status = 409, description = "The number is taken"), (status = 422, description = "A wrong value")))]
async fn open_merchant(State(deals): State<Arc<Deals>>, write: Write<MerchantInput>) -> Result<Response<Body>> {
    must_be_operator(&write.caller)?;
    let MerchantInput { merchant_id, name, earn_rate_bp, fee_rate_bp, status } = write.body;
    let merchant_id = merchant_id.map(|Whole(id)| id);
    if merchant_id.is_some_and(|id| !(1..=MAX_SAFE).contains(&id)) {
        return Err(Error::invalid("/merchantId", "the number of a merchant is 1 to 9007199254740991"));
    }
    must_be_named(name.as_deref())?;
    let [earn_rate_bp, fee_rate_bp] = [earn_rate_bp, fee_rate_bp].map(|rate| rate.map(|Whole(rate)| rate));
    let status = status.unwrap_or(MerchantStatus::Active);
    let merchant = MerchantFacts { merchant_id: 0, name, earn_rate_bp, fee_rate_bp, status };
    let merchant = deals.open_merchant(merchant_id, merchant, write.stamp).await?;
    Item::new(&deals.kit.base_url, MERCHANTS, merchant.merchant_id, merchant).created()
}

/// A merchant and what is agreed with it. A merchant's key shows its own record only.
#[utoipa::path(get, path = "/merchants/{id}", operation_id = "showMerchant", tag = "merchants",
    params(("id" = i64, Path, description = "The merchant's number")),
    responses((status = 200, body = MerchantView), (status = 404, description = "No such merchant")))]
async fn show_merchant(
    State(deals): State<Arc<Deals>>,
    PathId(merchant_id): PathId,
    caller: Caller,
) -> Result<Response<Body>> {
    match caller.0.role {
        Role::Owner("merchant") if caller.0.owner_id != Some(merchant_id) => return Err(merchant_unknown()),
        Role::Owner("merchant") => {}
        _ => must_be_operator(&caller)?,
    }
    let merchant = deals.merchant(merchant_id).await?;
    Item::new(&deals.kit.base_url, MERCHANTS, merchant_id, merchant).shown()
}

/// A merchant gets other rates or another name, is blocked, or may post deals again.
#[utoipa::path(patch, path = "/merchants/{id}", operation_id = "changeMerchant", tag = "merchants", request_body = MerchantChange,
    params(("id" = i64, Path, description = "The merchant's number")),
    responses((status = 200, body = MerchantView), (status = 404, description = "No such merchant"), (status = 422, description = "A wrong value")))]
async fn change_merchant(
    State(deals): State<Arc<Deals>>,
    PathId(merchant_id): PathId,
    write: Write<MerchantChange>,
) -> Result<Response<Body>> {
    must_be_operator(&write.caller)?;
    let MerchantChange { name, earn_rate_bp, fee_rate_bp, status, .. } = write.body;
    must_be_named(name.as_ref().and_then(Option::as_deref))?;
    let [earn_rate_bp, fee_rate_bp] =
        [earn_rate_bp, fee_rate_bp].map(|said| said.map(|rate| rate.map(|Whole(rate)| rate)));
    let change = ChangeMerchant { name, earn_rate_bp, fee_rate_bp, status };
    let merchant = deals.change_merchant(merchant_id, change, write.stamp).await?;
    Item::new(&deals.kit.base_url, MERCHANTS, merchant_id, merchant).changed()
}

/// All merchants, by number.
#[utoipa::path(get, path = "/merchants", operation_id = "listMerchants", tag = "merchants",
    params(("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of merchants")))]
async fn list_merchants(State(deals): State<Arc<Deals>>, caller: Caller, page: PageQuery) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let found = deals.merchants(page.after, page.fetch()).await?;
    page.show(&deals.kit.base_url, MERCHANTS, found.into_iter().map(|one| (one.merchant_id, one)).collect())
}
