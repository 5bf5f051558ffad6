//! Joining, leaving and joining again with one phone number brings neither points nor coupons a second time.

use std::sync::Barrier;

use serde_json::json;

use crate::support::{Engine, TestApp, eventually};

const PHONE: &str = "01085581234";
const OTHER: &str = "01085581235";
/// What a newcomer gets: welcome points, and a coupon.
const BOTH: (i64, usize) = (1_000, 1);
const NOTHING: (i64, usize) = (0, 0);

#[test]
fn rejoining_with_one_phone_number_farms_nothing_on_sqlite() {
    rejoining_with_one_phone_number_farms_nothing(Engine::Sqlite);
}

#[test]
fn rejoining_with_one_phone_number_farms_nothing_on_postgres() {
    rejoining_with_one_phone_number_farms_nothing(Engine::Postgres);
}

fn rejoining_with_one_phone_number_farms_nothing(engine: Engine) {
    let _machine = crate::beside_others();
    let mut app = TestApp::open(engine);
    assert_eq!(joins(&app, 1, PHONE), BOTH);
    let coupon = app.get("/coupons?memberId=1").json["_embedded"]["coupons"][0].clone();
    app.post("/coupons/redemptions", &json!({"code": coupon["code"], "memberId": 1})).must_be(201);
    leaves(&app, 1);
    assert_eq!(joins(&app, 2, "010-8558-1234"), NOTHING, "however it is written");
    leaves(&app, 2);
    assert_eq!(joins(&app, 3, PHONE), NOTHING);

    // Back and forth between two phone numbers: each of them has had its own once, and no more.
    app.patch("/members/3", &json!({"phoneNo": OTHER})).must_be(200);
    is_normal(&app, 3);
    leaves(&app, 3);
    let of_other = joins(&app, 4, OTHER);
    assert_eq!(of_other, NOTHING, "the points went to the member who changed to it, and no newcomer has it");
    app.patch("/members/4", &json!({"phoneNo": PHONE})).must_be(200);
    is_normal(&app, 4);
    assert_eq!(app.points_of(4), Some(0), "this one was welcomed long ago");
    leaves(&app, 4);
    for (member_id, phone) in [(5, PHONE), (6, OTHER)] {
        assert_eq!(joins(&app, member_id, phone), NOTHING);
        leaves(&app, member_id);
    }

    app.restart();
    app.clock.advance_days(364);
    assert_eq!(joins(&app, 7, PHONE), NOTHING, "not yet a year");
    leaves(&app, 7);
    app.clock.advance_days(2);
    assert_eq!(joins(&app, 8, PHONE), BOTH, "more than a year later both are due again");
    leaves(&app, 8);
    assert_eq!(joins(&app, 9, PHONE), NOTHING, "and the year begins anew");
    app.settle();
    app.verify();
    let kept = app.app().members.funnel.with_session(|tx| tx.query("SELECT at FROM join_coupon_given", &[]));
    assert_eq!(kept.expect("digests can be read").len(), 1, "what is over is forgotten");
}

#[test]
fn two_who_join_at_once_with_one_phone_number_get_one_coupon_on_sqlite() {
    two_who_join_at_once_with_one_phone_number_get_one_coupon(Engine::Sqlite);
}

#[test]
fn two_who_join_at_once_with_one_phone_number_get_one_coupon_on_postgres() {
    two_who_join_at_once_with_one_phone_number_get_one_coupon(Engine::Postgres);
}

fn two_who_join_at_once_with_one_phone_number_get_one_coupon(engine: Engine) {
    let _machine = crate::beside_others();
    let app = TestApp::open(engine);
    let start = Barrier::new(16);
    std::thread::scope(|scope| {
        for number in 0..16 {
            let (app, start) = (&app, &start);
            scope.spawn(move || {
                start.wait();
                app.join(1 + number, &format!("0108558{:04}", number / 2));
            });
        }
    });
    app.settle();
    for pair in 0..8 {
        let of = |member_id| (app.points_of(member_id).expect("an account"), coupons(&app, member_id));
        let (one, other) = (of(1 + 2 * pair), of(2 + 2 * pair));
        assert_eq!((one.0 + other.0, one.1 + other.1), BOTH, "pair {pair}: {one:?} and {other:?}");
    }
    app.verify();
}

#[test]
fn who_joins_without_a_phone_number_and_takes_one_later_has_had_its_coupon_on_sqlite() {
    who_joins_without_a_phone_number_and_takes_one_later_has_had_its_coupon(Engine::Sqlite);
}

#[test]
fn who_joins_without_a_phone_number_and_takes_one_later_has_had_its_coupon_on_postgres() {
    who_joins_without_a_phone_number_and_takes_one_later_has_had_its_coupon(Engine::Postgres);
}

fn who_joins_without_a_phone_number_and_takes_one_later_has_had_its_coupon(engine: Engine) {
    let _machine = crate::beside_others();
    let mut app = TestApp::open(engine);
    let change = |app: &TestApp, member_id: i64, phone: &str| {
        app.patch(&format!("/members/{member_id}"), &json!({"phoneNo": phone})).must_be(200);
    };
    app.post("/members", &json!({"memberId": 1})).must_be(201);
    change(&app, 1, PHONE);
    is_normal(&app, 1);
    assert_eq!((app.points_of(1), coupons(&app, 1)), (Some(BOTH.0), BOTH.1));
    leaves(&app, 1);
    app.restart();
    assert_eq!(joins(&app, 2, PHONE), NOTHING, "this number had both as the first member's");
    // On to the next number, and back without a word in between: nobody waits for what follows.
    for phone in [OTHER, PHONE, "010-8558-1236", ""] {
        change(&app, 2, phone);
    }
    leaves(&app, 2);
    for (member_id, phone) in [(3, OTHER), (4, PHONE), (5, "01085581236")] {
        app.join(member_id, phone);
        is_normal(&app, member_id);
        assert_eq!(coupons(&app, member_id), 0, "{phone} was a member's");
    }
    // What is written anew and stays the same number does not begin the time anew.
    app.clock.advance_days(364);
    change(&app, 4, "010-8558-1234");
    leaves(&app, 4);
    app.clock.advance_days(2);
    assert_eq!(joins(&app, 6, PHONE), BOTH, "more than a year later both are due again");
    // Control: a number that was nobody's is a newcomer's.
    assert_eq!(joins(&app, 7, "01085581237"), BOTH);
    app.verify();
}

#[test]
fn blanks_and_hyphens_are_nobodys_phone_number() {
    let _machine = crate::beside_others();
    let app = TestApp::open(Engine::Sqlite);
    for (member_id, phone) in [(1, ""), (2, ""), (3, " - "), (4, "--")] {
        app.join(member_id, phone);
        app.settle();
        assert_eq!(coupons(&app, member_id), 1, "member {member_id} shares {phone:?} with nobody");
    }
    app.patch("/members/1", &json!({"phoneNo": "-"})).must_be(200);
    let kept = app.app().members.funnel.with_session(|tx| tx.query("SELECT at FROM join_coupon_given", &[]));
    assert_eq!(kept.expect("digests can be read").len(), 0);
    app.verify();
}

#[test]
fn with_0_days_and_without_a_phone_number_everybody_gets_a_coupon() {
    let _machine = crate::beside_others();
    let app = TestApp::open_with(Engine::Sqlite, &["welcome.again_after_days=0"]);
    assert_eq!((joins(&app, 1, PHONE), joins(&app, 2, PHONE)), (BOTH, BOTH));
    let kept = |app: &TestApp| {
        let found = app.app().members.funnel.with_session(|tx| tx.query("SELECT at FROM join_coupon_given", &[]));
        found.expect("digests can be read").len()
    };
    assert_eq!(kept(&app), 0, "nothing is kept");
    // Control: with the limit the first of them is kept.
    let app = TestApp::open(Engine::Sqlite);
    for member_id in [1, 2] {
        app.post("/members", &json!({"memberId": member_id})).must_be(201);
    }
    app.settle();
    assert_eq!((coupons(&app, 1), coupons(&app, 2), kept(&app)), (1, 1, 0));
    assert_eq!((joins(&app, 3, PHONE), joins(&app, 4, PHONE), kept(&app)), (BOTH, NOTHING, 1));
}

/// Someone joins with this phone number; points and coupons once everything has followed.
fn joins(app: &TestApp, member_id: i64, phone_no: &str) -> (i64, usize) {
    app.join(member_id, phone_no);
    is_normal(app, member_id);
    let coupons = coupons(app, member_id);
    let noted = if coupons == 0 { "NONE" } else { "ISSUED" };
    assert_eq!(app.get(&format!("/members/{member_id}")).json["couponStatus"], noted);
    (app.points_of(member_id).expect("an account"), coupons)
}

fn is_normal(app: &TestApp, member_id: i64) {
    eventually("point knows that the member is NORMAL", || {
        app.settle();
        app.get(&format!("/points/{member_id}")).json["memberStatus"] == "NORMAL"
    });
}

fn coupons(app: &TestApp, member_id: i64) -> usize {
    let found = app.get(&format!("/coupons?memberId={member_id}")).must_be(200);
    found.json["_embedded"]["coupons"].as_array().map_or(0, Vec::len)
}

fn leaves(app: &TestApp, member_id: i64) {
    app.leave(member_id);
    app.settle();
}
