//! Carts on the wire.

use domain::cart::{Cart, CartFacts, CartStatus};
use serde::Serialize;
use utoipa::ToSchema;

use super::store::Stored;

/// A cart on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"cartId": 1, "gifticonId": 1, "quantity": 10, "unitPrice": 5_000, "amount": 50_000,
    "customerId": 1, "status": "PaymentApproved", "method": "card", "paymentId": 1}))]
#[serde(rename_all = "camelCase")]
pub struct CartView {
    /// The cart's number.
    pub cart_id: i64,
    /// Of what.
    pub gifticon_id: i64,
    /// Pieces.
    pub quantity: i64,
    /// Price of a piece when it was put in, in won.
    pub unit_price: i64,
    /// What it costs, in won (or points): pieces times price.
    pub amount: i64,
    /// Whose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<i64>,
    /// `CartAdded` until payment has decided, then `PaymentApproved` or `PaymentDeclined`.
    #[schema(value_type = String, pattern = "^(CartAdded|PaymentApproved|PaymentDeclined)$")]
    pub status: &'static str,
    /// What it is paid with: `card` or `points`.
    #[schema(value_type = String, pattern = "^(card|points)$")]
    pub method: &'static str,
    /// The payment, once it has decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<i64>,
    /// Why it was not paid, as payment says it; or why a paid one cannot be removed: `voucher_used`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_reason: Option<String>,
}

impl CartView {
    /// The cart as whoever added it is answered, the same whenever the request is repeated: what happened to it later is
    /// shown where it is read.
    pub(super) fn added(facts: &CartFacts) -> Self {
        Self {
            cart_id: facts.cart_id,
            gifticon_id: facts.gifticon_id,
            quantity: facts.quantity,
            unit_price: facts.unit_price_won,
            // The rule let it in, so it is an amount.
            amount: facts.quantity.saturating_mul(facts.unit_price_won),
            customer_id: facts.customer_id,
            status: CartStatus::CartAdded.name(),
            method: facts.method.name(),
            payment_id: None,
            fail_reason: None,
        }
    }
}

impl From<Stored> for CartView {
    fn from(stored: Stored) -> Self {
        let Cart { facts, status, payment_id, fail_reason, .. } = stored.cart;
        Self { status: status.name(), payment_id, fail_reason, ..Self::added(&facts) }
    }
}
