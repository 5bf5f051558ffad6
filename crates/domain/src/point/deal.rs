//! What the ledger answers to deals: points earned and used at merchants, and cancelled again (SPEC section 4).

use alloc::string::String;

use serde::{Deserialize, Serialize};

/// What a deal asks of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum DealAsk {
    /// The member earns the points; 0 points only ask whether the member may.
    Save,
    /// The member pays with the points.
    Use,
    /// The points of a `save` are taken back.
    CancelSave {
        /// The deal in which they were earned.
        of: i64,
        /// What was spent already is owed; otherwise the cancel is refused.
        may_owe: bool,
    },
    /// The points of a `use` are given back, into the lots they came from.
    CancelUse {
        /// The deal in which they were used.
        of: i64,
    },
    /// What this deal's `use` took is given back, and it takes nothing from now on.
    Void,
}

/// What the ledger answered to a deal, once for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DealDecision {
    /// The deal.
    pub deal_id: i64,
    /// Whose points they are.
    pub member_id: i64,
    /// Whether it happened.
    pub done: bool,
    /// Why not.
    pub reason: Option<String>,
    /// Points that moved.
    pub moved_point: i64,
    /// Points that were to be taken back, were spent already and are owed from now on.
    pub owed_point: i64,
    /// When, in milliseconds since 1970 in UTC.
    pub decided_at_ms: i64,
}
