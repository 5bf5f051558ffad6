//! The context settlement: lines come in by the sequences of their merchants, runs close what is open.

use std::collections::BTreeMap;

use domain::kernel::Month;
use domain::settlement::{self, Asked, Event, LastRun, Line, Merchant};

/// What deal tells of a merchant's event.
#[derive(Debug, Clone, Copy)]
pub enum Told {
    /// The merchant is known, or what is agreed with it has changed.
    Merchant,
    /// A use, or a cancel of one.
    Line(Line),
    /// What does not concern settlement.
    Other,
}

pub struct Settlement {
    merchants: BTreeMap<i64, Merchant>,
    last: BTreeMap<(i64, i64), LastRun>,
    runs: Vec<Event>,
    tallies: i64,
    takes_twice: bool,
}

impl Settlement {
    pub fn new(takes_twice: bool) -> Self {
        Self { merchants: BTreeMap::new(), last: BTreeMap::new(), runs: Vec::new(), tallies: 0, takes_twice }
    }

    /// Takes an event of a merchant in.
    pub fn take(&mut self, merchant_id: i64, sequence: i64, told: Told) {
        let merchant = self.merchants.entry(merchant_id).or_insert_with(|| Merchant::new(merchant_id));
        if self.takes_twice {
            merchant.through = merchant.through.min(sequence - 1);
        }
        match told {
            Told::Merchant => settlement::set_fee_rate(merchant, None, sequence),
            Told::Line(line) => {
                self.tallies += 1;
                settlement::take_in(merchant, &line, sequence, self.tallies).expect("small sums");
            }
            Told::Other => {}
        }
    }

    /// Points and lines of a run of this month; nothing if there is none.
    pub fn bill(&mut self, merchant_id: i64, month: Month, now: Month) -> Option<(i64, i64)> {
        let billing_id = i64::try_from(self.runs.len()).expect("a short history") + 1;
        let last = self.last.get(&(merchant_id, month.as_number())).copied();
        let asked = Asked { month, now, fee_rate: 200, now_ms: 0 };
        let merchant = self.merchants.get_mut(&merchant_id)?;
        let event = settlement::bill(Some(merchant), last, &asked, billing_id).ok()??;
        settlement::apply(merchant, &event);
        let Event::Billed { run, used_point, deal_count, .. } = event;
        self.last.insert((merchant_id, month.as_number()), LastRun { run, billing_id });
        self.runs.push(event);
        Some((used_point, deal_count))
    }

    /// Months of this merchant with something that is not billed.
    pub fn months(&self, merchant_id: i64) -> Vec<Month> {
        self.merchants
            .get(&merchant_id)
            .map_or_else(Vec::new, |merchant| merchant.open.iter().map(|tally| tally.month).collect())
    }

    /// Month and `through` of a merchant's runs.
    pub fn marks(&self, of: i64) -> Vec<(i64, i64)> {
        let mark = |run: &Event| {
            let Event::Billed { merchant_id, billing_month, through, .. } = *run;
            (merchant_id == of).then_some((billing_month, through))
        };
        self.runs.iter().filter_map(mark).collect()
    }

    fn used_points(&self) -> impl Iterator<Item = i64> {
        self.runs.iter().map(|Event::Billed { used_point, .. }| *used_point)
    }

    /// Points of all runs.
    pub fn billed_point(&self) -> i64 {
        self.used_points().sum()
    }

    /// Whether more was cancelled than used in a run.
    pub fn has_negative_run(&self) -> bool {
        self.used_points().any(|point| point < 0)
    }
}
