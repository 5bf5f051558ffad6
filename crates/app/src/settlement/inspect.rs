//! What `onepoint verify` looks at in settlement.

use std::collections::{HashMap, HashSet};

use domain::deal;
use domain::kernel::Month;
use domain::settlement::{Event, LineKind, Tally, billing_amount};
use platform::db::{Cursor, Session};
use platform::error::Result;
use platform::funnel::read_cursor;
use platform::log::LogReader;
use platform::parked;

use super::store::{BILLING, BilledTally, LINE, MERCHANT, StoredLine, TALLY, read_billing, read_merchant, rows_after};
use crate::kit::{Finding, Findings};

const PIECE_ROWS: i64 = 5_000;
const IN_TALLY: &str = "every line is in exactly one tally";
const SUMMED: &str = "a tally = sum of its lines";
const BILLED: &str = "a billing = sum of its tallies, less the fee";
const FROM_LOG: &str = "a line for every use and every cancel of one, and no other";
const CONSUMER: &str = "settlement<deal";

/// The lines, and how much of deal's log they come from.
#[derive(Default)]
pub struct Lines {
    /// Merchant and points of each line.
    lines: HashMap<i64, (i64, i64)>,
    cursor: Cursor,
    /// Merchants with events that wait for an operator.
    parked: HashSet<i64>,
}

/// What the lines of a tally come to: merchant, month and kind, points and how many.
type Sum = ((i64, i64, LineKind), i64, i64);

/// Compares lines with tallies and tallies with billings. Also gives the lines, for comparing deal's log with.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn inspect(session: &mut dyn Session) -> Result<(Findings, Lines)> {
    let mut findings = Findings::new(&[IN_TALLY, SUMMED, BILLED, FROM_LOG]);
    let mut lines = Lines { cursor: read_cursor(session, CONSUMER)?, ..Lines::default() };
    lines.parked = parked::subjects(session, CONSUMER)?.0;
    let mut sums = sum_lines(session, &mut lines)?;
    let mut billings: HashMap<i64, (i64, i64)> = HashMap::new();
    let mut after = 0;
    loop {
        let rows = rows_after(session, &TALLY, after, PIECE_ROWS)?;
        let Some(last) = rows.last() else { break };
        after = last.int(0);
        for row in &rows {
            let Some(BilledTally { merchant_id, tally, billing_id }) = BilledTally::read(row) else {
                findings.add(SUMMED, Finding::of(row.int(0), "a tally that cannot be read"));
                continue;
            };
            compare(&mut findings, &mut sums, merchant_id, &tally);
            let (point, count) = billings.entry(billing_id).or_default();
            (*point, *count) = (*point + tally.point, *count + tally.deal_count);
        }
    }
    look_at_merchants(session, &mut findings, &mut sums)?;
    for (tally_id, (_, _, count)) in sums {
        findings.add(IN_TALLY, Finding::of(tally_id, format!("{count} lines name this tally, which is not there")));
    }
    look_at_billings(session, &mut findings, billings)?;
    Ok((findings, lines))
}

fn sum_lines(session: &mut dyn Session, lines: &mut Lines) -> Result<HashMap<i64, Sum>> {
    let (mut sums, mut after) = (HashMap::new(), 0);
    loop {
        let rows = rows_after(session, &LINE, after, PIECE_ROWS)?;
        let Some(last) = rows.last() else { return Ok(sums) };
        after = last.int(0);
        for line in rows.iter().map(StoredLine::read) {
            lines.lines.insert(line.deal_id, (line.merchant_id, line.point));
            let of = (line.merchant_id, line.month, line.kind);
            // A line under another's tally makes the sums differ.
            let (_, point, count) = sums.entry(line.tally_id).or_insert((of, 0, 0));
            (*point, *count) = (*point + line.point, *count + 1);
        }
    }
}

/// Compares a tally with its lines, and takes it off the list.
fn compare(findings: &mut Findings, sums: &mut HashMap<i64, Sum>, merchant_id: i64, tally: &Tally) {
    let Tally { tally_id, month, kind, point, deal_count, .. } = *tally;
    let Some((of, sum, count)) = sums.remove(&tally_id) else {
        findings.add(IN_TALLY, Finding::of(tally_id, "a tally without lines, or one that stands twice"));
        return;
    };
    if of != (merchant_id, month.as_number(), kind) {
        findings.add(IN_TALLY, Finding::of(tally_id, "its lines are of another merchant, month or kind"));
    }
    if (sum, count) != (point, deal_count) {
        let what = format!("it shows {point} points of {deal_count} lines, they are {sum} of {count}");
        findings.add(SUMMED, Finding::of(tally_id, what));
    }
}

fn look_at_merchants(
    session: &mut dyn Session,
    findings: &mut Findings,
    sums: &mut HashMap<i64, Sum>,
) -> Result<()> {
    let mut after = 0;
    loop {
        let rows = rows_after(session, &MERCHANT, after, PIECE_ROWS)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.int(0);
        for merchant in rows.iter().map(read_merchant) {
            merchant.open.iter().for_each(|tally| compare(findings, sums, merchant.merchant_id, tally));
        }
    }
}

fn look_at_billings(
    session: &mut dyn Session,
    findings: &mut Findings,
    mut tallies: HashMap<i64, (i64, i64)>,
) -> Result<()> {
    let mut after = 0;
    loop {
        let rows = rows_after(session, &BILLING, after, PIECE_ROWS)?;
        let Some(last) = rows.last() else { break };
        after = last.int(0);
        for row in &rows {
            let Event::Billed { billing_id, used_point, fee_rate, billing_amount: amount, deal_count, .. } =
                read_billing(row);
            let (point, count) = tallies.remove(&billing_id).unwrap_or_default();
            if (used_point, deal_count) != (point, count) {
                let what = format!("it shows {used_point} points of {deal_count} lines, its tallies {point} of {count}");
                findings.add(BILLED, Finding::of(billing_id, what));
            }
            let owed = billing_amount(used_point, fee_rate);
            if amount != owed || Month::from_number(row.int(2)).is_none() {
                findings.add(BILLED, Finding::of(billing_id, format!("it is over {amount} won, owed are {owed}")));
            }
        }
    }
    for billing_id in tallies.into_keys() {
        findings.add(BILLED, Finding::of(billing_id, "tallies of a billing that is not there"));
    }
    Ok(())
}

/// Compares the lines with the uses and cancels of uses in deal's log, as far as settlement has read it. Merchants with
/// parked events are left out.
///
/// # Errors
/// `Unavailable` when the store cannot be reached; `Internal` for an event that cannot be read.
pub fn compare_with_log(lines: Lines, log: &mut LogReader, findings: &mut Findings) -> Result<()> {
    let Lines { mut lines, cursor, parked } = lines;
    let mut after = Cursor::default();
    'log: while after < cursor {
        let page = log.read(after, 5_000)?;
        if page.end == after {
            break;
        }
        after = page.end;
        for event in page.events {
            if event.cursor > cursor {
                break 'log;
            }
            let (facts, sign) = match event.kind.as_str() {
                "UseDealt" | "UseCancelled" => match event.decode()? {
                    deal::Event::UseDealt(facts) => (facts, 1),
                    deal::Event::UseCancelled(facts) => (facts, -1),
                    _ => continue,
                },
                _ => continue,
            };
            let line = lines.remove(&facts.deal_id);
            if line != Some((facts.merchant_id, sign * facts.point)) && !parked.contains(&facts.merchant_id) {
                let what = format!("deal has {} points of it, the line says {line:?}", sign * facts.point);
                findings.add(FROM_LOG, Finding::of(facts.deal_id, what));
            }
        }
    }
    for (deal_id, (merchant_id, point)) in lines {
        let what = format!("a line over {point} points of merchant {merchant_id}, and deal tells of no such deal");
        findings.add(FROM_LOG, Finding::of(deal_id, what));
    }
    Ok(())
}
