//! Whether a deal is billed is read off the marks that settlement's runs leave.

use std::sync::Arc;

use platform::db::Cursor;
use platform::log::{Event, Log};
use serde_json::json;

use crate::support::{Engine, Setup, TestApp, eventually};
use crate::{deal, programme, shown};

/// Takes in that a run of merchant 20 looked at its lines up to `through`.
fn bill(app: &TestApp, month: i64, through: i64) {
    let data = json!({"billingId": 1, "merchantId": 20, "billingMonth": month, "run": 1, "usedPoint": 0, "feeRate": 200,
        "billingAmount": 0, "dealCount": 0, "through": through, "billedAtMs": 0});
    let event = Event {
        cursor: Cursor { xid: 0, position: 1 },
        kind: "Billed".to_owned(),
        subject: 20,
        sequence: 1,
        at_ms: 0,
        data: data.to_string(),
        origin: None,
    };
    let log: Arc<Log> = Arc::clone(&app.app().deals.log);
    let mut consumer = app.app().deals.follow_settlement(log);
    consumer.take_in(&[event], Cursor { xid: 0, position: 1 }).expect("it is taken in");
}

#[test]
fn a_use_and_its_cancel_are_billed_by_the_marks_of_their_months() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine, &[]);
        deal(&app, "save", 100_000, 0);
        deal(&app, "use", 0, 100);
        deal(&app, "use", 0, 9_999);
        deal(&app, "use", 0, 200);
        let cancel = app.deal(&json!({"memberId": 1, "merchantId": 20, "type": "useCancel", "originalDealId": 4}));
        cancel.must_be(201);
        let date = shown(&app, 1)["dealDate"].as_str().unwrap_or_default().to_owned();
        let month: i64 = date[..7].replace('-', "").parse().expect("a month");
        let billed = || (1..=5).map(|id| shown(&app, id)["billingStatus"] == "yes").collect::<Vec<_>>();
        assert_eq!(billed(), [false; 5]);
        bill(&app, month - 1, 1_000);
        assert_eq!(billed(), [false; 5], "of another month");
        // The merchant's events: opened, save asked and dealt, use asked and dealt, and so on.
        bill(&app, month, 5);
        assert_eq!(billed(), [false, true, false, false, false]);
        bill(&app, month, 3);
        assert_eq!(billed(), [false, true, false, false, false], "a mark only rises");
        bill(&app, month, 1_000);
        assert_eq!(billed(), [false, true, false, true, true]);
        let listed = app.get("/deals?merchantId=20").must_be(200).json;
        let yes = listed["_embedded"]["deals"]
            .as_array()
            .expect("deals")
            .iter()
            .filter(|deal| deal["billingStatus"] == "yes");
        assert_eq!(yes.count(), 3);
    }
}

#[test]
fn a_cancel_is_billed_by_a_later_month_too() {
    let app = programme(Engine::Sqlite, &[]);
    deal(&app, "save", 100_000, 0);
    deal(&app, "use", 0, 100);
    deal(&app, "cancel", 0, 0);
    bill(&app, 299_912, 1_000);
    assert_eq!((&shown(&app, 2)["billingStatus"], &shown(&app, 3)["billingStatus"]), (&json!("no"), &json!("yes")));
}

#[test]
fn billing_status_stays_when_the_programme_gets_another_zone() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let setup = Setup::on(engine).starting_at("2020-08-01T03:00:00+09:00").with(&["points.welcome=1000"]);
        let mut app = TestApp::start_up(setup);
        app.join_normal(1);
        deal(&app, "use", 0, 500);
        deal(&app, "useCancel", 0, 200);
        let order = json!({"merchantId": 20, "billingMonth": "202008"});
        let run = app.post("/billings", &order).must_be(201).json;
        assert_eq!(run["usedPoint"], 300);
        let is_billed = |app: &TestApp| {
            (1..=2).all(|id| {
                let row = app.get(&format!("/dealDashboards/{id}")).json;
                shown(app, id)["billingStatus"] == "yes" && row["billingStatus"] == "yes"
            })
        };
        eventually("both are billed", || is_billed(&app));
        // There it is still July.
        app.restart_with(&["points.welcome=1000", "timezone=America/New_York"]);
        app.settle();
        assert!(is_billed(&app), "{}", shown(&app, 1));
        app.clock.advance_days(1);
        assert_eq!(app.post("/billings", &order).must_be(200).json["run"], run["run"]);
        app.verify();
    }
}
