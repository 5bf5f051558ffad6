//! Deal and point in two processes: the question goes over HTTP, the events go as ever, and so does the log's end.

use std::net::TcpListener;
use std::time::Duration;

use app::deal::{DealApi, RemoteDeals};
use platform::access::Role;
use platform::http::peer::Peer;
use serde_json::{Value, json};
use server::assembly::Options;
use server::config::Settings;
use server::serve::Running;

use crate::roles::key;
use crate::support::{Client, Engine, Request, TestApp, within};

/// A port that nobody listens on at the moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[test]
fn point_in_another_process_is_asked_over_http() {
    let internal = format!("internal.listen=127.0.0.1:{}", free_port());
    let others = "contexts=member,notification,point,mypage";
    let mut app = TestApp::open_with(Engine::Postgres, &[others, &internal]);
    app.join_normal(1);
    let text = key(&app, Role::Service, None);
    let mut sets = app.store_settings();
    let (deal_listen, point) = (free_port(), internal.replace("internal.listen=", "point.url=http://"));
    let own = format!("internal.listen=127.0.0.1:{deal_listen}");
    sets.extend(
        ["listen=127.0.0.1:0", "contexts=deal", &point, &own, &format!("internal.key={text}")].map(str::to_owned),
    );
    let settings = Settings::from_sources(None, std::iter::empty(), &sets).expect("settings");
    let runtime = server::serve::runtime(&settings).expect("a runtime");
    let running = Running::start(&settings, Options::default(), &runtime).expect("the second server starts");
    let client = Client::new(running.address);
    let post = |body: Value| Request::new(&client, "POST", "/deals").json(&body).send();
    let deal = |deal_type: &str, point: i64| {
        post(json!({"memberId": 1, "merchantId": 20, "type": deal_type, "dealAmount": 50_000, "point": point}))
    };
    assert_eq!(deal("save", 0).must_be(201).json["status"], "success");
    assert_eq!(deal("use", 9_999).must_be(201).json["failReason"], "insufficient_points");
    assert_eq!(app.points_of(1), Some(1_500));
    app.stop("point");
    assert_eq!(deal("use", 100).code(), "deal.unanswered");
    let cancel = deal("cancel", 0).must_be(201);
    assert_eq!(cancel.json["pointStatus"], "PENDING");
    app.start("point");
    let path = format!("/deals/{}", cancel.json["dealId"]);
    within(Duration::from_secs(5), "the points have followed", || {
        Request::new(&client, "GET", &path).send().json["pointStatus"] == "DONE"
    });
    assert_eq!(app.points_of(1), Some(1_000));

    let peer = |key: &str| Peer::new("deal", &format!("http://127.0.0.1:{deal_listen}"), key).expect("a peer");
    let here = runtime.block_on(running.app.deals.log_end()).expect("an end");
    assert!(here.position > 0 && here.xid > 0, "{here:?}");
    assert_eq!(runtime.block_on(RemoteDeals(peer(&text)).log_end()).expect("an end"), here);
    assert!(runtime.block_on(RemoteDeals(peer("wrong")).log_end()).is_err(), "control: without a key nobody is told");
    running.stop(&runtime, Duration::ZERO);
    app.restart_with(&[]);
    app.clock.advance_ms(60_000);
    within(Duration::from_secs(5), "the use is voided", || app.get("/deals/3").json["failReason"] == "deal.timed_out");
    app.settle();
    app.verify();
}
