//! The broker is away for a while: whoever joins, deals, buys or looks does not notice, events wait in the logs, and what
//! has gathered is taken in far faster than it came.

use std::time::Duration;

use crate::load::Load;
use crate::support::cluster::Cluster;
use crate::support::within;

/// Seconds for which the broker is away; ten minutes where somebody asks for it.
const AWAY_S: &str = "ONEPOINT_TEST_BROKER_AWAY_S";
const SHORT_S: u64 = 20;
/// On a machine where a broker needs some time to start, and everybody else too.
const FOUND_WITHIN: Duration = Duration::from_secs(180);
/// What gathered goes down so many times as fast as it came.
const TIMES: f64 = 5.0;

pub fn without_a_broker_work_goes_on_and_events_follow(set: &Cluster, load: &Load) {
    let away_s = std::env::var(AWAY_S).ok().and_then(|text| text.parse().ok()).unwrap_or(SHORT_S);
    let (before, report) = load.during(|| {
        set.stop("kafka");
        let before = load.newest();
        std::thread::sleep(Duration::from_secs(away_s));
        before
    });
    report.print(&format!("without a broker for {away_s} s"));
    assert!(report.failed.is_empty(), "{:?}", report.failed);

    let (oldest, newest) = (load.first_behind(before), load.newest());
    let page = |member_id: i64| set.get(&format!("/mypages/{member_id}"));
    assert_eq!(page(newest).status, 404, "events have come, so the broker was not away");
    // The load goes on, so new events stand behind those that gathered.
    let ((found, drained), during) = load.during(|| {
        set.start("kafka");
        let has_all = |member_id: i64| {
            let page = page(member_id).json;
            page["memberStatus"] == "NORMAL" && page["remainPoint"] == 1_000 && page["coupons"][0]["status"] == "ISSUED"
        };
        // How soon processes find the broker again is one thing, how fast they take in what waits another.
        let found = within(FOUND_WITHIN, "the first who joined meanwhile has everything", || has_all(oldest));
        let drained = within(FOUND_WITHIN, "the last one has everything, too", || has_all(newest));
        (found, drained)
    });
    during.print("while it drained");
    assert!(during.failed.is_empty(), "{:?}", during.failed);
    let times = report.lasted.as_secs_f64() / drained.as_secs_f64().max(0.001);
    println!(
        "broker away for {:.1} s, {} members joined; found again after {:.1} s, all taken in {:.1} s later, {times:.1} \
         times as fast as it came",
        report.lasted.as_secs_f64(),
        newest - before,
        found.as_secs_f64(),
        drained.as_secs_f64()
    );
    assert!(times >= TIMES, "only {times:.1} times as fast as they came");
}
