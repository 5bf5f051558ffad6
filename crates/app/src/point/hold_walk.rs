//! The walk over holds whose time is over: they expire.
//!
//! An index has only the open ones, by the end of their time; so a look costs nothing where there is nothing to do, a
//! restart carries on without a place of its own, and a clock that jumps is followed at the next look. A hold whose time
//! is over cannot be captured meanwhile either: the rule looks at the time.

use std::sync::Arc;

use platform::db::{Row, Session};
use platform::error::{Error, ErrorKind, Result};
use platform::lease::{self, Fence};

use super::Points;
use super::hold::HoldCommand;
use super::hold_rows::due_holds;
use super::writer::Command;

/// The job, in leases and for whoever looks at threads.
pub const HOLD_JOB: &str = "point-hold-expiry";
/// Holds that expire in a step; as many commands may follow, which the queue has room for.
const PAGE_HOLDS: i64 = 1_000;
/// How often the lease is renewed.
const RENEW_EVERY_MS: i64 = 1_000;

/// Walks over the holds; each process has one, and one at a time walks.
pub struct HoldWalk {
    points: Arc<Points>,
    session: Option<Box<dyn Session>>,
    /// The lease, and when it was taken or renewed.
    lease: Option<(Fence, i64)>,
    /// What lies before was looked at on this walk; a hold that could not expire is looked at on the next one.
    after: (i64, i64),
}

impl HoldWalk {
    /// A walk that has not begun.
    pub(super) fn new(points: Arc<Points>) -> Self {
        Self { points, session: None, lease: None, after: (0, 0) }
    }

    /// Has the next holds expire whose time is over; how many there were. 0 when there is none, when another process
    /// does it, or when the context is stopped.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached or the context has too much to do; they are looked at again.
    pub fn step(&mut self) -> Result<usize> {
        if !self.points.funnel.is_open() {
            return Ok(0);
        }
        let walked = self.walk();
        if walked.is_err() {
            (self.session, self.lease, self.after) = (None, None, (0, 0));
        }
        walked
    }

    fn walk(&mut self) -> Result<usize> {
        let page = self.page()?;
        let Some(last) = page.last() else {
            self.after = (0, 0);
            return Ok(0);
        };
        let Some(fence) = self.fence()? else { return Ok(0) };
        let mut answers = Vec::with_capacity(page.len());
        for row in &page {
            let command = Command::Hold(HoldCommand::Expire { hold_id: row.int(0), member_id: row.int(1) });
            answers.push((row.int(0), self.points.funnel.submit_under(fence, command)?));
        }
        for (hold_id, answer) in answers {
            match answer.blocking_recv().map_err(|_| Error::internal("the funnel ended"))? {
                Err(error) if error.kind == ErrorKind::Unavailable => return Err(error),
                // One hold that cannot expire must not keep all others waiting.
                Err(error) => tracing::error!(hold_id, %error, "a hold could not expire"),
                Ok(_) => {}
            }
        }
        self.after = (last.int(2), last.int(0));
        Ok(page.len())
    }

    fn page(&mut self) -> Result<Vec<Row>> {
        let session = match &mut self.session {
            Some(session) => session,
            none => none.insert(self.points.database.read_session()?),
        };
        due_holds(&mut **session, self.after, self.points.kit.clock.now_ms(), PAGE_HOLDS)
    }

    /// The lease, renewed from time to time; nothing if another process holds it.
    fn fence(&mut self) -> Result<Option<Fence>> {
        let kit = &self.points.kit;
        let (now_ms, since_ms) = (kit.clock.now_ms(), kit.clock.monotonic_ms());
        if let Some((fence, _)) = self.lease.filter(|(_, taken_ms)| since_ms - taken_ms < RENEW_EVERY_MS) {
            return Ok(Some(fence));
        }
        let number = self.points.funnel.with_session(|tx| lease::hold(tx, HOLD_JOB, &kit.holder, now_ms))?;
        let fence = number.map(|number| Fence { lease: HOLD_JOB, number });
        self.lease = fence.map(|fence| (fence, since_ms));
        Ok(fence)
    }
}
