//! Giving points back whose use was cancelled: into the lots that they came from (SPEC section 4, Points and Cancel).

use alloc::vec::Vec;

use super::{Account, EntryKind, Event, LotChange, Movement, Reference};
use crate::kernel::{Day, MAX_SAFE, Month};

/// Points that are given back.
#[derive(Debug, Clone, Copy)]
pub(super) struct GiveBack<'a> {
    /// What the use took, in the order in which it took it.
    pub taken: &'a LotChange,
    /// How much of it was given back before.
    pub before: i64,
    /// How much of the rest is given back; at most all of it.
    pub point: i64,
    /// The day: a lot that has ended takes nothing any more.
    pub today: Day,
}

/// The points come back as if the use had been smaller: what was taken last returns first. Whatever the member's
/// status, and whatever is owed: only earnings repay. A balance that has no room for all of it gets what it has room
/// for. `None`: nothing comes back.
pub(super) fn giving_back(account: &Account, back: GiveBack<'_>, reference: Option<Reference>) -> Option<Event> {
    let lots = returned(GiveBack { point: back.point.min(MAX_SAFE - account.remain_point), ..back });
    let amount: i64 = lots.0.iter().map(|(_, point)| *point).sum();
    (amount > 0).then(|| {
        Event::PointsMoved(Movement {
            kind: EntryKind::UseCancel,
            amount,
            balance_after: account.remain_point + amount,
            lots,
            reference,
            reason: None,
        })
    })
}

fn returned(GiveBack { taken, before, point, today }: GiveBack<'_>) -> LotChange {
    let (mut skipped, mut rest) = (before, point);
    let mut lots: Vec<(Month, i64)> = Vec::new();
    for (month, change) in taken.0.iter().rev() {
        let skip = skipped.min(-change);
        skipped -= skip;
        let part = rest.min(-change - skip);
        rest -= part;
        if part > 0 {
            // What has ended comes back for another month, so that nobody is given what nobody can use.
            let month = if *month < today.month { today.month.plus(1) } else { *month };
            match lots.iter_mut().find(|(of, _)| *of == month) {
                Some((_, sum)) => *sum += part,
                None => lots.push((month, part)),
            }
        }
    }
    LotChange(lots)
}
