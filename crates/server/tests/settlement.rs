//! Settlement: which month a deal is in, what a run bills, and months that are closed, by hand and by themselves.
//!
//! Deals are told to settlement through deal's own log, as deal would tell of them, so that each can be dated at will.

mod support;

#[path = "settlement/closings.rs"]
mod closings;
#[path = "settlement/kills.rs"]
mod kills;
#[path = "settlement/months.rs"]
mod months;
#[allow(dead_code, reason = "shared with the tests of recovery, which use all of it")]
#[path = "recovery/process.rs"]
mod process;
#[path = "settlement/roles.rs"]
mod roles;
#[path = "settlement/runs.rs"]
mod runs;
#[path = "settlement/scale.rs"]
mod scale;
#[path = "settlement/set_back.rs"]
mod set_back;
#[path = "settlement/told.rs"]
mod told;
#[path = "settlement/two_processes.rs"]
mod two_processes;

use std::cell::RefCell;
use std::time::Duration;

use platform::clock::Clock;
use platform::zone::parse_instant;
use serde_json::{Value, json};
use support::{Answer, Engine, TestApp, within};
use told::Told;

/// What the tests of this program take for granted of a busy machine.
const SOON: Duration = Duration::from_secs(10);
/// Deal and settlement; the others would ask who these members are.
const CONTEXTS: &str = "contexts=deal,settlement";

/// A programme at some time, and what deal told of it.
struct Programme {
    app: TestApp,
    told: RefCell<Told>,
}

impl Programme {
    /// One whose clock shows this instant.
    fn at(engine: Engine, instant: &str) -> Self {
        Self::with(engine, instant, &[])
    }

    /// One with these settings too.
    fn with(engine: Engine, instant: &str, sets: &[&str]) -> Self {
        let zone = sets.iter().find_map(|set| set.strip_prefix("timezone=")).unwrap_or("Asia/Seoul");
        let told = RefCell::new(Told::in_zone(zone));
        let sets: Vec<&str> = sets.iter().copied().chain([CONTEXTS]).collect();
        let programme = Self { app: TestApp::open_with(engine, &sets), told };
        programme.is_now(instant);
        programme
    }

    /// Sets the clock.
    fn is_now(&self, instant: &str) {
        let now_ms = parse_instant(instant).expect("an instant");
        self.app.clock.advance_ms(now_ms - self.app.clock.now_ms());
    }

    /// A merchant is known from now on.
    fn open_merchant(&self, merchant_id: i64, fee_rate_bp: Option<i64>) {
        self.tell(|told| told.opened(merchant_id, fee_rate_bp));
    }

    /// Points are used at this instant; the deal's number.
    fn use_points(&self, merchant_id: i64, point: i64, instant: &str) -> i64 {
        let at_ms = parse_instant(instant).expect("an instant");
        self.tell(|told| told.used(merchant_id, point, at_ms))
    }

    /// A use is cancelled at this instant; the cancelling deal's number.
    fn cancel_use(&self, merchant_id: i64, point: i64, instant: &str) -> i64 {
        let at_ms = parse_instant(instant).expect("an instant");
        self.tell(|told| told.cancelled(merchant_id, point, at_ms))
    }

    fn tell<T>(&self, what: impl FnOnce(&mut Told) -> T) -> T {
        let mut told = self.told.borrow_mut();
        let answer = what(&mut told);
        told.write(self.app.app());
        answer
    }

    fn bill(&self, merchant_id: i64, month: &str) -> Answer {
        self.app.post("/billings", &json!({"merchantId": merchant_id, "billingMonth": month}))
    }

    /// Status, run, points and won of a run.
    fn figures(&self, merchant_id: i64, month: &str) -> (u16, i64, i64, i64) {
        let answer = self.bill(merchant_id, month);
        let figure = |name: &str| answer.json[name].as_i64().unwrap_or_else(|| panic!("{name}: {}", answer.text));
        (answer.status, figure("run"), figure("usedPoint"), figure("billingAmount"))
    }

    /// Waits until the closing of a month is over.
    fn closed(&self, month: &str) -> Value {
        let mut shown = Value::Null;
        within(SOON, "the month is closed", || {
            shown = self.app.get(&format!("/closings/{month}")).json;
            shown["status"] == "DONE"
        });
        shown
    }

    /// Closes a month by hand.
    fn close(&self, month: &str) -> Value {
        self.app.post("/closings", &json!({"billingMonth": month})).must_be(201);
        self.closed(month)
    }

    /// Every billing as (merchant, month, run, points).
    fn billings(&self) -> Vec<(i64, String, i64, i64)> {
        let all = self.app.all_of("billings");
        let read = |billing: &Value| {
            let figure = |name: &str| billing[name].as_i64().expect("a figure");
            let month = billing["billingMonth"].as_str().expect("a month").to_owned();
            (figure("merchantId"), month, figure("run"), figure("usedPoint"))
        };
        let mut all: Vec<_> = all.as_array().expect("a list").iter().map(read).collect();
        all.sort();
        all
    }

    /// Fails unless what `onepoint verify` knows of settlement holds.
    fn verify(&self) {
        told::caught_up(self.app.app());
        self.app.verify_settlement();
    }
}

impl Drop for Programme {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.verify();
        }
    }
}

/// Runs a test's body on both engines.
fn on_both(body: fn(Engine)) {
    body(Engine::Sqlite);
    body(Engine::Postgres);
}
