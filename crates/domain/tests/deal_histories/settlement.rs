//! What settlement keeps of each merchant: how far it has taken events in, and open tallies by month and kind.

use std::collections::BTreeMap;

#[derive(Default)]
struct Books {
    sequence: i64,
    /// Points and lines that are not billed, by month and whether they are cancels.
    open: BTreeMap<(i64, bool), (i64, i64)>,
}

pub struct Settlement {
    merchants: BTreeMap<i64, Books>,
    /// Merchant, month, `through` and points of each run.
    runs: Vec<(i64, i64, i64, i64)>,
    takes_twice: bool,
}

impl Settlement {
    pub fn new(takes_twice: bool) -> Self {
        Self { merchants: BTreeMap::new(), runs: Vec::new(), takes_twice }
    }

    /// Takes an event of a merchant in, with its month and points if it is a line.
    pub fn take(&mut self, merchant: i64, sequence: i64, line: Option<(i64, i64)>) {
        let books = self.merchants.entry(merchant).or_default();
        if sequence <= books.sequence && !self.takes_twice {
            return;
        }
        books.sequence = books.sequence.max(sequence);
        if let Some((month, point)) = line {
            let tally = books.open.entry((month, point < 0)).or_default();
            *tally = (tally.0 + point, tally.1 + 1);
        }
    }

    /// Points and lines of a run of this month; nothing without new lines.
    pub fn bill(&mut self, merchant: i64, month: i64) -> Option<(i64, i64)> {
        let books = self.merchants.get_mut(&merchant)?;
        let is_due = |(dated, is_cancel): &(i64, bool)| *dated == month || (*is_cancel && *dated < month);
        let due: Vec<_> = books.open.keys().filter(|key| is_due(key)).copied().collect();
        let tallies: Vec<(i64, i64)> = due.iter().filter_map(|key| books.open.remove(key)).collect();
        let sum = |part: fn(&(i64, i64)) -> i64| tallies.iter().map(part).sum::<i64>();
        let (point, count) = (sum(|tally| tally.0), sum(|tally| tally.1));
        self.runs.push((merchant, month, books.sequence, point));
        (count > 0).then_some((point, count))
    }

    /// Month and `through` of a merchant's runs.
    pub fn marks(&self, merchant: i64) -> Vec<(i64, i64)> {
        let of = self.runs.iter().filter(|(of, ..)| *of == merchant);
        of.map(|(_, month, through, _)| (*month, *through)).collect()
    }

    /// Points of all runs.
    pub fn billed_point(&self) -> i64 {
        self.runs.iter().map(|(.., point)| point).sum()
    }

    /// Whether more was cancelled than used in a run.
    pub fn has_negative_run(&self) -> bool {
        self.runs.iter().any(|(.., point)| *point < 0)
    }

    /// Months of this merchant with lines that are not billed.
    pub fn months(&self, merchant: i64) -> Vec<i64> {
        self.merchants
            .get(&merchant)
            .map_or_else(Vec::new, |books| books.open.keys().map(|(month, _)| *month).collect())
    }
}
