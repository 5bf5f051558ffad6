//! How long a closing takes for 1,000 merchants with more and more lines. By default a small run that only shows that
//! the measure works; the figures are those of
//! `ONEPOINT_SETTLEMENT_LINES=100000,1000000 cargo test --release -p server --test settlement -- scale --nocapture`.

use std::time::{Duration, Instant};

use crate::Programme;
use crate::support::{Engine, within};

const MERCHANTS: i64 = 1_000;
const JULY: &str = "2020-07-15T12:00:00+09:00";
const AT_MS: i64 = 1_594_782_000_000;
/// What chance may add to a closing of some tens of milliseconds.
const SLACK_MS: u128 = 50;

/// Milliseconds of a closing over so many lines.
fn closing_ms(engine: Engine, lines: i64) -> u128 {
    let programme = Programme::at(engine, JULY);
    programme.tell(|told| (1..=MERCHANTS).for_each(|merchant_id| told.opened(merchant_id, None)));
    let mut left = lines;
    while left > 0 {
        let piece = left.min(100_000);
        // Merchants take turns, so that the lines of each lie far apart.
        programme.tell(|told| {
            for line in 0..piece {
                told.used(line % MERCHANTS + 1, 100, AT_MS);
            }
        });
        left -= piece;
    }
    let last = format!("/billingAmountViews/{lines}");
    within(Duration::from_secs(3_600), "settlement knows of every deal", || programme.app.get(&last).status == 200);
    let started = Instant::now();
    let closing = programme.close("202007");
    let took = started.elapsed().as_millis();
    assert_eq!((&closing["merchants"], &closing["billed"]), (&MERCHANTS.into(), &MERCHANTS.into()), "{closing}");
    assert_eq!(closing["billingAmount"], lines * 98);
    println!("{engine:?}: {lines} lines of {MERCHANTS} merchants closed in {took} ms");
    took
}

#[test]
fn a_closing_costs_the_same_however_good_the_month_was() {
    let sizes = std::env::var("ONEPOINT_SETTLEMENT_LINES").unwrap_or_else(|_| "2000,20000".to_owned());
    let sizes: Vec<i64> = sizes.split(',').map(|size| size.trim().parse().expect("a count")).collect();
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let took: Vec<u128> = sizes.iter().map(|lines| closing_ms(engine, *lines)).collect();
        println!("{engine:?}: {took:?} ms");
        assert!(took.iter().all(|took| *took <= 5_000), "a closing takes at most 5 s: {took:?}");
        for (lines, took) in sizes.windows(2).zip(took.windows(2)) {
            // Up to ten times the lines may cost half as much again.
            let is_flat = 2 * took[1] <= 3 * took[0] + 2 * SLACK_MS;
            assert!(is_flat || lines[1] > 10 * lines[0], "{engine:?}: {lines:?} lines took {took:?} ms");
        }
    }
}
