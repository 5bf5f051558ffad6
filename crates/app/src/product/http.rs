//! Routes of product.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use axum::routing::post;
use domain::kernel::MAX_SAFE;
use domain::product::{ChangeProduct, RegisterProduct};
use platform::error::{Error, Result};
use platform::http::hal::{Item, Place, json, no_content};
use platform::http::input::{Bodiless, PathId, Write};
use platform::http::list::PageQuery;
use platform::http::number::Whole;
use platform::http::shell::Caller;
use platform::zone::parse_instant;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::client::{Reserved, UNITS, Wanted};
use super::views::ProductView;
use super::{ProductApi, Products};
use crate::kit::{must_be_operator, must_be_service};

const PRODUCTS: Place = Place { collection: "products", name: "product" };
const NAME_CHARS: usize = 200;

/// The routes below `/products`.
pub fn routes(products: Arc<Products>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_products, register_product))
        .routes(routes!(show_product, change_product, remove_product))
        .with_state(products)
}

/// The routes on the internal listener.
pub fn internal_routes(products: Arc<Products>) -> Router {
    Router::new().route(UNITS, post(reserve_unit)).with_state(products)
}

async fn reserve_unit(State(products): State<Arc<Products>>, write: Write<Wanted>) -> Result<Response<Body>> {
    must_be_service(&write.caller)?;
    let answer = products.reserve_unit(write.body.read()).await?;
    json(StatusCode::OK, "application/json", &Reserved::of(answer))
}

/// What the operator may say about a new product. What the server owns is accepted and ignored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ProductInput {
    /// A number of one's own choice; without it the next free one is given. It never changes.
    #[schema(value_type = Option<i64>, example = 21)]
    product_id: Option<Whole>,
    /// What people call it, 1 to 200 characters that are not all blank.
    #[schema(example = "CLUB", min_length = 1, max_length = 200, pattern = r"\S")]
    product_name: String,
    /// Price in won.
    #[schema(value_type = i64, example = 30_000, minimum = 1, maximum = 1_000_000_000_000_i64)]
    price: Whole,
    /// Units that may be sold or kept for a payment at a time; without it as many as wanted.
    #[schema(value_type = Option<i64>, example = 100, minimum = 1, maximum = 1_000_000_000_000_i64)]
    sales_limit: Option<Whole>,
    /// From when on it is no longer sold, RFC 3339, in a year from 1970 to 9998; without it, it has no end.
    #[schema(example = "2036-12-31T23:59:59+09:00", format = DateTime, pattern = "^(19[7-9][0-9]|[2-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8])-")]
    sale_ends_at: Option<String>,
    /// How long a membership lasts, in calendar months; without it as the programme has it.
    #[schema(value_type = Option<i64>, example = 12, minimum = 1, maximum = 1_200)]
    months: Option<Whole>,
    #[serde(default, rename = "salesQuantity")]
    #[schema(ignore)]
    _sales_quantity: IgnoredAny,
    #[serde(default, rename = "reservedQuantity")]
    #[schema(ignore)]
    _reserved_quantity: IgnoredAny,
}

/// What is to change about a product; what is left out stays. A limit or an end of sale that is null is taken away.
/// Memberships keep what was true when they were bought.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ProductChange {
    /// What people call it, 1 to 200 characters that are not all blank.
    #[schema(example = "CLUB", min_length = 1, max_length = 200, pattern = r"\S")]
    product_name: Option<String>,
    /// Price in won.
    #[schema(value_type = Option<i64>, example = 33_000, minimum = 1, maximum = 1_000_000_000_000_i64)]
    price: Option<Whole>,
    /// Units that may be sold or kept at a time; not fewer than are.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<i64>, example = 100, minimum = 1, maximum = 1_000_000_000_000_i64)]
    sales_limit: Option<Option<Whole>>,
    /// From when on it is no longer sold, RFC 3339, in a year from 1970 to 9998.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>, example = "2036-12-31T23:59:59+09:00", format = DateTime, pattern = "^(19[7-9][0-9]|[2-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8])-")]
    sale_ends_at: Option<Option<String>>,
    /// How long a membership lasts, in calendar months.
    #[schema(value_type = Option<i64>, example = 12, minimum = 1, maximum = 1_200)]
    months: Option<Whole>,
    #[serde(default, rename = "productId")]
    #[schema(ignore)]
    _product_id: IgnoredAny,
    #[serde(default, rename = "salesQuantity")]
    #[schema(ignore)]
    _sales_quantity: IgnoredAny,
    #[serde(default, rename = "reservedQuantity")]
    #[schema(ignore)]
    _reserved_quantity: IgnoredAny,
}

/// Tells null from nothing.
fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn must_be_named(name: &str) -> Result<()> {
    if name.trim().is_empty() || name.chars().count() > NAME_CHARS {
        return Err(Error::invalid("/productName", "a product has a name of 1 to 200 characters"));
    }
    Ok(())
}

/// The year is judged as it is written, whatever the offset: so the fields' patterns can say the same.
fn read_end(text: &str) -> Result<i64> {
    let message = "write an instant like 2036-12-31T23:59:59+09:00, in a year from 1970 to 9998; null is no end";
    let is_sound = text.get(..4).is_some_and(|year| ("1970"..="9998").contains(&year));
    parse_instant(text).ok().filter(|_| is_sound).ok_or_else(|| Error::invalid("/saleEndsAt", message))
}

/// A new product. From now on it can be bought, unless its sale is over.
#[utoipa::path(post, path = "/products", operation_id = "registerProduct", tag = "products", request_body = ProductInput,
    responses((status = 201, body = ProductView), (status = 409, description = "The number is taken, or was once"), (status = 422, description = "A wrong value")))]
async fn register_product(State(products): State<Arc<Products>>, write: Write<ProductInput>) -> Result<Response<Body>> {
    must_be_operator(&write.caller)?;
    let ProductInput { product_id, product_name, price: Whole(price_won), sales_limit, sale_ends_at, months, .. } =
        write.body;
    let product_id = product_id.map(|Whole(id)| id);
    if product_id.is_some_and(|id| !(1..=MAX_SAFE).contains(&id)) {
        return Err(Error::invalid("/productId", "the number of a product is 1 to 9007199254740991"));
    }
    must_be_named(&product_name)?;
    let product = RegisterProduct {
        product_id: 0,
        product_name,
        price_won,
        sales_limit: sales_limit.map(|Whole(limit)| limit),
        sale_ends_at_ms: sale_ends_at.as_deref().map(read_end).transpose()?,
        months: months.map_or(products.policy.months, |Whole(months)| months),
    };
    let product = products.register(product_id, product, write.stamp).await?;
    shown(&products.kit.base_url, product).created()
}

/// A product: what it costs and how many are sold.
#[utoipa::path(get, path = "/products/{id}", operation_id = "showProduct", tag = "products",
    params(("id" = i64, Path, description = "The product's number")),
    responses((status = 200, body = ProductView), (status = 404, description = "No such product, or it was taken off")))]
async fn show_product(
    State(products): State<Arc<Products>>,
    PathId(product_id): PathId,
    _caller: Caller,
) -> Result<Response<Body>> {
    shown(&products.kit.base_url, products.product(product_id).await?).shown()
}

/// A product is sold otherwise from now on.
#[utoipa::path(patch, path = "/products/{id}", operation_id = "changeProduct", tag = "products", request_body = ProductChange,
    params(("id" = i64, Path, description = "The product's number")),
    responses((status = 200, body = ProductView), (status = 404, description = "No such product, or it was taken off"),
        (status = 409, description = "More units are sold and kept than the limit would let be (`product.limit_below_sold`)"), (status = 422, description = "A wrong value")))]
async fn change_product(
    State(products): State<Arc<Products>>,
    PathId(product_id): PathId,
    write: Write<ProductChange>,
) -> Result<Response<Body>> {
    must_be_operator(&write.caller)?;
    let ProductChange { product_name, price, sales_limit, sale_ends_at, months, .. } = write.body;
    product_name.as_deref().map_or(Ok(()), must_be_named)?;
    let sale_ends_at_ms = match sale_ends_at {
        Some(Some(text)) => Some(Some(read_end(&text)?)),
        Some(None) => Some(None),
        None => None,
    };
    let change = ChangeProduct {
        product_name,
        price_won: price.map(|Whole(price)| price),
        sales_limit: sales_limit.map(|limit| limit.map(|Whole(limit)| limit)),
        sale_ends_at_ms,
        months: months.map(|Whole(months)| months),
    };
    let product = products.change(product_id, change, write.stamp).await?;
    shown(&products.kit.base_url, product).changed()
}

/// A product is taken off: no longer sold and no longer shown. Memberships keep what they bought, and the number is
/// never given again.
#[utoipa::path(delete, path = "/products/{id}", operation_id = "removeProduct", tag = "products",
    params(("id" = i64, Path, description = "The product's number")),
    responses((status = 204, description = "It was taken off"), (status = 404, description = "No such product, or it was taken off before")))]
async fn remove_product(
    State(products): State<Arc<Products>>,
    PathId(product_id): PathId,
    request: Bodiless,
) -> Result<Response<Body>> {
    must_be_operator(&request.caller)?;
    products.remove(product_id, request.stamp).await?;
    Ok(no_content())
}

/// All products, by number.
#[utoipa::path(get, path = "/products", operation_id = "listProducts", tag = "products",
    params(("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of products")))]
async fn list_products(
    State(products): State<Arc<Products>>,
    _caller: Caller,
    page: PageQuery,
) -> Result<Response<Body>> {
    let found = products.products(page.after, page.fetch()).await?;
    page.show(&products.kit.base_url, PRODUCTS, found.into_iter().map(|one| (one.product_id, one)).collect())
}

fn shown(base: &str, product: ProductView) -> Item<ProductView> {
    Item::new(base, PRODUCTS, product.product_id, product)
}
