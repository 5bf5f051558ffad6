//! What is refused, and that it changes nothing.

use serde_json::json;

use crate::{ENGINES, code, must_refuse, nobodys, programme, redeem, told};

#[test]
fn refusals_change_nothing() {
    for engine in ENGINES {
        let app = programme(engine, 2);
        let text = code(&app, 1);
        let (state, events) = (app.state(), told(&app));
        // One character that is wrong, and two that are exchanged.
        let wrong = text.replacen(
            |c: char| c == text.chars().next().unwrap_or_default(),
            if text.starts_with('7') { "8" } else { "7" },
            1,
        );
        for typed in
            [&*wrong, "", "7K3M", &text[..18], &format!("{text}0"), "가나다라-마바사아-자차카타", "7K3M-Q2ZT-90VX-4HB#"]
        {
            let answer = redeem(&app, typed);
            must_refuse(&answer, 422, "coupon.code_malformed");
            assert_eq!(answer.json["pointer"], "/code");
        }
        // Well written, and nobody's.
        must_refuse(&redeem(&app, &nobodys()), 404, "coupon.code_unknown");
        let of_other = app.post("/coupons/redemptions", &json!({"code": text, "memberId": 2}));
        must_refuse(&of_other, 409, "coupon.of_another_member");
        for (body, pointer) in [
            (json!({"code": text, "memberId": 0}), "/memberId"),
            (json!({"code": text, "memberId": "x"}), "/memberId"),
            (json!({"code": text, "reference": {"type": "", "id": 1}}), "/reference"),
            (json!({"code": text, "reference": 5}), "/reference"),
            (json!({"code": 5}), "/code"),
            (json!({"code": text, "color": "red"}), "/color"),
            (json!({}), "/code"),
        ] {
            let answer = app.post("/coupons/redemptions", &body);
            answer.must_be_problem(422);
            assert_eq!(answer.json["pointer"], pointer, "{body}: {}", answer.text);
        }
        for path in ["/coupons/99", "/coupons/0", "/coupons/99/redemption"] {
            must_refuse(&app.delete(path), 404, "coupon.unknown");
        }
        must_refuse(&app.delete("/coupons/1/redemption"), 409, "coupon.not_redeemed");
        for query in ["status=NEW", "memberId=0", "memberId=x", "campaignId=-1", "limit=0", "after=7", "code=7K3M"] {
            app.get(&format!("/coupons?{query}")).must_be_problem(422);
        }
        let gone = app.get("/coupons/99");
        assert_eq!((gone.status, &*gone.text), (404, ""));
        assert_eq!((app.state(), told(&app)), (state, events));
        redeem(&app, &text).must_be(201);
        assert_eq!(told(&app), events + 1, "control: what is right is told");
        app.settle();
        app.verify();
    }
}
