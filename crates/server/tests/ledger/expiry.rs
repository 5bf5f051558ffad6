//! Lots end by themselves, are announced before, and cannot be spent afterwards, whoever was off meanwhile.

use std::time::Duration;

use platform::clock::Clock;
use platform::db::Value;
use platform::zone::Zone;
use serde_json::json;
use server::config::Settings;
use server::stores::{CONTEXTS, open};

use crate::moves;
use crate::support::{Engine, TestApp, eventually};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Points live until the end of the next month.
const SHORT: &str = "points.expiry_months=1";
/// Longer than the pause between two looks of an idle job.
const SEVERAL_LOOKS: Duration = Duration::from_millis(1_300);

/// Days until the last day of this month.
fn days_left(app: &TestApp, month: &str) -> i64 {
    let zone = Zone::named("Asia/Seoul").expect("built in");
    let is_in = |days: &i64| {
        let (year, number, _) = zone.day(app.clock.now_ms() + days * DAY_MS);
        format!("{year:04}{number:02}") == month
    };
    (0..100).rfind(is_in).expect("a month that ends soon")
}

/// Moves the clock past the end of every lot of a programme with [`SHORT`] lives.
fn past_the_end(app: &TestApp) {
    app.to_next_month();
    app.to_next_month();
}

#[test]
fn lots_are_listed_with_their_end_on_sqlite() {
    lots_are_listed_with_their_end(Engine::Sqlite);
}

#[test]
fn lots_are_listed_with_their_end_on_postgres() {
    lots_are_listed_with_their_end(Engine::Postgres);
}

fn lots_are_listed_with_their_end(engine: Engine) {
    let mut app = TestApp::open(engine);
    app.join_normal(1);
    app.restart_with(&[SHORT]);
    app.to_next_month();
    let (near, far) = (app.month(1), app.month(59));
    app.transact(1, "EARN", 30).must_be(201);
    let lots = app.get("/points/1/lots").must_be(200);
    let end = |month: &str| {
        let (year, number) = (month[..4].parse::<i32>().expect("a year"), month[4..].parse::<i32>().expect("a month"));
        let (year, number) = if number == 12 { (year + 1, 1) } else { (year, number + 1) };
        format!("{year:04}-{number:02}-01T00:00:00.000+09:00")
    };
    let expected = json!([
        {"month": near, "point": 30, "expiresAt": end(&near)},
        {"month": far, "point": 1_000, "expiresAt": end(&far)},
    ]);
    assert_eq!(lots.json["_embedded"]["lots"], expected);
    assert_eq!(lots.json["_links"]["self"]["href"], format!("{}/points/1/lots", app.base()));
    assert_eq!(lots.json["page"]["size"], 2);
    app.clock.advance_days(2);
    assert_eq!(app.get("/points/1").json["expiringSoon"], 30);
    app.transact(1, "USE", 10).must_be(201);
    assert_eq!(app.get("/points/1").json["expiringSoon"], 20);
    app.verify();
}

#[test]
fn a_lot_is_announced_three_times_and_expires_on_sqlite() {
    a_lot_is_announced_three_times_and_expires(Engine::Sqlite);
}

#[test]
fn a_lot_is_announced_three_times_and_expires_on_postgres() {
    a_lot_is_announced_three_times_and_expires(Engine::Postgres);
}

fn a_lot_is_announced_three_times_and_expires(engine: Engine) {
    let app = TestApp::open_with(engine, &["points.expiry_months=2"]);
    app.join_normal(1);
    app.transact(1, "USE", 1).must_be(201);
    let month = app.month(2);
    for (place, days) in [60, 30, 3].into_iter().enumerate() {
        app.clock.advance_days(days_left(&app, &month) - days);
        eventually("the end is announced", || app.events("ExpiryAnnounced").len() == place + 1);
        let told = json!({"memberId": 1, "month": month, "days": days, "daysLeft": days, "point": 999});
        assert_eq!(app.events("ExpiryAnnounced")[place].1, told);
    }
    app.clock.advance_days(3);
    std::thread::sleep(SEVERAL_LOOKS);
    assert_eq!((app.points_of(1), app.events("ExpiryAnnounced").len()), (Some(999), 3), "the last day is not over");
    app.clock.advance_days(1);
    eventually("the lot has expired", || app.points_of(1) == Some(0));
    let entries = app.statement(1, "");
    assert_eq!(moves(&entries), [("EXPIRE", -999), ("USE", -1), ("WELCOME", 1_000)]);
    assert_eq!(app.events("ExpiryUnannounced"), []);
    app.settle();
    eventually("my page follows", || app.get("/mypages/1").json["remainPoint"] == 0);
    app.verify();
}

#[test]
fn ended_points_are_never_spent_however_late_it_is_on_sqlite() {
    ended_points_are_never_spent_however_late_it_is(Engine::Sqlite);
}

#[test]
fn ended_points_are_never_spent_however_late_it_is_on_postgres() {
    ended_points_are_never_spent_however_late_it_is(Engine::Postgres);
}

fn ended_points_are_never_spent_however_late_it_is(engine: Engine) {
    let mut app = TestApp::open_with(engine, &[SHORT]);
    (1..=4).for_each(|member_id| app.join_normal(member_id));
    past_the_end(&app);
    // At once, before the job has looked.
    let spend = |app: &TestApp| {
        let request = app.request("POST", "/points/1/transactions").key("late");
        request.json(&json!({"kind": "USE", "amount": 1})).send()
    };
    let refused = spend(&app);
    assert_eq!(refused.must_be(409).code(), "point.insufficient_points");
    assert_eq!(app.change_points(2, -1).must_be(200).json["reason"], "insufficient_points");
    // The key stays with the answer, though rows of the expiry came before it.
    let earn = |app: &TestApp| {
        let request = app.request("POST", "/points/3/transactions").key("late");
        request.json(&json!({"kind": "EARN", "amount": 5})).send().must_be(201)
    };
    let earned = earn(&app);
    assert_eq!((&earned.json["kind"], &earned.json["balanceAfter"]), (&json!("EARN"), &json!(5)));
    app.restart();
    let again = earn(&app);
    assert_eq!((&again.json["entryId"], &again.json["kind"]), (&earned.json["entryId"], &json!("EARN")));
    assert_eq!(spend(&app).must_be(409).code(), "point.insufficient_points");

    eventually("the job expires what nobody touched", || app.points_of(4) == Some(0));
    let told = app.events("ExpiryUnannounced");
    for member_id in 1..=4 {
        let entries = app.statement(member_id, "kind=EXPIRE");
        assert_eq!(moves(&entries), [("EXPIRE", -1_000)]);
        let (place, event) = told.iter().find(|(_, event)| event["memberId"] == member_id).expect("it is on record");
        assert_eq!(event["reason"], "not_looked_at_in_time");
        assert!(event["missed"].as_array().expect("days").contains(&json!(3)), "{event}");
        assert!(Some(*place) < entries[0]["entryId"].as_i64(), "it is said before");
    }
    app.verify();
}

#[test]
fn many_lots_that_ended_long_ago_leave_at_once_on_sqlite() {
    many_lots_that_ended_long_ago_leave_at_once(Engine::Sqlite);
}

#[test]
fn many_lots_that_ended_long_ago_leave_at_once_on_postgres() {
    many_lots_that_ended_long_ago_leave_at_once(Engine::Postgres);
}

fn many_lots_that_ended_long_ago_leave_at_once(engine: Engine) {
    let app = TestApp::open(engine);
    app.join_normal(1);
    app.join_normal(2);
    for _ in 0..30 {
        for member_id in [1, 2] {
            app.transact(member_id, "EARN", 10).must_be(201);
        }
        app.to_next_month();
    }
    assert_eq!(app.get("/points/1/lots").json["page"]["size"], 30);
    app.clock.advance_days(10 * 365);
    let poor = app.transact(1, "USE", 1);
    assert_eq!(poor.must_be(409).code(), "point.insufficient_points");
    eventually("the job does the same", || app.points_of(2) == Some(0));
    for member_id in [1, 2] {
        assert_eq!(app.statement(member_id, "kind=EXPIRE").len(), 30);
    }
    assert_eq!(app.events("ExpiryUnannounced").len(), 60);
    app.verify();
}

#[test]
fn a_server_that_was_off_at_the_turn_of_the_month_catches_up_on_sqlite() {
    a_server_that_was_off_at_the_turn_of_the_month_catches_up(Engine::Sqlite);
}

#[test]
fn a_server_that_was_off_at_the_turn_of_the_month_catches_up_on_postgres() {
    a_server_that_was_off_at_the_turn_of_the_month_catches_up(Engine::Postgres);
}

/// And a walk that was broken off goes on where it was.
fn a_server_that_was_off_at_the_turn_of_the_month_catches_up(engine: Engine) {
    let mut app = TestApp::open_with(engine, &[SHORT]);
    (1..=3).for_each(|member_id| app.join_normal(member_id));
    app.settle();
    app.shut_down();
    past_the_end(&app);
    let today = (app.clock.now_ms() + 9 * 60 * 60 * 1_000) / DAY_MS;
    let settings = Settings::from_sources(None, std::iter::empty(), &app.store_settings()).expect("settings");
    let point = CONTEXTS.iter().find(|context| context.name == "point").expect("point");
    let mut session = open(&settings, point).and_then(|store| store.session()).expect("the store");
    let sql = "UPDATE point_expiry SET day = $1, after_member = 2, done = 0";
    assert_eq!(session.execute(sql, &[Value::Int(today)]).expect("it can be written"), 1, "there was a walk before");
    drop(session);

    app.restart();
    eventually("member 3 is looked at", || app.points_of(3) == Some(0));
    eventually("the walk is over", || app.rows("SELECT done FROM point_expiry")[0].int(0) == 1);
    assert_eq!((app.points_of(1), app.points_of(2)), (Some(1_000), Some(1_000)), "the walk was past these");
    app.clock.advance_days(1);
    eventually("the next day", || app.points_of(1) == Some(0) && app.points_of(2) == Some(0));
    app.settle();
    app.verify();
}

#[test]
fn only_the_holder_of_the_lease_walks() {
    let app = TestApp::open_with(Engine::Postgres, &[SHORT]);
    app.join_normal(1);
    eventually("today's walk is over", || !app.rows("SELECT name FROM point_expiry WHERE done = 1").is_empty());
    let set = |holder: &str, until_ms: i64| {
        let sql = "UPDATE lease SET holder = $1, until_ms = $2 WHERE name = 'point-expiry'";
        let done = app.app().points.funnel.with_session(|tx| tx.execute(sql, &[holder.into(), until_ms.into()]));
        assert_eq!(done.expect("the lease can be written"), 1);
    };
    set("another", app.clock.now_ms() + 1_000 * DAY_MS);
    past_the_end(&app);
    std::thread::sleep(SEVERAL_LOOKS);
    assert_eq!(app.points_of(1), Some(1_000), "another process does it");
    set("another", 0);
    eventually("that one is gone", || app.points_of(1) == Some(0));
    app.verify();
}

#[test]
fn a_stopped_context_does_not_walk() {
    let app = TestApp::open_with(Engine::Sqlite, &[SHORT]);
    app.join_normal(1);
    app.stop("point");
    past_the_end(&app);
    std::thread::sleep(SEVERAL_LOOKS);
    assert_eq!(app.entry_count(), 1);
    app.start("point");
    eventually("it carries on", || app.points_of(1) == Some(0));
}
