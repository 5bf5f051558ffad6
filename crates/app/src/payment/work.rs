//! The worker: hands what is due to the provider, many at once, and has its word recorded.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::payment::{Job, PaymentMethod};
use futures_util::FutureExt;
use platform::error::{Error, Result};
use platform::funnel::Funnel;
use platform::lease::{self, Fence, LEASE_MS};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::Payments;
use super::outgoing::Outgoing;
use super::provider::ProviderQuestions;
use super::store::{self, DueJob};
use super::writer::{Command, PaymentWriter, Said};

const WORKER: &str = "payment-worker";
/// Jobs of a method that are handed out, beyond those that are with its provider at a time: while the word of some is
/// recorded, others are asked.
const AHEAD: usize = 1_024;
/// Every method, each with a provider of its own.
const METHODS: [PaymentMethod; 2] = [PaymentMethod::Card, PaymentMethod::Points];
/// Jobs read at once.
const PIECE: i64 = 512;
/// How often an outcome is handed to a funnel that does not take it, and the pause in between.
const RECORD_TRIES: u32 = 4;
const RECORD_PAUSE: Duration = Duration::from_millis(100);
/// How long the end of the program waits at most for what is with the provider; the same is asked again after the next
/// start.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// Who moves the money, by method.
pub struct Providers {
    /// For cards; none: there is nobody.
    pub card: Option<ProviderQuestions>,
    /// For points.
    pub points: ProviderQuestions,
    /// How many exchanges may be under way at once with each of them, at least 1.
    pub parallel: usize,
}

/// Asks the provider and records its word.
pub(super) struct Teller {
    pub(super) funnel: Arc<Funnel<PaymentWriter>>,
    pub(super) providers: Providers,
    /// One that is slow takes up its own.
    card_slots: Semaphore,
    point_slots: Semaphore,
}

impl Teller {
    pub(super) fn new(funnel: Arc<Funnel<PaymentWriter>>, providers: Providers) -> Self {
        let slots = || Semaphore::new(providers.parallel.clamp(1, Semaphore::MAX_PERMITS));
        let (card_slots, point_slots) = (slots(), slots());
        Self { funnel, providers, card_slots, point_slots }
    }

    fn questions(&self, method: PaymentMethod) -> Option<&ProviderQuestions> {
        match method {
            PaymentMethod::Card => self.providers.card.as_ref(),
            PaymentMethod::Points => Some(&self.providers.points),
        }
    }

    async fn ask(&self, job: DueJob) -> Said {
        let slots = match job.method {
            PaymentMethod::Card => &self.card_slots,
            PaymentMethod::Points => &self.point_slots,
        };
        let _slot = slots.acquire().await;
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
        let mut due = Vec::new();
        for method in METHODS {
            due.extend(self.due(method, &mut outgoing)?);
        }
        if due.is_empty() && outgoing.is_idle() {
            return Ok(0);
        }
        let Some(number) = self.lead(&mut outgoing)? else {
            // Whoever works now may cease to: then everything is to be looked at.
            METHODS.into_iter().for_each(|method| outgoing.lane(method).look_back());
            return Ok(0);
        };
        let fence = Fence { lease: WORKER, number };
        let count = due.len();
        for job in due {
            let (id, teller) = (job.payment_id, Arc::clone(&self.teller));
            let what = (job.method, id, job.job);
            let task = async move {
                let unheard = Said::Nothing(job.job, "payment.broken_off".to_owned());
                // A provider that panics is a defect, but no reason never to try this payment again.
                let said = AssertUnwindSafe(teller.ask(job)).catch_unwind().await.unwrap_or(unheard);
                teller.record(id, fence, said).await;
            };
            outgoing.spawn(what, task, runtime);
        }
        Ok(count)
    }

    /// The jobs of a method that are due, are not with its provider already, and are worth a try.
    fn due(&self, method: PaymentMethod, outgoing: &mut Outgoing) -> Result<Vec<DueJob>> {
        let clock = &self.kit.clock;
        let (now_ms, mut due) = (clock.now_ms(), Vec::new());
        let on_the_way = outgoing.lane(method).jobs.len();
        let room = AHEAD.saturating_sub(on_the_way);
        if room == 0 {
            return Ok(due);
        }
        let mut lets = self.teller.questions(method).map_or(0, |questions| questions.room(on_the_way));
        // One that fails is not used again.
        let mut reader = match outgoing.reader.take() {
            Some(reader) => reader,
            None => self.database.read_session()?,
        };
        let lane = outgoing.lane(method);
        let mut place = lane.next_place(clock.monotonic_ms());
        loop {
            let found = store::due_jobs(&mut *reader, (method, place), now_ms, PIECE)?;
            let is_end = i64::try_from(found.len()).unwrap_or(PIECE) < PIECE;
            for job in found {
                if due.len() == room {
                    break;
                }
                place = (job.due_at, job.payment_id);
                if let Some(known) = lane.jobs.get(&job.payment_id) {
                    if *known != job.job {
                        // It is another job by now, which is to be found as soon as the one before has ended.
                        lane.look_back();
                    }
                    continue;
                }
                // Who would not be asked any more is heard to say nothing, however the breaker stands.
                if lets > 0 || self.is_given_up(&job, now_ms) {
                    lets = lets.saturating_sub(1);
                    due.push(job);
                }
            }
            if is_end || due.len() == room {
                break;
            }
        }
        lane.place = place;
        outgoing.reader = Some(reader);
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
        while !outgoing.has_ended() && started.elapsed() < LAST_WAIT {
            let left = LAST_WAIT.saturating_sub(started.elapsed());
            let _ = runtime.block_on(async { timeout(left, outgoing.next_ended()).await });
        }
        outgoing.reap();
        outgoing.break_off("the program ends");
        outgoing.reader = None;
    }
}
