//! How many coupons of a campaign a member may have, whatever becomes of them, and however many ask at once.

use crate::kit::{self, alone, bring, campaign, claim, figures, free_codes, stock, verify, wish};
use crate::senders::{Sent, send_together};
use crate::support::{Answer, eventually};
use crate::{STORES, begun, must_refuse};

fn made(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 201).count()
}

#[test]
fn a_member_who_asks_many_times_at_once_gets_as_many_as_one_member_may() {
    for engine in STORES {
        let app = alone(engine, 3);
        let campaign_id = campaign(&app, 100, 2);
        stock(&app, campaign_id, 20);
        let answers = send_together(&vec![(app.address(), Sent::post("/coupons", wish(campaign_id, 1))); 40]);
        assert_eq!(made(&answers), 2, "{answers:?}");
        assert!(answers.iter().all(|answer| answer.status == 201 || answer.code() == "coupon.member_limit"));
        // Claims and codes that are brought count together.
        let codes = free_codes(&app, campaign_id);
        let mut all = vec![(app.address(), Sent::post("/coupons", wish(campaign_id, 2))); 6];
        for code in &codes[6..12] {
            let body = serde_json::json!({"code": code, "memberId": 2});
            all.push((app.address(), Sent::post("/coupons/redemptions", body)));
        }
        let answers = send_together(&all);
        assert_eq!(made(&answers), 2, "{answers:?}");
        assert_eq!(claim(&app, campaign_id, 3).status, 201, "another member has a limit of its own");
        verify(&app);
    }
}

#[test]
fn what_was_cancelled_or_undone_makes_no_room() {
    for engine in STORES {
        let app = alone(engine, 2);
        let campaign_id = campaign(&app, 100, 2);
        let first = claim(&app, campaign_id, 1).must_be(201).json;
        app.delete(&format!("/coupons/{}", first["couponId"])).must_be(204);
        let second = claim(&app, campaign_id, 1).must_be(201).json;
        must_refuse(&claim(&app, campaign_id, 1), 409, "coupon.member_limit");
        bring(&app, second["code"].as_str().expect("a code"), 1).must_be(201);
        app.delete(&format!("/coupons/{}/redemption", second["couponId"])).must_be(204);
        must_refuse(&claim(&app, campaign_id, 1), 409, "coupon.member_limit");
        // A code that nobody has counts for who brings it, also when its redemption is undone: it is that member's now.
        stock(&app, campaign_id, 3);
        let codes = free_codes(&app, campaign_id);
        must_refuse(&bring(&app, &codes[0], 1), 409, "coupon.member_limit");
        let brought = bring(&app, &codes[0], 2).must_be(201).json;
        app.delete(&format!("/coupons/{}/redemption", brought["couponId"])).must_be(204);
        bring(&app, &codes[0], 2).must_be(201);
        bring(&app, &codes[1], 2).must_be(201);
        must_refuse(&bring(&app, &codes[2], 2), 409, "coupon.member_limit");
        assert_eq!(figures(&app, campaign_id), [5, 0, 1, 2, 1, 0]);
        verify(&app);
    }
}

#[test]
fn who_leaves_loses_what_is_left_and_gets_nothing_more() {
    for engine in STORES {
        let app = begun(crate::Setup::on(engine).starting_at(crate::BEGINS), 1);
        let campaign_id = campaign(&app, 10, 3);
        let used = claim(&app, campaign_id, 1).must_be(201).json;
        bring(&app, used["code"].as_str().expect("a code"), 1).must_be(201);
        let left = claim(&app, campaign_id, 1).must_be(201).json;
        app.leave(1);
        eventually("what is left is lost", || figures(&app, campaign_id) == [2, 0, 0, 1, 1, 0]);
        must_refuse(&claim(&app, campaign_id, 1), 404, "coupon.wallet_unknown");
        must_refuse(&bring(&app, left["code"].as_str().expect("a code"), 1), 409, "coupon.cancelled");
        let undo = app.delete(&format!("/coupons/{}/redemption", used["couponId"]));
        must_refuse(&undo, 404, "coupon.wallet_unknown");
        stock(&app, campaign_id, 1);
        must_refuse(&bring(&app, &free_codes(&app, campaign_id)[0], 1), 404, "coupon.wallet_unknown");
        app.settle();
        kit::verify(&app);
    }
}
