//! Bodies that can be read, with values that cannot be meant.

use serde_json::{Value, json};

use crate::support::{Engine, TestApp};
use crate::{changes_nothing, with_member};

#[test]
fn values_that_cannot_be_meant_are_refused_on_sqlite() {
    values_that_cannot_be_meant_are_refused(Engine::Sqlite);
}

#[test]
fn values_that_cannot_be_meant_are_refused_on_postgres() {
    values_that_cannot_be_meant_are_refused(Engine::Postgres);
}

fn values_that_cannot_be_meant_are_refused(engine: Engine) {
    let app = with_member(engine);
    changes_nothing(&app, || {
        member_numbers(&app);
        contact_fields(&app);
        required_points(&app);
        amounts(&app);
        kinds_and_references(&app);
        donated_amounts(&app);
        causes(&app);
        deals(&app);
        merchants(&app);
        campaigns(&app);
        conflicts(&app);
    });
}

/// No whole number of 64 bits, however it is written.
fn no_numbers() -> Vec<Value> {
    let big: Value = serde_json::from_str("123456789012345678901234567890").expect("JSON knows no limit");
    vec![
        json!(1.5),
        json!(1e3),
        json!(u64::MAX),
        big,
        json!(true),
        json!([]),
        json!([1]),
        json!({}),
        json!(""),
        json!(" "),
        json!("abc"),
        json!("1.0"),
        json!("1e3"),
        json!("--1"),
        json!("1 2"),
        json!("0x10"),
        json!("9223372036854775808"),
        json!("１"),
        json!("1\u{0}"),
        json!("9".repeat(1_000)),
    ]
}

fn must_blame(app: &TestApp, method: &str, path: &str, body: &Value, pointer: &str) {
    let answer = app.request(method, path).json(body).send();
    assert_eq!(answer.status, 422, "{method} {path} {body}: {}", answer.text);
    answer.must_be_problem(422);
    assert_eq!(answer.json["pointer"], pointer, "{method} {path} {body}: {}", answer.text);
}

fn member_numbers(app: &TestApp) {
    let wrong = [json!(0), json!(-1), json!(i64::MIN), json!(i64::MAX), json!(9_007_199_254_740_992_i64), json!("0")];
    for number in no_numbers().into_iter().chain(wrong) {
        must_blame(app, "POST", "/members", &json!({"memberId": number, "phoneNo": "01012341234"}), "/memberId");
    }
}

fn contact_fields(app: &TestApp) {
    let long = json!("가".repeat(201));
    for (field, shown) in [
        ("phoneNo", "/phoneNo"),
        ("nickname", "/nickname"),
        ("name", "/name"),
        ("email", "/email"),
        ("address", "/address"),
        ("loginId", "/loginId"),
    ] {
        for value in [json!(1_012_341_234), json!(true), json!([]), json!({}), long.clone()] {
            must_blame(app, "POST", "/members", &json!({field: value}), shown);
            must_blame(app, "PATCH", "/members/1", &json!({field: value}), shown);
        }
        // A text that not every database can keep.
        for method_path in [("POST", "/members"), ("PATCH", "/members/1")] {
            let answer = app.request(method_path.0, method_path.1).json(&json!({field: "a\u{0}b"})).send();
            answer.must_be_problem(422);
        }
    }
}

fn required_points(app: &TestApp) {
    let wrong = [
        json!(0),
        json!("0"),
        json!("-0"),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(1_000_000_000_001_i64),
        json!(-1_000_000_000_001_i64),
    ];
    for number in no_numbers().into_iter().chain(wrong).chain([json!(null)]) {
        must_blame(app, "PATCH", "/points/1", &json!({"requirePoint": number}), "/requirePoint");
    }
    must_blame(app, "PATCH", "/points/1", &json!({}), "/requirePoint");
    must_blame(app, "PATCH", "/points/1", &json!({"remainPoint": 5}), "/requirePoint");
    let reason = "r".repeat(201);
    must_blame(app, "PATCH", "/points/1", &json!({"requirePoint": 1, "reason": reason}), "/reason");
    must_blame(app, "PATCH", "/points/1", &json!({"requirePoint": 1, "reason": 5}), "/reason");
}

const TRANSACTIONS: &str = "/points/1/transactions";

fn amounts(app: &TestApp) {
    for kind in ["EARN", "USE", "ADJUST"] {
        let wrong = [json!(0), json!(i64::MIN), json!(i64::MAX), json!(1_000_000_000_001_i64), json!(null)];
        let negative = [json!(-1), json!("-200"), json!(" -1 ")].into_iter().filter(|_| kind != "ADJUST");
        for amount in no_numbers().into_iter().chain(wrong).chain(negative) {
            must_blame(app, "POST", TRANSACTIONS, &json!({"kind": kind, "amount": amount}), "/amount");
        }
        must_blame(app, "POST", TRANSACTIONS, &json!({"kind": kind}), "/amount");
    }
}

fn kinds_and_references(app: &TestApp) {
    for kind in [json!("STEAL"), json!("earn"), json!(""), json!(1), json!(null), json!([]), json!({"EARN": 1})] {
        let answer = app.post(TRANSACTIONS, &json!({"kind": kind, "amount": 1}));
        answer.must_be_problem(422);
    }
    must_blame(app, "POST", TRANSACTIONS, &json!({"amount": 1}), "/kind");
    let long = "x".repeat(201);
    for reference in [
        json!("deal:4"),
        json!([]),
        json!({}),
        json!({"type": "deal"}),
        json!({"id": "4"}),
        json!({"type": "deal", "id": 1.5}),
        json!({"type": "deal", "id": null}),
        json!({"type": "", "id": "4"}),
        json!({"type": "deal", "id": ""}),
        json!({"type": long, "id": "4"}),
        json!({"type": "deal", "id": long}),
        json!({"type": "deal", "id": "4", "more": 1}),
        json!({"type": "deal", "id": "4\u{0}"}),
    ] {
        let answer = app.post(TRANSACTIONS, &json!({"kind": "EARN", "amount": 1, "reference": reference}));
        assert_eq!(answer.status, 422, "{reference}: {}", answer.text);
        answer.must_be_problem(422);
    }
}

fn donated_amounts(app: &TestApp) {
    let body = |amount: &Value| json!({"memberId": 1, "amount": amount});
    let wrong = [json!(0), json!(-1), json!("-200"), json!(i64::MIN), json!(i64::MAX), json!(1_000_000_000_001_i64)];
    for amount in no_numbers().into_iter().chain(wrong).chain([json!(null)]) {
        must_blame(app, "POST", "/donations", &body(&amount), "/amount");
    }
    must_blame(app, "POST", "/donations", &json!({"memberId": 1}), "/amount");
    let wrong = [json!(0), json!(-1), json!(i64::MIN), json!(i64::MAX), json!(null)];
    for number in no_numbers().into_iter().chain(wrong) {
        must_blame(app, "POST", "/donations", &json!({"memberId": number, "amount": 1}), "/memberId");
    }
    must_blame(app, "POST", "/donations", &json!({"amount": 1}), "/memberId");
    let wrong = [json!(0), json!(-1), json!(999), json!(i64::MAX)];
    for number in no_numbers().into_iter().chain(wrong) {
        must_blame(app, "POST", "/donations", &json!({"memberId": 1, "amount": 1, "causeId": number}), "/causeId");
    }
}

fn causes(app: &TestApp) {
    let wrong = [json!(0), json!(-1), json!(i64::MAX), json!(9_007_199_254_740_992_i64)];
    for number in no_numbers().into_iter().chain(wrong) {
        must_blame(app, "POST", "/causes", &json!({"causeId": number, "name": "sea"}), "/causeId");
    }
    for (method, path) in [("POST", "/causes"), ("PATCH", "/causes/1")] {
        for name in [json!(""), json!("  "), json!("가".repeat(201)), json!(1), json!([]), json!(true)] {
            must_blame(app, method, path, &json!({"name": name}), "/name");
        }
        for open in [json!("true"), json!(1), json!([]), json!("Y")] {
            must_blame(app, method, path, &json!({"name": "sea", "open": open}), "/open");
        }
    }
    must_blame(app, "POST", "/causes", &json!({}), "/name");
    let taken = app.post("/causes", &json!({"causeId": 1, "name": "another fund"}));
    taken.must_be_problem(409);
    assert_eq!(taken.code(), "donation.number_taken");
}

fn campaigns(app: &TestApp) {
    let with = |field: &str, value: &Value| {
        let mut body = crate::campaign("9", "1");
        body[field] = value.clone();
        body
    };
    let none = [json!(0), json!(-1), json!(i64::MIN), json!(i64::MAX), json!(10_000_001)];
    for number in no_numbers().into_iter().chain(none) {
        for field in ["quantity", "perMemberLimit"] {
            must_blame(app, "POST", "/couponCampaigns", &with(field, &number), &format!("/{field}"));
        }
        must_blame(app, "PATCH", "/couponCampaigns/1", &json!({"quantity": number}), "/quantity");
        must_blame(app, "POST", "/couponCampaigns/2/issues", &json!({"count": number}), "/count");
    }
    let wrong = [json!(0), json!(-1), json!(i64::MAX), json!(9_007_199_254_740_992_i64)];
    for number in no_numbers().into_iter().chain(wrong) {
        must_blame(app, "POST", "/couponCampaigns", &with("campaignId", &number), "/campaignId");
        let body = json!({"campaignId": 1, "memberId": number});
        must_blame(app, "POST", "/coupons", &body, "/memberId");
    }
    for day in [json!(""), json!("2026-02-30"), json!("20260101"), json!(20_260_101), json!("1999-12-31"), json!(null)]
    {
        must_blame(app, "POST", "/couponCampaigns", &with("endDate", &day), "/endDate");
    }
    for pattern in [json!(""), json!("SUMMER"), json!("####-####"), json!("여름-####-####-####"), json!(1), json!(null)]
    {
        must_blame(app, "POST", "/couponCampaigns", &with("codePattern", &pattern), "/codePattern");
    }
    must_blame(app, "POST", "/coupons", &json!({"campaignId": 1}), "/memberId");
    must_blame(app, "POST", "/coupons", &json!({"memberId": 1}), "/campaignId");
    let taken = app.post("/couponCampaigns", &crate::campaign("1", "1"));
    taken.must_be_problem(409);
    assert_eq!(taken.code(), "coupon.campaign_number_taken");
}

fn deals(app: &TestApp) {
    let body = |kind: &str, field: &str, value: &Value| {
        let mut body = json!({"memberId": 1, "merchantId": 1, "type": kind, "dealAmount": 10_000, "point": 10});
        body[field] = value.clone();
        body
    };
    let wrong = [json!(0), json!(-1), json!(i64::MIN), json!(i64::MAX)];
    let amounts = [json!(-1), json!(i64::MIN), json!(i64::MAX), json!(1_000_000_000_001_i64)];
    for kind in ["save", "use", "saveCancel", "useCancel", "cancel"] {
        for field in ["memberId", "merchantId", "originalDealId"] {
            for number in no_numbers().iter().chain(&wrong) {
                must_blame(app, "POST", "/deals", &body(kind, field, number), &format!("/{field}"));
            }
        }
        for amount in no_numbers().iter().chain(&amounts) {
            must_blame(app, "POST", "/deals", &body(kind, "dealAmount", amount), "/dealAmount");
        }
        for point in no_numbers() {
            must_blame(app, "POST", "/deals", &body(kind, "point", &point), "/point");
        }
    }
    for amount in [json!(0), json!(null)] {
        must_blame(app, "POST", "/deals", &body("save", "dealAmount", &amount), "/dealAmount");
    }
    for point in wrong.into_iter().chain([json!(null), json!(1_000_000_000_001_i64)]) {
        must_blame(app, "POST", "/deals", &body("use", "point", &point), "/point");
    }
    for kind in [json!("SAVE"), json!(""), json!("steal"), json!(1), json!(null), json!([])] {
        app.post("/deals", &body("save", "type", &kind)).must_be_problem(422);
    }
    for field in ["memberId", "merchantId", "type"] {
        let mut without = body("save", "memberId", &json!(1));
        without.as_object_mut().expect("an object").remove(field);
        must_blame(app, "POST", "/deals", &without, &format!("/{field}"));
    }
}

fn merchants(app: &TestApp) {
    let wrong = [json!(-1), json!(10_001), json!(i64::MAX)];
    for (method, path) in [("POST", "/merchants"), ("PATCH", "/merchants/1")] {
        for field in ["earnRateBp", "feeRateBp"] {
            for rate in no_numbers().iter().chain(&wrong) {
                must_blame(app, method, path, &json!({field: rate}), &format!("/{field}"));
            }
        }
        for name in [json!(""), json!("  "), json!("가".repeat(201)), json!(1), json!([])] {
            must_blame(app, method, path, &json!({"name": name}), "/name");
        }
        for status in [json!("OPEN"), json!("active"), json!(1), json!([])] {
            app.request(method, path).json(&json!({"status": status})).send().must_be_problem(422);
        }
    }
    let taken = app.post("/merchants", &json!({"merchantId": 1}));
    taken.must_be_problem(409);
    assert_eq!(taken.code(), "deal.number_taken");
    app.patch("/merchants/999", &json!({"name": "nobody"})).must_be_problem(404);
}

/// What is well said and cannot be done.
fn conflicts(app: &TestApp) {
    let taken = app.post("/members", &json!({"memberId": 1, "phoneNo": "01012341234"}));
    taken.must_be_problem(409);
    assert_eq!(taken.code(), "member.number_taken");
    for body in [json!({"kind": "USE", "amount": 1_001}), json!({"kind": "ADJUST", "amount": "-1001"})] {
        let poor = app.post(TRANSACTIONS, &body);
        poor.must_be_problem(409);
        assert_eq!(poor.code(), "point.insufficient_points");
    }
    let first = app.request("POST", TRANSACTIONS).key("conflict").json(&json!({"kind": "USE", "amount": 5_000})).send();
    first.must_be_problem(409);
    let other = app.request("POST", TRANSACTIONS).key("conflict").json(&json!({"kind": "USE", "amount": 1})).send();
    other.must_be_problem(422);
    assert_eq!(other.code(), "idempotency.key_reused");
}
