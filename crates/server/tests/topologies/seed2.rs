//! Seed 2: a coupon for joining, the operator who is told of it, my page, a withdrawal that takes the coupon along; coupon is
//! stopped meanwhile.

use serde_json::{Value, json};

use crate::support::cluster::{Cluster, must_hold};

pub fn run(set: &Cluster) {
    joining_brings_a_coupon(set);
    leaving_takes_it_along(set);
    without_coupon_nobody_leaves_and_members_join(set);
}

fn joining_brings_a_coupon(set: &Cluster) {
    let body = json!({"memberId": "0021", "phoneNo": "01021218123", "nickname": "SEQ1", "memberStatus": "READY"});
    let joined = set.post("/members", &body).must_be(201);
    must_hold(&joined, &json!({"memberId": 21, "couponStatus": "NONE", "notified": "N", "couponCancelled": "N"}));
    set.has_everything(21);
    let coupon = coupon_of(set, 21);
    assert_eq!((&coupon["memberId"], &coupon["status"]), (&json!(21), &json!("ISSUED")));
    set.eventually("my page shows the coupon", || on_page(set, 21).len() == 1);
    for field in ["couponId", "code", "status", "startDate", "endDate"] {
        assert_eq!(on_page(set, 21)[0][field], coupon[field], "{field}");
    }
}

fn leaving_takes_it_along(set: &Cluster) {
    let path = format!("/coupons/{}", coupon_of(set, 21)["couponId"]);
    set.leave(21);
    set.eventually("the coupon is cancelled", || set.get(&path).json["status"] == "CANCELLED");
    set.eventually("the withdrawal says so", || {
        let withdrawal = set.get("/withdrawals/21").json;
        withdrawal["couponCancelled"] == "Y" && withdrawal["step"] == "DONE"
    });
    set.eventually("the page is gone", || set.get("/mypages/21").status == 404);
}

fn without_coupon_nobody_leaves_and_members_join(set: &Cluster) {
    set.join_normal(22);
    set.is_welcomed(22);
    set.eventually("my page shows the coupon", || on_page(set, 22).len() == 1);
    let paths = ["/members/22", "/points/22", "/mypages/22"];
    let before = paths.map(|path| set.shown(path));
    let coupon = coupon_of(set, 22);
    set.stop("coupon");
    set.delete("/members/22").must_be_problem(503);
    set.get("/coupons").must_be_problem(503);
    for (path, before) in paths.iter().zip(&before) {
        set.eventually("nothing has changed", || set.shown(path) == *before);
    }
    set.eventually("the attempt is over", || set.get("/withdrawals/22").json["step"] == "RELEASED");
    let body = json!({"memberId": 23, "phoneNo": "01023238123", "nickname": "SEQ1"});
    set.post("/members", &body).must_be(201);
    set.eventually("the new member is NORMAL and the operator was told", || {
        let member = set.get("/members/23").json;
        member["memberStatus"] == "NORMAL" && member["notified"] == "Y"
    });
    assert_eq!(set.get("/members/23").json["couponStatus"], "NONE");

    set.start("coupon");
    set.has_everything(23);
    set.eventually("my page shows it", || on_page(set, 23).len() == 1);
    assert_eq!(coupon_of(set, 22)["status"], coupon["status"]);
    set.eventually("leaving works", || matches!(set.delete("/members/22").status, 202 | 204 | 404));
    set.eventually("the coupon went along", || set.get("/withdrawals/22").json["couponCancelled"] == "Y");
    set.eventually("the member is gone", || set.get("/members/22").status == 404);
    let told = set.listed("/notifications?limit=200", "notifications");
    for member_id in [21, 22, 23] {
        assert_eq!(told.iter().filter(|notice| notice["memberId"] == member_id).count(), 1, "each once");
    }
}

fn coupon_of(set: &Cluster, member_id: i64) -> Value {
    let listed = set.get(&format!("/coupons?memberId={member_id}")).json;
    listed["_embedded"]["coupons"][0].clone()
}

fn on_page(set: &Cluster, member_id: i64) -> Vec<Value> {
    set.get(&format!("/mypages/{member_id}")).json["coupons"].as_array().cloned().unwrap_or_default()
}
