//! Paid memberships: purchases of products, and how long they are good.

use futures_util::future::BoxFuture;
use platform::error::Result;

/// Whether a unit became a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The unit.
    pub unit_id: i64,
    /// The membership that it became; none: it never will.
    pub mem_id: Option<i64>,
}

/// What other contexts may ask membership.
pub trait MembershipApi: Send + Sync {
    /// What became of these units. One without a membership is refused for ever by this question.
    fn claims(&self, unit_ids: Vec<i64>) -> BoxFuture<'_, Result<Vec<Claim>>>;
}
