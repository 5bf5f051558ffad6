//! Routes of membership.

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
use platform::http::list::PageQuery;
use platform::http::number::Whole;
use platform::http::shell::Caller;
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::client::{CLAIMS, Found, Wanted};
use super::views::MembershipView;
use super::{MembershipApi, Memberships, Purchase};
use crate::kit::{must_be_service, only, own_of};

const MEMBERSHIPS: Place = Place { collection: "memberships", name: "membership" };
/// Units that may be asked about at once.
const MOST_CLAIMS: usize = 1_000;

/// The routes below `/memberships`.
pub fn routes(memberships: Arc<Memberships>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_memberships, purchase_membership))
        .routes(routes!(show_membership, change_membership, cancel_membership))
        .with_state(memberships)
}

/// The routes on the internal listener.
pub fn internal_routes(memberships: Arc<Memberships>) -> Router {
    Router::new().route(CLAIMS, post(show_claims)).with_state(memberships)
}

async fn show_claims(State(memberships): State<Arc<Memberships>>, write: Write<Wanted>) -> Result<Response<Body>> {
    must_be_service(&write.caller)?;
    let unit_ids = write.body.unit_ids;
    if unit_ids.len() > MOST_CLAIMS || unit_ids.iter().any(|id| !(1..=MAX_SAFE).contains(id)) {
        return Err(Error::invalid("/unitIds", "up to 1,000 units may be asked about at once, by number from 1"));
    }
    let claims = memberships.claims(unit_ids).await?;
    json(StatusCode::OK, "application/json", &Found::of(claims))
}

/// What a customer may say about a purchase. What the server owns is accepted and ignored: name and price are the
/// product's.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PurchaseInput {
    /// What is bought.
    #[schema(value_type = i64, example = 1)]
    product_id: Whole,
    /// For whom. A member's key buys for that member; paying with points needs the member whose points they are.
    #[schema(value_type = Option<i64>, example = 1)]
    customer_id: Option<Whole>,
    /// `card`, or `points`: a point for each won. `card` if it is left out.
    #[schema(value_type = Option<PaymentMethodInput>)]
    method: Option<PaymentMethod>,
    /// The membership that this one renews: it begins where that one ends. That one is good, of the same customer, and
    /// not renewed already.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    renews: Option<Whole>,
    #[serde(default, rename = "memId")]
    #[schema(ignore)]
    _mem_id: IgnoredAny,
    #[serde(default, rename = "productName")]
    #[schema(ignore)]
    _product_name: IgnoredAny,
    #[serde(default, rename = "price")]
    #[schema(ignore)]
    _price: IgnoredAny,
    #[serde(default, rename = "memStatus")]
    #[schema(ignore)]
    _mem_status: IgnoredAny,
    #[serde(default, rename = "purchasedAt")]
    #[schema(ignore)]
    _purchased_at: IgnoredAny,
    #[serde(default, rename = "startsAt")]
    #[schema(ignore)]
    _starts_at: IgnoredAny,
    #[serde(default, rename = "expiresAt")]
    #[schema(ignore)]
    _expires_at: IgnoredAny,
    #[serde(default, rename = "paymentId")]
    #[schema(ignore)]
    _payment_id: IgnoredAny,
    #[serde(default, rename = "failReason")]
    #[schema(ignore)]
    _fail_reason: IgnoredAny,
}

/// What may be paid with.
#[derive(ToSchema)]
#[schema(as = MembershipMethod, rename_all = "camelCase")]
#[expect(dead_code, reason = "described, never made")]
enum PaymentMethodInput {
    Card,
    Points,
}

/// What may be changed about a membership: that it is cancelled. Everything else is accepted and ignored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct MembershipChange {
    /// `CANC`.
    #[schema(example = "CANC", pattern = "^CANC$")]
    mem_status: String,
    #[serde(default, rename = "memId")]
    #[schema(ignore)]
    _mem_id: IgnoredAny,
    #[serde(default, rename = "productId")]
    #[schema(ignore)]
    _product_id: IgnoredAny,
    #[serde(default, rename = "productName")]
    #[schema(ignore)]
    _product_name: IgnoredAny,
    #[serde(default, rename = "price")]
    #[schema(ignore)]
    _price: IgnoredAny,
    #[serde(default, rename = "customerId")]
    #[schema(ignore)]
    _customer_id: IgnoredAny,
    #[serde(default, rename = "method")]
    #[schema(ignore)]
    _method: IgnoredAny,
    #[serde(default, rename = "purchasedAt")]
    #[schema(ignore)]
    _purchased_at: IgnoredAny,
    #[serde(default, rename = "startsAt")]
    #[schema(ignore)]
    _starts_at: IgnoredAny,
    #[serde(default, rename = "expiresAt")]
    #[schema(ignore)]
    _expires_at: IgnoredAny,
    #[serde(default, rename = "paymentId")]
    #[schema(ignore)]
    _payment_id: IgnoredAny,
    #[serde(default, rename = "renews")]
    #[schema(ignore)]
    _renews: IgnoredAny,
    #[serde(default, rename = "failReason")]
    #[schema(ignore)]
    _fail_reason: IgnoredAny,
}

impl PurchaseInput {
    fn read(self, own: Option<i64>) -> Result<Purchase> {
        let number = |number: Option<Whole>, pointer: &'static str| match number {
            Some(Whole(number)) if !(1..=MAX_SAFE).contains(&number) => {
                Err(Error::invalid(pointer, "a number is 1 to 9007199254740991"))
            }
            number => Ok(number.map(|Whole(number)| number)),
        };
        let product_id = self.product_id.0;
        number(Some(self.product_id), "/productId")?;
        let customer_id = only(number(self.customer_id, "/customerId")?, own)?;
        let renews = number(self.renews, "/renews")?;
        let method = self.method.unwrap_or(PaymentMethod::Card);
        if method == PaymentMethod::Points && customer_id.is_none() {
            return Err(Error::invalid("/customerId", "paying with points needs the member whose points they are"));
        }
        Ok(Purchase { product_id, customer_id, method, renews })
    }
}

/// A membership is bought; payment follows. Nothing is stored if the product cannot be bought.
#[utoipa::path(post, path = "/memberships", operation_id = "purchaseMembership", tag = "memberships", request_body = PurchaseInput,
    responses((status = 201, body = MembershipView), (status = 403, description = "A member's key buys for that member only; a merchant's for nobody"),
        (status = 404, description = "No such product (`product.unknown`), or nothing to renew (`membership.renewed_unknown`)"),
        (status = 409, description = "The sale is over (`product.sale_ended`), it is sold out (`product.sold_out`), the other membership cannot be renewed (`membership.renewed_not_in_use`, `membership.renewed_already`, `membership.renewed_too_far`), or a new key is needed (`membership.key_is_over`)"),
        (status = 422, description = "A wrong value"), (status = 503, description = "Product was not heard of in time; nothing is stored")))]
async fn purchase_membership(
    State(memberships): State<Arc<Memberships>>,
    write: Write<PurchaseInput>,
) -> Result<Response<Body>> {
    let own = own_of(&write.caller, "member")?;
    let membership = memberships.purchase(write.body.read(own)?, write.stamp).await?;
    shown(&memberships.kit.base_url, membership).created()
}

/// A membership and how it stands. A member's key shows that member's own.
#[utoipa::path(get, path = "/memberships/{id}", operation_id = "showMembership", tag = "memberships",
    params(("id" = i64, Path, description = "The membership's number")),
    responses((status = 200, body = MembershipView), (status = 404, description = "No such membership")))]
async fn show_membership(
    State(memberships): State<Arc<Memberships>>,
    PathId(mem_id): PathId,
    caller: Caller,
) -> Result<Response<Body>> {
    let own = own_of(&caller, "member")?;
    shown(&memberships.kit.base_url, memberships.membership(mem_id, own).await?).shown()
}

/// A membership is cancelled, as by DELETE; one that is cancelled already stays as it is. Before it is paid and within
/// the days of `membership.refund_days` the money is given back; later it is not.
#[utoipa::path(patch, path = "/memberships/{id}", operation_id = "changeMembership", tag = "memberships", request_body = MembershipChange,
    params(("id" = i64, Path, description = "The membership's number")),
    responses((status = 200, body = MembershipView), (status = 404, description = "No such membership"),
        (status = 409, description = "It was not paid (`membership.refused`), or it is over (`membership.expired`)"), (status = 422, description = "Another status than `CANC`")))]
async fn change_membership(
    State(memberships): State<Arc<Memberships>>,
    PathId(mem_id): PathId,
    write: Write<MembershipChange>,
) -> Result<Response<Body>> {
    let own = own_of(&write.caller, "member")?;
    if write.body.mem_status != "CANC" {
        return Err(Error::invalid("/memStatus", "a membership can only be cancelled: CANC"));
    }
    shown(&memberships.kit.base_url, memberships.cancel(mem_id, own, write.stamp).await?).changed()
}

/// A membership is cancelled; one that is cancelled already stays as it is. Before it is paid and within the days of
/// `membership.refund_days` the money is given back; later it is not.
#[utoipa::path(delete, path = "/memberships/{id}", operation_id = "cancelMembership", tag = "memberships",
    params(("id" = i64, Path, description = "The membership's number")),
    responses((status = 204, description = "It is cancelled"), (status = 404, description = "No such membership"),
        (status = 409, description = "It was not paid (`membership.refused`), or it is over (`membership.expired`)")))]
async fn cancel_membership(
    State(memberships): State<Arc<Memberships>>,
    PathId(mem_id): PathId,
    request: Bodiless,
) -> Result<Response<Body>> {
    let own = own_of(&request.caller, "member")?;
    memberships.cancel(mem_id, own, request.stamp).await?;
    Ok(no_content())
}

/// All memberships, or those of a customer, by number. A member's key lists that member's own.
#[utoipa::path(get, path = "/memberships", operation_id = "listMemberships", tag = "memberships",
    params(("customerId" = Option<i64>, Query, description = "Only of this customer"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of memberships"), (status = 403, description = "Another's memberships")))]
async fn list_memberships(
    State(memberships): State<Arc<Memberships>>,
    caller: Caller,
    page: PageQuery,
    filter: Filter,
) -> Result<Response<Body>> {
    let customer_id = only(filter.number("customerId")?, own_of(&caller, "member")?)?;
    let found = memberships.memberships(customer_id, page.after, page.fetch()).await?;
    let base = &memberships.kit.base_url;
    let query = in_query([("customerId", customer_id.map(|id| id.to_string()))]);
    let items = found.into_iter().map(|one| (one.mem_id, shown(base, one))).collect();
    page.show_items(format!("{base}/memberships"), MEMBERSHIPS.collection, &query, items)
}

/// A membership with a link to its payment, once there is one.
fn shown(base: &str, membership: MembershipView) -> Item<MembershipView> {
    let payment = membership.payment_id.map(|id| format!("{base}/payments/{id}"));
    let item = Item::new(base, MEMBERSHIPS, membership.mem_id, membership);
    match payment {
        Some(href) => item.leading_to("payment", href),
        None => item,
    }
}
