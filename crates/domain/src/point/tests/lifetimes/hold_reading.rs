//! What is wrong with the rows of holds.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use super::Row;
use super::holds::OF_HOLDS;
use super::reading::Reader;

/// A hold that has not ended.
pub(super) struct OpenHold {
    lots: Vec<(i64, i64)>,
    until: (i32, i32, i32),
}

impl Reader {
    /// The lots less what is held of them.
    pub(super) fn free(&self) -> BTreeMap<i64, i64> {
        let mut free = self.state.lots.clone();
        for (month, point) in &self.state.held {
            *free.entry(*month).or_default() -= point;
        }
        free.retain(|_, point| *point != 0);
        free
    }

    pub(super) fn set_aside(&mut self, row: &Row, hold: i64, lots: &[(i64, i64)], until: (i32, i32, i32)) {
        for (month, point) in lots {
            *self.state.held.entry(*month).or_default() += point;
        }
        let last = lots.iter().map(|(month, _)| *month).max().unwrap_or_default();
        let (left, this_month) = (self.free(), i64::from(row.day.0) * 100 + i64::from(row.day.1));
        let right = left.iter().all(|(month, point)| *point > 0 && *month >= last);
        self.must(right, || format!("{row:?}: not what is free and expires first"));
        let good = lots.iter().all(|(month, point)| *point > 0 && *month >= this_month) && row.day < until;
        self.must(good, || format!("{row:?}: nothing is held, or what has ended"));
        let is_new = self.known.insert(hold);
        self.must(is_new, || format!("{row:?}: it was there before"));
        self.open.insert(hold, OpenHold { lots: lots.to_vec(), until });
    }

    pub(super) fn set_free(&mut self, row: &Row, hold: i64, why: &str) {
        let Some(open) = self.end(row, hold) else { return };
        self.must(why != "EXPIRED" || open.until <= row.day, || format!("{row:?}: it had time left"));
    }

    pub(super) fn captured(&mut self, row: &Row, reference: i64, lots: &[(i64, i64)]) {
        let Some(open) = self.end(row, reference - OF_HOLDS) else { return };
        self.must(row.day < open.until, || format!("{row:?}: its time was over"));
        let mut rest: i64 = lots.iter().map(|(_, point)| -point).sum();
        let mut expected = open.lots.clone();
        for (_, point) in &mut expected {
            *point = -rest.min(*point);
            rest += *point;
        }
        expected.retain(|(_, point)| *point != 0);
        let right = rest == 0 && expected == lots;
        self.must(right, || format!("{row:?}: not what was held"));
    }

    fn end(&mut self, row: &Row, hold: i64) -> Option<OpenHold> {
        let open = self.open.remove(&hold);
        self.must(open.is_some(), || format!("{row:?}: it had ended"));
        for (month, point) in open.iter().flat_map(|open| &open.lots) {
            *self.state.held.entry(*month).or_default() -= point;
            self.freed.insert(*month);
        }
        self.state.held.retain(|_, point| *point != 0);
        open
    }
}
