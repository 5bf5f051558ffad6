//! However many bring a code at the same moment, one of them redeems it.

use serde_json::json;

use crate::senders::{Sent, send_together};
use crate::support::Engine;
use crate::{ENGINES, code, programme};

const PEOPLE: usize = 64;

fn redemption(code: &str) -> Sent {
    Sent::post("/coupons/redemptions", json!({"code": code}))
}

#[test]
fn of_64_people_one_redeems_a_code() {
    for engine in ENGINES {
        let app = programme(engine, 1);
        let text = code(&app, 1);
        let answers = send_together(&vec![(app.address(), redemption(&text)); PEOPLE]);
        let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((count(201), count(409)), (1, PEOPLE - 1), "{answers:?}");
        assert!(answers.iter().all(|answer| answer.status == 201 || answer.code() == "coupon.redeemed"));
        // Undone by many, it is undone once, and then it is redeemed once again.
        let undo = Sent { method: "DELETE", path: "/coupons/1/redemption".to_owned(), body: None, key: None };
        let undone = send_together(&vec![(app.address(), undo); PEOPLE]);
        assert_eq!(undone.iter().filter(|answer| answer.status == 204).count(), 1, "{undone:?}");
        let again = send_together(&vec![(app.address(), redemption(&text)); PEOPLE]);
        assert_eq!(again.iter().filter(|answer| answer.status == 201).count(), 1, "{again:?}");
        app.settle();
        app.verify();
    }
}

#[test]
fn control_with_a_code_each_all_of_them_redeem() {
    let people = 8;
    let app = programme(Engine::Sqlite, people);
    let all: Vec<_> = (1..=people).map(|coupon_id| (app.address(), redemption(&code(&app, coupon_id)))).collect();
    assert!(send_together(&all).iter().all(|answer| answer.status == 201));
    app.verify();
}

#[test]
fn a_redemption_races_with_the_operators_cancel() {
    for engine in ENGINES {
        for _ in 0..4 {
            let app = programme(engine, 1);
            let cancel = Sent { method: "DELETE", path: "/coupons/1".to_owned(), body: None, key: None };
            let mut all = vec![(app.address(), cancel); 4];
            all.extend(vec![(app.address(), redemption(&code(&app, 1))); 4]);
            let answers = send_together(&all);
            let redeemed = answers[4..].iter().filter(|answer| answer.status == 201).count();
            let cancelled = answers[..4].iter().filter(|answer| answer.status == 204).count();
            assert!((redeemed, cancelled) == (1, 0) || (redeemed, cancelled) == (0, 4), "{answers:?}");
            app.verify();
        }
    }
}
