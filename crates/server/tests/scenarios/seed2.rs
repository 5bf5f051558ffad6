//! Seed 2: a coupon for joining, the operator who is told of it, my page, and a withdrawal that takes the coupon along.

use serde_json::{Value, json};

use crate::support::{Answer, Engine, TestApp, promptly};

#[test]
fn seed_2_runs_as_written_on_sqlite() {
    seed_2_runs_as_written(Engine::Sqlite);
}

#[test]
fn seed_2_runs_as_written_on_postgres() {
    seed_2_runs_as_written(Engine::Postgres);
}

fn seed_2_runs_as_written(engine: Engine) {
    let app = TestApp::open(engine);
    joining_brings_a_coupon_and_the_operator_is_told(&app);
    my_page_shows_it(&app);
    leaving_takes_it_along(&app);
    without_coupon_nobody_leaves_and_nothing_changes(&app);
    without_coupon_members_join_and_the_coupon_follows(&app);
    app.settle();
    app.verify();
}

/// As the seed's clients send it: numbers may be strings.
fn join(app: &TestApp, member_id: &str, phone_no: &str) -> Answer {
    let joining = json!({"memberId": member_id, "phoneNo": phone_no, "nickname": "SEQ1", "memberStatus": "READY"});
    app.post("/members", &joining).must_be(201)
}

fn joining_brings_a_coupon_and_the_operator_is_told(app: &TestApp) {
    let joined = join(app, "0001", "01085581234");
    must_hold(&joined, &json!({"memberId": 1, "couponStatus": "NONE", "notified": "N", "couponCancelled": "N"}));
    promptly("the member has a coupon", || app.get("/members/1").json["couponStatus"] == "ISSUED");
    promptly("the operator was told", || app.get("/members/1").json["notified"] == "Y");
    promptly("the member is NORMAL", || app.get("/members/1").json["memberStatus"] == "NORMAL");
    let notice = app.get("/notifications/1").must_be(200);
    let told = json!({"notificationId": 1, "kind": "MEMBER_JOINED", "memberId": 1, "status": "SUCCESS", "attempts": 0});
    must_hold(&notice, &told);
    assert_eq!(notice.header("content-type"), Some("application/hal+json"));
    let coupon = app.get("/coupons/1").must_be(200);
    must_hold(&coupon, &json!({"couponId": 1, "memberId": 1, "status": "ISSUED"}));
    assert_eq!(coupon.json["campaignId"], Value::Null);
    assert!(coupon.json["code"].as_str().is_some_and(|code| code.len() > 10), "{}", coupon.text);
}

fn my_page_shows_it(app: &TestApp) {
    promptly("my page shows the coupon", || !coupons_on_page(app, 1).is_empty());
    let coupon = app.get("/coupons/1").json;
    let [shown] = &coupons_on_page(app, 1)[..] else { panic!("one coupon") };
    for field in ["couponId", "code", "status", "startDate", "endDate"] {
        assert_eq!(shown[field], coupon[field], "{field}");
    }
    // The member may ask for it as well: by the member's number, the newest first.
    let listed = app.get("/coupons?memberId=1").must_be(200).json;
    assert_eq!(listed["_embedded"]["coupons"][0]["code"], shown["code"]);
}

fn leaving_takes_it_along(app: &TestApp) {
    app.delete("/members/1").must_be(204);
    promptly("the coupon is cancelled", || app.get("/coupons/1").json["status"] == "CANCELLED");
    promptly("the withdrawal says so", || app.get("/withdrawals/1").json["couponCancelled"] == "Y");
    promptly("it is done", || app.get("/withdrawals/1").json["step"] == "DONE");
    let page_is_gone = || app.get("/mypages/1").status == 404;
    promptly("the page is gone", page_is_gone);
    for path in ["/members/1", "/points/1"] {
        let gone = app.get(path);
        assert_eq!((gone.status, gone.text.as_str()), (404, ""), "{path}");
    }
}

fn without_coupon_nobody_leaves_and_nothing_changes(app: &TestApp) {
    join(app, "2", "01011223344");
    promptly("the member has all of it", || {
        let member = app.get("/members/2").json;
        member["memberStatus"] == "NORMAL" && member["couponStatus"] == "ISSUED" && member["notified"] == "Y"
    });
    app.change_points(2, 530).must_be(200);
    app.settle();
    let paths = ["/members/2", "/points/2", "/mypages/2", "/coupons?memberId=2", "/coupons/2"];
    let before = paths.map(|path| app.get(path).must_be(200).json);

    app.stop("coupon");
    let refused = app.delete("/members/2");
    refused.must_be_problem(503);
    app.get("/coupons/2").must_be_problem(503);
    for (path, before) in paths[..3].iter().zip(&before) {
        promptly("the member stays as before", || app.get(path).json == *before);
    }
    promptly("points move as before", || app.change_points(2, 1).json["result"] == "APPLIED");
    app.change_points(2, -1).must_be(200);
    promptly("the attempt is over", || app.get("/withdrawals/2").json["step"] == "RELEASED");

    app.start("coupon");
    for (path, before) in paths.iter().zip(&before).filter(|(path, _)| path.contains("coupons")) {
        promptly("the coupon is as before", || app.get(path).json == *before);
    }
    let code = json!({"code": before[4]["code"]});
    promptly("a coupon is redeemed as before", || app.post("/coupons/redemptions", &code).status == 201);
    promptly("my page says so", || coupons_on_page(app, 2).iter().any(|coupon| coupon["status"] == "REDEEMED"));
    app.delete("/coupons/2/redemption").must_be(204);
    promptly("leaving works", || matches!(app.delete("/members/2").status, 202 | 204 | 404));
    promptly("the coupon went along", || app.get("/withdrawals/2").json["couponCancelled"] == "Y");
    assert_eq!(app.get("/coupons/2").json["status"], "CANCELLED");
    assert_eq!(app.get("/members/2").status, 404);
}

fn without_coupon_members_join_and_the_coupon_follows(app: &TestApp) {
    app.stop("coupon");
    join(app, "3", "01055667788");
    promptly("the member is NORMAL", || app.get("/members/3").json["memberStatus"] == "NORMAL");
    promptly("the operator was told", || app.get("/members/3").json["notified"] == "Y");
    assert_eq!(app.get("/members/3").json["couponStatus"], "NONE");
    app.start("coupon");
    promptly("the coupon has followed", || app.get("/members/3").json["couponStatus"] == "ISSUED");
    promptly("my page shows it", || coupons_on_page(app, 3).len() == 1);
    let notices = app.all_of("notifications");
    let told: Vec<_> = notices.as_array().expect("notices").iter().map(|notice| notice["memberId"].clone()).collect();
    assert_eq!(told, [json!(1), json!(2), json!(3)], "each once");
}

fn coupons_on_page(app: &TestApp, member_id: i64) -> Vec<Value> {
    app.get(&format!("/mypages/{member_id}")).json["coupons"].as_array().cloned().unwrap_or_default()
}

/// Every field of `expected` is in the answer with this value.
fn must_hold(answer: &Answer, expected: &Value) {
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(&answer.json[field], value, "{field} in {}", answer.text);
    }
}
