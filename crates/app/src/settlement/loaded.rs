//! What a batch of settlement works on: loaded and locked before, stored after.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use domain::kernel::Month;
use domain::settlement::{self, Asked, Event, LastRun, Line, LineKind, Merchant};
use platform::db::{Row, Session, Value};
use platform::error::{Error, Result};
use platform::funnel::Out;

use super::refusal;
use super::store::{
    BILLING, BilledTally, CLOSING, Closing, LINE, MERCHANT, RUN, StoredLine, TALLY, billing_row, merchant_month,
    merchant_row, read_merchant,
};
use crate::kit::lock_numbers;

/// What the commands of a batch touch.
#[derive(Default)]
pub(super) struct Touched {
    pub(super) merchants: Vec<i64>,
    /// Where lines come in: merchant, month and kind.
    pub(super) lines: Vec<(i64, Month, LineKind)>,
    pub(super) bills: Vec<(i64, Asked)>,
    pub(super) closes: Vec<(i64, Month)>,
    pub(super) closings: Vec<Month>,
}

/// What a batch works on.
#[derive(Default)]
pub struct Loaded {
    merchants: HashMap<i64, Merchant>,
    changed: BTreeSet<i64>,
    runs: HashMap<(i64, Month), LastRun>,
    changed_runs: BTreeSet<(i64, Month)>,
    closings: HashMap<Month, Closing>,
    changed_closings: BTreeSet<Month>,
    tally_numbers: VecDeque<i64>,
    billing_numbers: VecDeque<i64>,
    lines: Vec<Row>,
    tallies: Vec<Row>,
    billings: Vec<Row>,
}

impl Loaded {
    /// Locks what is touched, and reserves as many numbers as will be needed.
    pub(super) fn load(tx: &mut dyn Session, touched: Touched) -> Result<Self> {
        let Touched { merchants, lines, bills, closes, closings } = touched;
        let mut loaded = Self::default();
        let read = |row: &Row| (row.int(0), read_merchant(row));
        loaded.merchants = lock_numbers(tx, &MERCHANT, merchants)?.iter().map(read).collect();
        let closings = lock_numbers(tx, &CLOSING, closings.iter().map(|month| month.as_number()))?;
        loaded.closings = closings.iter().filter_map(Closing::read).map(|closing| (closing.month, closing)).collect();
        let mut planned: HashSet<(i64, Month)> = closes
            .iter()
            .filter_map(|(merchant_id, month)| Some((loaded.merchants.get(merchant_id)?, month)))
            .flat_map(|(merchant, month)| {
                settlement::close_month(merchant, *month).into_iter().map(|month| (merchant.merchant_id, month))
            })
            .collect();
        let asked = bills.iter().map(|(merchant_id, asked)| (*merchant_id, asked.month));
        loaded.load_runs(tx, planned.iter().copied().chain(asked).collect())?;
        // An ask that bills nothing needs no number, so numbers follow each other.
        let will_bill = |(merchant_id, asked): &&(i64, Asked)| {
            let last = loaded.last_run(*merchant_id, asked.month);
            matches!(settlement::bill(loaded.merchant(*merchant_id), last, asked, 0), Ok(Some(_)))
        };
        planned.extend(bills.iter().filter(will_bill).map(|(merchant_id, asked)| (*merchant_id, asked.month)));
        if !planned.is_empty() {
            loaded.billing_numbers = tx.next_ids("billing_number", planned.len())?.into();
        }
        let is_open = |(merchant_id, month, kind): &&(i64, Month, LineKind)| {
            let open = loaded.merchants.get(merchant_id).map_or(&[][..], |merchant| &merchant.open);
            open.iter().any(|tally| (tally.month, tally.kind) == (*month, *kind))
        };
        let fresh = lines.iter().filter(|line| !is_open(line)).count();
        if fresh > 0 {
            loaded.tally_numbers = tx.next_ids("tally_number", fresh)?.into();
        }
        Ok(loaded)
    }

    fn load_runs(&mut self, tx: &mut dyn Session, planned: HashSet<(i64, Month)>) -> Result<()> {
        let name = |(merchant_id, month)| (merchant_month(merchant_id, month), merchant_id, month);
        let mut named: Vec<_> = planned.into_iter().map(name).collect();
        named.sort_unstable();
        let keys: Vec<Value> = named.iter().map(|(name, ..)| name.as_str().into()).collect();
        let rows = if keys.is_empty() { Vec::new() } else { tx.lock_many(&RUN, &keys)? };
        for row in rows {
            if let Ok(place) = named.binary_search_by(|(name, ..)| name.as_str().cmp(row.text(0))) {
                let (_, merchant_id, month) = &named[place];
                self.runs.insert((*merchant_id, *month), LastRun { run: row.int(1), billing_id: row.int(2) });
            }
        }
        Ok(())
    }

    pub(super) fn planned_runs(&self) -> usize {
        self.billing_numbers.len()
    }

    pub(super) fn merchant(&self, merchant_id: i64) -> Option<&Merchant> {
        self.merchants.get(&merchant_id)
    }

    /// The merchant, which is to be stored.
    pub(super) fn merchant_mut(&mut self, merchant_id: i64) -> &mut Merchant {
        self.changed.insert(merchant_id);
        self.merchants.entry(merchant_id).or_insert_with(|| Merchant::new(merchant_id))
    }

    pub(super) fn last_run(&self, merchant_id: i64, month: Month) -> Option<LastRun> {
        self.runs.get(&(merchant_id, month)).copied()
    }

    /// The number that the next billing would have; 0 if none is due.
    pub(super) fn next_billing(&self) -> i64 {
        self.billing_numbers.front().copied().unwrap_or(0)
    }

    pub(super) fn closing(&self, month: Month) -> Option<Closing> {
        self.closings.get(&month).copied()
    }

    /// The closing, which is to be stored.
    pub(super) fn closing_mut(&mut self, month: Month) -> Option<&mut Closing> {
        self.changed_closings.insert(month);
        self.closings.get_mut(&month)
    }

    pub(super) fn put_closing(&mut self, closing: Closing) -> Closing {
        self.changed_closings.insert(closing.month);
        self.closings.insert(closing.month, closing);
        closing
    }

    /// Takes a line in, unless it was before.
    pub(super) fn take_line(&mut self, merchant_id: i64, line: &Line, sequence: i64, dealt_at_ms: i64) -> Result<()> {
        let next_tally = self.tally_numbers.front().copied().unwrap_or(0);
        let merchant = self.merchant_mut(merchant_id);
        let Some(tally_id) = settlement::take_in(merchant, line, sequence, next_tally).map_err(refusal)? else {
            return Ok(());
        };
        if tally_id == next_tally {
            self.tally_numbers.pop_front().ok_or_else(|| Error::internal("too few numbers were reserved"))?;
        }
        self.lines.push(StoredLine::of(merchant_id, line, dealt_at_ms, tally_id).to_row());
        Ok(())
    }

    /// Takes a run in, and tells of it.
    pub(super) fn record(&mut self, event: &Event, out: &mut Out<'_>) -> Result<()> {
        let Event::Billed { billing_id, merchant_id, billing_month, run, .. } = *event;
        self.billing_numbers
            .pop_front()
            .filter(|number| *number == billing_id)
            .ok_or_else(|| Error::internal("too few numbers were reserved"))?;
        let merchant = self.merchant_mut(merchant_id);
        let billed = settlement::apply(merchant, event);
        let sequence = merchant.sequence;
        self.tallies.extend(billed.into_iter().map(|tally| BilledTally { merchant_id, tally, billing_id }.to_row()));
        self.billings.push(billing_row(event));
        let month = Month::from_number(billing_month).ok_or_else(|| Error::internal("a run without a month"))?;
        self.runs.insert((merchant_id, month), LastRun { run, billing_id });
        self.changed_runs.insert((merchant_id, month));
        out.emit(merchant_id, sequence, event).map(|_| ())
    }

    pub(super) fn store(self, tx: &mut dyn Session) -> Result<()> {
        let merchants = self.changed.iter().filter_map(|id| self.merchants.get(id)).map(merchant_row).collect();
        let run = |key: &(i64, Month)| {
            let LastRun { run, billing_id } = *self.runs.get(key)?;
            Some(Row(vec![merchant_month(key.0, key.1).into(), run.into(), billing_id.into()]))
        };
        let runs = self.changed_runs.iter().filter_map(run).collect();
        let closings =
            self.changed_closings.iter().filter_map(|month| self.closings.get(month)).map(|one| one.to_row()).collect();
        tx.upsert_many(&MERCHANT, merchants)?;
        tx.insert_many(&LINE, self.lines)?;
        tx.insert_many(&TALLY, self.tallies)?;
        tx.insert_many(&BILLING, self.billings)?;
        tx.upsert_many(&RUN, runs)?;
        tx.upsert_many(&CLOSING, closings)
    }
}
