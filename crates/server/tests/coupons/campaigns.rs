//! Campaigns as the operator sees them: what they are made of, what may change, and what is refused.

use platform::access::Role;
use serde_json::json;

use crate::kit::{self, LAST_DAY, TODAY, alone, bring, claim, figures, free_codes, stock, terms, verify};
use crate::roles::key;
use crate::support::Engine;
use crate::{STORES, must_refuse};

#[test]
fn a_campaign_gives_what_it_has_and_counts_what_became_of_it() {
    for engine in STORES {
        let app = alone(engine, 6);
        let body = json!({"campaignId": 7, "name": "여름", "codePattern": "summer-####-####-####", "quantity": "5",
            "startDate": TODAY, "endDate": LAST_DAY, "issued": 99});
        let opened = app.post("/couponCampaigns", &body).must_be(201);
        assert_eq!(opened.header("location"), Some(&*format!("{}/couponCampaigns/7", app.base())));
        assert_eq!((&opened.json["perMemberLimit"], &opened.json["open"]), (&json!(1), &json!(true)));
        assert_eq!(figures(&app, 7), [0; 6]);
        // Codes made in advance go first, in the order in which they were made.
        stock(&app, 7, 2);
        let codes = free_codes(&app, 7);
        assert!(codes.iter().all(|code| code.starts_with("SUMMER-") && code.len() == 21), "{codes:?}");
        for (member_id, place) in [(1, 0), (2, 1)] {
            let coupon = claim(&app, 7, member_id).must_be(201).json;
            assert_eq!(coupon["code"], json!(codes[place]));
            assert_eq!((&coupon["campaignId"], &coupon["memberId"]), (&json!(7), &json!(member_id)));
            assert_eq!((&coupon["startDate"], &coupon["endDate"]), (&json!(TODAY), &json!(LAST_DAY)));
        }
        let third = claim(&app, 7, 3).must_be(201).json;
        assert_eq!(figures(&app, 7), [3, 0, 0, 0, 0, 0]);
        app.post("/coupons/redemptions", &json!({"code": third["code"]})).must_be(201);
        app.delete("/coupons/1").must_be(204);
        assert_eq!(figures(&app, 7), [3, 0, 0, 1, 1, 0]);
        app.delete(&format!("/coupons/{}/redemption", third["couponId"])).must_be(204);
        assert_eq!(figures(&app, 7), [3, 0, 0, 0, 1, 0]);
        // A code without a member is taken back, and another one is redeemed by who brings it.
        stock(&app, 7, 2);
        let codes = free_codes(&app, 7);
        app.delete("/coupons/4").must_be(204);
        app.delete("/coupons/4").must_be(204);
        must_refuse(&bring(&app, &codes[0], 4), 409, "coupon.cancelled");
        assert_eq!(bring(&app, &codes[1], 4).must_be(201).json["memberId"], 4);
        assert_eq!(figures(&app, 7), [5, 0, 0, 1, 2, 0]);
        must_refuse(&claim(&app, 7, 5), 409, "coupon.campaign_exhausted");
        must_refuse(&claim(&app, 7, 4), 409, "coupon.member_limit");
        let listed = app.get("/couponCampaigns").must_be(200).json;
        assert_eq!(listed["_embedded"]["couponCampaigns"][0]["campaignId"], 7);
        let issues = app.get("/couponCampaigns/7/issues").must_be(200).json;
        let counts: Vec<_> = issues["_embedded"]["issues"].as_array().expect("a list").iter().collect();
        assert!(counts.len() == 2 && counts.iter().all(|issue| issue["issued"] == 2 && issue["status"] == "DONE"));
        verify(&app);
    }
}

#[test]
fn name_quantity_and_whether_it_is_open_change_and_nothing_else() {
    let app = alone(Engine::Sqlite, 3);
    let campaign_id = kit::campaign(&app, 3, 1);
    let path = format!("/couponCampaigns/{campaign_id}");
    claim(&app, campaign_id, 1).must_be(201);
    let change = json!({"name": "winter", "open": false, "quantity": 2, "endDate": "2030-01-01", "perMemberLimit": 9});
    let changed = app.patch(&path, &change).must_be(200).json;
    assert_eq!(
        (&changed["name"], &changed["open"], &changed["quantity"]),
        (&json!("winter"), &json!(false), &json!(2))
    );
    assert_eq!((&changed["endDate"], &changed["perMemberLimit"]), (&json!(LAST_DAY), &json!(1)));
    must_refuse(&claim(&app, campaign_id, 2), 409, "coupon.campaign_closed");
    // What was promised counts as given.
    stock(&app, campaign_id, 1);
    must_refuse(&app.patch(&path, &json!({"quantity": 1})), 422, "coupon.wrong_quantity");
    must_refuse(&app.patch(&path, &json!({"quantity": 10_000_001})), 422, "coupon.wrong_quantity");
    must_refuse(&app.patch("/couponCampaigns/99", &json!({"open": true})), 404, "coupon.campaign_unknown");
    // A closed campaign's codes are good all the same.
    bring(&app, &free_codes(&app, campaign_id)[0], 2).must_be(201);
    app.patch(&path, &json!({"open": true, "quantity": 3})).must_be(200);
    claim(&app, campaign_id, 3).must_be(201);
    verify(&app);
}

#[test]
fn what_no_campaign_is_like_is_refused() {
    let app = alone(Engine::Sqlite, 1);
    let with = |field: &str, value: serde_json::Value| {
        let mut body = terms(10, 1);
        body[field] = value;
        app.post("/couponCampaigns", &body)
    };
    for (field, value, code) in [
        ("quantity", json!(0), "coupon.wrong_quantity"),
        ("quantity", json!(10_000_001), "coupon.wrong_quantity"),
        ("perMemberLimit", json!(0), "coupon.wrong_limit"),
        ("perMemberLimit", json!(1_001), "coupon.wrong_limit"),
        ("endDate", json!("2026-08-30"), "coupon.wrong_dates"),
        ("endDate", json!("2026-02-30"), "request.invalid_value"),
        ("startDate", json!("31.08.2026"), "request.invalid_value"),
        ("startDate", json!("2026-09-03"), "coupon.wrong_dates"),
        ("codePattern", json!("SUMMER"), "request.invalid_value"),
        ("codePattern", json!("SUMMER-####-####"), "request.invalid_value"),
        ("name", json!("  "), "request.invalid_value"),
        ("campaignId", json!(0), "request.invalid_value"),
    ] {
        let answer = with(field, value.clone());
        answer.must_be_problem(422);
        if code.starts_with("coupon.") {
            assert_eq!(answer.code(), code, "{field} {value}: {}", answer.text);
        }
    }
    with("campaignId", json!(5)).must_be(201);
    must_refuse(&with("campaignId", json!(5)), 409, "coupon.campaign_number_taken");
    for count in [0, 11] {
        let answer = app.post("/couponCampaigns/5/issues", &json!({"count": count}));
        must_refuse(&answer, 422, "coupon.wrong_count");
    }
    must_refuse(&app.post("/couponCampaigns/9/issues", &json!({"count": 1})), 404, "coupon.campaign_unknown");
    must_refuse(&claim(&app, 9, 1), 404, "coupon.campaign_unknown");
    must_refuse(&claim(&app, 5, 2), 404, "coupon.wallet_unknown");
    assert_eq!(app.get("/couponCampaigns/5/issues/1").status, 404);
    assert_eq!(figures(&app, 5), [0; 6]);
    verify(&app);
}

#[test]
fn a_repeat_with_the_same_key_gets_the_same_answer() {
    for engine in STORES {
        let app = alone(engine, 2);
        let campaign_id = kit::campaign(&app, 10, 3);
        let issues = format!("/couponCampaigns/{campaign_id}/issues");
        let wish = kit::wish(campaign_id, 1);
        for (path, body) in [("/coupons", &wish), (&*issues, &json!({"count": 2}))] {
            let send = || app.request("POST", path).key("k-1").json(body).send();
            let (first, again) = (send().must_be(201), send().must_be(201));
            assert_eq!(first.header("location"), again.header("location"), "{path}");
        }
        let first = app.request("POST", "/coupons").key("k-2").json(&kit::wish(campaign_id, 2)).send().must_be(201);
        app.delete(&format!("/coupons/{}", first.json["couponId"])).must_be(204);
        let again = app.request("POST", "/coupons").key("k-2").json(&kit::wish(campaign_id, 2)).send().must_be(201);
        assert_eq!(first.json, again.json, "whatever happened to it since");
        let open = || app.request("POST", "/couponCampaigns").key("k-3").json(&terms(1, 1)).send().must_be(201);
        assert_eq!(open().json["campaignId"], open().json["campaignId"]);
        verify(&app);
    }
}

#[test]
fn the_operator_runs_campaigns_and_members_claim_for_themselves() {
    let app = alone(Engine::Sqlite, 2);
    let campaign_id = kit::campaign(&app, 10, 1);
    stock(&app, campaign_id, 1);
    let (member, merchant) = (key(&app, Role::Owner("member"), Some(1)), key(&app, Role::Owner("merchant"), Some(1)));
    let ask = |key: &str, method: &'static str, path: &str, body: Option<serde_json::Value>| {
        let request = app.request(method, path).header("Authorization", &format!("Bearer {key}"));
        body.map_or_else(|| app.request(method, path), |body| request.json(&body)).header("Accept", "*/*")
    };
    let get = |key: &str, path: &str| {
        app.request("GET", path).header("Authorization", &format!("Bearer {key}")).send().status
    };
    let one = format!("/couponCampaigns/{campaign_id}");
    assert_eq!((get(&member, &one), get(&merchant, &one)), (200, 200));
    assert_eq!((get(&member, "/couponCampaigns"), get(&merchant, "/couponCampaigns")), (403, 200));
    for path in [format!("{one}/issues"), format!("{one}/issues/1"), format!("{one}/codes")] {
        assert_eq!((get(&member, &path), get(&merchant, &path)), (403, 403), "{path}");
    }
    for key in [&member, &merchant] {
        for (method, path, body) in [
            ("POST", "/couponCampaigns".to_owned(), terms(1, 1)),
            ("PATCH", one.clone(), json!({"open": false})),
            ("POST", format!("{one}/issues"), json!({"count": 1})),
            ("POST", "/coupons".to_owned(), kit::wish(campaign_id, 2)),
        ] {
            ask(key, method, &path, Some(body)).send().must_be_problem(403);
        }
    }
    ask(&member, "POST", "/coupons", Some(kit::wish(campaign_id, 1))).send().must_be(201);
    assert_eq!(figures(&app, campaign_id), [1, 0, 0, 0, 0, 0]);
}
