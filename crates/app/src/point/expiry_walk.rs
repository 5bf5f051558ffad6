//! The daily walk over all accounts: what has ended expires, what is about to end is announced.
//!
//! Once for each day of the programme, page by page in member order. How far it has come is stored, so that a restart
//! carries on; a page that is looked at twice does no harm, because the rule decides at the commit. Ended points cannot
//! be spent meanwhile either: every command looks at the lots of its account first.

use std::sync::Arc;

use domain::kernel::Day;
use domain::point::is_expiry_due;
use platform::db::{Row, Session};
use platform::error::{Error, ErrorKind, Result};
use platform::lease;

use super::Points;
use super::entry::{open_lots, read_notices};
use super::store;
use super::writer::Command;

/// The job, in leases and for whoever looks at threads.
pub const EXPIRY_JOB: &str = "point-expiry";
/// Accounts looked at in a step; as many commands may follow, which the queue has room for.
const PAGE_ACCOUNTS: i64 = 1_000;
/// How often the place is stored and the lease renewed.
const SAVE_EVERY_MS: i64 = 1_000;

/// Walks over the accounts of one context; each process has one, and one at a time walks.
pub struct ExpiryWalk {
    points: Arc<Points>,
    session: Option<Box<dyn Session>>,
    place: Option<Place>,
    /// The day whose walk is over, however it was done.
    done_day: Option<i64>,
}

/// How far the walk of a day has come.
#[derive(Clone, Copy)]
struct Place {
    day: i64,
    after: i64,
    saved_at_ms: i64,
    due: usize,
}

impl ExpiryWalk {
    /// A walk that has not begun.
    pub(super) fn new(points: Arc<Points>) -> Self {
        Self { points, session: None, place: None, done_day: None }
    }

    /// Looks at the next page of accounts; how many there were. 0 when today's walk is over, when another process does
    /// it, or when the context is stopped.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached or the context has too much to do; the page is looked at again.
    pub fn step(&mut self) -> Result<usize> {
        let today = self.points.today();
        let day = i64::from(today.number());
        if self.done_day == Some(day) || !self.points.funnel.is_open() {
            return Ok(0);
        }
        let place = match self.place.filter(|place| place.day == day) {
            Some(place) => place,
            None => match self.begin(day)? {
                Some(place) => place,
                None => return Ok(0),
            },
        };
        // Until the page is done, the place before it is the truth.
        self.place = Some(place);
        let rows = self.page(place.after)?;
        let due = self.look_at(&rows, today)?;
        let place = Place { after: rows.last().map_or(place.after, |row| row.int(0)), due: place.due + due, ..place };
        let is_over = i64::try_from(rows.len()).unwrap_or(i64::MAX) < PAGE_ACCOUNTS;
        let now_ms = self.points.kit.clock.monotonic_ms();
        self.place = Some(place);
        if is_over || now_ms - place.saved_at_ms >= SAVE_EVERY_MS {
            self.save(Place { saved_at_ms: now_ms, ..place }, is_over)?;
        }
        Ok(rows.len())
    }

    /// Where today's walk goes on; nothing if it is over, or another process does it.
    fn begin(&mut self, day: i64) -> Result<Option<Place>> {
        let kit = &self.points.kit;
        let (now_ms, saved_at_ms) = (kit.clock.now_ms(), kit.clock.monotonic_ms());
        let (is_over, after) = self.points.funnel.with_session(|tx| {
            let stored = store::expiry_progress(tx, EXPIRY_JOB)?.filter(|(of, ..)| *of == day);
            let (_, after, done) = stored.unwrap_or((day, 0, false));
            let is_ours = !done && lease::hold(tx, EXPIRY_JOB, &kit.holder, now_ms)?.is_some();
            Ok((done, is_ours.then_some(after)))
        })?;
        if is_over {
            self.done_day = Some(day);
        }
        Ok(after.map(|after| Place { day, after, saved_at_ms, due: 0 }))
    }

    fn page(&mut self, after: i64) -> Result<Vec<Row>> {
        let session = match &mut self.session {
            Some(session) => session,
            none => none.insert(self.points.database.read_session()?),
        };
        session.query(store::EXPIRY_PAGE, &[after.into(), PAGE_ACCOUNTS.into()])
    }

    /// Has the ledger look at those of these accounts where something is due; how many there were.
    fn look_at(&self, rows: &[Row], today: Day) -> Result<usize> {
        let is_due = |row: &&Row| is_expiry_due(&open_lots(row.text(1)), &read_notices(row.text(2)), today);
        let mut answers = Vec::new();
        for member_id in rows.iter().filter(is_due).map(|row| row.int(0)) {
            answers.push((member_id, self.points.funnel.submit(Command::ExpireLots { member_id }, None)?));
        }
        let due = answers.len();
        for (member_id, answer) in answers {
            match answer.blocking_recv().map_err(|_| Error::internal("the funnel ended"))? {
                Err(error) if error.kind == ErrorKind::Unavailable => return Err(error),
                // One account that cannot be looked at must not keep all others waiting.
                Err(error) => tracing::error!(member_id, %error, "lots of an account could not be expired"),
                Ok(_) => {}
            }
        }
        Ok(due)
    }

    /// Stores the place, unless the job has passed to another process; then this one's walk is over.
    fn save(&mut self, place: Place, is_over: bool) -> Result<()> {
        let kit = &self.points.kit;
        let now_ms = kit.clock.now_ms();
        let is_ours = self.points.funnel.with_session(|tx| {
            let is_ours = lease::hold(tx, EXPIRY_JOB, &kit.holder, now_ms)?.is_some();
            if is_ours {
                store::save_expiry_progress(tx, EXPIRY_JOB, (place.day, place.after, is_over))?;
            }
            Ok(is_ours)
        })?;
        self.place = (is_ours && !is_over).then_some(place);
        if is_ours && is_over {
            self.done_day = Some(place.day);
            tracing::debug!(day = place.day, last_member = place.after, due = place.due, "lots were looked at");
        }
        Ok(())
    }
}
