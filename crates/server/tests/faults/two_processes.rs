//! Two servers on one database: what one has promised, the other knows.

use std::time::Duration;

use serde_json::json;
use server::assembly::Options;
use server::config::Settings;
use server::serve::Running;
use tokio::runtime::Runtime;

use super::senders::{Sent, all_equal, send_together};
use crate::support::{Engine, TestApp};

const SENDERS: usize = 64;

/// A second server beside a test's own.
struct Second {
    runtime: Runtime,
    running: Option<Running>,
}

impl Second {
    fn beside(app: &TestApp, sets: &[&str]) -> Self {
        let mut all = app.store_settings();
        all.push("listen=127.0.0.1:0".to_owned());
        all.extend(sets.iter().map(|set| (*set).to_owned()));
        let settings = Settings::from_sources(None, std::iter::empty(), &all).expect("settings");
        let runtime = server::serve::runtime(&settings).expect("a runtime");
        let running = Running::start(&settings, Options::default(), &runtime).expect("the second server starts");
        Self { runtime, running: Some(running) }
    }

    fn address(&self) -> std::net::SocketAddr {
        self.running.as_ref().expect("it runs").address
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop(&self.runtime, Duration::ZERO);
        }
    }
}

const BASE: &str = "http.base_url=http://onepoint.test";

fn on_both(app: &TestApp, second: &Second, sent: impl Fn(usize) -> Sent) -> Vec<crate::support::Answer> {
    let address = |sender: usize| if sender.is_multiple_of(2) { app.address() } else { second.address() };
    send_together(&(0..SENDERS).map(|sender| (address(sender), sent(sender))).collect::<Vec<_>>())
}

#[test]
fn one_key_sent_to_both_has_one_effect_and_one_answer() {
    let app = TestApp::open_with(Engine::Postgres, &[BASE]);
    let second = Second::beside(&app, &[BASE]);
    app.join_normal(1);
    for round in 0..5 {
        let body = json!({"kind": "USE", "amount": 10});
        let sent = |_| Sent::post("/points/1/transactions", body.clone()).key(&format!("k{round}"));
        all_equal(&on_both(&app, &second, sent)).must_be(201);
        assert_eq!(app.points_of(1), Some(990 - 10 * round));
    }
    app.verify();
}

#[test]
fn the_last_points_are_spent_once_though_both_are_asked() {
    let app = TestApp::open(Engine::Postgres);
    let second = Second::beside(&app, &[]);
    app.join_normal(1);
    for round in 0..5 {
        let body = json!({"kind": "USE", "amount": 1_000});
        let sent = |sender| Sent::post("/points/1/transactions", body.clone()).key(&format!("{round}-{sender}"));
        let answers = on_both(&app, &second, sent);
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        assert_eq!(answers.iter().filter(|answer| answer.status == 409).count(), SENDERS - 1);
        app.change_points(1, 1_000).must_be(200);
    }
    app.verify();
}

#[test]
fn a_number_chosen_at_both_belongs_to_one_member() {
    let app = TestApp::open(Engine::Postgres);
    let second = Second::beside(&app, &[]);
    for member in 1..=5 {
        let body = |sender| json!({"memberId": member, "phoneNo": "01012345678", "nickname": format!("N{sender}")});
        let answers = on_both(&app, &second, |sender| Sent::post("/members", body(sender)));
        let joined: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
        assert_eq!(joined.len(), 1, "who was told 201 is a member");
        assert!(answers.iter().filter(|answer| answer.status != 201).all(|answer| answer.status == 409));
        let stored = app.get(&format!("/members/{member}")).must_be(200);
        assert_eq!(stored.json["nickname"], joined[0].json["nickname"]);
    }
    app.settle();
    app.verify();
}

#[test]
fn a_phone_number_that_joins_at_both_has_one_coupon() {
    let app = TestApp::open(Engine::Postgres);
    let second = Second::beside(&app, &[]);
    for round in 0..5 {
        let body = json!({"phoneNo": format!("0101234567{round}"), "nickname": "N"});
        let answers = on_both(&app, &second, |_| Sent::post("/members", body.clone()));
        assert!(answers.iter().all(|answer| answer.status == 201));
    }
    app.settle();
    let coupons = app.all_of("coupons");
    assert_eq!(coupons.as_array().map(Vec::len), Some(5), "one for each phone number");
    app.verify();
}
