//! How many and how much, by day and kind: what a batch adds to the figures.

use std::collections::{BTreeMap, HashMap};

use domain::deal::{DealStatus, DealType};
use domain::kernel::Day;
use domain::member::MemberStatus;
use domain::point::EntryKind;
use platform::db::{Row, Session, Value};
use platform::error::{Error, Result};

use super::days::number_of;
use super::store::FIGURE;

/// The day that stands for all days.
pub(super) const ALL_DAYS: i64 = 0;
/// Members who joined.
pub(super) const JOINED: &str = "joined";
/// Members whose withdrawal was decided.
pub(super) const WITHDRAWN: &str = "withdrawn";
/// Runs of settlement, and what they come to in won.
pub(super) const BILLED: &str = "billed";

/// The kind of entries of the ledger.
pub(super) fn entry_kind(kind: EntryKind) -> String {
    format!("entry.{}", kind.name())
}

/// The kind of deals of a type that stand like this.
pub(super) fn deal_kind(deal_type: DealType, status: DealStatus) -> String {
    format!("deal.{}.{}", deal_type.name(), status.name())
}

/// The kind of coupons to which this happened.
pub(super) fn coupon_kind(what: &str) -> String {
    format!("coupon.{what}")
}

/// What kinds begin with that are counted as they stand and not by day.
pub(super) const STANDING: &str = "member.";

/// The kind of members with a status.
pub(super) fn member_kind(status: MemberStatus) -> String {
    format!("{STANDING}{}", status.name())
}

/// The key of a figure: `20200715.entry.EARN`, or `all.entry.EARN` over all days, which stands behind every day.
pub(super) fn name_of(day: i64, kind: &str) -> String {
    if day == ALL_DAYS { format!("all.{kind}") } else { format!("{day:08}.{kind}") }
}

/// `a + b`.
///
/// # Errors
/// `Internal` if that is no whole number of 64 bits.
pub(super) fn plus(a: i64, b: i64) -> Result<i64> {
    a.checked_add(b).ok_or_else(|| Error::internal("a sum of the dashboard is too large to be kept"))
}

/// What is added to the figures. A kind that was touched gets its row even if what is added comes to nothing, so that
/// it does not matter in which portions events came.
#[derive(Debug, Default)]
pub(super) struct Sums(HashMap<(i64, String), (i64, i64)>);

impl Sums {
    /// Adds to a day, and to all days.
    ///
    /// # Errors
    /// As [`plus`].
    pub(super) fn add(&mut self, day: Day, kind: String, quantity: i64, amount: i64) -> Result<()> {
        self.add_to(number_of(day), kind.clone(), quantity, amount)?;
        self.add_to(ALL_DAYS, kind, quantity, amount)
    }

    /// Adds to all days alone: for what stands at present and belongs to no day.
    ///
    /// # Errors
    /// As [`plus`].
    pub(super) fn add_standing(&mut self, kind: String, quantity: i64) -> Result<()> {
        self.add_to(ALL_DAYS, kind, quantity, 0)
    }

    fn add_to(&mut self, day: i64, kind: String, quantity: i64, amount: i64) -> Result<()> {
        let sum = self.0.entry((day, kind)).or_default();
        *sum = (plus(sum.0, quantity)?, plus(sum.1, amount)?);
        Ok(())
    }

    /// What is added to all days, by kind.
    pub(super) fn of_all_days(&self) -> BTreeMap<String, (i64, i64)> {
        let all = self.0.iter().filter(|((day, _), _)| *day == ALL_DAYS);
        all.map(|((_, kind), sum)| (kind.clone(), *sum)).collect()
    }

    /// Adds everything to the rows.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached; as [`plus`].
    pub(super) fn store(self, tx: &mut dyn Session) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut added: Vec<_> =
            self.0.into_iter().map(|((day, kind), sum)| (name_of(day, &kind), day, kind, sum)).collect();
        added.sort_unstable();
        let keys: Vec<Value> = added.iter().map(|(name, ..)| Value::from(name.as_str())).collect();
        let found = tx.lock_many(&FIGURE, &keys)?;
        let known: HashMap<&str, (i64, i64)> =
            found.iter().map(|row| (row.text(0), (row.int(3), row.int(4)))).collect();
        let summed = added.into_iter().map(|(name, day, kind, (quantity, amount))| {
            let (before, sum) = known.get(name.as_str()).copied().unwrap_or_default();
            let (quantity, amount) = (plus(before, quantity)?, plus(sum, amount)?);
            Ok(Row(vec![name.into(), day.into(), kind.into(), quantity.into(), amount.into()]))
        });
        tx.upsert_many(&FIGURE, summed.collect::<Result<_>>()?)
    }
}
