//! What is left of each gifticon, as the last batch that touched it left it: so that whoever comes after the last piece
//! is gone is told so at once, without waiting for a batch.

use std::collections::HashMap;

use domain::gifticon::{Gifticon, StockRefusal};
use parking_lot::RwLock;

/// On a store that several processes share, a figure is believed for so many milliseconds.
const SHARED_BELIEF_MS: i64 = 50;

/// What a gifticon had after a commit.
#[derive(Debug, Clone, Copy)]
struct Figure {
    free: i64,
    on_sale: bool,
    /// When, on the clock that only goes forward, in milliseconds.
    at_ms: i64,
}

/// What is left of each gifticon.
#[derive(Debug)]
pub(super) struct Figures {
    known: RwLock<HashMap<i64, Figure>>,
    /// How long a figure is believed, in milliseconds; none: until another batch says otherwise.
    belief_ms: Option<i64>,
}

impl Figures {
    /// Nothing is known yet. `is_shared`: other processes may change what is left.
    pub(super) fn new(is_shared: bool) -> Self {
        Self { known: RwLock::default(), belief_ms: is_shared.then_some(SHARED_BELIEF_MS) }
    }

    /// Notes what a batch left that is committed.
    pub(super) fn note(&self, left: &[(i64, i64, bool)], at_ms: i64) {
        if !left.is_empty() {
            let mut known = self.known.write();
            known.extend(
                left.iter().map(|(gifticon_id, free, on_sale)| {
                    (*gifticon_id, Figure { free: *free, on_sale: *on_sale, at_ms })
                }),
            );
        }
    }

    /// Why there are not so many pieces, if that is certain; nothing where it has to be looked up.
    pub(super) fn refuses(&self, gifticon_id: i64, quantity: i64, now_ms: i64) -> Option<StockRefusal> {
        let figure = *self.known.read().get(&gifticon_id)?;
        let is_believed = self.belief_ms.is_none_or(|belief_ms| now_ms - figure.at_ms <= belief_ms);
        if !is_believed {
            return None;
        }
        if !figure.on_sale {
            return Some(StockRefusal::NotOnSale);
        }
        (quantity > figure.free).then_some(StockRefusal::OutOfStock)
    }
}

/// What a batch leaves of a gifticon.
pub(super) fn left_of(gifticon: &Gifticon) -> (i64, i64, bool) {
    (gifticon.gifticon_id, gifticon.free, gifticon.on_sale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_certain_is_refused() {
        let figures = Figures::new(false);
        assert_eq!(figures.refuses(1, 5, 0), None, "nothing is known");
        figures.note(&[(1, 4, true), (2, 4, false)], 0);
        assert_eq!(figures.refuses(1, 4, 0), None, "there may be so many");
        assert_eq!(figures.refuses(1, 5, i64::MAX), Some(StockRefusal::OutOfStock));
        assert_eq!(figures.refuses(2, 1, 0), Some(StockRefusal::NotOnSale));
        figures.note(&[(1, 5, true)], 1);
        assert_eq!(figures.refuses(1, 5, 2), None, "a piece came back");
    }

    #[test]
    fn what_others_may_have_changed_is_believed_for_a_moment() {
        let figures = Figures::new(true);
        figures.note(&[(1, 0, true)], 100);
        assert_eq!(figures.refuses(1, 1, 100 + SHARED_BELIEF_MS), Some(StockRefusal::OutOfStock));
        assert_eq!(figures.refuses(1, 1, 101 + SHARED_BELIEF_MS), None);
    }
}
