//! The buckets against a model that lives through every millisecond, and what they promise in any case.
#![allow(clippy::unwrap_used, reason = "a test may; the failure names the line")]

use proptest::prelude::*;

use super::*;
use crate::clock::ManualClock;

fn owner(number: i64) -> Principal {
    Principal { role: Role::Owner("owner"), owner_id: Some(number), id: format!("key{number}") }
}

fn operator() -> Principal {
    Principal { role: Role::Operator, owner_id: None, id: "operator".to_owned() }
}

fn limits(per_s: i64, burst: i64) -> (RateLimits, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(0));
    let shared = Arc::clone(&clock) as Arc<dyn Clock>;
    (RateLimits::new(Rate { per_s, burst }, Rate::UNLIMITED, shared), clock)
}

#[test]
fn a_burst_goes_through_and_then_as_many_a_second_as_agreed() {
    let (limits, clock) = limits(50, 100);
    let admitted = |requests: usize| (0..requests).filter(|_| limits.admit(&owner(1)).is_ok()).count();
    assert_eq!(admitted(150), 100);
    clock.advance_ms(1_000);
    assert_eq!(admitted(150), 50);
    clock.advance_ms(60_000);
    assert_eq!(admitted(150), 100, "a quiet minute allows for a burst, not for more");
}

#[test]
fn a_refusal_says_when_there_is_room_and_there_is_room_then() {
    let (limits, clock) = limits(1, 1);
    limits.admit(&owner(1)).unwrap();
    let refused = limits.admit(&owner(1)).unwrap_err();
    assert_eq!(
        (refused.kind, refused.code.as_ref(), refused.retry_after_s),
        (ErrorKind::TooMany, "rate.limited", Some(1))
    );
    clock.advance_ms(999);
    assert!(limits.admit(&owner(1)).is_err());
    clock.advance_ms(1);
    assert!(limits.admit(&owner(1)).is_ok());
}

#[test]
fn principals_do_not_share_a_bucket_and_operators_have_none() {
    let (limits, _) = limits(1, 2);
    for _ in 0..2 {
        limits.admit(&owner(1)).unwrap();
    }
    assert!(limits.admit(&owner(1)).is_err());
    assert!(limits.admit(&owner(2)).is_ok());
    assert!((0..10_000).all(|_| limits.admit(&operator()).is_ok()));
    assert_eq!(limits.buckets.lock().by_principal.len(), 2);
}

#[test]
fn a_limit_of_nothing_is_no_limit() {
    let (limits, _) = limits(0, 1);
    assert!((0..10_000).all(|_| limits.admit(&owner(1)).is_ok()));
    assert!(limits.buckets.lock().by_principal.is_empty());
}

#[test]
fn idle_buckets_are_dropped_however_many_principals_there_were() {
    let (limits, clock) = limits(10, 10);
    let mut most = 0;
    for number in 0..100_000 {
        limits.admit(&owner(number)).unwrap();
        // 50 principals in the 100 ms after which a bucket is full again.
        clock.advance_ms(2);
        most = most.max(limits.buckets.lock().by_principal.len());
    }
    assert!(most <= BUCKETS, "{most} buckets stood at once");
}

#[test]
fn a_busy_bucket_survives_the_sweep() {
    let (limits, clock) = limits(1, 1_000);
    while limits.admit(&owner(0)).is_ok() {}
    for number in 1..=5_000 {
        limits.admit(&owner(number)).unwrap();
    }
    clock.advance_ms(500);
    limits.admit(&owner(6_000)).unwrap();
    assert!(limits.admit(&owner(0)).is_err(), "it is as empty as it was");
}

/// The same promise, told without arithmetic: in each millisecond `per_s` thousandths drip into the bucket.
struct Model {
    per_s: i64,
    burst: i64,
    levels: HashMap<i64, i64>,
}

impl Model {
    fn pass(&mut self, ms: i64) {
        for _ in 0..ms {
            for level in self.levels.values_mut() {
                *level = (*level + self.per_s).min(self.burst * 1_000);
            }
        }
    }

    fn admits(&mut self, owner: i64) -> bool {
        let level = self.levels.entry(owner).or_insert(self.burst * 1_000);
        let admits = *level >= 1_000;
        *level -= if admits { 1_000 } else { 0 };
        admits
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn buckets_decide_as_the_model_does(
        per_s in 1_i64..2_000,
        burst in 1_i64..50,
        steps in prop::collection::vec((0_i64..40, 0_i64..3), 1..300),
    ) {
        let (limits, clock) = limits(per_s, burst);
        let mut model = Model { per_s, burst, levels: HashMap::new() };
        let mut admitted: Vec<(i64, i64)> = Vec::new();
        let mut now_ms = 0;
        for (pause_ms, number) in steps {
            clock.advance_ms(pause_ms);
            model.pass(pause_ms);
            now_ms += pause_ms;
            let expected = model.admits(number);
            prop_assert_eq!(limits.admit(&owner(number)).is_ok(), expected, "at {} ms", now_ms);
            admitted.extend(expected.then_some((now_ms, number)));
        }
        // Whatever the model says: no span of time lets more through than the burst and what flows in meanwhile.
        for (start, (from_ms, number)) in admitted.iter().enumerate() {
            let (mut count, mut last_ms) = (0, *from_ms);
            for (at_ms, _) in admitted[start..].iter().filter(|(_, other)| other == number) {
                (count, last_ms) = (count + 1, *at_ms);
            }
            prop_assert!(count * 1_000 <= burst * 1_000 + (last_ms - from_ms) * per_s);
        }
    }
}
