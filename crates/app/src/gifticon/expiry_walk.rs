//! The walk over vouchers whose time is over: they expire.
//!
//! An index holds the vouchers that may still expire by their last moment, and one that has expired leaves it; so a look
//! costs nothing where there is nothing to do, and a clock that jumps is followed at the next look. A voucher whose time
//! is over cannot be used meanwhile either. Several processes may walk at once: the rule has a voucher expire once.

use std::sync::Arc;

use platform::db::Session;
use platform::error::{Error, Result};

use super::writer::Command;
use super::{Gifticons, store};

/// The job, for whoever looks at threads.
pub const EXPIRY_JOB: &str = "voucher-expiry";
/// Vouchers that expire in a step; as many commands follow, which the queue has room for.
const PIECE: i64 = 1_000;

/// Walks over the vouchers; each process has one.
pub struct VoucherExpiry {
    gifticons: Arc<Gifticons>,
    session: Option<Box<dyn Session>>,
}

impl VoucherExpiry {
    pub(super) fn new(gifticons: Arc<Gifticons>) -> Self {
        Self { gifticons, session: None }
    }

    /// Has the next vouchers expire whose time is over; how many there were.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached or the context has too much to do; they are looked at again.
    pub fn step(&mut self) -> Result<usize> {
        if !self.gifticons.funnel.is_open() {
            return Ok(0);
        }
        let walked = self.look().and_then(|due| self.expire(due));
        if walked.is_err() {
            self.session = None;
        }
        walked
    }

    fn look(&mut self) -> Result<Vec<i64>> {
        let session = match self.session.take() {
            Some(session) => session,
            None => self.gifticons.database.read_session()?,
        };
        let session = self.session.insert(session);
        store::overdue(&mut **session, self.gifticons.kit.clock.now_ms(), PIECE)
    }

    fn expire(&self, due: Vec<i64>) -> Result<usize> {
        let submit = |voucher_id| self.gifticons.funnel.submit(Command::Expire { voucher_id }, None);
        let answers = due.into_iter().map(submit).collect::<Result<Vec<_>>>()?;
        let count = answers.len();
        for answer in answers {
            answer.blocking_recv().map_err(|_| Error::unavailable("gifticon.stopped", "gifticon is stopped"))??;
        }
        Ok(count)
    }
}
