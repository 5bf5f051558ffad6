//! Gifticon in a process of its own: the questions go over HTTP, the events go as ever.

use std::net::TcpListener;
use std::time::Duration;

use app::gifticon::{GifticonApi, RemoteGifticons, ReserveStock, Revocation};
use domain::gifticon::StockRefusal;
use platform::access::Role;
use platform::funnel::KeyStamp;
use platform::http::peer::Peer;
use serde_json::json;
use server::assembly::Options;
use server::config::Settings;
use server::serve::Running;

use crate::kit::{SOON, figures, shop};
use crate::roles::key;
use crate::support::{Client, Engine, Request, within};

/// A port that nobody listens on at the moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[test]
fn cart_asks_gifticon_in_another_process_and_gifticon_asks_back() {
    let mut app = shop(Engine::Postgres, 10);
    let (gifticon, cart, text) = (free_port(), free_port(), key(&app, Role::Service, None));
    let with_key = format!("internal.key={text}");
    let (url, own) = (format!("gifticon.url=http://127.0.0.1:{gifticon}"), format!("internal.listen=127.0.0.1:{cart}"));
    app.restart_with(&["contexts=cart", &url, &own, &with_key]);
    app.post("/carts", &json!({"gifticonId": 1, "quantity": 1})).must_be_problem(503);
    let mut sets = app.store_settings();
    let (own, url) = (format!("internal.listen=127.0.0.1:{gifticon}"), format!("cart.url=http://127.0.0.1:{cart}"));
    sets.extend(["listen=127.0.0.1:0", "contexts=gifticon", &own, &url, &with_key].map(str::to_owned));
    let settings = Settings::from_sources(None, std::iter::empty(), &sets).expect("settings");
    let runtime = server::serve::runtime(&settings).expect("a runtime");
    let options = Options { clock: Some(std::sync::Arc::clone(&app.clock) as _), ..Options::default() };
    let running = Running::start(&settings, options, &runtime).expect("the second server starts");
    within(SOON, "the breaker lets cart ask again", || {
        app.post("/carts", &json!({"gifticonId": 1, "quantity": 4})).status == 201
    });
    within(SOON, "a refusal comes over as one", || {
        app.post("/carts", &json!({"gifticonId": 1, "quantity": 9})).code() == "gifticon.out_of_stock"
    });
    let ask = |key: &str, question: ReserveStock| {
        let remote =
            RemoteGifticons(Peer::new("gifticon", &format!("http://127.0.0.1:{gifticon}"), key).expect("a peer"));
        runtime.block_on(async { remote.reserve(question).await })
    };
    let attempt = Some(KeyStamp::new("cart", "POST", "/carts", "a", b"{}"));
    let question = |gifticon_id, quantity| ReserveStock { attempt, gifticon_id, quantity };
    let kept = ask(&text, question(1, 2)).expect("it answers").expect("there are so many");
    assert_eq!(kept.unit_price_won, 5_000);
    assert_eq!(ask(&text, question(1, 2)).expect("it answers"), Ok(kept), "the attempt is remembered");
    let unknown = ReserveStock { attempt: None, ..question(99, 1) };
    assert_eq!(ask(&text, unknown).expect("it answers"), Err(StockRefusal::Unknown));
    assert!(ask("wrong", question(1, 1)).is_err(), "control: without a key nobody is told");
    let remote =
        RemoteGifticons(Peer::new("gifticon", &format!("http://127.0.0.1:{gifticon}"), &text).expect("a peer"));
    assert_eq!(
        runtime.block_on(async { remote.revoke(99).await }).expect("it answers"),
        Revocation::Refused("unknown".into())
    );
    // What nobody claims comes back, after cart was asked over HTTP.
    let client = Client::new(running.address);
    let free = || Request::new(&client, "GET", "/gifticons/1").send().json["availableQuantity"].clone();
    assert_eq!(free(), 4);
    app.clock.advance_ms(3_100);
    within(SOON, "what nobody claims is free again", || free() == 6);
    running.stop(&runtime, Duration::ZERO);
    app.restart_with(&[]);
    app.settle();
    let [free, reserved, sold, loaded] = figures(&app, 1);
    assert_eq!((free, reserved + sold, loaded), (6, 4, 10));
    app.verify_gifticons();
}
