//! Days begin at midnight where the programme is, not where the clock of the machine is.

use serde_json::{Value, json};

use crate::deal;
use crate::support::{Engine, Setup, TestApp};

const LATE_ON_THE_31ST: &str = "2020-07-31T23:30:00+09:00";
const HOUR_MS: i64 = 60 * 60 * 1_000;

#[test]
fn days_change_at_the_midnight_of_the_programme_on_sqlite() {
    days_change_at_the_midnight_of_the_programme(Engine::Sqlite);
}

#[test]
fn days_change_at_the_midnight_of_the_programme_on_postgres() {
    days_change_at_the_midnight_of_the_programme(Engine::Postgres);
}

fn days_change_at_the_midnight_of_the_programme(engine: Engine) {
    // In London it is the afternoon of the 31st before and after.
    assert_eq!(played(engine, "Asia/Seoul"), [("2020-07-31", 1, 1_000, 1), ("2020-08-01", 1, 2_000, 2)].map(told));
    assert_eq!(played(engine, "UTC"), [("2020-07-31", 2, 3_000, 3), ("2020-08-01", 0, 0, 0)].map(told));
}

fn told((day, joined, earned, saves): (&str, i64, i64, i64)) -> Value {
    json!({"day": day, "joined": joined, "earned": earned, "saves": saves})
}

/// One member and one deal before the midnight of Seoul, one member and two deals after it; what the two days hold.
fn played(engine: Engine, zone: &str) -> [Value; 2] {
    let zone = format!("timezone={zone}");
    let app = TestApp::start_up(Setup::on(engine).with(&[&zone]).starting_at(LATE_ON_THE_31ST));
    app.join_normal(1);
    deal(&app, "save", (1, 20), &json!({"dealAmount": 100_000}));
    app.clock.advance_ms(HOUR_MS);
    app.join_normal(2);
    for member_id in [1, 2] {
        deal(&app, "save", (member_id, 20), &json!({"dealAmount": 100_000}));
    }
    app.settle();
    let series = app.get("/dashboards/series?from=2020-07-31&to=2020-08-01").must_be(200).json;
    let day = |place: usize| {
        let day = &series["days"][place];
        json!({"day": day["day"], "joined": day["joined"], "earned": day["points"]["EARN"], "saves": day["deals"]["save"]})
    };
    assert_eq!(series["days"].as_array().map(Vec::len), Some(2), "{series}");
    [day(0), day(1)]
}

#[test]
fn a_series_has_bounds() {
    let app = TestApp::start_up(Setup::on(Engine::Sqlite).starting_at(LATE_ON_THE_31ST));
    let ask = |query: &str| app.get(&format!("/dashboards/series?{query}"));
    let days = |query: &str| ask(query).must_be(200).json["days"].as_array().map_or(0, Vec::len);
    assert_eq!(days("from=2020-01-01&to=2020-12-31"), 366);
    assert_eq!(days("from=2020-07-31"), 1);
    assert_eq!(days("to=2020-02-29"), 30);
    assert_eq!(ask("to=2020-03-01").json["from"], "2020-02-01");
    for wrong in [
        "from=2019-12-31&to=2020-12-31",
        "from=2020-07-31&to=2020-07-30",
        "from=2020-08-01",
        "from=yesterday",
        "to=2021-02-29",
        "to=2020-07-31T00:00:00Z",
        "from=20200731",
        "from=",
    ] {
        ask(wrong).must_be_problem(422);
    }
}
