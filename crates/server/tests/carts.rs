//! Carts: stock that is kept and never sold twice, what is refused, lost answers, repeats, removals, who may do what.

mod support;

#[path = "carts/crowd.rs"]
mod crowd;
#[path = "carts/late.rs"]
mod late;
#[path = "carts/line.rs"]
mod line;
#[path = "carts/links.rs"]
mod links;
#[path = "carts/refusals.rs"]
mod refusals;
#[path = "carts/remote.rs"]
mod remote;
#[path = "carts/removals.rs"]
mod removals;
#[path = "carts/repeated.rs"]
mod repeated;
#[path = "carts/roles.rs"]
mod roles;
#[path = "carts/scenario.rs"]
mod scenario;
#[allow(dead_code, reason = "the tests of faults use the rest")]
#[path = "faults/senders.rs"]
mod senders;
#[path = "carts/unheard.rs"]
mod unheard;
#[path = "carts/upgrade.rs"]
mod upgrade;
#[path = "carts/verified.rs"]
mod verified;

use serde_json::{Value, json};
use support::{Answer, Engine, Setup, TestApp, eventually};

/// What is not about time waits longer for gifticon, on a busy machine too, and asks it whatever it said before.
const PATIENT: &[&str] = &["questions.gifticon.time_limit_ms=10000", "breaker.min_calls=1000"];

/// A store with gifticon 1: so many pieces of 5,000 won.
fn programme(engine: Engine, pieces: i64) -> TestApp {
    let app = TestApp::start_up(Setup::on(engine).with(PATIENT));
    register(&app, 1, pieces);
    app
}

fn register(app: &TestApp, gifticon_id: i64, pieces: i64) {
    let body = json!({"gifticonId": gifticon_id, "name": "Americano", "availableQuantity": pieces, "price": 5_000});
    app.post("/gifticons", &body).must_be(201);
}

/// Pieces of gifticon 1.
fn pieces(quantity: i64) -> Value {
    json!({"gifticonId": 1, "quantity": quantity})
}

/// Puts pieces of gifticon 1 into a cart.
fn put(app: &TestApp, quantity: i64) -> Answer {
    app.post("/carts", &pieces(quantity))
}

/// The number of a cart that was put in.
fn id(answer: &Answer) -> i64 {
    answer.json["cartId"].as_i64().expect("a cart's number")
}

/// A paid cart of so many pieces of gifticon 1, with its vouchers.
fn paid(app: &TestApp, quantity: i64) -> i64 {
    let cart_id = id(&put(app, quantity).must_be(201));
    eventually("it is paid and has its vouchers", || {
        shown(app, cart_id)["status"] == "PaymentApproved"
            && vouchers(app, cart_id).len() == usize::try_from(quantity).unwrap_or(0)
    });
    cart_id
}

/// A cart as it is shown, without links; nothing if it is not there.
fn shown(app: &TestApp, cart_id: i64) -> Value {
    let mut cart = app.get(&format!("/carts/{cart_id}")).json;
    if let Some(fields) = cart.as_object_mut() {
        fields.remove("_links");
    }
    cart
}

/// Pieces of gifticon 1 that are left.
fn left(app: &TestApp) -> i64 {
    app.get("/gifticons/1").must_be(200).json["availableQuantity"].as_i64().expect("a number")
}

/// The vouchers of a cart.
fn vouchers(app: &TestApp, cart_id: i64) -> Vec<Value> {
    let page = app.get(&format!("/vouchers?cartId={cart_id}&limit=200")).must_be(200).json;
    page["_embedded"]["vouchers"].as_array().cloned().unwrap_or_default()
}

/// How the payment of a cart stands; empty while there is none.
fn payment(app: &TestApp, cart_id: i64) -> String {
    let page = app.get(&format!("/payments?cartId={cart_id}")).must_be(200).json;
    page["_embedded"]["payments"][0]["status"].as_str().unwrap_or_default().to_owned()
}

/// Numbers of the carts that are listed.
fn listed(app: &TestApp) -> Vec<i64> {
    let all = app.all_of("carts");
    all.as_array().into_iter().flatten().filter_map(|cart| cart["cartId"].as_i64()).collect()
}

/// Nothing is left to be done, and all of it is sound.
fn all_over(app: &TestApp) {
    app.settle();
    app.verify();
}
