//! Seed 0, the donations: who has more than 1,000 points may give; everyone else is refused, and nothing moves.

use serde_json::{Value, json};

use crate::support::{Answer, Engine, TestApp, promptly};

#[test]
fn donations_run_as_written_on_sqlite() {
    donations_run_as_written(Engine::Sqlite);
}

#[test]
fn donations_run_as_written_on_postgres() {
    donations_run_as_written(Engine::Postgres);
}

fn donations_run_as_written(engine: Engine) {
    let app = TestApp::open(engine);
    app.join_normal(1);
    app.change_points(1, 530).must_be(200);
    with_1530_a_donation_is_accepted(&app);
    with_800_and_with_exactly_1000_it_is_refused(&app);
    of_an_abnormal_member_it_is_refused(&app);
    my_page_shows_every_outcome(&app);
    what_was_received_can_be_looked_up(&app);
    app.settle();
    every_decision_is_notified(&app);
    app.verify();
}

fn with_1530_a_donation_is_accepted(app: &TestApp) {
    let donated = app.post("/donations", &json!({"memberId": "1", "amount": "500"})).must_be(201);
    assert_eq!(donated.header("location"), Some(format!("{}/donations/1", app.base()).as_str()));
    must_hold(&donated, &json!({"donationId": 1, "memberId": 1, "causeId": 1, "amount": 500, "status": "DONATED"}));
    must_hold(&donated, &json!({"balanceBefore": 1_530, "balanceAfter": 1_030}));
    assert!(donated.json["donatedAt"].is_string() && donated.json.get("reason").is_none(), "{}", donated.text);
    let shown = app.get("/donations/1").must_be(200);
    assert_eq!(shown.header("content-type"), Some("application/hal+json"));
    assert_eq!(shown.json, donated.json);
    assert_eq!(app.points_of(1), Some(1_030));
}

fn with_800_and_with_exactly_1000_it_is_refused(app: &TestApp) {
    for (change, balance) in [(-230, 800), (200, 1_000)] {
        app.change_points(1, change).must_be(200);
        let refused = app.donate(1, 100).must_be(201);
        must_hold(&refused, &json!({"status": "REJECTED", "reason": "balance_too_low", "donatedAt": null}));
        must_hold(&refused, &json!({"balanceBefore": balance, "balanceAfter": balance}));
        assert_eq!(app.points_of(1), Some(balance));
    }
    // Control: one point more is enough.
    app.change_points(1, 1).must_be(200);
    let donated = app.donate(1, 1).must_be(201);
    must_hold(&donated, &json!({"status": "DONATED", "balanceBefore": 1_001, "balanceAfter": 1_000}));
    app.change_points(1, 500).must_be(200);
    let refused = app.donate(1, 1_501).must_be(201);
    must_hold(&refused, &json!({"status": "REJECTED", "reason": "insufficient_points", "balanceAfter": 1_500}));
    assert_eq!(app.points_of(1), Some(1_500));
}

fn of_an_abnormal_member_it_is_refused(app: &TestApp) {
    app.join(2, "0108558");
    promptly("member 2 is ABNORMAL", || app.get("/points/2").json["memberStatus"] == "ABNORMAL");
    let refused = app.donate(2, 100).must_be(201);
    must_hold(&refused, &json!({"status": "REJECTED", "reason": "member_not_normal", "balanceAfter": 0}));
    let unknown = app.donate(99, 100).must_be(201);
    must_hold(&unknown, &json!({"status": "REJECTED", "reason": "member_unknown", "balanceBefore": null}));
    assert_eq!(app.points_of(99), None);
}

fn my_page_shows_every_outcome(app: &TestApp) {
    promptly("the page of member 1 shows the last donation", || {
        let page = app.get("/mypages/1").json;
        page["lastDonation"]["reason"] == "insufficient_points" && page["donations"][1]["status"] == "DONATED"
    });
    let page = app.get("/mypages/1").must_be(200).json;
    let outcomes: Vec<_> = list(&page["donations"])
        .iter()
        .map(|donation| (number(&donation["amount"]), text(&donation["status"]), number(&donation["balanceAfter"])))
        .collect();
    let rejected = |amount, balance| (amount, "REJECTED", balance);
    let expected = [
        rejected(1_501, 1_500),
        (1, "DONATED", 1_000),
        rejected(100, 1_000),
        rejected(100, 800),
        (500, "DONATED", 1_030),
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(page["lastDonation"], page["donations"][0]);
    assert_eq!(page["remainPoint"], 1_500);
    let donated = list(&page["recentEntries"]).iter().filter(|entry| entry["kind"] == "DONATE").count();
    assert_eq!(donated, 1, "of the last five entries: {page}");
    promptly("the page of member 2 shows the refusal", || {
        app.get("/mypages/2").json["lastDonation"]["reason"] == "member_not_normal"
    });
    assert_eq!(app.get("/mypages/99").status, 404, "a donation makes nobody a member");
}

fn every_decision_is_notified(app: &TestApp) {
    let messages = app.all_of("messages");
    let told = |member: i64| -> Vec<(String, String)> {
        let mine =
            list(&messages).iter().filter(|message| message["memberId"] == member && message["kind"] != "JOINED");
        mine.map(|message| (text(&message["kind"]).to_owned(), text(&message["messageStatus"]).to_owned())).collect()
    };
    let [done, refused] = ["DONATED", "DONATION_REJECTED"];
    let sent = |kind: &str| (kind.to_owned(), "SUCCESS".to_owned());
    assert_eq!(told(1), [sent(done), sent(refused), sent(refused), sent(done), sent(refused)]);
    // No message can go to a wrong phone number, and that is no news about the number.
    assert_eq!(told(2), [(refused.to_owned(), "FAIL".to_owned())]);
    assert_eq!(app.get("/members/1").json["memberStatus"], "NORMAL");
}

fn what_was_received_can_be_looked_up(app: &TestApp) {
    let fund = app.get("/causes/1").must_be(200);
    must_hold(&fund, &json!({"causeId": 1, "receivedPoint": 501, "donationCount": 2, "open": true}));
    let receipts = app.get("/causes/1/receipts?limit=1").must_be(200).json;
    assert_eq!(receipts["_embedded"]["receipts"][0]["amount"], 500);
    let next = receipts["_links"]["next"]["href"].as_str().expect("there is more").to_owned();
    let rest = app.get(next.strip_prefix(&app.base()).expect("it leads here")).must_be(200).json;
    assert_eq!((&rest["_embedded"]["receipts"][0]["amount"], rest["_links"].get("next")), (&json!(1), None));
    for (query, count) in [
        ("", 7),
        ("?memberId=1", 5),
        ("?memberId=2", 1),
        ("?causeId=1", 7),
        ("?causeId=2", 0),
        ("?memberId=1&causeId=1", 5),
    ] {
        let found = app.get(&format!("/donations{query}")).must_be(200).json;
        assert_eq!(list(&found["_embedded"]["donations"]).len(), count, "{query}");
    }
    let page = app.get("/donations?memberId=1&limit=3").must_be(200).json;
    let next = page["_links"]["next"]["href"].as_str().expect("there is more").to_owned();
    let rest = app.get(next.strip_prefix(&app.base()).expect("it leads here")).must_be(200).json;
    assert_eq!(list(&rest["_embedded"]["donations"]).len(), 2, "the filter goes on: {next}");
}

#[test]
fn with_point_stopped_a_donation_waits_and_is_decided_afterwards_on_sqlite() {
    with_point_stopped_a_donation_waits_and_is_decided_afterwards(Engine::Sqlite);
}

#[test]
fn with_point_stopped_a_donation_waits_and_is_decided_afterwards_on_postgres() {
    with_point_stopped_a_donation_waits_and_is_decided_afterwards(Engine::Postgres);
}

fn with_point_stopped_a_donation_waits_and_is_decided_afterwards(engine: Engine) {
    let mut app = TestApp::open(engine);
    app.join_normal(1);
    app.join_normal(2);
    app.change_points(1, 1_000).must_be(200);
    app.settle();
    app.stop("point");
    let body = json!({"memberId": 1, "amount": 300});
    let waiting = app.request("POST", "/donations").key("once").json(&body).send().must_be(201);
    must_hold(&waiting, &json!({"status": "REQUESTED", "balanceBefore": null, "donatedAt": null}));
    app.donate(2, 300).must_be(201);
    promptly("my page shows that it waits", || app.get("/mypages/1").json["lastDonation"]["status"] == "REQUESTED");
    let again = app.request("POST", "/donations").key("once").json(&body).send().must_be(201);
    assert_eq!(again.json, waiting.json, "the same request is the same donation");

    app.start("point");
    decided(&app, "DONATED", "REJECTED");
    let again = app.request("POST", "/donations").key("once").json(&body).send().must_be(201);
    must_hold(&again, &json!({"donationId": waiting.json["donationId"], "status": "DONATED", "balanceAfter": 1_700}));
    let other = app.request("POST", "/donations").key("once").json(&json!({"memberId": 1, "amount": 1})).send();
    other.must_be_problem(422);
    assert_eq!(other.code(), "idempotency.key_reused");
    assert_eq!(app.points_of(1), Some(1_700));
    app.settle();
    app.verify();

    // The same with the whole server: what waited is decided by the next one.
    app.stop("point");
    let third = app.donate(1, 200).must_be(201).json["donationId"].clone();
    app.restart();
    promptly("the new server decides it", || app.get(&format!("/donations/{third}")).json["status"] == "DONATED");
    assert_eq!(app.points_of(1), Some(1_500));
    let again = app.request("POST", "/donations").key("once").json(&body).send().must_be(201);
    assert_eq!(again.json["donationId"], waiting.json["donationId"], "across a restart too");
    app.settle();
    app.verify();
}

/// Donations 1 and 2 have ended like this, for everyone who looks.
fn decided(app: &TestApp, first: &str, second: &str) {
    for (donation, member, status) in [(1, 1, first), (2, 2, second)] {
        promptly("the donation is decided", || app.get(&format!("/donations/{donation}")).json["status"] == status);
        promptly("my page shows it", || {
            app.get(&format!("/mypages/{member}")).json["lastDonation"]["status"] == status
        });
    }
}

#[test]
fn a_donation_that_waits_for_a_member_who_left_is_refused() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::open_with(engine, &["withdrawal.mode=deferred"]);
        app.join_normal(1);
        app.change_points(1, 1_000).must_be(200);
        app.settle();
        app.stop("point");
        // Both wait for point, and member's log and donation's log are two: whichever it reads first, the points that
        // the cause received and those that were forfeited are all there were.
        app.donate(1, 300).must_be(201);
        app.delete("/members/1").must_be(204);
        app.start("point");
        promptly("the donation is decided", || app.get("/donations/1").json["status"] != "REQUESTED");
        app.settle();
        let donation = app.get("/donations/1").must_be(200).json;
        let forfeited = number(&app.get("/withdrawals/1").json["forfeitedPoint"]);
        let expected = if donation["status"] == "DONATED" { 1_700 } else { 2_000 };
        assert_eq!(forfeited, expected, "{donation}");
        let late = app.donate(1, 300).must_be(201);
        must_hold(&late, &json!({"status": "REJECTED", "reason": "member_unknown"}));
        assert_eq!(app.get("/mypages/1").status, 404);
        app.verify();
    }
}

#[test]
fn causes_open_close_and_keep_what_they_received() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::open_with(engine, &["points.welcome=5000", "donation.balance_above=0"]);
        app.join_normal(1);
        let listed = app.get("/causes").must_be(200).json;
        assert_eq!(listed["_embedded"]["causes"][0]["name"], "general fund");
        let forest = app.post("/causes", &json!({"name": "forest"})).must_be(201);
        must_hold(&forest, &json!({"causeId": 2, "receivedPoint": 0, "open": true}));
        assert_eq!(forest.header("location"), Some(format!("{}/causes/2", app.base()).as_str()));
        let sea = app.post("/causes", &json!({"causeId": 4, "name": "sea", "open": false})).must_be(201);
        must_hold(&sea, &json!({"causeId": 4, "open": false}));
        must_hold(&app.post("/causes", &json!({"name": "hill"})).must_be(201), &json!({"causeId": 3}));
        must_hold(&app.post("/causes", &json!({"name": "lake"})).must_be(201), &json!({"causeId": 5}));

        let give = |cause: i64| app.post("/donations", &json!({"memberId": 1, "amount": 70, "causeId": cause}));
        must_hold(&give(2).must_be(201), &json!({"status": "DONATED", "causeId": 2}));
        let closed = give(4).must_be(201);
        must_hold(&closed, &json!({"status": "REJECTED", "reason": "cause_closed", "balanceAfter": null}));
        assert_eq!(app.points_of(1), Some(4_930));
        let opened = app.patch("/causes/4", &json!({"open": true, "receivedPoint": 9})).must_be(200);
        must_hold(&opened, &json!({"name": "sea", "open": true, "receivedPoint": 0}));
        must_hold(&give(4).must_be(201), &json!({"status": "DONATED"}));
        app.patch("/causes/2", &json!({"name": "wood", "open": false})).must_be(200);
        must_hold(&app.get("/causes/2"), &json!({"name": "wood", "open": false, "receivedPoint": 70}));
        promptly("my page shows all three", || {
            let page = app.get("/mypages/1").json;
            let statuses: Vec<&str> = list(&page["donations"]).iter().map(|shown| text(&shown["status"])).collect();
            statuses == ["DONATED", "REJECTED", "DONATED"]
        });
        app.settle();
        app.verify();
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(-1)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Every field of `expected` is in the answer with this value.
fn must_hold(answer: &Answer, expected: &Value) {
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(answer.json.get(field), Some(value), "{field} in {}", answer.text);
    }
}
