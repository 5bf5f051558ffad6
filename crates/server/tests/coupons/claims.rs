//! Many people at once: a code that nobody has is redeemed by one, and a campaign gives what it has and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::coupon::{Coupon, CouponStatus, RedeemCoupon, Wallet, redeem_coupon};
use domain::kernel::Day;
use serde_json::json;

use crate::STORES;
use crate::kit::{alone, campaign, csv, figures, free_codes, number, stock, verify, wish};
use crate::senders::{Sent, send_together};
use crate::support::{Client, Request};

const PEOPLE: i64 = 64;
const BUYERS: i64 = 10_000;
const CODES: i64 = 1_000;
const CONNECTIONS: usize = 48;

#[test]
fn of_64_people_one_redeems_a_code_that_nobody_has() {
    for engine in STORES {
        let app = alone(engine, PEOPLE);
        let campaign_id = campaign(&app, 1, 1);
        stock(&app, campaign_id, 1);
        let code = free_codes(&app, campaign_id).remove(0);
        let bring = |member_id| Sent::post("/coupons/redemptions", json!({"code": code, "memberId": member_id}));
        let all: Vec<_> = (1..=PEOPLE).map(|member_id| (app.address(), bring(member_id))).collect();
        let answers = send_together(&all);
        let redeemed: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
        assert_eq!(redeemed.len(), 1, "{answers:?}");
        assert!(answers.iter().all(|answer| answer.status == 201 || answer.code() == "coupon.of_another_member"));
        assert_eq!(figures(&app, campaign_id), [1, 0, 0, 1, 0, 0]);
        let owner = redeemed[0].json["memberId"].as_i64().expect("a member");
        assert_eq!(number(&app, "SELECT member_id FROM coupon"), owner);
        verify(&app);
    }
}

/// The control: the same 64, each asked on what stood there before any of them came, as a program would that reads first
/// and writes later. All of them would have the coupon.
#[test]
fn control_without_turns_all_of_them_would_redeem_it() {
    let day = Day::new(2026, 8, 31);
    let (status, start_date, end_date) = (CouponStatus::Issued, day, day);
    let coupon = Coupon { coupon_id: 1, member_id: None, campaign_id: Some(1), status, start_date, end_date };
    let redeems = |member_id: i64| {
        let brought = RedeemCoupon { member_id: Some(member_id), code: String::new(), today: day };
        redeem_coupon(Some(&Wallet::new(member_id)), &coupon, &brought).is_ok()
    };
    assert_eq!((1..=PEOPLE).filter(|member_id| redeems(*member_id)).count(), 64);
}

#[test]
fn of_1000_codes_10000_buyers_get_1000() {
    for engine in STORES {
        let app = alone(engine, BUYERS);
        let campaign_id = campaign(&app, CODES, 1);
        stock(&app, campaign_id, CODES / 2);
        let made: BTreeSet<String> = free_codes(&app, campaign_id).into_iter().collect();
        assert_eq!(made.len(), 500);
        let next = AtomicI64::new(1);
        let (sold, told) = (Mutex::new(Vec::new()), Mutex::new(BTreeMap::<String, i64>::new()));
        std::thread::scope(|scope| {
            for _ in 0..CONNECTIONS {
                scope.spawn(|| {
                    let client = Client::new(app.address());
                    loop {
                        let member_id = next.fetch_add(1, Ordering::SeqCst);
                        if member_id > BUYERS {
                            return;
                        }
                        let answer =
                            Request::new(&client, "POST", "/coupons").json(&wish(campaign_id, member_id)).send();
                        let code = answer.json["code"].as_str().expect("a coupon and a problem have one").to_owned();
                        let what = if answer.status == 201 {
                            sold.lock().expect("no panic").push(code);
                            "sold".to_owned()
                        } else {
                            format!("{} {code}", answer.status)
                        };
                        *told.lock().expect("no panic").entry(what).or_default() += 1;
                    }
                });
            }
        });
        let (sold, told) = (sold.into_inner().expect("no panic"), told.into_inner().expect("no panic"));
        let expected = [("sold".to_owned(), CODES), ("409 coupon.campaign_exhausted".to_owned(), BUYERS - CODES)];
        assert_eq!(told, BTreeMap::from(expected), "{engine:?}");
        let codes: BTreeSet<String> = sold.into_iter().collect();
        assert_eq!(codes.len(), 1_000, "each code once");
        assert!(made.is_subset(&codes), "those that were made in advance among them");
        assert_eq!(figures(&app, campaign_id), [CODES, 0, 0, 0, 0, 0]);
        let lines = csv(&app, campaign_id);
        let owners: BTreeSet<&String> = lines.iter().map(|line| &line[3]).collect();
        assert_eq!((lines.len(), owners.len()), (1_000, 1_000));
        verify(&app);
    }
}

/// Bulk issues and buyers together never come to more than there is.
#[test]
fn bulk_issues_and_buyers_share_what_there_is() {
    for engine in STORES {
        let app = alone(engine, 400);
        let campaign_id = campaign(&app, 300, 1);
        let mut all: Vec<_> =
            (1..=60).map(|id| (app.address(), Sent::post("/coupons", wish(campaign_id, id)))).collect();
        let issues = format!("/couponCampaigns/{campaign_id}/issues");
        all.extend((0..6).map(|_| (app.address(), Sent::post(&issues, json!({"count": 70})))));
        let answers = send_together(&all);
        let begun = answers[60..].iter().filter(|answer| answer.status == 201).count();
        assert!((3..=4).contains(&begun), "{answers:?}");
        assert!(answers[60..].iter().all(|answer| answer.status == 201 || answer.code() == "coupon.wrong_count"));
        // Everyone else comes one after the other; who is told to come back does.
        let mut given = answers[..60].iter().filter(|answer| answer.status == 201).count();
        for member_id in 1..=400 {
            loop {
                let answer = app.post("/coupons", &wish(campaign_id, member_id));
                match (answer.status, answer.code()) {
                    (201, _) => given += 1,
                    (503, "coupon.codes_being_made") => continue,
                    (409, "coupon.member_limit" | "coupon.campaign_exhausted") => {}
                    _ => panic!("{}", answer.text),
                }
                break;
            }
        }
        assert_eq!(given, 300);
        assert_eq!(figures(&app, campaign_id), [300, 0, 0, 0, 0, 0]);
        verify(&app);
    }
}
