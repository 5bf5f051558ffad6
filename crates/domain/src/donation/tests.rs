//! Donations and causes by table.

use super::*;

fn cause(open: bool) -> Cause {
    Cause { cause_id: 3, name: "forest".into(), received_point: 40, donation_count: 2, open, sequence: 1 }
}

fn asked(amount: i64) -> RequestDonation {
    RequestDonation { donation_id: 7, member_id: 1, amount, balance_above: 1_000, now_ms: 5 }
}

fn requested() -> (Option<Donation>, Option<Cause>) {
    let (mut donation, mut cause) = (None, Some(cause(true)));
    let event = request_donation(cause.as_ref(), &asked(30)).expect("it can be asked for");
    apply(&mut donation, &mut cause, &event);
    (donation, cause)
}

fn decision(status: DonationStatus) -> DonationDecision {
    let donated = status == DonationStatus::Donated;
    DonationDecision {
        donation_id: 7,
        member_id: 1,
        amount: 30,
        status,
        reason: (!donated).then(|| "balance_too_low".into()),
        entry_id: donated.then_some(9),
        balance_before: Some(1_530),
        balance_after: Some(if donated { 1_500 } else { 1_530 }),
        decided_at_ms: 6,
    }
}

#[test]
fn a_donation_is_requested_and_nothing_is_received_yet() {
    let (donation, received) = requested();
    let donation = donation.expect("it exists");
    assert_eq!((donation.donation_id, donation.member_id, donation.cause_id, donation.amount), (7, 1, 3, 30));
    assert_eq!((donation.status, donation.balance_above), (DonationStatus::Requested, 1_000));
    assert_eq!(received, Some(cause(true)));
}

#[test]
fn a_closed_cause_refuses_at_once_and_receives_nothing() {
    let (mut donation, mut closed) = (None, Some(cause(false)));
    let event = request_donation(closed.as_ref(), &asked(30)).expect("a refusal is a donation too");
    assert!(matches!(event, Event::DonationRefused { .. }), "point must not be asked: {event:?}");
    apply(&mut donation, &mut closed, &event);
    let donation = donation.expect("it exists");
    assert_eq!((donation.status, donation.reason.as_deref()), (DonationStatus::Rejected, Some("cause_closed")));
    assert_eq!((donation.ended_at_ms, donation.balance_after), (Some(5), None));
    assert_eq!(closed, Some(cause(false)));
    assert_eq!(record_decision(&donation, &decision(DonationStatus::Donated)), None);
}

#[test]
fn what_cannot_be_given_is_no_donation() {
    for amount in [0, -1, i64::MIN, MAX_AMOUNT + 1, i64::MAX] {
        assert_eq!(request_donation(Some(&cause(true)), &asked(amount)), Err(Rejection::InvalidAmount), "{amount}");
    }
    assert!(request_donation(Some(&cause(true)), &asked(MAX_AMOUNT)).is_ok());
    assert_eq!(request_donation(None, &asked(1)), Err(Rejection::CauseUnknown));
}

#[test]
fn a_decision_is_recorded_once_whichever_way_it_comes() {
    for (status, received, count) in [(DonationStatus::Donated, 70, 3), (DonationStatus::Rejected, 40, 2)] {
        let (mut donation, mut cause) = requested();
        for time in 0..3 {
            let event = record_decision(donation.as_ref().expect("it exists"), &decision(status));
            assert_eq!(event.is_some(), time == 0);
            event.iter().for_each(|event| apply(&mut donation, &mut cause, event));
        }
        let (donation, cause) = (donation.expect("it exists"), cause.expect("it exists"));
        assert_eq!((donation.status, donation.ended_at_ms), (status, Some(6)));
        assert_eq!((cause.received_point, cause.donation_count), (received, count), "{status:?}");
        let other = if status == DonationStatus::Donated { DonationStatus::Rejected } else { DonationStatus::Donated };
        assert_eq!(record_decision(&donation, &decision(other)), None, "what is decided stays decided");
    }
}

#[test]
fn a_decision_about_something_else_is_not_recorded() {
    let donation = requested().0.expect("it exists");
    let donated = decision(DonationStatus::Donated);
    for wrong in [
        DonationDecision { donation_id: 8, ..donated.clone() },
        DonationDecision { member_id: 2, ..donated.clone() },
        DonationDecision { status: DonationStatus::Requested, ..donated },
    ] {
        assert_eq!(record_decision(&donation, &wrong), None, "{wrong:?}");
    }
}

#[test]
fn causes_open_under_free_numbers_and_change() {
    assert_eq!(open_cause(Some(&cause(true)), 3, "sea", true), Err(Rejection::NumberTaken));
    let (mut donation, mut sea) = (None, None);
    let opened = open_cause(None, 4, "sea", true).expect("4 is free");
    apply(&mut donation, &mut sea, &opened);
    for (name, open, changes) in [
        (None, None, false),
        (Some("sea"), Some(true), false),
        (Some("ocean"), None, true),
        (None, Some(false), true),
        (Some("sea"), Some(true), true),
    ] {
        let known = sea.clone().expect("it exists");
        let change = ChangeCause { name: name.map(Into::into), open };
        let event = change_cause(&known, &change);
        assert_eq!(event.is_some(), changes, "{change:?}");
        event.iter().for_each(|event| apply(&mut donation, &mut sea, event));
        let now = sea.clone().expect("it exists");
        assert_eq!(now.sequence, known.sequence + i64::from(changes));
        assert_eq!((&*now.name, now.open), (name.unwrap_or(&known.name), open.unwrap_or(known.open)));
    }
    assert_eq!(donation, None);
}
