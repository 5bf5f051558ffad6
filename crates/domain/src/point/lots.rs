//! Lots: a balance by the month in which it expires. At most 61 are open at once (60 months ahead and this one).

use alloc::vec::Vec;

use crate::kernel::Month;

/// Open lots, earliest expiry first, none of them empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lots(Vec<(Month, i64)>);

/// How a movement changes lots: points by expiry month, with sign.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LotChange(pub Vec<(Month, i64)>);

impl Lots {
    /// Lots from rows; sorted, empty ones left out.
    #[must_use]
    pub fn new(mut lots: Vec<(Month, i64)>) -> Self {
        lots.retain(|(_, point)| *point != 0);
        lots.sort_unstable_by_key(|(month, _)| *month);
        Self(lots)
    }

    /// Expiry month and points of each, earliest first.
    pub fn iter(&self) -> impl Iterator<Item = (Month, i64)> {
        self.0.iter().copied()
    }

    /// All points.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.0.iter().map(|(_, point)| *point).sum()
    }

    /// The month that ends first.
    #[must_use]
    pub fn earliest(&self) -> Option<Month> {
        self.0.first().map(|(month, _)| *month)
    }

    /// Taking `amount` from the lots that expire first. The caller has checked that they hold that much.
    #[must_use]
    pub fn take_earliest(&self, amount: i64) -> LotChange {
        self.take_from(None, amount)
    }

    /// As [`Lots::take_earliest`], but what the lot of `own` holds goes first.
    #[must_use]
    pub fn take_from(&self, own: Option<Month>, amount: i64) -> LotChange {
        let mut rest = amount;
        let mut taken = Vec::new();
        let is_own = |month: Month| own == Some(month);
        let first = self.iter().filter(|(month, _)| is_own(*month));
        for (month, point) in first.chain(self.iter().filter(|(month, _)| !is_own(*month))) {
            if rest == 0 {
                break;
            }
            let part = point.min(rest);
            taken.push((month, -part));
            rest -= part;
        }
        debug_assert_eq!(rest, 0, "lots hold less than the balance");
        LotChange(taken)
    }

    /// Taking everything.
    pub(super) fn as_taken(&self) -> LotChange {
        LotChange(self.iter().map(|(month, point)| (month, -point)).collect())
    }

    /// Takes a change in.
    pub(super) fn change(&mut self, change: &LotChange) {
        for (month, point) in &change.0 {
            match self.0.binary_search_by_key(month, |(month, _)| *month) {
                Ok(place) => {
                    self.0[place].1 += point;
                    if self.0[place].1 == 0 {
                        self.0.remove(place);
                    }
                }
                Err(place) => self.0.insert(place, (*month, *point)),
            }
        }
    }
}

impl LotChange {
    /// `point` more in the lot of `month`.
    #[must_use]
    pub fn add(month: Month, point: i64) -> Self {
        Self(alloc::vec![(month, point)])
    }

    /// The change that undoes this one, in the same order.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self(self.0.iter().map(|(month, point)| (*month, -point)).collect())
    }
}
