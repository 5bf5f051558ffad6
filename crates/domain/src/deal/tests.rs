//! Deals and merchants by table; random cancels against plain sums.

use alloc::format;
use alloc::string::ToString as _;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::kernel::MAX_AMOUNT;
use crate::point::{DealAsk, DealDecision};

const POLICY: Policy = Policy { earn_rate_bp: 100, opens_merchants: true, may_owe: true };

fn merchant() -> MerchantFacts {
    MerchantFacts { merchant_id: 20, name: None, earn_rate_bp: None, fee_rate_bp: None, status: MerchantStatus::Active }
}

fn asked(deal_type: DealType, deal_amount: Option<i64>, point: Option<i64>) -> RequestDeal {
    RequestDeal { deal_id: 1, member_id: 7, merchant_id: 20, deal_type, deal_amount, point, now_ms: 5, month: 202_008 }
}

fn facts(event: &Event) -> DealFacts {
    match event {
        Event::DealRequested(facts) | Event::DealFailed { deal: facts, .. } => facts.clone(),
        other => panic!("{other:?}"),
    }
}

/// What point decided of a deal over 100 points.
fn decided(done: bool) -> DealDecision {
    DealDecision {
        deal_id: 1,
        member_id: 7,
        done,
        reason: (!done).then(|| "insufficient_points".to_string()),
        moved_point: if done { 100 } else { 0 },
        owed_point: 0,
        decided_at_ms: 6,
    }
}

/// A deal that was asked for and, if `done` says so, decided.
fn deal(deal_type: DealType, point: i64, done: Option<bool>) -> Deal {
    let request = asked(deal_type, Some(100 * point), Some(point));
    let events = request_deal(Some(&merchant()), &request, &POLICY).expect("it can be asked for");
    let mut deal = None;
    apply(&mut deal, None, &events[0]);
    if let Some(done) = done {
        let decision = DealDecision { moved_point: if done { point } else { 0 }, ..decided(done) };
        for event in record_decision(deal.as_ref().expect("it exists"), &decision) {
            apply(&mut deal, None, &event);
        }
    }
    deal.expect("it exists")
}

fn cancel(deal_type: DealType, point: Option<i64>) -> CancelDeal {
    CancelDeal {
        deal_id: 2,
        member_id: 7,
        merchant_id: 20,
        deal_type,
        deal_amount: 100_000,
        point,
        original_deal_id: None,
        now_ms: 9,
        month: 202_009,
    }
}

#[test]
fn a_save_earns_the_merchants_share_rounded_down() {
    let own_rate = MerchantFacts { earn_rate_bp: Some(250), ..merchant() };
    for (merchant, amount, point) in [
        (merchant(), 100_000, 1_000),
        (merchant(), 99, 0),
        (merchant(), 199, 1),
        (own_rate.clone(), 1_000, 25),
        (own_rate, 39, 0),
        (merchant(), MAX_AMOUNT, MAX_AMOUNT / 100),
        (MerchantFacts { earn_rate_bp: Some(10_000), ..merchant() }, MAX_AMOUNT, MAX_AMOUNT),
        (MerchantFacts { earn_rate_bp: Some(0), ..merchant() }, 100_000, 0),
    ] {
        let events = request_deal(Some(&merchant), &asked(DealType::Save, Some(amount), Some(77)), &POLICY);
        let told = facts(&events.expect("it can be asked for")[0]);
        assert_eq!((told.point, told.deal_amount), (point, amount), "{amount}");
        assert_eq!((told.dealt_at_ms, told.month), (5, 202_008));
    }
}

#[test]
fn what_cannot_be_paid_or_used_is_no_deal() {
    let wrong = |deal_type, amount, point| {
        request_deal(Some(&merchant()), &asked(deal_type, amount, point), &POLICY).expect_err("it is none")
    };
    for amount in [None, Some(0), Some(-1), Some(i64::MIN), Some(MAX_AMOUNT + 1), Some(i64::MAX)] {
        assert_eq!(wrong(DealType::Save, amount, None), Rejection::InvalidAmount, "{amount:?}");
    }
    for point in [None, Some(0), Some(-1), Some(MAX_AMOUNT + 1), Some(i64::MIN)] {
        assert_eq!(wrong(DealType::Use, Some(1), point), Rejection::InvalidPoint, "{point:?}");
    }
    assert_eq!(wrong(DealType::Use, Some(-1), Some(1)), Rejection::InvalidAmount);
    // Control: of a use the amount does not matter.
    assert!(request_deal(Some(&merchant()), &asked(DealType::Use, None, Some(1)), &POLICY).is_ok());
    // An unknown merchant is not opened by what is no deal.
    assert!(request_deal(None, &asked(DealType::Save, None, None), &POLICY).is_err());
}

#[test]
fn a_merchant_is_opened_by_its_first_deal_or_the_deal_fails() {
    let request = asked(DealType::Use, None, Some(10));
    let opened = request_deal(None, &request, &POLICY).expect("a deal");
    assert!(matches!(&opened[..], [Event::MerchantOpened(facts), Event::DealRequested(_)] if *facts == merchant()));
    let refusing = Policy { opens_merchants: false, ..POLICY };
    let failed = request_deal(None, &request, &refusing).expect("a deal");
    assert!(matches!(&failed[..], [Event::DealFailed { reason, .. }] if reason == fail::MERCHANT_UNKNOWN));
    let blocked = MerchantFacts { status: MerchantStatus::Blocked, ..merchant() };
    let failed = request_deal(Some(&blocked), &request, &POLICY).expect("a deal");
    assert!(matches!(&failed[..], [Event::DealFailed { reason, .. }] if reason == fail::MERCHANT_BLOCKED));
}

#[test]
fn what_point_decided_is_recorded_once() {
    for (deal_type, ended) in [(DealType::Save, "SaveDealt"), (DealType::Use, "UseDealt")] {
        let pending = deal(deal_type, 100, None);
        let events = record_decision(&pending, &decided(true));
        assert!(events.len() == 1 && format!("{events:?}").contains(ended), "{events:?}");
        let done = deal(deal_type, 100, Some(true));
        assert_eq!((done.status, done.left_point()), (DealStatus::Success, 100));
        for later in [decided(true), decided(false)] {
            assert_eq!(record_decision(&done, &later), Vec::new());
        }
        let failed = deal(deal_type, 100, Some(false));
        assert_eq!((failed.status, failed.left_point()), (DealStatus::Fail, 0));
        assert_eq!(failed.fail_reason.as_deref(), Some("insufficient_points"));
        assert_eq!(record_decision(&failed, &decided(true)), Vec::new());
    }
    let pending = deal(DealType::Use, 100, None);
    for anothers in [DealDecision { member_id: 8, ..decided(true) }, DealDecision { moved_point: 99, ..decided(true) }]
    {
        assert!(!is_about(&pending, &anothers));
        assert_eq!(record_decision(&pending, &anothers), Vec::new());
    }
    let voided = DealDecision { reason: Some("voided".into()), ..decided(false) };
    let events = record_decision(&pending, &voided);
    assert!(matches!(&events[..], [Event::DealFailed { reason, .. }] if reason == fail::TIMED_OUT), "{events:?}");
}

#[test]
fn what_nobody_hears_of_is_given_up_once_and_not_too_early() {
    for (deal_type, is_voided) in [(DealType::Use, true), (DealType::Save, false)] {
        let mut open = Some(deal(deal_type, 100, None));
        let due_ms = 5 + ABANDONED_MS;
        assert_eq!(give_up(open.as_ref().expect("it exists"), due_ms - 1), None);
        let event = give_up(open.as_ref().expect("it exists"), due_ms).expect("it is due");
        apply(&mut open, None, &event);
        let given_up = open.expect("it exists");
        assert_eq!(give_up(&given_up, i64::MAX), None);
        if is_voided {
            assert_eq!((given_up.status, given_up.fail_reason.as_deref()), (DealStatus::Fail, Some(fail::TIMED_OUT)));
            assert_eq!(record_decision(&given_up, &decided(true)), Vec::new(), "it takes no points any more");
            assert_eq!(open_ask(&given_up), None);
        } else {
            assert_eq!((given_up.status, given_up.left_to_point), (DealStatus::Pending, true));
            assert_eq!(open_ask(&given_up), Some(DealAsk::Save), "a repeat of the request may still ask");
            assert_eq!(record_decision(&given_up, &decided(true)).len(), 1);
        }
    }
    assert_eq!(give_up(&deal(DealType::Use, 100, Some(true)), i64::MAX), None);
}

#[test]
fn a_cancel_is_about_a_deal_that_fits() {
    let (save, spent) = (deal(DealType::Save, 1_000, Some(true)), deal(DealType::Use, 1_000, Some(true)));
    for (original, fitting, other) in
        [(&save, DealType::SaveCancel, DealType::UseCancel), (&spent, DealType::UseCancel, DealType::SaveCancel)]
    {
        for deal_type in [fitting, DealType::Cancel] {
            assert!(can_cancel(original, &cancel(deal_type, None)), "{deal_type:?}");
        }
        assert!(!can_cancel(original, &cancel(other, None)));
        for wrong in [
            CancelDeal { member_id: 8, ..cancel(fitting, None) },
            CancelDeal { merchant_id: 21, ..cancel(fitting, None) },
            CancelDeal { deal_amount: 99_999, ..cancel(fitting, None) },
            CancelDeal { original_deal_id: Some(3), ..cancel(fitting, None) },
        ] {
            assert!(!can_cancel(original, &wrong), "{wrong:?}");
            let failed = cancel_deal(Some(original), &wrong, true);
            assert!(matches!(&failed, Event::DealFailed { reason, .. } if reason == fail::NOTHING_TO_CANCEL));
        }
        let named = CancelDeal { original_deal_id: Some(1), deal_amount: 3, ..cancel(fitting, None) };
        assert!(can_cancel(original, &named), "of a deal that is named the amount does not matter");
    }
    for status in [None, Some(false)] {
        assert!(!can_cancel(&deal(DealType::Save, 1_000, status), &cancel(DealType::Cancel, None)));
    }
    let nothing = facts(&cancel_deal(None, &cancel(DealType::Cancel, Some(5)), true));
    assert_eq!((nothing.deal_type, nothing.point), (DealType::Cancel, 0));
}

#[test]
fn only_a_smaller_number_of_points_makes_a_cancel_partial() {
    let spent = deal(DealType::Use, 1_000, Some(true));
    for (said, cancelled) in [
        (None, 1_000),
        (Some(1), 1),
        (Some(999), 999),
        (Some(1_000), 1_000),
        (Some(1_001), 1_000),
        (Some(0), 1_000),
        (Some(-5), 1_000),
        (Some(i64::MAX), 1_000),
    ] {
        match cancel_deal(Some(&spent), &cancel(DealType::Cancel, said), true) {
            Event::UseCancelled(facts) => {
                assert_eq!((facts.point, facts.deal_type), (cancelled, DealType::UseCancel), "{said:?}");
                assert_eq!((facts.original_deal_id, facts.deal_amount), (Some(1), 100_000));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_cancel_stands_and_its_points_follow() {
    let mut original = deal(DealType::Save, 1_000, Some(true));
    let event = cancel_deal(Some(&original), &cancel(DealType::SaveCancel, Some(400)), true);
    let mut cancelling = None;
    apply(&mut cancelling, Some(&mut original), &event);
    let standing = cancelling.clone().expect("it exists");
    assert_eq!((standing.status, standing.point_status), (DealStatus::Success, Some(PointStatus::Pending)));
    assert_eq!((original.cancelled_point, original.left_point()), (400, 600));
    assert_eq!(open_ask(&standing), Some(DealAsk::CancelSave { of: 1, may_owe: true }));
    let about_it = |done| DealDecision { deal_id: 2, moved_point: 300, owed_point: 100, ..decided(done) };
    assert_eq!(record_decision(&standing, &about_it(false)), Vec::new(), "it stands, whatever point says");
    let events = record_decision(&standing, &about_it(true));
    assert_eq!(events, vec![Event::CancelCompleted { deal_id: 2, moved_point: 300, owed_point: 100 }]);
    apply(&mut cancelling, None, &events[0]);
    let done = cancelling.expect("it exists");
    assert_eq!((done.point_status, open_ask(&done)), (Some(PointStatus::Done), None));
    assert_eq!(record_decision(&done, &about_it(true)), Vec::new());
}

#[test]
fn a_cancel_that_may_be_refused_sets_the_points_aside_until_point_has_decided() {
    for done in [true, false] {
        let mut original = deal(DealType::Save, 1_000, Some(true));
        let event = cancel_deal(Some(&original), &cancel(DealType::Cancel, Some(400)), false);
        let mut cancelling = None;
        apply(&mut cancelling, Some(&mut original), &event);
        let waiting = cancelling.clone().expect("it exists");
        assert_eq!((waiting.status, original.left_point()), (DealStatus::Pending, 600));
        assert_eq!(open_ask(&waiting), Some(DealAsk::CancelSave { of: 1, may_owe: false }));
        assert!(matches!(give_up(&waiting, i64::MAX), Some(Event::DealLeftToPoint(_))));
        for event in record_decision(&waiting, &DealDecision { deal_id: 2, ..decided(done) }) {
            apply(&mut cancelling, Some(&mut original), &event);
        }
        let ended = cancelling.expect("it exists");
        if done {
            assert_eq!((ended.status, ended.point_status), (DealStatus::Success, Some(PointStatus::Done)));
            assert_eq!(original.left_point(), 600);
        } else {
            assert_eq!((ended.status, ended.point_status), (DealStatus::Fail, None));
            assert_eq!(original.left_point(), 1_000, "what was set aside is back");
        }
    }
}

proptest! {
    /// However a deal is cancelled, it is never cancelled for more than it moved, and never twice.
    #[test]
    fn cancels_never_come_to_more_than_the_deal(
        point in 1_i64..2_000,
        steps in proptest::collection::vec((proptest::option::of(-3_i64..2_500), any::<bool>(), any::<bool>()), 1..20),
    ) {
        let mut original = deal(DealType::Save, point, Some(true));
        let mut taken = 0;
        for (step, (said, may_owe, done)) in (2_i64..).zip(steps) {
            let command = CancelDeal { deal_id: step, deal_amount: 100 * point, ..cancel(DealType::Cancel, said) };
            let event = cancel_deal(Some(&original), &command, may_owe);
            let mut cancelling = None;
            apply(&mut cancelling, Some(&mut original), &event);
            let standing = cancelling.clone().expect("it exists");
            for event in record_decision(&standing, &DealDecision { deal_id: step, ..decided(done) }) {
                apply(&mut cancelling, Some(&mut original), &event);
            }
            let cancelling = cancelling.expect("it exists");
            if cancelling.status == DealStatus::Success {
                taken += cancelling.facts.point;
            }
            prop_assert_eq!(original.cancelled_point, taken);
            prop_assert!(taken <= point && original.left_point() == point - taken);
            prop_assert!(cancelling.status == DealStatus::Fail || cancelling.facts.point >= 1);
        }
    }
}

#[test]
fn merchants_have_free_numbers_and_rates_that_are_shares() {
    assert!(open_merchant(None, &merchant()).is_ok());
    assert_eq!(open_merchant(Some(&merchant()), &merchant()), Err(Rejection::NumberTaken));
    for rate in [-1, 10_001, i64::MAX] {
        let earns = MerchantFacts { earn_rate_bp: Some(rate), ..merchant() };
        assert_eq!(open_merchant(None, &earns), Err(Rejection::InvalidEarnRate));
        let change = ChangeMerchant { fee_rate_bp: Some(Some(rate)), ..ChangeMerchant::default() };
        assert_eq!(change_merchant(&merchant(), &change), Err(Rejection::InvalidFeeRate));
    }
    assert_eq!(change_merchant(&merchant(), &ChangeMerchant::default()), Ok(None));
    let change = ChangeMerchant { earn_rate_bp: Some(Some(300)), ..ChangeMerchant::default() };
    let Ok(Some(Event::MerchantChanged(changed))) = change_merchant(&merchant(), &change) else { panic!("it changes") };
    assert_eq!(changed.earn_rate_bp, Some(300));
    let back = ChangeMerchant { earn_rate_bp: Some(None), ..ChangeMerchant::default() };
    assert_eq!(change_merchant(&changed, &back), Ok(Some(Event::MerchantChanged(merchant()))));
}

#[test]
fn a_use_is_billed_with_its_month_and_its_cancel_with_any_later_one() {
    let marks = [(202_007, 10), (202_009, 20)];
    let billed = |deal_type, month, sequence| is_billed(deal_type, DealStatus::Success, month, sequence, &marks);
    for (deal_type, month, sequence, expected) in [
        (DealType::Use, 202_007, 10, true),
        (DealType::Use, 202_007, 11, false),
        (DealType::Use, 202_008, 5, false),
        (DealType::Use, 202_009, 20, true),
        (DealType::UseCancel, 202_007, 10, true),
        (DealType::UseCancel, 202_007, 15, true),
        (DealType::UseCancel, 202_008, 20, true),
        (DealType::UseCancel, 202_009, 21, false),
        (DealType::UseCancel, 202_010, 5, false),
        (DealType::Save, 202_007, 1, false),
        (DealType::SaveCancel, 202_007, 1, false),
    ] {
        assert_eq!(billed(deal_type, month, sequence), expected, "{deal_type:?} {month} {sequence}");
    }
    assert!(!is_billed(DealType::Use, DealStatus::Fail, 202_007, 1, &marks));
    assert!(!is_billed(DealType::Use, DealStatus::Success, 202_007, 1, &[]));
}
