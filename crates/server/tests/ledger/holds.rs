//! Points are set aside, taken wholly or in part, let go, or free again when their time is over.

use platform::access::Role;
use serde_json::{Value, json};

use crate::moves;
use crate::support::{Answer, Engine, Setup, TestApp, eventually};

const HOLDS: &str = "/points/1/holds";

impl TestApp {
    /// Sets points of member 1 aside for the usual time; the hold's number.
    pub(crate) fn hold(&self, amount: i64) -> i64 {
        let hold = self.post(HOLDS, &json!({"amount": amount})).must_be(201);
        hold.json["holdId"].as_i64().expect("a number")
    }

    /// Takes points of a hold of member 1.
    pub(crate) fn capture(&self, hold_id: i64, body: &Value) -> Answer {
        self.post(&format!("{HOLDS}/{hold_id}/captures"), body)
    }

    /// Status and captured points of a hold of member 1.
    pub(crate) fn hold_of(&self, hold_id: i64) -> (String, i64) {
        let hold = self.get(&format!("{HOLDS}/{hold_id}")).must_be(200).json;
        (hold["status"].as_str().expect("a status").to_owned(), hold["captured"].as_i64().expect("points"))
    }

    /// Balance of member 1, and how much of it is held.
    pub(crate) fn balance(&self) -> (i64, i64) {
        let account = self.get("/points/1").must_be(200).json;
        (account["remainPoint"].as_i64().expect("points"), account["held"].as_i64().expect("points"))
    }
}

#[test]
fn held_points_are_taken_or_let_go_on_sqlite() {
    held_points_are_taken_or_let_go(Engine::Sqlite);
}

#[test]
fn held_points_are_taken_or_let_go_on_postgres() {
    held_points_are_taken_or_let_go(Engine::Postgres);
}

fn held_points_are_taken_or_let_go(engine: Engine) {
    let mut app = TestApp::open(engine);
    app.join_normal(1);
    let body = json!({"amount": "0600", "ttlS": 3_600, "reference": {"type": "order", "id": 7}});
    let place = |app: &TestApp| app.request("POST", HOLDS).key("place").json(&body).send().must_be(201);
    let placed = place(&app);
    let shown = json!({"holdId": 1, "memberId": 1, "amount": 600, "captured": 0, "status": "HELD",
        "expiresAt": placed.json["expiresAt"], "reference": {"type": "order", "id": "7"}});
    let without_links = |answer: &Answer| {
        let mut json = answer.json.clone();
        json.as_object_mut().expect("an object").remove("_links");
        json
    };
    assert_eq!(without_links(&placed), shown);
    assert_eq!(placed.header("location"), Some(format!("{}{HOLDS}/1", app.base()).as_str()));
    assert_eq!(app.balance(), (1_000, 600));

    nobody_else_spends_what_is_held(&app);

    // A part is taken, the rest is free; the same key gets the same answer, also after a restart.
    let path = format!("{HOLDS}/1/captures");
    let capture = |app: &TestApp| app.request("POST", &path).key("take").json(&json!({"amount": 450})).send();
    let captured = capture(&app).must_be(201);
    assert_eq!((&captured.json["status"], &captured.json["captured"]), (&json!("CAPTURED"), &json!(450)));
    assert_eq!(app.balance(), (150, 0));
    app.restart();
    assert_eq!(without_links(&capture(&app).must_be(201)), without_links(&captured));
    assert_eq!(without_links(&place(&app)), shown, "as it was answered then");
    let other = app.request("POST", &path).key("take").json(&json!({"amount": 1})).send();
    assert_eq!(other.must_be(422).code(), "idempotency.key_reused");
    assert_eq!(app.capture(1, &json!({})).must_be(409).code(), "point.hold_over");
    assert_eq!(app.delete(&format!("{HOLDS}/1")).must_be(409).code(), "point.hold_over");

    let second = app.hold(150);
    let release = format!("{HOLDS}/{second}");
    for _ in 0..2 {
        app.request("DELETE", &release).key("let go").send().must_be(204);
        app.delete(&release).must_be(204);
    }
    assert_eq!((app.hold_of(second), app.balance()), (("RELEASED".to_owned(), 0), (150, 0)));
    app.capture(second, &json!({})).must_be(409);
    let third = app.hold(100);
    app.capture(third, &json!({})).must_be(201);

    let entries = app.statement(1, "");
    assert_eq!(moves(&entries), [("HOLD_CAPTURE", -100), ("HOLD_CAPTURE", -450), ("USE", -400), ("WELCOME", 1_000)]);
    assert_eq!(entries[0]["reference"], json!({"type": "hold", "id": third.to_string()}));
    assert_eq!(entries[1]["reference"], json!({"type": "order", "id": "7"}));
    assert_eq!(moves(&app.statement(1, "kind=HOLD_CAPTURE")).len(), 2);
    pages_of_holds(&app, &[(third, "CAPTURED"), (second, "RELEASED"), (1, "CAPTURED")]);
    app.settle();
    assert_eq!(app.get("/mypages/1").json["recentEntries"][0]["kind"], "HOLD_CAPTURE");
    eventually("the dashboard counts captures beside uses", || {
        let points = app.get("/dashboards/summary").json["points"].clone();
        points["used"]["value"] == 400 && points["holdCaptured"]["value"] == 550
    });
    app.verify();
}

/// Of 1,000 points 600 are held; the others are used.
fn nobody_else_spends_what_is_held(app: &TestApp) {
    assert_eq!(app.transact(1, "USE", 401).must_be(409).code(), "point.insufficient_points");
    assert_eq!(app.post(HOLDS, &json!({"amount": 401})).must_be(409).code(), "point.insufficient_points");
    assert_eq!(app.donate(1, 1).must_be(201).json["status"], "REJECTED");
    assert_eq!(app.change_points(1, -401).must_be(200).json["result"], "REJECTED");
    let use_all = json!({"memberId": 1, "merchantId": 1, "type": "use", "dealAmount": 5_000, "point": 401});
    assert_eq!(app.deal(&use_all).must_be(201).json["status"], "fail");
    app.transact(1, "USE", 400).must_be(201);
    assert_eq!(app.balance(), (600, 600));
}

/// The list has these holds, and page by page has no others.
fn pages_of_holds(app: &TestApp, expected: &[(i64, &str)]) {
    let (mut path, mut seen) = (format!("{HOLDS}?limit=2"), Vec::new());
    loop {
        let page = app.get(&path).must_be(200);
        for hold in page.json["_embedded"]["holds"].as_array().expect("holds") {
            assert!(hold["_links"]["self"]["href"].is_string());
            seen.push((hold["holdId"].as_i64().expect("a number"), hold["status"].as_str().expect("text").to_owned()));
        }
        let Some(next) = page.json["_links"]["next"]["href"].as_str() else { break };
        path = next.strip_prefix(&app.base()).expect("links lead to this server").to_owned();
    }
    let seen: Vec<(i64, &str)> = seen.iter().map(|(hold_id, status)| (*hold_id, status.as_str())).collect();
    assert_eq!(seen, expected);
    app.get(&format!("{HOLDS}?after=n63")).must_be_problem(422);
}

#[test]
fn a_hold_ends_by_itself_on_sqlite() {
    a_hold_ends_by_itself(Engine::Sqlite);
}

#[test]
fn a_hold_ends_by_itself_on_postgres() {
    a_hold_ends_by_itself(Engine::Postgres);
}

fn a_hold_ends_by_itself(engine: Engine) {
    let app = TestApp::open(engine);
    app.join_normal(1);
    let first = app.hold(300);
    app.post(HOLDS, &json!({"amount": 200, "ttlS": 604_800})).must_be(201);
    app.clock.advance_ms(590_000);
    assert_eq!(app.hold_of(first).0, "HELD");
    app.clock.advance_ms(10_000);
    assert_eq!(app.hold_of(first).0, "EXPIRED", "whether or not that was noted");
    assert_eq!(app.capture(first, &json!({})).must_be(409).code(), "point.hold_over");
    eventually("the points are free again", || app.balance() == (1_000, 200));
    app.clock.advance_ms(604_790_000);
    eventually("nobody looked at this one", || app.balance() == (1_000, 0));
    assert_eq!(app.events("HoldExpired").len(), 2);
    app.transact(1, "USE", 1_000).must_be(201);
    assert_eq!(app.statement(1, "kind=HOLD_CAPTURE").len(), 0);
    app.settle();
    app.verify();
}

#[test]
fn what_cannot_be_held_is_refused_on_sqlite() {
    what_cannot_be_held_is_refused(Engine::Sqlite);
}

#[test]
fn what_cannot_be_held_is_refused_on_postgres() {
    what_cannot_be_held_is_refused(Engine::Postgres);
}

fn what_cannot_be_held_is_refused(engine: Engine) {
    let app = TestApp::open(engine);
    app.join_normal(1);
    app.join_normal(2);
    app.join(3, "0101");
    eventually("member 3 is ABNORMAL", || app.get("/points/3").json["memberStatus"] == "ABNORMAL");
    let hold = app.hold(10);
    let state = |app: &TestApp| (app.get("/points/1").json, app.get(HOLDS).json, app.entry_count());
    let before = state(&app);
    for (path, body, pointer) in [
        ("", json!({"amount": 0}), "/amount"),
        ("", json!({"amount": -1}), "/amount"),
        ("", json!({"amount": 1_000_000_000_001_i64}), "/amount"),
        ("", json!({}), "/amount"),
        ("", json!({"amount": 1, "ttlS": 0}), "/ttlS"),
        ("", json!({"amount": 1, "ttlS": -1}), "/ttlS"),
        ("", json!({"amount": 1, "ttlS": 604_801}), "/ttlS"),
        ("", json!({"amount": 1, "ttlS": i64::MAX}), "/ttlS"),
        ("", json!({"amount": 1, "untilS": 60}), "/untilS"),
        ("", json!({"amount": 1, "reference": {"type": "", "id": 1}}), "/reference"),
        ("/1/captures", json!({"amount": 0}), "/amount"),
        ("/1/captures", json!({"amount": -1}), "/amount"),
        ("/1/captures", json!({"amount": 1_000_000_000_001_i64}), "/amount"),
    ] {
        let refused = app.post(&format!("{HOLDS}{path}"), &body);
        refused.must_be_problem(422);
        assert_eq!(refused.json["pointer"], pointer, "{body}: {}", refused.text);
    }
    for (path, code) in
        [("/points/99/holds", "point.account_unknown"), ("/points/2/holds/1/captures", "point.hold_unknown")]
    {
        assert_eq!(app.post(path, &json!({"amount": 1})).must_be(404).code(), code);
    }
    app.capture(77, &json!({})).must_be_problem(404);
    app.get("/points/2/holds/1").must_be(404);
    app.delete("/points/2/holds/1").must_be_problem(404);
    app.get("/points/99/holds").must_be(404);
    assert_eq!(app.post("/points/3/holds", &json!({"amount": 1})).must_be(409).code(), "point.member_not_normal");
    assert_eq!(app.capture(hold, &json!({"amount": 11})).must_be(409).code(), "point.capture_too_large");
    let member = format!("Bearer {}", app.key(Role::Owner("member"), Some(1)));
    let as_member = |method, path: &str| {
        app.request(method, path).header("Authorization", &member).json(&json!({"amount": 1})).send()
    };
    as_member("POST", HOLDS).must_be_problem(403);
    as_member("POST", &format!("{HOLDS}/{hold}/captures")).must_be_problem(403);
    app.request("DELETE", &format!("{HOLDS}/{hold}")).header("Authorization", &member).send().must_be_problem(403);
    let read = |path: &str| app.request("GET", path).header("Authorization", &member).send();
    read("/points/2/holds").must_be_problem(403);
    assert_eq!(read(HOLDS).must_be(200).json["_embedded"]["holds"][0]["holdId"], hold, "control: the own ones");
    assert_eq!(state(&app), before);
    app.capture(hold, &json!({"amount": 10})).must_be(201);
    app.settle();
    app.verify();
}

#[test]
fn what_the_server_owns_of_a_hold_is_ignored() {
    let app = TestApp::open(Engine::Sqlite);
    app.join_normal(1);
    let owned =
        json!({"holdId": 9, "memberId": 9, "captured": 9, "status": "CAPTURED", "expiresAt": "2020-01-01T00:00:00Z"});
    let with = |amount: i64| {
        let mut body = owned.clone();
        body["amount"] = json!(amount);
        body
    };
    let placed = app.post(HOLDS, &with(100)).must_be(201).json;
    let shown =
        |hold: &Value| json!(["holdId", "memberId", "amount", "captured", "status"].map(|field| hold[field].clone()));
    assert_eq!(shown(&placed), json!([1, 1, 100, 0, "HELD"]));
    assert_ne!(placed["expiresAt"], owned["expiresAt"]);
    assert_eq!(shown(&app.capture(1, &with(40)).must_be(201).json), json!([1, 1, 100, 40, "CAPTURED"]));
    app.verify();
}

#[test]
fn who_leaves_lets_go_what_is_held_on_sqlite() {
    who_leaves_lets_go_what_is_held(Engine::Sqlite);
}

#[test]
fn who_leaves_lets_go_what_is_held_on_postgres() {
    who_leaves_lets_go_what_is_held(Engine::Postgres);
}

fn who_leaves_lets_go_what_is_held(engine: Engine) {
    let app = TestApp::open(engine);
    app.join_normal(1);
    let holds: Vec<i64> = (0..3).map(|_| app.hold(200)).collect();
    app.capture(holds[1], &json!({"amount": 50})).must_be(201);
    app.leave(1);
    app.settle();
    app.get(HOLDS).must_be(404);
    app.capture(holds[0], &json!({})).must_be_problem(404);
    let stands = |hold_id: i64| {
        let rows = app.rows(&format!("SELECT status, captured FROM point_hold WHERE hold_id = {hold_id}"));
        (rows[0].text(0).to_owned(), rows[0].int(1))
    };
    let (released, captured) = (("RELEASED".to_owned(), 0), ("CAPTURED".to_owned(), 50));
    assert_eq!(holds.iter().map(|hold| stands(*hold)).collect::<Vec<_>>(), [released.clone(), captured, released]);
    let forfeited = app.rows("SELECT amount FROM point_entry WHERE kind = 'FORFEIT'");
    assert_eq!(forfeited.iter().map(|row| row.int(0)).collect::<Vec<_>>(), [-950]);
    app.verify();
}

#[test]
fn what_ends_under_a_hold_expires_when_it_ends_on_sqlite() {
    what_ends_under_a_hold_expires_when_it_ends(Engine::Sqlite);
}

#[test]
fn what_ends_under_a_hold_expires_when_it_ends_on_postgres() {
    what_ends_under_a_hold_expires_when_it_ends(Engine::Postgres);
}

fn what_ends_under_a_hold_expires_when_it_ends(engine: Engine) {
    let setup = Setup::on(engine).with(&["points.expiry_months=1"]).starting_at("2031-01-27T12:00:00+09:00");
    let app = TestApp::start_up(setup);
    app.join_normal(1);
    // To the 27th of February; the points end with the month.
    app.clock.advance_days(31);
    let long = |amount: i64| {
        let hold = app.post(HOLDS, &json!({"amount": amount, "ttlS": 604_800})).must_be(201);
        hold.json["holdId"].as_i64().expect("a number")
    };
    let (taken, released, expired) = (long(100), long(200), long(300));
    app.transact(1, "EARN", 50).must_be(201);
    app.clock.advance_days(2);
    eventually("what is free expires", || app.balance() == (650, 600));
    app.transact(1, "USE", 51).must_be_problem(409);
    app.capture(taken, &json!({"amount": 60})).must_be(201);
    assert_eq!(app.balance(), (550, 500), "the rest of the capture has ended");
    app.delete(&format!("{HOLDS}/{released}")).must_be(204);
    assert_eq!(app.balance(), (350, 300), "so has what is released");
    app.clock.advance_days(5);
    eventually("and what nobody asks about", || app.balance() == (50, 0));
    assert_eq!(app.hold_of(expired).0, "EXPIRED");
    let expected = [
        ("EXPIRE", -300),
        ("EXPIRE", -200),
        ("EXPIRE", -40),
        ("HOLD_CAPTURE", -60),
        ("EXPIRE", -400),
        ("EARN", 50),
        ("WELCOME", 1_000),
    ];
    assert_eq!(moves(&app.statement(1, "")), expected);
    app.settle();
    app.verify();
}
