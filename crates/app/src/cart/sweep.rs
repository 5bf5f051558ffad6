//! The sweep: removals of paid carts that were asked for while gifticon was not heard of go on by themselves (SPEC
//! section 4). Several processes may sweep at once: gifticon says the same whenever it is asked.

use std::time::Duration;

use platform::error::{Error, ErrorKind, Result};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::{Carts, store};

/// After so many in a row that could not be asked about, the others are left to the next time.
const FAILURES: u32 = 3;
/// Removals that are looked at together.
const PIECE: i64 = 64;
/// Whoever asked for the removal has had its answer by then, or never will.
const LEFT_ALONE_MS: i64 = 1_000;
/// How long gifticon may take. Nobody waits for this answer.
const PATIENCE: Duration = Duration::from_secs(2);

impl Carts {
    /// Asks gifticon about removals that wait for its word; how many have ended. While it is known to fail it is not
    /// asked, and what it says here opens no breaker: those who remove carts know best how it is. One that cannot be asked
    /// about keeps no other waiting. Must not be called on a thread of the async runtime.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached, or gifticon several times in a row.
    pub fn sweep(&self, runtime: &Handle) -> Result<usize> {
        if !self.funnel.is_open() || self.gifticon.removals.must_not_be_failing().is_err() {
            return Ok(0);
        }
        let until_ms = self.kit.clock.now_ms() - LEFT_ALONE_MS;
        let waiting = self.funnel.with_session(|tx| store::removing(tx, until_ms, PIECE))?;
        let (mut ended, mut failures) = (0, 0);
        for (cart_id, reservation_id) in waiting {
            let word = runtime.block_on(async { timeout(PATIENCE, self.gifticon.api.revoke(reservation_id)).await });
            let late = |_| Error::unavailable("gifticon.unavailable", "gifticon did not answer in time");
            // What went wrong is asked again; meanwhile the others have their turn.
            match word.map_err(late).and_then(|word| word) {
                Ok(word) => {
                    runtime.block_on(self.record_revocation(cart_id, word))?;
                    (ended, failures) = (ended + 1, 0);
                }
                Err(error) if error.kind == ErrorKind::Unavailable => {
                    failures += 1;
                    if failures == FAILURES {
                        return Err(error);
                    }
                }
                Err(error) => {
                    tracing::warn!(cart_id, %error, "gifticon cannot say whether a cart may be removed");
                }
            }
        }
        Ok(ended)
    }
}
