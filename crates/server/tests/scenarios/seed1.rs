//! Seed 1: deals at a merchant, what was earned, used and cancelled there, its settlement and the operator's view.

use serde_json::{Value, json};

use crate::support::{Answer, Engine, Setup, TestApp, promptly};

/// The month that is settled has begun and is far from over.
const JULY: &str = "2020-07-15T12:00:00+09:00";

#[test]
fn seed_1_runs_as_written_on_sqlite() {
    seed_1_runs_as_written(Engine::Sqlite);
}

#[test]
fn seed_1_runs_as_written_on_postgres() {
    seed_1_runs_as_written(Engine::Postgres);
}

fn seed_1_runs_as_written(engine: Engine) {
    let app = TestApp::start_up(Setup::on(engine).with(&["points.welcome=0"]).starting_at(JULY));
    app.join_normal(1);
    app.join_normal(2);
    what_was_earned_is_cancelled(&app);
    points_are_used_and_too_many_are_not(&app);
    member_2_earns_and_uses(&app);
    the_dashboard_shows_a_member_who_leaves(&app);
    the_merchant_is_settled(&app);
    app.settle();
    app.verify();
}

/// As the seed's clients send it: every value is a string.
fn deal(app: &TestApp, member_id: &str, kind: &str, amount: &str, point: Option<&str>) -> Answer {
    let mut body = json!({"memberId": member_id, "merchantId": "20", "dealAmount": amount, "type": kind});
    if let Some(point) = point {
        body["point"] = json!(point);
    }
    app.post("/deals", &body).must_be(201)
}

fn what_was_earned_is_cancelled(app: &TestApp) {
    let saved = deal(app, "0001", "save", "100000", None);
    assert_eq!(saved.header("location"), Some(format!("{}/deals/1", app.base()).as_str()));
    must_hold(&saved, &json!({"dealId": 1, "memberId": 1, "merchantId": 20, "type": "save", "dealAmount": 100_000}));
    let shown = app.get("/deals/1").must_be(200);
    assert_eq!(shown.header("content-type"), Some("application/hal+json"));
    must_hold(&shown, &json!({"dealId": 1, "point": 1_000, "status": "success", "billingStatus": "no"}));
    let date = shown.json["dealDate"].as_str().expect("a date").to_owned();
    assert!(date.starts_with("2020-07-15T12:") && date.ends_with("+09:00"), "{date}");
    assert_eq!(points(app, "/points/0001"), 1_000);

    deal(app, "0001", "cancel", "100000", None);
    assert_eq!(points(app, "/points/0001"), 0);
    must_hold(&app.get("/deals/2").must_be(200), &json!({"dealId": 2, "point": 0, "status": "success"}));
    must_hold(&app.get("/deals/1"), &json!({"point": 1_000, "cancelledPoint": 1_000, "status": "success"}));
}

fn points_are_used_and_too_many_are_not(app: &TestApp) {
    deal(app, "0001", "save", "100000", None);
    must_hold(&app.get("/deals/3").must_be(200), &json!({"point": 1_000, "status": "success"}));
    deal(app, "0001", "use", "10000", Some("100"));
    assert_eq!(points(app, "/points/0001"), 900);
    must_hold(&app.get("/deals/4").must_be(200), &json!({"point": 100, "status": "success"}));
    promptly("the use is a line of the merchant's settlement", || app.get("/billingAmountViews/4").status == 200);
    must_hold(&app.get("/billingAmountViews/4"), &json!({"dealId": 4, "merchantId": 20, "type": "use", "point": 100}));

    let refused = deal(app, "0001", "use", "10000", Some("10000"));
    must_hold(&refused, &json!({"dealId": 5, "status": "fail", "failReason": "insufficient_points"}));
    assert_eq!(points(app, "/points/0001"), 900);
    must_hold(&app.get("/deals/5").must_be(200), &json!({"point": 10_000, "status": "fail"}));

    deal(app, "0001", "save", "100000", None);
    assert_eq!(points(app, "/points/0001"), 1_900);
    must_hold(&app.get("/deals/6").must_be(200), &json!({"point": 1_000, "status": "success"}));
    // By now settlement has seen the refused use, if it ever will.
    app.settle();
    assert_eq!(app.get("/billingAmountViews/5").status, 404);
}

fn member_2_earns_and_uses(app: &TestApp) {
    deal(app, "0002", "save", "100000", None);
    for deal_id in [8, 9] {
        deal(app, "0002", "use", "10000", Some(" 200"));
        must_hold(&app.get(&format!("/deals/{deal_id}")).must_be(200), &json!({"point": 200, "status": "success"}));
    }
    assert_eq!(points(app, "/points/0002"), 600);
}

fn the_dashboard_shows_a_member_who_leaves(app: &TestApp) {
    let rows = || rows(app, "2");
    let ended = |row: &Value, status: &str| row["memberStatus"] == status && row["status"] == "success";
    let all = |status: &str| rows().len() == 3 && rows().iter().all(|row| ended(row, status));
    promptly("the dashboard shows the three deals of member 2", || all("valid"));
    let shown: Vec<_> = rows().iter().map(|row| (row["type"].clone(), row["point"].clone())).collect();
    assert_eq!(shown, [(json!("save"), json!(1_000)), (json!("use"), json!(200)), (json!("use"), json!(200))]);
    assert!(rows().iter().all(|row| row["status"] == "success" && row["billingStatus"] == "no"));
    app.delete("/members/2").must_be(204);
    promptly("the deals are those of someone who left", || all("invalid"));
}

fn the_merchant_is_settled(app: &TestApp) {
    let order = json!({"mercharntId": "20", "billingMonth": "202007"});
    let first = app.post("/billings", &order).must_be(201);
    assert_eq!(first.header("location"), Some(format!("{}/billings/1", app.base()).as_str()));
    let expected = json!({"billingId": 1, "merchantId": 20, "billingMonth": "202007", "run": 1, "usedPoint": 500,
        "feeRate": 200, "billingAmount": 490, "dealCount": 3});
    must_hold(&first, &expected);
    let again = app.post("/billings", &order).must_be(200);
    assert_eq!(again.json, first.json, "the same settlement");
    must_hold(&app.get("/billings/1").must_be(200), &expected);
    assert_eq!(app.all_of("billings").as_array().map(Vec::len), Some(1));

    for (member, uses) in [("1", 1), ("2", 2)] {
        let billed = || {
            let rows = rows(app, member);
            let of = |status: &str| {
                rows.iter()
                    .filter(|row| row["type"] == "use" && row["status"] == "success" && row["billingStatus"] == status)
                    .count()
            };
            (of("yes"), of("no"))
        };
        promptly("the dashboard says that the deals are settled", || billed() == (uses, 0));
    }
    for deal_id in [4, 8, 9] {
        let path = format!("/deals/{deal_id}");
        promptly("the deal says that it is settled", || app.get(&path).json["billingStatus"] == "yes");
    }
    must_hold(&app.get("/deals/5"), &json!({"status": "fail", "billingStatus": "no"}));
}

fn rows(app: &TestApp, member: &str) -> Vec<Value> {
    let page = app.get(&format!("/dealDashboards?memberId={member}")).must_be(200);
    page.json["_embedded"]["dealDashboards"].as_array().cloned().unwrap_or_default()
}

fn points(app: &TestApp, path: &str) -> i64 {
    app.get(path).must_be(200).json["remainPoint"].as_i64().expect("a balance")
}

/// Every field of `expected` is in the answer with this value.
fn must_hold(answer: &Answer, expected: &Value) {
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(&answer.json[field], value, "{field} in {}", answer.text);
    }
}
