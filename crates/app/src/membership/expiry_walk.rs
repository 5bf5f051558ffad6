//! Expiry by itself: memberships whose time is over are noted so. Several processes may walk at once: the rule has each
//! expire once. Whoever looks at one in between sees it expired all the same.

use platform::error::{Error, Result};

use super::writer::Command;
use super::{Memberships, store};

/// Memberships noted at once.
const PIECE: i64 = 512;

impl Memberships {
    /// Notes what is over; how many memberships that were. Must not be called on a thread of the async runtime.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn expire_due(&self) -> Result<usize> {
        if !self.funnel.is_open() {
            return Ok(0);
        }
        let now_ms = self.kit.clock.now_ms();
        let due = self.funnel.with_session(|tx| store::due_memberships(tx, now_ms, PIECE))?;
        let submit = |mem_id: i64| self.funnel.submit(Command::Expire { mem_id }, None);
        let answers = due.into_iter().map(submit).collect::<Result<Vec<_>>>()?;
        let count = answers.len();
        for answer in answers {
            // Waited for, so that the next look does not find the same memberships.
            answer.blocking_recv().map_err(|_| Error::unavailable("membership.stopped", "membership is stopped"))??;
        }
        Ok(count)
    }
}
