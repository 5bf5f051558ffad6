//! Deals at merchants: what fails and why, cancels, lost answers, repeats, who may do what.

mod support;

#[path = "deals/billed.rs"]
mod billed;
#[path = "deals/cancels.rs"]
mod cancels;
#[path = "deals/merchants.rs"]
mod merchants;
#[path = "deals/refusals.rs"]
mod refusals;
#[path = "deals/remote.rs"]
mod remote;
#[path = "deals/repeated.rs"]
mod repeated;
#[path = "deals/roles.rs"]
mod roles;
#[allow(dead_code, reason = "the tests of faults use the rest")]
#[path = "faults/senders.rs"]
mod senders;
#[path = "deals/unanswered.rs"]
mod unanswered;
#[path = "deals/verified.rs"]
mod verified;

use serde_json::{Value, json};
use support::{Answer, Engine, TestApp};

/// A store with two members who are NORMAL and have no points.
fn programme(engine: Engine, sets: &[&str]) -> TestApp {
    let app = TestApp::open_with(engine, &[&["points.welcome=0"], sets].concat());
    app.join_normal(1);
    app.join_normal(2);
    app
}

/// A deal of member 1 at merchant 20.
fn deal(app: &TestApp, deal_type: &str, amount: i64, point: i64) -> Answer {
    app.deal(&body(deal_type, amount, point)).must_be(201)
}

fn body(deal_type: &str, amount: i64, point: i64) -> Value {
    let mut body = json!({"memberId": 1, "merchantId": 20, "type": deal_type, "dealAmount": amount});
    if point != 0 {
        body["point"] = json!(point);
    }
    body
}

/// A field of an answer's body.
fn field<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.json[name].as_str().unwrap_or_default()
}

/// A deal as it is shown, without links.
fn shown(app: &TestApp, deal_id: i64) -> Value {
    let mut deal = app.get(&format!("/deals/{deal_id}")).must_be(200).json;
    deal["_links"] = json!(null);
    deal
}
