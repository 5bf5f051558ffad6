//! The state of an account.

use alloc::borrow::Cow;

use super::{Lots, Notices};
use crate::member::MemberStatus;

/// A member's points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Whose points they are.
    pub member_id: i64,
    /// What member said last; only NORMAL may earn and spend.
    pub member_status: MemberStatus,
    /// The balance in points, held points included; never below 0.
    pub remain_point: i64,
    /// How much of each lot is reserved; its sum is what is held.
    pub pins: Lots,
    /// What later earnings repay first; not part of the balance.
    pub owed: i64,
    /// The last adjustment that was asked for, granted or not (seed 0).
    pub require_point: Option<i64>,
    /// The balance by expiry month; its sum is the balance.
    pub lots: Lots,
    /// Rises with every event of this account.
    pub sequence: i64,
    /// Sequence of the last event of member that was taken in.
    pub member_sequence: i64,
    /// Whether the welcome points were given; they are given once per member number.
    pub welcomed: bool,
    /// The withdrawal attempt under which the account is closing: it refuses every change of its points but the
    /// welcome, which nobody would give again if the withdrawal is released.
    pub closing: Option<i64>,
    /// Attempts up to this one are over; a late question about one of them changes nothing.
    pub ended_attempt: i64,
    /// Closed for good; the row stays because the ledger refers to it.
    pub closed: bool,
    /// Which ends of lots were announced.
    pub notices: Notices,
}

impl Account {
    /// A new account with nothing in it.
    #[must_use]
    pub fn new(member_id: i64) -> Self {
        Self {
            member_id,
            member_status: MemberStatus::Ready,
            remain_point: 0,
            pins: Lots::default(),
            owed: 0,
            require_point: None,
            lots: Lots::default(),
            sequence: 0,
            member_sequence: 0,
            welcomed: false,
            closing: None,
            ended_attempt: 0,
            closed: false,
            notices: Notices::default(),
        }
    }

    /// How much of the balance is reserved; never below 0, never more than the balance.
    #[must_use]
    pub fn held(&self) -> i64 {
        self.pins.total()
    }

    /// What may be spent: the balance less what is held.
    #[must_use]
    pub fn available(&self) -> i64 {
        self.remain_point - self.held()
    }

    /// The lots less what is pinned in them: what verbs may take.
    pub(super) fn free_lots(&self) -> Cow<'_, Lots> {
        if self.pins.earliest().is_none() {
            return Cow::Borrowed(&self.lots);
        }
        let mut free = self.lots.clone();
        free.change(&self.pins.as_taken());
        Cow::Owned(free)
    }
}
