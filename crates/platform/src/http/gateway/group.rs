//! A group: the addresses that do the same, with what stands before them: how many requests may be under way, a breaker,
//! a retry budget, and whether what follows them has fallen behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use metrics::{Counter, Gauge, counter, gauge};
use parking_lot::RwLock;

use super::GatewaySettings;
use super::name::{Name, Upstreams};
use super::upstream::Upstream;
use crate::breaker::{Breaker, Refused};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::guard::RetryBudget;

/// Addresses that a group may have in the settings, and that a name may stand for.
pub const MOST_UPSTREAMS: usize = 64;
/// Requests that may wait for an address to become ready.
const MOST_WAITING: usize = 1_024;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was answered, whatever the answer.
    Answered,
    /// As that, after it had been sent more than once.
    Repeated,
    /// No address was ready for it.
    Unreachable,
    /// It left, and no answer came.
    Lost,
    /// It was not answered in time.
    Late,
    /// The breaker is open.
    Open,
    /// Too many requests are under way.
    Busy,
    /// It would write where the followers are behind.
    Behind,
    /// Its client broke its body off.
    Broken,
}

const OUTCOMES: [(Outcome, &str); 9] = [
    (Outcome::Answered, "answered"),
    (Outcome::Repeated, "repeated"),
    (Outcome::Unreachable, "unreachable"),
    (Outcome::Lost, "lost"),
    (Outcome::Late, "late"),
    (Outcome::Open, "open"),
    (Outcome::Busy, "busy"),
    (Outcome::Behind, "behind"),
    (Outcome::Broken, "broken"),
];

/// The addresses that do the same.
pub struct Group {
    /// Its name; problems and figures are told apart by it.
    pub name: &'static str,
    names: Vec<Arc<Name>>,
    /// What is behind its names, each once.
    upstreams: RwLock<Upstreams>,
    pub(super) breaker: Breaker,
    pub(super) budget: RetryBudget,
    concurrency: usize,
    under_way: AtomicUsize,
    waiting: AtomicUsize,
    turn: AtomicUsize,
    /// When an address was last known to be ready; at first, when the gateway started.
    last_ready_ms: AtomicI64,
    is_behind: AtomicBool,
    outcomes: [Counter; OUTCOMES.len()],
    ready: Vec<Gauge>,
}

impl Group {
    pub(super) fn new(
        name: &'static str,
        names: Vec<Arc<Name>>,
        settings: &GatewaySettings,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let outcomes = OUTCOMES
            .map(|(_, outcome)| counter!("gateway_upstream_requests_total", "context" => name, "outcome" => outcome));
        let address = |of: &Arc<Name>| of.url().trim_start_matches("http://").to_owned();
        let gauge = |of| gauge!("gateway_upstream_ready", "context" => name, "address" => address(of));
        let ready: Vec<Gauge> = names.iter().map(gauge).collect();
        ready.iter().for_each(|gauge| gauge.set(0.0));
        Self {
            name,
            breaker: Breaker::new("gateway", name, settings.breaker.clone(), Arc::clone(clock)),
            budget: RetryBudget::full(),
            concurrency: settings.concurrency.max(1),
            under_way: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            turn: AtomicUsize::new(0),
            last_ready_ms: AtomicI64::new(clock.monotonic_ms()),
            is_behind: AtomicBool::new(false),
            names,
            upstreams: RwLock::new(Arc::from([])),
            outcomes,
            ready,
        }
    }

    /// What is behind its addresses now.
    #[must_use]
    pub fn upstreams(&self) -> Upstreams {
        Arc::clone(&self.upstreams.read())
    }

    /// Whether it has addresses, whatever is behind them.
    #[must_use]
    pub fn has_names(&self) -> bool {
        !self.names.is_empty()
    }

    /// Whether this is one of its addresses.
    pub(super) fn has(&self, name: &Name) -> bool {
        self.names.iter().any(|one| std::ptr::eq(Arc::as_ptr(one), name))
    }

    /// Takes in what is behind its addresses now.
    pub(super) fn refresh(&self) {
        let mut all: Vec<Arc<Upstream>> = Vec::new();
        for upstream in self.names.iter().flat_map(|name| name.upstreams().to_vec()) {
            if !all.iter().any(|one| Arc::ptr_eq(one, &upstream)) {
                all.push(upstream);
            }
        }
        *self.upstreams.write() = all.into();
    }

    /// Whether an address is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.upstreams.read().iter().any(|upstream| upstream.is_ready())
    }

    /// Whether what follows it is behind, so that it is not to be written to.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.is_behind.load(Ordering::Relaxed)
    }

    /// Says whether what follows it is behind; whether that is news.
    pub(super) fn set_behind(&self, is_behind: bool) -> bool {
        self.is_behind.swap(is_behind, Ordering::Relaxed) != is_behind
    }

    /// Shows which addresses are ready, and remembers when one was.
    pub(super) fn note_ready(&self, now_ms: i64) {
        let mut any = false;
        for (name, gauge) in self.names.iter().zip(&self.ready) {
            let ready = name.upstreams().iter().filter(|upstream| upstream.is_ready()).count();
            gauge.set(f64::from(u32::try_from(ready).unwrap_or(u32::MAX)));
            any |= ready > 0;
        }
        if any {
            self.last_ready_ms.store(now_ms, Ordering::Relaxed);
        }
    }

    /// Whether an address was ready within so many milliseconds.
    pub(super) fn was_ready_within(&self, most_ms: i64, now_ms: i64) -> bool {
        now_ms - self.last_ready_ms.load(Ordering::Relaxed) <= most_ms
    }

    /// The ready address that has least to do, one of those that have not been `tried`.
    pub(super) fn pick(&self, tried: &[Arc<Upstream>]) -> Option<Arc<Upstream>> {
        let upstreams = self.upstreams.read();
        let count = upstreams.len();
        // Whose turn it is decides between those that have equally little to do.
        let first = if count > 1 { self.turn.fetch_add(1, Ordering::Relaxed) % count } else { 0 };
        let (later, sooner) = upstreams.split_at(first);
        let able = sooner.iter().chain(later).filter(|one| one.is_ready() && !is_among(one, tried));
        able.min_by_key(|upstream| upstream.under_way()).cloned()
    }

    /// Whether a ready address has not been `tried`.
    pub(super) fn has_another(&self, tried: &[Arc<Upstream>]) -> bool {
        self.upstreams.read().iter().any(|upstream| upstream.is_ready() && !is_among(upstream, tried))
    }

    /// A place among the requests under way.
    pub(super) fn enter(self: &Arc<Self>) -> Result<Slot> {
        let slot = Slot { group: Arc::clone(self), upstream: None };
        if self.under_way.fetch_add(1, Ordering::Relaxed) >= self.concurrency {
            return Err(self.unavailable(format!("too many requests to {} are under way; try again in 1 s", self.name)));
        }
        Ok(slot)
    }

    /// A place among those who wait for an address.
    pub(super) fn wait(&self) -> Option<Waiting<'_>> {
        let waiting = Waiting(self);
        (self.waiting.fetch_add(1, Ordering::Relaxed) < MOST_WAITING).then_some(waiting)
    }

    pub(super) fn count(&self, outcome: Outcome) {
        let place = OUTCOMES.iter().position(|(known, _)| *known == outcome);
        place.into_iter().for_each(|place| self.outcomes[place].increment(1));
    }

    fn unavailable(&self, message: String) -> Error {
        Error::unavailable(format!("{}.unavailable", self.name), message)
    }

    /// No address of it is ready.
    #[must_use]
    pub fn unreachable(&self) -> Error {
        let message = format!("{} cannot be reached at present; repeat later", self.name);
        Error::unavailable(format!("{}.unreachable", self.name), message)
    }

    pub(super) fn lost(&self) -> Error {
        let message = format!(
            "the answer of {} was lost; whether it was done is not known yet, so repeat it with the same Idempotency-Key",
            self.name
        );
        Error::unavailable(format!("{}.no_answer", self.name), message)
    }

    pub(super) fn open(&self, refused: Refused) -> Error {
        let wait_s = u32::try_from((refused.retry_after_ms.max(1) + 999) / 1_000).unwrap_or(u32::MAX);
        let text = format!("{} is failing and is not being asked for now; try again in {wait_s} s", self.name);
        Error { retry_after_s: Some(wait_s), ..self.unavailable(text) }
    }

    pub(super) fn behind(&self) -> Error {
        let message = format!("more is written to {} than others can follow; try again in 1 s", self.name);
        Error::unavailable(format!("{}.behind", self.name), message)
    }
}

fn is_among(upstream: &Arc<Upstream>, others: &[Arc<Upstream>]) -> bool {
    others.iter().any(|other| Arc::ptr_eq(other, upstream))
}

/// One request under way: counted until this is dropped.
pub(super) struct Slot {
    group: Arc<Group>,
    upstream: Option<Arc<Upstream>>,
}

impl Slot {
    /// Counts it where it is sent to.
    pub(super) fn at(&mut self, upstream: &Arc<Upstream>) {
        self.leave();
        upstream.is_given_one();
        self.upstream = Some(Arc::clone(upstream));
    }

    fn leave(&mut self) {
        if let Some(upstream) = self.upstream.take() {
            upstream.is_done();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.leave();
        self.group.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One request that waits for an address.
pub(super) struct Waiting<'a>(&'a Group);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::breaker::BreakerSettings;
    use crate::clock::SystemClock;

    fn group(addresses: usize, concurrency: usize) -> Arc<Group> {
        let settings = GatewaySettings {
            check: Duration::from_millis(250),
            time_limit: Duration::from_secs(1),
            wait: Duration::from_secs(1),
            concurrency,
            breaker: BreakerSettings::default(),
            lag_limit_ms: 5_000,
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let name = Arc::new(Name::new("http://one:1").expect("an address"));
        let ports = 1..=u16::try_from(addresses).expect("a few");
        let address = |port| std::net::SocketAddr::from(([127, 0, 0, 1], port));
        name.set(ports.map(|port| Arc::new(Upstream::new(address(port), name.host().clone()))).collect());
        let group = Group::new("one", vec![name], &settings, &clock);
        group.refresh();
        Arc::new(group)
    }

    #[test]
    fn the_ready_one_with_least_to_do_is_picked_and_those_with_equally_little_by_turns() {
        let group = group(3, 100);
        let all = group.upstreams();
        let place = |tried: &[usize]| {
            let tried: Vec<_> = tried.iter().map(|place| Arc::clone(&all[*place])).collect();
            let picked = group.pick(&tried);
            assert_eq!(picked.is_some(), group.has_another(&tried));
            picked.and_then(|picked| all.iter().position(|one| Arc::ptr_eq(one, &picked)))
        };
        assert_eq!(place(&[]), None, "none is ready");
        for upstream in all.iter() {
            upstream.set_ready(true);
        }
        let turns: Vec<_> = (0..6).filter_map(|_| place(&[])).collect();
        assert!((0..3).all(|one| turns.iter().filter(|turn| **turn == one).count() == 2), "{turns:?}");
        let busy = |one: usize| {
            let mut slot = group.enter().expect("room");
            slot.at(&all[one]);
            slot
        };
        let held = [busy(0), busy(1)];
        assert!((0..6).all(|_| place(&[]) == Some(2)));
        assert!((0..6).all(|_| place(&[2]).is_some_and(|picked| picked != 2)), "it was tried");
        assert_eq!((place(&[0, 1]), place(&[0, 1, 2])), (Some(2), None));
        all[2].set_ready(false);
        assert!((0..6).all(|_| place(&[]).is_some_and(|picked| picked != 2)), "it is not ready");
        assert_eq!(place(&[0, 1]), None);
        drop(held);
        assert!(all.iter().all(|upstream| upstream.under_way() == 0));
    }

    #[test]
    fn beyond_its_limit_requests_are_refused_until_one_has_ended() {
        let group = group(1, 2);
        let held = [group.enter().expect("room"), group.enter().expect("room")];
        assert_eq!(group.enter().err().map(|error| error.code.into_owned()).as_deref(), Some("one.unavailable"));
        drop(held);
        assert!(group.enter().is_ok());
    }
}
