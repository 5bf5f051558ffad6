//! What `onepoint verify` looks at in the deals that point has answered.

use std::collections::{HashMap, HashSet};

use domain::point::{DealKind, EntryKind};
use platform::db::{Session, Value};
use platform::error::Result;

use super::deal_rows::{DEAL, DealRow};
use super::entry::EntryRow;
use super::store::{ENTRY, positions_of};
use crate::kit::{Finding, Findings};

const PIECE_ROWS: i64 = 5_000;
/// An answer and its movement are one commit.
pub(super) const MOVED: &str = "every deal has the entries of the points that it moved";
/// What is undone of a deal is known twice: in its row, and in the rows of those that undid it.
pub(super) const CANCELLED: &str = "what is cancelled of a deal = its cancels and its void";

/// What the ledger answered to a deal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DealtFacts {
    /// Whose points.
    pub member_id: i64,
    /// What it is to the ledger.
    pub kind: DealKind,
    /// Whether it happened, and was not voided.
    pub done: bool,
    /// Points that it moved, without sign; of one that was voided they came back.
    pub moved_point: i64,
    /// Points that it could not take back, owed since.
    pub owed_point: i64,
    /// How much of what it moved was cancelled since, its void included.
    pub cancelled_point: i64,
    /// Whether it was voided.
    pub voided: bool,
}

/// What the ledger answered to each deal.
pub type Dealt = HashMap<i64, DealtFacts>;

/// What the ledger says of deals, for comparing deal with.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn dealt(session: &mut dyn Session) -> Result<Dealt> {
    let mut dealt = Dealt::new();
    each_piece(session, |_, deals| {
        dealt.extend(deals.iter().map(|DealRow { record, .. }| {
            let facts = DealtFacts {
                member_id: record.member_id,
                kind: record.kind,
                done: record.done,
                moved_point: record.moved_point,
                owed_point: record.owed_point,
                cancelled_point: record.cancelled_point,
                voided: record.voided_point.is_some(),
            };
            (record.deal_id, facts)
        }));
        Ok(())
    })?;
    Ok(dealt)
}

/// Compares the answers with the entries, and deals with what undid them. `given_back` are the entries with which
/// payments gave points back.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub(super) fn inspect_deals(
    session: &mut dyn Session,
    given_back: HashSet<i64>,
    findings: &mut Findings,
) -> Result<()> {
    let mut seen = Seen { given_back, ..Seen::default() };
    each_piece(session, |session, deals| {
        let named = deals.iter().flat_map(|deal| [deal.entry, deal.void_entry]).flatten();
        let keys: Vec<Value> = named.map(Value::Int).collect();
        let rows = session.load_many(&ENTRY, &keys)?;
        let entries: HashMap<i64, EntryRow> =
            rows.iter().filter_map(EntryRow::read).map(|entry| (entry.position, entry)).collect();
        deals.iter().for_each(|deal| seen.take(deal, &entries, findings));
        Ok(())
    })?;
    seen.end(findings);
    for position in positions_of(session, EntryKind::UseCancel)? {
        if !seen.given_back.contains(&position) {
            findings.add(
                MOVED,
                Finding::of(position, "this entry gives points back, and neither a deal nor a payment says so"),
            );
        }
    }
    Ok(())
}

/// Hands all deals over, in pieces, by number.
fn each_piece(
    session: &mut dyn Session,
    mut look: impl FnMut(&mut dyn Session, &[DealRow]) -> Result<()>,
) -> Result<()> {
    let sql = format!("SELECT {} FROM {} WHERE deal_id > $1 ORDER BY deal_id LIMIT $2", DEAL.column_list(), DEAL.name);
    let mut after = 0;
    loop {
        let rows = session.query(&sql, &[after.into(), PIECE_ROWS.into()])?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.int(0);
        let deals: Vec<DealRow> = rows.iter().filter_map(DealRow::read).collect();
        look(session, &deals)?;
    }
}

/// What was seen of deals.
#[derive(Default)]
struct Seen {
    /// What of each deal is cancelled by its own row, and by the rows of its cancels and its void.
    undone: HashMap<i64, (i64, i64)>,
    /// Entries that gave points back.
    given_back: HashSet<i64>,
}

impl Seen {
    fn take(&mut self, deal: &DealRow, entries: &HashMap<i64, EntryRow>, findings: &mut Findings) {
        let record = &deal.record;
        let (kind, sign) = match record.kind {
            DealKind::Save => (EntryKind::Earn, 1),
            DealKind::Use => (EntryKind::Use, -1),
            DealKind::CancelSave => (EntryKind::EarnCancel, -1),
            DealKind::CancelUse => (EntryKind::UseCancel, 1),
        };
        let voided = record.voided_point.unwrap_or(0);
        for (position, kind, amount) in
            [(deal.entry, kind, sign * record.moved_point), (deal.void_entry, EntryKind::UseCancel, voided)]
        {
            if kind == EntryKind::UseCancel {
                self.given_back.extend(position);
            }
            let entry = position.and_then(|position| entries.get(&position));
            let told = entry.map_or((0, record.member_id, kind), |entry| (entry.amount, entry.member_id, entry.kind));
            if told != (amount, record.member_id, kind) || position.is_some() != entry.is_some() {
                let what = format!("{amount} points of member {} moved, the entry says {told:?}", record.member_id);
                findings.add(MOVED, Finding::of(record.deal_id, what));
            }
        }
        if record.cancelled_point != 0 || voided != 0 {
            let (own, others) = self.undone.entry(record.deal_id).or_default();
            *own += record.cancelled_point;
            *others += voided;
        }
        if let Some(original) = record.original
            && record.moved_point + record.owed_point != 0
        {
            self.undone.entry(original).or_default().1 += record.moved_point + record.owed_point;
        }
    }

    fn end(&self, findings: &mut Findings) {
        for (deal_id, (own, others)) in &self.undone {
            if own != others {
                let what = format!("{own} points are cancelled, its cancels and its void come to {others}");
                findings.add(CANCELLED, Finding::of(*deal_id, what));
            }
        }
    }
}
