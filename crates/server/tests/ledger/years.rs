//! Five years of a programme in which points come, go, come back and expire, with the clock moved by hand.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::{Engine, TestApp};

const MEMBERS: i64 = 4;
const DAYS: i64 = 5 * 365 + 1;

#[test]
fn five_years_pass_and_every_lot_is_accounted_for_on_sqlite() {
    five_years_pass_and_every_lot_is_accounted_for(Engine::Sqlite);
}

#[test]
fn five_years_pass_and_every_lot_is_accounted_for_on_postgres() {
    five_years_pass_and_every_lot_is_accounted_for(Engine::Postgres);
}

fn five_years_pass_and_every_lot_is_accounted_for(engine: Engine) {
    let app = TestApp::open_with(engine, &["points.expiry_months=4"]);
    (1..=MEMBERS).for_each(|member_id| app.join_normal(member_id));
    let mut walk = app.app().points.expiry_walk();
    let mut dice = Dice(7);
    let (mut passed, mut looks, mut owed) = (0, 0, 0);
    while passed < DAYS {
        // Mostly day by day; sometimes the programme is off for a while.
        let days = if dice.below(40) == 0 { 2 + dice.below(75) } else { 1 };
        app.clock.advance_days(days);
        passed += days;
        // The server's own job may be at it too; what is done twice is done once.
        while walk.step().expect("the store can be reached") > 0 {}
        looks += 1;
        if dice.below(3) == 0 {
            let member_id = 1 + dice.below(MEMBERS);
            act(&app, member_id, &mut dice);
            owed = owed.max(app.get(&format!("/points/{member_id}")).json["owed"].as_i64().expect("a figure"));
        }
    }
    app.settle();
    let expired = every_lot_had_its_notices(&app);
    let mut sum = 0;
    for member_id in 1..=MEMBERS {
        let entries = app.statement(member_id, "");
        sum += entries.len();
        balances_are_right(&app, member_id, &entries);
    }
    println!("{engine:?}: {looks} looks in {passed} days, {sum} entries, {expired} lots expired, {owed} owed at most");
    assert!(expired > 40 && owed > 0, "control: it happened");
    app.verify();
}

fn act(app: &TestApp, member_id: i64, dice: &mut Dice) {
    let amount = 1 + dice.below(200);
    let answer = match dice.below(8) {
        0..=3 => app.transact(member_id, "EARN", amount),
        4 | 5 => app.transact(member_id, "USE", amount),
        6 => app.change_points(member_id, amount - 100),
        _ => app.post(&format!("/points/{member_id}/clawbacks"), &json!({"amount": amount, "lot": app.month(4)})),
    };
    assert!([200, 201, 409, 422].contains(&answer.status), "{}", answer.text);
}

/// Every EXPIRE has its last announcement before it, or it is on record before it that there was none; no lot expires
/// twice. How many have expired.
fn every_lot_had_its_notices(app: &TestApp) -> usize {
    let place = |kind: &str, is_last: &dyn Fn(&Value) -> bool| -> BTreeMap<(i64, String), i64> {
        let of = |event: &Value| {
            (event["memberId"].as_i64().unwrap_or(0), event["month"].as_str().unwrap_or_default().to_owned())
        };
        let events = app.events(kind).into_iter().filter(|(_, event)| is_last(event));
        events.map(|(place, event)| (of(&event), place)).collect()
    };
    let announced = place("ExpiryAnnounced", &|event| event["days"] == 3);
    let unannounced =
        place("ExpiryUnannounced", &|event| event["missed"].as_array().is_some_and(|days| days.contains(&json!(3))));
    assert!(!announced.is_empty() && !unannounced.is_empty(), "control: both happen");
    let once: Vec<_> = app
        .events("ExpiryAnnounced")
        .into_iter()
        .map(|(_, event)| (event["memberId"].to_string(), event["month"].to_string(), event["days"].to_string()))
        .collect();
    assert_eq!(once.len(), once.iter().collect::<BTreeSet<_>>().len(), "no announcement twice");
    let rows = app.rows("SELECT position, member_id, lots FROM point_entry WHERE kind = 'EXPIRE' ORDER BY position");
    let mut expired = BTreeSet::new();
    for row in &rows {
        let month = row.text(2).split(':').next().expect("a lot").to_owned();
        let lot = (row.int(1), month);
        let before = |places: &BTreeMap<_, i64>| places.get(&lot).is_some_and(|place| *place < row.int(0));
        assert!(before(&announced) || before(&unannounced), "{lot:?} expired without a word");
        assert!(expired.insert(lot), "an expired lot expires again");
    }
    rows.len()
}

fn balances_are_right(app: &TestApp, member_id: i64, entries: &[Value]) {
    let amount = |entry: &Value| entry["amount"].as_i64().expect("a number");
    let mut balance = 0;
    for entry in entries.iter().rev() {
        balance += amount(entry);
        assert_eq!(entry["balanceAfter"], balance);
    }
    assert_eq!(app.points_of(member_id), Some(balance));
    assert_eq!(app.get(&format!("/mypages/{member_id}")).json["remainPoint"], balance);
    let lots = app.get(&format!("/points/{member_id}/lots"));
    let lots = lots.json["_embedded"]["lots"].as_array().expect("lots").clone();
    assert_eq!(lots.iter().map(|lot| lot["point"].as_i64().expect("a number")).sum::<i64>(), balance);
}

/// A small generator of numbers (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        i64::try_from((mixed ^ (mixed >> 31)) % bound.unsigned_abs()).expect("below a bound of 63 bits")
    }
}
