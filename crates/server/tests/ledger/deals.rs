//! Deals as the ledger answers them: asked directly by another process, and followed by events.

use std::net::{SocketAddr, TcpListener};

use app::point::inspect;
use platform::access::Role;
use serde_json::{Value, json};

use crate::moves;
use crate::support::{Answer, Client, Engine, Request, TestApp, eventually, within};

/// Another process that asks point.
struct Asker {
    client: Client,
    key: String,
}

impl Asker {
    fn open(engine: Engine, sets: &[&str]) -> (TestApp, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address: SocketAddr = listener.local_addr().expect("an address");
        drop(listener);
        let internal = format!("internal.listen={address}");
        let app = TestApp::open_with(engine, &[sets, &[internal.as_str()]].concat());
        let key = app.key(Role::Service, None);
        (app, Self { client: Client::new(address), key })
    }

    fn send(&self, body: &Value) -> Answer {
        let request = Request::new(&self.client, "POST", "/internal/point/deals");
        request.header("Authorization", &format!("Bearer {}", self.key)).json(body).send()
    }

    fn ask(&self, deal_id: i64, ask: &Value, point: i64) -> Value {
        let body = json!({"dealId": deal_id, "memberId": 1, "ask": ask, "point": point});
        self.send(&body).must_be(200).json
    }

    /// Points that moved, and points that are owed.
    fn done(&self, deal_id: i64, ask: &Value, point: i64) -> (i64, i64) {
        let answer = self.ask(deal_id, ask, point);
        assert_eq!((&answer["done"], &answer["dealId"]), (&json!(true), &json!(deal_id)), "{answer}");
        let field = |name: &str| answer[name].as_i64().expect(name);
        (field("movedPoint"), field("owedPoint"))
    }

    fn no(&self, deal_id: i64, ask: &Value, point: i64) -> String {
        let answer = self.ask(deal_id, ask, point);
        assert_eq!((&answer["done"], &answer["movedPoint"]), (&json!(false), &json!(0)), "{answer}");
        answer["reason"].as_str().expect("a reason").to_owned()
    }
}

fn cancel_save(of: i64, may_owe: bool) -> Value {
    json!({"cancelSave": {"of": of, "mayOwe": may_owe}})
}

fn cancel_use(of: i64) -> Value {
    json!({"cancelUse": {"of": of}})
}

fn lots(app: &TestApp) -> Vec<(String, i64)> {
    let lots = app.get("/points/1/lots").must_be(200);
    let lot =
        |lot: &Value| (lot["month"].as_str().expect("a month").to_owned(), lot["point"].as_i64().expect("a number"));
    lots.json["_embedded"]["lots"].as_array().expect("lots").iter().map(lot).collect()
}

/// What `onepoint verify` finds in point. Deal knows nothing of these deals.
fn findings(app: &TestApp) -> Vec<(&'static str, i64)> {
    let found = app.app().points.funnel.with_session(|tx| inspect(tx, &mut |_| {})).expect("point can be inspected");
    let checks = found.0.checks.into_iter();
    checks.flat_map(|(check, found)| found.into_iter().map(move |finding| (check, finding.id))).collect()
}

#[test]
fn a_deal_is_answered_once_for_ever_on_sqlite() {
    a_deal_is_answered_once_for_ever(Engine::Sqlite);
}

#[test]
fn a_deal_is_answered_once_for_ever_on_postgres() {
    a_deal_is_answered_once_for_ever(Engine::Postgres);
}

fn a_deal_is_answered_once_for_ever(engine: Engine) {
    let (mut app, asker) = Asker::open(engine, &[]);
    app.join_normal(1);
    let (save, spend, void) = (json!("save"), json!("use"), json!("void"));
    let first = app.month(60);
    assert_eq!(asker.done(1, &save, 500), (500, 0));
    assert_eq!(asker.done(2, &save, 0), (0, 0));
    app.to_next_month();
    let second = app.month(60);
    assert_eq!(asker.done(3, &save, 300), (300, 0));
    assert_eq!(asker.done(4, &spend, 1_600), (1_600, 0));
    assert_eq!(asker.no(5, &spend, 201), "insufficient_points");
    assert_eq!(asker.no(6, &spend, 0), "invalid_amount");
    // The lots come back in the reverse order.
    assert_eq!(asker.done(7, &cancel_use(4), 150), (150, 0));
    assert_eq!(lots(&app), [(first.clone(), 50), (second.clone(), 300)]);
    assert_eq!(asker.done(8, &cancel_use(4), 50), (50, 0));
    assert_eq!(lots(&app), [(first.clone(), 100), (second.clone(), 300)]);
    // From its own lot, then the rest; what is not there is owed, or it is refused as a whole.
    assert_eq!(asker.done(9, &cancel_save(3, true), 100), (100, 0));
    assert_eq!(lots(&app), [(first.clone(), 100), (second, 200)]);
    assert_eq!(asker.no(10, &cancel_save(1, false), 301), "insufficient_points");
    assert_eq!(asker.done(11, &cancel_save(1, true), 310), (300, 10));
    assert_eq!(app.get("/points/1").json["owed"], 10);
    // A void gives back what cancels left, and repays nothing.
    assert_eq!(asker.done(4, &void, 1_600), (1_400, 0));
    assert_eq!((lots(&app), &app.get("/points/1").json["owed"]), (vec![(first, 1_400)], &json!(10)));
    assert_eq!(asker.no(4, &spend, 1_600), "voided");
    assert_eq!(asker.done(12, &void, 5), (0, 0));
    assert_eq!(asker.no(12, &spend, 5), "voided");

    answers_stay(&mut app, &asker);

    let expected = [
        ("USE_CANCEL", 1_400),
        ("EARN_CANCEL", -300),
        ("EARN_CANCEL", -100),
        ("USE_CANCEL", 50),
        ("USE_CANCEL", 150),
        ("USE", -1_600),
        ("EARN", 300),
        ("EARN", 500),
        ("WELCOME", 1_000),
    ];
    let entries = app.statement(1, "");
    assert_eq!(moves(&entries), expected);
    assert_eq!(entries[0]["reference"], json!({"type": "deal", "id": "4"}));
    assert_eq!(moves(&app.statement(1, "kind=USE_CANCEL")), [expected[0], expected[3], expected[4]]);
    eventually("my page follows", || app.get("/mypages/1").json["remainPoint"] == 1_400);
    let recent = app.get("/mypages/1").json["recentEntries"].as_array().expect("entries").clone();
    assert_eq!(moves(&recent), expected[..5]);
    damage_is_found(&app);
}

/// What was answered is answered again, also after a restart, and another question under the number is refused.
fn answers_stay(app: &mut TestApp, asker: &Asker) {
    let (save, spend, void) = (json!("save"), json!("use"), json!("void"));
    let known = [
        (1, &save, 500),
        (2, &save, 0),
        (4, &spend, 1_600),
        (4, &void, 1_600),
        (5, &spend, 201),
        (11, &cancel_save(1, true), 310),
        (12, &spend, 5),
    ];
    let before: Vec<Value> = known.iter().map(|(deal_id, ask, point)| asker.ask(*deal_id, ask, *point)).collect();
    let count = app.entry_count();
    app.restart();
    for (place, (deal_id, ask, point)) in known.into_iter().enumerate() {
        within(std::time::Duration::from_secs(5), "the key is known again", || asker.send(&json!({})).status == 422);
        assert_eq!(asker.ask(deal_id, ask, point), before[place], "{deal_id}");
        if ask != &void {
            assert_eq!(asker.no(deal_id, &cancel_save(3, true), 7), "deal_number_reused", "{deal_id}");
        }
    }
    assert_eq!((app.entry_count(), findings(app)), (count, vec![]));
}

/// The controls of what `verify` compares.
fn damage_is_found(app: &TestApp) {
    const MOVED: &str = "every deal has the entries of the points that it moved";
    const CANCELLED: &str = "what is cancelled of a deal = its cancels and its void";
    let run = |sql: &str| app.app().points.funnel.with_session(|tx| tx.execute(sql, &[])).expect("damage");
    for (damage, repair, found) in [
        (
            "UPDATE point_deal SET cancelled_point = cancelled_point - 1 WHERE deal_id = 4",
            "UPDATE point_deal SET cancelled_point = cancelled_point + 1 WHERE deal_id = 4",
            vec![(CANCELLED, 4)],
        ),
        (
            "UPDATE point_deal SET moved_point = moved_point + 1 WHERE deal_id = 8",
            "UPDATE point_deal SET moved_point = moved_point - 1 WHERE deal_id = 8",
            vec![(MOVED, 8), (CANCELLED, 4)],
        ),
        (
            "UPDATE point_deal SET member_id = 2 WHERE deal_id = 1",
            "UPDATE point_deal SET member_id = 1 WHERE deal_id = 1",
            vec![(MOVED, 1)],
        ),
        (
            "UPDATE point_deal SET entry = -entry WHERE deal_id = 3",
            "UPDATE point_deal SET entry = -entry WHERE deal_id = 3",
            vec![(MOVED, 3)],
        ),
        (
            "UPDATE point_deal SET voided_point = voided_point - 1 WHERE deal_id = 4",
            "UPDATE point_deal SET voided_point = voided_point + 1 WHERE deal_id = 4",
            vec![(MOVED, 4), (CANCELLED, 4)],
        ),
    ] {
        run(damage);
        assert_eq!(findings(app), found, "{damage}");
        run(repair);
    }
    assert_eq!(findings(app), []);
    let entry = app.rows("SELECT entry FROM point_deal WHERE deal_id = 8")[0].int(0);
    run("DELETE FROM point_deal WHERE deal_id = 8");
    assert_eq!(findings(app), [(MOVED, entry), (CANCELLED, 4)], "an entry without a deal");
}

#[test]
fn who_may_not_ask_and_what_cannot_be_read_is_refused() {
    let (app, asker) = Asker::open(Engine::Sqlite, &[]);
    app.join_normal(1);
    for body in [
        json!({}),
        json!({"dealId": 1, "memberId": 1, "ask": "give", "point": 1}),
        json!({"dealId": 1, "memberId": 1, "ask": "save", "point": "many"}),
        json!({"dealId": 1, "memberId": 1, "ask": "save", "point": 1, "reason": "x"}),
    ] {
        asker.send(&body).must_be_problem(422);
    }
    let operator = app.key(Role::Operator, None);
    let request = Request::new(&asker.client, "POST", "/internal/point/deals");
    let body = json!({"dealId": 1, "memberId": 1, "ask": "save", "point": 100});
    request.header("Authorization", &format!("Bearer {operator}")).json(&body).send().must_be_problem(403);
    assert_eq!(app.points_of(1), Some(1_000));
    // Control: who may, gets points.
    assert_eq!(asker.done(1, &json!("save"), 100), (100, 0));
    assert_eq!(asker.ask(2, &json!("save"), -1)["reason"], "invalid_amount");
    let stranger = json!({"dealId": 3, "memberId": 99, "ask": "use", "point": 1});
    assert_eq!(asker.send(&stranger).must_be(200).json["reason"], "member_unknown");
    assert_eq!(app.points_of(1), Some(1_100));
    assert_eq!(findings(&app), []);
}

#[test]
fn cancels_reach_who_is_leaving_and_lots_that_have_ended_on_sqlite() {
    cancels_reach_who_is_leaving_and_lots_that_have_ended(Engine::Sqlite);
}

#[test]
fn cancels_reach_who_is_leaving_and_lots_that_have_ended_on_postgres() {
    cancels_reach_who_is_leaving_and_lots_that_have_ended(Engine::Postgres);
}

fn cancels_reach_who_is_leaving_and_lots_that_have_ended(engine: Engine) {
    let (app, asker) = Asker::open(engine, &["points.welcome=0", "points.expiry_months=1"]);
    app.join_normal(1);
    let (save, spend) = (json!("save"), json!("use"));
    assert_eq!(asker.done(1, &save, 100), (100, 0));
    assert_eq!(asker.done(2, &spend, 70), (70, 0));
    let ends = app.month(1);
    app.to_next_month();
    assert_eq!(asker.done(3, &cancel_use(2), 20), (20, 0));
    assert_eq!(lots(&app), [(ends, 50)], "on the last days of its month the lot is still there");
    app.to_next_month();
    assert_eq!(asker.done(4, &cancel_use(2), 20), (20, 0));
    assert_eq!(lots(&app), [(app.month(1), 20)], "50 points have expired; what comes back ends with the next month");

    // Neither another status nor a withdrawal under way keeps a cancel away.
    app.patch("/members/1", &json!({"phoneNo": "0101"})).must_be(200);
    eventually("member 1 is ABNORMAL", || app.get("/points/1").json["memberStatus"] == "ABNORMAL");
    assert_eq!(asker.no(5, &save, 10), "member_not_normal");
    assert_eq!(asker.done(6, &cancel_use(2), 10), (10, 0));
    assert_eq!(asker.done(7, &cancel_save(1, true), 40), (30, 10));
    app.leave(1);
    app.settle();
    assert_eq!(asker.done(8, &cancel_use(2), 20), (0, 0), "the points are gone with the member");
    assert_eq!(asker.done(9, &cancel_save(1, false), 5), (0, 0));
    assert_eq!(asker.no(10, &spend, 1), "member_unknown");
    assert_eq!(findings(&app), []);
}

#[test]
fn what_comes_by_event_is_decided_and_told_on_sqlite() {
    what_comes_by_event_is_decided_and_told(Engine::Sqlite);
}

#[test]
fn what_comes_by_event_is_decided_and_told_on_postgres() {
    what_comes_by_event_is_decided_and_told(Engine::Postgres);
}

fn what_comes_by_event_is_decided_and_told(engine: Engine) {
    let app = TestApp::open_with(engine, &["points.welcome=0"]);
    app.join_normal(1);
    let post = |body: Value| app.post("/deals", &body);
    let deal = |kind: &str| json!({"memberId": 1, "merchantId": 20, "type": kind, "dealAmount": 100_000, "point": 300});
    post(deal("save")).must_be(201);
    post(deal("use")).must_be(201);
    assert_eq!(app.points_of(1), Some(700));
    app.settle();
    assert_eq!(app.events("DealDecided").len(), 0, "what was answered directly is not told again");

    app.stop("point");
    let cancelled = post(deal("useCancel")).must_be(201);
    assert_eq!(cancelled.json["pointStatus"], "PENDING", "{}", cancelled.text);
    let waiting = post(json!({"memberId": 1, "merchantId": 20, "type": "use", "point": 50}));
    assert_eq!(waiting.must_be(503).json["dealId"], 4);
    post(deal("save")).must_be(503);
    app.clock.advance_ms(31_000);
    eventually("nobody waits any longer", || app.get("/deals/4").json["failReason"] == "deal.timed_out");
    app.start("point");
    eventually("the points have followed", || {
        app.get("/deals/3").json["pointStatus"] == "DONE" && app.get("/deals/5").json["status"] == "success"
    });
    assert_eq!(app.points_of(1), Some(2_000));
    app.settle();
    let told = app.events("DealDecided");
    let told: Vec<_> = told.iter().map(|(_, told)| (&told["dealId"], &told["done"], &told["movedPoint"])).collect();
    let yes = json!(true);
    assert_eq!(told, [(&json!(3), &yes, &json!(300)), (&json!(5), &yes, &json!(1_000))], "a void is not told");
    assert_eq!(app.rows("SELECT voided_point FROM point_deal WHERE deal_id = 4")[0].opt_int(0), Some(0));
    app.verify();
}
