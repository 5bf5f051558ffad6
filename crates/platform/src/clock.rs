//! Time as a parameter: everything that needs "now" is handed a [`Clock`], so a test, a simulator or
//! `--set clock.now=…` decides what time it is.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Tells the time. Two implementations: the machine's own clock and one that a test moves by hand.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970-01-01T00:00:00Z; what is written into rows and answers.
    fn now_ms(&self) -> i64;
    /// Milliseconds since some fixed point; never goes back. For time limits, leases and breakers.
    fn monotonic_ms(&self) -> i64;
}

/// The machine's clock, optionally started at another wall time (`clock.now`).
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
    offset_ms: i64,
}

impl SystemClock {
    /// A clock that shows the machine's time.
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now(), offset_ms: 0 }
    }

    /// A clock that shows `start_ms` now and runs on from there.
    #[must_use]
    pub fn starting_at(start_ms: i64) -> Self {
        Self { started: Instant::now(), offset_ms: start_ms - wall_ms() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        wall_ms() + self.offset_ms
    }

    fn monotonic_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// A clock that stands still until it is moved; both readings move together.
#[derive(Debug)]
pub struct ManualClock {
    start_ms: i64,
    elapsed_ms: AtomicI64,
}

impl ManualClock {
    /// A clock standing at `start_ms`.
    #[must_use]
    pub fn new(start_ms: i64) -> Self {
        Self { start_ms, elapsed_ms: AtomicI64::new(0) }
    }

    /// Moves the clock forward by `ms`.
    pub fn advance_ms(&self, ms: i64) {
        self.elapsed_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.start_ms + self.elapsed_ms.load(Ordering::SeqCst)
    }

    fn monotonic_ms(&self) -> i64 {
        self.elapsed_ms.load(Ordering::SeqCst)
    }
}
