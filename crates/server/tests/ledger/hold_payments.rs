//! Payments with points, as point answers them to another process: held, captured, cancelled, once for ever.

use std::net::{SocketAddr, TcpListener};

use app::point::inspect;
use platform::access::Role;
use serde_json::{Value, json};

use crate::moves;
use crate::support::{Client, Engine, Request, TestApp};

/// Another process that asks point about payments of member 1.
struct Till {
    client: Client,
    key: String,
}

impl Till {
    fn open(engine: Engine) -> (TestApp, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address: SocketAddr = listener.local_addr().expect("an address");
        drop(listener);
        let app = TestApp::open_with(engine, &[&format!("internal.listen={address}")]);
        let key = app.key(Role::Service, None);
        (app, Self { client: Client::new(address), key })
    }

    fn ask(&self, path: &str, body: &Value) -> Value {
        let request = Request::new(&self.client, "POST", path);
        request.header("Authorization", &format!("Bearer {}", self.key)).json(body).send().must_be(200).json
    }

    fn hold(&self, payment_id: i64, amount: i64) -> Value {
        self.ask("/internal/point/holds", &json!({"paymentId": payment_id, "memberId": 1, "amount": amount}))
    }

    fn capture(&self, payment_id: i64) -> Value {
        self.ask("/internal/point/captures", &json!({"paymentId": payment_id, "memberId": 1}))
    }

    /// What came back.
    fn cancel(&self, payment_id: i64) -> i64 {
        let answer = self.ask("/internal/point/cancellations", &json!({"paymentId": payment_id, "memberId": 1}));
        answer["givenBackPoint"].as_i64().expect("points")
    }
}

fn no(reason: &str) -> Value {
    json!({"Err": reason})
}

fn captured(point: i64) -> Value {
    json!({"Ok": {"capturedPoint": point}})
}

fn lots(app: &TestApp) -> Vec<(String, i64)> {
    let lots = app.get("/points/1/lots").must_be(200).json["_embedded"]["lots"].clone();
    let lot =
        |lot: &Value| (lot["month"].as_str().expect("a month").to_owned(), lot["point"].as_i64().expect("points"));
    lots.as_array().expect("lots").iter().map(lot).collect()
}

#[test]
fn a_payment_is_answered_once_for_ever_on_sqlite() {
    a_payment_is_answered_once_for_ever(Engine::Sqlite);
}

#[test]
fn a_payment_is_answered_once_for_ever_on_postgres() {
    a_payment_is_answered_once_for_ever(Engine::Postgres);
}

fn a_payment_is_answered_once_for_ever(engine: Engine) {
    let (mut app, till) = Till::open(engine);
    app.join_normal(1);
    let first = app.month(60);
    app.to_next_month();
    app.transact(1, "EARN", 500).must_be(201);
    let second = app.month(60);
    let whole = vec![(first.clone(), 1_000), (second.clone(), 500)];

    let held = till.hold(7, 1_200);
    let hold_id = held["Ok"]["holdId"].as_i64().expect("a hold");
    assert_eq!(till.hold(8, 301), no("insufficient_points"));
    assert_eq!(till.hold(9, 0), no("invalid_amount"));
    assert_eq!(till.capture(8), no("never_held"));
    assert_eq!((app.balance(), till.capture(99)), ((1_500, 1_200), no("never_held")));
    // What belongs to a payment is ended by it alone.
    assert_eq!(app.capture(hold_id, &json!({"amount": 1})).must_be(409).code(), "point.hold_of_payment");
    assert_eq!(app.delete(&format!("/points/1/holds/{hold_id}")).must_be(409).code(), "point.hold_of_payment");
    for _ in 0..2 {
        assert_eq!(till.capture(7), captured(1_200));
        assert_eq!((till.hold(7, 1_200), till.hold(8, 301)), (held.clone(), no("insufficient_points")));
        assert_eq!((app.balance(), lots(&app)), ((300, 0), vec![(second.clone(), 300)]));
        app.restart();
    }
    // Another payment under the number: payment's store was restored on its own.
    assert_eq!(till.hold(7, 5), no("payment_number_reused"));
    for _ in 0..2 {
        assert_eq!((till.cancel(7), till.cancel(8), till.cancel(10)), (1_200, 0, 0));
        assert_eq!((app.balance(), lots(&app)), ((1_500, 0), whole.clone()), "back where they came from, once");
        assert_eq!((till.capture(7), till.hold(7, 1_200)), (no("cancelled"), no("cancelled")));
        assert_eq!((till.capture(10), till.hold(10, 5)), (no("cancelled"), no("cancelled")));
        app.restart();
    }
    till.hold(11, 400);
    assert_eq!((till.cancel(11), app.balance(), till.hold(11, 400)), (0, (1_500, 0), no("cancelled")));
    till.hold(12, 400);
    app.clock.advance_ms(600_000);
    assert_eq!((till.capture(12), till.cancel(12)), (no("hold_expired"), 0));

    let entries = app.statement(1, "");
    assert_eq!(moves(&entries), [("USE_CANCEL", 1_200), ("HOLD_CAPTURE", -1_200), ("EARN", 500), ("WELCOME", 1_000)]);
    for entry in &entries[..2] {
        assert_eq!(entry["reference"], json!({"type": "payment", "id": "7"}));
    }
    app.settle();
    app.verify();
    who_left_gets_nothing_back(&app, &till);
    damage_is_found(&app);
}

fn who_left_gets_nothing_back(app: &TestApp, till: &Till) {
    till.hold(20, 100);
    assert_eq!(till.capture(20), captured(100));
    till.hold(21, 100);
    app.leave(1);
    app.settle();
    assert_eq!((till.capture(20), till.capture(21)), (captured(100), no("hold_released")));
    assert_eq!((till.cancel(20), till.cancel(21), till.hold(22, 1)), (0, 0, no("member_unknown")));
    app.verify();
}

fn findings(app: &TestApp) -> usize {
    let found = app.app().points.funnel.with_session(|tx| inspect(tx, &mut |_| {})).expect("point can be inspected");
    found.0.checks.iter().map(|(_, found)| found.len()).sum()
}

fn damage_is_found(app: &TestApp) {
    let change = |sql: &str| {
        app.app().points.funnel.with_session(|tx| tx.execute(sql, &[])).expect("the store can be written");
    };
    assert_eq!(findings(app), 0);
    for (damage, repair) in [
        ("captured = 1", "captured = 1200"),
        ("status = 'HELD'", "status = 'CAPTURED'"),
        ("entry = entry + 1000", "entry = entry - 1000"),
        ("payment_id = 8", "payment_id = 7"),
        ("previous = 5", "previous = 0"),
    ] {
        change(&format!("UPDATE point_hold SET {damage} WHERE hold_id = 1"));
        assert!(findings(app) > 0, "{damage}");
        change(&format!("UPDATE point_hold SET {repair} WHERE hold_id = 1"));
        assert_eq!(findings(app), 0, "{repair}");
    }
    for (damage, repair) in [("given_back = 1", "given_back = 1200"), ("entry = NULL", ""), ("hold_id = NULL", "")] {
        let entry = app.rows("SELECT entry, hold_id FROM point_payment WHERE payment_id = 7")[0].clone();
        change(&format!("UPDATE point_payment SET {damage} WHERE payment_id = 7"));
        assert!(findings(app) > 0, "{damage}");
        let repair = if repair.is_empty() {
            format!("entry = {}, hold_id = {}", entry.int(0), entry.int(1))
        } else {
            repair.to_owned()
        };
        change(&format!("UPDATE point_payment SET {repair} WHERE payment_id = 7"));
    }
    change("UPDATE point_account SET pins = '203101:5' WHERE member_id = 1");
    assert!(findings(app) > 0, "pins of no hold");
    change("UPDATE point_account SET pins = '' WHERE member_id = 1");
    assert_eq!(findings(app), 0);
}
