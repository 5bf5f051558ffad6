//! What point knows of deals: one row each, appended, because the numbers of deals rise.

use std::collections::HashMap;

use domain::point::{DealAsk, DealKind, DealRecord, LotChange};
use platform::db::{Kind, Row, Session, Table, Value};
use platform::error::{Error, Result};

use super::entry::EntryRow;
use super::store::ENTRY;
use super::writer::Command;

pub(super) static DEAL: Table = Table {
    name: "point_deal",
    columns: &[
        ("deal_id", Kind::Int),
        ("member_id", Kind::Int),
        ("kind", Kind::Text),
        ("original", Kind::Int),
        ("point", Kind::Int),
        ("done", Kind::Int),
        ("reason", Kind::Text),
        ("moved_point", Kind::Int),
        ("owed_point", Kind::Int),
        ("cancelled_point", Kind::Int),
        ("voided_point", Kind::Int),
        ("entry", Kind::Int),
        ("void_entry", Kind::Int),
        ("at", Kind::Int),
    ],
};

/// A deal as point has recorded it.
#[derive(Debug, Clone)]
pub(super) struct DealRow {
    /// What the rules know of it.
    pub(super) record: DealRecord,
    /// Position of the entry with which its points moved.
    pub(super) entry: Option<i64>,
    /// Position of the entry with which its void gave them back.
    pub(super) void_entry: Option<i64>,
}

impl DealRow {
    /// A deal from its row, without the lots, which stand in its entry; nothing for a kind that this version does not
    /// know.
    pub(super) fn read(row: &Row) -> Option<Self> {
        let record = DealRecord {
            deal_id: row.int(0),
            member_id: row.int(1),
            kind: DealKind::from_name(row.text(2))?,
            original: row.opt_int(3),
            point: row.int(4),
            done: row.int(5) != 0,
            reason: Some(row.text(6).to_owned()).filter(|reason| !reason.is_empty()),
            moved_point: row.int(7),
            owed_point: row.int(8),
            cancelled_point: row.int(9),
            voided_point: row.opt_int(10),
            lots: LotChange::default(),
            decided_at_ms: row.int(13),
        };
        Some(Self { record, entry: row.opt_int(11), void_entry: row.opt_int(12) })
    }

    fn into_row(self) -> Row {
        let Self { record, entry, void_entry } = self;
        Row(vec![
            record.deal_id.into(),
            record.member_id.into(),
            record.kind.name().into(),
            record.original.into(),
            record.point.into(),
            i64::from(record.done).into(),
            record.reason.into(),
            record.moved_point.into(),
            record.owed_point.into(),
            record.cancelled_point.into(),
            record.voided_point.into(),
            entry.into(),
            void_entry.into(),
            record.decided_at_ms.into(),
        ])
    }
}

/// The deals of a batch.
#[derive(Default)]
pub(super) struct DealRows {
    known: HashMap<i64, DealRow>,
    /// Deals that were recorded in this batch.
    fresh: Vec<i64>,
    /// Deals that were recorded before it and have changed.
    changed: Vec<i64>,
}

impl DealRows {
    /// The deals that the commands are about, and those that they cancel. A batch without deals costs nothing, and one
    /// without cancels a look for rows that are not there.
    pub(super) fn load(tx: &mut dyn Session, commands: &[&Command]) -> Result<Self> {
        let asked = || {
            commands.iter().filter_map(|command| match command {
                Command::Deal { question, .. } => Some(question),
                _ => None,
            })
        };
        let originals = asked().filter_map(|question| question.ask.original());
        let mut ids: Vec<i64> = asked().map(|question| question.deal_id).chain(originals).collect();
        if ids.is_empty() {
            return Ok(Self::default());
        }
        ids.sort_unstable();
        ids.dedup();
        let keys: Vec<Value> = ids.into_iter().map(Value::Int).collect();
        let mut known = HashMap::new();
        for row in tx.load_many(&DEAL, &keys)? {
            let deal = DealRow::read(&row).ok_or_else(|| Error::internal("a recorded deal cannot be read"))?;
            known.insert(deal.record.deal_id, deal);
        }
        // Only what is undone needs to know its lots.
        let undone = asked().filter_map(|question| match question.ask {
            DealAsk::Void => Some(question.deal_id),
            ask => ask.original(),
        });
        let mut entries: Vec<i64> = undone.filter_map(|deal_id| known.get(&deal_id)?.entry).collect();
        entries.sort_unstable();
        entries.dedup();
        if !entries.is_empty() {
            let keys: Vec<Value> = entries.into_iter().map(Value::Int).collect();
            let rows = tx.load_many(&ENTRY, &keys)?;
            let lots: HashMap<i64, LotChange> = rows.iter().map(EntryRow::read_lots).collect();
            for deal in known.values_mut() {
                deal.record.lots = deal.entry.and_then(|entry| lots.get(&entry)).cloned().unwrap_or_default();
            }
        }
        Ok(Self { known, fresh: Vec::new(), changed: Vec::new() })
    }

    /// What is known of a deal.
    pub(super) fn get(&self, deal_id: i64) -> Option<&DealRecord> {
        self.known.get(&deal_id).map(|deal| &deal.record)
    }

    /// Records a deal, or how it has changed. `entry` is where its points moved, or where its void gave them back.
    pub(super) fn record(&mut self, record: DealRecord, entry: Option<i64>) {
        let deal_id = record.deal_id;
        let Some(known) = self.known.get_mut(&deal_id) else {
            self.fresh.push(deal_id);
            self.known.insert(deal_id, DealRow { record, entry, void_entry: None });
            return;
        };
        if entry.is_some() {
            known.void_entry = entry;
        }
        known.record = record;
        if !self.fresh.contains(&deal_id) && !self.changed.contains(&deal_id) {
            self.changed.push(deal_id);
        }
    }

    /// Writes what is new and what has changed.
    pub(super) fn store(mut self, tx: &mut dyn Session) -> Result<()> {
        let mut rows = |mut ids: Vec<i64>| {
            // In the order of the key, so that new rows are appended.
            ids.sort_unstable();
            ids.iter().filter_map(|id| self.known.remove(id)).map(DealRow::into_row).collect::<Vec<_>>()
        };
        let (fresh, changed) = (rows(self.fresh), rows(self.changed));
        tx.insert_many(&DEAL, fresh)?;
        tx.update_many(&DEAL, changed)
    }
}
