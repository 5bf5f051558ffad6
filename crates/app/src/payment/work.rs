//! The worker: hands what is due to the provider, many at once, and has its word recorded.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::payment::{Job, PaymentMethod};
use futures_util::FutureExt;
use platform::db::Session;
use platform::error::{Error, Result};
use platform::funnel::Funnel;
use platform::lease::{self, Fence, LEASE_MS};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Payments;
use super::provider::ProviderQuestions;
use super::store::{self, DueJob};
use super::writer::{Command, PaymentWriter, Said};

const WORKER: &str = "payment-worker";
/// Jobs that are handed out beyond those that are with the provider at a time: while the word of some is recorded,
/// others are asked.
const AHEAD: usize = 1_024;
/// Jobs read at once.
const PIECE: i64 = 512;
/// So often the worker looks at everything that is due, not only at what came last.
const LOOK_BACK_MS: i64 = 500;
/// How often an outcome is handed to a funnel that does not take it, and the pause in between.
const RECORD_TRIES: u32 = 4;
const RECORD_PAUSE: Duration = Duration::from_millis(100);
/// How long the end of the program waits at most for what is with the provider; the same is asked again after the next
/// start.
const LAST_WAIT: Duration = Duration::from_secs(2);
/// The beginning of what is due.
const START: (i64, i64) = (i64::MIN, 0);

/// Who moves the money, by method.
pub struct Providers {
    /// For cards; none: there is nobody.
    pub card: Option<ProviderQuestions>,
    /// For points.
    pub points: ProviderQuestions,
    /// How many exchanges may be under way at once, at least 1.
    pub parallel: usize,
}

/// Asks the provider and records its word.
pub(super) struct Teller {
    pub(super) funnel: Arc<Funnel<PaymentWriter>>,
    pub(super) providers: Providers,
    slots: Semaphore,
}

impl Teller {
    pub(super) fn new(funnel: Arc<Funnel<PaymentWriter>>, providers: Providers) -> Self {
        let slots = Semaphore::new(providers.parallel.clamp(1, Semaphore::MAX_PERMITS));
        Self { funnel, providers, slots }
    }

    fn questions(&self, method: PaymentMethod) -> Option<&ProviderQuestions> {
        match method {
            PaymentMethod::Card => self.providers.card.as_ref(),
            PaymentMethod::Points => Some(&self.providers.points),
        }
    }

    async fn ask(&self, job: DueJob) -> Said {
        let _slot = self.slots.acquire().await;
        match self.questions(job.method) {
            Some(questions) => questions.ask(job).await,
            None => Said::Nothing(job.job, "payment.no_provider".to_owned()),
        }
    }

    /// What cannot be recorded is lost: the same is asked again, under the same reference.
    async fn record(&self, payment_id: i64, fence: Fence, said: Said) {
        for _ in 0..RECORD_TRIES {
            let submitted = self.funnel.submit_under(fence, Command::Record { payment_id, said: said.clone() });
            let recorded = match submitted {
                Ok(answer) => answer.await.unwrap_or_else(|_| Err(Error::internal("the funnel ended"))),
                Err(error) => Err(error),
            };
            let Err(error) = recorded else { return };
            // Another process asks by now, and hears the same.
            if error.code == lease::lost().code || !self.funnel.is_open() {
                return;
            }
            tracing::warn!(payment_id, %error, "what the provider said is not recorded");
            sleep(RECORD_PAUSE).await;
        }
    }
}

/// What is with the provider, or on its way into the store.
#[derive(Default)]
pub(super) struct Outgoing {
    tasks: JoinSet<i64>,
    jobs: HashMap<i64, Job>,
    reader: Option<Box<dyn Session>>,
    /// The last job that was looked at, by when it became due and its number.
    place: (i64, i64),
    looked_back_ms: Option<i64>,
    /// Of the lease, when it was taken or renewed last.
    leased_at_ms: Option<i64>,
    fence: i64,
}

impl Outgoing {
    /// Takes in which have ended.
    fn reap(&mut self) {
        while let Some(ended) = self.tasks.try_join_next() {
            match ended {
                Ok(payment_id) => drop(self.jobs.remove(&payment_id)),
                Err(error) => tracing::error!(%error, "the task of a payment broke off"),
            }
        }
        // Should a task ever break off, its number is not kept for good.
        if self.tasks.is_empty() {
            self.jobs.clear();
        }
    }

    fn break_off(&mut self, why: &str) {
        if !self.jobs.is_empty() {
            tracing::warn!(
                payments = self.jobs.len(),
                "payments that were with the provider are asked for again: {why}"
            );
        }
        // Dropping the tasks ends them.
        (self.tasks, self.jobs) = (JoinSet::new(), HashMap::new());
    }

    /// Where to go on: behind what was looked at last, and now and then from the start.
    fn next_place(&mut self, now_ms: i64) -> (i64, i64) {
        let is_old = self.looked_back_ms.is_none_or(|at_ms| (now_ms - at_ms).abs() >= LOOK_BACK_MS);
        if is_old {
            (self.place, self.looked_back_ms) = (START, Some(now_ms));
        }
        self.place
    }
}

impl Payments {
    /// Hands the jobs that are due to the providers, as many as there is room for; how many. One process at a time does
    /// it, on one thread.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached; the jobs stay due.
    pub fn work(&self, runtime: &Handle) -> Result<usize> {
        let mut outgoing = self.outgoing.lock();
        outgoing.reap();
        if !self.funnel.is_open() {
            return Ok(0);
        }
        let due = self.due(&mut outgoing).inspect_err(|_| outgoing.reader = None)?;
        if due.is_empty() && outgoing.jobs.is_empty() {
            return Ok(0);
        }
        let Some(number) = self.lead(&mut outgoing)? else {
            // Whoever works now may cease to: then everything is to be looked at.
            outgoing.looked_back_ms = None;
            return Ok(0);
        };
        let fence = Fence { lease: WORKER, number };
        let count = due.len();
        for job in due {
            let (id, teller) = (job.payment_id, Arc::clone(&self.teller));
            outgoing.jobs.insert(id, job.job);
            let task = async move {
                let unheard = Said::Nothing(job.job, "payment.broken_off".to_owned());
                // A provider that panics is a defect, but no reason never to try this payment again.
                let said = AssertUnwindSafe(teller.ask(job)).catch_unwind().await.unwrap_or(unheard);
                teller.record(id, fence, said).await;
                id
            };
            outgoing.tasks.spawn_on(task, runtime);
        }
        Ok(count)
    }

    /// The jobs that are due, are not with the provider already, and are worth a try.
    fn due(&self, outgoing: &mut Outgoing) -> Result<Vec<DueJob>> {
        let clock = &self.kit.clock;
        let (now_ms, mut due) = (clock.now_ms(), Vec::new());
        let on_the_way = outgoing.jobs.len();
        let room = AHEAD.saturating_sub(on_the_way);
        if room == 0 {
            return Ok(due);
        }
        let lets = |method| self.teller.questions(method).map_or(0, |questions| questions.room(on_the_way));
        let (mut cards, mut points) = (lets(PaymentMethod::Card), lets(PaymentMethod::Points));
        let mut place = outgoing.next_place(clock.monotonic_ms());
        let mut reader = match outgoing.reader.take() {
            Some(reader) => reader,
            None => self.database.read_session()?,
        };
        loop {
            let found = store::due_jobs(&mut *reader, place, now_ms, PIECE)?;
            let is_end = i64::try_from(found.len()).unwrap_or(PIECE) < PIECE;
            for job in found {
                if due.len() == room {
                    break;
                }
                place = (job.due_at, job.payment_id);
                if let Some(known) = outgoing.jobs.get(&job.payment_id) {
                    if *known != job.job {
                        // It is another job by now, which is to be found as soon as the one before has ended.
                        outgoing.looked_back_ms = None;
                    }
                    continue;
                }
                let lets = if job.method == PaymentMethod::Card { &mut cards } else { &mut points };
                // Who would not be asked any more is heard to say nothing, however the breaker stands.
                if *lets > 0 || self.is_given_up(&job, now_ms) {
                    *lets = lets.saturating_sub(1);
                    due.push(job);
                }
            }
            if is_end || due.len() == room {
                break;
            }
        }
        (outgoing.place, outgoing.reader) = (place, Some(reader));
        Ok(due)
    }

    fn is_given_up(&self, job: &DueJob, now_ms: i64) -> bool {
        job.job == Job::Charge && now_ms.saturating_sub(job.requested_at) >= self.policy.give_up_ms
    }

    /// Takes or renews the lease, in good time; its number, or nothing if another process works.
    fn lead(&self, outgoing: &mut Outgoing) -> Result<Option<i64>> {
        let now_ms = self.kit.clock.now_ms();
        let is_fresh = outgoing.leased_at_ms.is_some_and(|at_ms| (now_ms - at_ms).abs() < LEASE_MS / 3);
        if is_fresh || (!self.database.is_shared() && outgoing.leased_at_ms.is_some()) {
            return Ok(Some(outgoing.fence));
        }
        let held = self.funnel.with_session(|tx| lease::hold(tx, WORKER, &self.kit.holder, now_ms))?;
        if held != Some(outgoing.fence) {
            outgoing.break_off("another process has taken over");
        }
        outgoing.leased_at_ms = held.map(|_| now_ms);
        outgoing.fence = held.unwrap_or(outgoing.fence);
        Ok(held)
    }

    /// Waits for what is with the provider, for 2 s at most. Called when nothing is handed out any more.
    pub fn finish_work(&self, runtime: &Handle) {
        let mut outgoing = self.outgoing.lock();
        let started = Instant::now();
        while !outgoing.tasks.is_empty() && started.elapsed() < LAST_WAIT {
            let left = LAST_WAIT.saturating_sub(started.elapsed());
            let _ = runtime.block_on(async { timeout(left, outgoing.tasks.join_next()).await });
        }
        outgoing.reap();
        outgoing.break_off("the program ends");
        outgoing.reader = None;
    }
}
