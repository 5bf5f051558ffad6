//! Whether a context can store what others keep for it. Nobody is asked to keep anything for a context that cannot: what
//! was kept would be away until it can again and has said that it never came.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use platform::clock::Clock;
use platform::error::{Error, ErrorKind, Result};

/// After a failure nothing is begun for so long.
const PAUSE_MS: i64 = 1_000;
/// It can store, as far as is known.
const ABLE: i64 = i64::MIN;

/// What a context knows of its own store, by what became of its last commands.
pub struct Storing {
    context: &'static str,
    clock: Arc<dyn Clock>,
    /// From then on, in milliseconds of the monotonic clock, one may try again; [`ABLE`] as long as nothing failed.
    not_before_ms: AtomicI64,
}

impl Storing {
    /// Of a context of which nothing bad is known.
    #[must_use]
    pub fn of(context: &'static str, clock: Arc<dyn Clock>) -> Self {
        Self { context, clock, not_before_ms: AtomicI64::new(ABLE) }
    }

    /// Refuses at once for a second after a failure, then lets one through who finds out how it is. Whoever is let through
    /// says what became of it, by [`Storing::note`] or [`Storing::free`]; if it never does, another one may try a second
    /// later.
    ///
    /// # Errors
    /// `Unavailable` with code `<context>.not_storing`.
    pub fn must_be_able(&self) -> Result<()> {
        let not_before_ms = self.not_before_ms.load(Ordering::Acquire);
        if not_before_ms == ABLE {
            return Ok(());
        }
        let now_ms = self.clock.monotonic_ms();
        let tries = now_ms >= not_before_ms
            && self
                .not_before_ms
                .compare_exchange(not_before_ms, now_ms + PAUSE_MS, Ordering::AcqRel, Ordering::Acquire)
                .is_ok();
        if tries { Ok(()) } else { Err(self.not_storing()) }
    }

    /// Learns what became of a command that stores.
    pub fn note<T>(&self, stored: &Result<T>) {
        match stored {
            Err(Error { kind: ErrorKind::Unavailable | ErrorKind::Internal, .. }) => {
                self.not_before_ms.store(self.clock.monotonic_ms() + PAUSE_MS, Ordering::Release);
            }
            _ => self.free(),
        }
    }

    /// Nothing came to be stored, so the others may find out.
    pub fn free(&self) {
        // Mostly it is so already, and a write would take the line from those who read it.
        if self.not_before_ms.load(Ordering::Relaxed) != ABLE {
            self.not_before_ms.store(ABLE, Ordering::Release);
        }
    }

    fn not_storing(&self) -> Error {
        let message = "this could not be stored a moment ago, so nothing is kept for it; repeat in a moment";
        let error = Error::unavailable(format!("{}.not_storing", self.context), message);
        Error { retry_after_s: Some(1), ..error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::clock::ManualClock;

    #[test]
    fn after_a_failure_one_tries_in_each_second_until_it_goes_well() {
        let clock = Arc::new(ManualClock::new(0));
        let storing = Storing::of("cart", clock.clone());
        let away: Result<()> = Err(Error::unavailable("store.unavailable", "away"));
        assert!((0..3).all(|_| storing.must_be_able().is_ok()), "control: nothing is known");
        storing.note(&Err::<(), _>(Error::invalid("/quantity", "its own fault")));
        assert!(storing.must_be_able().is_ok(), "a refusal is none of the store");
        storing.note(&away);
        assert_eq!(storing.must_be_able().expect_err("it failed").code, "cart.not_storing");
        for _ in 0..2 {
            clock.advance_ms(PAUSE_MS);
            assert!(storing.must_be_able().is_ok(), "one finds out");
            assert!(storing.must_be_able().is_err(), "the others wait for it");
        }
        storing.free();
        assert!((0..3).all(|_| storing.must_be_able().is_ok()));
        storing.note(&away);
        clock.advance_ms(PAUSE_MS);
        assert!(storing.must_be_able().is_ok());
        storing.note(&Ok(()));
        assert!((0..3).all(|_| storing.must_be_able().is_ok()));
    }
}
