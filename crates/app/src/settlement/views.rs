//! Billings, lines and closings on the wire.

use domain::settlement::{Event, LineKind, billing_amount};
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

use super::store::{Closing, StoredLine};

/// A billing on the wire: one run of a merchant's month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BillingView {
    /// The billing's number.
    pub billing_id: i64,
    /// The merchant.
    pub merchant_id: i64,
    /// The month, `yyyyMM`.
    #[schema(example = "202611")]
    pub billing_month: String,
    /// 1 for the first run of the merchant's month; each further one has what came after the one before.
    pub run: i64,
    /// Points used less points of cancelled uses; may be negative.
    pub used_point: i64,
    /// The fee in basis points, as it was agreed at the moment of the run.
    #[schema(example = 200)]
    pub fee_rate: i64,
    /// What the merchant is paid, in won: `usedPoint` less the fee, cut off towards zero; may be negative.
    pub billing_amount: i64,
    /// How many lines.
    pub deal_count: i64,
    /// When it was billed, RFC 3339.
    pub billed_at: String,
}

impl BillingView {
    pub(super) fn of(event: &Event, zone: &Zone) -> Self {
        let Event::Billed {
            billing_id,
            merchant_id,
            billing_month,
            run,
            used_point,
            fee_rate,
            billing_amount,
            deal_count,
            billed_at_ms,
            ..
        } = *event;
        Self {
            billing_id,
            merchant_id,
            billing_month: format!("{billing_month:06}"),
            run,
            used_point,
            fee_rate,
            billing_amount,
            deal_count,
            billed_at: zone.format(billed_at_ms),
        }
    }
}

/// A line on the wire: a use of points at a merchant, or a cancel of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BillingAmountView)]
pub struct LineView {
    /// The deal.
    pub deal_id: i64,
    /// The merchant.
    pub merchant_id: i64,
    /// The deal's date, RFC 3339; it decided the month.
    pub deal_date: String,
    /// `use` or `useCancel`.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "use")]
    pub line_type: &'static str,
    /// Points, negative for a cancel.
    pub point: i64,
    /// What this line alone comes to in won, at the fee of its billing, or at the merchant's present one. A billing is
    /// cut off once, over its sum, so that the lines may come to a little less.
    pub billing_amount: i64,
    /// The billing that it is in; nothing before it is billed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_id: Option<i64>,
}

impl LineView {
    pub(super) fn of(line: &StoredLine, billing_id: Option<i64>, fee_rate: i64, zone: &Zone) -> Self {
        let line_type = match line.kind {
            LineKind::Use => "use",
            LineKind::Cancel => "useCancel",
        };
        Self {
            deal_id: line.deal_id,
            merchant_id: line.merchant_id,
            deal_date: zone.format(line.dealt_at_ms),
            line_type,
            point: line.point,
            billing_amount: billing_amount(line.point, fee_rate),
            billing_id,
        }
    }
}

/// The closing of a month on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClosingView {
    /// The month, `yyyyMM`.
    #[schema(example = "202610")]
    pub billing_month: String,
    /// `RUNNING` or `DONE`.
    #[schema(value_type = String, example = "DONE")]
    pub status: &'static str,
    /// Merchants with something to bill when it began; nothing before they were counted.
    pub merchants: Option<i64>,
    /// Merchants that were billed so far.
    pub billed: i64,
    /// What its runs come to, in won.
    pub billing_amount: i64,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// When it was over, RFC 3339.
    pub ended_at: Option<String>,
}

impl ClosingView {
    pub(super) fn of(closing: &Closing, zone: &Zone) -> Self {
        Self {
            billing_month: closing.month.to_string(),
            status: if closing.running { "RUNNING" } else { "DONE" },
            merchants: closing.merchants,
            billed: closing.billed,
            billing_amount: closing.billing_amount,
            started_at: zone.format(closing.started_at_ms),
            ended_at: closing.ended_at_ms.map(|at_ms| zone.format(at_ms)),
        }
    }
}
