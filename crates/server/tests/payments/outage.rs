//! A provider that is down, comes back, is killed; a server that is started again in between.

use crate::support::{Engine, eventually};
use crate::{Sandbox, all_over, given_back, payment, programme, put, reference, stands};

fn down_and_up(engine: Engine) {
    let sandbox = Sandbox::down();
    let mut app = programme(engine, &sandbox, &[5_000], &["breaker.min_calls=3", "breaker.open_ms=200"]);
    let carts = [(); 5].map(|()| put(&app, 1));
    let is_open = || {
        let guards = app.app().purchases.payments.guards();
        guards.iter().any(|guard| guard.breaker().between().1 == "provider" && guard.breaker().state().name() == "OPEN")
    };
    eventually("the breaker in front of the provider is open", is_open);
    let all_wait = || carts.iter().all(|cart_id| payment(&app, *cart_id)["status"] == "PaymentRequested");
    eventually("all of them are to be charged", all_wait);
    let references = carts.map(|cart_id| reference(&app, cart_id));
    app.restart();
    sandbox.start(&[]);
    for cart_id in carts {
        stands(&app, cart_id, "PaymentApproved");
    }
    assert_eq!(carts.map(|cart_id| reference(&app, cart_id)), references, "asked for under the same reference");
    // It forgets nothing when it is killed.
    sandbox.kill();
    app.delete(&format!("/carts/{}", carts[0])).must_be(204);
    eventually("the refund waits", || payment(&app, carts[0])["refundStatus"] == "PENDING");
    sandbox.start(&[]);
    given_back(&app, carts[0]);
    assert_eq!(sandbox.moved(&references[0]), [1, 1, 5_000]);
    assert_eq!(sandbox.moved(&references[1]), [1, 0, 0]);
    all_over(&app, &sandbox);
}

#[test]
fn a_provider_that_was_down_is_asked_again_sqlite() {
    down_and_up(Engine::Sqlite);
}

#[test]
fn a_provider_that_was_down_is_asked_again_postgres() {
    down_and_up(Engine::Postgres);
}

#[test]
fn a_provider_that_stays_down_is_given_up_and_asked_to_cancel_once_it_is_back() {
    let sandbox = Sandbox::down();
    let app = programme(Engine::Sqlite, &sandbox, &[5_000], &["breaker.min_calls=3", "breaker.open_ms=100"]);
    let cart_id = put(&app, 1);
    eventually("it is requested", || payment(&app, cart_id)["status"] == "PaymentRequested");
    app.clock.advance_ms(600_000);
    stands(&app, cart_id, "PaymentDeclined");
    let shown = payment(&app, cart_id);
    assert_eq!((&shown["reason"], &shown["refundStatus"]), (&"timed_out".into(), &"PENDING".into()));
    eventually("the stock is free", || app.get("/gifticons/1").json["availableQuantity"] == 10);
    sandbox.start(&[]);
    given_back(&app, cart_id);
    assert_eq!(sandbox.moved(&reference(&app, cart_id)), [0, 0, 0]);
    all_over(&app, &sandbox);
}
