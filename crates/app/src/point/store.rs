//! Point's tables and rows.

use std::collections::HashMap;

use domain::member::MemberStatus;
use domain::point::{self, Account, EntryKind, Event, Movement};
use platform::db::{Kind, Migration, Row, Session, Table};
use platform::error::Result;
use platform::funnel::Out;
use platform::log::{self, LogSource};

use super::account_unknown;
use super::chain::{self, Link};
use super::deal_rows::DealRows;
use super::donate::Answers;
use super::entry::{EntryFacts, EntryRow, event_kind, open_lots, read_notices, write_lots, write_notices};
use super::hold_rows::HoldRows;
use super::told::told;

/// The schema of point.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 4,
        name: "point_ledger",
        sql: include_str!("../../../../migrations/0004_point_ledger.sql"),
        lives_with: 4,
    },
    // An older program would write entries that no statement reaches.
    Migration {
        number: 6,
        name: "point_statement",
        sql: include_str!("../../../../migrations/0006_point_statement.sql"),
        lives_with: 6,
    },
    Migration {
        number: 8,
        name: "point_questions",
        sql: include_str!("../../../../migrations/0008_point_questions.sql"),
        // An older program does not know entries of donations.
        lives_with: 8,
    },
    Migration {
        number: 12,
        name: "point_deals",
        sql: include_str!("../../../../migrations/0012_point_deals.sql"),
        // An older program does not know entries of cancelled uses.
        lives_with: 12,
    },
    Migration {
        number: 32,
        name: "point_holds",
        sql: include_str!("../../../../migrations/0032_point_holds.sql"),
        // An older program would spend and expire what is held.
        lives_with: 32,
    },
];

pub(super) static ACCOUNT: Table = Table {
    name: "point_account",
    columns: &[
        ("member_id", Kind::Int),
        ("member_status", Kind::Text),
        ("remain_point", Kind::Int),
        ("held", Kind::Int),
        ("owed", Kind::Int),
        ("require_point", Kind::Int),
        ("lots", Kind::Text),
        ("sequence", Kind::Int),
        ("member_sequence", Kind::Int),
        ("welcomed", Kind::Int),
        ("closing", Kind::Int),
        ("ended_attempt", Kind::Int),
        ("closed", Kind::Int),
        ("head", Kind::Blob),
        ("last_entry", Kind::Int),
        ("notices", Kind::Text),
        ("pins", Kind::Text),
        ("last_hold", Kind::Int),
    ],
};

pub(super) static ENTRY: Table = Table {
    name: "point_entry",
    columns: &[
        ("position", Kind::Int),
        ("member_id", Kind::Int),
        ("sequence", Kind::Int),
        ("kind", Kind::Text),
        ("debit_account", Kind::Text),
        ("credit_account", Kind::Text),
        ("amount", Kind::Int),
        ("balance_after", Kind::Int),
        ("reference_type", Kind::Text),
        ("reference_id", Kind::Text),
        ("reason", Kind::Text),
        ("lots", Kind::Text),
        ("at", Kind::Int),
        ("hash", Kind::Blob),
        ("key", Kind::Blob),
        ("digest", Kind::Int),
        ("previous", Kind::Int),
    ],
};

/// Answers by the key of their question; kept for ever.
pub(super) static QUESTION: Table = Table {
    name: "point_question",
    columns: &[("question", Kind::Text), ("member_id", Kind::Int), ("answer", Kind::Text), ("at", Kind::Int)],
};

/// Entries are events: they are rendered when the log is read.
pub static LOG_SOURCES: [LogSource; 1] = [LogSource { table: &ENTRY_TOLD, render: render_entry }];

/// What of an entry is summed up.
pub(super) static SUMMED: Table =
    Table { name: "point_entry", columns: &[("position", Kind::Int), ("kind", Kind::Text), ("amount", Kind::Int)] };

/// What an entry tells as an event: only the columns that are needed, because every row is read again by each consumer.
static ENTRY_TOLD: Table = Table {
    name: "point_entry",
    columns: &[
        ("position", Kind::Int),
        ("member_id", Kind::Int),
        ("sequence", Kind::Int),
        ("kind", Kind::Text),
        ("amount", Kind::Int),
        ("balance_after", Kind::Int),
        ("at", Kind::Int),
        ("key", Kind::Blob),
        ("digest", Kind::Int),
    ],
};

fn render_entry(row: Row) -> Option<log::Event> {
    let (entry_id, member_id) = (row.int(0), row.int(1));
    let facts = EntryFacts { entry_id, member_id, amount: row.int(4), balance_after: row.int(5) };
    Some(log::Event {
        cursor: platform::db::Cursor { xid: 0, position: entry_id },
        kind: event_kind(EntryKind::from_name(row.text(3))?).to_owned(),
        subject: member_id,
        sequence: row.int(2),
        at_ms: row.int(6),
        data: serde_json::to_string(&facts).ok()?,
        origin: None,
    })
}

pub(super) fn list_sql() -> String {
    format!(
        "SELECT {} FROM {} WHERE member_id > $1 AND closed = 0 ORDER BY member_id LIMIT $2",
        ACCOUNT.column_list(),
        ACCOUNT.name
    )
}

/// Entries of donations after a position: position, member, amount and the donation's number as text.
pub(super) fn donate_entries(session: &mut dyn Session, after: i64) -> Result<Vec<Row>> {
    let sql = "SELECT position, member_id, amount, reference_id FROM point_entry \
               WHERE kind = 'DONATE' AND position > $1 ORDER BY position LIMIT 5000";
    session.query(sql, &[after.into()])
}

/// Positions of the entries of this kind.
pub(super) fn positions_of(session: &mut dyn Session, kind: EntryKind) -> Result<Vec<i64>> {
    let rows = session.query("SELECT position FROM point_entry WHERE kind = $1", &[kind.name().into()])?;
    Ok(rows.iter().map(|row| row.int(0)).collect())
}

/// The entry at a position and those before it of the same member, newest first, at most so many.
pub(super) fn walk_sql() -> String {
    format!("{} SELECT {} FROM walk ORDER BY step", ENTRY.walk("previous"), ENTRY.column_list())
}

/// A page of accounts as the expiry walk looks at them.
pub(super) const EXPIRY_PAGE: &str = "SELECT member_id, lots, notices FROM point_account WHERE member_id > $1 AND closed = 0 \
     ORDER BY member_id LIMIT $2";

static EXPIRY: Table = Table {
    name: "point_expiry",
    columns: &[("name", Kind::Text), ("day", Kind::Int), ("after_member", Kind::Int), ("done", Kind::Int)],
};

/// How far a walk has come: the day, the last member that was looked at, and whether that was the last one of all.
pub(super) fn expiry_progress(tx: &mut dyn Session, job: &str) -> Result<Option<(i64, i64, bool)>> {
    let rows = tx.load_many(&EXPIRY, &[job.into()])?;
    Ok(rows.first().map(|row| (row.int(1), row.int(2), row.int(3) != 0)))
}

/// Stores how far a walk has come.
pub(super) fn save_expiry_progress(tx: &mut dyn Session, job: &str, progress: (i64, i64, bool)) -> Result<()> {
    let (day, after, done) = progress;
    tx.upsert_many(&EXPIRY, vec![Row(vec![job.into(), day.into(), after.into(), i64::from(done).into()])])
}

/// An account in a batch.
pub(super) struct Slot {
    pub(super) account: Account,
    pub(super) head: Link,
    /// Position of the last entry; 0 before the first one. A statement begins there.
    pub(super) last_entry: i64,
    /// Number of the last hold; 0 before the first one.
    pub(super) last_hold: i64,
    pub(super) changed: bool,
    pub(super) is_new: bool,
}

impl Slot {
    pub(super) fn read(row: &Row) -> Self {
        let account = Account {
            member_id: row.int(0),
            member_status: MemberStatus::from_name(row.text(1)).unwrap_or(MemberStatus::Abnormal),
            remain_point: row.int(2),
            pins: open_lots(row.text(16)),
            owed: row.int(4),
            require_point: row.opt_int(5),
            lots: open_lots(row.text(6)),
            sequence: row.int(7),
            member_sequence: row.int(8),
            welcomed: row.int(9) != 0,
            closing: row.opt_int(10),
            ended_attempt: row.int(11),
            closed: row.int(12) != 0,
            notices: read_notices(row.text(15)),
        };
        let head = row.blob(13).and_then(|bytes| bytes.try_into().ok()).unwrap_or(chain::START);
        Self { account, head, last_entry: row.int(14), last_hold: row.int(17), changed: false, is_new: false }
    }

    pub(super) fn into_row(self) -> Row {
        let held = self.account.held();
        let Account {
            member_id,
            member_status,
            remain_point,
            pins,
            owed,
            require_point,
            lots,
            sequence,
            member_sequence,
            welcomed,
            closing,
            ended_attempt,
            closed,
            notices,
        } = self.account;
        Row(vec![
            member_id.into(),
            member_status.name().into(),
            remain_point.into(),
            held.into(),
            owed.into(),
            require_point.into(),
            write_lots(lots.iter()).into(),
            sequence.into(),
            member_sequence.into(),
            i64::from(welcomed).into(),
            closing.into(),
            ended_attempt.into(),
            i64::from(closed).into(),
            self.head.to_vec().into(),
            self.last_entry.into(),
            write_notices(&notices).into(),
            write_lots(pins.iter()).into(),
            self.last_hold.into(),
        ])
    }
}

/// What a batch works on.
pub struct Loaded {
    pub(super) slots: HashMap<i64, Slot>,
    pub(super) entries: Vec<Row>,
    pub(super) answers: Answers,
    pub(super) deals: DealRows,
    pub(super) holds: HoldRows,
    /// Log rows that ended lots of these accounts may leave; almost always 0.
    pub(super) ended_rows: usize,
}

impl Loaded {
    pub(super) fn open_slot(&mut self, member_id: i64) -> Result<&mut Slot> {
        self.slots.get_mut(&member_id).filter(|slot| !slot.account.closed).ok_or_else(account_unknown)
    }

    /// As [`Loaded::record_with`]; what is owed is repaid in the same step, out of what was just earned.
    pub(super) fn record(&mut self, member_id: i64, event: &Event, out: &mut Out<'_>) -> Result<Option<EntryRow>> {
        let entry = self.record_with(member_id, event, 0, out)?;
        if let Event::PointsMoved(earned) = event
            && let Some(repaid) = self.slots.get(&member_id).and_then(|slot| point::repay_owed(&slot.account, earned))
        {
            self.record_with(member_id, &repaid, 0, out)?;
        }
        Ok(entry)
    }

    /// Applies an event and writes its row: an entry where points moved, an event otherwise.
    pub(super) fn record_with(
        &mut self,
        member_id: i64,
        event: &Event,
        forfeited_point: i64,
        out: &mut Out<'_>,
    ) -> Result<Option<EntryRow>> {
        let slot = self.slots.get_mut(&member_id).ok_or_else(account_unknown)?;
        point::apply(&mut slot.account, event);
        slot.changed = true;
        match event {
            Event::PointsHeld(hold) => self.holds.place(hold, std::mem::replace(&mut slot.last_hold, hold.hold_id)),
            Event::HoldReleased(hold) | Event::HoldExpired(hold) => self.holds.end(hold, None)?,
            Event::PointsMoved(movement) | Event::PointsAdjusted(movement) | Event::HoldCaptured { movement, .. } => {
                let entry = slot.book(movement, out)?;
                let position = entry.position;
                if let Event::HoldCaptured { hold, .. } = event {
                    self.holds.end(hold, Some(position))?;
                }
                self.entries.push(entry.clone().into_row(&slot.head, out.take_stamp(position)));
                return Ok(Some(entry));
            }
            _ => {}
        }
        if let Some(told) = told(event, &slot.account, forfeited_point) {
            out.emit(member_id, slot.account.sequence, &told)?;
        }
        Ok(None)
    }
}

impl Slot {
    /// The entry of a movement, linked to the one before it.
    pub(super) fn book(&mut self, movement: &Movement, out: &mut Out<'_>) -> Result<EntryRow> {
        let position = out.next_position()?;
        let Account { member_id, sequence, .. } = self.account;
        let entry = EntryRow::new(position, member_id, sequence, out.moment.now_ms, movement);
        let entry = EntryRow { previous: self.last_entry, ..entry };
        self.head = chain::link(&self.head, &entry);
        self.last_entry = position;
        Ok(entry)
    }
}
