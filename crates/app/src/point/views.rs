//! Accounts and adjustments on the wire.

use domain::kernel::{Day, Month};
use domain::member::MemberStatus;
use domain::point::expiring_soon;
use platform::db::Row;
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

use super::store::Slot;

/// What became of an adjustment.
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
    /// Points that expire within 60 days, today included.
    pub expiring_soon: i64,
}

impl AccountView {
    /// An account from its row; nothing for a closed one.
    pub(super) fn read(row: &Row, today: Day) -> Option<Self> {
        let Slot { account, .. } = Slot::read(row);
        (!account.closed).then(|| Self {
            member_id: account.member_id,
            member_status: account.member_status,
            remain_point: account.remain_point,
            require_point: account.require_point,
            held: account.held(),
            owed: account.owed,
            expiring_soon: expiring_soon(&account.lots, today),
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

/// What taking points back came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClawedBack {
    /// Whose points they were.
    pub member_id: i64,
    /// Points that were still there, and are gone.
    #[schema(example = 700)]
    pub taken_point: i64,
    /// Points that were not, and are owed from now on.
    #[schema(example = 300)]
    pub owed_point: i64,
    /// All that is owed; later earnings repay it first.
    #[schema(example = 300)]
    pub owed: i64,
    /// The balance in points.
    #[schema(example = 0)]
    pub remain_point: i64,
}

/// Points that expire together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LotView {
    /// The month at whose end they expire, `yyyyMM`.
    #[schema(example = "203111")]
    pub month: String,
    /// Points.
    #[schema(example = 1000)]
    pub point: i64,
    /// The first instant at which they cannot be used any more, RFC 3339.
    #[schema(example = "2031-12-01T00:00:00.000+09:00")]
    pub expires_at: String,
}

impl LotView {
    /// The lots of an account from its row, the earliest end first; nothing for a closed one.
    pub(super) fn read_all(row: &Row, zone: &Zone) -> Option<Vec<Self>> {
        let Slot { account, .. } = Slot::read(row);
        let of = |(month, point): (Month, i64)| {
            let next = month.plus(1);
            let expires_at =
                zone.start_of((next.year(), next.number(), 1)).map_or_else(String::new, |at| zone.format(at));
            Self { month: month.to_string(), point, expires_at }
        };
        (!account.closed).then(|| account.lots.iter().map(of).collect())
    }
}
