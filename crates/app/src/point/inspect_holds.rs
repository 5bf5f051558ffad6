//! What `onepoint verify` looks at in holds, and in the payments that point has answered.

use std::collections::{HashMap, HashSet};

use domain::kernel::Month;
use domain::point::{EntryKind, HoldStatus};
use platform::db::{Row, Session, Table, Value};
use platform::error::Result;

use super::entry::EntryRow;
use super::hold_rows::{HOLD, PAYMENT, StoredHold, StoredPayment};
use super::store::{ENTRY, Slot, positions_of};
use crate::kit::{Finding, Findings};

const PIECE_ROWS: i64 = 5_000;
/// What is held is known three times: by the account's sum, by its pins, and by the holds that have not ended.
pub(super) const HELD: &str = "what an account holds = its pins = its open holds";
/// A capture and its movement are one commit.
pub(super) const CAPTURED: &str = "every captured hold has the entry of the points that it took";
/// A payment and what it moved are one commit.
pub(super) const PAID: &str = "every payment with points has its hold, and the entry of what came back";

/// What accounts say of holds, and then what their holds leave of that.
#[derive(Default)]
pub(super) struct Held {
    /// By member and expiry month: what is pinned there.
    pins: HashMap<(i64, Month), i64>,
    /// The last hold of each member who has any; then, going back, the next one that is to be found.
    last: HashMap<i64, i64>,
}

impl Held {
    /// Notes what an account says; `column` is what its row says is held.
    pub(super) fn note(&mut self, column: i64, slot: &Slot, findings: &mut Findings) {
        let (account, member_id) = (&slot.account, slot.account.member_id);
        if column != account.held() || account.available() < 0 {
            let what = format!("{column} points are held, {} pinned, of {}", account.held(), account.remain_point);
            findings.add(HELD, Finding::of(member_id, what));
        }
        let in_lot =
            |wanted: Month| account.lots.iter().find(|(month, _)| *month == wanted).map_or(0, |(_, point)| point);
        for (month, point) in account.pins.iter() {
            if point < 0 || point > in_lot(month) {
                findings.add(HELD, Finding::of(member_id, format!("{point} points of {month} are pinned")));
            }
            self.pins.insert((member_id, month), point);
        }
        if slot.last_hold != 0 {
            self.last.insert(member_id, slot.last_hold);
        }
    }
}

/// What is kept of a hold until payments are looked at.
struct Seen {
    member_id: i64,
    payment_id: Option<i64>,
    captured: i64,
}

/// Compares accounts with their holds, holds with their entries, and payments with both. The entries with which
/// payments gave points back.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub(super) fn inspect_holds(
    session: &mut dyn Session,
    mut held: Held,
    findings: &mut Findings,
) -> Result<HashSet<i64>> {
    let (mut seen, mut taken) = (HashMap::new(), HashSet::new());
    // From the newest one back, as the accounts and holds name them.
    each_piece(session, &HOLD, |session, rows| {
        let holds: Vec<StoredHold> = rows.iter().filter_map(StoredHold::read).collect();
        let entries = entries_of(session, holds.iter().filter_map(|stored| stored.entry))?;
        for stored in &holds {
            held.take(stored, findings);
            must_have_moved(stored, &entries, findings);
            taken.extend(stored.entry);
            let StoredHold { hold, .. } = stored;
            let facts = Seen { member_id: hold.member_id, payment_id: hold.payment_id, captured: hold.captured };
            seen.insert(hold.hold_id, facts);
        }
        Ok(())
    })?;
    for ((member_id, month), point) in held.pins.into_iter().filter(|(_, point)| *point != 0) {
        findings.add(HELD, Finding::of(member_id, format!("{point} points of {month} are pinned by no open hold")));
    }
    for (member_id, hold_id) in held.last.into_iter().filter(|(_, hold_id)| *hold_id != 0) {
        findings.add(HELD, Finding::of(member_id, format!("hold {hold_id} is named, and is not there")));
    }
    for position in positions_of(session, EntryKind::HoldCapture)? {
        if !taken.contains(&position) {
            findings.add(CAPTURED, Finding::of(position, "this entry takes held points, and no hold says so"));
        }
    }
    inspect_payments(session, &seen, findings)
}

impl Held {
    fn take(&mut self, stored: &StoredHold, findings: &mut Findings) {
        let (hold, hold_id) = (&stored.hold, stored.hold.hold_id);
        if self.last.insert(hold.member_id, stored.previous) != Some(hold_id) {
            findings.add(HELD, Finding::of(hold_id, "neither the account nor the next hold names this one"));
        }
        let pinned: i64 = hold.pinned.0.iter().map(|(_, point)| *point).sum();
        if pinned != hold.amount {
            findings.add(HELD, Finding::of(hold_id, format!("{} points are held, {pinned} pinned", hold.amount)));
        }
        if hold.status == HoldStatus::Held {
            for (month, point) in &hold.pinned.0 {
                *self.pins.entry((hold.member_id, *month)).or_default() -= point;
            }
        }
    }
}

fn must_have_moved(stored: &StoredHold, entries: &HashMap<i64, EntryRow>, findings: &mut Findings) {
    let (hold, hold_id) = (&stored.hold, stored.hold.hold_id);
    if (hold.status == HoldStatus::Captured) != (hold.captured > 0) || hold.captured > hold.amount {
        let what = format!("{} of {} points are captured, it is {}", hold.captured, hold.amount, hold.status.name());
        findings.add(CAPTURED, Finding::of(hold_id, what));
    }
    let entry = stored.entry.and_then(|position| entries.get(&position));
    let told = entry.map(|entry| (entry.member_id, entry.kind, entry.amount));
    let wanted = (hold.captured > 0).then_some((hold.member_id, EntryKind::HoldCapture, -hold.captured));
    if told != wanted || stored.entry.is_some() != entry.is_some() {
        findings.add(CAPTURED, Finding::of(hold_id, format!("{wanted:?} moved, the entry says {told:?}")));
    }
}

fn inspect_payments(
    session: &mut dyn Session,
    holds: &HashMap<i64, Seen>,
    findings: &mut Findings,
) -> Result<HashSet<i64>> {
    let (mut given_back, mut found) = (HashSet::new(), HashSet::new());
    each_piece(session, &PAYMENT, |session, rows| {
        let payments: Vec<StoredPayment> = rows.iter().filter_map(StoredPayment::read).collect();
        let entries = entries_of(session, payments.iter().filter_map(|payment| payment.entry))?;
        for StoredPayment { record, entry } in &payments {
            let payment_id = record.payment_id;
            let hold = record.hold_id.and_then(|hold_id| holds.get(&hold_id));
            let is_its =
                hold.is_some_and(|hold| (hold.member_id, hold.payment_id) == (record.member_id, Some(payment_id)));
            if record.hold_id.is_some() != is_its {
                findings.add(PAID, Finding::of(payment_id, "its hold is not there, or belongs to another payment"));
            }
            let back = record.given_back.unwrap_or(0);
            let moved = entry.and_then(|position| entries.get(&position));
            let told = moved.map(|entry| (entry.member_id, entry.kind, entry.amount));
            let wanted = (back > 0).then_some((record.member_id, EntryKind::UseCancel, back));
            if told != wanted || entry.is_some() != moved.is_some() || back > hold.map_or(0, |hold| hold.captured) {
                findings.add(PAID, Finding::of(payment_id, format!("{wanted:?} came back, the entry says {told:?}")));
            }
            given_back.extend(*entry);
            found.extend(record.hold_id);
        }
        Ok(())
    })?;
    for (hold_id, _) in holds.iter().filter(|(hold_id, hold)| hold.payment_id.is_some() && !found.contains(*hold_id)) {
        findings.add(PAID, Finding::of(*hold_id, "this hold belongs to a payment that does not know it"));
    }
    Ok(given_back)
}

fn entries_of(session: &mut dyn Session, positions: impl Iterator<Item = i64>) -> Result<HashMap<i64, EntryRow>> {
    let keys: Vec<Value> = positions.map(Value::Int).collect();
    let rows = session.load_many(&ENTRY, &keys)?;
    Ok(rows.iter().filter_map(EntryRow::read).map(|entry| (entry.position, entry)).collect())
}

/// Hands all rows over, in pieces, the highest number first.
fn each_piece(
    session: &mut dyn Session,
    table: &'static Table,
    mut look: impl FnMut(&mut dyn Session, &[Row]) -> Result<()>,
) -> Result<()> {
    let (columns, name, key) = (table.column_list(), table.name, table.key());
    let sql = format!("SELECT {columns} FROM {name} WHERE {key} < $1 ORDER BY {key} DESC LIMIT $2");
    let mut before = i64::MAX;
    loop {
        let rows = session.query(&sql, &[before.into(), PIECE_ROWS.into()])?;
        let Some(last) = rows.last() else { return Ok(()) };
        before = last.int(0);
        look(session, &rows)?;
    }
}
