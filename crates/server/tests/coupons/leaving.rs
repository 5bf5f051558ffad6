//! Coupon's part when a member leaves: what it holds, loses, and never gets back.

use std::sync::Arc;

use app::coupon::CouponApi;
use domain::coupon::Rejection;
use platform::consumer::forget_cursors;
use serde_json::json;

use crate::kit::{self, SOON, gone};
use crate::support::{Setup, TestApp, within};
use crate::{ENGINES, code, coupon, must_refuse, programme, redeem, status, told};

/// A member leaves, and everything has followed.
fn leave(app: &TestApp, member_id: i64) {
    app.leave(member_id);
    app.settle();
    assert_eq!(app.get(&format!("/withdrawals/{member_id}")).json["step"], "DONE");
}

/// Asks coupon as member does.
fn prepare(app: &TestApp, member_id: i64, attempt: i64) -> Result<i64, Rejection> {
    let coupons = Arc::clone(&app.app().coupons);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(coupons.prepare_withdrawal(member_id, attempt)).expect("coupon answers")
}

#[test]
fn who_leaves_loses_what_was_not_redeemed() {
    for engine in ENGINES {
        let app = programme(engine, 2);
        let text = code(&app, 1);
        let redeemed = code(&app, 2);
        redeem(&app, &redeemed).must_be(201);
        leave(&app, 1);
        leave(&app, 2);
        app.settle();
        assert_eq!((status(&app, 1), status(&app, 2)), ("CANCELLED".to_owned(), "REDEEMED".to_owned()));
        must_refuse(&redeem(&app, &text), 409, "coupon.cancelled");
        must_refuse(&app.delete("/coupons/2/redemption"), 404, "coupon.wallet_unknown");
        app.verify();
    }
}

#[test]
fn an_over_coupon_of_who_leaves_has_expired() {
    for engine in ENGINES {
        let app = programme(engine, 1);
        app.clock.advance_days(182);
        leave(&app, 1);
        app.settle();
        assert_eq!(status(&app, 1), "EXPIRED");
        app.verify();
    }
}

#[test]
fn a_prepared_wallet_refuses_until_it_is_released() {
    for engine in ENGINES {
        let app = programme(engine, 2);
        let [text, redeemed] = [1, 2].map(|coupon_id| code(&app, coupon_id));
        redeem(&app, &redeemed).must_be(201);
        // A real attempt, which is undone because point does not answer.
        app.stop("point");
        app.delete("/members/1").must_be_problem(503);
        app.start("point");
        app.settle();
        let attempt = 7;
        assert_eq!(prepare(&app, 1, attempt), Ok(1));
        assert_eq!(prepare(&app, 1, attempt), Ok(1), "asked again it says the same");
        assert_eq!(prepare(&app, 2, attempt), Ok(0));
        assert_eq!(prepare(&app, 99, attempt), Err(Rejection::WalletUnknown));
        let before = (coupon(&app, 1), coupon(&app, 2), told(&app));
        must_refuse(&redeem(&app, &text), 409, "coupon.member_leaving");
        must_refuse(&app.delete("/coupons/2/redemption"), 409, "coupon.member_leaving");
        assert_eq!((coupon(&app, 1), coupon(&app, 2), told(&app)), before);
        app.delete("/coupons/1").must_be(204);
        app.verify();
    }
}

#[test]
fn a_prepare_that_comes_after_its_release_finds_its_attempt_over() {
    for engine in ENGINES {
        let app = programme(engine, 1);
        let text = code(&app, 1);
        app.stop("point");
        app.delete("/members/1").must_be_problem(503);
        app.settle();
        let attempt = 1;
        assert_eq!(prepare(&app, 1, attempt), Err(Rejection::AttemptOver));
        redeem(&app, &text).must_be(201);
        app.start("point");
        leave(&app, 1);
        app.settle();
        for attempt in 1..=3 {
            assert_eq!(prepare(&app, 1, attempt), Err(Rejection::AttemptOver), "the member is gone");
        }
        app.verify();
    }
}

#[test]
fn the_whole_past_told_again_brings_nothing_back() {
    for engine in ENGINES {
        let mut app = programme(engine, 3);
        redeem(&app, &code(&app, 2)).must_be(201);
        leave(&app, 1);
        leave(&app, 2);
        app.settle();
        let before = (app.all_of("coupons"), told(&app));
        app.app().coupons.funnel.with_session(forget_cursors).expect("the cursors can be set back");
        app.restart();
        app.settle();
        assert_eq!((app.all_of("coupons"), told(&app)), before);
        assert_eq!(coupon(&app, 3)["memberId"], json!(3), "control: what is there is shown");
        app.verify();
    }
}

/// The event of joining was parked and dropped: member's withdrawal ends all the same.
#[test]
fn what_never_opened_closes() {
    for engine in ENGINES {
        let app = TestApp::start_up(Setup::on(engine).starting_at(crate::BEGINS).with(&["contexts=coupon,point"]));
        gone(&app, 5);
        let told = "SELECT count(*) FROM event WHERE subject = 5 AND type IN ('WalletOpened', 'WalletClosed')";
        within(SOON, "the wallet is closed", || kit::number(&app, told) == 2);
        assert_eq!(kit::number(&app, "SELECT closed FROM coupon_wallet WHERE member_id = 5"), 1);
        let told = "SELECT count(*) FROM event WHERE subject = 5 AND type IN ('AccountOpened', 'AccountClosed')";
        let in_point = || app.app().points.funnel.with_session(|tx| tx.query(told, &[])).expect(told)[0].int(0);
        within(SOON, "the account is closed", || in_point() == 2);
        // Who joins late, of whom it was told twice, or what is tried again, finds the member gone.
        app.app().coupons.funnel.with_session(forget_cursors).expect("the cursors can be set back");
        app.app().members.log.ring(true);
        kit::verify(&app);
        assert_eq!(prepare(&app, 5, 2), Err(Rejection::AttemptOver));
    }
}
