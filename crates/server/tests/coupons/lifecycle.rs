//! What becomes of a coupon, from joining to its last day.

use serde_json::json;

use crate::support::{Engine, Setup, TestApp};
use crate::{STORES, begun, code, coupon, ids, must_refuse, nobodys, programme, redeem, status};

#[test]
fn who_joins_gets_a_coupon_for_six_months() {
    for engine in STORES {
        let app = programme(engine, 2);
        let first = coupon(&app, 1);
        assert_eq!((&first["memberId"], &first["status"]), (&json!(1), &json!("ISSUED")));
        assert_eq!((&first["startDate"], &first["endDate"]), (&json!("2026-08-31"), &json!("2027-02-28")));
        assert!(first["campaignId"].is_null() && first["redeemedAt"].is_null(), "{first}");
        let text = code(&app, 1);
        assert!(text.len() == 19 && text != code(&app, 2), "{text}");
        assert_eq!(ids(&app, "/coupons"), [1, 2]);
        assert_eq!(ids(&app, "/coupons?memberId=2"), [2]);
        assert_eq!(ids(&app, "/coupons?memberId=3"), [] as [i64; 0]);
        assert_eq!(ids(&app, "/coupons?campaignId=1"), [] as [i64; 0]);
        assert_eq!(ids(&app, "/coupons?status=ISSUED"), [1, 2]);
        for typed in [text.clone(), text.to_lowercase(), text.replace('-', ""), text.replace('-', "%20")] {
            assert_eq!(ids(&app, &format!("/coupons?code={typed}")), [1], "{typed}");
        }
        assert_eq!(ids(&app, &format!("/coupons?code={text}&memberId=2")), [] as [i64; 0]);
        app.verify();
    }
}

#[test]
fn a_list_goes_on_where_its_page_ended() {
    for engine in STORES {
        let app = programme(engine, 3);
        for path in ["/coupons?limit=1", "/coupons?limit=1&status=ISSUED"] {
            let first = app.get(path).must_be(200).json;
            let next = first["_links"]["next"]["href"].as_str().expect("a next page").to_owned();
            let next = next.strip_prefix(&app.base()).expect("links lead here").to_owned();
            assert_eq!(ids(&app, &next), [2], "{next}");
        }
        let last = app.get("/coupons?limit=3").must_be(200).json;
        assert!(last["_links"]["next"].is_null(), "{last}");
        assert_eq!(ids(&app, "/coupons?status=REDEEMED"), [] as [i64; 0]);
    }
}

#[test]
fn a_coupon_is_redeemed_rolled_back_and_taken_back() {
    for engine in STORES {
        let app = programme(engine, 1);
        let text = code(&app, 1);
        let body = json!({"code": text.to_lowercase(), "memberId": "01", "reference": {"type": "receipt", "id": 7}});
        let redeemed = app.post("/coupons/redemptions", &body).must_be(201);
        assert_eq!(redeemed.header("location"), Some(&*format!("{}/coupons/1", app.base())));
        assert_eq!(redeemed.json["status"], "REDEEMED");
        assert_eq!(redeemed.json["reference"], json!({"type": "receipt", "id": "7"}));
        assert!(redeemed.json["redeemedAt"].as_str().is_some_and(|at| at.starts_with("2026-08-31T10:")));
        let mut answered = redeemed.json.clone();
        answered["_links"] = json!(null);
        assert_eq!(coupon(&app, 1), answered);
        must_refuse(&redeem(&app, &text), 409, "coupon.redeemed");
        must_refuse(&app.delete("/coupons/1"), 409, "coupon.redeemed");

        app.delete("/coupons/1/redemption").must_be(204);
        let back = coupon(&app, 1);
        assert!(back["status"] == "ISSUED" && back["redeemedAt"].is_null() && back["reference"].is_null(), "{back}");
        must_refuse(&app.delete("/coupons/1/redemption"), 409, "coupon.not_redeemed");
        redeem(&app, &text).must_be(201);
        app.delete("/coupons/1/redemption").must_be(204);

        app.delete("/coupons/1").must_be(204);
        app.delete("/coupons/1").must_be(204);
        assert_eq!(status(&app, 1), "CANCELLED");
        must_refuse(&redeem(&app, &text), 409, "coupon.cancelled");
        must_refuse(&app.delete("/coupons/1/redemption"), 409, "coupon.not_redeemed");
        assert_eq!(ids(&app, "/coupons?status=CANCELLED"), [1]);
        app.settle();
        app.verify();
    }
}

#[test]
fn a_coupon_is_good_to_the_end_of_its_last_day() {
    for engine in STORES {
        let app = programme(engine, 2);
        let [first, second] = [1, 2].map(|coupon_id| code(&app, coupon_id));
        // From 31 August to 28 February.
        app.clock.advance_days(181);
        redeem(&app, &first).must_be(201);
        assert_eq!(status(&app, 2), "ISSUED");
        app.clock.advance_days(1);
        assert_eq!((status(&app, 1), status(&app, 2)), ("REDEEMED".to_owned(), "EXPIRED".to_owned()));
        assert_eq!(ids(&app, "/coupons?status=EXPIRED"), [2]);
        assert_eq!(ids(&app, "/coupons?status=ISSUED"), [] as [i64; 0]);
        must_refuse(&redeem(&app, &second), 409, "coupon.expired");
        must_refuse(&app.delete("/coupons/2"), 409, "coupon.expired");
        // What is rolled back too late is over.
        app.delete("/coupons/1/redemption").must_be(204);
        assert_eq!(status(&app, 1), "EXPIRED");
        app.settle();
        app.verify();
    }
}

#[test]
fn a_programme_may_give_no_coupon_for_joining() {
    let app = begun(Setup::on(Engine::Sqlite).with(&["coupon.join_months=0"]), 1);
    assert_eq!(ids(&app, "/coupons"), [] as [i64; 0]);
    app.leave(1);
    app.settle();
    app.verify();
}

#[test]
fn who_joins_while_coupon_is_stopped_has_the_coupon_from_the_day_of_joining() {
    for engine in STORES {
        let app = TestApp::start_up(Setup::on(engine).starting_at(crate::BEGINS));
        app.stop("coupon");
        app.join(1, "01085581234").must_be(201);
        app.get("/coupons").must_be_problem(503);
        redeem(&app, &nobodys()).must_be_problem(503);
        app.clock.advance_days(3);
        app.start("coupon");
        app.settle();
        assert_eq!(
            (&coupon(&app, 1)["startDate"], &coupon(&app, 1)["endDate"]),
            (&json!("2026-08-31"), &json!("2027-02-28"))
        );
        app.verify();
    }
}
