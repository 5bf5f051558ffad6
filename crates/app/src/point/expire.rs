//! What time does to accounts: lots that have ended leave before anything else is decided, lots that are about to end
//! are announced.

use std::collections::HashMap;

use domain::kernel::Day;
use domain::point;
use platform::error::Result;
use platform::funnel::Out;

use super::store::{Loaded, Slot};
use crate::kit::day_of;

/// A lot that has ended leaves its entry, and perhaps an event that says that it was not announced.
const ROWS_PER_LOT: usize = 2;

/// Log rows that the ended lots of these accounts may leave.
pub(super) fn ended_rows(slots: &HashMap<i64, Slot>, today: Day) -> usize {
    let ended = |slot: &Slot| match slot.account.lots.earliest() {
        Some(month) if month < today.month => {
            slot.account.lots.iter().take_while(|(month, _)| *month < today.month).count()
        }
        _ => 0,
    };
    slots.values().map(ended).sum::<usize>() * ROWS_PER_LOT
}

impl Loaded {
    /// Expires what has ended. The rows are none of the command's own: its key stays for its answer.
    pub(super) fn expire_lots(&mut self, member_id: i64, out: &mut Out<'_>) -> Result<()> {
        let today = day_of(out.moment.day);
        while let Some(event) = self.slots.get(&member_id).and_then(|slot| point::expire_lots(&slot.account, today)) {
            out.aside(|out| self.record(member_id, &event, out))?;
        }
        Ok(())
    }

    /// Announces what is about to end.
    pub(super) fn announce_expiry(&mut self, member_id: i64, out: &mut Out<'_>) -> Result<()> {
        let today = day_of(out.moment.day);
        while let Some(event) = self.slots.get(&member_id).and_then(|slot| point::announce_expiry(&slot.account, today))
        {
            self.record(member_id, &event, out)?;
        }
        Ok(())
    }
}
