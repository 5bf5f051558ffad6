//! How the events of a merchant change its deals, and the merchant itself.

use std::collections::HashMap;

use domain::deal::{DealFacts, DealStatus, DealType, Event};
use platform::db::{Kind, Row, Session, Table};
use platform::error::Result;

use super::days::Days;
use super::store::{DEAL, Merchant};
use super::sums::{Sums, deal_kind, plus};

/// The reason of a `use` that was voided, because nobody learned in time whether it took its points.
const TIMED_OUT: &str = "deal.timed_out";

/// What may change of a deal that is stored. What never changes is left out, so that its indexes stay untouched.
static DEAL_CHANGE: Table = Table {
    name: "dashboard_deal",
    columns: &[
        ("deal_id", Kind::Int),
        ("point", Kind::Int),
        ("status", Kind::Text),
        ("cancelled_point", Kind::Int),
        ("points_due", Kind::Int),
        ("fail_reason", Kind::Text),
        ("sequence", Kind::Int),
    ],
};

/// A deal in a batch.
#[derive(Debug, Clone)]
pub(super) struct Deal {
    pub(super) facts: DealFacts,
    pub(super) status: DealStatus,
    /// What of it was cancelled, or is about to be.
    pub(super) cancelled_point: i64,
    /// Whether the points of this cancel have yet to follow.
    pub(super) points_due: bool,
    pub(super) fail_reason: Option<String>,
    /// Of the event that ended it; before that, of the one that asked for it.
    pub(super) sequence: i64,
    is_stored: bool,
    changed: bool,
}

impl Deal {
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
        };
        Some(Self {
            facts,
            status: DealStatus::from_name(row.text(6))?,
            cancelled_point: row.int(10),
            points_due: row.int(11) != 0,
            fail_reason: row.take_text(12),
            sequence: row.int(13),
            is_stored: true,
            changed: false,
        })
    }

    fn new(facts: &DealFacts, sequence: i64) -> Self {
        Self {
            facts: facts.clone(),
            status: DealStatus::Pending,
            cancelled_point: 0,
            points_due: false,
            fail_reason: None,
            sequence,
            is_stored: false,
            changed: true,
        }
    }

    fn into_row(self, days: &mut Days) -> Row {
        let facts = self.facts;
        Row(vec![
            facts.deal_id.into(),
            facts.member_id.into(),
            facts.merchant_id.into(),
            facts.deal_type.name().into(),
            facts.deal_amount.into(),
            facts.point.into(),
            self.status.name().into(),
            facts.dealt_at_ms.into(),
            days.month_of(facts.dealt_at_ms).as_number().into(),
            facts.original_deal_id.into(),
            self.cancelled_point.into(),
            i64::from(self.points_due).into(),
            self.fail_reason.into(),
            self.sequence.into(),
        ])
    }

    fn into_change(self) -> Row {
        Row(vec![
            self.facts.deal_id.into(),
            self.facts.point.into(),
            self.status.name().into(),
            self.cancelled_point.into(),
            i64::from(self.points_due).into(),
            self.fail_reason.into(),
            self.sequence.into(),
        ])
    }
}

/// The deals of a batch.
#[derive(Default)]
pub(super) struct Deals(HashMap<i64, Deal>);

impl Deals {
    pub(super) fn read(rows: Vec<Row>) -> Self {
        Self(rows.into_iter().filter_map(Deal::read).map(|deal| (deal.facts.deal_id, deal)).collect())
    }

    /// Takes an event of a merchant in that was not taken in before.
    pub(super) fn take(
        &mut self,
        merchant: &mut Merchant,
        sequence: i64,
        event: &Event,
        (days, sums): (&mut Days, &mut Sums),
    ) -> Result<()> {
        let mut book = Book { deals: &mut self.0, days, sums, sequence };
        match event {
            Event::DealRequested(facts) => book.request(facts),
            Event::SaveDealt(facts) => book.end(facts, DealStatus::Success, None),
            Event::UseDealt(facts) => {
                merchant.used_point = plus(merchant.used_point, facts.point)?;
                book.end(facts, DealStatus::Success, None)
            }
            Event::SaveCancelled(facts) => book.cancel(facts),
            Event::UseCancelled(facts) => {
                merchant.cancelled_point = plus(merchant.cancelled_point, facts.point)?;
                book.cancel(facts)
            }
            Event::DealFailed { deal, reason } => book.end(deal, DealStatus::Fail, Some(reason)),
            Event::UseVoided(facts) => book.end(facts, DealStatus::Fail, Some(TIMED_OUT)),
            Event::CancelCompleted { deal_id, .. } => {
                if let Some(deal) = self.0.get_mut(deal_id) {
                    (deal.points_due, deal.changed) = (false, true);
                }
                Ok(())
            }
            Event::MerchantOpened(facts) | Event::MerchantChanged(facts) => {
                merchant.name.clone_from(&facts.name);
                merchant.fee_rate_bp = facts.fee_rate_bp;
                Ok(())
            }
            // Still pending; only point is asked in another way from now on.
            Event::DealLeftToPoint(_) => Ok(()),
        }
    }

    /// Writes what changed, in the order of the deals' numbers, so that neighbours share the pages that are written.
    pub(super) fn store(self, tx: &mut dyn Session, days: &mut Days) -> Result<()> {
        let mut changed: Vec<Deal> = self.0.into_values().filter(|deal| deal.changed).collect();
        changed.sort_unstable_by_key(|deal| deal.facts.deal_id);
        let (stored, new): (Vec<Deal>, Vec<Deal>) = changed.into_iter().partition(|deal| deal.is_stored);
        tx.insert_many(&DEAL, new.into_iter().map(|deal| deal.into_row(days)).collect())?;
        tx.update_many(&DEAL_CHANGE, stored.into_iter().map(Deal::into_change).collect())
    }
}

/// The deals that an event is about, and of which number it is.
struct Book<'a> {
    deals: &'a mut HashMap<i64, Deal>,
    days: &'a mut Days,
    sums: &'a mut Sums,
    sequence: i64,
}

impl Book<'_> {
    fn request(&mut self, facts: &DealFacts) -> Result<()> {
        self.deals.insert(facts.deal_id, Deal::new(facts, self.sequence));
        self.count(facts, DealStatus::Pending, 1)?;
        // What a cancel is about to take back is kept for it.
        self.move_cancelled(facts, facts.point)
    }

    /// A deal that was pending, or is heard of for the first time, has come to its end.
    fn end(&mut self, facts: &DealFacts, status: DealStatus, reason: Option<&str>) -> Result<()> {
        let before = self.deals.get(&facts.deal_id).cloned();
        if let Some(before) = before.as_ref().filter(|before| before.status == DealStatus::Pending) {
            self.count(&before.facts, DealStatus::Pending, -1)?;
            self.move_cancelled(&before.facts, -before.facts.point)?;
        }
        self.count(facts, status, 1)?;
        let deal = before.unwrap_or_else(|| Deal::new(facts, self.sequence));
        let facts = DealFacts { point: facts.point, ..deal.facts };
        let fail_reason = reason.map(str::to_owned);
        let ended = Deal { facts, status, fail_reason, sequence: self.sequence, changed: true, ..deal };
        self.deals.insert(ended.facts.deal_id, ended);
        Ok(())
    }

    /// A cancel succeeded; its points follow.
    fn cancel(&mut self, facts: &DealFacts) -> Result<()> {
        self.end(facts, DealStatus::Success, None)?;
        if let Some(deal) = self.deals.get_mut(&facts.deal_id) {
            deal.points_due = true;
        }
        self.move_cancelled(facts, facts.point)
    }

    /// More or less of the deal that this one cancels is cancelled; nothing happens for one that cancels none.
    fn move_cancelled(&mut self, facts: &DealFacts, point: i64) -> Result<()> {
        if let Some(original) = facts.original_deal_id.and_then(|deal_id| self.deals.get_mut(&deal_id)) {
            original.cancelled_point = plus(original.cancelled_point, point)?;
            original.changed = true;
        }
        Ok(())
    }

    /// Deals are counted on the day that they are dated.
    fn count(&mut self, facts: &DealFacts, status: DealStatus, quantity: i64) -> Result<()> {
        let day = self.days.of(facts.dealt_at_ms);
        self.sums.add(day, deal_kind(facts.deal_type, status), quantity, quantity * facts.point)
    }
}

/// The deals that an event is about and that have to be known before: its own unless it begins with this event, the
/// one that it cancels, and what it completes.
pub(super) fn deals_of(event: &Event) -> (Option<i64>, [Option<i64>; 2]) {
    match event {
        Event::DealRequested(facts) => (Some(facts.deal_id), [facts.original_deal_id, None]),
        Event::SaveDealt(facts)
        | Event::UseDealt(facts)
        | Event::SaveCancelled(facts)
        | Event::UseCancelled(facts)
        | Event::UseVoided(facts)
        | Event::DealFailed { deal: facts, .. } => (None, [Some(facts.deal_id), facts.original_deal_id]),
        Event::CancelCompleted { deal_id, .. } => (None, [Some(*deal_id), None]),
        Event::DealLeftToPoint(_) | Event::MerchantOpened(_) | Event::MerchantChanged(_) => (None, [None, None]),
    }
}
