//! Routes of cart.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use axum::routing::post;
use domain::kernel::MAX_SAFE;
use domain::payment::PaymentMethod;
use platform::error::{Error, Result};
use platform::http::filter::{Filter, in_query};
use platform::http::hal::{Item, Place, json, no_content};
use platform::http::input::{Bodiless, PathId, Write};
use platform::http::list::{PageQuery, Sublist};
use platform::http::number::Whole;
use platform::http::shell::Caller;
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::client::{CLAIMS, Claimed, MOST_CLAIMS, WhichClaims};
use super::{CartApi, CartPage, CartView, Carts, Wanted};
use crate::kit::{must_be_service, only, own_of};

const CARTS: Place = Place { collection: "carts", name: "cart" };

/// The routes below `/carts`.
pub fn routes(carts: Arc<Carts>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list_carts, add_cart)).routes(routes!(show_cart, remove_cart)).with_state(carts)
}

/// The routes on the internal listener.
pub fn internal_routes(carts: Arc<Carts>) -> Router {
    Router::new().route(CLAIMS, post(tell_claims)).with_state(carts)
}

async fn tell_claims(State(carts): State<Arc<Carts>>, write: Write<WhichClaims>) -> Result<Response<Body>> {
    must_be_service(&write.caller)?;
    let reservation_ids = write.body.reservation_ids;
    // A number that no reservation has would be refused for ever all the same.
    if reservation_ids.len() > MOST_CLAIMS || reservation_ids.iter().any(|id| !(1..=MAX_SAFE).contains(id)) {
        return Err(Error::invalid(
            "/reservationIds",
            "up to 2,000 reservations may be asked about at once, by number from 1",
        ));
    }
    let claims = carts.claims(reservation_ids).await?;
    let claimed = Claimed { claims: claims.into_iter().map(Into::into).collect() };
    json(StatusCode::OK, "application/json", &claimed)
}

/// What somebody may say about a cart. What the server owns is accepted and ignored: the price is gifticon's.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CartInput {
    /// Of what.
    #[schema(value_type = i64, example = 1)]
    gifticon_id: Whole,
    /// Pieces.
    #[schema(value_type = i64, example = 10, minimum = 1, maximum = 1_000)]
    quantity: Whole,
    /// Whose; needed where points are to pay. The key of a member puts in the member's own.
    #[schema(value_type = Option<i64>, example = 1)]
    customer_id: Option<Whole>,
    /// What it is paid with: `card` (by default), or `points` of the customer.
    #[schema(value_type = Option<CartMethod>)]
    method: Option<PaymentMethod>,
    #[serde(default, rename = "cartId")]
    #[schema(ignore)]
    _cart_id: IgnoredAny,
    #[serde(default, rename = "unitPrice")]
    #[schema(ignore)]
    _unit_price: IgnoredAny,
    #[serde(default, rename = "price")]
    #[schema(ignore)]
    _price: IgnoredAny,
    #[serde(default, rename = "name")]
    #[schema(ignore)]
    _name: IgnoredAny,
    #[serde(default, rename = "amount")]
    #[schema(ignore)]
    _amount: IgnoredAny,
    #[serde(default, rename = "status")]
    #[schema(ignore)]
    _status: IgnoredAny,
    #[serde(default, rename = "paymentId")]
    #[schema(ignore)]
    _payment_id: IgnoredAny,
    #[serde(default, rename = "failReason")]
    #[schema(ignore)]
    _fail_reason: IgnoredAny,
}

/// What a cart may be paid with.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, never made")]
enum CartMethod {
    Card,
    Points,
}

impl CartInput {
    /// `own` is the customer that the caller is; none for one who may act for all.
    fn read(self, own: Option<i64>) -> Result<Wanted> {
        let (Whole(gifticon_id), Whole(quantity)) = (self.gifticon_id, self.quantity);
        let customer_id = only(self.customer_id.map(|Whole(number)| number), own)?;
        if !(1..=MAX_SAFE).contains(&gifticon_id) {
            return Err(Error::invalid("/gifticonId", "the number of a gifticon is 1 to 9007199254740991"));
        }
        if customer_id.is_some_and(|number| !(1..=MAX_SAFE).contains(&number)) {
            return Err(Error::invalid("/customerId", "the number of a customer is 1 to 9007199254740991"));
        }
        Ok(Wanted { gifticon_id, quantity, customer_id, method: self.method.unwrap_or(PaymentMethod::Card) })
    }
}

/// Puts pieces of a gifticon into a new cart. The stock is kept at once, or the answer says why not and nothing is stored;
/// payment follows a moment later.
#[utoipa::path(post, path = "/carts", operation_id = "addCart", tag = "carts", request_body = CartInput,
    responses((status = 201, body = CartView), (status = 403, description = "A member's key puts in the member's own carts only; a merchant's none"),
        (status = 404, description = "`gifticon.unknown`"),
        (status = 409, description = "`gifticon.out_of_stock` or `gifticon.not_on_sale`; nothing was stored"),
        (status = 422, description = "A wrong value, or points are to pay and nobody is named"),
        (status = 503, description = "Gifticon was not heard of in time, or as many carts are under way as can be taken; nothing was stored")))]
async fn add_cart(State(carts): State<Arc<Carts>>, write: Write<CartInput>) -> Result<Response<Body>> {
    let own = own_of(&write.caller, "member")?;
    let cart = carts.add(write.body.read(own)?, write.stamp).await?;
    shown(&carts.kit.base_url, cart).created()
}

/// A cart and how it stands. A removed one is not there any more; to the key of a member only the member's own are.
#[utoipa::path(get, path = "/carts/{id}", operation_id = "showCart", tag = "carts",
    params(("id" = i64, Path, description = "The cart's number")),
    responses((status = 200, body = CartView), (status = 404, description = "No such cart, or no longer")))]
async fn show_cart(State(carts): State<Arc<Carts>>, PathId(cart_id): PathId, caller: Caller) -> Result<Response<Body>> {
    let own = own_of(&caller, "member")?;
    let cart = carts.cart(cart_id, own).await?;
    shown(&carts.kit.base_url, cart).shown()
}

/// Carts by number, those left out that are removed; all, or those of a customer. The key of a member lists the member's
/// own.
#[utoipa::path(get, path = "/carts", operation_id = "listCarts", tag = "carts",
    params(("customerId" = Option<i64>, Query, description = "Only of this customer"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of carts"), (status = 403, description = "Another's carts")))]
async fn list_carts(
    State(carts): State<Arc<Carts>>,
    caller: Caller,
    page: PageQuery,
    filter: Filter,
) -> Result<Response<Body>> {
    let customer_id = only(filter.number("customerId")?, own_of(&caller, "member")?)?;
    let CartPage { carts: found, next } = carts.carts(customer_id, page.after, page.limit).await?;
    let base = &carts.kit.base_url;
    let filter = in_query([("customerId", customer_id.map(|id| id.to_string()))]);
    let items = found.into_iter().map(|cart| shown(base, cart)).collect();
    let (href, query) = (format!("{base}/carts"), format!("limit={}{filter}", page.limit));
    let after = Some(page.after).filter(|after| *after > 0);
    Sublist { href, collection: CARTS.collection, query, after, next, items }.show()
}

/// Removes a cart: its payment is cancelled or given back, its stock is free again. One that is not paid goes at once; a
/// paid one unless one of its vouchers has been used.
#[utoipa::path(delete, path = "/carts/{id}", operation_id = "removeCart", tag = "carts",
    params(("id" = i64, Path, description = "The cart's number")),
    responses((status = 204, description = "It is removed"), (status = 404, description = "No such cart, or no longer"),
        (status = 409, description = "`cart.voucher_used`: it stays as it is"),
        (status = 503, description = "Gifticon was not heard of in time: the removal goes on by itself, and a repeat asks again; or as many carts are under way as can be taken")))]
async fn remove_cart(
    State(carts): State<Arc<Carts>>,
    PathId(cart_id): PathId,
    write: Bodiless,
) -> Result<Response<Body>> {
    let own = own_of(&write.caller, "member")?;
    carts.remove(cart_id, own, write.stamp).await?;
    Ok(no_content())
}

fn shown(base: &str, cart: CartView) -> Item<CartView> {
    Item::new(base, CARTS, cart.cart_id, cart)
}
