//! Points that were given by mistake are taken back; what was spent is owed, and earnings repay it.

use platform::access::Role;
use serde_json::{Value, json};

use crate::moves;
use crate::support::{Answer, Engine, TestApp, eventually};

const CLAWBACKS: &str = "/points/1/clawbacks";

fn told(answer: &Answer) -> (i64, i64, i64, i64) {
    let field = |name: &str| answer.json[name].as_i64().expect(name);
    (field("takenPoint"), field("owedPoint"), field("owed"), field("remainPoint"))
}

#[test]
fn mistaken_points_come_back_and_what_is_owed_is_repaid_on_sqlite() {
    mistaken_points_come_back_and_what_is_owed_is_repaid(Engine::Sqlite);
}

#[test]
fn mistaken_points_come_back_and_what_is_owed_is_repaid_on_postgres() {
    mistaken_points_come_back_and_what_is_owed_is_repaid(Engine::Postgres);
}

fn mistaken_points_come_back_and_what_is_owed_is_repaid(engine: Engine) {
    let mut app = TestApp::open(engine);
    app.join_normal(1);
    app.transact(1, "EARN", 500).must_be(201);
    let reference = json!({"type": "deal", "id": 7});
    let body = json!({"amount": "0700", "reference": reference, "reason": "saved twice"});
    let taken = app.request("POST", CLAWBACKS).key("first").json(&body).send().must_be(201);
    assert_eq!(told(&taken), (700, 0, 0, 800));
    assert_eq!(taken.json["memberId"], 1);
    assert_eq!(taken.header("location"), Some(format!("{}/points/1", app.base()).as_str()));

    app.transact(1, "USE", 750).must_be(201);
    let owed = app.request("POST", CLAWBACKS).key("second").json(&json!({"amount": 300, "lot": app.month(60)})).send();
    assert_eq!(told(&owed.must_be(201)), (50, 250, 250, 0));
    assert_eq!(told(&app.post(CLAWBACKS, &json!({"amount": 50})).must_be(201)), (0, 50, 300, 0), "nothing moved");
    assert_eq!(app.get("/points/1").json["owed"], 300);

    // The answer stays the one that it was, also after a restart; another body under the key is refused.
    for _ in 0..2 {
        let again = app.request("POST", CLAWBACKS).key("first").json(&body).send().must_be(201);
        assert_eq!(told(&again), told(&taken));
        let other = app.request("POST", CLAWBACKS).key("first").json(&json!({"amount": 1})).send();
        assert_eq!(other.must_be(422).code(), "idempotency.key_reused");
        app.restart();
    }

    let earned = app.transact(1, "EARN", 100).must_be(201);
    assert_eq!((&earned.json["kind"], &earned.json["balanceAfter"]), (&json!("EARN"), &json!(100)));
    assert_eq!(app.get("/points/1").json["owed"], 200);
    app.change_points(1, 40).must_be(200);
    assert_eq!(app.points_of(1), Some(40), "an adjustment gives what it says");
    app.transact(1, "EARN", 500).must_be(201);
    let account = app.get("/points/1");
    assert_eq!((&account.json["owed"], &account.json["remainPoint"]), (&json!(0), &json!(340)));

    let entries = app.statement(1, "");
    let expected = [
        ("OWED_REPAY", -200),
        ("EARN", 500),
        ("ADJUST", 40),
        ("OWED_REPAY", -100),
        ("EARN", 100),
        ("EARN_CANCEL", -50),
        ("USE", -750),
        ("EARN_CANCEL", -700),
        ("EARN", 500),
        ("WELCOME", 1_000),
    ];
    assert_eq!(moves(&entries), expected);
    assert_eq!((&entries[7]["reference"]["id"], &entries[7]["reason"]), (&json!("7"), &json!("saved twice")));
    app.settle();
    eventually("my page follows", || app.get("/mypages/1").json["remainPoint"] == 340);
    let recent: Vec<Value> = app.get("/mypages/1").json["recentEntries"].as_array().expect("entries").clone();
    assert_eq!(moves(&recent), expected[..5]);
    app.verify();
}

#[test]
fn the_lot_of_the_mistake_gives_first_on_sqlite() {
    the_lot_of_the_mistake_gives_first(Engine::Sqlite);
}

#[test]
fn the_lot_of_the_mistake_gives_first_on_postgres() {
    the_lot_of_the_mistake_gives_first(Engine::Postgres);
}

fn the_lot_of_the_mistake_gives_first(engine: Engine) {
    let app = TestApp::open(engine);
    app.join_normal(1);
    let first = app.month(60);
    app.to_next_month();
    let second = app.month(60);
    app.transact(1, "EARN", 300).must_be(201);
    let lots = |app: &TestApp| -> Vec<(String, i64)> {
        let lots = app.get("/points/1/lots").must_be(200);
        let lot = |lot: &Value| {
            (lot["month"].as_str().expect("a month").to_owned(), lot["point"].as_i64().expect("a number"))
        };
        lots.json["_embedded"]["lots"].as_array().expect("lots").iter().map(lot).collect()
    };
    let answer = app.post(CLAWBACKS, &json!({"amount": 200, "lot": second})).must_be(201);
    assert_eq!(told(&answer), (200, 0, 0, 1_100));
    assert_eq!(lots(&app), [(first.clone(), 1_000), (second.clone(), 100)]);
    app.post(CLAWBACKS, &json!({"amount": 200, "lot": second})).must_be(201);
    assert_eq!(lots(&app), [(first.clone(), 900)]);
    app.post(CLAWBACKS, &json!({"amount": 200, "lot": second})).must_be(201);
    assert_eq!(lots(&app), [(first, 700)]);
    app.verify();
}

#[test]
fn what_cannot_be_taken_back_is_refused_on_sqlite() {
    what_cannot_be_taken_back_is_refused(Engine::Sqlite);
}

#[test]
fn what_cannot_be_taken_back_is_refused_on_postgres() {
    what_cannot_be_taken_back_is_refused(Engine::Postgres);
}

fn what_cannot_be_taken_back_is_refused(engine: Engine) {
    let app = TestApp::open(engine);
    app.join_normal(1);
    app.join(2, "0101");
    eventually("member 2 is ABNORMAL", || app.get("/points/2").json["memberStatus"] == "ABNORMAL");
    let (before, entries) = (app.get("/points/1").json, app.entry_count());
    for (body, pointer) in [
        (json!({"amount": 0}), "/amount"),
        (json!({"amount": -5}), "/amount"),
        (json!({"amount": 1_000_000_000_001_i64}), "/amount"),
        (json!({"amount": "x"}), "/amount"),
        (json!({}), "/amount"),
        (json!({"amount": 1, "lot": "203113"}), "/lot"),
        (json!({"amount": 1, "lot": "2031-11"}), "/lot"),
        (json!({"amount": 1, "lot": i64::MAX}), "/lot"),
        (json!({"amount": 1, "lot": -203_111}), "/lot"),
        (json!({"amount": 1, "month": "203111"}), "/month"),
        (json!({"amount": 1, "reason": "x".repeat(201)}), "/reason"),
    ] {
        let refused = app.post(CLAWBACKS, &body);
        refused.must_be_problem(422);
        assert_eq!(refused.json["pointer"], pointer, "{body}: {}", refused.text);
    }
    app.post("/points/99/clawbacks", &json!({"amount": 1})).must_be_problem(404);
    let member = app.key(Role::Owner("member"), Some(1));
    let refused = app.request("POST", CLAWBACKS).header("Authorization", &format!("Bearer {member}"));
    refused.json(&json!({"amount": 1})).send().must_be_problem(403);
    assert_eq!((app.get("/points/1").json, app.entry_count()), (before, entries));

    // Control: the operator may, and whatever the member's status.
    assert_eq!(told(&app.post("/points/2/clawbacks", &json!({"amount": 5})).must_be(201)), (0, 5, 5, 0));
    app.leave(1);
    app.settle();
    app.post(CLAWBACKS, &json!({"amount": 1})).must_be_problem(404);
    app.verify();
}
