//! The one policy around every synchronous question between contexts, whether the callee runs in this process
//! or behind HTTP: a time limit, a concurrency limit, a circuit breaker, and a retry inside a retry budget.
//!
//! An answer that says no (`Conflict`, `NotFound`, …) is an answer: it passes through unchanged and speaks for
//! the callee. Only `Unavailable`, `Internal` and silence count against it.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use crate::breaker::{Breaker, BreakerSettings, BreakerState, Permit, Refused};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::trace::Span;

/// The longest time limit: a day. Larger settings mean this.
const LONGEST_MS: u64 = 86_400_000;

/// How one callee is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardSettings {
    /// Milliseconds that a whole question may take, retries and pauses included; at most a day.
    pub time_limit_ms: u64,
    /// Questions that may be under way at once (at least 1); further ones are refused.
    pub concurrency: usize,
    /// Further attempts after one that failed fast, that is in the first half of the time limit; the retry
    /// budget or the breaker may allow fewer.
    pub retries: u32,
    /// When the callee is not asked at all.
    pub breaker: BreakerSettings,
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self { time_limit_ms: 610, concurrency: 64, retries: 1, breaker: BreakerSettings::default() }
    }
}

/// Guards the questions of one caller to one callee.
pub struct Guard {
    callee: &'static str,
    time_limit: Duration,
    retries: u32,
    slots: Semaphore,
    budget: RetryBudget,
    breaker: Breaker,
}

impl Guard {
    /// A guard for the questions of `caller` to `callee`, which names it in messages, codes and metrics. `caller` tells
    /// the breakers of one callee apart. `clock` is the breaker's; the time limit runs on tokio's timer.
    #[must_use]
    pub fn new(caller: &'static str, callee: &'static str, settings: GuardSettings, clock: Arc<dyn Clock>) -> Self {
        Self {
            callee,
            time_limit: Duration::from_millis(settings.time_limit_ms.min(LONGEST_MS)),
            retries: settings.retries,
            slots: Semaphore::new(settings.concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            budget: RetryBudget::full(),
            breaker: Breaker::new(caller, callee, settings.breaker, clock),
        }
    }

    /// The breaker, for those who show its state.
    #[must_use]
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Refuses at once while the callee is known to fail, so that no work is begun that would have to be undone. Asks
    /// nothing and counts nothing.
    ///
    /// # Errors
    /// As [`Guard::ask`] with an open breaker.
    pub fn must_not_be_failing(&self) -> Result<(), Error> {
        match self.breaker.state() {
            BreakerState::Open => Err(self.open(Refused { retry_after_ms: 1 })),
            BreakerState::Closed | BreakerState::HalfOpen => Ok(()),
        }
    }

    /// Asks the callee by `call`, which may be made more than once: it must be safe to repeat. Counts
    /// `questions_total{callee,outcome}` with outcome `answered`, `failed`, `late`, `open` or `busy`.
    ///
    /// # Errors
    /// What `call` returned, unchanged. Or `Unavailable` with code `<callee>.unavailable` and `retry_after_s`
    /// when it could not be asked: the breaker is open, too many questions are under way, or the time limit
    /// passed, in which case the callee may have done it all the same.
    pub async fn ask<T, F, Fut>(&self, call: F) -> Result<T, Error>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        self.ask_until(Instant::now() + self.time_limit, call).await
    }

    /// As [`Guard::ask`], for a question that does its work again each time it is asked: `call` is made once at most.
    ///
    /// # Errors
    /// As [`Guard::ask`].
    pub async fn ask_once<T, F, Fut>(&self, call: F) -> Result<T, Error>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        self.counted(Instant::now() + self.time_limit, 0, call).await
    }

    /// As [`Guard::ask`], for an answer that is of use only until `latest`: the question ends then, or at the time limit
    /// if that comes first.
    ///
    /// # Errors
    /// As [`Guard::ask`].
    pub async fn ask_until<T, F, Fut>(&self, latest: Instant, call: F) -> Result<T, Error>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        self.counted(latest.min(Instant::now() + self.time_limit), self.retries, call).await
    }

    async fn counted<T, F, Fut>(&self, deadline: Instant, most_retries: u32, call: F) -> Result<T>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        let span = Span::of_question(self.callee);
        let (outcome, answer) = match &span {
            None => self.question(deadline, most_retries, call).await,
            Some(span) => span.around(self.question(deadline, most_retries, call)).await,
        };
        if let Some(span) = span {
            span.ended(outcome.label(), outcome != Outcome::Answered);
        }
        metrics::counter!("questions_total", "callee" => self.callee, "outcome" => outcome.label()).increment(1);
        answer
    }

    async fn question<T, F, Fut>(&self, deadline: Instant, most_retries: u32, call: F) -> (Outcome, Result<T>)
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        let Ok(_slot) = self.slots.try_acquire() else {
            return (Outcome::Busy, Err(self.busy()));
        };
        let mut permit = match self.breaker.admit() {
            Ok(permit) => permit,
            Err(refused) => return (Outcome::Open, Err(self.open(refused))),
        };
        self.budget.deposit();
        let mut retries = 0;
        loop {
            let (outcome, answer) = self.attempt(permit, deadline, call()).await;
            let failed_fast = outcome == Outcome::Failed
                && matches!(&answer, Err(error) if error.kind == ErrorKind::Unavailable)
                && Instant::now() + self.time_limit / 2 < deadline;
            if !failed_fast || retries >= most_retries || !self.budget.withdraw() {
                return (outcome, answer);
            }
            retries += 1;
            sleep(pause(retries)).await;
            match self.breaker.admit() {
                Ok(next) => permit = next,
                Err(_) => return (outcome, answer),
            }
        }
    }

    /// One call, and its result for the breaker. A question that is cancelled here drops its permit unsettled.
    async fn attempt<T>(
        &self,
        permit: Permit<'_>,
        deadline: Instant,
        call: impl Future<Output = Result<T>>,
    ) -> (Outcome, Result<T>) {
        let (outcome, answer) = match timeout_at(deadline, call).await {
            Err(_) => (Outcome::Late, Err(self.late())),
            Ok(Err(error)) if matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Internal) => {
                (Outcome::Failed, Err(error))
            }
            Ok(answer) => (Outcome::Answered, answer),
        };
        if outcome == Outcome::Answered {
            permit.succeeded();
        } else {
            permit.failed();
        }
        (outcome, answer)
    }

    fn open(&self, refused: Refused) -> Error {
        let wait_s = refused.retry_after_ms.saturating_add(999) / 1_000;
        let wait_s = u32::try_from(wait_s.max(1)).unwrap_or(u32::MAX);
        let text = format!("{} is failing and is not being asked for now; try again in {wait_s} s.", self.callee);
        Error { retry_after_s: Some(wait_s), ..self.unavailable(text) }
    }

    fn busy(&self) -> Error {
        self.unavailable(format!("Too many questions to {} are under way; try again in 1 s.", self.callee))
    }

    fn late(&self) -> Error {
        self.unavailable(format!("{} did not answer in time; try again in 1 s.", self.callee))
    }

    fn unavailable(&self, message: String) -> Error {
        Error::unavailable(format!("{}.unavailable", self.callee), message)
    }
}

/// The pause before the retry of this number (1, 2, …): 10 ms, then 20 ms.
fn pause(retry: u32) -> Duration {
    Duration::from_millis(u64::from(retry.clamp(1, 2)) * 10)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Answered,
    Failed,
    Late,
    Open,
    Busy,
}

impl Outcome {
    fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Late => "late",
            Self::Open => "open",
            Self::Busy => "busy",
        }
    }
}

/// Keeps retries to a tenth of the questions: each question pays in one coin, each retry costs ten. Without it
/// a callee in trouble would get twice the load just then.
pub(crate) struct RetryBudget {
    coins: AtomicU32,
}

impl RetryBudget {
    const RETRY_COSTS: u32 = 10;
    const HOLDS: u32 = 100;

    pub(crate) fn full() -> Self {
        Self { coins: AtomicU32::new(Self::HOLDS) }
    }

    pub(crate) fn deposit(&self) {
        self.change(|coins| (coins < Self::HOLDS).then_some(coins + 1));
    }

    /// Pays for one retry; `false` when there is not enough.
    pub(crate) fn withdraw(&self) -> bool {
        self.change(|coins| coins.checked_sub(Self::RETRY_COSTS))
    }

    fn change(&self, next: impl Fn(u32) -> Option<u32>) -> bool {
        // The number guards no other memory, so no order is needed.
        self.coins.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}
