//! The guard against callees that answer, refuse, fail, hang and vanish.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::time::sleep;

use super::{Guard, GuardSettings};
use crate::breaker::{BreakerSettings, BreakerState};
use crate::clock::ManualClock;
use crate::error::{Error, ErrorKind, Result};

fn guard(settings: GuardSettings) -> (Guard, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(0));
    (Guard::new("caller", "callee", settings, clock.clone()), clock)
}

/// A breaker that never opens, to look at the rest alone.
fn never_opening() -> BreakerSettings {
    BreakerSettings { min_calls: u32::MAX, ..Default::default() }
}

/// A callee that counts its calls and always answers with this kind of error.
struct Callee {
    calls: AtomicU32,
    answer: ErrorKind,
}

impl Callee {
    fn answering(answer: ErrorKind) -> Self {
        Self { calls: AtomicU32::new(0), answer }
    }

    async fn answer(&self) -> Result<u32> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Err(Error::new(self.answer, "callee.says", "The callee's own words."))
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }
}

async fn hang() -> Result<u32> {
    pending().await
}

async fn answer() -> Result<u32> {
    Ok(7)
}

#[tokio::test]
async fn an_answer_comes_through() {
    let (guard, _) = guard(GuardSettings::default());
    assert_eq!(guard.ask(answer).await.expect("it answers"), 7);
}

#[tokio::test]
async fn a_question_ends_with_its_time_limit() {
    let (guard, _) = guard(GuardSettings { time_limit_ms: 60, ..Default::default() });
    let started = Instant::now();
    let error = guard.ask(hang).await.expect_err("it hangs");
    assert!((60..400).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
    assert_eq!(
        (error.kind, &*error.code, error.retry_after_s),
        (ErrorKind::Unavailable, "callee.unavailable", Some(1))
    );
    assert_eq!(error.message, "callee did not answer in time; try again in 1 s.");
}

#[tokio::test]
async fn a_question_ends_when_its_answer_is_of_no_more_use() {
    let (guard, _) = guard(GuardSettings { time_limit_ms: 60, ..Default::default() });
    for (wanted_for_ms, least, most) in [(20, 20, 58), (60_000, 60, 400)] {
        let started = Instant::now();
        let latest = tokio::time::Instant::now() + Duration::from_millis(wanted_for_ms);
        let error = guard.ask_until(latest, hang).await.expect_err("it hangs");
        let took_ms = started.elapsed().as_millis();
        assert!((least..most).contains(&took_ms), "{took_ms} ms");
        assert_eq!(&*error.code, "callee.unavailable");
    }
}

#[tokio::test]
async fn retries_stay_within_the_time_limit() {
    let settings = GuardSettings { time_limit_ms: 100, retries: 1_000, breaker: never_opening(), ..Default::default() };
    let (guard, _) = guard(settings);
    let calls = AtomicU32::new(0);
    let started = Instant::now();
    let first_fails_then_hangs = || async {
        if calls.fetch_add(1, Ordering::SeqCst) > 0 {
            return pending().await;
        }
        Err::<u32, _>(Error::unavailable("callee.says", "Not now."))
    };
    let error = guard.ask(first_fails_then_hangs).await.expect_err("it hangs");
    assert!((100..400).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
    assert_eq!((&*error.code, calls.into_inner()), ("callee.unavailable", 2));
}

#[tokio::test]
async fn a_call_that_failed_slowly_is_not_repeated() {
    let (guard, _) = guard(GuardSettings { time_limit_ms: 100, ..Default::default() });
    let callee = Callee::answering(ErrorKind::Unavailable);
    let slowly = || async {
        let answer = callee.answer().await;
        sleep(Duration::from_millis(60)).await;
        answer
    };
    guard.ask(slowly).await.expect_err("it fails");
    assert_eq!(callee.calls(), 1);
}

#[tokio::test]
async fn an_open_breaker_answers_without_calling() {
    let (guard, clock) = guard(GuardSettings { retries: 0, ..Default::default() });
    let callee = Callee::answering(ErrorKind::Internal);
    for _ in 0..3 {
        assert_eq!(guard.ask(|| callee.answer()).await.expect_err("it fails").code, "callee.says");
    }
    clock.advance_ms(400);
    let error = guard.ask(|| callee.answer()).await.expect_err("the breaker is open");
    assert_eq!(callee.calls(), 3);
    assert_eq!(
        (error.kind, &*error.code, error.retry_after_s),
        (ErrorKind::Unavailable, "callee.unavailable", Some(2))
    );
    assert_eq!(error.message, "callee is failing and is not being asked for now; try again in 2 s.");
    clock.advance_ms(1_599);
    let error = guard.ask(|| callee.answer()).await.expect_err("still open");
    assert_eq!(error.retry_after_s, Some(1), "a millisecond is rounded up");
    clock.advance_ms(1);
    assert_eq!(guard.ask(answer).await.expect("the probe is let through"), 7);
    assert_eq!(guard.breaker().state(), BreakerState::Closed);
}

#[tokio::test]
async fn silence_opens_the_breaker() {
    let (guard, _) = guard(GuardSettings { time_limit_ms: 5, ..Default::default() });
    for _ in 0..3 {
        guard.ask(hang).await.expect_err("it hangs");
    }
    assert_eq!(guard.breaker().state(), BreakerState::Open);
}

#[tokio::test]
async fn answers_that_say_no_pass_unchanged_and_do_not_open_the_breaker() {
    let no = [ErrorKind::Conflict, ErrorKind::NotFound, ErrorKind::Invalid, ErrorKind::Forbidden, ErrorKind::TooMany];
    for kind in no {
        let (guard, _) = guard(GuardSettings::default());
        let callee = Callee::answering(kind);
        for _ in 0..10 {
            let error = guard.ask(|| callee.answer()).await.expect_err("it says no");
            assert_eq!((error.kind, &*error.message), (kind, "The callee's own words."));
        }
        assert_eq!(callee.calls(), 10, "a no is not asked for twice");
        assert_eq!(guard.breaker().state(), BreakerState::Closed);
    }
}

#[tokio::test]
async fn a_retry_may_save_the_question() {
    let (guard, _) = guard(GuardSettings::default());
    let calls = AtomicU32::new(0);
    let second_time = || async {
        match calls.fetch_add(1, Ordering::SeqCst) {
            0 => Err(Error::unavailable("callee.says", "Not now.")),
            _ => Ok(7),
        }
    };
    assert_eq!(guard.ask(second_time).await.expect("the retry is answered"), 7);
}

#[tokio::test]
async fn what_is_to_be_asked_once_is_never_repeated() {
    let (guard, _) = guard(GuardSettings { breaker: never_opening(), ..Default::default() });
    let callee = Callee::answering(ErrorKind::Unavailable);
    assert!(guard.ask_once(|| callee.answer()).await.is_err());
    assert_eq!(callee.calls(), 1);
    assert!(guard.ask(|| callee.answer()).await.is_err());
    assert_eq!(callee.calls(), 3, "control: another question is asked again");
}

#[tokio::test]
async fn a_defect_of_the_callee_is_not_asked_for_twice() {
    let (guard, _) = guard(GuardSettings::default());
    let callee = Callee::answering(ErrorKind::Internal);
    guard.ask(|| callee.answer()).await.expect_err("it fails");
    assert_eq!(callee.calls(), 1);
}

#[tokio::test]
async fn a_thousand_failing_questions_make_few_retries() {
    let (guard, _) = guard(GuardSettings { breaker: never_opening(), ..Default::default() });
    let callee = Callee::answering(ErrorKind::Unavailable);
    for _ in 0..1_000 {
        guard.ask(|| callee.answer()).await.expect_err("it fails");
    }
    assert!((1_100..=1_110).contains(&callee.calls()), "{} calls", callee.calls());
}

#[tokio::test]
async fn without_budget_there_is_no_retry() {
    let (guard, _) = guard(GuardSettings { breaker: never_opening(), ..Default::default() });
    while guard.budget.withdraw() {}
    let callee = Callee::answering(ErrorKind::Unavailable);
    for _ in 0..9 {
        guard.ask(|| callee.answer()).await.expect_err("it fails");
    }
    assert_eq!(callee.calls(), 9);
    guard.ask(|| callee.answer()).await.expect_err("it fails");
    assert_eq!(callee.calls(), 11, "the tenth question paid for a retry");
}

#[tokio::test]
async fn an_opened_breaker_stops_the_retries() {
    let (guard, _) = guard(GuardSettings { retries: 9, ..Default::default() });
    let callee = Callee::answering(ErrorKind::Unavailable);
    let error = guard.ask(|| callee.answer()).await.expect_err("it fails");
    assert_eq!((callee.calls(), &*error.code), (3, "callee.says"));
}

#[tokio::test]
async fn one_question_too_many_is_refused_at_once_and_leaves_the_breaker_alone() {
    let (guard, _) = guard(GuardSettings { concurrency: 2, time_limit_ms: 60_000, ..Default::default() });
    let asked = async {
        sleep(Duration::from_millis(10)).await;
        for _ in 0..10 {
            let error = guard.ask(answer).await.expect_err("two are under way");
            assert_eq!((error.kind, &*error.code), (ErrorKind::Unavailable, "callee.unavailable"));
            assert_eq!(error.message, "Too many questions to callee are under way; try again in 1 s.");
        }
    };
    tokio::select! {
        () = asked => {}
        _ = guard.ask(hang) => unreachable!("it hangs"),
        _ = guard.ask(hang) => unreachable!("it hangs"),
    }
    assert_eq!(guard.breaker().state(), BreakerState::Closed);
    assert_eq!(guard.ask(answer).await.expect("cancelled questions leave their place"), 7);
}

#[tokio::test]
async fn a_cancelled_probe_leaves_room_for_the_next() {
    let (guard, clock) = guard(GuardSettings::default());
    let callee = Callee::answering(ErrorKind::Internal);
    while guard.breaker().state() == BreakerState::Closed {
        guard.ask(|| callee.answer()).await.expect_err("it fails");
    }
    clock.advance_ms(2_000);
    tokio::time::timeout(Duration::from_millis(5), guard.ask(hang)).await.expect_err("cancelled");
    assert_eq!(guard.breaker().state(), BreakerState::HalfOpen);
    assert_eq!(guard.ask(answer).await.expect("it answers"), 7);
}

#[tokio::test]
async fn questions_can_be_asked_from_spawned_tasks() {
    let guard = Arc::new(guard(GuardSettings::default()).0);
    let task = tokio::spawn(async move { guard.ask(answer).await });
    assert_eq!(task.await.expect("no panic").expect("it answers"), 7);
}

#[tokio::test]
async fn every_question_is_counted_once_with_its_outcome() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let (guard, _) = guard(GuardSettings { time_limit_ms: 20, ..Default::default() });
    guard.ask(answer).await.expect("it answers");
    guard.ask(hang).await.expect_err("late");
    let callee = Callee::answering(ErrorKind::Unavailable);
    guard.ask(|| callee.answer()).await.expect_err("failed, and opened the breaker");
    guard.ask(answer).await.expect_err("open");
    let page = recorder.handle().render();
    for outcome in ["answered", "late", "failed", "open"] {
        let line = format!("questions_total{{callee=\"callee\",outcome=\"{outcome}\"}} 1\n");
        assert!(page.contains(&line), "{line} is not in\n{page}");
    }
}
