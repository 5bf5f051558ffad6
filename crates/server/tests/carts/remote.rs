//! Cart and gifticon in two processes: stock is asked for over HTTP, and so is what became of it.

use std::net::TcpListener;
use std::time::Duration;

use app::cart::{CartApi, RemoteCarts};
use platform::access::Role;
use platform::http::peer::Peer;
use serde_json::{Value, json};
use server::assembly::Options;
use server::config::Settings;
use server::serve::Running;

use crate::roles::key;
use crate::support::{Client, Engine, Request, TestApp, within};
use crate::{PATIENT, left, register};

/// A port that nobody listens on at the moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[test]
fn gifticon_in_another_process_is_asked_over_http_and_asks_back() {
    let (gifticon_port, cart_port) = (free_port(), free_port());
    let own = format!("internal.listen=127.0.0.1:{gifticon_port}");
    let cart = format!("cart.url=http://127.0.0.1:{cart_port}");
    let mut app = TestApp::open_with(Engine::Postgres, &["contexts=gifticon,member", &own]);
    register(&app, 1, 100);
    let text = key(&app, Role::Service, None);
    let service = format!("internal.key={text}");
    app.restart_with(&["contexts=gifticon,member", &own, &cart, &service]);

    let mut sets = app.store_settings();
    let (listen, gifticon) =
        (format!("internal.listen=127.0.0.1:{cart_port}"), format!("gifticon.url=http://127.0.0.1:{gifticon_port}"));
    sets.extend(["listen=127.0.0.1:0", "contexts=cart", &listen, &gifticon, &service].map(str::to_owned));
    sets.extend(PATIENT.iter().map(|set| (*set).to_owned()));
    let settings = Settings::from_sources(None, std::iter::empty(), &sets).expect("settings");
    let runtime = server::serve::runtime(&settings).expect("a runtime");
    let running = Running::start(&settings, Options::default(), &runtime).expect("the second server starts");
    let client = Client::new(running.address);
    let put = |body: Value| Request::new(&client, "POST", "/carts").key("k").json(&body).send();
    for _ in 0..2 {
        assert_eq!(put(json!({"gifticonId": 1, "quantity": 3})).must_be(201).json["unitPrice"], 5_000);
    }
    assert_eq!(left(&app), 97);
    let other = |quantity: i64| {
        Request::new(&client, "POST", "/carts").json(&json!({"gifticonId": 1, "quantity": quantity})).send()
    };
    assert_eq!(other(98).code(), "gifticon.out_of_stock");
    assert_eq!(put(json!({"gifticonId": 1, "quantity": 4})).code(), "idempotency.key_reused");
    app.clock.advance_ms(4_000);
    within(Duration::from_secs(5), "what was kept for the misused key is free again", || left(&app) == 97);

    let peer = |key: &str| Peer::new("cart", &format!("http://127.0.0.1:{cart_port}"), key).expect("a peer");
    let ask = |key: &str, ids: Vec<i64>| runtime.block_on(RemoteCarts(peer(key)).claims(ids));
    let claims = ask(&text, vec![1, 77]).expect("claims");
    assert_eq!(claims.iter().map(|claim| claim.cart_id).collect::<Vec<_>>(), [Some(1), None]);
    for wrong in [vec![0], vec![1, -1], vec![i64::MAX]] {
        assert!(ask(&text, wrong).is_err(), "no reservation has such a number");
    }
    assert!(ask("wrong", vec![1]).is_err(), "control: without a key nobody is told");
    app.stop("gifticon");
    assert_eq!(other(1).code(), "gifticon.unavailable");
    app.start("gifticon");
    within(Duration::from_secs(5), "it recovers by itself", || other(1).status == 201);
    running.stop(&runtime, Duration::ZERO);
    app.restart_with(&[]);
    app.settle();
    app.verify();
}
