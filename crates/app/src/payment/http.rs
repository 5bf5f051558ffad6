//! Routes of payment: what was paid, and what the provider tells by itself.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use domain::payment::PaymentStatus;
use platform::error::Result;
use platform::http::filter::{Filter, in_query};
use platform::http::hal::{Item, Place};
use platform::http::input::{PathId, Unread};
use platform::http::list::{PageQuery, Sublist};
use platform::http::shell::Caller;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::views::PaymentView;
use super::{Chosen, PaymentPage, Payments, payment_unknown};
use crate::kit::{only, own_of};

const PAYMENTS: Place = Place { collection: "payments", name: "payment" };

/// The routes below `/payments`.
pub fn routes(payments: Arc<Payments>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_payments))
        .routes(routes!(show_payment))
        .routes(routes!(hear_webhook))
        .with_state(payments)
}

/// What a provider tells of a charge.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "described; what comes is read after its signature was checked")]
struct WebhookInput {
    /// What it is about: `charge`. Anything else is taken and ignored.
    #[serde(rename = "type")]
    #[schema(example = "charge")]
    kind: String,
    /// The order as the provider was told of it.
    #[schema(example = "17-5f2c9a1047d0e6b3")]
    reference: String,
    /// How much, in won.
    #[schema(example = 50_000)]
    amount: i64,
    /// `approved` or `declined`.
    #[schema(example = "approved")]
    status: String,
    /// Why it was declined.
    reason: Option<String>,
}

/// All payments, or that of a cart or a membership, by number. A member's key lists that member's own. A page that is
/// chosen by customer or status looks at 20,000 payments, so it may hold fewer than asked for, even none, and still have
/// a next one.
#[utoipa::path(get, path = "/payments", operation_id = "listPayments", tag = "payments",
    params(("cartId" = Option<i64>, Query, description = "Only that of this cart"), ("memId" = Option<i64>, Query, description = "Only that of this membership"),
        ("customerId" = Option<i64>, Query, description = "Only of this customer"),
        ("status" = Option<String>, Query, pattern = "^(PaymentRequested|PaymentApproved|PaymentDeclined|PaymentCanceled)$", description = "Only those that stand so"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of payments"), (status = 403, description = "Another's payments"), (status = 422, description = "A wrong value")))]
async fn list_payments(
    State(payments): State<Arc<Payments>>,
    caller: Caller,
    page: PageQuery,
    filter: Filter,
) -> Result<Response<Body>> {
    let expected = "a status is PaymentRequested, PaymentApproved, PaymentDeclined or PaymentCanceled";
    let own = own_of(&caller, "member")?;
    let chosen = Chosen {
        cart_id: filter.number("cartId")?,
        mem_id: filter.number("memId")?,
        customer_id: only(filter.number("customerId")?, own)?,
        status: filter.read("status", expected, PaymentStatus::from_name)?,
    };
    let PaymentPage { payments: found, next } = payments.payments(chosen, page.after, page.limit).await?;
    let base = &payments.kit.base_url;
    let text = |id: Option<i64>| id.map(|id| id.to_string());
    let filter = in_query([
        ("cartId", text(chosen.cart_id)),
        ("memId", text(chosen.mem_id)),
        ("customerId", text(chosen.customer_id)),
        ("status", chosen.status.map(|status| status.name().to_owned())),
    ]);
    let items = found.into_iter().map(|payment| shown(base, payment, own)).collect();
    let (href, query) = (format!("{base}/payments"), format!("limit={}{filter}", page.limit));
    let after = Some(page.after).filter(|after| *after > 0);
    Sublist { href, collection: PAYMENTS.collection, query, after, next, items }.show()
}

/// A payment and how it stands; to the operator also why something is still to be done (`attempts`, `failure`). A member's
/// key shows that member's own only.
#[utoipa::path(get, path = "/payments/{id}", operation_id = "showPayment", tag = "payments",
    params(("id" = i64, Path, description = "The payment's number")),
    responses((status = 200, body = PaymentView), (status = 404, description = "No such payment")))]
async fn show_payment(
    State(payments): State<Arc<Payments>>,
    PathId(payment_id): PathId,
    caller: Caller,
) -> Result<Response<Body>> {
    let own = own_of(&caller, "member")?;
    let payment = payments.payment(payment_id).await?;
    // To a member the payments of others are not there, so nobody can count them.
    if own.is_some() && own != payment.customer_id {
        return Err(payment_unknown());
    }
    shown(&payments.kit.base_url, payment, own).shown()
}

/// The payment provider tells what became of a charge. Needs no API key: it is signed with the provider's key, in
/// `webhook-id`, `webhook-timestamp` and `webhook-signature`. Told twice it changes nothing more.
#[utoipa::path(post, path = "/payments/webhooks", operation_id = "hearWebhook", tag = "payments", request_body = WebhookInput,
    security(()),
    responses((status = 204, description = "It was taken in, or says nothing new"), (status = 401, description = "It is not signed, wrongly, or too old (`payment.webhook_signature`)"),
        (status = 404, description = "There is no such payment"), (status = 503, description = "Not now; see `Retry-After`")))]
async fn hear_webhook(State(payments): State<Arc<Payments>>, webhook: Unread) -> Result<StatusCode> {
    payments.hear(&webhook.headers, &webhook.body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A payment as the operator sees it, or the member whose own it is, with a link to what is paid for; a cart whose
/// payment is canceled is not there any more.
fn shown(base: &str, payment: PaymentView, own: Option<i64>) -> Item<PaymentView> {
    let payment = if own.is_some() { payment.for_member() } else { payment };
    let cart_id = payment.cart_id.filter(|_| payment.status != PaymentStatus::PaymentCanceled);
    let mem_id = payment.mem_id;
    let item = Item::new(base, PAYMENTS, payment.payment_id, payment);
    match (cart_id, mem_id) {
        (Some(cart_id), _) => item.leading_to("cart", format!("{base}/carts/{cart_id}")),
        (None, Some(mem_id)) => item.leading_to("membership", format!("{base}/memberships/{mem_id}")),
        (None, None) => item,
    }
}
