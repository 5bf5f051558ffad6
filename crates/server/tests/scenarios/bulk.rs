//! Many transactions in one request: each on its own, in order, under its own key.

use serde_json::{Value, json};

use crate::support::{Answer, Engine, TestApp};

#[test]
fn each_of_many_transactions_stands_on_its_own_on_sqlite() {
    each_of_many_transactions_stands_on_its_own(Engine::Sqlite);
}

#[test]
fn each_of_many_transactions_stands_on_its_own_on_postgres() {
    each_of_many_transactions_stands_on_its_own(Engine::Postgres);
}

fn each_of_many_transactions_stands_on_its_own(engine: Engine) {
    let mut app = TestApp::open(engine);
    app.join_normal(1);
    app.join_normal(2);
    let items = [
        item(1, "a", "EARN", 500),
        // In order: the points that the one before earned can be used.
        item(1, "b", "USE", 1_400),
        item(2, "c", "USE", 1_001),
        item(77, "d", "EARN", 1),
        item(2, "e", "ADJUST", -1_000),
        item(1, "f", "EARN", 0),
        item(1, "", "EARN", 1),
        json!({"memberId": " 0002 ", "key": "g", "kind": "EARN", "amount": "+7", "reference": {"type": "till", "id": 4}}),
    ];
    let first = send(&app, &items);
    let statuses: Vec<u64> = results(&first).iter().filter_map(|result| result["status"].as_u64()).collect();
    assert_eq!(statuses, [201, 201, 409, 404, 201, 422, 422, 201], "{first:?}");
    let codes: Vec<&str> = results(&first).iter().filter_map(|result| result["problem"]["code"].as_str()).collect();
    let expected =
        ["point.insufficient_points", "point.account_unknown", "point.invalid_amount", "request.invalid_value"];
    assert_eq!(codes, expected);
    assert_eq!((app.points_of(1), app.points_of(2)), (Some(100), Some(7)));
    assert_eq!(results(&first)[7]["entry"]["reference"], json!({"type": "till", "id": "4"}));
    let request_id = first.header("x-request-id").map(str::to_owned);
    assert_eq!(results(&first)[2]["problem"]["requestId"].as_str().map(str::to_owned), request_id);

    // Again, and after a restart: the same answers, nothing moves.
    let entries = app.entry_count();
    assert_eq!(without_ids(&send(&app, &items)), without_ids(&first));
    app.restart();
    assert_eq!(without_ids(&send(&app, &items)), without_ids(&first));
    assert_eq!(app.entry_count(), entries);

    // A key with other values is refused, also within one request; the same values once more are the same transaction.
    let again = send(
        &app,
        &[item(1, "a", "EARN", 501), item(1, "n", "EARN", 3), item(1, "n", "EARN", 3), item(1, "n", "USE", 3)],
    );
    let statuses: Vec<u64> = results(&again).iter().filter_map(|result| result["status"].as_u64()).collect();
    assert_eq!(statuses, [422, 201, 201, 422], "{again:?}");
    assert_eq!(results(&again)[1]["entry"], results(&again)[2]["entry"]);
    assert_eq!(app.points_of(1), Some(103));
    app.settle();
    app.verify();
}

#[test]
fn a_bulk_request_has_one_to_a_thousand_items() {
    let app = TestApp::open(Engine::Sqlite);
    app.join_normal(1);
    let many = |count: usize| (0..count).map(|number| item(1, &format!("k{number}"), "EARN", 1)).collect::<Vec<_>>();
    for items in [many(0), many(1_001)] {
        let answer = app.post("/points/transactions", &json!({"transactions": items}));
        assert_eq!((answer.status, answer.json["pointer"].as_str()), (422, Some("/transactions")));
    }
    assert_eq!(results(&send(&app, &many(1_000))).len(), 1_000);
    assert_eq!(app.points_of(1), Some(2_000));
    // What is no transaction at all is pointed at, and nothing of the request is done.
    let shapeless = json!({"transactions": [item(1, "x", "EARN", 1), {"memberId": 1, "key": "y", "kind": "EARN"}]});
    let answer = app.post("/points/transactions", &shapeless);
    assert_eq!((answer.status, answer.json["pointer"].as_str()), (422, Some("/transactions/1/amount")));
    assert_eq!(app.points_of(1), Some(2_000));
    // A key for the whole request would promise what only the keys of the items keep.
    let body = json!({"transactions": many(1)});
    let answer = app.request("POST", "/points/transactions").key("k").json(&body).send();
    assert_eq!((answer.status, answer.json["pointer"].as_str()), (422, Some("/headers/Idempotency-Key")));
    app.stop("point");
    app.post("/points/transactions", &json!({"transactions": many(1)})).must_be(503);
}

fn item(member_id: i64, key: &str, kind: &str, amount: i64) -> Value {
    json!({"memberId": member_id, "key": key, "kind": kind, "amount": amount})
}

fn send(app: &TestApp, items: &[Value]) -> Answer {
    app.post("/points/transactions", &json!({"transactions": items})).must_be(200)
}

fn results(answer: &Answer) -> &[Value] {
    answer.json["results"].as_array().expect("results")
}

/// Problems name the request that asked; the rest must be the same.
fn without_ids(answer: &Answer) -> Vec<Value> {
    let mut results = results(answer).to_vec();
    for result in &mut results {
        if let Some(problem) = result.get_mut("problem").and_then(Value::as_object_mut) {
            problem.remove("requestId");
        }
    }
    results
}
