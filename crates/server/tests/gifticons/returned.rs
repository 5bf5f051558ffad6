//! What comes back: of carts that end unpaid, of those that are removed, and of those that never came. Each once.

use std::sync::Arc;

use app::gifticon::{GifticonApi, Revocation};
use domain::cart::Event as CartEvent;
use serde_json::json;

use crate::ENGINES;
use crate::kit::{
    SOON, approve, cart, codes, figures, gifticons, keep, number, on_voucher, runtime, sell, shop, status, tell,
};
use crate::support::{TestApp, within};

fn revoke(app: &TestApp, reservation_id: i64) -> Revocation {
    runtime().block_on(gifticons(app).revoke(reservation_id)).expect("it answers")
}

fn decline(app: &TestApp, reservation_id: i64, quantity: i64) {
    let reason = "card_declined".to_owned();
    tell(app, reservation_id, &CartEvent::CartDeclined { cart: cart(reservation_id, quantity), payment_id: 1, reason });
}

fn returns(app: &TestApp) -> i64 {
    number(app, "SELECT count(*) FROM event WHERE type = 'StockReturned'")
}

#[test]
fn what_was_not_paid_comes_back_once_however_often_it_is_told() {
    for engine in ENGINES {
        let app = shop(engine, 10);
        let [declined, removed] = [keep(&app, 3), keep(&app, 4)];
        assert_eq!(figures(&app, 1), [3, 7, 0, 10]);
        for _ in 0..3 {
            decline(&app, declined, 3);
            tell(&app, removed, &CartEvent::CartRemoved(cart(removed, 4)));
        }
        app.settle();
        assert_eq!(figures(&app, 1), [10, 0, 0, 10]);
        // What is over stays over, whatever is told afterwards.
        approve(&app, removed, 4);
        assert_eq!(revoke(&app, declined), Revocation::Revoked);
        app.settle();
        assert_eq!((figures(&app, 1), returns(&app)), ([10, 0, 0, 10], 2));
        assert!(codes(&app, removed).is_empty());
        app.verify_gifticons();
    }
}

#[test]
fn a_paid_cart_is_revoked_with_its_vouchers_unless_one_was_used() {
    for engine in ENGINES {
        let app = shop(engine, 10);
        let (revoked, void) = sell(&app, 2);
        let (kept, used) = sell(&app, 3);
        on_voucher(&app, &used[1], "uses").must_be(201);
        on_voucher(&app, &void[0], "cancellations").must_be(201);
        assert_eq!(figures(&app, 1), [5, 0, 5, 10]);
        for _ in 0..2 {
            assert_eq!(revoke(&app, revoked), Revocation::Revoked);
            assert_eq!(revoke(&app, kept), Revocation::Refused("voucher_used".to_owned()));
            assert_eq!(figures(&app, 1), [7, 0, 3, 10]);
        }
        assert!(void.iter().all(|code| status(&app, code) == "CANCELLED"));
        assert_eq!(on_voucher(&app, &void[1], "uses").code(), "gifticon.voucher_cancelled");
        assert_eq!(used.iter().map(|code| status(&app, code)).collect::<Vec<_>>(), ["ISSUED", "USED", "ISSUED"]);
        // One of the two was void before.
        let sql = r#"SELECT count(*) FROM event WHERE type = 'StockReturned' AND data LIKE '%"cancelledVouchers":1%'"#;
        assert_eq!(number(&app, sql), 1);
        assert_eq!(revoke(&app, 99), Revocation::Refused("unknown".to_owned()));
        app.verify_gifticons();
    }
}

#[test]
fn a_use_and_a_revocation_at_the_same_moment_end_in_one_of_two_ways() {
    for engine in ENGINES {
        let app = shop(engine, 64);
        for _ in 0..8 {
            let (reservation_id, codes) = sell(&app, 1);
            let (answer, revocation) = std::thread::scope(|scope| {
                let using = scope.spawn(|| on_voucher(&app, &codes[0], "uses"));
                let revoking = scope.spawn(|| revoke(&app, reservation_id));
                (using.join().expect("an answer"), revoking.join().expect("an answer"))
            });
            let is_used = answer.status == 201;
            assert_eq!(is_used, revocation != Revocation::Revoked, "{}", answer.text);
            assert_eq!(status(&app, &codes[0]), if is_used { "USED" } else { "CANCELLED" });
        }
        app.verify_gifticons();
    }
}

#[test]
fn a_revocation_that_comes_before_the_vouchers_is_final() {
    for engine in ENGINES {
        let app = shop(engine, 10);
        let reservation_id = keep(&app, 4);
        app.stop("gifticon");
        approve(&app, reservation_id, 4);
        assert!(runtime().block_on(gifticons(&app).revoke(reservation_id)).is_err(), "it is stopped");
        app.start("gifticon");
        // Whichever of the two comes first, the stock is back and no voucher is good.
        assert_eq!(revoke(&app, reservation_id), Revocation::Revoked);
        app.settle();
        assert_eq!((figures(&app, 1), returns(&app)), ([10, 0, 0, 10], 1));
        app.verify_gifticons();
    }
}

#[test]
fn a_reservation_whose_cart_never_came_returns_and_one_with_a_cart_stays() {
    for engine in ENGINES {
        let app = shop(engine, 10);
        // So that the cart waits to be paid.
        app.stop("payment");
        app.start("cart");
        let added = app.post("/carts", &json!({"gifticonId": 1, "quantity": 4})).must_be(201).json;
        let lost = keep(&app, 3);
        assert_eq!(figures(&app, 1), [3, 7, 0, 10]);
        // While cart cannot be asked nothing comes back.
        app.stop("cart");
        app.clock.advance_ms(3_100);
        let swept = |what: &str| number(&app, &format!("SELECT count(*) FROM reservation WHERE {what}"));
        let asking = Arc::clone(&app.app().purchases.cart_questions);
        assert!(app.app().purchases.gifticons.sweep(asking).step().is_err(), "cart says nothing");
        assert_eq!((swept("ask_at IS NOT NULL"), returns(&app)), (2, 0));
        app.start("cart");
        within(SOON, "what nobody claims is free again", || figures(&app, 1)[0] == 6);
        within(SOON, "the other one is not asked about again", || swept("ask_at IS NOT NULL") == 0);
        assert_eq!(swept("status = 'RESERVED' AND cart_id IS NOT NULL"), 1);
        assert_eq!(figures(&app, 1), [6, 4, 0, 10]);
        // The cart that comes too late for the reservation that was lost does not bring it back.
        approve(&app, lost, 3);
        app.settle();
        assert_eq!((figures(&app, 1), returns(&app)), ([6, 4, 0, 10], 1));
        assert_eq!(app.get(&format!("/carts/{}", added["cartId"])).must_be(200).json["quantity"], 4);
        app.verify_gifticons();
    }
}
