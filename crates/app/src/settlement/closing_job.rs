//! The job that closes months: bills merchant by merchant what is open of a month, and begins by itself with a month
//! that is over.
//!
//! Merchants are looked at page by page, in order. How far it has come is stored, so that a restart or another process
//! carries on; a merchant that is looked at twice is billed once, because its tallies are closed in the commit of the
//! run, and each command is refused once the lease has passed on.

use std::sync::Arc;
use std::time::Duration;

use domain::kernel::Month;
use domain::settlement::Merchant;
use platform::db::Session;
use platform::error::{Error, ErrorKind, Result};
use platform::lease::{self, Fence};

use super::Settlements;
use super::store::{self, Closing};
use super::writer::Command;

/// The job, in leases and for whoever looks at threads.
pub const CLOSING_JOB: &str = "settlement-closing";
/// Merchants looked at in a step; as many commands may follow, which the queue has room for.
const PAGE_MERCHANTS: i64 = 1_000;
/// How often the place is stored and the lease renewed.
const SAVE_EVERY_MS: i64 = 1_000;
/// How long a step waits for events of deal that are on their way.
const PATIENCE: Duration = Duration::from_millis(200);
/// Months that begin to be closed at once, after a long time without the program.
const MONTHS_AT_ONCE: usize = 120;

/// Closes months in one process; of several processes one at a time does.
pub struct ClosingJob {
    settlements: Arc<Settlements>,
    session: Option<Box<dyn Session>>,
    place: Option<Place>,
    /// The last month that is over, if it and those before it were begun.
    called: Option<Month>,
}

/// How far the closing of a month has come.
#[derive(Clone, Copy)]
struct Place {
    month: Month,
    merchants: i64,
    failed: i64,
    after: i64,
    saved_at_ms: i64,
    fence: Fence,
}

impl ClosingJob {
    pub(super) fn new(settlements: Arc<Settlements>) -> Self {
        Self { settlements, session: None, place: None, called: None }
    }

    /// Bills the next page of merchants; how much there was to do. 0 when no month is to be closed, when another
    /// process does it, when deal's events have not all come, or when the context is stopped.
    ///
    /// # Errors
    /// `Unavailable` when the store or deal cannot be reached; what was not done is done by a later step.
    pub fn step(&mut self) -> Result<usize> {
        if !self.settlements.funnel.is_open() {
            return Ok(0);
        }
        let stepped = self.call_months().and_then(|()| self.close());
        if stepped.is_err() {
            // Another process may have taken the job over; what is stored says where it goes on.
            (self.place, self.session) = (None, None);
        }
        stepped
    }

    /// Begins the closings of the months that are over and were not begun so.
    fn call_months(&mut self) -> Result<()> {
        let before = self.settlements.this_month().plus(-1);
        // Not `>=`: a clock that was ahead may be put back.
        if self.called == Some(before) {
            return Ok(());
        }
        let first = match self.last_due(before)? {
            Some(last) => last.plus(1),
            // Before the first closing of all, months are due that have deals; so all of them must have come.
            None if !self.has_merchants()? || !self.has_caught_up()? => return Ok(()),
            None => match self.first_open()? {
                Some(first) => first,
                None => before.plus(1),
            },
        };
        let months: Vec<Month> =
            (0..).map(|ahead| first.plus(ahead)).take_while(|month| *month <= before).take(MONTHS_AT_ONCE).collect();
        if let Some(last) = months.last().copied() {
            let Some(fence) = self.hold()? else { return Ok(()) };
            tracing::info!(months = months.len(), up_to = %last, "months are over and will be closed");
            self.wait_for(vec![(0, Command::OpenByCalendar { months })], fence)?;
            // One that was begun by hand has begun anew.
            self.place = None;
            self.called = Some(last);
        } else {
            self.called = Some(before);
        }
        Ok(())
    }

    /// The last month up to this one that the calendar closed when it was over.
    fn last_due(&mut self, before: Month) -> Result<Option<Month>> {
        let began = store::by_calendar(self.session()?, before)?;
        let (zone, now_ms) = (&self.settlements.kit.zone, self.settlements.kit.clock.now_ms());
        Ok(began.iter().find(|closing| closing.was_due(zone, now_ms)).map(|closing| closing.month))
    }

    /// The earliest month with lines that are not billed.
    fn first_open(&mut self) -> Result<Option<Month>> {
        let mut first: Option<Month> = None;
        self.each_merchant(0, |merchant| {
            first = merchant.open.iter().map(|tally| tally.month).chain(first).min();
        })?;
        Ok(first)
    }

    fn has_merchants(&mut self) -> Result<bool> {
        Ok(!store::merchants_after(self.session()?, 0, 1)?.is_empty())
    }

    /// Whether all that stands in deal's log by now has come. While deal cannot be asked, nobody knows.
    fn has_caught_up(&self) -> Result<bool> {
        match self.settlements.ask_log_end() {
            Ok(end) => self.settlements.has_passed(end, PATIENCE),
            Err(error) if error.kind == ErrorKind::Unavailable => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn close(&mut self) -> Result<usize> {
        let place = match self.place {
            Some(place) => place,
            None => match self.begin()? {
                Some(place) => place,
                None => return Ok(0),
            },
        };
        let merchants = store::merchants_after(self.session()?, place.after, PAGE_MERCHANTS)?;
        let after = merchants.last().map_or(place.after, |merchant| merchant.merchant_id);
        let is_over = i64::try_from(merchants.len()).unwrap_or(i64::MAX) < PAGE_MERCHANTS;
        // Also those of whom nothing is here because all of it is parked.
        let parked = self.settlements.parked_merchants()?;
        let passed = parked.iter().filter(|id| **id > place.after && (is_over || **id <= after));
        let passed = passed.map(|merchant_id| {
            tracing::error!(merchant_id, month = %place.month, "events of a merchant are parked, so it is not billed");
            1
        });
        let failed = place.failed + passed.sum::<i64>();
        let is_whole = |merchant: &&Merchant| !parked.contains(&merchant.merchant_id);
        let has_open = merchants.iter().filter(is_whole).filter(|merchant| merchant.has_open(place.month));
        let close = |merchant_id| (merchant_id, Command::CloseMonth { merchant_id, month: place.month });
        let commands: Vec<_> = has_open.map(|merchant| close(merchant.merchant_id)).collect();
        let count = commands.len();
        let failed = failed + self.wait_for(commands, place.fence)?;
        let now_ms = self.settlements.kit.clock.monotonic_ms();
        let place = Place { after, failed, ..place };
        self.place = Some(place);
        if is_over || now_ms - place.saved_at_ms >= SAVE_EVERY_MS {
            self.save(Place { saved_at_ms: now_ms, ..place }, is_over)?;
        }
        Ok(count.max(1))
    }

    /// Where the earliest closing that is not over goes on, once every deal that ended before now has come; nothing if
    /// there is none, or another process does it.
    fn begin(&mut self) -> Result<Option<Place>> {
        let Some(closing) = store::running_closing(self.session()?)? else { return Ok(None) };
        let Some(fence) = self.hold()? else { return Ok(None) };
        if !self.has_caught_up()? {
            return Ok(None);
        }
        let Closing { month, after_merchant: after, .. } = closing;
        let merchants = match closing.merchants {
            Some(counted) => counted,
            None => {
                let parked = self.settlements.parked_merchants()?;
                let mut count = i64::try_from(parked.len()).unwrap_or(i64::MAX);
                self.each_merchant(0, |merchant| {
                    let is_whole = !parked.contains(&merchant.merchant_id);
                    count += i64::from(is_whole && merchant.has_open(month));
                })?;
                count
            }
        };
        let saved_at_ms = self.settlements.kit.clock.monotonic_ms();
        let place = Place { month, merchants, failed: closing.failed, after, saved_at_ms, fence };
        if closing.merchants.is_none() {
            self.save(place, false)?;
        }
        self.place = Some(place);
        Ok(Some(place))
    }

    /// Stores the place, and renews the lease.
    fn save(&mut self, place: Place, is_over: bool) -> Result<()> {
        let Place { month, merchants, failed, after, fence, .. } = place;
        if self.hold()? != Some(fence) {
            return Err(lease::lost());
        }
        let advance = Command::Advance { month, merchants, failed, after_merchant: after, done: is_over };
        self.wait_for(vec![(0, advance)], fence)?;
        self.place = (!is_over).then_some(place);
        if is_over {
            tracing::info!(%month, merchants, "a month is closed");
        }
        Ok(())
    }

    /// Takes or renews the lease; nothing if another process holds it.
    fn hold(&self) -> Result<Option<Fence>> {
        let kit = &self.settlements.kit;
        let now_ms = kit.clock.now_ms();
        let number = self.settlements.funnel.with_session(|tx| lease::hold(tx, CLOSING_JOB, &kit.holder, now_ms))?;
        Ok(number.map(|number| Fence { lease: CLOSING_JOB, number }))
    }

    /// Carries these commands out, each beside the merchant that it is about, and waits for all of them; how many failed.
    fn wait_for(&self, commands: Vec<(i64, Command)>, fence: Fence) -> Result<i64> {
        let mut failed = 0;
        let mut answers = Vec::with_capacity(commands.len());
        for (merchant_id, command) in commands {
            answers.push((merchant_id, self.settlements.funnel.submit_under(fence, command)?));
        }
        for (merchant_id, answer) in answers {
            match answer.blocking_recv().map_err(|_| Error::internal("the funnel ended"))? {
                Err(error) if error.kind == ErrorKind::Unavailable || merchant_id == 0 => return Err(error),
                // One merchant that cannot be billed must not keep all others waiting.
                Err(error) => {
                    tracing::error!(merchant_id, %error, "a merchant could not be billed");
                    failed += 1;
                }
                Ok(_) => {}
            }
        }
        Ok(failed)
    }

    fn each_merchant(&mut self, mut after: i64, mut look: impl FnMut(&Merchant)) -> Result<()> {
        loop {
            let merchants = store::merchants_after(self.session()?, after, PAGE_MERCHANTS)?;
            let Some(last) = merchants.last() else { return Ok(()) };
            after = last.merchant_id;
            merchants.iter().for_each(&mut look);
        }
    }

    fn session(&mut self) -> Result<&mut dyn Session> {
        let session = match self.session.take() {
            Some(session) => session,
            None => self.settlements.database.read_session()?,
        };
        Ok(&mut **self.session.insert(session))
    }
}
