//! Holds and payments with points as rows: one each, appended, because their numbers rise.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use domain::point::{Hold, HoldRefusal, HoldStatus, PaymentRecord, Reference};
use platform::db::{Kind, Row, Session, Table, Value};
use platform::error::{Error, Result};

use super::entry::{changed_lots, write_lots};
use super::hold::{HoldCommand, Payment};
use super::store::Slot;
use super::writer::Command;

pub(super) static HOLD: Table = Table {
    name: "point_hold",
    columns: &[
        ("hold_id", Kind::Int),
        ("member_id", Kind::Int),
        ("amount", Kind::Int),
        ("captured", Kind::Int),
        ("status", Kind::Text),
        ("expires_at", Kind::Int),
        ("reference_type", Kind::Text),
        ("reference_id", Kind::Text),
        ("payment_id", Kind::Int),
        ("pins", Kind::Text),
        ("entry", Kind::Int),
        ("previous", Kind::Int),
    ],
};

/// What changes of a hold.
static HOLD_END: Table = Table {
    name: "point_hold",
    columns: &[("hold_id", Kind::Int), ("captured", Kind::Int), ("status", Kind::Text), ("entry", Kind::Int)],
};

pub(super) static PAYMENT: Table = Table {
    name: "point_payment",
    columns: &[
        ("payment_id", Kind::Int),
        ("member_id", Kind::Int),
        ("amount", Kind::Int),
        ("hold_id", Kind::Int),
        ("refusal", Kind::Text),
        ("given_back", Kind::Int),
        ("entry", Kind::Int),
        ("at", Kind::Int),
    ],
};

const NUMBERS: &str = "hold_number";
/// Holds of a member read at once.
const PIECE: i64 = 500;

/// A hold as point has recorded it.
#[derive(Debug, Clone)]
pub(super) struct StoredHold {
    /// What the rules know of it.
    pub(super) hold: Hold,
    /// Position of the entry with which its points moved.
    pub(super) entry: Option<i64>,
    /// The member's hold before it; 0 for the first one.
    pub(super) previous: i64,
}

impl StoredHold {
    /// A hold from its row; nothing for a status that this version does not know.
    pub(super) fn read(row: &Row) -> Option<Self> {
        let reference = Some(row.text(6).to_owned()).filter(|kind| !kind.is_empty());
        let hold = Hold {
            hold_id: row.int(0),
            member_id: row.int(1),
            amount: row.int(2),
            captured: row.int(3),
            status: HoldStatus::from_name(row.text(4))?,
            expires_at_ms: row.int(5),
            reference: reference.map(|kind| Reference { kind, id: row.text(7).to_owned() }),
            payment_id: row.opt_int(8),
            pinned: changed_lots(row.text(9)),
        };
        Some(Self { hold, entry: row.opt_int(10), previous: row.int(11) })
    }

    fn to_row(&self) -> Row {
        let Hold { hold_id, member_id, amount, captured, status, expires_at_ms, reference, payment_id, pinned } =
            self.hold.clone();
        let (reference_type, reference_id) =
            reference.map_or((None, None), |reference| (Some(reference.kind), Some(reference.id)));
        Row(vec![
            hold_id.into(),
            member_id.into(),
            amount.into(),
            captured.into(),
            status.name().into(),
            expires_at_ms.into(),
            reference_type.into(),
            reference_id.into(),
            payment_id.into(),
            write_lots(pinned.0.into_iter()).into(),
            self.entry.into(),
            self.previous.into(),
        ])
    }

    fn to_end_row(&self) -> Row {
        let Hold { hold_id, captured, status, .. } = &self.hold;
        Row(vec![(*hold_id).into(), (*captured).into(), status.name().into(), self.entry.into()])
    }
}

/// A payment as point has recorded it.
#[derive(Debug, Clone)]
pub(super) struct StoredPayment {
    /// What the rules know of it.
    pub(super) record: PaymentRecord,
    /// Position of the entry with which its cancel gave points back.
    pub(super) entry: Option<i64>,
}

impl StoredPayment {
    /// A payment from its row; nothing for a refusal that this version does not know.
    pub(super) fn read(row: &Row) -> Option<Self> {
        let refusal = match row.text(4) {
            "" => None,
            reason => Some(HoldRefusal::from_reason(reason)?),
        };
        let record = PaymentRecord {
            payment_id: row.int(0),
            member_id: row.int(1),
            amount: row.int(2),
            hold_id: row.opt_int(3),
            refusal,
            given_back: row.opt_int(5),
            asked_at_ms: row.int(7),
        };
        Some(Self { record, entry: row.opt_int(6) })
    }

    fn to_row(&self) -> Row {
        let Self { record, entry } = self;
        Row(vec![
            record.payment_id.into(),
            record.member_id.into(),
            record.amount.into(),
            record.hold_id.into(),
            record.refusal.map(|refusal| refusal.reason().to_owned()).into(),
            record.given_back.into(),
            (*entry).into(),
            record.asked_at_ms.into(),
        ])
    }
}

/// The holds of a member from `$1` backwards, at most `$2`.
pub(super) fn newest_first() -> String {
    format!("{} SELECT {} FROM walk ORDER BY step", HOLD.walk("previous"), HOLD.column_list())
}

/// Open holds whose time is over, after a place in their order: number and member.
pub(super) fn due_holds(session: &mut dyn Session, after: (i64, i64), now_ms: i64, limit: i64) -> Result<Vec<Row>> {
    let sql = "SELECT hold_id, member_id, expires_at FROM point_hold WHERE status = 'HELD' AND expires_at <= $1 \
               AND (expires_at > $2 OR (expires_at = $2 AND hold_id > $3)) ORDER BY expires_at, hold_id LIMIT $4";
    session.query(sql, &[now_ms.into(), after.0.into(), after.1.into(), limit.into()])
}

/// The holds and payments of a batch.
#[derive(Default)]
pub(super) struct HoldRows {
    holds: BTreeMap<i64, StoredHold>,
    payments: BTreeMap<i64, StoredPayment>,
    fresh: BTreeSet<i64>,
    changed: BTreeSet<i64>,
    fresh_payments: BTreeSet<i64>,
    changed_payments: BTreeSet<i64>,
    /// Numbers for new holds.
    numbers: VecDeque<i64>,
    /// Log rows beyond the usual, where ended lots may leave as soon as their hold ends, or a member's holds end.
    pub(super) more_rows: usize,
}

impl HoldRows {
    /// The holds and payments that the commands are about, and those of members who leave. A batch without any costs
    /// nothing.
    pub(super) fn load(
        tx: &mut dyn Session,
        commands: &[&Command],
        slots: &HashMap<i64, Slot>,
        ended_rows: usize,
    ) -> Result<Self> {
        let mut rows = Self::default();
        let (mut asked, mut payments, mut placed) = (BTreeSet::new(), BTreeSet::new(), 0);
        for command in commands {
            match command {
                Command::Hold(HoldCommand::Place { .. }) => placed += 1,
                Command::Hold(HoldCommand::End { hold, .. }) => _ = asked.insert(hold.hold_id),
                Command::Hold(HoldCommand::Expire { hold_id, .. }) => _ = asked.insert(*hold_id),
                Command::Payment(Payment { payment_id, .. }) => _ = payments.insert(*payment_id),
                Command::ConfirmWithdrawal { member_id, .. } => rows.load_open(tx, slots.get(member_id))?,
                _ => continue,
            }
            rows.more_rows += ended_rows;
        }
        if !payments.is_empty() {
            for row in tx.load_many(&PAYMENT, &keys(payments))? {
                let payment = StoredPayment::read(&row).ok_or_else(|| unreadable("payment"))?;
                asked.extend(payment.record.hold_id);
                rows.payments.insert(payment.record.payment_id, payment);
            }
            let is_new = |payment: &&Payment| payment.is_to_hold() && !rows.payments.contains_key(&payment.payment_id);
            placed += commands.iter().filter_map(|command| command.payment()).filter(is_new).count();
        }
        asked.retain(|hold_id| !rows.holds.contains_key(hold_id));
        if !asked.is_empty() {
            for row in tx.load_many(&HOLD, &keys(asked))? {
                rows.take(&row)?;
            }
        }
        if placed > 0 {
            rows.numbers.extend(tx.next_ids(NUMBERS, placed)?);
        }
        Ok(rows)
    }

    /// Loads the holds of a member that have not ended; their pins tell when all of them are found. A walk from the
    /// newest one, because they live for days at most.
    fn load_open(&mut self, tx: &mut dyn Session, slot: Option<&Slot>) -> Result<()> {
        let Some(slot) = slot else { return Ok(()) };
        let (mut missing, mut place) = (slot.account.held(), slot.last_hold);
        while missing > 0 && place != 0 {
            let rows = tx.query(&newest_first(), &[place, PIECE].map(Value::Int))?;
            place = rows.last().map_or(0, |row| row.int(11));
            for row in rows.iter().filter(|row| row.text(4) == HoldStatus::Held.name()) {
                missing -= row.int(2);
                self.more_rows += 1;
                self.take(row)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, row: &Row) -> Result<()> {
        let stored = StoredHold::read(row).ok_or_else(|| unreadable("hold"))?;
        self.holds.insert(stored.hold.hold_id, stored);
        Ok(())
    }

    /// A number for a new hold.
    pub(super) fn number(&mut self) -> Result<i64> {
        self.numbers.pop_front().ok_or_else(|| Error::internal("too few numbers for holds were reserved"))
    }

    /// A hold that is asked about.
    pub(super) fn get(&self, hold_id: i64) -> Option<&Hold> {
        self.holds.get(&hold_id).map(|stored| &stored.hold)
    }

    /// What is known of a payment.
    pub(super) fn payment(&self, payment_id: i64) -> Option<&PaymentRecord> {
        self.payments.get(&payment_id).map(|stored| &stored.record)
    }

    /// The holds of a member that have not ended; all of them for one who leaves.
    pub(super) fn open_of(&self, member_id: i64) -> Vec<Hold> {
        let is_open = |hold: &&Hold| hold.member_id == member_id && hold.status == HoldStatus::Held;
        self.holds.values().map(|stored| &stored.hold).filter(is_open).cloned().collect()
    }

    /// Records a new hold; `previous` is the member's hold before it.
    pub(super) fn place(&mut self, hold: &Hold, previous: i64) {
        self.fresh.insert(hold.hold_id);
        self.holds.insert(hold.hold_id, StoredHold { hold: hold.clone(), entry: None, previous });
    }

    /// Records how a hold has ended, and where its points moved.
    pub(super) fn end(&mut self, hold: &Hold, entry: Option<i64>) -> Result<()> {
        let stored = self.holds.get_mut(&hold.hold_id);
        let stored = stored.ok_or_else(|| Error::internal("an event is about a hold that was not loaded"))?;
        (stored.hold, stored.entry) = (hold.clone(), entry);
        self.changed.insert(hold.hold_id);
        Ok(())
    }

    /// Records what is known of a payment, and where its points came back.
    pub(super) fn record(&mut self, record: PaymentRecord, entry: Option<i64>) {
        let payment_id = record.payment_id;
        let known = self.payments.insert(payment_id, StoredPayment { record, entry }).is_some();
        let list = if known { &mut self.changed_payments } else { &mut self.fresh_payments };
        list.insert(payment_id);
    }

    /// Writes what is new and what has changed; what was made and changed in one batch is written once.
    pub(super) fn store(self, tx: &mut dyn Session) -> Result<()> {
        let holds = |ids: &BTreeSet<i64>, row: fn(&StoredHold) -> Row| -> Vec<Row> {
            ids.iter().filter_map(|id| self.holds.get(id)).map(row).collect()
        };
        let payments = |ids: &BTreeSet<i64>| -> Vec<Row> {
            ids.iter().filter_map(|id| self.payments.get(id)).map(StoredPayment::to_row).collect()
        };
        let (ended, repaid) = (&self.changed - &self.fresh, &self.changed_payments - &self.fresh_payments);
        tx.insert_many(&HOLD, holds(&self.fresh, StoredHold::to_row))?;
        tx.update_many(&HOLD_END, holds(&ended, StoredHold::to_end_row))?;
        tx.insert_many(&PAYMENT, payments(&self.fresh_payments))?;
        tx.update_many(&PAYMENT, payments(&repaid))
    }
}

fn keys(numbers: BTreeSet<i64>) -> Vec<Value> {
    numbers.into_iter().map(Value::Int).collect()
}

fn unreadable(what: &str) -> Error {
    Error::internal(format!("a recorded {what} cannot be read"))
}
