//! How the events of a merchant change its deals, and the merchant itself. A deal is folded by deal's own rule, so it is
//! here what it is there.

use std::collections::HashMap;

use domain::deal::{self, Deal, DealFacts, DealStatus, DealType, Event, PointStatus};
use platform::db::{Kind, Row, Session, Table};
use platform::error::Result;

use super::days::Days;
use super::store::{DEAL, Merchant};
use super::sums::{Sums, deal_kind, plus};

/// What may change of a deal that is stored. What never changes is left out, so that its indexes stay untouched.
static DEAL_STATE: Table = Table {
    name: "dashboard_deal",
    columns: &[
        ("deal_id", Kind::Int),
        ("status", Kind::Text),
        ("cancelled_point", Kind::Int),
        ("points_due", Kind::Int),
        ("fail_reason", Kind::Text),
        ("sequence", Kind::Int),
    ],
};

/// A deal in a batch.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) deal: Deal,
    /// Of the merchant's event that ended it; 0 while it is pending.
    pub(super) sequence: i64,
    is_stored: bool,
    changed: bool,
}

/// Whether this deal takes another one back.
fn is_cancel(deal_type: DealType) -> bool {
    !matches!(deal_type, DealType::Save | DealType::Use)
}

impl Shown {
    /// A deal from its row; nothing for a type or status that this version does not know.
    pub(super) fn read(mut row: Row) -> Option<Self> {
        let facts = DealFacts {
            deal_id: row.int(0),
            member_id: row.int(1),
            merchant_id: row.int(2),
            deal_type: DealType::from_name(row.text(3))?,
            deal_amount: row.int(4),
            point: row.int(5),
            original_deal_id: row.opt_int(9),
            dealt_at_ms: row.int(7),
            month: row.int(8),
        };
        let status = DealStatus::from_name(row.text(6))?;
        let follows = is_cancel(facts.deal_type) && status == DealStatus::Success;
        let point_status = if row.int(11) != 0 { PointStatus::Pending } else { PointStatus::Done };
        let deal = Deal {
            facts,
            status,
            cancelled_point: row.int(10),
            point_status: Some(point_status).filter(|_| follows),
            fail_reason: row.take_text(12),
            // Whether point will tell makes no difference to who looks.
            left_to_point: false,
        };
        Some(Self { deal, sequence: row.int(13), is_stored: true, changed: false })
    }

    fn points_due(&self) -> i64 {
        i64::from(self.deal.point_status == Some(PointStatus::Pending))
    }

    fn into_row(self) -> Row {
        let points_due = self.points_due();
        let Self { deal: Deal { facts, status, cancelled_point, fail_reason, .. }, sequence, .. } = self;
        Row(vec![
            facts.deal_id.into(),
            facts.member_id.into(),
            facts.merchant_id.into(),
            facts.deal_type.name().into(),
            facts.deal_amount.into(),
            facts.point.into(),
            status.name().into(),
            facts.dealt_at_ms.into(),
            facts.month.into(),
            facts.original_deal_id.into(),
            cancelled_point.into(),
            points_due.into(),
            fail_reason.into(),
            sequence.into(),
        ])
    }

    fn into_state_row(self) -> Row {
        let points_due = self.points_due();
        let Self { deal: Deal { facts, status, cancelled_point, fail_reason, .. }, sequence, .. } = self;
        Row(vec![
            facts.deal_id.into(),
            status.name().into(),
            cancelled_point.into(),
            points_due.into(),
            fail_reason.into(),
            sequence.into(),
        ])
    }
}

/// The deals of a batch.
#[derive(Default)]
pub(super) struct Deals(HashMap<i64, Shown>);

impl Deals {
    pub(super) fn read(rows: Vec<Row>) -> Self {
        Self(rows.into_iter().filter_map(Shown::read).map(|shown| (shown.deal.facts.deal_id, shown)).collect())
    }

    /// Takes an event of a merchant in that was not taken in before.
    pub(super) fn take(
        &mut self,
        merchant: &mut Merchant,
        sequence: i64,
        event: &Event,
        (days, sums): (&mut Days, &mut Sums),
    ) -> Result<()> {
        match event {
            Event::MerchantOpened(facts) | Event::MerchantChanged(facts) => {
                merchant.name.clone_from(&facts.name);
                merchant.fee_rate_bp = facts.fee_rate_bp;
            }
            Event::UseDealt(facts) => merchant.used_point = plus(merchant.used_point, facts.point)?,
            Event::UseCancelled(facts) => merchant.cancelled_point = plus(merchant.cancelled_point, facts.point)?,
            _ => {}
        }
        let Some((deal_id, original_id)) = deals_of(event) else { return Ok(()) };
        let before = self.0.remove(&deal_id);
        let (is_stored, ended) = before.as_ref().map_or((false, 0), |shown| (shown.is_stored, shown.sequence));
        let mut deal = before.map(|shown| shown.deal);
        count(deal.as_ref(), -1, days, sums)?;
        let original = original_id.and_then(|deal_id| self.0.get_mut(&deal_id)).map(|shown| {
            shown.changed = true;
            &mut shown.deal
        });
        deal::apply(&mut deal, original, event);
        count(deal.as_ref(), 1, days, sums)?;
        let ends = !matches!(event, Event::DealRequested(_) | Event::CancelCompleted { .. });
        let sequence = if ends { sequence } else { ended };
        if let Some(deal) = deal {
            self.0.insert(deal_id, Shown { deal, sequence, is_stored, changed: true });
        }
        Ok(())
    }

    /// Writes what changed, in the order of the deals' numbers, so that neighbours share the pages that are written.
    pub(super) fn store(self, tx: &mut dyn Session) -> Result<()> {
        let mut changed: Vec<Shown> = self.0.into_values().filter(|shown| shown.changed).collect();
        changed.sort_unstable_by_key(|shown| shown.deal.facts.deal_id);
        let (stored, new): (Vec<Shown>, Vec<Shown>) = changed.into_iter().partition(|shown| shown.is_stored);
        tx.insert_many(&DEAL, new.into_iter().map(Shown::into_row).collect())?;
        tx.update_many(&DEAL_STATE, stored.into_iter().map(Shown::into_state_row).collect())
    }
}

/// Counts a deal in or out, on the day that it is dated.
fn count(deal: Option<&Deal>, quantity: i64, days: &mut Days, sums: &mut Sums) -> Result<()> {
    let Some(Deal { facts, status, .. }) = deal else { return Ok(()) };
    let day = days.of(facts.dealt_at_ms);
    sums.add(day, deal_kind(facts.deal_type, *status), quantity, quantity * facts.point)
}

/// The deal that an event changes, and the one that this deal cancels; nothing for an event that changes none.
fn deals_of(event: &Event) -> Option<(i64, Option<i64>)> {
    match event {
        Event::DealRequested(facts)
        | Event::SaveDealt(facts)
        | Event::UseDealt(facts)
        | Event::SaveCancelled(facts)
        | Event::UseCancelled(facts)
        | Event::UseVoided(facts)
        | Event::DealFailed { deal: facts, .. } => Some((facts.deal_id, facts.original_deal_id)),
        Event::CancelCompleted { deal_id, .. } => Some((*deal_id, None)),
        // One that is left to point is still pending; point is only asked in another way from now on.
        Event::DealLeftToPoint(_) | Event::MerchantOpened(_) | Event::MerchantChanged(_) => None,
    }
}

/// The deals that have to be known to take an event in: none that begins with it.
pub(super) fn needed(event: &Event) -> (Option<i64>, [Option<i64>; 2]) {
    match (deals_of(event), event) {
        (Some((deal_id, original_id)), Event::DealRequested(_)) => (Some(deal_id), [original_id, None]),
        (Some((deal_id, original_id)), _) => (None, [Some(deal_id), original_id]),
        (None, _) => (None, [None, None]),
    }
}
