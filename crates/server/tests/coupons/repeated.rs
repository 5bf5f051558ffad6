//! The same request, however often it comes, counts once and is answered as the first time.

use serde_json::{Value, json};

use crate::senders::{Sent, all_equal, send_together};
use crate::support::{Engine, Setup};
use crate::{ENGINES, begun, code, coupon, nobodys, programme, redeem, status, told};

fn delete(path: &str, key: &str) -> Sent {
    Sent { method: "DELETE", path: path.to_owned(), body: None, key: Some(key.to_owned()) }
}

#[test]
fn a_repeated_request_is_one_redemption() {
    for engine in ENGINES {
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
    for engine in ENGINES {
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
