//! A small programme is played through, and every figure is what comes out by hand.

use serde_json::{Value, json};

use crate::support::{Engine, TestApp};
use crate::{deal, leave, month_now, summary};

#[test]
fn figures_are_those_of_a_programme_played_through_on_sqlite() {
    figures_are_those_of_a_programme_played_through(Engine::Sqlite);
}

#[test]
fn figures_are_those_of_a_programme_played_through_on_postgres() {
    figures_are_those_of_a_programme_played_through(Engine::Postgres);
}

fn figures_are_those_of_a_programme_played_through(engine: Engine) {
    let app = TestApp::open(engine);
    play(&app);
    let seen = summary(&app);
    let value = |path: &str| seen.pointer(&format!("/{path}/value")).cloned().unwrap_or(json!("missing"));
    // Three members were welcomed with 1,000 each; one of them left, and the phone of the fourth is no phone.
    let expected = [
        ("members/READY", json!(0)),
        ("members/NORMAL", json!(2)),
        ("members/ABNORMAL", json!(1)),
        ("members/joined", json!(4)),
        ("members/withdrawn", json!(1)),
        ("points/welcome", json!(3_000)),
        ("points/earned", json!(1_000)),
        ("points/issued", json!(4_000)),
        ("points/adjusted", json!(700)),
        ("points/used", json!(800)),
        ("points/useCancelled", json!(100)),
        ("points/earnCancelled", json!(400)),
        ("points/expired", json!(0)),
        ("points/forfeited", json!(1_700)),
        ("points/donated", json!(200)),
        ("points/owedRepaid", json!(0)),
        // 900 of member 1 and 800 of member 2.
        ("points/outstanding", json!(1_700)),
        // (800 - 100) and 1,700 of 4,000.
        ("points/redemptionRate", json!(1_750)),
        ("points/breakage", json!(1_700)),
        ("points/breakageRate", json!(4_250)),
        ("dealsUnderWay", json!(0)),
        // 500 of merchant 20 are billed; 200 of merchant 30 are not: 196 after 2 %.
        ("merchants/payableTotal", json!(196)),
        ("merchants/unbilled", json!(200)),
        ("merchants/billed", json!(490)),
    ];
    for (path, number) in expected {
        assert_eq!(value(path), number, "{path}: {seen:#}");
    }
    assert_eq!(app.points_of(1).zip(app.points_of(2)), Some((900, 800)));
    let ranked = |name: &str| -> Vec<(Value, Value)> {
        let merchants = seen["merchants"][name]["merchants"].as_array().cloned().unwrap_or_default();
        merchants.iter().map(|merchant| (merchant["merchantId"].clone(), merchant["value"].clone())).collect()
    };
    assert_eq!(ranked("used"), [(json!(20), json!(500)), (json!(30), json!(200))]);
    assert_eq!(ranked("payable"), [(json!(30), json!(196))]);
    let deals: Vec<String> = seen["deals"].as_array().expect("deals").iter().map(in_words).collect();
    let words = ["save success 1 1000", "use success 2 800", "use fail 1 100000", "saveCancel success 1 400"];
    assert_eq!(deals, [&words[..], &["useCancel success 1 100"]].concat(), "{seen:#}");
    every_number_says_what_it_means(&seen);
    the_day_holds_the_same(&app, &seen);
    app.verify();
}

/// Four members, two merchants, a donation, cancels, a withdrawal and a settlement.
fn play(app: &TestApp) {
    for member_id in [1, 2, 3] {
        app.join_normal(member_id);
    }
    app.join(4, "0108558");
    let saved = deal(app, "save", (1, 20), &json!({"dealAmount": 100_000}));
    deal(app, "use", (1, 20), &json!({"point": 500}));
    let used = deal(app, "use", (2, 30), &json!({"point": 300}));
    deal(app, "use", (2, 30), &json!({"point": 100_000}));
    deal(app, "useCancel", (2, 30), &json!({"originalDealId": used, "point": 100}));
    app.change_points(3, 700).must_be(200);
    assert_eq!(app.donate(1, 200).must_be(201).json["status"], "DONATED");
    deal(app, "saveCancel", (1, 20), &json!({"originalDealId": saved, "point": 400}));
    leave(app, 3);
    app.settle();
    let order = json!({"merchantId": 20, "billingMonth": month_now(app)});
    assert_eq!(app.post("/billings", &order).must_be(201).json["billingAmount"], 490);
    app.settle();
}

fn in_words(row: &Value) -> String {
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    format!("{} {} {} {}", text("type"), text("status"), row["quantity"]["value"], row["point"]["value"])
}

/// Wherever a value stands, its unit and definition stand beside it, or above the list that it is in.
fn every_number_says_what_it_means(seen: &Value) {
    fn look(value: &Value, is_explained: bool, found: &mut usize) {
        match value {
            Value::Object(fields) => {
                let says = |name: &str| fields.get(name).and_then(Value::as_str).is_some_and(|text| text.len() > 1);
                let explains = (says("definition") && says("unit")) || (says("lagDefinition") && says("lagUnit"));
                if fields.contains_key("value") {
                    assert!(explains || is_explained, "{value}");
                    *found += 1;
                }
                fields.values().for_each(|inner| look(inner, is_explained || explains, found));
            }
            Value::Array(items) => items.iter().for_each(|inner| look(inner, is_explained, found)),
            _ => {}
        }
    }
    let mut found = 0;
    look(seen, false, &mut found);
    assert!(found > 40, "only {found} numbers");
    let live = &seen["live"];
    let lags = live["lags"].as_array().expect("lags");
    for consumer in ["dashboard<point", "dashboard<deal", "point<member"] {
        assert!(lags.iter().any(|lag| lag["consumer"] == consumer && lag["value"] == 0), "{consumer}: {live:#}");
    }
    let breakers = live["breakers"].as_array().expect("breakers");
    let closed = |breaker: &Value| breaker["caller"] == "deal" && breaker["state"] == "CLOSED";
    assert!(breakers.iter().any(closed) && breakers.len() >= 5, "{live:#}");
}

/// All of it happened today.
fn the_day_holds_the_same(app: &TestApp, seen: &Value) {
    let series = app.get("/dashboards/series").must_be(200).json;
    let days = series["days"].as_array().expect("days");
    assert_eq!(days.len(), 30);
    let today = &days[29];
    assert_eq!(today["day"].as_str(), seen["at"].as_str().map(|at| &at[..10]));
    let points = json!({"WELCOME": 3_000, "EARN": 1_000, "USE": -800, "ADJUST": 700, "DONATE": -200, "FORFEIT": -1_700,
        "EXPIRE": 0, "EARN_CANCEL": -400, "USE_CANCEL": 100, "OWED_REPAY": 0});
    let expected = json!({"day": today["day"], "joined": 4, "withdrawn": 1, "points": points, "usedPoint": 800,
        "deals": {"save": 1, "use": 2, "saveCancel": 1, "useCancel": 1}, "failedDeals": 1});
    assert_eq!(*today, expected);
    assert_eq!(days[28]["points"]["EARN"], 0);
    for field in ["joined", "withdrawn", "points", "usedPoint", "deals", "failedDeals"] {
        assert!(series["definitions"][field].as_str().is_some_and(|text| text.len() > 10), "{field}");
    }
}
