//! What a wallet and its coupons let be done with them.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::*;

fn today() -> Day {
    Day::new(2026, 11, 21)
}

fn coupon() -> Coupon {
    Coupon {
        coupon_id: 5,
        member_id: Some(1),
        campaign_id: None,
        status: CouponStatus::Issued,
        start_date: today(),
        end_date: Day::new(2027, 5, 21),
    }
}

fn wallet() -> Wallet {
    Wallet { issued: 1, ..Wallet::new(1) }
}

fn redeem(wallet: &Wallet, coupon: &Coupon, member_id: Option<i64>, today: Day) -> Result<Vec<Event>, Rejection> {
    redeem_coupon(Some(wallet), coupon, &RedeemCoupon { member_id, code: "CODE".to_string(), today })
}

#[test]
fn a_coupon_is_redeemed_once() {
    let (mut wallet, mut coupon) = (wallet(), coupon());
    let events = redeem(&wallet, &coupon, None, today()).expect("it is good");
    let [event] = events.as_slice() else { panic!("one event, not {events:?}") };
    apply(&mut wallet, Some(&mut coupon), event);
    assert_eq!((coupon.status, wallet.issued, wallet.sequence), (CouponStatus::Redeemed, 0, 1));
    assert_eq!(redeem(&wallet, &coupon, None, today()), Err(Rejection::Redeemed));
    assert_eq!(cancel_coupon(&coupon, today()), Err(Rejection::Redeemed));
    let event = roll_back_redemption(Some(&wallet), &coupon).expect("it was redeemed");
    apply(&mut wallet, Some(&mut coupon), &event);
    assert_eq!((coupon.status, wallet.issued), (CouponStatus::Issued, 1));
    assert_eq!(roll_back_redemption(Some(&wallet), &coupon), Err(Rejection::NotRedeemed));
    assert!(redeem(&wallet, &coupon, Some(1), today()).is_ok());
}

#[test]
fn a_coupon_is_good_from_its_first_day_to_the_end_of_its_last() {
    let (wallet, coupon) = (wallet(), coupon());
    assert_eq!(redeem(&wallet, &coupon, None, Day::new(2026, 11, 20)), Err(Rejection::NotYetGood));
    assert!(redeem(&wallet, &coupon, None, coupon.end_date).is_ok());
    assert_eq!(expire_coupon(&coupon, coupon.end_date), None);
    let after = coupon.end_date.next();
    assert_eq!(coupon.standing(after), CouponStatus::Expired);
    assert_eq!(redeem(&wallet, &coupon, None, after), Err(Rejection::Expired));
    assert_eq!(cancel_coupon(&coupon, after), Err(Rejection::Expired));
    assert!(expire_coupon(&coupon, after).is_some());
    let (redeemed, nobodys) =
        (Coupon { status: CouponStatus::Redeemed, ..coupon.clone() }, Coupon { member_id: None, ..coupon.clone() });
    assert_eq!(redeemed.standing(after), CouponStatus::Redeemed);
    assert_eq!(expire_coupon(&redeemed, after), None);
    assert_eq!(expire_coupon(&nobodys, after), None);
}

#[test]
fn a_join_coupon_ends_on_a_day_that_there_is() {
    assert_eq!(join_dates(Day::new(2026, 8, 31), 6), (Day::new(2026, 8, 31), Day::new(2027, 2, 28)));
}

#[test]
fn a_coupon_is_its_members_and_a_code_without_a_member_is_for_whoever_brings_it() {
    let (mut wallet, other) = (wallet(), Wallet::new(2));
    assert_eq!(redeem(&other, &coupon(), Some(2), today()), Err(Rejection::OfAnotherMember));
    let mut code = Coupon { member_id: None, campaign_id: Some(7), ..coupon() };
    wallet.issued = 0;
    assert_eq!(redeem(&wallet, &code, None, today()), Err(Rejection::MemberNeeded));
    let events = redeem(&wallet, &code, Some(1), today()).expect("it is good");
    assert!(matches!(events[0], Event::CouponIssued { from_stock: true, member_id: 1, campaign_id: Some(7), .. }));
    for event in &events {
        apply(&mut wallet, Some(&mut code), event);
    }
    assert_eq!((code.member_id, code.status, wallet.issued), (Some(1), CouponStatus::Redeemed, 0));
    assert_eq!(redeem(&other, &code, Some(2), today()), Err(Rejection::OfAnotherMember));
}

#[test]
fn a_wallet_opens_once_and_never_again() {
    let opened = open_wallet(None, 1).expect("there is none");
    let mut wallet = Wallet::new(1);
    apply(&mut wallet, None, &opened);
    assert_eq!(open_wallet(Some(&wallet), 1), None);
    let closed = close_wallet(&wallet, 1).expect("it is open");
    apply(&mut wallet, None, &closed);
    assert_eq!((open_wallet(Some(&wallet), 1), close_wallet(&wallet, 1)), (None, None));
    assert_eq!(close_wallet(&wallet, 2), None);
}

#[test]
fn a_prepared_wallet_refuses_to_give_redeem_and_roll_back() {
    let (mut wallet, coupon) = (wallet(), coupon());
    let prepared = prepare_withdrawal(Some(&wallet), 1).expect("it may").expect("it was not");
    apply(&mut wallet, None, &prepared);
    assert_eq!(prepare_withdrawal(Some(&wallet), 1), Ok(None));
    let gift = IssueCoupon {
        coupon_id: 6,
        campaign_id: Some(7),
        code: "CODE".to_string(),
        start_date: today(),
        end_date: today(),
        from_stock: false,
    };
    let redeemed = Coupon { status: CouponStatus::Redeemed, ..coupon.clone() };
    assert_eq!(issue_coupon(Some(&wallet), &gift), Err(Rejection::MemberLeaving));
    assert_eq!(redeem(&wallet, &coupon, None, today()), Err(Rejection::MemberLeaving));
    assert_eq!(roll_back_redemption(Some(&wallet), &redeemed), Err(Rejection::MemberLeaving));
    assert!(cancel_coupon(&coupon, today()).expect("the operator may").is_some());
    assert!(expire_coupon(&coupon, coupon.end_date.next()).is_some());
    let released = release_withdrawal(&wallet, 1).expect("it was under way");
    apply(&mut wallet, None, &released);
    assert!(issue_coupon(Some(&wallet), &gift).is_ok());
    assert_eq!(issue_coupon(None, &gift), Err(Rejection::WalletUnknown));
}

#[test]
fn an_attempt_that_is_over_changes_nothing() {
    let mut wallet = wallet();
    assert_eq!(prepare_withdrawal(None, 1), Err(Rejection::WalletUnknown));
    let released = release_withdrawal(&wallet, 1).expect("nothing is known of it yet");
    apply(&mut wallet, None, &released);
    assert_eq!(prepare_withdrawal(Some(&wallet), 1), Err(Rejection::AttemptOver));
    assert_eq!(release_withdrawal(&wallet, 1), None);
    // The release of an attempt does not undo what a newer one prepared.
    let newer = prepare_withdrawal(Some(&wallet), 3).expect("it may").expect("it was not");
    apply(&mut wallet, None, &newer);
    let older = release_withdrawal(&wallet, 2).expect("nothing is known of it yet");
    apply(&mut wallet, None, &older);
    assert_eq!(wallet.closing, Some(3));
    assert_eq!(prepare_withdrawal(Some(&wallet), 2), Err(Rejection::AttemptOver));
}

#[test]
fn what_is_not_redeemed_is_lost_with_the_wallet() {
    let mut wallet = Wallet { issued: 2, closing: Some(1), ..Wallet::new(1) };
    let closed = close_wallet(&wallet, 1).expect("it is open");
    assert_eq!(closed, Event::WalletClosed { member_id: 1, attempt: 1, cancelled: 2 });
    apply(&mut wallet, None, &closed);
    assert_eq!((wallet.closed, wallet.closing, wallet.ended_attempt, wallet.issued), (true, None, 1, 0));
    let mut coupons = [coupon(), Coupon { status: CouponStatus::Redeemed, ..coupon() }];
    coupons.iter_mut().for_each(lose);
    assert_eq!(coupons.map(|coupon| coupon.status), [CouponStatus::Cancelled, CouponStatus::Redeemed]);
    assert_eq!(release_withdrawal(&wallet, 2), None);
    assert_eq!(prepare_withdrawal(Some(&wallet), 2), Err(Rejection::AttemptOver));
    assert_eq!(roll_back_redemption(Some(&wallet), &Coupon { status: CouponStatus::Redeemed, ..coupon() }), {
        Err(Rejection::WalletUnknown)
    });
}

#[test]
fn the_operator_takes_a_coupon_back_once() {
    let (mut wallet, mut coupon) = (wallet(), coupon());
    let event = cancel_coupon(&coupon, today()).expect("it may").expect("it was not");
    apply(&mut wallet, Some(&mut coupon), &event);
    assert_eq!((cancel_coupon(&coupon, today()), wallet.issued), (Ok(None), 0));
    assert_eq!(redeem(&wallet, &coupon, None, today()), Err(Rejection::Cancelled));
    let code = Coupon { member_id: None, campaign_id: Some(7), ..self::coupon() };
    assert_eq!(cancel_coupon(&code, today()), Ok(Some(Event::CodeCancelled { campaign_id: 7, coupon_id: 5 })));
}

#[test]
fn rejections_are_told_by_name() {
    for rejection in Rejection::ALL {
        assert_eq!(Rejection::from_reason(rejection.reason()), Some(rejection));
    }
}
