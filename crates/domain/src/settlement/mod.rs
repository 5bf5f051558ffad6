//! Settlement: what the programme owes each merchant for the points used there (SPEC sections 1, 2 and 4; seed 1).

use serde::{Deserialize, Serialize};

/// What happened in settlement. Public contract: this is what stands in settlement's event log. Every event is one of a
/// merchant (subject), numbered per merchant by settlement (sequence).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// A run was billed. Its lines are those of the merchant up to `through` that were not billed before: the `use`
    /// deals dated in the month, and the cancels dated in it or earlier.
    Billed {
        /// The billing.
        billing_id: i64,
        /// The merchant.
        merchant_id: i64,
        /// The month, as the whole number `yyyyMM`.
        billing_month: i64,
        /// 1 for the first run of the merchant's month.
        run: i64,
        /// Points used less points of cancelled uses; may be negative.
        used_point: i64,
        /// The fee in basis points.
        fee_rate: i64,
        /// What the merchant is paid, in won; may be negative.
        billing_amount: i64,
        /// How many lines.
        deal_count: i64,
        /// Sequence of the merchant's last event of deal that was looked at.
        through: i64,
        /// When, in milliseconds since 1970 in UTC.
        billed_at_ms: i64,
    },
}
