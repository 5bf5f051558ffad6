//! The sweep: deals of which nobody learned in time what point decided are ended, or left to point (SPEC section 4).
//! Several processes may sweep at once: the rule gives a deal up once.

use platform::error::{Error, Result};

use super::writer::Command;
use super::{Deals, store};

/// Deals given up at once.
const PIECE: i64 = 512;

impl Deals {
    /// Gives up what has been pending for too long; how many deals that were. Must not be called on a thread of the
    /// async runtime.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn sweep(&self) -> Result<usize> {
        if !self.funnel.is_open() {
            return Ok(0);
        }
        let now_ms = self.kit.clock.now_ms();
        let due = self.funnel.with_session(|tx| store::due_deals(tx, now_ms, PIECE))?;
        let submit = |deal_id: i64| self.funnel.submit(Command::GiveUp { deal_id }, None);
        let answers = due.into_iter().map(submit).collect::<Result<Vec<_>>>()?;
        let count = answers.len();
        for answer in answers {
            // Waited for, so that the next look does not find the same deals.
            answer.blocking_recv().map_err(|_| Error::unavailable("deal.stopped", "deal is stopped at present"))??;
        }
        Ok(count)
    }
}
