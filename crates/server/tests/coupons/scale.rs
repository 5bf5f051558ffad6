//! How long a bulk issue takes, and what those notice who ask meanwhile. By default a small run that only shows that the
//! measure works; the figures are those of
//! `ONEPOINT_BULK_CODES=1000000 cargo test --release -p server --test coupons -- scale --nocapture`.

use std::time::{Duration, Instant};

use crate::STORES;
use crate::kit::{alone, campaign, claim, figures, request, verify};
use crate::support::within;

const MEMBERS: i64 = 200;

#[test]
fn a_bulk_issue_gives_way_to_those_who_ask() {
    let codes = std::env::var("ONEPOINT_BULK_CODES").unwrap_or_else(|_| "20000".to_owned());
    let codes: i64 = codes.trim().parse().expect("a count");
    for engine in STORES {
        let app = alone(engine, MEMBERS);
        let (bulk, other) = (campaign(&app, codes, 1), campaign(&app, MEMBERS, 1));
        let started = Instant::now();
        let path = request(&app, bulk, codes);
        let mut waited: Vec<Duration> =
            (1..=MEMBERS).map(|member_id| claim(&app, other, member_id).must_be(201).took).collect();
        let asked = started.elapsed();
        let issued = app.get(&path).json["issued"].as_i64().expect("a count");
        within(Duration::from_secs(3_600), "all codes are made", || app.get(&path).json["status"] == "DONE");
        waited.sort();
        let (middle, slowest) = (waited[waited.len() / 2], waited[waited.len() - 1]);
        println!(
            "{engine:?}: {codes} codes in {:?}; {MEMBERS} claims in {asked:?} beside the first {issued}, each {middle:?}, at most {slowest:?}",
            started.elapsed()
        );
        assert!(slowest < Duration::from_secs(2), "who asks meanwhile is served: {slowest:?}");
        assert_eq!(figures(&app, bulk), [codes, 0, codes, 0, 0, 0]);
        verify(&app);
    }
}
