//! Coupon in a process of its own: the question goes over HTTP, the events go as ever.

use std::net::TcpListener;
use std::time::Duration;

use app::coupon::{CouponApi, RemoteCoupons};
use domain::coupon::Rejection;
use platform::access::Role;
use platform::http::peer::Peer;
use serde_json::json;
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
fn coupon_in_another_process_is_asked_over_http() {
    let port = free_port();
    let mut app = TestApp::open(Engine::Postgres);
    app.join_normal(1);
    app.settle();
    let text = key(&app, Role::Service, None);
    let others = "contexts=member,notification,point,mypage";
    let (url, with_key) = (format!("coupon.url=http://127.0.0.1:{port}"), format!("internal.key={text}"));
    app.restart_with(&[others, &url, &with_key]);
    let mut sets = app.store_settings();
    let own = format!("internal.listen=127.0.0.1:{port}");
    sets.extend(["listen=127.0.0.1:0", "contexts=coupon", &own].map(str::to_owned));
    let settings = Settings::from_sources(None, std::iter::empty(), &sets).expect("settings");
    let runtime = server::serve::runtime(&settings).expect("a runtime");
    // While coupon is away nobody leaves, and everybody joins.
    app.delete("/members/1").must_be_problem(503);
    app.join_normal(2);
    let running = Running::start(&settings, Options::default(), &runtime).expect("the second server starts");
    let client = Client::new(running.address);
    let shown = |path: &str| Request::new(&client, "GET", path).send().json;
    within(Duration::from_secs(5), "who joined meanwhile has a coupon", || shown("/coupons/2")["status"] == "ISSUED");
    within(Duration::from_secs(5), "the breaker lets member ask again", || app.delete("/members/1").status != 503);
    within(Duration::from_secs(5), "the coupon is lost", || shown("/coupons/1")["status"] == "CANCELLED");
    app.get("/coupons/1").must_be_problem(503);

    let peer = |key: &str| Peer::new("coupon", &format!("http://127.0.0.1:{port}"), key).expect("a peer");
    let ask = |key: &str, member_id| {
        let remote = RemoteCoupons(peer(key));
        runtime.block_on(async { remote.prepare_withdrawal(member_id, 9).await })
    };
    assert_eq!(ask(&text, 2).expect("it answers"), Ok(1));
    assert_eq!(ask(&text, 1).expect("it answers"), Err(Rejection::AttemptOver));
    assert_eq!(ask(&text, 99).expect("it answers"), Err(Rejection::WalletUnknown));
    assert!(ask("wrong", 2).is_err(), "control: without a key nobody is told");
    let code = shown("/coupons/2")["code"].clone();
    let redeem = Request::new(&client, "POST", "/coupons/redemptions").json(&json!({"code": code})).send();
    assert_eq!(redeem.code(), "coupon.member_leaving");
    running.stop(&runtime, Duration::ZERO);
    app.restart_with(&[]);
    app.settle();
    app.verify();
}
