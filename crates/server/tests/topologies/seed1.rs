//! Seed 1: deals at a merchant, its settlement, the operator's view; then a withdrawal that waits for point.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::Answer;
use crate::support::cluster::{Cluster, must_hold};

/// The month that is settled has begun and is far from over.
pub const SETS: [&str; 3] = ["clock.now=2020-07-15T12:00:00+09:00", "points.welcome=0", "withdrawal.mode=deferred"];
/// Promised are 100 ms; a machine that runs the whole set beside other programs is given more.
const AT_ONCE: Duration = Duration::from_secs(1);

pub fn run(set: &Cluster) {
    set.join_normal(1);
    set.join_normal(2);
    what_was_earned_is_cancelled(set);
    points_are_used_and_too_many_are_not(set);
    member_2_earns_and_uses(set);
    the_dashboard_shows_a_member_who_leaves(set);
    the_merchant_is_settled(set);
    without_point_a_member_leaves_and_point_follows(set);
}

/// As the seed's clients send it: every value is a string.
fn deal(set: &Cluster, member_id: &str, kind: &str, amount: &str, point: Option<&str>) -> Answer {
    let mut body = json!({"memberId": member_id, "merchantId": "20", "dealAmount": amount, "type": kind});
    if let Some(point) = point {
        body["point"] = json!(point);
    }
    set.post("/deals", &body).must_be(201)
}

fn what_was_earned_is_cancelled(set: &Cluster) {
    let saved = deal(set, "0001", "save", "100000", None);
    assert!(set.leads_to(saved.header("location"), "/deals/1"), "{:?}", saved.header("location"));
    must_hold(&saved, &json!({"dealId": 1, "memberId": 1, "merchantId": 20, "type": "save", "dealAmount": 100_000}));
    must_hold(&shown(set, 1), &json!({"dealId": 1, "point": 1_000, "status": "success", "billingStatus": "no"}));
    assert_eq!(points(set, "/points/0001"), 1_000);
    deal(set, "0001", "cancel", "100000", None);
    set.eventually("the points are taken back", || points(set, "/points/0001") == 0);
    must_hold(&shown(set, 2), &json!({"dealId": 2, "point": 0, "status": "success"}));
    must_hold(&shown(set, 1), &json!({"point": 1_000, "cancelledPoint": 1_000, "status": "success"}));
}

fn points_are_used_and_too_many_are_not(set: &Cluster) {
    deal(set, "0001", "save", "100000", None);
    must_hold(&shown(set, 3), &json!({"point": 1_000, "status": "success"}));
    deal(set, "0001", "use", "10000", Some("100"));
    assert_eq!(points(set, "/points/0001"), 900);
    must_hold(&shown(set, 4), &json!({"point": 100, "status": "success"}));
    set.eventually("the use is a line of the settlement", || set.get("/billingAmountViews/4").status == 200);
    let refused = deal(set, "0001", "use", "10000", Some("10000"));
    must_hold(&refused, &json!({"dealId": 5, "status": "fail", "failReason": "insufficient_points"}));
    assert_eq!(points(set, "/points/0001"), 900);
    deal(set, "0001", "save", "100000", None);
    assert_eq!(points(set, "/points/0001"), 1_900);
}

fn member_2_earns_and_uses(set: &Cluster) {
    deal(set, "0002", "save", "100000", None);
    for deal_id in [8, 9] {
        deal(set, "0002", "use", "10000", Some(" 200"));
        must_hold(&shown(set, deal_id), &json!({"point": 200, "status": "success"}));
    }
    assert_eq!(points(set, "/points/0002"), 600);
    set.eventually("the last use is a line too", || set.get("/billingAmountViews/9").status == 200);
    // Settlement has seen what came before it.
    assert_eq!(set.get("/billingAmountViews/5").status, 404);
}

fn the_dashboard_shows_a_member_who_leaves(set: &Cluster) {
    let all = |status: &str| {
        let rows = rows(set, "2");
        rows.len() == 3 && rows.iter().all(|row| row["memberStatus"] == status && row["status"] == "success")
    };
    set.eventually("the dashboard shows the three deals of member 2", || all("valid"));
    set.leave(2);
    set.eventually("the deals are those of someone who left", || all("invalid"));
}

fn the_merchant_is_settled(set: &Cluster) {
    let order = json!({"mercharntId": "20", "billingMonth": "202007"});
    let mut first = set.post("/billings", &order);
    set.eventually("settlement has seen deal's log to its end", || {
        if first.status == 503 {
            first = set.post("/billings", &order);
        }
        first.status != 503
    });
    let expected = json!({"billingId": 1, "merchantId": 20, "billingMonth": "202007", "run": 1, "usedPoint": 500,
        "billingAmount": 490, "dealCount": 3});
    must_hold(&first.must_be(201), &expected);
    must_hold(&set.post("/billings", &order).must_be(200), &expected);
    assert_eq!(set.listed("/billings", "billings").len(), 1);
    for (member, uses) in [("1", 1), ("2", 2)] {
        set.eventually("the dashboard says that the uses are settled", || {
            let is_use = |row: &&Value| row["type"] == "use" && row["status"] == "success";
            let rows = rows(set, member);
            let settled = rows.iter().filter(is_use).map(|row| row["billingStatus"] == "yes").collect::<Vec<_>>();
            settled == vec![true; uses]
        });
    }
    for deal_id in [4, 8, 9] {
        set.eventually("the deal says so too", || shown(set, deal_id).json["billingStatus"] == "yes");
    }
}

fn without_point_a_member_leaves_and_point_follows(set: &Cluster) {
    set.stop("point");
    let left = set.delete("/members/1").must_be(204);
    println!("leaving without point took {} ms", left.took.as_millis());
    assert!(left.took <= AT_ONCE, "{:?}", left.took);
    assert_eq!(set.get("/members/1").status, 404);
    set.start("point");
    set.eventually("the account is closed", || set.get("/points/1").status == 404);
    set.eventually("the withdrawal says what was lost", || set.get("/withdrawals/1").json["forfeitedPoint"] == 1_900);
}

fn shown(set: &Cluster, deal_id: i64) -> Answer {
    set.get(&format!("/deals/{deal_id}")).must_be(200)
}

fn rows(set: &Cluster, member: &str) -> Vec<Value> {
    set.listed(&format!("/dealDashboards?memberId={member}"), "dealDashboards")
}

fn points(set: &Cluster, path: &str) -> i64 {
    set.get(path).must_be(200).json["remainPoint"].as_i64().expect("a balance")
}
