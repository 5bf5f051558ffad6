//! Carts are removed: before they are paid, after, with a used voucher, twice, together, and without gifticon.

use serde_json::json;

use crate::line::{Line, Lost};
use crate::senders::{Sent, send_together};
use crate::support::{Engine, TestApp, eventually};
use crate::{all_over, id, left, listed, paid, payment, programme, put, register, shown, vouchers};

fn removal(cart_id: i64) -> Sent {
    Sent { method: "DELETE", path: format!("/carts/{cart_id}"), body: None, key: None }
}

/// They are gone, their stock is free and their money given back or never taken.
fn are_gone(app: &TestApp, carts: &[i64], free: i64) {
    for cart_id in carts {
        assert_eq!(app.get(&format!("/carts/{cart_id}")).status, 404);
        eventually("its payment is cancelled", || payment(app, *cart_id) == "PaymentCanceled");
    }
    eventually("the stock is free", || left(app) == free);
    all_over(app);
    assert_eq!(left(app), free);
    let all = carts.iter().flat_map(|cart_id| vouchers(app, *cart_id));
    assert!(all.into_iter().all(|voucher| voucher["status"] == "CANCELLED"));
}

#[test]
fn a_cart_goes_before_it_is_paid_and_after() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine, 100);
        app.stop("payment");
        let unpaid = id(&put(&app, 3).must_be(201));
        app.delete(&format!("/carts/{unpaid}")).must_be(204);
        app.delete(&format!("/carts/{unpaid}")).must_be_problem(404);
        app.start("payment");
        let cart_id = paid(&app, 3);
        app.delete(&format!("/carts/{cart_id}")).must_be(204);
        app.delete(&format!("/carts/{cart_id}")).must_be_problem(404);
        are_gone(&app, &[unpaid, cart_id], 100);
        app.delete("/carts/999").must_be_problem(404);
        assert_eq!(listed(&app), Vec::<i64>::new());
    }
}

#[test]
fn a_cart_with_a_used_voucher_stays() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut app = programme(engine, 100);
        let cart_id = paid(&app, 2);
        let code = vouchers(&app, cart_id)[0]["code"].as_str().expect("a code").to_owned();
        app.post(&format!("/vouchers/{code}/uses"), &json!({})).must_be(201);
        let keyed = Sent { key: Some("k".to_owned()), ..removal(cart_id) };
        for sent in [&keyed, &removal(cart_id), &keyed] {
            let answer = sent.to(app.address());
            answer.must_be_problem(409);
            assert_eq!(answer.code(), "cart.voucher_used");
        }
        app.restart();
        assert_eq!(keyed.to(app.address()).code(), "cart.voucher_used");
        all_over(&app);
        let cart = shown(&app, cart_id);
        assert_eq!((&cart["status"], &cart["failReason"]), (&json!("PaymentApproved"), &json!("voucher_used")));
        assert_eq!((left(&app), payment(&app, cart_id)), (98, "PaymentApproved".to_owned()));
        assert_eq!(vouchers(&app, cart_id).iter().filter(|voucher| voucher["status"] == "ISSUED").count(), 1);
    }
}

#[test]
fn the_same_removal_is_answered_the_same() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut app = programme(engine, 100);
        let cart_id = paid(&app, 3);
        let keyed = Sent { key: Some("k".to_owned()), ..removal(cart_id) };
        let answers = send_together(&vec![(app.address(), keyed.clone()); 16]);
        assert!(answers.iter().all(|answer| answer.status == 204), "{answers:?}");
        app.restart();
        keyed.to(app.address()).must_be(204);
        removal(cart_id).to(app.address()).must_be_problem(404);
        are_gone(&app, &[cart_id], 100);
    }
}

#[test]
fn removals_that_race_each_other_and_the_payment_end_once() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine, 100);
        for _ in 0..8 {
            // Whether it is paid by then is left to chance.
            let cart_id = id(&put(&app, 5).must_be(201));
            let answers = send_together(&vec![(app.address(), removal(cart_id)); 4]);
            assert!(answers.iter().any(|answer| answer.status == 204), "{answers:?}");
            assert!(answers.iter().all(|answer| matches!(answer.status, 204 | 404)), "{answers:?}");
        }
        are_gone(&app, &[1, 2, 3, 4, 5, 6, 7, 8], 100);
    }
}

#[test]
fn a_removal_goes_on_by_itself_once_gifticon_is_heard_of() {
    for (engine, lost) in [(Engine::Sqlite, Lost::Questions), (Engine::Postgres, Lost::Answers)] {
        let line = Line::default();
        let mut app = line.open(engine, &[]);
        register(&app, 1, 100);
        let cart_id = paid(&app, 3);
        line.lose(lost);
        let keyed = Sent { key: Some("k".to_owned()), ..removal(cart_id) };
        for sent in [&keyed, &removal(cart_id)] {
            let answer = sent.to(app.address());
            answer.must_be_problem(503);
            assert_eq!(answer.code(), "gifticon.unavailable");
        }
        assert_eq!(shown(&app, cart_id)["status"], "PaymentApproved", "it is there until gifticon has spoken");
        app.restart();
        line.lose(Lost::Nothing);
        app.clock.advance_ms(2_000);
        eventually("the sweep removes it", || app.get(&format!("/carts/{cart_id}")).status == 404);
        keyed.to(app.address()).must_be(204);
        are_gone(&app, &[cart_id], 100);
    }
}

#[test]
fn a_repeat_takes_a_removal_up_where_it_stopped() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let line = Line::default();
        let app = line.open(engine, &[]);
        register(&app, 1, 100);
        let (removed, used) = (paid(&app, 3), paid(&app, 1));
        let code = vouchers(&app, used)[0]["code"].as_str().expect("a code").to_owned();
        app.post(&format!("/vouchers/{code}/uses"), &json!({})).must_be(201);
        line.lose(Lost::Answers);
        for cart_id in [removed, used] {
            assert_eq!(removal(cart_id).to(app.address()).status, 503);
        }
        line.lose(Lost::Nothing);
        // The clock stands: it is the repeat, not the sweep.
        removal(removed).to(app.address()).must_be(204);
        assert_eq!(removal(used).to(app.address()).code(), "cart.voucher_used");
        are_gone(&app, &[removed], 99);
        assert_eq!(listed(&app), [used]);
    }
}

#[test]
fn a_removal_that_cannot_be_asked_about_keeps_no_other_waiting() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let line = Line::default();
        let app = line.open(engine, &[]);
        register(&app, 1, 100);
        let [kept, other] = [paid(&app, 3), paid(&app, 2)];
        line.lose(Lost::Questions);
        for cart_id in [kept, other] {
            assert_eq!(removal(cart_id).to(app.address()).status, 503);
        }
        // The first cart of a store is that of its first reservation.
        line.keep(1);
        line.lose(Lost::Nothing);
        app.clock.advance_ms(2_000);
        eventually("the other one is removed", || app.get(&format!("/carts/{other}")).status == 404);
        assert_eq!(shown(&app, kept)["status"], "PaymentApproved");
        line.keep(0);
        eventually("this one too", || app.get(&format!("/carts/{kept}")).status == 404);
        are_gone(&app, &[kept, other], 100);
    }
}
