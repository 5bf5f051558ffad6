//! Taking deals back: which one is meant, how much of it, and what becomes of the points.

use serde_json::{Value, json};

use crate::senders::{Sent, send_together};
use crate::support::{Answer, Engine, TestApp, eventually};
use crate::{body, deal, field, programme, shown};

fn said(answer: &Answer) -> (&str, &str, Value, Value) {
    let number = |name: &str| answer.json[name].clone();
    (field(answer, "type"), field(answer, "status"), number("originalDealId"), number("cancelledPoint"))
}

#[test]
fn the_newest_deal_that_fits_is_cancelled_on_sqlite() {
    the_newest_deal_that_fits_is_cancelled(Engine::Sqlite);
}

#[test]
fn the_newest_deal_that_fits_is_cancelled_on_postgres() {
    the_newest_deal_that_fits_is_cancelled(Engine::Postgres);
}

fn the_newest_deal_that_fits_is_cancelled(engine: Engine) {
    let app = programme(engine, &[]);
    for (deal_type, amount, point) in [
        ("save", 100_000, 0),
        ("save", 100_000, 0),
        ("use", 100_000, 300),
        ("save", 50_000, 0),
        ("use", 100_000, 99_999),
    ] {
        deal(&app, deal_type, amount, point);
    }
    assert_eq!(app.points_of(1), Some(2_200));
    // The failed use is no deal that could be cancelled; the other use is newer than both saves.
    let cancel = deal(&app, "cancel", 100_000, 0);
    assert_eq!(said(&cancel), ("useCancel", "success", json!(3), json!(300)));
    assert_eq!((&cancel.json["point"], field(&cancel, "pointStatus")), (&json!(0), "DONE"));
    assert_eq!(app.points_of(1), Some(2_500));
    assert_eq!(said(&deal(&app, "useCancel", 100_000, 0)), ("useCancel", "fail", json!(null), json!(null)));
    assert_eq!(said(&deal(&app, "cancel", 100_000, 400)), ("saveCancel", "success", json!(2), json!(400)));
    assert_eq!(said(&deal(&app, "saveCancel", 100_000, 0)), ("saveCancel", "success", json!(2), json!(600)));
    assert_eq!(said(&deal(&app, "cancel", 100_000, 0)), ("saveCancel", "success", json!(1), json!(1_000)));
    let nothing = deal(&app, "cancel", 100_000, 0);
    assert_eq!(said(&nothing), ("cancel", "fail", json!(null), json!(null)));
    assert_eq!(field(&nothing, "failReason"), "deal.nothing_to_cancel");
    assert_eq!(app.points_of(1), Some(500));
    for (deal_id, cancelled) in [(1, json!(1_000)), (2, json!(1_000)), (3, json!(300)), (4, json!(null))] {
        assert_eq!(shown(&app, deal_id)["cancelledPoint"], cancelled, "{deal_id}");
    }
    app.settle();
    app.verify();
}

#[test]
fn a_deal_that_is_named_has_to_fit() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine, &[]);
        deal(&app, "save", 100_000, 0);
        deal(&app, "use", 100, 400);
        deal(&app, "use", 100, 9_999);
        let named = |change: &[(&str, Value)]| {
            let mut body = json!({"memberId": 1, "merchantId": 20, "type": "cancel", "originalDealId": 2});
            change.iter().for_each(|(name, value)| body[name] = value.clone());
            app.deal(&body).must_be(201)
        };
        for wrong in [
            vec![("memberId", json!(2))],
            vec![("merchantId", json!(21))],
            vec![("originalDealId", json!(3))],
            vec![("originalDealId", json!(999))],
            vec![("type", json!("saveCancel"))],
        ] {
            let failed = named(&wrong);
            assert_eq!(field(&failed, "failReason"), "deal.nothing_to_cancel", "{wrong:?}: {}", failed.text);
        }
        assert_eq!(app.points_of(1), Some(600));
        // The amount does not matter where a deal is named; a number of points does only if it leaves something.
        assert_eq!(
            said(&named(&[("dealAmount", json!(7)), ("point", json!(150))])),
            ("useCancel", "success", json!(2), json!(150))
        );
        assert_eq!(named(&[]).json["dealAmount"], 100, "a cancel is of the original's amount");
        assert_eq!(field(&named(&[]), "status"), "fail", "nothing is left");
        let rest = |point: Value| named(&[("originalDealId", json!(1)), ("point", point)]);
        assert_eq!(said(&rest(json!("1"))), ("saveCancel", "success", json!(1), json!(1)));
        assert_eq!(said(&rest(json!(999))), ("saveCancel", "success", json!(1), json!(999)));
        assert_eq!(app.points_of(1), Some(0));
        // What cannot be is ignored, so the whole deal is cancelled.
        for point in [json!(0), json!(-5), json!(1_000), json!(i64::MAX)] {
            deal(&app, "save", 100_000, 0);
            let mut cancel = body("cancel", 100_000, 0);
            cancel["point"] = point.clone();
            assert_eq!(app.deal(&cancel).must_be(201).json["cancelledPoint"], 1_000, "{point}");
        }
        app.settle();
        app.verify();
    }
}

#[test]
fn cancels_that_come_at_once_find_a_deal_each() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine, &[]);
        for _ in 0..12 {
            deal(&app, "save", 100_000, 0);
        }
        let sent = Sent::post("/deals", body("cancel", 100_000, 0));
        let answers = send_together(&vec![(app.address(), sent); 20]);
        let mut found: Vec<i64> = answers.iter().filter_map(|answer| answer.json["originalDealId"].as_i64()).collect();
        found.sort_unstable();
        assert_eq!(found, (1..=12).collect::<Vec<_>>(), "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| field(answer, "status") == "fail").count(), 8);
        app.settle();
        assert_eq!(app.points_of(1), Some(0));
        app.verify();
    }
}

#[test]
fn partial_cancels_that_race_never_come_to_more_than_the_deal() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine, &[]);
        deal(&app, "save", 100_000, 0);
        deal(&app, "use", 0, 1_000);
        let sent = Sent::post(
            "/deals",
            json!({"memberId": 1, "merchantId": 20, "type": "useCancel", "originalDealId": 2, "point": 300}),
        );
        let answers = send_together(&vec![(app.address(), sent); 16]);
        let taken: i64 = answers.iter().filter_map(|answer| answer.json["cancelledPoint"].as_i64()).sum();
        let stood = answers.iter().filter(|answer| field(answer, "status") == "success").count();
        assert_eq!((taken, stood), (1_000, 4), "three times 300 and the rest: {answers:?}");
        app.settle();
        assert_eq!(app.points_of(1), Some(1_000));
        app.verify();
    }
}

#[test]
fn a_cancel_stands_while_point_is_stopped_and_its_points_follow_on_sqlite() {
    a_cancel_stands_while_point_is_stopped_and_its_points_follow(Engine::Sqlite);
}

#[test]
fn a_cancel_stands_while_point_is_stopped_and_its_points_follow_on_postgres() {
    a_cancel_stands_while_point_is_stopped_and_its_points_follow(Engine::Postgres);
}

fn a_cancel_stands_while_point_is_stopped_and_its_points_follow(engine: Engine) {
    let app = programme(engine, &[]);
    deal(&app, "save", 100_000, 0);
    deal(&app, "use", 0, 400);
    app.settle();
    app.stop("point");
    let mut answers = Vec::new();
    for original in [2, 1] {
        let body = json!({"memberId": 1, "merchantId": 20, "type": "cancel", "originalDealId": original});
        let sent = Sent::post("/deals", body).key(&format!("c-{original}"));
        let answer = sent.to(app.address()).must_be(201);
        assert_eq!((field(&answer, "status"), field(&answer, "pointStatus")), ("success", "PENDING"));
        answers.push((sent, answer));
    }
    // Nothing is left to cancel, although no point has moved.
    assert_eq!(field(&deal(&app, "cancel", 100_000, 0), "failReason"), "deal.nothing_to_cancel");
    // Whoever repeats the request gets the same deal.
    for (sent, answer) in &answers {
        assert_eq!(sent.to(app.address()).must_be(201).json, answer.json);
    }
    app.start("point");
    eventually("the points have followed", || (3..=4).all(|id| shown(&app, id)["pointStatus"] == "DONE"));
    assert_eq!(app.points_of(1), Some(0));
    for (sent, answer) in &answers {
        let again = sent.to(app.address()).must_be(201);
        assert_eq!((field(&again, "pointStatus"), &again.json["dealId"]), ("DONE", &answer.json["dealId"]));
    }
    app.settle();
    app.verify();
}

#[test]
fn points_that_were_spent_already_are_owed_or_the_cancel_is_refused() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        for (clawback, status, reason, points, owed) in [
            ("deals.clawback=owed", "success", "", 0, 700),
            ("deals.clawback=refuse", "fail", "insufficient_points", 300, 0),
        ] {
            let app = programme(engine, &[clawback]);
            deal(&app, "save", 100_000, 0);
            deal(&app, "use", 0, 700);
            let cancel = deal(&app, "cancel", 100_000, 0);
            assert_eq!((field(&cancel, "status"), field(&cancel, "failReason")), (status, reason), "{}", cancel.text);
            assert_eq!(field(&cancel, "type"), "saveCancel");
            let account = app.get("/points/1").json;
            assert_eq!((&account["remainPoint"], &account["owed"]), (&json!(points), &json!(owed)));
            let cancelled = if status == "fail" { json!(null) } else { json!(1_000) };
            assert_eq!(shown(&app, 1)["cancelledPoint"], cancelled, "what was set aside is back");
            if status == "fail" {
                let part = deal(&app, "cancel", 100_000, 300);
                assert_eq!((field(&part, "status"), field(&part, "pointStatus")), ("success", "DONE"));
                assert_eq!(app.points_of(1), Some(0));
            }
            app.settle();
            app.verify();
        }
    }
}

#[test]
fn a_cancel_that_needs_points_word_waits_for_it() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine, &["deals.clawback=refuse"]);
        deal(&app, "save", 100_000, 0);
        app.stop("point");
        let answer = app.deal(&body("cancel", 100_000, 0));
        answer.must_be_problem(503);
        assert_eq!((answer.code(), &answer.json["dealId"]), ("deal.unanswered", &json!(2)));
        assert_eq!(shown(&app, 2)["status"], "pending");
        assert_eq!(field(&deal(&app, "cancel", 100_000, 0), "failReason"), "deal.nothing_to_cancel", "it is set aside");
        app.clock.advance_ms(31_000);
        eventually("it is left to point", || app.app().deals.sweep().expect("it sweeps") == 0);
        app.start("point");
        eventually("point has decided it", || shown(&app, 2)["status"] == "success");
        assert_eq!(shown(&app, 2)["pointStatus"], "DONE");
        assert_eq!(app.points_of(1), Some(0));
        app.settle();
        app.verify();
    }
}

#[test]
fn a_member_who_left_gets_nothing_back_and_the_cancel_stands() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app: TestApp = programme(engine, &[]);
        deal(&app, "save", 100_000, 0);
        deal(&app, "use", 0, 400);
        app.settle();
        app.leave(1);
        app.settle();
        let cancel =
            app.deal(&json!({"memberId": 1, "merchantId": 20, "type": "cancel", "originalDealId": 2})).must_be(201);
        assert_eq!((field(&cancel, "status"), field(&cancel, "pointStatus")), ("success", "DONE"));
        app.get("/points/1").must_be(404);
        app.settle();
        app.verify();
    }
}
