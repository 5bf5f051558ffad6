//! Memberships on the wire.

use domain::membership::{Membership, MembershipFacts, MembershipStatus};
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

/// A membership on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"memId": 1, "productId": 1, "productName": "CLUB", "price": 30_000, "customerId": 1,
    "memStatus": "USE", "purchasedAt": "2026-11-21T10:15:30.123+09:00", "startsAt": "2026-11-21T10:15:30.123+09:00",
    "expiresAt": "2027-11-21T10:15:30.123+09:00", "paymentId": 1}))]
#[serde(rename_all = "camelCase")]
pub struct MembershipView {
    /// The membership's number.
    pub mem_id: i64,
    /// What was bought.
    pub product_id: i64,
    /// Its name when it was bought.
    pub product_name: String,
    /// Its price when it was bought, in won.
    pub price: i64,
    /// Whose it is, where that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<i64>,
    /// `REQUESTED` (payment follows), `USE`, `CANC`, `EXPIRED` or `REFUSED` (it was not paid).
    #[schema(value_type = String, pattern = "^(REQUESTED|USE|CANC|EXPIRED|REFUSED)$")]
    pub mem_status: MembershipStatus,
    /// When it was bought, RFC 3339.
    #[schema(format = DateTime)]
    pub purchased_at: String,
    /// From when on it is good, RFC 3339, once it is paid: the purchase, or the end of the one that it renews.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub starts_at: Option<String>,
    /// Until when, RFC 3339, once it is paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// What paid it, or was declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<i64>,
    /// The membership that it renews.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renews: Option<i64>,
    /// Why it was not paid, in the words of the provider or the ledger, or `timed_out`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_reason: Option<String>,
}

impl MembershipView {
    /// The membership as its customer is answered, the same whenever the request is repeated: what happened to it later
    /// is shown where it is read.
    pub(super) fn answered(facts: MembershipFacts, zone: &Zone) -> Self {
        Self {
            mem_id: facts.mem_id,
            product_id: facts.product_id,
            product_name: facts.product_name,
            price: facts.price_won,
            customer_id: facts.customer_id,
            mem_status: MembershipStatus::Requested,
            purchased_at: zone.format(facts.purchased_at_ms),
            starts_at: None,
            expires_at: None,
            payment_id: None,
            renews: facts.renews_mem_id,
            fail_reason: None,
        }
    }

    /// The membership as it stands at this instant.
    pub(super) fn of(membership: Membership, now_ms: i64, zone: &Zone) -> Self {
        let mem_status = membership.status_at(now_ms);
        let Membership { facts, payment_id, starts_at_ms, expires_at_ms, fail_reason, .. } = membership;
        Self {
            mem_status,
            starts_at: starts_at_ms.map(|at_ms| zone.format(at_ms)),
            expires_at: expires_at_ms.map(|at_ms| zone.format(at_ms)),
            payment_id,
            fail_reason,
            ..Self::answered(facts, zone)
        }
    }
}
