//! The breaker against plain cases and against a naive model that remembers every call.

use std::sync::{Arc, Barrier};
use std::thread;

use metrics_exporter_prometheus::PrometheusBuilder;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{Breaker, BreakerSettings, BreakerState, Permit, Refused};
use crate::clock::ManualClock;

fn breaker(settings: BreakerSettings) -> (Breaker, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(0));
    (Breaker::new("caller", "callee", settings, clock.clone()), clock)
}

fn admit(breaker: &Breaker) -> Permit<'_> {
    breaker.admit().expect("the breaker admits")
}

fn open(breaker: &Breaker) {
    while breaker.state() == BreakerState::Closed {
        admit(breaker).failed();
    }
}

fn half_open(permits: u32) -> (Breaker, Arc<ManualClock>) {
    let (breaker, clock) = breaker(BreakerSettings { half_open_permits: permits, ..Default::default() });
    open(&breaker);
    clock.advance_ms(2_000);
    (breaker, clock)
}

#[test]
fn it_opens_with_the_last_of_min_calls_failures_and_not_before() {
    let (breaker, _) = breaker(BreakerSettings::default());
    admit(&breaker).failed();
    admit(&breaker).failed();
    assert_eq!(breaker.state(), BreakerState::Closed);
    admit(&breaker).failed();
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn successes_of_long_ago_do_not_keep_it_closed() {
    for successes in [1_000, 10_000] {
        let (breaker, clock) = breaker(BreakerSettings::default());
        (0..successes).for_each(|_| admit(&breaker).succeeded());
        (0..3).for_each(|_| admit(&breaker).failed());
        assert_eq!(breaker.state(), BreakerState::Closed, "recent successes outweigh three failures");
        clock.advance_ms(10_000);
        (0..3).for_each(|_| admit(&breaker).failed());
        assert_eq!(breaker.state(), BreakerState::Open, "after {successes} successes");
    }
}

#[test]
fn failures_that_straddle_a_window_boundary_are_seen_together() {
    let (breaker, clock) = breaker(BreakerSettings::default());
    clock.advance_ms(9_900);
    (0..2).for_each(|_| admit(&breaker).failed());
    clock.advance_ms(200);
    admit(&breaker).failed();
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn an_open_breaker_refuses_at_once_and_says_for_how_long() {
    let (breaker, clock) = breaker(BreakerSettings::default());
    open(&breaker);
    clock.advance_ms(500);
    assert_eq!(breaker.admit().err(), Some(Refused { retry_after_ms: 1_500 }));
    clock.advance_ms(1_499);
    assert_eq!(breaker.state(), BreakerState::Open);
    clock.advance_ms(1);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
}

#[test]
fn slow_successes_open_it() {
    let (breaker, clock) = breaker(BreakerSettings { slow_call_ms: 100, ..Default::default() });
    for _ in 0..3 {
        let permit = admit(&breaker);
        clock.advance_ms(100);
        permit.succeeded();
    }
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn a_good_probe_closes_it_with_a_clean_record() {
    let (breaker, _) = half_open(1);
    admit(&breaker).succeeded();
    assert_eq!(breaker.state(), BreakerState::Closed);
    (0..2).for_each(|_| admit(&breaker).failed());
    assert_eq!(breaker.state(), BreakerState::Closed, "the failures from before do not count any more");
}

#[test]
fn a_failed_probe_opens_it_for_the_full_time_again() {
    let (breaker, _) = half_open(3);
    admit(&breaker).succeeded();
    admit(&breaker).failed();
    assert_eq!(breaker.admit().err(), Some(Refused { retry_after_ms: 2_000 }));
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn half_open_admits_exactly_n_probes_to_fifty_threads() {
    for permits in [1, 3, 7] {
        let (breaker, _) = half_open(permits);
        let start = Barrier::new(50);
        let admitted: Vec<_> = thread::scope(|scope| {
            let ask = || {
                start.wait();
                breaker.admit().ok()
            };
            let threads: Vec<_> = (0..50).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().filter_map(|thread| thread.join().expect("no panic")).collect()
        });
        assert_eq!(admitted.len(), permits as usize);
        admitted.into_iter().for_each(Permit::succeeded);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
}

#[test]
fn a_probe_that_is_dropped_gives_its_place_back() {
    let (breaker, _) = half_open(1);
    for _ in 0..3 {
        let probe = admit(&breaker);
        assert!(breaker.admit().is_err());
        drop(probe);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
    }
    admit(&breaker).succeeded();
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn results_of_an_earlier_generation_change_nothing() {
    let (breaker, clock) = breaker(BreakerSettings::default());
    let early: Vec<_> = (0..12).map(|_| admit(&breaker)).collect();
    open(&breaker);
    clock.advance_ms(2_000);
    let probe = admit(&breaker);
    let mut early = early.into_iter();
    early.by_ref().take(4).for_each(Permit::failed);
    early.by_ref().take(4).for_each(Permit::succeeded);
    early.by_ref().take(1).for_each(drop);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    assert!(breaker.admit().is_err(), "the one probe is still under way");
    probe.succeeded();
    early.for_each(Permit::failed);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn the_gauge_shows_every_change() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let shows = |level: u8| {
        let page = recorder.handle().render();
        assert!(page.contains(&format!("breaker_state{{caller=\"caller\",callee=\"callee\"}} {level}\n")), "{page}");
    };
    metrics::with_local_recorder(&recorder, || {
        let (breaker, clock) = breaker(BreakerSettings::default());
        shows(0);
        open(&breaker);
        shows(2);
        clock.advance_ms(2_000);
        admit(&breaker).succeeded();
        shows(0);
        open(&breaker);
        clock.advance_ms(2_000);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        shows(1);
    });
}

/// What the model remembers of a call: never forgotten, only filtered.
#[derive(Clone, Copy)]
struct Call {
    generation: u32,
    slice: i64,
    failed: bool,
    slow: bool,
}

/// The naive breaker: every question is answered by going through all calls there ever were.
struct Model {
    settings: BreakerSettings,
    now_ms: i64,
    state: BreakerState,
    opened_ms: i64,
    generation: u32,
    calls: Vec<Call>,
    /// Generation and time of admission of each permit not settled yet.
    under_way: Vec<(u32, i64)>,
}

impl Model {
    fn new(settings: BreakerSettings) -> Self {
        Self {
            settings,
            now_ms: 0,
            state: BreakerState::Closed,
            opened_ms: 0,
            generation: 0,
            calls: Vec::new(),
            under_way: Vec::new(),
        }
    }

    fn turn(&mut self, state: BreakerState) {
        self.state = state;
        self.opened_ms = self.now_ms;
        self.generation += 1;
    }

    fn advance(&mut self, ms: i64) {
        self.now_ms += ms;
        if self.state == BreakerState::Open && self.now_ms >= self.opened_ms + self.settings.open_ms {
            self.turn(BreakerState::HalfOpen);
        }
    }

    fn present(&self) -> Vec<Call> {
        let oldest = self.slice() - 9;
        let present = |call: &&Call| call.generation == self.generation && call.slice >= oldest;
        self.calls.iter().filter(present).copied().collect()
    }

    fn slice(&self) -> i64 {
        self.now_ms / (self.settings.window_ms / 10)
    }

    /// The wait in milliseconds if it refuses.
    fn admit(&mut self) -> Option<i64> {
        let probes = self.under_way.iter().filter(|(generation, _)| *generation == self.generation).count()
            + self.calls.iter().filter(|call| call.generation == self.generation).count();
        match self.state {
            BreakerState::Open => return Some(self.opened_ms + self.settings.open_ms - self.now_ms),
            BreakerState::HalfOpen if probes >= self.settings.half_open_permits as usize => {
                return Some(self.settings.open_ms);
            }
            BreakerState::HalfOpen | BreakerState::Closed => self.under_way.push((self.generation, self.now_ms)),
        }
        None
    }

    fn settle(&mut self, place: usize, failed: bool) {
        let (generation, since_ms) = self.under_way.swap_remove(place);
        let slow = self.now_ms - since_ms >= self.settings.slow_call_ms;
        self.calls.push(Call { generation, slice: self.slice(), failed, slow });
        if generation != self.generation {
            return;
        }
        if self.state == BreakerState::HalfOpen {
            let probes = self.calls.iter().filter(|call| call.generation == generation).count();
            if failed || slow {
                self.turn(BreakerState::Open);
            } else if probes >= self.settings.half_open_permits as usize {
                self.turn(BreakerState::Closed);
            }
            return;
        }
        let present = self.present();
        let share = |part: usize| part as f64 / present.len() as f64 * 10_000.0;
        let failures = share(present.iter().filter(|call| call.failed).count());
        let slow = share(present.iter().filter(|call| call.slow).count());
        let bad = |share: f64, limit: u32| share > 0.0 && share >= f64::from(limit) - 0.001;
        let enough = present.len() >= self.settings.min_calls as usize;
        if enough && (bad(failures, self.settings.failure_rate_bp) || bad(slow, self.settings.slow_rate_bp)) {
            self.turn(BreakerState::Open);
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Advance(i64),
    Admit,
    Succeed { index: Index, after_ms: i64 },
    Fail(Index),
    Drop(Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0..400_i64).prop_map(Step::Advance),
        8 => Just(Step::Admit),
        4 => any::<Index>().prop_map(|index| Step::Succeed { index, after_ms: 0 }),
        1 => any::<Index>().prop_map(|index| Step::Succeed { index, after_ms: 200 }),
        3 => any::<Index>().prop_map(Step::Fail),
        1 => any::<Index>().prop_map(Step::Drop),
    ];
    prop::collection::vec(step, 1..300)
}

prop_compose! {
    fn settings()(
        window_ms in (1..=100_i64).prop_map(|tens| tens * 10),
        min_calls in 0..6_u32,
        failure_rate_bp in select(vec![0, 2_500, 5_000, 9_000, 10_001]),
        slow_call_ms in select(vec![200, 700, i64::MAX]),
        slow_rate_bp in select(vec![3_000, 8_000]),
        open_ms in 0..500_i64,
        half_open_permits in 1..4_u32,
    ) -> BreakerSettings {
        BreakerSettings {
            window_ms, min_calls, failure_rate_bp, slow_call_ms, slow_rate_bp, open_ms, half_open_permits,
        }
    }
}

/// Takes the same steps with the breaker and the model, and compares them after each.
fn walk(settings: BreakerSettings, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let (breaker, clock) = breaker(settings.clone());
    let mut model = Model::new(settings);
    let mut permits = Vec::new();
    for step in steps {
        let place = |index: Index| (!permits.is_empty()).then(|| index.index(permits.len()));
        match step {
            Step::Advance(ms) => {
                clock.advance_ms(ms);
                model.advance(ms);
            }
            Step::Admit => match breaker.admit() {
                Ok(permit) => {
                    prop_assert_eq!(model.admit(), None);
                    permits.push(permit);
                }
                Err(refused) => prop_assert_eq!(model.admit(), Some(refused.retry_after_ms)),
            },
            Step::Succeed { index, after_ms } => {
                clock.advance_ms(after_ms);
                model.advance(after_ms);
                if let Some(place) = place(index) {
                    permits.swap_remove(place).succeeded();
                    model.settle(place, false);
                }
            }
            Step::Fail(index) => {
                if let Some(place) = place(index) {
                    permits.swap_remove(place).failed();
                    model.settle(place, true);
                }
            }
            Step::Drop(index) => {
                if let Some(place) = place(index) {
                    drop(permits.swap_remove(place));
                    model.under_way.swap_remove(place);
                }
            }
        }
        // An open time of 0 is over as soon as it begins.
        model.advance(0);
        prop_assert_eq!(breaker.state(), model.state);
    }
    Ok(())
}

proptest! {
    #[test]
    fn it_does_at_every_step_what_the_naive_model_does(settings in settings(), steps in steps()) {
        walk(settings, steps)?;
    }
}
