//! Two processes on one database: each merchant is billed once, whoever closes the month.

use std::time::Duration;

use serde_json::json;
use server::assembly::Options;
use server::config::Settings;
use server::serve::Running;

use crate::support::{Client, Engine, Request, within};
use crate::{CONTEXTS, Programme, SOON};

const JULY: &str = "2020-07-15T12:00:00+09:00";
const MERCHANTS: i64 = 300;

#[test]
fn two_processes_close_a_month_once_by_the_calendar_and_by_hand() {
    let programme = Programme::at(Engine::Postgres, JULY);
    let mut sets = programme.app.store_settings();
    sets.extend(["listen=127.0.0.1:0".to_owned(), CONTEXTS.to_owned()]);
    let settings = Settings::from_sources(None, std::iter::empty(), &sets).expect("settings");
    let runtime = server::serve::runtime(&settings).expect("a runtime");
    let clock = programme.app.clock.clone();
    let options = Options { clock: Some(clock), ..Options::default() };
    let second = Running::start(&settings, options, &runtime).expect("the second server starts");
    let client = Client::new(second.address);
    programme.tell(|told| {
        for merchant_id in 1..=MERCHANTS {
            told.opened(merchant_id, None);
            told.used(merchant_id, 100, 1_594_782_000_000);
        }
    });
    programme.verify();
    // Both see that the month is over, and are asked as well, for the month and for single merchants.
    programme.is_now("2020-08-01T00:00:00+09:00");
    std::thread::scope(|scope| {
        let closes = || Request::new(&client, "POST", "/closings").json(&json!({"billingMonth": "202007"})).send();
        scope.spawn(move || closes().must_be(201));
        let client = Client::new(second.address);
        scope.spawn(move || {
            for merchant_id in (1..=MERCHANTS).step_by(10) {
                let body = json!({"merchantId": merchant_id, "billingMonth": "202007"});
                let answer = Request::new(&client, "POST", "/billings").json(&body).send();
                assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
            }
        });
    });
    within(SOON * 3, "the month is closed", || programme.app.get("/closings/202007").json["status"] == "DONE");
    let billings = programme.billings();
    assert_eq!(billings.len(), usize::try_from(MERCHANTS).expect("a count"));
    assert!(billings.iter().all(|billing| (billing.2, billing.3) == (1, 100)), "one run over each merchant's 100");
    programme.verify();
    second.stop(&runtime, Duration::ZERO);
}
