//! Waiting until settlement has taken in what deal's log holds, so that a run misses no deal that has ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use platform::db::Cursor;
use platform::error::{Error, Result};

use super::Settlements;

/// The consumer whose cursor tells.
const CONSUMER: &str = "settlement<deal";
/// How long a request for a run waits.
const PATIENCE: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(2);
const LOOK_MOST: Duration = Duration::from_millis(50);

impl Settlements {
    /// Waits until all that stands in deal's log now has been taken in.
    ///
    /// # Errors
    /// `settlement.behind` after 2 s; whatever deal could not say.
    pub(super) async fn catch_up(self: &Arc<Self>) -> Result<()> {
        let end = self.deal.guard.ask(|| self.deal.api.log_end()).await?;
        let this = Arc::clone(self);
        let looked = tokio::task::spawn_blocking(move || this.has_passed(end, PATIENCE)).await;
        match looked.map_err(|error| Error::internal("a wait broke off").caused_by(error))?? {
            true => Ok(()),
            false => Err(Error::unavailable(
                "settlement.behind",
                "settlement has not taken in the latest deals yet; nothing was billed, repeat in a moment",
            )),
        }
    }

    /// Where deal's log ends; asked on a thread of its own.
    ///
    /// # Errors
    /// `Unavailable` when deal cannot be asked.
    pub(super) fn ask_log_end(&self) -> Result<Cursor> {
        self.deal.runtime.block_on(self.deal.guard.ask(|| self.deal.api.log_end()))
    }

    /// Whether the cursor comes to this place within the time.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub(super) fn has_passed(&self, end: Cursor, patience: Duration) -> Result<bool> {
        let (started, mut pause) = (Instant::now(), LOOK_EVERY);
        while self.funnel.cursor(CONSUMER)? < end {
            if started.elapsed() >= patience {
                return Ok(false);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LOOK_MOST);
        }
        Ok(true)
    }
}
