//! What the operator looks at: every deal as it stands, figures that add up, and the same again when it is rebuilt.

mod support;

#[path = "dashboard/bought.rs"]
mod bought;
#[path = "dashboard/days.rs"]
mod days;
#[path = "dashboard/deals.rs"]
mod deals;
#[path = "dashboard/figures.rs"]
mod figures;
#[path = "dashboard/pages.rs"]
mod pages;
#[path = "dashboard/purchases.rs"]
mod purchases;
#[path = "dashboard/rebuilding.rs"]
mod rebuilding;
#[path = "dashboard/roles.rs"]
mod roles;
#[path = "dashboard/sagas.rs"]
mod sagas;
#[path = "dashboard/told.rs"]
mod told;

use serde_json::{Value, json};
use support::{Answer, Engine, Setup, TestApp};

/// When the tests begin, far from the end of a day and of a month.
const NOON: &str = "2020-07-15T12:00:00+09:00";
/// The month that this is in.
const MONTH: &str = "202007";

/// A server whose clock begins at [`NOON`].
fn open(engine: Engine) -> TestApp {
    TestApp::start_up(Setup::on(engine).starting_at(NOON))
}

/// A deal of a member at a merchant; `more` is what is said beside type, member and merchant.
fn post_deal(app: &TestApp, kind: &str, (member_id, merchant_id): (i64, i64), more: &Value) -> Answer {
    let mut body = json!({"type": kind, "memberId": member_id, "merchantId": merchant_id});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    app.post("/deals", &body)
}

/// The number of a deal that was taken in.
fn deal(app: &TestApp, kind: &str, between: (i64, i64), more: &Value) -> i64 {
    let answer = post_deal(app, kind, between, more).must_be(201);
    answer.json["dealId"].as_i64().expect("a number")
}

/// Every row of the list at this address, page by page, two at a time, without links.
fn rows(app: &TestApp, filter: &str) -> Vec<Value> {
    let (mut rows, mut path) = (Vec::new(), format!("/dealDashboards?limit=2{filter}"));
    loop {
        let page = app.get(&path).must_be(200).json;
        let found = page["_embedded"]["dealDashboards"].as_array().cloned().unwrap_or_default();
        assert!(found.len() <= 2, "{page}");
        rows.extend(found.into_iter().map(|mut row| {
            row["_links"] = Value::Null;
            row
        }));
        let Some(next) = page["_links"]["next"]["href"].as_str() else { return rows };
        path = next.strip_prefix(&app.base()).expect("links lead to this server").to_owned();
    }
}

/// The summary as it is now.
fn summary(app: &TestApp) -> Value {
    app.get("/dashboards/summary").must_be(200).json
}
