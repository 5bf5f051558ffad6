//! What `onepoint verify` looks at in point.

use std::collections::{BTreeMap, HashMap};

use domain::point::EntryKind;
use platform::db::{Cursor, Session};
use platform::error::Result;

use super::chain::{self, Link};
use super::entry::{EntryRow, changed_lots, open_lots};
use super::inspect_deals::{CANCELLED, MOVED, inspect_deals};
use super::inspect_holds::{CAPTURED, HELD, Held, PAID, inspect_holds};
use super::store::{ACCOUNT, ENTRY, SUMMED, Slot, donate_entries};
use crate::kit::{Finding, Findings};

const PIECE_ROWS: usize = 5_000;
/// The list that a statement walks is the chain that the hashes make.
const STATEMENT: &str = "statements reach every entry";

/// What the entries of a member add up to.
struct Fold {
    balance: i64,
    sequence: i64,
    head: Link,
    /// Position of the last entry.
    last: i64,
    lots: HashMap<i64, i64>,
}

/// Sequence and balance of each member's last entry.
pub type Balances = HashMap<i64, (i64, i64)>;

/// Member and points of each donation that the ledger has an entry for.
pub type Donated = HashMap<i64, (i64, i64)>;

/// What the ledger says of donations, for comparing donation with: one entry for each that was granted.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn donated(session: &mut dyn Session) -> Result<Donated> {
    let (mut donated, mut after) = (Donated::new(), 0);
    loop {
        let rows = donate_entries(session, after)?;
        let Some(last) = rows.last() else { return Ok(donated) };
        after = last.int(0);
        for row in &rows {
            let donation_id = row.text(3).parse().unwrap_or(0);
            let (_, point) = donated.entry(donation_id).or_insert((row.int(1), 0));
            *point -= row.int(2);
        }
    }
}

/// Replays the ledger and compares it with the accounts: balances, lots, chains (invariants I-01 to I-04). Also gives
/// what the ledger says of each balance, for comparing views with.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn inspect(session: &mut dyn Session, progress: &mut dyn FnMut(u64)) -> Result<(Findings, Balances)> {
    let mut findings = Findings::new(&[
        "balance = sum of entries",
        "balance = sum of lots",
        "no figure below zero",
        "hash chain unbroken",
        "every entry has its account",
        STATEMENT,
        MOVED,
        CANCELLED,
        HELD,
        CAPTURED,
        PAID,
    ]);
    let folds = fold_entries(session, &mut findings, progress)?;
    let (mut after, mut held) = (0, Held::default());
    let mut without_account: HashMap<i64, ()> = folds.keys().map(|id| (*id, ())).collect();
    loop {
        let sql = format!(
            "SELECT {} FROM {} WHERE member_id > $1 ORDER BY member_id LIMIT $2",
            ACCOUNT.column_list(),
            ACCOUNT.name
        );
        let rows = session.query(&sql, &[after.into(), (PIECE_ROWS as i64).into()])?;
        for row in &rows {
            held.note(row.int(3), &Slot::read(row), &mut findings);
            let Slot { account, head, last_entry, .. } = Slot::read(row);
            after = account.member_id;
            without_account.remove(&account.member_id);
            let fold = folds.get(&account.member_id);
            compare(&mut findings, row.text(6), &account, head, fold);
            if last_entry != fold.map_or(0, |fold| fold.last) {
                findings.add(STATEMENT, Finding::of(after, "the account does not name the last entry"));
            }
        }
        if rows.len() < PIECE_ROWS {
            break;
        }
    }
    for id in without_account.into_keys() {
        findings.add("every entry has its account", Finding::of(id, "entries without an account"));
    }
    let given_back = inspect_holds(session, held, &mut findings)?;
    inspect_deals(session, given_back, &mut findings)?;
    let balances = folds.into_iter().map(|(id, fold)| (id, (fold.sequence, fold.balance))).collect();
    Ok((findings, balances))
}

fn compare(findings: &mut Findings, lots: &str, account: &domain::point::Account, head: Link, fold: Option<&Fold>) {
    let id = account.member_id;
    let empty = Fold { balance: 0, sequence: 0, head: chain::START, last: 0, lots: HashMap::new() };
    let fold = fold.unwrap_or(&empty);
    if fold.balance != account.remain_point {
        findings.add(
            "balance = sum of entries",
            Finding::of(id, format!("the entries sum to {}, the balance is {}", fold.balance, account.remain_point)),
        );
    }
    let open = open_lots(lots);
    let differs = open.iter().any(|(month, point)| fold.lots.get(&month.as_number()) != Some(&point));
    if open.total() != account.remain_point || differs {
        findings.add(
            "balance = sum of lots",
            Finding::of(id, format!("the lots sum to {}, the balance is {}", open.total(), account.remain_point)),
        );
    }
    if account.remain_point < 0 || account.held() < 0 || account.owed < 0 || open.iter().any(|(_, point)| point < 0) {
        findings.add("no figure below zero", Finding::of(id, "a figure is below zero"));
    }
    if fold.head != head {
        findings.add("hash chain unbroken", Finding::of(id, "the last entry is not the one that the account names"));
    }
}

fn fold_entries(
    session: &mut dyn Session,
    findings: &mut Findings,
    progress: &mut dyn FnMut(u64),
) -> Result<HashMap<i64, Fold>> {
    let mut folds: HashMap<i64, Fold> = HashMap::new();
    let mut after = Cursor::default();
    loop {
        let rows = session.read_log(&ENTRY, after, i64::MAX, PIECE_ROWS)?;
        for (cursor, row) in &rows {
            after = *cursor;
            let Some(entry) = EntryRow::read(row) else {
                findings.add("hash chain unbroken", Finding::of(row.int(0), "an entry of an unknown kind"));
                continue;
            };
            let fold = folds.entry(entry.member_id).or_insert_with(|| Fold {
                balance: 0,
                sequence: 0,
                head: chain::START,
                last: 0,
                lots: HashMap::new(),
            });
            if entry.previous != fold.last {
                findings.add(STATEMENT, Finding::of(entry.position, "this entry does not name the one before it"));
            }
            fold.last = entry.position;
            fold.head = chain::link(&fold.head, &entry);
            if row.blob(13) != Some(&fold.head[..]) || entry.sequence <= fold.sequence {
                findings.add(
                    "hash chain unbroken",
                    Finding::of(entry.position, "this entry does not follow from the one before it"),
                );
            }
            fold.sequence = entry.sequence;
            fold.balance += entry.amount;
            if fold.balance != entry.balance_after {
                findings.add(
                    "balance = sum of entries",
                    Finding::of(entry.position, "the balance after this entry is not what the entries sum to"),
                );
            }
            for (month, point) in changed_lots(&entry.lots).0 {
                *fold.lots.entry(month.as_number()).or_default() += point;
            }
        }
        progress(rows.len() as u64);
        if rows.len() < PIECE_ROWS {
            return Ok(folds);
        }
    }
}

/// How many entries of each kind the ledger has up to this place in point's log, and their points with sign.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn summed(session: &mut dyn Session, until: Cursor) -> Result<BTreeMap<&'static str, (i64, i64)>> {
    let (mut sums, mut after) = (BTreeMap::new(), Cursor::default());
    loop {
        let rows = session.read_log(&SUMMED, after, i64::MAX, PIECE_ROWS)?;
        for (cursor, row) in rows.iter().filter(|(cursor, _)| *cursor <= until) {
            after = *cursor;
            if let Some(kind) = EntryKind::from_name(row.text(1)) {
                let (quantity, point): &mut (i64, i64) = sums.entry(kind.name()).or_default();
                (*quantity, *point) = (*quantity + 1, *point + row.int(2));
            }
        }
        if rows.len() < PIECE_ROWS || rows.last().is_some_and(|(cursor, _)| *cursor > until) {
            return Ok(sums);
        }
    }
}
