//! Settlement: what the programme owes each merchant for the points used there (SPEC sections 1, 2 and 4; seed 1).
//!
//! A merchant's lines are summed up in tallies, one for each month and kind, as they come in. A run closes tallies: it
//! reads a few figures, however many lines there are, and each line is in exactly one tally, so in exactly one run.

mod bill;
mod take_in;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

pub use bill::{Asked, bill, billing_amount, close_month};
pub use take_in::{Line, set_fee_rate, take_in};

use crate::kernel::Month;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineKind {
    /// Points were used.
    Use,
    /// A use was cancelled.
    Cancel,
}

impl LineKind {
    /// Its name in rows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Use => "use",
            Self::Cancel => "cancel",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Use, Self::Cancel].into_iter().find(|kind| kind.name() == name)
    }
}

/// What lines of a merchant come to that are of one month and kind and not billed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Its number; each of its lines carries it.
    pub tally_id: i64,
    /// The month that the lines are dated in.
    pub month: Month,
    /// What they are.
    pub kind: LineKind,
    /// Points, negative for cancels.
    pub point: i64,
    /// How many lines.
    pub deal_count: i64,
    /// The lowest number of a deal among them.
    pub first_deal: i64,
    /// The highest.
    pub last_deal: i64,
}

/// A merchant as settlement knows one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merchant {
    /// Its number.
    pub merchant_id: i64,
    /// Whether deal has told of it; deals that failed at a merchant that nobody knows are numbered all the same.
    pub known: bool,
    /// Share that the programme keeps, in basis points; nothing: the programme's.
    pub fee_rate: Option<i64>,
    /// Sequence of its last event of deal that settlement is about: a use, a cancel of one, or what is agreed with it.
    pub through: i64,
    /// Its events of settlement so far.
    pub sequence: i64,
    /// Its lines that are not billed.
    pub open: Vec<Tally>,
}

impl Merchant {
    /// One of whom nothing has been heard.
    #[must_use]
    pub fn new(merchant_id: i64) -> Self {
        Self { merchant_id, known: false, fee_rate: None, through: 0, sequence: 0, open: Vec::new() }
    }

    /// Whether a closing of this month has anything to bill here: uses and cancels of the month, or of earlier ones.
    #[must_use]
    pub fn has_open(&self, month: Month) -> bool {
        self.open.iter().any(|tally| tally.month <= month)
    }
}

/// The last run of a merchant's month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastRun {
    /// Its number, from 1.
    pub run: i64,
    /// Its billing.
    pub billing_id: i64,
}

/// What happened in settlement. Public contract: this is what stands in settlement's event log. Every event is one of a
/// merchant (subject), numbered per merchant by settlement (sequence).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// A run was billed. Its lines are those of the merchant up to `through` that were not billed before: the `use`
    /// deals dated in the month, and the cancels dated in it or earlier.
    Billed {
        /// The billing.
        billing_id: i64,
        /// The merchant.
        merchant_id: i64,
        /// The month, as the whole number `yyyyMM`.
        billing_month: i64,
        /// 1 for the first run of the merchant's month.
        run: i64,
        /// Points used less points of cancelled uses; may be negative.
        used_point: i64,
        /// The fee in basis points.
        fee_rate: i64,
        /// What the merchant is paid, in won; may be negative.
        billing_amount: i64,
        /// How many lines.
        deal_count: i64,
        /// Sequence of the merchant's last event of deal that settlement is about: a use, a cancel of one, or what is
        /// agreed with it. What follows until the next such event is none that is billed.
        through: i64,
        /// When, in milliseconds since 1970 in UTC.
        billed_at_ms: i64,
    },
}

/// Why nothing is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// Deal has told of no such merchant.
    MerchantUnknown,
    /// The month has not begun.
    MonthNotBegun,
    /// The lines of a month come to more than a number on the wire can hold.
    SumTooLarge,
}

impl Rejection {
    /// Its name on the wire.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::MerchantUnknown => "merchant_unknown",
            Self::MonthNotBegun => "month_not_begun",
            Self::SumTooLarge => "sum_too_large",
        }
    }
}

/// Takes a run in: the tallies that it billed, which are open no more.
pub fn apply(merchant: &mut Merchant, event: &Event) -> Vec<Tally> {
    let Event::Billed { billing_month, .. } = event;
    merchant.sequence += 1;
    let Some(month) = Month::from_number(*billing_month) else { return Vec::new() };
    let (billed, open) = merchant.open.iter().copied().partition(|tally| is_billed_by(tally, month));
    merchant.open = open;
    billed
}

/// Whether a run of this month bills the tally: the uses of the month, the cancels of it and of earlier ones.
fn is_billed_by(tally: &Tally, month: Month) -> bool {
    match tally.kind {
        LineKind::Use => tally.month == month,
        LineKind::Cancel => tally.month <= month,
    }
}
