//! Routes of gifticon: gifticons here, vouchers in `vouchers`.

mod vouchers;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use axum::routing::post;
use domain::gifticon::ChangeGifticon;
use domain::kernel::MAX_SAFE;
use platform::error::{Error, Result};
use platform::http::hal::{Item, Place, json};
use platform::http::input::{PathId, Write};
use platform::http::list::PageQuery;
use platform::http::number::Whole;
use platform::http::shell::Caller;
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::client::{RESERVE, REVOKE, Reserve, Reserved, Revoke, Revoked};
use super::views::GifticonView;
use super::{GifticonApi, Gifticons, NewGifticon};
use crate::kit::{must_be_operator, must_be_service};

const GIFTICONS: Place = Place { collection: "gifticons", name: "gifticon" };
const NAME_CHARS: usize = 200;

/// The routes below `/gifticons` and `/vouchers`.
pub fn routes(gifticons: Arc<Gifticons>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_gifticons, register_gifticon))
        .routes(routes!(show_gifticon, change_gifticon))
        .merge(vouchers::routes())
        .with_state(gifticons)
}

/// The routes on the internal listener.
pub fn internal_routes(gifticons: Arc<Gifticons>) -> Router {
    Router::new().route(RESERVE, post(reserve)).route(REVOKE, post(revoke)).with_state(gifticons)
}

async fn reserve(State(gifticons): State<Arc<Gifticons>>, write: Write<Reserve>) -> Result<Response<Body>> {
    must_be_service(&write.caller)?;
    let answer = gifticons.reserve(write.body.read()).await?;
    json(StatusCode::OK, "application/json", &Reserved::of(answer))
}

async fn revoke(State(gifticons): State<Arc<Gifticons>>, write: Write<Revoke>) -> Result<Response<Body>> {
    must_be_service(&write.caller)?;
    let answer = gifticons.revoke(write.body.reservation_id).await?;
    json(StatusCode::OK, "application/json", &Revoked::of(answer))
}

/// What the MD says about a new gifticon. What the server owns is accepted and ignored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct GifticonInput {
    /// A number of one's own choice; without it the next free one is given. It never changes.
    #[schema(value_type = Option<i64>, example = 1)]
    gifticon_id: Option<Whole>,
    /// What people call it, 1 to 200 characters that are not all blank.
    #[schema(example = "아메리카노", min_length = 1, max_length = 200, pattern = r"\S")]
    name: String,
    /// Pieces that can be bought.
    #[schema(value_type = i64, example = 100, minimum = 0, maximum = 1_000_000_000)]
    available_quantity: Whole,
    /// Price of a piece, in won.
    #[schema(value_type = i64, example = 5_000, minimum = 1, maximum = 100_000_000)]
    price: Whole,
    /// Whether it may be bought; it may if this is left out.
    #[schema(example = true)]
    on_sale: Option<bool>,
    #[serde(default, rename = "reservedQuantity")]
    #[schema(ignore)]
    _reserved_quantity: IgnoredAny,
    #[serde(default, rename = "soldQuantity")]
    #[schema(ignore)]
    _sold_quantity: IgnoredAny,
    #[serde(default, rename = "loadedQuantity")]
    #[schema(ignore)]
    _loaded_quantity: IgnoredAny,
}

/// What is to change about a gifticon; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct GifticonChange {
    /// What people call it, 1 to 200 characters that are not all blank.
    #[schema(example = "아메리카노", min_length = 1, max_length = 200, pattern = r"\S")]
    name: Option<String>,
    /// Pieces that are to be available from now on; what is reserved and sold stays.
    #[schema(value_type = Option<i64>, example = 200, minimum = 0, maximum = 1_000_000_000)]
    available_quantity: Option<Whole>,
    /// Price of a piece from now on, in won; what is reserved keeps the price that it was reserved at.
    #[schema(value_type = Option<i64>, example = 5_500, minimum = 1, maximum = 100_000_000)]
    price: Option<Whole>,
    /// Whether it may be bought.
    #[schema(example = true)]
    on_sale: Option<bool>,
    #[serde(default, rename = "gifticonId")]
    #[schema(ignore)]
    _gifticon_id: IgnoredAny,
    #[serde(default, rename = "reservedQuantity")]
    #[schema(ignore)]
    _reserved_quantity: IgnoredAny,
    #[serde(default, rename = "soldQuantity")]
    #[schema(ignore)]
    _sold_quantity: IgnoredAny,
    #[serde(default, rename = "loadedQuantity")]
    #[schema(ignore)]
    _loaded_quantity: IgnoredAny,
}

fn must_be_named(name: &str) -> Result<()> {
    if name.trim().is_empty() || name.chars().count() > NAME_CHARS {
        return Err(Error::invalid("/name", "a gifticon's name has 1 to 200 characters"));
    }
    Ok(())
}

/// The MD registers a gifticon: its price, and how many pieces there are.
#[utoipa::path(post, path = "/gifticons", operation_id = "registerGifticon", tag = "gifticons", request_body = GifticonInput,
    responses((status = 201, body = GifticonView), (status = 409, description = "The number is taken (`gifticon.number_taken`)"), (status = 422, description = "A wrong value")))]
async fn register_gifticon(
    State(gifticons): State<Arc<Gifticons>>,
    write: Write<GifticonInput>,
) -> Result<Response<Body>> {
    must_be_operator(&write.caller)?;
    let GifticonInput { gifticon_id, name, available_quantity, price, on_sale, .. } = write.body;
    let gifticon_id = gifticon_id.map(|Whole(id)| id);
    if gifticon_id.is_some_and(|id| !(1..=MAX_SAFE).contains(&id)) {
        return Err(Error::invalid("/gifticonId", "the number of a gifticon is 1 to 9007199254740991"));
    }
    must_be_named(&name)?;
    let (price_won, available) = (price.0, available_quantity.0);
    let new = NewGifticon { name, price_won, available, on_sale: on_sale.unwrap_or(true) };
    let gifticon = gifticons.register(gifticon_id, new, write.stamp).await?;
    Item::new(&gifticons.kit.base_url, GIFTICONS, gifticon.gifticon_id, gifticon).created()
}

/// A gifticon, and how many pieces of it are left.
#[utoipa::path(get, path = "/gifticons/{id}", operation_id = "showGifticon", tag = "gifticons",
    params(("id" = i64, Path, description = "The gifticon's number")),
    responses((status = 200, body = GifticonView), (status = 404, description = "No such gifticon")))]
async fn show_gifticon(
    State(gifticons): State<Arc<Gifticons>>,
    PathId(gifticon_id): PathId,
    _caller: Caller,
) -> Result<Response<Body>> {
    let gifticon = gifticons.gifticon(gifticon_id).await?;
    Item::new(&gifticons.kit.base_url, GIFTICONS, gifticon_id, gifticon).shown()
}

/// A gifticon gets another name, price or number of pieces, or is sold no longer.
#[utoipa::path(patch, path = "/gifticons/{id}", operation_id = "changeGifticon", tag = "gifticons", request_body = GifticonChange,
    params(("id" = i64, Path, description = "The gifticon's number")),
    responses((status = 200, body = GifticonView), (status = 404, description = "No such gifticon"), (status = 422, description = "A wrong value")))]
async fn change_gifticon(
    State(gifticons): State<Arc<Gifticons>>,
    PathId(gifticon_id): PathId,
    write: Write<GifticonChange>,
) -> Result<Response<Body>> {
    must_be_operator(&write.caller)?;
    let GifticonChange { name, available_quantity, price, on_sale, .. } = write.body;
    name.as_deref().map_or(Ok(()), must_be_named)?;
    let [available, price_won] = [available_quantity, price].map(|said| said.map(|Whole(number)| number));
    let change = ChangeGifticon { name, price_won, available, on_sale };
    let gifticon = gifticons.change(gifticon_id, change, write.stamp).await?;
    Item::new(&gifticons.kit.base_url, GIFTICONS, gifticon_id, gifticon).changed()
}

/// All gifticons, by number.
#[utoipa::path(get, path = "/gifticons", operation_id = "listGifticons", tag = "gifticons",
    params(("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of gifticons")))]
async fn list_gifticons(
    State(gifticons): State<Arc<Gifticons>>,
    _caller: Caller,
    page: PageQuery,
) -> Result<Response<Body>> {
    let found = gifticons.gifticons(page.after, page.fetch()).await?;
    page.show(&gifticons.kit.base_url, GIFTICONS, found.into_iter().map(|one| (one.gifticon_id, one)).collect())
}
