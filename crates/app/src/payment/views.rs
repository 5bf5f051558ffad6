//! Payments on the wire.

use domain::payment::{Job, Order, PaymentMethod, PaymentStatus};
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

use super::store::Stored;

/// A payment on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"paymentId": 1, "kind": "cart", "cartId": 1, "customerId": 7, "amount": 50_000, "method": "card",
    "status": "PaymentCanceled", "refundStatus": "DONE", "refundedAmount": 50_000,
    "requestedAt": "2026-11-21T10:15:30.123+09:00", "endedAt": "2026-11-21T10:16:02.456+09:00"}))]
#[serde(rename_all = "camelCase")]
pub struct PaymentView {
    /// The payment's number.
    pub payment_id: i64,
    /// What is paid for: `cart` or `membership`.
    #[schema(pattern = "^(cart|membership)$")]
    pub kind: &'static str,
    /// The membership that is paid for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mem_id: Option<i64>,
    /// The cart that is paid for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cart_id: Option<i64>,
    /// Who pays, if anybody was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<i64>,
    /// How much, in won (or points).
    pub amount: i64,
    /// `card` or `points`.
    #[schema(value_type = String, pattern = "^(card|points)$")]
    pub method: PaymentMethod,
    /// `PaymentRequested`, `PaymentApproved`, `PaymentDeclined` or `PaymentCanceled`.
    #[schema(value_type = String, pattern = "^(PaymentRequested|PaymentApproved|PaymentDeclined|PaymentCanceled)$")]
    pub status: PaymentStatus,
    /// Why it was declined: a code of the provider or the ledger, `timed_out`, `no_provider`, `no_customer` or
    /// `invalid_amount`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of one that was canceled or timed out: `PENDING` until what may have been charged is certain to be given back,
    /// then `DONE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^(PENDING|DONE)$")]
    pub refund_status: Option<&'static str>,
    /// How much was given back, in won (or points); 0 if nothing had been charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunded_amount: Option<i64>,
    /// While the provider is still to charge or to give back: how often it was asked in vain. Only the operator sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<i64>,
    /// What came of the last try, as a code: `provider.pending`, `provider.unavailable`, `provider.422` (the status that
    /// it answered with), `provider.not_understood`, `refund_mismatch:0` (it gave back another amount), … Only the
    /// operator sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// When it was asked for, RFC 3339.
    #[schema(format = DateTime)]
    pub requested_at: String,
    /// When it was approved, declined or canceled, whichever was the last, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
}

impl PaymentView {
    pub(super) fn of(stored: Stored, zone: &Zone) -> Self {
        let Stored { payment, requested_at, ended_at, attempts, failure, .. } = stored;
        let order = payment.facts.order;
        let refund_status = match (payment.job, payment.refunded_won) {
            (Some(Job::Cancel), _) => Some("PENDING"),
            (_, Some(_)) => Some("DONE"),
            _ => None,
        };
        Self {
            payment_id: payment.facts.payment_id,
            kind: order.kind(),
            mem_id: matches!(order, Order::Membership(_)).then_some(order.id()),
            cart_id: matches!(order, Order::Cart(_)).then_some(order.id()),
            customer_id: payment.facts.customer_id,
            amount: payment.facts.amount_won,
            method: payment.facts.method,
            status: payment.status,
            reason: payment.reason,
            refund_status,
            refunded_amount: payment.refunded_won,
            attempts: payment.job.map(|_| attempts).filter(|attempts| *attempts > 0),
            failure: failure.filter(|_| payment.job.is_some()),
            requested_at: zone.format(requested_at),
            ended_at: ended_at.map(|at_ms| zone.format(at_ms)),
        }
    }

    /// As a member sees it: what goes on between the programme and its provider is no matter of the customer's.
    #[must_use]
    pub(super) fn for_member(self) -> Self {
        Self { attempts: None, failure: None, ..self }
    }
}
