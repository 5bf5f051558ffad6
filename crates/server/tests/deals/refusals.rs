//! Deals that happen and deals that fail: a refusal is a deal too, and moves nothing.

use serde_json::{Value, json};

use crate::support::{Engine, TestApp};
use crate::{deal, field, programme};

#[test]
fn points_are_earned_and_used_and_refusals_are_deals_on_sqlite() {
    points_are_earned_and_used_and_refusals_are_deals(Engine::Sqlite);
}

#[test]
fn points_are_earned_and_used_and_refusals_are_deals_on_postgres() {
    points_are_earned_and_used_and_refusals_are_deals(Engine::Postgres);
}

fn points_are_earned_and_used_and_refusals_are_deals(engine: Engine) {
    let app = programme(engine, &[]);
    // As clients of the seed write it, with what the server owns, which counts for nothing.
    let save = app.deal(&json!({
        "memberId": "0001", "merchantId": "20", "type": "save", "dealAmount": "100000", "point": 999_999,
        "dealId": 77, "status": "fail", "billingStatus": "yes", "dealDate": "x", "cancelledPoint": [], "pointStatus": {},
        "failReason": "none",
    }));
    let save = save.must_be(201);
    assert_eq!(save.header("location"), Some(&*format!("{}/deals/1", app.base())));
    let expected = json!({"dealId": 1, "memberId": 1, "merchantId": 20, "type": "save", "dealAmount": 100_000,
        "point": 1_000, "status": "success", "billingStatus": "no"});
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&save.json[name], value, "{name}");
    }
    for absent in ["originalDealId", "cancelledPoint", "pointStatus", "failReason"] {
        assert!(save.json.get(absent).is_none(), "{absent}");
    }
    let date = field(&save, "dealDate");
    assert!(date.ends_with("+09:00") && date.len() == 29, "{date}");
    assert_eq!(app.points_of(1), Some(1_000));
    assert_eq!(app.get("/merchants/20").must_be(200).json["status"], "ACTIVE", "its first deal opened it");

    let used = app.deal(&json!({"memberId": 1, "merchantId": 20, "type": "use", "point": " 0200"})).must_be(201);
    assert_eq!(
        (field(&used, "status"), &used.json["point"], &used.json["dealAmount"]),
        ("success", &json!(200), &json!(0))
    );
    assert_eq!(app.points_of(1), Some(800));
    app.settle();
    let entries = app.entry_count();
    refuses(&app);
    app.settle();
    assert_eq!((app.points_of(1), app.entry_count()), (Some(800), entries + 2), "one point came and went, no other");
    // A deal of fewer won than a point costs earns nothing, and is a deal.
    let small = deal(&app, "save", 99, 0);
    assert_eq!((field(&small, "status"), &small.json["point"]), ("success", &json!(0)));
    app.settle();
    assert_eq!(app.entry_count(), entries + 2);
    app.verify();
}

/// Everything that fails, one after the other.
fn refuses(app: &TestApp) {
    let fails = |body: Value, reason: &str, point: i64| {
        let answer = app.deal(&body).must_be(201);
        assert_eq!((field(&answer, "status"), field(&answer, "failReason")), ("fail", reason), "{}", answer.text);
        assert_eq!(answer.json["point"], point);
        let path = format!("/deals/{}", answer.json["dealId"]);
        assert_eq!(app.get(&path).must_be(200).json["failReason"], reason);
    };
    fails(json!({"memberId": 1, "merchantId": 20, "type": "use", "point": 801}), "insufficient_points", 801);
    app.join(50, "0108558");
    app.settle();
    for (deal_type, point) in [("save", 1_000), ("use", 5)] {
        let by = |member_id: i64| json!({"memberId": member_id, "merchantId": 20, "type": deal_type, "dealAmount": 100_000, "point": 5});
        fails(by(99), "member_unknown", point);
        fails(by(50), "member_not_normal", point);
    }
    app.leave(50);
    app.settle();
    fails(json!({"memberId": 50, "merchantId": 20, "type": "use", "point": 5}), "member_unknown", 5);
    app.patch("/merchants/20", &json!({"status": "BLOCKED"})).must_be(200);
    fails(json!({"memberId": 1, "merchantId": 20, "type": "use", "point": 5}), "merchant_blocked", 5);
    fails(json!({"memberId": 1, "merchantId": 20, "type": "save", "dealAmount": 1_000}), "merchant_blocked", 10);
    // What happened before can still be taken back.
    let cancel =
        app.deal(&json!({"memberId": 1, "merchantId": 20, "type": "useCancel", "originalDealId": 2, "point": 1}));
    assert_eq!(field(&cancel.must_be(201), "status"), "success");
    app.patch("/merchants/20", &json!({"status": "ACTIVE"})).must_be(200);
    app.deal(&json!({"memberId": 1, "merchantId": 20, "type": "use", "point": 1})).must_be(201);
}

#[test]
fn a_merchant_that_is_not_known_is_refused_where_deals_open_none() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine, &["deals.unknown_merchant=refuse"]);
        for _ in 0..2 {
            let refused = deal(&app, "save", 100_000, 0);
            assert_eq!((field(&refused, "status"), field(&refused, "failReason")), ("fail", "merchant_unknown"));
        }
        app.get("/merchants/20").must_be(404);
        assert_eq!(app.all_of("merchants"), json!([]));
        assert_eq!(app.points_of(1), Some(0));
        let opened = app.post("/merchants", &json!({"merchantId": 20, "earnRateBp": 250})).must_be(201);
        assert_eq!(opened.json["merchantId"], 20);
        assert_eq!(deal(&app, "save", 100_000, 0).json["point"], 2_500);
        app.settle();
        app.verify();
    }
}

#[test]
fn what_cannot_be_a_deal_is_refused_and_stores_nothing() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine, &[]);
        let wrong = |body: Value, pointer: &str| {
            let answer = app.deal(&body);
            answer.must_be_problem(422);
            assert_eq!(answer.json["pointer"], pointer, "{body}: {}", answer.text);
        };
        let with = |name: &str, value: Value| {
            let mut body = json!({"memberId": 1, "merchantId": 20, "type": "save", "dealAmount": 100});
            body[name] = value;
            body
        };
        for number in [json!(0), json!(-1), json!("x"), json!(1.5), json!(9_007_199_254_740_992_i64), json!(null)] {
            wrong(with("memberId", number.clone()), "/memberId");
            wrong(with("merchantId", number), "/merchantId");
        }
        for amount in [json!(0), json!(-1), json!(1_000_000_000_001_i64), json!("1e3"), json!(null), json!("")] {
            wrong(with("dealAmount", amount), "/dealAmount");
        }
        for deal_type in [json!("SAVE"), json!(""), json!("refund"), json!(1), json!(null)] {
            wrong(with("type", deal_type), "/type");
        }
        let mut spent = with("type", json!("use"));
        for point in [json!(null), json!(0), json!(-1), json!(1_000_000_000_001_i64), json!("x")] {
            spent["point"] = point;
            wrong(spent.clone(), "/point");
        }
        let mut cancel = with("type", json!("cancel"));
        cancel["originalDealId"] = json!(0);
        wrong(cancel, "/originalDealId");
        wrong(with("colour", json!("red")), "/colour");
        wrong(json!({"merchantId": 20, "type": "save"}), "/memberId");
        assert_eq!((app.all_of("deals"), app.all_of("merchants")), (json!([]), json!([])));
        app.deal(&with("dealAmount", json!(100))).must_be(201);
    }
}

#[test]
fn members_and_merchants_are_found_in_lists() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine, &[]);
        for (member_id, merchant_id) in [(1, 20), (2, 20), (1, 21), (2, 21), (1, 20)] {
            let body = json!({"memberId": member_id, "merchantId": merchant_id, "type": "save", "dealAmount": 100});
            app.deal(&body).must_be(201);
        }
        let ids = |path: &str| -> Vec<i64> {
            let page = app.get(path).must_be(200).json;
            let found = page["_embedded"]["deals"].as_array().cloned().unwrap_or_default();
            found.iter().filter_map(|deal| deal["dealId"].as_i64()).collect()
        };
        assert_eq!(ids("/deals"), [1, 2, 3, 4, 5]);
        assert_eq!(ids("/deals?memberId=1"), [5, 3, 1]);
        assert_eq!(ids("/deals?merchantId=0021"), [3, 4]);
        assert_eq!(ids("/deals?memberId=1&merchantId=20"), [5, 1]);
        assert_eq!(ids("/deals?merchantId=99"), Vec::<i64>::new());
        let first = app.get("/deals?merchantId=20&limit=2").must_be(200).json;
        let next = first["_links"]["next"]["href"].as_str().expect("a next page").to_owned();
        assert!(next.contains("merchantId=20") && next.contains("limit=2"), "{next}");
        assert_eq!(ids(next.strip_prefix(&app.base()).expect("this server")), [5]);
        let first = app.get("/deals?memberId=1&limit=2").must_be(200).json;
        let next = first["_links"]["next"]["href"].as_str().expect("a next page").to_owned();
        assert_eq!(ids(next.strip_prefix(&app.base()).expect("this server")), [1], "the oldest comes last");
        assert_eq!(ids("/deals?memberId=77"), Vec::<i64>::new());
        assert_eq!(ids("/deals?memberId=1&after=n4"), [3, 1], "the fourth deal is another member's");
        for wrong in ["/deals?memberId=x", "/deals?merchantId=0", "/deals?limit=201"] {
            app.get(wrong).must_be_problem(422);
        }
        assert_eq!(app.get("/deals/99").must_be(404).text, "");
    }
}

#[test]
fn a_page_of_a_merchant_looks_at_so_many_deals_and_the_next_one_goes_on() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::open(engine);
        let many = "INSERT INTO deal (deal_id, member_id, merchant_id, type, deal_amount, point, dealt_at, month, status, \
            cancelled_point, sequence, previous) WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number \
            WHERE n < 20005) SELECT n, 1, CASE WHEN n > 20003 THEN 20 ELSE 21 END, 'save', 100, 1, 1, 197001, 'success', 0, n, \
            n - 1 FROM number";
        let newest = "INSERT INTO deal_member (member_id, last_deal) VALUES (1, 20005)";
        let store = |sql: &str| app.app().deals.funnel.with_session(|tx| tx.execute(sql, &[])).expect("it is stored");
        store(many);
        store(newest);
        let page = |path: &str| {
            let page = app.get(path).must_be(200).json;
            let found = page["_embedded"]["deals"].as_array().map(Vec::len).expect("a list");
            let next = page["_links"]["next"]["href"].as_str().and_then(|href| href.strip_prefix(&app.base()));
            (found, next.map(str::to_owned))
        };
        let (found, next) = page("/deals?merchantId=20&limit=5");
        assert_eq!(found, 0);
        assert_eq!(page(&next.expect("it goes on")), (2, None));
        let (found, next) = page("/deals?merchantId=21&limit=5");
        assert_eq!(found, 5, "control: a full page ends earlier");
        assert!(next.is_some_and(|next| next.contains("after=n5&") || next.ends_with("after=n5")));
        assert_eq!(page("/deals?memberId=1&merchantId=20").0, 2, "a member's deals are found at once");
    }
}
