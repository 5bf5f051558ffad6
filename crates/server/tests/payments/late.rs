//! A success that comes when nobody waits for it any more.

use crate::support::{Engine, eventually};
use crate::webhooks::{say, signed};
use crate::{Sandbox, all_over, given_back, payment, programme, put, reference, stands};

const GIVE_UP_MS: i64 = 600_000;

fn charged_unheard(engine: Engine) {
    // Every answer to the charge is lost, and no webhook tells of it.
    let sandbox = Sandbox::up(&[]);
    let app = programme(engine, &sandbox, &[5_923], &[]);
    let cart_id = put(&app, 1);
    eventually("the money is taken", || !sandbox.list().is_empty());
    let reference = reference(&app, cart_id);
    assert_eq!(sandbox.moved(&reference), [1, 0, 0]);
    assert_eq!(payment(&app, cart_id)["status"], "PaymentRequested");
    app.clock.advance_ms(GIVE_UP_MS);
    stands(&app, cart_id, "PaymentDeclined");
    assert_eq!(payment(&app, cart_id)["reason"], "timed_out");
    given_back(&app, cart_id);
    assert_eq!(payment(&app, cart_id)["refundedAmount"], 5_923);
    // The success is told at last, twice; and the client takes the cart away as well.
    for _ in 0..2 {
        say(&app, &signed(&reference, 5_923, "approved")).must_be(204);
    }
    eventually("the cart is over", || app.get(&format!("/carts/{cart_id}")).json["status"] == "PaymentDeclined");
    app.delete(&format!("/carts/{cart_id}")).must_be(204);
    app.settle();
    assert_eq!(payment(&app, cart_id)["status"], "PaymentDeclined");
    assert_eq!(sandbox.moved(&reference), [1, 1, 5_923], "given back exactly once");
    assert_eq!(app.get("/gifticons/1").json["availableQuantity"], 10);
    all_over(&app, &sandbox);
}

#[test]
fn a_success_that_nobody_heard_of_in_time_ends_refunded_once_sqlite() {
    charged_unheard(Engine::Sqlite);
}

#[test]
fn a_success_that_nobody_heard_of_in_time_ends_refunded_once_postgres() {
    charged_unheard(Engine::Postgres);
}

#[test]
fn a_success_that_comes_before_it_is_given_up_pays_and_one_that_comes_after_is_never_charged() {
    let sandbox = Sandbox::down();
    let app = programme(Engine::Sqlite, &sandbox, &[5_941], &["payment.time_limit_ms=100"]);
    let webhook = format!("{}/payments/webhooks", app.base());
    sandbox.start(&["--webhook", &webhook, "--late-ms", "500"]);
    let in_time = put(&app, 1);
    stands(&app, in_time, "PaymentApproved");
    // From now on it takes longer than any test.
    sandbox.kill();
    sandbox.start(&["--webhook", &webhook, "--late-ms", "600000"]);
    let too_late = put(&app, 1);
    eventually("it is to be charged", || payment(&app, too_late)["status"] == "PaymentRequested");
    let asked = || sandbox.moved(&reference(&app, too_late)) == [0, 0, 0] && sandbox.list().len() == 2;
    eventually("the second is asked for", asked);
    app.clock.advance_ms(GIVE_UP_MS);
    stands(&app, too_late, "PaymentDeclined");
    given_back(&app, too_late);
    assert_eq!(payment(&app, too_late)["refundedAmount"], 0);
    assert_eq!(
        sandbox.moved(&reference(&app, too_late)),
        [0, 0, 0],
        "cancelled before it was charged, and never charged"
    );
    all_over(&app, &sandbox);
}
