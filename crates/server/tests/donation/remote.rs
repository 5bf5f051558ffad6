//! Point in another process: the question of a donation goes over HTTP, and the events go as ever.

use std::net::TcpListener;
use std::time::Duration;

use platform::access::Role;
use serde_json::json;
use server::assembly::Options;
use server::config::Settings;
use server::serve::Running;

use crate::roles::key;
use crate::support::{Client, Engine, Request, TestApp, within};

const OTHERS: &str = "contexts=member,notification,point,mypage";

/// A port that nobody listens on at the moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[test]
fn point_in_another_process_is_asked_over_http_and_by_event_when_it_cannot_be() {
    let internal = format!("internal.listen=127.0.0.1:{}", free_port());
    let mut app = TestApp::open_with(Engine::Postgres, &[OTHERS, &internal]);
    app.join_normal(1);
    app.change_points(1, 1_000).must_be(200);
    let text = key(&app, Role::Service, None);
    let point = internal.replace("internal.listen=", "point.url=http://");
    let mut sets = app.store_settings();
    sets.extend(
        ["listen=127.0.0.1:0", "contexts=donation", &point, &format!("internal.key={text}")].map(str::to_owned),
    );
    let settings = Settings::from_sources(None, std::iter::empty(), &sets).expect("settings");
    let runtime = server::serve::runtime(&settings).expect("a runtime");
    let running = Running::start(&settings, Options::default(), &runtime).expect("the second server starts");
    let client = Client::new(running.address);
    let donate = |points: i64| {
        Request::new(&client, "POST", "/donations").json(&json!({"memberId": 1, "amount": points})).send().must_be(201)
    };
    // Answered at once, so it was asked: events come only later.
    assert_eq!(donate(400).json["status"], "DONATED");
    assert_eq!(donate(2_000).json["reason"], "insufficient_points");
    assert_eq!(app.points_of(1), Some(1_600));
    Request::new(&client, "GET", "/points/1").send().must_be_problem(503);

    app.stop("point");
    let waiting = donate(100).json;
    assert_eq!(waiting["status"], "REQUESTED");
    app.start("point");
    let path = format!("/donations/{}", waiting["donationId"]);
    within(Duration::from_secs(5), "it is decided by event", || {
        Request::new(&client, "GET", &path).send().json["status"] == "DONATED"
    });
    assert_eq!(app.points_of(1), Some(1_500));
    within(Duration::from_secs(5), "my page has heard of it", || {
        app.get("/mypages/1").json["lastDonation"]["status"] == "DONATED"
    });
    running.stop(&runtime, Duration::ZERO);
    app.restart_with(&[]);
    app.settle();
    app.verify();
}
