//! The same request, however often it comes, counts once and is answered as the first time.

use serde_json::{Value, json};

use crate::kit::{ALONE, SOON, campaign, claim, figures, is_now, joined, shown, terms, verify, wish};
use crate::senders::{Sent, all_equal, send_together};
use crate::support::{Engine, Setup, TestApp, within};
use crate::{STORES, begun, code, coupon, nobodys, programme, redeem, status, told};

fn delete(path: &str, key: &str) -> Sent {
    Sent { method: "DELETE", path: path.to_owned(), body: None, key: Some(key.to_owned()) }
}

#[test]
fn a_repeated_request_is_one_redemption() {
    for engine in STORES {
        let mut app = begun(Setup::on(engine).with(&["http.base_url=http://onepoint.test"]), 1);
        let text = code(&app, 1);
        let body = json!({"code": text, "reference": {"type": "receipt", "id": "7"}});
        let sent = Sent::post("/coupons/redemptions", body).key("r");
        let first = all_equal(&send_together(&vec![(app.address(), sent.clone()); 64])).must_be(201);
        let undo = delete("/coupons/1/redemption", "u");
        all_equal(&send_together(&vec![(app.address(), undo.clone()); 16])).must_be(204);
        let unknown = Sent::post("/coupons/redemptions", json!({"code": nobodys()})).key("n");
        let refused = all_equal(&send_together(&vec![(app.address(), unknown.clone()); 16])).must_be(404);
        app.settle();
        app.restart();
        // It was rolled back since, and its request is answered as it was.
        let same = |sent: &Sent, app: &crate::support::TestApp, answer: &Value| {
            let mut again = sent.to(app.address()).json;
            again["requestId"] = answer["requestId"].clone();
            assert_eq!(&again, answer);
        };
        assert_eq!(sent.to(app.address()).must_be(201).json, first.json);
        same(&unknown, &app, &refused.json);
        undo.to(app.address()).must_be(204);
        assert_eq!(status(&app, 1), "ISSUED");
        let other = Sent::post("/coupons/redemptions", json!({"code": nobodys()})).key("r").to(app.address());
        assert_eq!((other.status, other.code()), (422, "idempotency.key_reused"));

        let events = told(&app);
        let cancel = delete("/coupons/1", "c");
        all_equal(&send_together(&vec![(app.address(), cancel.clone()); 16])).must_be(204);
        let again = delete("/coupons/1", "c2");
        again.to(app.address()).must_be(204);
        again.to(app.address()).must_be(204);
        assert_eq!(told(&app), events + 1);
        app.settle();
        app.verify();
    }
}

#[test]
fn control_without_the_memory_of_keys_the_repeat_is_another_redemption() {
    let app = begun(Setup { remembers_keys: false, ..Setup::on(Engine::Sqlite) }, 1);
    let sent = Sent::post("/coupons/redemptions", json!({"code": code(&app, 1)})).key("r");
    sent.to(app.address()).must_be(201);
    assert_eq!(sent.to(app.address()).code(), "coupon.redeemed");
    app.delete("/coupons/1/redemption").must_be(204);
    sent.to(app.address()).must_be(201);
    assert_eq!(coupon(&app, 1)["status"], "REDEEMED");
}

#[test]
fn what_was_answered_is_still_so_after_a_restart() {
    for engine in STORES {
        let mut app = programme(engine, 2);
        redeem(&app, &code(&app, 1)).must_be(201);
        app.delete("/coupons/2").must_be(204);
        let before = (coupon(&app, 1), coupon(&app, 2), told(&app));
        app.restart();
        app.settle();
        assert_eq!((coupon(&app, 1), coupon(&app, 2), told(&app)), before);
        app.verify();
    }
}

/// Campaigns and bulk issues go on; who repeats a request about them hears what was said first.
#[test]
fn a_repeated_request_about_a_campaign_is_answered_as_the_first_time() {
    for engine in STORES {
        let mut app = TestApp::start_up(
            Setup::on(engine).starting_at(crate::BEGINS).with(&[ALONE, "http.base_url=http://onepoint.test"]),
        );
        joined(&app, 2);
        let patch = |body: Value, key: &str| Sent {
            method: "PATCH",
            path: "/couponCampaigns/1".to_owned(),
            body: Some(body),
            key: Some(key.to_owned()),
        };
        let open = Sent::post("/couponCampaigns", terms(5, 1)).key("open");
        let change = patch(json!({"name": "winter", "quantity": 4}), "change");
        let nothing = patch(json!({"open": true}), "nothing");
        let issue = Sent::post("/couponCampaigns/1/issues", json!({"count": 2})).key("issue");
        let say = |sent: &Sent, app: &TestApp| sent.to(app.address()).json;
        let opened = say(&open, &app);
        claim(&app, 1, 1).must_be(201);
        let [changed, unchanged] = [&change, &nothing].map(|sent| say(sent, &app));
        assert_eq!((&changed["issued"], &unchanged["quantity"]), (&json!(1), &json!(4)));
        let begun = say(&issue, &app);
        assert_eq!((&begun["status"], &begun["issued"]), (&json!("RUNNING"), &json!(0)));
        within(SOON, "the codes are made", || figures(&app, 1)[1] == 0);
        app.patch("/couponCampaigns/1", &json!({"name": "spring", "open": false, "quantity": 9})).must_be(200);
        app.restart();
        for (sent, first) in [(&open, &opened), (&change, &changed), (&nothing, &unchanged), (&issue, &begun)] {
            assert_eq!(&say(sent, &app), first, "{}", sent.path);
        }
        assert_eq!(shown(&app, 1)["name"], "spring", "control: it has gone on");
        verify(&app);
    }
}

#[test]
fn a_coupon_of_the_last_day_was_good_when_it_was_asked_for() {
    for engine in STORES {
        let app = TestApp::start_up(
            Setup::on(engine).starting_at(crate::BEGINS).with(&[ALONE, "http.base_url=http://onepoint.test"]),
        );
        joined(&app, 1);
        let campaign_id = campaign(&app, 5, 1);
        is_now(&app, "2026-09-02T23:59:30+09:00");
        let sent = Sent::post("/coupons", wish(campaign_id, 1)).key("last");
        let first = sent.to(app.address()).must_be(201).json;
        is_now(&app, "2026-09-03T00:00:10+09:00");
        assert_eq!(sent.to(app.address()).must_be(201).json, first);
        assert_eq!((&first["status"], status(&app, 1)), (&json!("ISSUED"), "EXPIRED".to_owned()));
    }
}
