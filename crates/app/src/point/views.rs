//! Accounts and adjustments on the wire.

use domain::member::MemberStatus;
use platform::db::Row;
use platform::zone::CivilDay;
use serde::Serialize;
use utoipa::ToSchema;

use super::store::Slot;
use crate::kit::month_of;

/// The answer to seed 0's `PATCH /points/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Adjusted {
    /// Whose balance it is.
    pub member_id: i64,
    /// The member's status.
    #[schema(value_type = String)]
    pub member_status: MemberStatus,
    /// The balance in points.
    pub remain_point: i64,
    /// What was asked for.
    pub require_point: i64,
    /// `APPLIED` or `REJECTED`.
    pub result: &'static str,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An account on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountView {
    /// Whose points they are.
    pub member_id: i64,
    /// The member's status.
    #[schema(value_type = String)]
    pub member_status: MemberStatus,
    /// The balance in points, held ones included.
    pub remain_point: i64,
    /// The last adjustment asked for.
    pub require_point: Option<i64>,
    /// Points reserved.
    pub held: i64,
    /// Points that later earnings repay.
    pub owed: i64,
    /// Points that expire at the end of this month or of the next two.
    pub expiring_soon: i64,
}

impl AccountView {
    /// An account from its row; nothing for a closed one.
    pub(super) fn read(row: &Row, today: CivilDay) -> Option<Self> {
        let Slot { account, .. } = Slot::read(row);
        let soon = month_of(today).plus(2);
        (!account.closed).then(|| Self {
            member_id: account.member_id,
            member_status: account.member_status,
            remain_point: account.remain_point,
            require_point: account.require_point,
            held: account.held,
            owed: account.owed,
            expiring_soon: account.lots.iter().filter(|(month, _)| *month <= soon).map(|(_, point)| point).sum(),
        })
    }
}

impl Adjusted {
    pub(super) fn new(
        member_id: i64,
        member_status: MemberStatus,
        remain_point: i64,
        require_point: i64,
        reason: Option<String>,
    ) -> Self {
        let result = if reason.is_none() { "APPLIED" } else { "REJECTED" };
        Self { member_id, member_status, remain_point, require_point, result, reason }
    }
}
