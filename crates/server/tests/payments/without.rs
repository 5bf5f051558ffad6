//! Programmes without a provider for cards, and processes where payment does not run.

use serde_json::json;

use crate::support::{Engine, Setup, TestApp, eventually};
use crate::{PATIENT, payment, put, stands};

const JOURNAL: &str = "sandbox-payments.journal";

#[test]
fn without_a_provider_cards_are_declined_and_the_stock_is_back() {
    let setup = Setup { sandbox: false, ..Setup::on(Engine::Sqlite).with(&[PATIENT]) };
    let app = TestApp::start_up(setup);
    assert!(!app.data().join(JOURNAL).exists());
    let gifticon = json!({"gifticonId": 1, "name": "Americano", "availableQuantity": 10, "price": 5_000});
    app.post("/gifticons", &gifticon).must_be(201);
    let cart_id = put(&app, 1);
    stands(&app, cart_id, "PaymentDeclined");
    let shown = payment(&app, cart_id);
    assert_eq!(shown["reason"], "no_provider");
    assert!(shown["refundStatus"].is_null(), "nothing was ever charged: {shown}");
    eventually("cart has heard", || app.get(&format!("/carts/{cart_id}")).json["status"] == "PaymentDeclined");
    eventually("the stock is back", || app.get("/gifticons/1").json["availableQuantity"] == 10);
    app.settle();
    app.verify();
}

#[test]
fn where_payment_does_not_run_nothing_of_it_is_started_or_wanted() {
    let elsewhere = ["payment.url=http://pay.example.org", "payment.parallel=many", "payment.give_up_s=never"];
    for sets in [&["contexts=member,point"][..], &[&["contexts=member,point"], &elsewhere[..]].concat()] {
        let mut app = TestApp::open_with(Engine::Sqlite, sets);
        assert!(!app.data().join(JOURNAL).exists(), "{sets:?}");
        assert_eq!(app.get("/payments").status, 503);
        app.restart_with(&[]);
        assert!(app.data().join(JOURNAL).exists(), "control: with payment there is a sandbox");
        app.get("/payments").must_be(200);
    }
}
