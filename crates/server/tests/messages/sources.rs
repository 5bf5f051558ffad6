//! What members are told because something happened elsewhere: once, however the event comes, and without any say in
//! the member's status.

use std::time::Duration;

use platform::db::Cursor;
use platform::log::Event;
use serde_json::json;

use super::gateway::Gateway;
use crate::support::{Engine, TestApp, eventually, within};

fn announced(member_id: i64, sequence: i64) -> Event {
    let data = json!({"memberId": member_id, "month": "203102", "days": 3, "daysLeft": 3, "point": 100 + sequence});
    Event {
        cursor: Cursor::default(),
        kind: "ExpiryAnnounced".to_owned(),
        subject: member_id,
        sequence,
        at_ms: 0,
        data: data.to_string(),
        origin: None,
    }
}

/// Delivers these to notification as if they stood in point's log.
fn deliver(app: &TestApp, events: &[Event]) {
    let app = app.app();
    let mut consumer = app.notifications.follow_points(std::sync::Arc::clone(&app.points.log));
    // The running consumer keeps its own cursor; this one brings the same events without moving it.
    let cursor = app.notifications.funnel.cursor("notification<point").expect("a cursor");
    consumer.take_in(events, cursor).expect("they are taken in");
}

/// Member, kind, status and figures of every message, by member and figures.
fn messages(app: &TestApp) -> Vec<String> {
    let sql = "SELECT member_id, kind, status, detail, origin FROM message ORDER BY member_id, origin";
    let rows = app.app().notifications.funnel.with_session(|tx| tx.query(sql, &[])).expect("the store can be read");
    rows.iter().map(|row| format!("{} {} {} {}", row.int(0), row.text(1), row.text(2), row.text(3))).collect()
}

#[test]
fn an_event_asks_for_one_message_however_often_and_in_whatever_order_it_comes_on_sqlite() {
    an_event_asks_for_one_message_however_often_and_in_whatever_order_it_comes(Engine::Sqlite);
}

#[test]
fn an_event_asks_for_one_message_however_often_and_in_whatever_order_it_comes_on_postgres() {
    an_event_asks_for_one_message_however_often_and_in_whatever_order_it_comes(Engine::Postgres);
}

#[test]
fn an_event_asks_for_one_message_however_often_and_in_whatever_order_it_comes_on_mariadb() {
    an_event_asks_for_one_message_however_often_and_in_whatever_order_it_comes(Engine::Mixed);
}

fn an_event_asks_for_one_message_however_often_and_in_whatever_order_it_comes(engine: Engine) {
    let app = TestApp::open(engine);
    app.join_normal(1);
    app.join_normal(2);
    app.settle();
    let before = app.state()["members"].clone();
    let (first, second, other) = (announced(1, 4), announced(1, 9), announced(2, 4));
    // The later one first, one of them twice in a delivery, and everything again.
    deliver(&app, &[second.clone(), other.clone(), second.clone()]);
    deliver(&app, &[first.clone(), other.clone()]);
    deliver(&app, &[other, second, first]);
    app.settle();
    let told: Vec<String> = messages(&app).into_iter().filter(|message| message.contains("POINTS_EXPIRING")).collect();
    assert_eq!(
        told,
        [
            r#"1 POINTS_EXPIRING SUCCESS {"point":104,"month":203102}"#,
            r#"1 POINTS_EXPIRING SUCCESS {"point":109,"month":203102}"#,
            r#"2 POINTS_EXPIRING SUCCESS {"point":104,"month":203102}"#,
        ]
    );
    assert_eq!(app.state()["members"], before, "no member's status was touched");
    app.verify();
}

#[test]
fn a_message_about_something_else_leaves_the_status_alone_however_it_ends() {
    for engine in [Engine::Sqlite, Engine::Postgres, Engine::Mixed] {
        let gateway = Gateway::start();
        let settings = gateway.settings();
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let app = TestApp::open_with(engine, &settings);
        // Not delivered to a NORMAL member; delivered to an ABNORMAL one; nothing while the first one is still READY.
        app.join(1, "01085581234");
        eventually("member 1 is NORMAL", || app.status(1) == "NORMAL");
        app.join(2, "01000000400");
        eventually("member 2 is ABNORMAL", || app.status(2) == "ABNORMAL");
        app.join(3, "01000000504");
        eventually("member 3 waits", || app.attempts(3) == 1);
        // As the first schema left messages: without figures.
        let old = "UPDATE message SET detail = NULL WHERE member_id = 3";
        app.app().notifications.funnel.with_session(|tx| tx.execute(old, &[])).expect("it can be changed");
        deliver(&app, &[announced(1, 4), announced(2, 4), announced(3, 4)]);
        eventually("member 3 was told", || {
            messages(&app).iter().any(|told| told.starts_with("3 POINTS_EXPIRING SUCC"))
        });
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!((app.status(3).as_str(), app.attempts(3)), ("READY", 1), "that one proves nothing");
        within(Duration::from_secs(12), "all have ended", || {
            messages(&app).iter().all(|message| !message.contains("READY")) && app.status(3) != "READY"
        });
        app.settle();
        assert!(messages(&app).iter().any(|message| message.starts_with("2 POINTS_EXPIRING FAIL")));
        assert_eq!([1, 2, 3].map(|member_id| app.status(member_id)), ["NORMAL", "ABNORMAL", "NORMAL"]);
        assert_eq!(app.points_of(3), Some(1_000), "welcomed once");
        let text = "[OnePoint] N님, 2031년 2월 28일까지 사용하지 않으시면 104포인트가 소멸됩니다.";
        assert!(gateway.sent_to("01085581234").iter().any(|sms| sms.body["text"] == text));
        app.verify();
    }
}

#[test]
fn a_member_who_is_gone_is_told_nothing_and_asks_for_nothing() {
    for engine in [Engine::Sqlite, Engine::Postgres, Engine::Mixed] {
        let gateway = Gateway::start();
        let settings = gateway.settings();
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let settings: Vec<&str> = settings.into_iter().chain(["points.expiry_months=1"]).collect();
        let app = TestApp::open_with(engine, &settings);
        app.join(1, "01085581234");
        eventually("member 1 is welcomed", || app.points_of(1) == Some(1_000));
        app.settle();
        // Announced and gone, before notification hears of either; it may hear of them in any order.
        app.stop("notification");
        app.clock.advance_days(26);
        let announced_in_log = "SELECT position FROM event WHERE type = 'ExpiryAnnounced'";
        let point = &app.app().points.funnel;
        within(Duration::from_secs(5), "the end is announced", || {
            !point.with_session(|tx| tx.query(announced_in_log, &[])).expect("the store can be read").is_empty()
        });
        app.leave(1);
        app.start("notification");
        app.settle();
        // And once more, when it has heard of both.
        let known = messages(&app);
        deliver(&app, &[announced(1, 1_000)]);
        app.settle();
        assert_eq!(messages(&app), known, "who is gone asks for nothing");
        assert_eq!(gateway.sent_to("01085581234").len(), 1, "only the one on joining");
        assert!(known.iter().all(|message| !message.contains("POINTS_EXPIRING") || message.contains("FAIL")));
        app.verify();
    }
}

#[test]
fn points_that_expire_soon_are_announced_to_the_member() {
    let gateway = Gateway::start();
    let settings = gateway.settings();
    let settings: Vec<&str> = settings.iter().map(String::as_str).chain(["points.expiry_months=1"]).collect();
    let app = TestApp::open_with(Engine::Sqlite, &settings);
    app.join(1, "01085581234");
    eventually("member 1 is welcomed", || app.points_of(1) == Some(1_000));
    app.clock.advance_days(26);
    within(Duration::from_secs(5), "the member is told", || {
        let sent = gateway.sent_to("01085581234");
        sent.iter().any(|sms| sms.body["text"].as_str().is_some_and(|text| text.contains("1,000포인트가")))
    });
    assert_eq!(app.status(1), "NORMAL");
}
