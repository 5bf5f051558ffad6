//! Waiting until settlement has taken in what deal's log holds, so that a run misses no deal that has ended.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use platform::db::Cursor;
use platform::error::{Error, Result};
use platform::parked;

use super::Settlements;

/// The consumer whose cursor tells.
const CONSUMER: &str = "settlement<deal";
/// How long a request for a run waits.
const PATIENCE: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(2);
const LOOK_MOST: Duration = Duration::from_millis(50);

/// The code of it.
pub(super) const BEHIND: &str = "settlement.behind";

/// Deals have not come here yet.
pub(super) fn behind() -> Error {
    let message = "settlement has not taken in the latest deals yet; nothing was billed, repeat in a moment";
    Error::unavailable(BEHIND, message)
}

impl Settlements {
    /// Waits until all that stands in deal's log of a merchant now has been taken in.
    ///
    /// # Errors
    /// `settlement.behind` after 2 s, or at once if events of the merchant are parked; whatever deal could not say.
    pub(super) async fn catch_up(self: &Arc<Self>, merchant_id: i64) -> Result<()> {
        let end = self.deal.guard.ask(|| self.deal.api.log_end()).await?;
        let this = Arc::clone(self);
        // The cursor passes over what is parked, so that is looked up after it has come.
        let look = move || Ok((this.has_passed(end, PATIENCE)?, this.parked_merchants()?.contains(&merchant_id)));
        let looked = tokio::task::spawn_blocking(look).await;
        match looked.map_err(|error| Error::internal("a wait broke off").caused_by(error))?? {
            (true, false) => Ok(()),
            (false, _) => Err(behind()),
            (true, true) => Err(Error::unavailable(
                BEHIND,
                "events of this merchant are parked, so a run would pay too little; nothing was billed, an operator \
                 finds them with GET /parked",
            )),
        }
    }

    /// Merchants with events of deal that wait for an operator.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub(super) fn parked_merchants(&self) -> Result<HashSet<i64>> {
        self.funnel.with_session(|tx| parked::subjects(tx, CONSUMER)).map(|(merchants, _)| merchants)
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
