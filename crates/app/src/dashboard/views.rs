//! Deals as the operator sees them, and the statements that find them.

use platform::db::{Row, Value};
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

use super::store::DEAL;

/// A deal and whether its member still belongs to the programme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DealDashboardView {
    /// The deal's number.
    pub deal_id: i64,
    /// Whose points.
    pub member_id: i64,
    /// Where.
    pub merchant_id: i64,
    /// `save`, `use`, `saveCancel` or `useCancel`; `cancel` where nothing was found to cancel.
    #[serde(rename = "type")]
    #[schema(example = "save")]
    pub deal_type: String,
    /// What was paid, in won; 0 where nothing was said.
    pub deal_amount: i64,
    /// Points that were earned or used, or were to be; 0 for a cancel.
    #[schema(example = 1000)]
    pub point: i64,
    /// `success`, `fail` or `pending`.
    #[schema(example = "success")]
    pub status: String,
    /// `yes` once the deal has been settled with its merchant, which only `use` and `useCancel` deals are; else `no`.
    #[schema(value_type = String, example = "no")]
    pub billing_status: &'static str,
    /// When it was posted, RFC 3339; decides the month it is settled in.
    pub deal_date: String,
    /// The deal that this one cancels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_deal_id: Option<i64>,
    /// Of a cancel: the points that it cancels. Of another deal: what cancels took of it, if any did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled_point: Option<i64>,
    /// Of a cancel: `PENDING` until its points have followed, then `DONE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "DONE")]
    pub point_status: Option<&'static str>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "insufficient_points")]
    pub fail_reason: Option<String>,
    /// `valid` while the member belongs to the programme; `invalid` once the withdrawal was decided, and for a member
    /// who never joined.
    #[serde(rename = "memberStatus")]
    pub validity: Validity,
}

/// Whether a member belongs to the programme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Validity {
    /// The member does.
    Valid,
    /// The member left, or never joined.
    Invalid,
}

impl DealDashboardView {
    /// A deal from a row of [`list_deals`].
    pub(super) fn read(mut row: Row, zone: &Zone) -> Self {
        let (deal_type, status) = (row.take_text(3).unwrap_or_default(), row.take_text(6).unwrap_or_default());
        let is_cancel = !matches!(&*deal_type, "save" | "use");
        let point = row.int(5);
        let cancelled_point = if is_cancel { point } else { row.int(10) };
        let follows = is_cancel && status == "success";
        Self {
            deal_id: row.int(0),
            member_id: row.int(1),
            merchant_id: row.int(2),
            deal_amount: row.int(4),
            point: if is_cancel { 0 } else { point },
            billing_status: if row.int(15) > 0 { "yes" } else { "no" },
            deal_date: zone.format(row.int(7)),
            original_deal_id: row.opt_int(9),
            cancelled_point: Some(cancelled_point).filter(|point| *point > 0 && status != "fail"),
            point_status: follows.then_some(if row.int(11) != 0 { "PENDING" } else { "DONE" }),
            fail_reason: row.take_text(12),
            validity: if row.int(14) == 0 { Validity::Valid } else { Validity::Invalid },
            deal_type,
            status,
        }
    }
}

/// Which deals a list is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chosen {
    /// Only of this member.
    pub member_id: Option<i64>,
    /// Only at this merchant.
    pub merchant_id: Option<i64>,
}

/// Columns of a deal, whether its member is gone or unknown, and how many marks say that it is billed: for a `use` the
/// one of its month, for a cancel of one also those of later months.
fn select() -> String {
    let columns: Vec<String> = DEAL.columns.iter().map(|(column, _)| format!("d.{column}")).collect();
    format!(
        "SELECT {}, COALESCE((SELECT m.gone FROM dashboard_member m WHERE m.member_id = d.member_id), 1), \
         (SELECT COUNT(*) FROM dashboard_mark b WHERE b.merchant_id = d.merchant_id AND b.through >= d.sequence \
         AND d.status = 'success' AND ((d.type = 'use' AND b.month = d.month) \
         OR (d.type = 'useCancel' AND b.month >= d.month))) FROM dashboard_deal d",
        columns.join(", ")
    )
}

/// Finds deals with a number above `after`, in order of their numbers.
pub(super) fn list_deals(chosen: Chosen, after: i64, limit: i64) -> (String, Vec<Value>) {
    let mut params = vec![Value::Int(after)];
    let mut only = String::new();
    for (column, number) in [("member_id", chosen.member_id), ("merchant_id", chosen.merchant_id)] {
        if let Some(number) = number {
            params.push(Value::Int(number));
            // A member's deals are few, a merchant's many: beside a member, the merchant's index must not be walked.
            let plus = if column == "merchant_id" && chosen.member_id.is_some() { "+" } else { "" };
            only.push_str(&format!(" AND {plus}d.{column} = ${}", params.len()));
        }
    }
    params.push(Value::Int(limit));
    let sql = format!("{} WHERE d.deal_id > $1{only} ORDER BY d.deal_id LIMIT ${}", select(), params.len());
    (sql, params)
}

/// Finds one deal.
pub(super) fn one_deal() -> String {
    format!("{} WHERE d.deal_id = $1", select())
}
