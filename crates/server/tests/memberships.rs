//! Paid memberships: products and their limits, purchases and how they end, calendar years, renewals, refunds, units that
//! nobody claims, who may do what.

mod support;

#[path = "memberships/cancels.rs"]
mod cancels;
#[path = "memberships/crowd.rs"]
mod crowd;
#[path = "memberships/line.rs"]
mod line;
#[path = "memberships/products.rs"]
mod products;
#[path = "memberships/refusals.rs"]
mod refusals;
#[path = "memberships/remote.rs"]
mod remote;
#[path = "memberships/renewals.rs"]
mod renewals;
#[path = "memberships/repeated.rs"]
mod repeated;
#[path = "memberships/roles.rs"]
mod roles;
#[path = "memberships/scenario.rs"]
mod scenario;
#[allow(dead_code, reason = "the tests of faults use the rest")]
#[path = "faults/senders.rs"]
mod senders;
#[path = "memberships/terms.rs"]
mod terms;
#[path = "memberships/unclaimed.rs"]
mod unclaimed;
#[path = "memberships/verified.rs"]
mod verified;

use serde_json::{Value, json};
use support::{Answer, Engine, Setup, TestApp, eventually};

/// What is not about time waits longer for product, on a busy machine too.
const PATIENT: &str = "questions.product.time_limit_ms=10000";

/// A store with product 1, CLUB at 30,000 won, of which there are as many as wanted.
fn programme(engine: Engine) -> TestApp {
    set_up(Setup::on(engine))
}

/// The same as described.
fn set_up(setup: Setup) -> TestApp {
    let app = TestApp::start_up(setup.with(&[PATIENT]));
    register(&app, json!({}));
    app
}

/// Registers product 1, with this said otherwise.
fn register(app: &TestApp, otherwise: Value) -> Answer {
    let mut product = json!({"productId": 1, "productName": "CLUB", "price": 30_000});
    let fields = product.as_object_mut().expect("an object");
    fields.extend(otherwise.as_object().expect("an object").clone());
    app.post("/products", &product).must_be(201)
}

/// Buys product 1 for a customer.
fn buy(app: &TestApp, customer_id: i64) -> Answer {
    app.post("/memberships", &json!({"productId": 1, "customerId": customer_id}))
}

/// The number of a membership that was bought.
fn id(answer: &Answer) -> i64 {
    answer.json["memId"].as_i64().expect("a membership's number")
}

/// A membership of product 1 that is paid.
fn paid(app: &TestApp, customer_id: i64) -> i64 {
    let mem_id = id(&buy(app, customer_id).must_be(201));
    becomes(app, mem_id, "USE");
    mem_id
}

/// Waits until a membership stands like this, and product has heard of it.
fn becomes(app: &TestApp, mem_id: i64, status: &str) {
    eventually(&format!("membership {mem_id} is {status}"), || shown(app, mem_id)["memStatus"] == status);
    app.settle();
}

/// A membership as it is shown, without links.
fn shown(app: &TestApp, mem_id: i64) -> Value {
    without_links(&app.get(&format!("/memberships/{mem_id}")).must_be(200))
}

fn without_links(answer: &Answer) -> Value {
    let mut shown = answer.json.clone();
    if let Some(fields) = shown.as_object_mut() {
        fields.remove("_links");
    }
    shown
}

/// What is sold and what is kept of product 1.
fn quantities(app: &TestApp) -> (i64, i64) {
    let product = app.get("/products/1").must_be(200).json;
    let number = |name: &str| product[name].as_i64().expect("a number");
    (number("salesQuantity"), number("reservedQuantity"))
}

/// How the payment of a membership stands; empty while there is none.
fn payment(app: &TestApp, mem_id: i64) -> String {
    let page = app.get(&format!("/payments?memId={mem_id}")).must_be(200).json;
    page["_embedded"]["payments"][0]["status"].as_str().unwrap_or_default().to_owned()
}

/// How many memberships there are.
fn count(app: &TestApp) -> usize {
    app.all_of("memberships").as_array().map_or(0, Vec::len)
}

/// Nothing is left to be done, and all of it is sound.
fn all_over(app: &TestApp) {
    app.settle();
    app.verify();
}
