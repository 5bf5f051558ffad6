//! A circuit breaker: it watches how calls to one callee end, and once too many of the recent ones failed or
//! were slow it refuses further calls at once, until a few probes have shown that the callee is well again.
//!
//! Every change of state begins a new generation. A call belongs to the generation that admitted it, and its
//! result is forgotten when another one has begun: what was sent before the opening says nothing about now.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use parking_lot::Mutex;

use crate::clock::Clock;

const BUCKETS: usize = 10;

/// When a breaker opens, and how it closes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerSettings {
    /// How far back results count, in milliseconds; it slides in tenths, and is rounded up to a multiple of 10.
    pub window_ms: i64,
    /// With fewer results than this in the window the breaker stays closed.
    pub min_calls: u32,
    /// Share of failures that opens it, in basis points (5,000 = 50 %); above 10,000 failures never do.
    pub failure_rate_bp: u32,
    /// A call that took at least so many milliseconds was slow, however it ended; `i64::MAX` = none is.
    pub slow_call_ms: i64,
    /// Share of slow calls that opens it, in basis points; above 10,000 slow calls never do.
    pub slow_rate_bp: u32,
    /// How long an open breaker refuses everything, in milliseconds.
    pub open_ms: i64,
    /// Probes in half-open (at least 1): no more are under way at once, and so many good ones in a row close it.
    pub half_open_permits: u32,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            window_ms: 10_000,
            min_calls: 3,
            failure_rate_bp: 5_000,
            slow_call_ms: i64::MAX,
            slow_rate_bp: 5_000,
            open_ms: 2_000,
            half_open_permits: 1,
        }
    }
}

/// What a breaker does with the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Lets every call through.
    Closed,
    /// Lets a few probes through.
    HalfOpen,
    /// Refuses every call.
    Open,
}

impl BreakerState {
    /// Its name where people look.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "CLOSED",
            Self::HalfOpen => "HALF_OPEN",
            Self::Open => "OPEN",
        }
    }
}

/// The breaker does not let this call through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Milliseconds after which it is worth trying again. While probes are under way nobody knows, so it is
    /// the wait that follows if they fail.
    pub retry_after_ms: i64,
}

/// A circuit breaker between one caller and one callee.
pub struct Breaker {
    caller: &'static str,
    callee: &'static str,
    settings: BreakerSettings,
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

impl Breaker {
    /// A closed breaker for what `caller` asks `callee`; both are labels of the gauge `breaker_state`
    /// (0 closed, 1 half-open, 2 open). The gauge follows when the breaker is next asked or shown, not before.
    #[must_use]
    pub fn new(caller: &'static str, callee: &'static str, settings: BreakerSettings, clock: Arc<dyn Clock>) -> Self {
        let inner = Inner { phase: Phase::Closed, generation: 0, window: Window::new(settings.window_ms) };
        let breaker = Self { caller, callee, settings, clock, inner: Mutex::new(inner) };
        breaker.show(BreakerState::Closed);
        breaker
    }

    /// Caller and callee.
    #[must_use]
    pub fn between(&self) -> (&'static str, &'static str) {
        (self.caller, self.callee)
    }

    /// The state as it is now.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        let mut inner = self.inner.lock();
        self.let_time_pass(&mut inner);
        inner.phase.state()
    }

    /// Asks whether a call may be made now. The permit is to be settled when the call has ended.
    ///
    /// # Errors
    /// [`Refused`] when the breaker is open, or half-open with all probes given out.
    pub fn admit(&self) -> Result<Permit<'_>, Refused> {
        let mut inner = self.inner.lock();
        let now_ms = self.let_time_pass(&mut inner);
        match &mut inner.phase {
            Phase::Closed => {}
            Phase::Open { until_ms } => return Err(Refused { retry_after_ms: *until_ms - now_ms }),
            Phase::HalfOpen { under_way, good } => {
                // Good probes keep their place: no more are made than are still needed.
                if *under_way + *good >= self.probes() {
                    return Err(Refused { retry_after_ms: self.settings.open_ms });
                }
                *under_way += 1;
            }
        }
        Ok(Permit { breaker: self, generation: inner.generation, admitted_ms: now_ms, ending: Ending::Abandoned })
    }

    fn settle(&self, permit: &Permit<'_>) {
        let inner = &mut *self.inner.lock();
        // Read under the lock, so that results enter the window in the order of their times.
        let now_ms = self.clock.monotonic_ms();
        if inner.generation != permit.generation {
            return;
        }
        let failed = permit.ending == Ending::Failed;
        let slow = now_ms - permit.admitted_ms >= self.settings.slow_call_ms;
        let next = match &mut inner.phase {
            Phase::HalfOpen { under_way, .. } if permit.ending == Ending::Abandoned => {
                *under_way -= 1;
                None
            }
            Phase::HalfOpen { .. } if failed || slow => Some(self.opened(now_ms)),
            Phase::HalfOpen { under_way, good } => {
                *under_way -= 1;
                *good += 1;
                (*good >= self.probes()).then_some(Phase::Closed)
            }
            Phase::Closed if permit.ending != Ending::Abandoned => {
                inner.window.record(now_ms, failed, slow);
                self.is_too_bad(inner.window.tally(now_ms)).then(|| self.opened(now_ms))
            }
            Phase::Closed | Phase::Open { .. } => None,
        };
        if let Some(next) = next {
            self.turn(inner, next);
        }
    }

    /// Turns an open breaker whose time is over into a half-open one; returns the time it went by.
    fn let_time_pass(&self, inner: &mut Inner) -> i64 {
        let now_ms = self.clock.monotonic_ms();
        if matches!(inner.phase, Phase::Open { until_ms } if until_ms <= now_ms) {
            self.turn(inner, Phase::HalfOpen { under_way: 0, good: 0 });
        }
        now_ms
    }

    fn turn(&self, inner: &mut Inner, phase: Phase) {
        inner.phase = phase;
        inner.generation += 1;
        inner.window = Window::new(self.settings.window_ms);
        // Still under the lock: two changes in a row must not reach the gauge in the wrong order.
        self.show(inner.phase.state());
    }

    fn show(&self, state: BreakerState) {
        let level = match state {
            BreakerState::Closed => 0.0,
            BreakerState::HalfOpen => 1.0,
            BreakerState::Open => 2.0,
        };
        metrics::gauge!("breaker_state", "caller" => self.caller, "callee" => self.callee).set(level);
    }

    fn opened(&self, now_ms: i64) -> Phase {
        Phase::Open { until_ms: now_ms.saturating_add(self.settings.open_ms) }
    }

    fn probes(&self) -> u32 {
        self.settings.half_open_permits.max(1)
    }

    fn is_too_bad(&self, seen: Tally) -> bool {
        let reaches = |part: u64, rate_bp: u32| part > 0 && part * 10_000 >= seen.calls * u64::from(rate_bp);
        seen.calls >= u64::from(self.settings.min_calls)
            && (reaches(seen.failures, self.settings.failure_rate_bp) || reaches(seen.slow, self.settings.slow_rate_bp))
    }
}

/// Leave to make one call, which says afterwards how the call ended. The permit measures the time itself.
/// Dropped unsettled (the call was cancelled) it counts neither way.
#[must_use = "a permit that is dropped at once counts no call"]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    generation: u64,
    admitted_ms: i64,
    ending: Ending,
}

impl Permit<'_> {
    /// The callee answered.
    pub fn succeeded(mut self) {
        self.ending = Ending::Succeeded;
    }

    /// The callee did not answer, or not as it should.
    pub fn failed(mut self) {
        self.ending = Ending::Failed;
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.breaker.settle(self);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Succeeded,
    Failed,
    Abandoned,
}

struct Inner {
    phase: Phase,
    generation: u64,
    /// The results of this generation; filled only while closed.
    window: Window,
}

enum Phase {
    Closed,
    Open { until_ms: i64 },
    HalfOpen { under_way: u32, good: u32 },
}

impl Phase {
    fn state(&self) -> BreakerState {
        match self {
            Self::Closed => BreakerState::Closed,
            Self::Open { .. } => BreakerState::Open,
            Self::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }
}

/// The results of the last `BUCKETS` slices of time, the present one included.
struct Window {
    slice_ms: i64,
    buckets: [Bucket; BUCKETS],
}

/// One slice of time; `slice` numbers the slices since the clock began, so an old bucket is known as such.
#[derive(Clone, Copy, Default)]
struct Bucket {
    slice: i64,
    tally: Tally,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    calls: u64,
    failures: u64,
    slow: u64,
}

impl Window {
    fn new(window_ms: i64) -> Self {
        let slice_ms = window_ms.max(1).saturating_add(BUCKETS as i64 - 1) / BUCKETS as i64;
        Self { slice_ms, buckets: [Bucket::default(); BUCKETS] }
    }

    fn record(&mut self, now_ms: i64, failed: bool, slow: bool) {
        let slice = now_ms.div_euclid(self.slice_ms);
        let bucket = &mut self.buckets[slice.rem_euclid(BUCKETS as i64) as usize];
        if bucket.slice != slice {
            *bucket = Bucket { slice, tally: Tally::default() };
        }
        bucket.tally.calls += 1;
        bucket.tally.failures += u64::from(failed);
        bucket.tally.slow += u64::from(slow);
    }

    fn tally(&self, now_ms: i64) -> Tally {
        let oldest = now_ms.div_euclid(self.slice_ms) - BUCKETS as i64 + 1;
        let fresh = self.buckets.iter().filter(|bucket| bucket.slice >= oldest);
        fresh.fold(Tally::default(), |sum, Bucket { tally, .. }| Tally {
            calls: sum.calls + tally.calls,
            failures: sum.failures + tally.failures,
            slow: sum.slow + tally.slow,
        })
    }
}
