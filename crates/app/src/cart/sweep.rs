//! The sweep: removals of paid carts that were asked for while gifticon was not heard of go on by themselves (SPEC
//! section 4). Several processes may sweep at once: gifticon says the same whenever it is asked.

use std::time::Duration;

use platform::error::{Error, ErrorKind, Result};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::{Carts, store};

/// Removals that are looked at together.
const PIECE: i64 = 64;
/// Whoever asked for the removal has had its answer by then, or never will.
const LEFT_ALONE_MS: i64 = 1_000;
/// How long gifticon may take. Nobody waits for this answer.
const PATIENCE: Duration = Duration::from_secs(2);

impl Carts {
    /// Asks gifticon about removals that wait for its word; how many have ended. While it is known to fail it is not
    /// asked, and what it says here opens no breaker: those who add carts know best how it is. Must not be called on a
    /// thread of the async runtime.
    ///
    /// # Errors
    /// `Unavailable` when the store or gifticon cannot be reached.
    pub fn sweep(&self, runtime: &Handle) -> Result<usize> {
        if !self.funnel.is_open() || self.gifticon.guard.must_not_be_failing().is_err() {
            return Ok(0);
        }
        let until_ms = self.kit.clock.now_ms() - LEFT_ALONE_MS;
        let waiting = self.funnel.with_session(|tx| store::removing(tx, until_ms, PIECE))?;
        let mut ended = 0;
        for (cart_id, reservation_id) in waiting {
            let word = runtime.block_on(async { timeout(PATIENCE, self.gifticon.api.revoke(reservation_id)).await });
            let late = |_| Error::unavailable("gifticon.unavailable", "gifticon did not answer in time");
            match word.map_err(late)? {
                Ok(word) => runtime.block_on(self.record_revocation(cart_id, word))?,
                Err(error) if error.kind == ErrorKind::Unavailable => return Err(error),
                Err(error) => {
                    // It is asked again; meanwhile the others have their turn.
                    tracing::warn!(cart_id, %error, "gifticon cannot say whether a cart may be removed");
                    continue;
                }
            };
            ended += 1;
        }
        Ok(ended)
    }
}
