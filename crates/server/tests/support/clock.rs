//! A clock that runs with the real time and can be put forward.

use std::sync::atomic::{AtomicI64, Ordering};

use platform::clock::{Clock, SystemClock};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The real time plus what a test has added. Only the time of day jumps; time limits go on as they were.
#[derive(Default)]
pub struct TestClock {
    real: SystemClock,
    ahead_ms: AtomicI64,
}

impl TestClock {
    /// One that shows this time now.
    pub fn starting_at(now_ms: i64) -> Self {
        let clock = Self::default();
        clock.advance_ms(now_ms - clock.now_ms());
        clock
    }

    /// Puts the clock forward by days.
    pub fn advance_days(&self, days: i64) {
        self.advance_ms(days * DAY_MS);
    }

    /// Puts the clock forward by milliseconds.
    pub fn advance_ms(&self, ms: i64) {
        self.ahead_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.real.now_ms() + self.ahead_ms.load(Ordering::SeqCst)
    }

    fn monotonic_ms(&self) -> i64 {
        self.real.monotonic_ms()
    }
}
