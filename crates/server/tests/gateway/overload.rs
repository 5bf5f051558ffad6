//! Writes are held back where followers fall behind, and only there.

use std::time::Duration;

use crate::kit::{Gate, Raw, good};
use crate::support::within;

#[test]
fn writes_wait_while_a_follower_falls_behind_and_flow_as_soon_as_it_catches_up() {
    let (point, follower) = (Raw::new(good()), Raw::new(good()));
    let gate = Gate::open(&[format!("gateway.point={}", point.url()), format!("gateway.dashboard={}", follower.url())]);
    let write = || gate.request("POST", "/points/1").bytes("{}").send();
    write().must_be(200);
    let lags = |ms: i64| follower.lags(&format!("{{\"dashboard<point\": {ms}}}"));
    // It goes on, and falls behind.
    let mut behind_ms = 0;
    within(Duration::from_secs(30), "writes are held back", || {
        behind_ms += 90;
        lags(behind_ms);
        std::thread::sleep(Duration::from_millis(100));
        write().status == 503
    });
    assert!(behind_ms > 5_000, "held back too soon: {behind_ms}");
    let held = write();
    if held.status == 503 {
        held.must_be_problem(503);
        assert_eq!((held.code(), held.header("retry-after")), ("point.behind", Some("1")));
    }
    gate.get("/points/1").must_be(200);
    gate.request("POST", "/dashboards").bytes("{}").send().must_be(200);
    while behind_ms < 8_000 {
        behind_ms += 90;
        lags(behind_ms);
        std::thread::sleep(Duration::from_millis(100));
    }
    within(Duration::from_secs(20), "writes flow", || {
        behind_ms -= 50;
        lags(behind_ms);
        std::thread::sleep(Duration::from_millis(100));
        write().status == 200
    });
    assert!(behind_ms > 5_000, "it is still behind, and catching up: {behind_ms}");
    assert_eq!(gate.get("/lags").must_be(200).json["dashboard<point"].as_i64(), Some(behind_ms));
}
