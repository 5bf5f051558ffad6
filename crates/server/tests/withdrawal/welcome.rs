//! Welcome points: once per member, and once per phone number within a year.

use crate::support::{Engine, TestApp, eventually};

const PHONE: &str = "01085581234";

#[test]
fn welcome_points_are_given_once_per_phone_number_within_a_year_on_sqlite() {
    welcome_points_are_given_once_per_phone_number_within_a_year(Engine::Sqlite);
}

#[test]
fn welcome_points_are_given_once_per_phone_number_within_a_year_on_postgres() {
    welcome_points_are_given_once_per_phone_number_within_a_year(Engine::Postgres);
}

fn welcome_points_are_given_once_per_phone_number_within_a_year(engine: Engine) {
    let _machine = crate::beside_others();
    let mut app = TestApp::open(engine);
    assert_eq!(joins_with(&app, 1, PHONE), 1_000);
    assert_eq!(joins_with(&app, 2, "010-8558-1234"), 0, "blanks and hyphens make no other number");
    assert_eq!(joins_with(&app, 3, "01085581235"), 1_000, "another number");
    app.leave(1);
    assert_eq!(joins_with(&app, 4, PHONE), 0, "leaving and joining again");

    app.restart();
    app.clock.advance_days(364);
    assert_eq!(joins_with(&app, 5, PHONE), 0, "not yet a year");
    app.clock.advance_days(2);
    assert_eq!(joins_with(&app, 6, PHONE), 1_000, "more than a year after the last welcome");
    assert_eq!(joins_with(&app, 7, PHONE), 0, "and the year begins anew");
    app.settle();
    app.verify();
}

#[test]
fn with_0_days_every_member_is_welcomed() {
    let _machine = crate::beside_others();
    let app = TestApp::open_with(Engine::Sqlite, &["welcome.again_after_days=0"]);
    assert_eq!(joins_with(&app, 1, PHONE), 1_000);
    assert_eq!(joins_with(&app, 2, PHONE), 1_000);
}

/// Someone joins with this phone number; the points once everything has followed.
fn joins_with(app: &TestApp, member_id: i64, phone_no: &str) -> i64 {
    app.join(member_id, phone_no);
    eventually("point knows that the member is NORMAL", || {
        app.get(&format!("/points/{member_id}")).json["memberStatus"] == "NORMAL"
    });
    app.settle();
    app.points_of(member_id).expect("an account")
}
