//! One run: many connections, in a closed loop (each sends its next request when the last is answered) or in an open loop
//! (requests are due at a fixed rate, and latency counts from when a request was due, so that a server that stalls cannot hide it).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::acked::AckedFile;
use super::carts::{Ended, Watch};
use super::connection::Connection;
use super::meter::{ServerFigures, client_cpu_ns, server_figures};
use super::profile::{Profile, Request, Verdict};
use super::request::{Keys, Random, RequestWriter};
use super::source::RequestSource;
use super::tally::Tally;
use super::target::Target;

/// So long after the end an answer may still come; then its request counts as an error.
const GRACE: Duration = Duration::from_secs(10);
/// A server that cannot even tell its figures within this time gets none reported.
const METRICS_MAX: Duration = Duration::from_secs(3);
/// How often acknowledged keys go to the file.
const FLUSH_EVERY: Duration = Duration::from_millis(100);
const FLUSHES_PER_PROGRESS: u32 = 10;
/// Timers are up to 2 ms late, so a request is prepared this early and sent at once: being early does not change its latency.
const TIMER_LATENESS: Duration = Duration::from_millis(1);

/// What one run does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) profile: Profile,
    pub(super) connections: usize,
    pub(super) seconds: u64,
    /// Arrivals per second over all connections; `None` is the closed loop.
    pub(super) rate: Option<u64>,
    pub(super) members: u64,
}

/// Why a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// Its time was up.
    Complete,
    /// The server did not take connections any more.
    ServerGone(String),
    /// Ctrl-C.
    Interrupted,
}

/// Everything measured in one run.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) plan: Plan,
    pub(super) tally: Tally,
    pub(super) ending: Ending,
    /// How long requests were sent.
    pub(super) elapsed: Duration,
    /// Arrivals that were due but not sent before the end.
    pub(super) unsent: u64,
    pub(super) client_cpu_ns: Option<u64>,
    pub(super) server_cpu_s: Option<f64>,
    /// As read right after the end; `None` if `/metrics` did not answer.
    pub(super) server: Option<ServerFigures>,
    /// How the carts ended, if it is about carts and was complete.
    pub(super) carts: Option<Ended>,
}

struct State {
    source: RequestSource,
    tally: Tally,
    acked: Option<AckedFile>,
    /// The number of the next arrival in the open loop.
    arrivals: u64,
    waiting: u64,
    gone: Option<String>,
}

struct Run {
    target: Target,
    plan: Plan,
    start: Instant,
    deadline: Instant,
    state: Mutex<State>,
    stop: AtomicBool,
    stopped: Notify,
}

impl Run {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere ends the run anyway; the counts are still worth printing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the next request; says what it is and when it is due. `None`: the run is over.
    fn next(&self, out: &mut Vec<u8>) -> Option<(Request, Instant)> {
        let now = Instant::now();
        if now >= self.deadline || self.stop.load(Ordering::Relaxed) {
            return None;
        }
        let mut state = self.state();
        let due = match self.plan.rate {
            None => now,
            Some(rate) => {
                let due = self.due(state.arrivals, rate);
                if due >= self.deadline {
                    return None;
                }
                state.arrivals += 1;
                due
            }
        };
        state.waiting += 1;
        Some((state.source.write_next(out), due))
    }

    fn due(&self, arrival: u64, rate: u64) -> Instant {
        self.start + due_after(arrival, rate)
    }

    fn record(&self, request: Request, since: Instant, status: u16, body: &[u8]) {
        let now = Instant::now();
        let verdict = self.plan.profile.judge(&request, status, body);
        let items = if verdict == Verdict::Done { self.plan.profile.items_done(body) } else { 0 };
        let mut state = self.state();
        state.waiting -= 1;
        state.tally.answered(verdict, items, now, now - since);
        if let (Verdict::Done, Some(deal)) = (verdict, request.deal) {
            state.source.dealt(deal, body);
        }
        match (verdict, request.key_number) {
            (Verdict::Unexpected, _) => state.tally.keep_answer(status, body),
            (Verdict::Done, Some(number)) if state.acked.is_some() => state.note_acked(number, body),
            _ => {}
        }
    }

    fn lose(&self, cause: &str) {
        let mut state = self.state();
        state.waiting -= 1;
        state.tally.lost(cause);
    }

    /// After a run of full length every request should have its answer.
    fn lose_waiting(&self) {
        let mut state = self.state();
        for _ in 0..std::mem::take(&mut state.waiting) {
            state.tally.lost("no answer within 10 s after the end of the run");
        }
    }

    fn give_up(&self, cause: String) {
        self.state().gone.get_or_insert(cause);
        self.stop.store(true, Ordering::Relaxed);
        self.stopped.notify_one();
    }

    fn flush(&self) {
        if let Some(acked) = &mut self.state().acked {
            acked.flush();
        }
    }

    fn progress_text(&self, second: u32, answered_before: &mut u64) -> String {
        let tally = &self.state().tally;
        let per_s = tally.answered - std::mem::replace(answered_before, tally.answered);
        let name = self.plan.profile.name();
        format!("{name} {second} s: {per_s} answers/s, {} refused, {} errors", tally.refused, tally.errors)
    }

    /// Arrivals that were due and never sent waited at least until `end`; leaving them out would hide the worst latencies.
    fn count_unsent(&self, end: Instant) -> u64 {
        let Some(rate) = self.plan.rate else { return 0 };
        let mut state = self.state();
        let first = state.arrivals;
        while self.due(state.arrivals, rate) < end {
            let waited = end - self.due(state.arrivals, rate);
            state.tally.delayed(waited);
            state.arrivals += 1;
        }
        state.arrivals - first
    }
}

impl State {
    fn note_acked(&mut self, number: u64, body: &[u8]) {
        let mut key = Vec::new();
        self.source.writer().keys().push(&mut key, number);
        if let Some(acked) = &mut self.acked {
            acked.note(&key, body);
        }
    }
}

/// When an arrival is due, counted from the start.
fn due_after(arrival: u64, rate: u64) -> Duration {
    let nanos = u128::from(arrival) * 1_000_000_000 / u128::from(rate.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// What one connection does until the run is over.
async fn drive(run: Arc<Run>, mut connection: Connection) {
    let mut request_bytes = Vec::with_capacity(512);
    while let Some((request, due)) = run.next(&mut request_bytes) {
        let mut since = due;
        if run.plan.rate.is_some() {
            let now = wait_until(due).await;
            since = due.min(now);
        }
        match connection.ask(&request_bytes).await {
            Ok(answer) => run.record(request, since, answer.status, answer.body),
            Err(cause) => run.lose(&cause),
        }
        if connection.is_closed() {
            match Connection::open(run.target.address).await {
                Ok(opened) => connection = opened,
                Err(cause) => return run.give_up(cause),
            }
        }
    }
}

/// Waits until about `due` and says when it is now.
async fn wait_until(due: Instant) -> Instant {
    let now = Instant::now();
    let Some(wake) = due.checked_sub(TIMER_LATENESS).filter(|wake| *wake > now) else { return now };
    tokio::time::sleep_until(wake.into()).await;
    Instant::now()
}

/// Does one run. Answers an error only if it could not start or the list of acknowledged keys could not be written.
pub(super) async fn run_load(
    target: &Target,
    plan: Plan,
    keys: &Keys,
    acked: Option<AckedFile>,
) -> Result<Measured, String> {
    let writer = RequestWriter::new(target, keys.clone());
    let metrics = RequestWriter::new(target, keys.clone());
    let connections = open_connections(target, plan.connections).await?;
    let carts = Watch::begin(target, &metrics, plan.profile).await?;
    let before = figures(target, &metrics).await;
    let cpu_before_ns = client_cpu_ns();
    let start = Instant::now();
    let deadline = start + Duration::from_secs(plan.seconds);
    let source = RequestSource::new(plan.profile, plan.members, writer, Random::from_environment());
    let state = State { source, tally: Tally::new(deadline)?, acked, arrivals: 0, waiting: 0, gone: None };
    let run = Arc::new(Run {
        target: target.clone(),
        plan,
        start,
        deadline,
        state: Mutex::new(state),
        stop: AtomicBool::new(false),
        stopped: Notify::new(),
    });
    let mut tasks = JoinSet::new();
    for connection in connections {
        tasks.spawn(drive(Arc::clone(&run), connection));
    }
    let ending = watch(&run, &mut tasks).await;
    tasks.shutdown().await;
    let last = Instant::now();
    let end = if ending == Ending::Complete { deadline } else { Instant::now().min(deadline) };
    let cpu_after_ns = client_cpu_ns();
    let server = figures(target, &metrics).await;
    let ended = all_paid(carts.filter(|_| ending == Ending::Complete), &run, last).await?;
    // What it costs until the last cart is paid is what a cart costs.
    let after = if ended.is_some() { figures(target, &metrics).await } else { server };
    let unsent = run.count_unsent(end);
    if ending == Ending::Complete {
        run.lose_waiting();
    }
    let run = Arc::into_inner(run).ok_or("a connection outlived its run")?;
    let state = run.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(acked) = state.acked {
        acked.finish()?;
    }
    Ok(Measured {
        plan,
        tally: state.tally,
        ending,
        elapsed: end - start,
        unsent,
        client_cpu_ns: cpu_after_ns.zip(cpu_before_ns).map(|(after, before)| after.saturating_sub(before)),
        server_cpu_s: after.and_then(|after| after.cpu_s).zip(before.and_then(|before| before.cpu_s)).and_then(used_s),
        server,
        carts: ended,
    })
}

async fn open_connections(target: &Target, count: usize) -> Result<Vec<Connection>, String> {
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        connections.push(Connection::open(target.address).await?);
    }
    Ok(connections)
}

/// Waits until the carts of a run are paid, if it is about carts; its last answer came at this moment.
async fn all_paid(carts: Option<Watch<'_>>, run: &Run, last: Instant) -> Result<Option<Ended>, String> {
    let Some(carts) = carts else { return Ok(None) };
    let added = run.state().tally.done;
    carts.end(added, last).await.map(Some)
}

async fn figures(target: &Target, writer: &RequestWriter) -> Option<ServerFigures> {
    tokio::time::timeout(METRICS_MAX, server_figures(target, writer)).await.ok()?.ok()
}

/// A counter that fell means that the server was restarted in between: then the difference says nothing.
fn used_s((after_s, before_s): (f64, f64)) -> Option<f64> {
    (after_s >= before_s).then_some(after_s - before_s)
}

/// Waits for the end of the run, shows progress and flushes meanwhile.
async fn watch(run: &Run, tasks: &mut JoinSet<()>) -> Ending {
    let progress = progress_line();
    let mut flushes: u32 = 0;
    let mut answered_before = 0;
    let mut ticks = tokio::time::interval(FLUSH_EVERY);
    let interrupt = tokio::signal::ctrl_c();
    tokio::pin!(interrupt);
    let mut ending = loop {
        tokio::select! {
            ended = tasks.join_next() => if ended.is_none() { break Ending::Complete },
            () = run.stopped.notified() => break Ending::Complete,
            Ok(()) = &mut interrupt => break Ending::Interrupted,
            () = tokio::time::sleep_until((run.deadline + GRACE).into()) => break Ending::Complete,
            _ = ticks.tick() => {
                flushes += 1;
                run.flush();
                if flushes.is_multiple_of(FLUSHES_PER_PROGRESS) {
                    progress.set_message(run.progress_text(flushes / FLUSHES_PER_PROGRESS, &mut answered_before));
                }
            }
        }
    };
    progress.finish_and_clear();
    if let Some(cause) = run.state().gone.take() {
        ending = Ending::ServerGone(cause);
    }
    ending
}

/// On standard error, and only if that is a terminal.
fn progress_line() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_spread_evenly_and_do_not_drift() {
        assert_eq!(due_after(0, 3), Duration::ZERO);
        assert_eq!(due_after(3, 3), Duration::from_secs(1));
        assert_eq!(due_after(3_000_000_001, 1_000_000), Duration::from_micros(3_000_000_001));
        assert_eq!(due_after(u64::MAX, 1), Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn a_restarted_server_gives_no_cpu_figure() {
        assert_eq!(used_s((1.0, 5.0)), None);
        assert_eq!(used_s((5.0, 1.0)), Some(4.0));
    }
}
