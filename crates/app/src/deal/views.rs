//! Deals and merchants on the wire.

use std::collections::BTreeSet;

use domain::deal::{DealStatus, DealType, MerchantFacts, MerchantStatus, PointStatus, is_billed};
use platform::db::Database;
use platform::error::Result;
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

use super::list::marks;
use super::store::Stored;

/// A deal on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"dealId": 2, "memberId": 1, "merchantId": 20, "type": "saveCancel", "dealAmount": 100_000,
    "point": 0, "status": "success", "billingStatus": "no", "dealDate": "2026-11-21T10:15:30.123+09:00",
    "originalDealId": 1, "cancelledPoint": 1_000, "pointStatus": "DONE"}))]
#[serde(rename_all = "camelCase")]
pub struct DealView {
    /// The deal's number.
    pub deal_id: i64,
    /// Whose points.
    pub member_id: i64,
    /// Where.
    pub merchant_id: i64,
    /// `save`, `use`, `saveCancel` or `useCancel`; `cancel` where nothing was found to cancel.
    #[serde(rename = "type")]
    #[schema(value_type = String, pattern = "^(save|use|saveCancel|useCancel|cancel)$")]
    pub deal_type: DealType,
    /// What was paid, in won; 0 where nothing was said.
    pub deal_amount: i64,
    /// Points that were earned or used, or were to be; 0 for a cancel.
    pub point: i64,
    /// `success`, `fail` or `pending`.
    #[schema(value_type = String, pattern = "^(success|fail|pending)$")]
    pub status: DealStatus,
    /// `yes` once the deal has been settled with its merchant, which only `use` and `useCancel` deals are; else `no`.
    #[schema(value_type = String, pattern = "^(yes|no)$")]
    pub billing_status: &'static str,
    /// When it was posted, RFC 3339; decides the month it is settled in.
    #[schema(format = DateTime)]
    pub deal_date: String,
    /// The deal that this one cancels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_deal_id: Option<i64>,
    /// Of a cancel: the points that it cancels. Of another deal: what cancels took of it, if any did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled_point: Option<i64>,
    /// Of a cancel: `PENDING` until its points have followed, then `DONE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub point_status: Option<PointStatus>,
    /// Why it failed: `member_unknown`, `member_not_normal`, `account_closing`, `insufficient_points`,
    /// `balance_too_large`, `deal_number_reused`, `merchant_blocked`, `merchant_unknown`, `deal.timed_out` or
    /// `deal.nothing_to_cancel`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_reason: Option<String>,
}

impl DealView {
    /// The deal as its merchant is answered, the same whenever the request is repeated: what happened to it later, its
    /// cancels and its settlement, is shown where it is read.
    pub(super) fn answered(mut stored: Stored, zone: &Zone) -> Self {
        stored.deal.cancelled_point = 0;
        Self::of(stored, false, zone)
    }

    fn of(stored: Stored, billed: bool, zone: &Zone) -> Self {
        let deal = stored.deal;
        let facts = deal.facts;
        let cancels = !matches!(facts.deal_type, DealType::Save | DealType::Use);
        let cancelled = if cancels { facts.point } else { deal.cancelled_point };
        Self {
            deal_id: facts.deal_id,
            member_id: facts.member_id,
            merchant_id: facts.merchant_id,
            deal_type: facts.deal_type,
            deal_amount: facts.deal_amount,
            point: if cancels { 0 } else { facts.point },
            status: deal.status,
            billing_status: if billed { "yes" } else { "no" },
            deal_date: zone.format(facts.dealt_at_ms),
            original_deal_id: facts.original_deal_id,
            cancelled_point: Some(cancelled).filter(|point| *point > 0 && deal.status != DealStatus::Fail),
            point_status: deal.point_status,
            fail_reason: deal.fail_reason,
        }
    }
}

/// Deals as they stand, each with whether it is billed. Marks are read only where a deal may be.
pub(super) async fn shown(database: &Database, zone: &Zone, found: Vec<Stored>) -> Result<Vec<DealView>> {
    let may_be = |stored: &&Stored| {
        let deal = &stored.deal;
        deal.status == DealStatus::Success && matches!(deal.facts.deal_type, DealType::Use | DealType::UseCancel)
    };
    let merchants: BTreeSet<i64> = found.iter().filter(may_be).map(|stored| stored.deal.facts.merchant_id).collect();
    let from = found.iter().filter(may_be).map(|stored| stored.deal.facts.month).min().unwrap_or_default();
    let marks = marks(database, merchants, from).await?;
    let view = |stored: Stored| {
        let facts = &stored.deal.facts;
        let of_merchant = marks.get(&facts.merchant_id).map(Vec::as_slice).unwrap_or_default();
        let billed = is_billed(facts.deal_type, stored.deal.status, facts.month, stored.sequence, of_merchant);
        DealView::of(stored, billed, zone)
    };
    Ok(found.into_iter().map(view).collect())
}

/// A merchant on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MerchantView {
    /// The merchant's number.
    pub merchant_id: i64,
    /// What people call it.
    #[schema(example = "한강 베이커리")]
    pub name: Option<String>,
    /// Share of the amount that is earned, in basis points (1 % = 100); nothing: the programme's.
    #[schema(example = 150)]
    pub earn_rate_bp: Option<i64>,
    /// Share that the programme keeps at settlement, in basis points; nothing: the programme's.
    #[schema(example = 200)]
    pub fee_rate_bp: Option<i64>,
    /// `ACTIVE` or `BLOCKED`.
    #[schema(value_type = String, example = "ACTIVE")]
    pub status: MerchantStatus,
}

impl From<MerchantFacts> for MerchantView {
    fn from(merchant: MerchantFacts) -> Self {
        let MerchantFacts { merchant_id, name, earn_rate_bp, fee_rate_bp, status } = merchant;
        Self { merchant_id, name, earn_rate_bp, fee_rate_bp, status }
    }
}
