//! Lots that end: what time does to an account, and what is said of it beforehand (SPEC section 4, Points).
//!
//! A lot ends with the last day of its month. It is announced 60, 30 and 3 days before, each once; of several
//! announcements that are due together only the closest is made. What ended unannounced is on record before it is gone.

use alloc::vec::Vec;

use super::{Account, EntryKind, Event, LotChange, Lots, Movement};
use crate::kernel::{Day, Month};

/// Days before its end at which a lot is announced, the widest first.
pub const NOTICE_DAYS: [i64; 3] = [60, 30, 3];
/// Every announcement was made, or is not due any more.
const ALL: u8 = 0b111;
/// A lot that is announced ends at most so many months after the month of the announcement.
const NOTICE_MONTHS: i32 = 2;

/// Which announcements were made, by expiry month; only months that had any. Bit 0 is the widest of [`NOTICE_DAYS`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notices(Vec<(Month, u8)>);

impl Notices {
    /// Notices from rows.
    #[must_use]
    pub fn new(notices: Vec<(Month, u8)>) -> Self {
        Self(notices)
    }

    /// Expiry month and mask of each.
    pub fn iter(&self) -> impl Iterator<Item = (Month, u8)> {
        self.0.iter().copied()
    }

    /// What was announced of the lot of `month`.
    #[must_use]
    pub fn of(&self, month: Month) -> u8 {
        self.0.iter().find(|(of, _)| *of == month).map_or(0, |(_, mask)| *mask)
    }

    fn mark(&mut self, month: Month, mask: u8) {
        match self.0.iter_mut().find(|(of, _)| *of == month) {
            Some((_, marked)) => *marked |= mask,
            None => self.0.push((month, mask)),
        }
    }

    /// Forgets every month before `month`.
    fn forget_before(&mut self, month: Month) {
        self.0.retain(|(of, _)| *of >= month);
    }
}

/// Why a lot ended without an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unannounced {
    /// Nobody looked at the account while it was due: the programme was off, or its clock jumped.
    NotLookedAtInTime,
}

impl Unannounced {
    /// The reason on the wire.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotLookedAtInTime => "not_looked_at_in_time",
        }
    }
}

/// Days from `today` to the last day of `month`: 0 on the last day, below 0 afterwards.
#[must_use]
pub fn days_left(month: Month, today: Day) -> i64 {
    i64::from(month.last_day().number()) - i64::from(today.number())
}

/// Points of `lots` that end within 60 days, today included; those that have ended and are about to go count too.
#[must_use]
pub fn expiring_soon(lots: &Lots, today: Day) -> i64 {
    let soon = lots.iter().take_while(|(month, _)| days_left(*month, today) <= NOTICE_DAYS[0]);
    soon.map(|(_, point)| point).sum()
}

/// Whether [`expire_lots`] or [`announce_expiry`] has something to say about an account with these lots.
#[must_use]
pub fn is_expiry_due(lots: &Lots, notices: &Notices, today: Day) -> bool {
    lots.earliest().is_some_and(|month| month < today.month) || next_notice(lots, notices, today).is_some()
}

/// What has ended and is still there, the earliest first: asked before every other verb, again and again until there
/// is `None`, so that ended points are never spent however late it is. A lot leaves as a whole, but for what a
/// hold pins in it, which stays until the hold ends; that it was not announced is said before.
#[must_use]
pub fn expire_lots(account: &Account, today: Day) -> Option<Event> {
    let free = account.free_lots();
    let (month, point) = free.iter().next().filter(|(month, _)| *month < today.month && !account.closed)?;
    let announced = account.notices.of(month);
    if announced & last_notice() == 0 {
        let missed = NOTICE_DAYS.into_iter().zip(0..).filter(|(_, bit)| announced & (1 << bit) == 0);
        let missed = missed.map(|(days, _)| days).collect();
        return Some(Event::ExpiryUnannounced { month, missed, reason: Unannounced::NotLookedAtInTime });
    }
    Some(Event::PointsMoved(Movement {
        kind: EntryKind::Expire,
        amount: -point,
        balance_after: account.remain_point - point,
        lots: LotChange::add(month, -point),
        reference: None,
        reason: None,
    }))
}

/// What is to be announced today, the earliest end first; asked again and again until there is `None`.
#[must_use]
pub fn announce_expiry(account: &Account, today: Day) -> Option<Event> {
    if account.closed {
        return None;
    }
    next_notice(&account.lots, &account.notices, today)
}

fn next_notice(lots: &Lots, notices: &Notices, today: Day) -> Option<Event> {
    let coming = lots.iter().take_while(|(month, _)| days_left(*month, today) <= NOTICE_DAYS[0]);
    coming.filter(|(month, _)| *month >= today.month).find_map(|(month, point)| {
        let days_left = days_left(month, today);
        let days = NOTICE_DAYS.into_iter().rfind(|days| days_left <= *days)?;
        let is_due = notices.of(month) & mask_of(days) != mask_of(days);
        is_due.then_some(Event::ExpiryAnnounced { month, days, days_left, point })
    })
}

/// The announcement at `days`, and every wider one: it says more than they would.
fn mask_of(days: i64) -> u8 {
    NOTICE_DAYS.into_iter().zip(0..).filter(|(wider, _)| *wider >= days).fold(0, |mask, (_, bit)| mask | 1 << bit)
}

fn last_notice() -> u8 {
    1 << (NOTICE_DAYS.len() - 1)
}

/// Takes an announcement in.
pub(super) fn announced(notices: &mut Notices, month: Month, days: i64) {
    notices.forget_before(month.plus(-NOTICE_MONTHS));
    notices.mark(month, mask_of(days));
}

/// Takes in that there was none.
pub(super) fn unannounced(notices: &mut Notices, month: Month) {
    notices.mark(month, ALL);
}

/// Takes in that points have expired: of a lot that is gone nothing need be known any more.
pub(super) fn expired(account: &mut Account, movement: &Movement) {
    for (month, _) in &movement.lots.0 {
        if account.lots.earliest().is_none_or(|left| left > *month) {
            account.notices.forget_before(month.plus(1));
        }
    }
}
