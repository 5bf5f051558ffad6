//! Seed 0: joining, points, leaving, donations; point and notification are stopped meanwhile.

use serde_json::json;

use crate::support::cluster::{Cluster, must_hold};

pub fn run(set: &Cluster) {
    a_member_joins_and_is_welcomed(set);
    points_go_up_and_down(set);
    a_member_leaves(set);
    a_wrong_phone_number_makes_an_abnormal_member(set);
    my_page_shows_status_and_points(set);
    donations_are_decided(set);
    without_point_nobody_leaves_and_donations_wait(set);
    without_notification_members_stay_ready(set);
}

fn a_member_joins_and_is_welcomed(set: &Cluster) {
    let joining = json!({"phoneNo": "01085581234", "nickname": "SEQ1", "memberStatus": "READY", "memberId": "1"});
    let joined = set.post("/members", &joining).must_be(201);
    assert!(set.leads_to(joined.header("location"), "/members/1"), "{:?}", joined.header("location"));
    must_hold(&joined, &json!({"memberId": 1, "phoneNo": "01085581234", "nickname": "SEQ1", "memberStatus": "READY"}));
    set.eventually("member 1 is NORMAL", || set.get("/members/1").json["memberStatus"] == "NORMAL");
    set.eventually("member 1 has 1000 points", || set.points_of(1) == Some(1_000));
    must_hold(&set.get("/points/1"), &json!({"memberStatus": "NORMAL", "remainPoint": 1000, "requirePoint": null}));
}

fn points_go_up_and_down(set: &Cluster) {
    for (asked, remains) in [("530", 1_530), ("-730", 800)] {
        let changed = set.patch("/points/1", &json!({"requirePoint": asked})).must_be(200);
        must_hold(&changed, &json!({"memberId": 1, "remainPoint": remains, "result": "APPLIED"}));
        must_hold(&set.get("/points/1").must_be(200), &json!({"remainPoint": remains}));
    }
}

fn a_member_leaves(set: &Cluster) {
    set.has_everything(1);
    set.leave(1);
    set.eventually("the page of member 1 is gone", || set.get("/mypages/1").status == 404);
    set.eventually("the withdrawal is done", || set.get("/withdrawals/1").json["step"] == "DONE");
    let withdrawal = set.get("/withdrawals/1").must_be(200);
    must_hold(&withdrawal, &json!({"memberId": 1, "forfeitedPoint": 800}));
    assert!(!withdrawal.text.contains("0108558") && !withdrawal.text.contains("SEQ1"), "{}", withdrawal.text);
}

fn a_wrong_phone_number_makes_an_abnormal_member(set: &Cluster) {
    let joining = json!({"phoneNo": "0108558", "nickname": "SEQ2", "memberStatus": "READY", "memberId": "2"});
    must_hold(&set.post("/members", &joining).must_be(201), &json!({"memberId": 2, "memberStatus": "READY"}));
    set.eventually("member 2 is ABNORMAL", || set.get("/members/2").json["memberStatus"] == "ABNORMAL");
    set.eventually("point knows it", || set.get("/points/2").json["memberStatus"] == "ABNORMAL");
    for (asked, number) in [("100", 100), ("-50", -50)] {
        let refused = set.patch("/points/2", &json!({"requirePoint": asked})).must_be(200);
        must_hold(&refused, &json!({"remainPoint": 0, "requirePoint": number, "result": "REJECTED"}));
        must_hold(&set.get("/points/2"), &json!({"remainPoint": 0, "requirePoint": number}));
    }
    let refused = set.post("/donations", &json!({"memberId": 2, "amount": 100})).must_be(201);
    must_hold(&refused, &json!({"status": "REJECTED", "reason": "member_not_normal", "balanceAfter": 0}));
    set.eventually("the page of member 2 shows it", || {
        set.get("/mypages/2").json["lastDonation"]["reason"] == "member_not_normal"
    });
    set.leave(2);
}

fn my_page_shows_status_and_points(set: &Cluster) {
    let joining = json!({"phoneNo": "01011223344", "nickname": "SEQ4", "memberStatus": "READY", "memberId": "3"});
    set.post("/members", &joining).must_be(201);
    set.eventually("the page of member 3 shows NORMAL and 1000", || {
        let page = set.get("/mypages/3").json;
        page["memberStatus"] == "NORMAL" && page["remainPoint"] == 1_000
    });
    set.patch("/points/3", &json!({"requirePoint": "+500"})).must_be(200);
    set.eventually("the page of member 3 shows 1500", || set.get("/mypages/3").json["remainPoint"] == 1_500);
    must_hold(&set.get("/mypages/3"), &json!({"memberId": 3, "nickname": "SEQ4", "phoneNo": "01011223344"}));
}

fn donations_are_decided(set: &Cluster) {
    set.join_normal(4);
    set.is_welcomed(4);
    change(set, 4, 530);
    must_hold(&donate(set, 4, 500), &json!({"status": "DONATED", "balanceBefore": 1_530, "balanceAfter": 1_030}));
    for (by, balance) in [(-230, 800), (200, 1_000)] {
        change(set, 4, by);
        let refused = donate(set, 4, 100);
        must_hold(&refused, &json!({"status": "REJECTED", "reason": "balance_too_low", "balanceAfter": balance}));
        assert_eq!(set.points_of(4), Some(balance));
    }
    let outcomes = || -> Vec<String> {
        let page = set.get("/mypages/4").json;
        let donations = page["donations"].as_array().cloned().unwrap_or_default();
        donations.iter().map(|donation| donation["status"].as_str().unwrap_or_default().to_owned()).collect()
    };
    set.eventually("the page of member 4 shows every outcome", || outcomes() == ["REJECTED", "REJECTED", "DONATED"]);
}

fn without_point_nobody_leaves_and_donations_wait(set: &Cluster) {
    set.join_normal(5);
    set.is_welcomed(5);
    change(set, 4, 1_000);
    let before = ["/members/5", "/points/5", "/mypages/5"].map(|path| (path, set.shown(path)));
    set.stop("point");
    set.get("/points/5").must_be_problem(503);
    set.delete("/members/5").must_be_problem(503);
    let body = json!({"memberId": 4, "amount": 300});
    let waiting = set.request("POST", "/donations").key("waits").json(&body).send().must_be(201);
    must_hold(&waiting, &json!({"status": "REQUESTED", "balanceBefore": null}));
    set.eventually("the page of member 4 shows that it waits", || {
        set.get("/mypages/4").json["lastDonation"]["status"] == "REQUESTED"
    });
    must_hold(&set.get("/members/5"), &json!({"memberStatus": "NORMAL"}));

    set.start("point");
    let path = format!("/donations/{}", waiting.json["donationId"]);
    set.eventually("the donation is decided", || set.get(&path).json["status"] == "DONATED");
    let again = set.request("POST", "/donations").key("waits").json(&body).send().must_be(201);
    must_hold(&again, &json!({"donationId": waiting.json["donationId"], "status": "DONATED"}));
    assert_eq!(set.points_of(4), Some(1_700));
    set.eventually("the withdrawal is undone", || set.get("/withdrawals/5").json["step"] == "RELEASED");
    for (path, before) in before {
        set.eventually("nothing has changed", || set.shown(path) == before);
    }
    set.eventually("now member 5 leaves", || matches!(set.delete("/members/5").status, 202 | 204 | 404));
    set.eventually("nothing is left", || set.get("/members/5").status == 404 && set.get("/points/5").status == 404);
}

fn without_notification_members_stay_ready(set: &Cluster) {
    set.stop("notification");
    for (member_id, phone_no, nickname) in [("99", "01012341234", "TEST"), ("100", "01056785678", "TEST1")] {
        let body = json!({"phoneNo": phone_no, "nickname": nickname, "memberStatus": "READY", "memberId": member_id});
        set.post("/members", &body).must_be(201);
    }
    set.get("/messages").must_be_problem(503);
    // Their accounts are there, so whoever follows member has come to them.
    for member_id in [99, 100] {
        set.eventually("the account is open", || set.points_of(member_id) == Some(0));
        must_hold(&set.get(&format!("/members/{member_id}")), &json!({"memberStatus": "READY"}));
    }
    set.start("notification");
    for member_id in [99, 100] {
        set.has_everything(member_id);
        set.eventually("the member is welcomed", || set.points_of(member_id) == Some(1_000));
    }
    let messages = set.listed("/messages?limit=200", "messages");
    for member_id in [99, 100] {
        let theirs = messages.iter().filter(|message| message["memberId"] == member_id).count();
        assert_eq!(theirs, 1, "one message each");
    }
}

fn change(set: &Cluster, member_id: i64, points: i64) {
    let changed = set.patch(&format!("/points/{member_id}"), &json!({"requirePoint": points})).must_be(200);
    assert_eq!(changed.json["result"], "APPLIED", "{}", changed.text);
}

fn donate(set: &Cluster, member_id: i64, points: i64) -> crate::support::Answer {
    set.post("/donations", &json!({"memberId": member_id, "amount": points})).must_be(201)
}
