//! Campaigns and bulk issues on the wire.

use domain::coupon::bulk::BulkIssue;
use domain::coupon::campaign::{Campaign, Counts};
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

/// A campaign on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CampaignView {
    /// The campaign's number.
    pub campaign_id: i64,
    /// What people call it.
    #[schema(example = "summer 2026")]
    pub name: String,
    /// What its codes look like: a prefix, if it has one, and groups of four characters.
    #[schema(example = "SUMMER-####-####-####")]
    pub code_pattern: String,
    /// Coupons that there may be at most.
    #[schema(example = 1000)]
    pub quantity: i64,
    /// Coupons that a member may have of it at most, cancelled ones counted.
    #[schema(example = 1)]
    pub per_member_limit: i64,
    /// The first day on which its coupons are good, `yyyy-MM-dd`.
    #[schema(example = "2026-12-01")]
    pub start_date: String,
    /// The last one.
    #[schema(example = "2026-12-31")]
    pub end_date: String,
    /// Whether it gives coupons to members.
    pub open: bool,
    /// Coupons that were made, with a member or without.
    pub issued: i64,
    /// Codes of bulk issues that are still to be made; nobody else gets them.
    pub promised: i64,
    /// Codes without a member that are still good.
    pub in_stock: i64,
    /// Coupons that were redeemed.
    pub redeemed: i64,
    /// Coupons that were cancelled, with a member or without.
    pub cancelled: i64,
    /// Coupons that expired, with a member or without.
    pub expired: i64,
}

impl From<Campaign> for CampaignView {
    fn from(campaign: Campaign) -> Self {
        let Campaign { campaign_id, name, code_pattern, quantity, per_member_limit, open, counts, .. } = campaign;
        let Counts { issued, promised, in_stock, redeemed, cancelled, expired } = counts;
        let (start_date, end_date) = (campaign.start_date.to_string(), campaign.end_date.to_string());
        Self {
            campaign_id,
            name,
            code_pattern,
            quantity,
            per_member_limit,
            start_date,
            end_date,
            open,
            issued,
            promised,
            in_stock,
            redeemed,
            cancelled,
            expired,
        }
    }
}

/// A bulk issue on the wire, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkIssueView {
    /// The bulk issue's number.
    pub issue_id: i64,
    /// The campaign whose codes it makes.
    pub campaign_id: i64,
    /// Codes that were asked for.
    #[schema(example = 1000)]
    pub count: i64,
    /// Codes that are made.
    pub issued: i64,
    /// `RUNNING`, `DONE`, or `STOPPED` if the operator stopped it or the campaign was over before all of them were made.
    #[schema(example = "RUNNING")]
    pub status: &'static str,
    /// When it was asked for, RFC 3339.
    pub requested_at: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
}

impl BulkIssueView {
    pub(super) fn of(issue: &BulkIssue, zone: &Zone) -> Self {
        let BulkIssue { issue_id, campaign_id, count, issued, status, requested_at_ms, ended_at_ms } = *issue;
        Self {
            issue_id,
            campaign_id,
            count,
            issued,
            status: status.name(),
            requested_at: zone.format(requested_at_ms),
            ended_at: ended_at_ms.map(|at_ms| zone.format(at_ms)),
        }
    }
}
