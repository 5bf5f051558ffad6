//! Cancels: the days of refunds, twice, at the same moment, and racing payment.

use serde_json::json;

use crate::senders::{Sent, send_together};
use crate::support::{Engine, TestApp, eventually};
use crate::{all_over, becomes, buy, id, paid, payment, programme, quantities, register, shown};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// How many events tell that a membership was cancelled.
fn cancels(app: &TestApp) -> i64 {
    let sql = "SELECT count(*) FROM event WHERE type = 'MembershipCancelled'";
    let rows = app.app().purchases.memberships.funnel.with_session(|tx| tx.query(sql, &[]));
    rows.expect("the log can be read")[0].int(0)
}

fn cancel(mem_id: i64) -> Sent {
    Sent { method: "DELETE", path: format!("/memberships/{mem_id}"), body: None, key: None }
}

#[test]
fn money_and_unit_go_back_within_the_days_and_later_neither() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::open_with(engine, &[crate::PATIENT, "membership.refund_days=3"]);
        register(&app, json!({}));
        let (early, late) = (paid(&app, 1), paid(&app, 2));
        app.clock.advance_ms(3 * DAY_MS - 600_000);
        app.delete(&format!("/memberships/{early}")).must_be(204);
        eventually("the money is given back", || payment(&app, early) == "PaymentCanceled");
        eventually("the unit is free again", || quantities(&app) == (1, 0));
        app.clock.advance_ms(600_000);
        app.delete(&format!("/memberships/{late}")).must_be(204);
        app.settle();
        assert_eq!(shown(&app, late)["memStatus"], "CANC");
        assert_eq!((payment(&app, late).as_str(), quantities(&app)), ("PaymentApproved", (1, 0)), "it was too late");
        all_over(&app);
    }
}

#[test]
fn a_cancel_counts_once_however_it_is_repeated() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine);
        let mem_id = paid(&app, 1);
        let path = format!("/memberships/{mem_id}");
        let mut all = vec![(app.address(), cancel(mem_id)); 8];
        let patch = Sent { method: "PATCH", path: path.clone(), body: Some(json!({"memStatus": "CANC"})), key: None };
        all.extend(vec![(app.address(), patch); 8]);
        for (answer, (_, sent)) in send_together(&all).iter().zip(&all) {
            assert_eq!(answer.status, if sent.method == "DELETE" { 204 } else { 200 }, "{}", answer.text);
        }
        app.delete(&path).must_be(204);
        let again = app.patch(&path, &json!({"memStatus": "CANC"})).must_be(200);
        assert_eq!((again.json["memStatus"].as_str(), cancels(&app)), (Some("CANC"), 1));
        eventually("the money is given back", || payment(&app, mem_id) == "PaymentCanceled");
        eventually("the unit is free again", || quantities(&app) == (0, 0));
        all_over(&app);
        // Under a key the first answer is the answer.
        let other = paid(&app, 1);
        let keyed = Sent { key: Some("c".to_owned()), ..cancel(other) };
        for _ in 0..3 {
            keyed.to(app.address()).must_be(204);
        }
        assert_eq!(cancels(&app), 2);
        all_over(&app);
    }
}

#[test]
fn a_cancel_that_races_payment_has_one_end() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine);
        for round in 0..12 {
            let mem_id = id(&buy(&app, 1).must_be(201));
            if round % 3 == 1 {
                std::thread::yield_now();
            } else if round % 3 == 2 {
                becomes(&app, mem_id, "USE");
            }
            app.delete(&format!("/memberships/{mem_id}")).must_be(204);
        }
        eventually("every payment is off", || (1..=12).all(|mem_id| payment(&app, mem_id) == "PaymentCanceled"));
        eventually("every unit is free again", || quantities(&app) == (0, 0));
        assert!((1..=12).all(|mem_id| shown(&app, mem_id)["memStatus"] == "CANC"));
        all_over(&app);
    }
}
