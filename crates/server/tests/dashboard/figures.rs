//! A small programme is played through, and every figure is what comes out by hand.

use serde_json::{Value, json};

use crate::support::{Engine, Setup, TestApp, eventually};
use crate::{MONTH, deal, summary};

/// Two months before the other tests, so that points can expire.
const IN_MAY: &str = "2020-05-15T12:00:00+09:00";
/// From then to the 15th of July.
const TWO_MONTHS_DAYS: i64 = 61;

#[test]
fn figures_are_those_of_a_programme_played_through_on_sqlite() {
    figures_are_those_of_a_programme_played_through(Engine::Sqlite);
}

#[test]
fn figures_are_those_of_a_programme_played_through_on_postgres() {
    figures_are_those_of_a_programme_played_through(Engine::Postgres);
}

fn figures_are_those_of_a_programme_played_through(engine: Engine) {
    let app = TestApp::start_up(Setup::on(engine).with(&["points.expiry_months=1"]).starting_at(IN_MAY));
    play(&app);
    let seen = summary(&app);
    let value = |path: &str| seen.pointer(&format!("/{path}/value")).cloned().unwrap_or(json!("missing"));
    for (path, number) in expected() {
        assert_eq!(value(path), number, "{path}: {seen:#}");
    }
    let ranked = |name: &str| -> Vec<(Value, Value)> {
        let merchants = seen["merchants"][name]["merchants"].as_array().cloned().unwrap_or_default();
        merchants.iter().map(|merchant| (merchant["merchantId"].clone(), merchant["value"].clone())).collect()
    };
    let numbers = |pairs: [(i64, i64); 4]| pairs.map(|(merchant_id, value)| (json!(merchant_id), json!(value)));
    assert_eq!(ranked("used"), numbers([(50, 1_900), (40, 777), (20, 467), (30, 200)]));
    // 2 % less, 333 bp at merchant 40; merchant 20 owes a little, cut off towards zero as a run does.
    assert_eq!(ranked("payable"), numbers([(50, 1_862), (40, 751), (30, 196), (20, -32)]));
    let deals: Vec<String> = seen["deals"].as_array().expect("deals").iter().map(in_words).collect();
    let words = ["save success 3 2500", "use success 4 3477", "use fail 1 100000", "saveCancel success 2 1400"];
    assert_eq!(deals, [&words[..], &["useCancel success 2 133"]].concat(), "{seen:#}");
    every_number_says_what_it_means(&seen);
    links_lead_to_what_was_counted(&app, &seen);
    the_days_hold_the_same(&app, &seen);
    pages_show_the_last_of_it(&app);
    app.verify();
}

fn expected() -> [(&'static str, Value); 32] {
    // Five members were welcomed with 1,000 each; one of them left, the phone of the sixth is no phone, and the message
    // to the seventh is on its way.
    let numbers = [
        ("members/READY", 1),
        ("members/NORMAL", 4),
        ("members/ABNORMAL", 1),
        ("members/joined", 7),
        ("members/withdrawn", 1),
        ("points/welcome", 5_000),
        ("points/earned", 2_500),
        ("points/issued", 7_500),
        ("points/adjusted", 700),
        ("points/used", 3_477),
        ("points/useCancelled", 133),
        // 400, and 100 of the 1,000 of which 900 were spent.
        ("points/earnCancelled", 500),
        ("points/expired", 1_000),
        ("points/forfeited", 1_700),
        ("points/donated", 200),
        ("points/owedRepaid", 500),
        // 933 of member 1 and 23 of member 2.
        ("points/outstanding", 956),
        // (3,477 - 133) and 2,700 of 7,500.
        ("points/redemptionRate", 4_458),
        ("points/breakage", 2_700),
        ("points/breakageRate", 3_600),
        // Seven joined. That of member 5 was redeemed twice, rolled back once in between; that of member 2 was taken back,
        // that of member 3 lost with the membership.
        ("coupons/issued", 7),
        ("coupons/given", 7),
        ("coupons/stock", 0),
        ("coupons/outstanding", 4),
        ("coupons/redeemed", 2),
        ("coupons/rolledBack", 1),
        ("coupons/cancelled", 2),
        ("coupons/expired", 0),
        ("dealsUnderWay", 0),
        // 500 of merchant 20 are billed, and 33 of them were cancelled later; of the others nothing is.
        ("merchants/payableTotal", 2_777),
        ("merchants/unbilled", 2_844),
        ("merchants/billed", 490),
    ];
    numbers.map(|(path, number)| (path, json!(number)))
}

/// Seven members, four merchants, a donation, cancels, an expiry, a withdrawal and a settlement.
fn play(app: &TestApp) {
    app.join_normal(5);
    app.clock.advance_days(TWO_MONTHS_DAYS);
    eventually("the points of May have expired", || app.points_of(5) == Some(0));
    for member_id in [1, 2, 3, 7] {
        app.join_normal(member_id);
    }
    app.join(4, "0108558");
    let saved = deal(app, "save", (1, 20), &json!({"dealAmount": 100_000}));
    let billed = deal(app, "use", (1, 20), &json!({"point": 500}));
    let used = deal(app, "use", (2, 30), &json!({"point": 300}));
    deal(app, "use", (2, 30), &json!({"point": 100_000}));
    deal(app, "useCancel", (2, 30), &json!({"originalDealId": used, "point": 100}));
    app.change_points(3, 700).must_be(200);
    assert_eq!(app.donate(1, 200).must_be(201).json["status"], "DONATED");
    deal(app, "saveCancel", (1, 20), &json!({"originalDealId": saved, "point": 400}));
    app.leave(3);
    app.post("/merchants", &json!({"merchantId": 40, "feeRateBp": 333})).must_be(201);
    deal(app, "use", (2, 40), &json!({"point": 777}));
    take_back_what_was_spent(app);
    use_coupons(app);
    app.settle();
    let order = json!({"merchantId": 20, "billingMonth": MONTH});
    assert_eq!(app.post("/billings", &order).must_be(201).json["billingAmount"], 490);
    deal(app, "useCancel", (1, 20), &json!({"originalDealId": billed, "point": 33}));
    app.settle();
    app.stop("notification");
    app.join(6, "01000000006");
    app.settle();
}

/// The coupon of member 5 is redeemed, given back and redeemed; that of member 2 is taken back.
fn use_coupons(app: &TestApp) {
    app.settle();
    let coupon = |member_id: i64| {
        let listed = app.get(&format!("/coupons?memberId={member_id}")).must_be(200).json;
        listed["_embedded"]["coupons"][0].clone()
    };
    let number = |member_id: i64| coupon(member_id)["couponId"].as_i64().expect("a number");
    let redeem = || app.post("/coupons/redemptions", &json!({"code": coupon(5)["code"]})).must_be(201);
    redeem();
    app.delete(&format!("/coupons/{}/redemption", number(5))).must_be(204);
    redeem();
    app.delete(&format!("/coupons/{}", number(2))).must_be(204);
}

/// A figure of coupons leads to a list of as many.
fn links_lead_to_what_was_counted(app: &TestApp, seen: &Value) {
    let listed = |name: &str| {
        let href = seen["coupons"][name]["_links"]["coupons"]["href"].as_str().expect("a link");
        let page = app.get(href.strip_prefix(&app.base()).expect("it leads to this server")).must_be(200).json;
        page["_embedded"]["coupons"].as_array().map(Vec::len)
    };
    assert_eq!(["issued", "outstanding", "cancelled", "expired"].map(listed), [7, 4, 2, 0].map(Some));
}

/// Member 7 earns 1,000 points and spends all but 100 before they are taken back; what is earned next repays 500 of it.
fn take_back_what_was_spent(app: &TestApp) {
    let saved = deal(app, "save", (7, 50), &json!({"dealAmount": 100_000}));
    deal(app, "use", (7, 50), &json!({"point": 1_900}));
    deal(app, "saveCancel", (7, 50), &json!({"originalDealId": saved}));
    deal(app, "save", (7, 50), &json!({"dealAmount": 50_000}));
    assert_eq!(app.points_of(7), Some(0));
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

/// All of it happened today, but what happened in May.
fn the_days_hold_the_same(app: &TestApp, seen: &Value) {
    let series = app.get("/dashboards/series").must_be(200).json;
    let days = series["days"].as_array().expect("days");
    assert_eq!(days.len(), 30);
    let mut today = days[29].clone();
    // Nothing was bought; what a day shows of purchases is looked at where there are some.
    today.as_object_mut().expect("a day").remove("purchases").expect("purchases of the day");
    assert_eq!(today["day"].as_str(), seen["at"].as_str().map(|at| &at[..10]));
    let points = json!({"WELCOME": 4_000, "EARN": 2_500, "USE": -3_477, "ADJUST": 700, "DONATE": -200,
        "FORFEIT": -1_700, "EXPIRE": -1_000, "EARN_CANCEL": -500, "USE_CANCEL": 133, "OWED_REPAY": -500, "HOLD_CAPTURE": 0});
    let expected = json!({"day": "2020-07-15", "joined": 6, "withdrawn": 1, "points": points, "usedPoint": 3_477,
        "deals": {"save": 3, "use": 4, "saveCancel": 2, "useCancel": 2}, "failedDeals": 1,
        "coupons": {"issued": 6, "given": 6, "redeemed": 2, "rolledBack": 1, "cancelled": 2, "expired": 0}});
    assert_eq!(today, expected);
    assert_eq!(days[28]["points"]["EARN"], 0);
    let in_may = app.get("/dashboards/series?from=2020-05-15&to=2020-05-15").must_be(200).json;
    assert_eq!((&in_may["days"][0]["joined"], &in_may["days"][0]["points"]["WELCOME"]), (&json!(1), &json!(1_000)));
    for field in ["joined", "withdrawn", "points", "usedPoint", "deals", "failedDeals", "coupons"] {
        assert!(series["definitions"][field].as_str().is_some_and(|text| text.len() > 10), "{field}");
    }
}

/// The newest entries, a use that was given back among them.
fn pages_show_the_last_of_it(app: &TestApp) {
    let recent = |member_id: i64| -> Vec<(String, i64)> {
        let page = app.get(&format!("/mypages/{member_id}")).must_be(200).json;
        let told = |entry: &Value| (entry["kind"].as_str().expect("a kind").to_owned(), entry["amount"].as_i64());
        let entries = page["recentEntries"].as_array().expect("entries").iter().map(told);
        entries.map(|(kind, amount)| (kind, amount.expect("points"))).collect()
    };
    let expected = [("USE_CANCEL", 33), ("EARN_CANCEL", -400), ("DONATE", -200), ("USE", -500), ("EARN", 1_000)];
    assert_eq!(recent(1), expected.map(|(kind, amount)| (kind.to_owned(), amount)));
    let expected = [("OWED_REPAY", -500), ("EARN", 500), ("EARN_CANCEL", -100), ("USE", -1_900), ("EARN", 1_000)];
    assert_eq!(recent(7), expected.map(|(kind, amount)| (kind.to_owned(), amount)));
}
