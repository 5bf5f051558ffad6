//! Membership and product in two processes: each asks the other over HTTP, the events go as ever.

use std::net::TcpListener;
use std::time::Duration;

use app::membership::{MembershipApi, RemoteMemberships};
use platform::access::Role;
use platform::http::peer::Peer;
use serde_json::{Value, json};
use server::assembly::Options;
use server::config::Settings;
use server::serve::Running;

use crate::roles::key;
use crate::support::{Client, Engine, Request, TestApp, eventually};
use crate::{PATIENT, quantities, register};

/// A port that nobody listens on at the moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[test]
fn membership_and_product_in_two_processes_ask_each_other_over_http() {
    let (here, there) = (free_port(), free_port());
    let mut app = TestApp::open_with(Engine::Postgres, &[]);
    let text = key(&app, Role::Service, None);
    let internal_key = format!("internal.key={text}");
    let listens = format!("internal.listen=127.0.0.1:{here}");
    let asks = format!("membership.url=http://127.0.0.1:{there}");
    app.restart_with(&["contexts=product,payment", &listens, &internal_key, &asks, PATIENT]);
    let mut sets = app.store_settings();
    let own = [format!("internal.listen=127.0.0.1:{there}"), format!("product.url=http://127.0.0.1:{here}")];
    let fixed = ["listen=127.0.0.1:0", "contexts=membership", &internal_key, PATIENT].map(str::to_owned);
    sets.extend(own.into_iter().chain(fixed));
    let settings = Settings::from_sources(None, std::iter::empty(), &sets).expect("settings");
    let runtime = server::serve::runtime(&settings).expect("a runtime");
    let running = Running::start(&settings, Options::default(), &runtime).expect("the second server starts");
    let client = Client::new(running.address);
    let post = |body: Value| Request::new(&client, "POST", "/memberships").json(&body).send();

    assert_eq!(post(json!({"productId": 1})).code(), "product.unknown");
    register(&app, json!({"salesLimit": 2}));
    assert_eq!(post(json!({"productId": 1, "customerId": 1})).must_be(201).json["productName"], "CLUB");
    eventually("it is paid", || {
        Request::new(&client, "GET", "/memberships/1").send().json["memStatus"] == "USE" && quantities(&app) == (1, 0)
    });
    // One is kept, and its purchase is never stored.
    let question = app::product::ReserveUnit { attempt: None, product_id: 1 };
    let kept = runtime.block_on(app::product::ProductApi::reserve_unit(&*app.app().purchases.products, question));
    assert!(kept.is_ok_and(|kept| kept.is_ok()));
    assert_eq!(post(json!({"productId": 1})).code(), "product.sold_out");
    app.clock.advance_ms(5_000);
    eventually("it is free again", || quantities(&app) == (1, 0));
    let peer = || Peer::new("membership", &format!("http://127.0.0.1:{there}"), &text).expect("a peer");
    let claims = |units: Vec<i64>| runtime.block_on(RemoteMemberships(peer()).claims(units));
    let sql = "SELECT unit_id FROM membership";
    let rows = app.app().purchases.memberships.funnel.with_session(|tx| tx.query(sql, &[]));
    let unit_id = rows.expect("memberships can be read")[0].int(0);
    assert_eq!(claims(vec![unit_id]).expect("claims")[0].mem_id, Some(1), "control");
    for wrong in [vec![0], vec![unit_id, -1], vec![i64::MAX], vec![unit_id; 1_001]] {
        assert!(claims(wrong).is_err(), "no unit has such a number, or they are too many");
    }
    app.stop("product");
    post(json!({"productId": 1})).must_be_problem(503);
    running.stop(&runtime, Duration::ZERO);
    app.restart_with(&[PATIENT]);
    app.settle();
    app.verify();
}
