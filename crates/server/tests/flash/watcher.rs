//! Looks at the stock all the time: what is sold, reserved and free is what was loaded, and nothing that was sold comes
//! back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::market::{GIFTICON, Market, Visitor};
use crate::support::Engine;

/// So that the buyers have the machine, and not the watcher.
const PAUSE: Duration = Duration::from_micros(500);

/// How the pieces stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pieces {
    pub sold: i64,
    pub reserved: i64,
    pub free: i64,
}

impl Pieces {
    fn read(gifticon: &Value) -> Self {
        let pieces = |name: &str| gifticon[name].as_i64().unwrap_or_else(|| panic!("{name}: {gifticon}"));
        Self { sold: pieces("soldQuantity"), reserved: pieces("reservedQuantity"), free: pieces("availableQuantity") }
    }

    /// As a process says now; nothing if none answers.
    pub fn asked(visitor: &mut Visitor<'_>) -> Option<Self> {
        let answer = visitor.get(&format!("/gifticons/{GIFTICON}")).ok()?;
        (answer.status == 200).then(|| Self::read(&answer.json))
    }

    /// Whether every piece is sold.
    pub fn all_sold(self) -> bool {
        self.reserved == 0 && self.free == 0
    }

    /// What is wrong with it; so many had been sold before, of so many that were loaded.
    fn wrong(self, sold_before: i64, loaded: i64) -> Option<String> {
        let Self { sold, reserved, free } = self;
        let holds = sold + reserved + free == loaded && sold.min(reserved).min(free) >= 0 && sold >= sold_before;
        (!holds).then(|| format!("{self:?} of {loaded}, {sold_before} sold before"))
    }
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Times that a process said how the pieces stand.
    pub looks: usize,
    /// Different numbers of pieces that were free.
    pub free: std::collections::BTreeSet<i64>,
    /// What was wrong.
    pub wrongs: Vec<String>,
}

/// Looks until it is over, and once at least.
pub fn watch(market: &Market, loaded: i64, over: &AtomicBool) -> Seen {
    let (mut seen, mut sold) = (Seen::default(), 0);
    let mut visitors: Vec<_> = (0..market.processes()).map(|process| Visitor::new(market, process)).collect();
    while seen.looks == 0 || !over.load(Ordering::Relaxed) {
        let next = seen.looks % visitors.len();
        std::thread::sleep(PAUSE);
        let Some(pieces) = Pieces::asked(&mut visitors[next]) else { continue };
        seen.looks += 1;
        seen.free.insert(pieces.free);
        seen.wrongs.extend(pieces.wrong(sold, loaded));
        sold = pieces.sold;
    }
    seen
}

#[test]
fn control_a_row_that_is_wrong_is_seen_by_who_looks() {
    let market = Market::open(Engine::Sqlite, 1, 10);
    let over = AtomicBool::new(true);
    assert_eq!(watch(&market, 10, &over).wrongs, Vec::<String>::new());
    market.change_and_restart("UPDATE gifticon SET free = free - 1");
    assert_eq!(watch(&market, 10, &over).wrongs.len(), 1);
}

#[test]
fn a_leak_and_a_piece_too_many_are_seen() {
    let pieces = Pieces { sold: 5, reserved: 2, free: 3 };
    assert_eq!(pieces.wrong(4, 10), None);
    assert!(pieces.wrong(6, 10).is_some(), "what was sold came back");
    for wrong in [
        Pieces { free: 2, ..pieces },
        Pieces { sold: 6, ..pieces },
        Pieces { reserved: 3, ..pieces },
        Pieces { free: -1, reserved: 6, ..pieces },
    ] {
        assert!(wrong.wrong(4, 10).is_some(), "{wrong:?}");
    }
}
