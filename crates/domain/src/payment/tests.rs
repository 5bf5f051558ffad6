//! Payments by table, and random histories against a provider that keeps its word.

use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::kernel::MAX_SAFE;

const LIMIT_MS: i64 = 600_000;

fn facts() -> PaymentFacts {
    PaymentFacts {
        payment_id: 1,
        order: Order::Cart(4),
        customer_id: Some(7),
        amount_won: 50_000,
        method: PaymentMethod::Card,
    }
}

fn take_in(payment: &mut Option<Payment>, events: impl IntoIterator<Item = Event>) -> Vec<&'static str> {
    events
        .into_iter()
        .map(|event| {
            apply(payment, &event);
            match event {
                Event::PaymentRequested(_) => "requested",
                Event::PaymentApproved(_) => "approved",
                Event::PaymentDeclined { .. } => "declined",
                Event::PaymentCanceled(_) => "canceled",
                Event::PaymentRefunded { .. } => "refunded",
            }
        })
        .collect()
}

fn requested(facts: PaymentFacts) -> Option<Payment> {
    let mut payment = None;
    take_in(&mut payment, request_payment(None, &RequestPayment { facts, takes_cards: true }));
    payment
}

fn charged(payment: &mut Option<Payment>) -> Vec<&'static str> {
    let event = payment.as_ref().and_then(|payment| record_outcome(payment, &ChargeOutcome::Charged));
    take_in(payment, event)
}

fn canceled(payment: &mut Option<Payment>) -> Vec<&'static str> {
    let events = cancel_payment(payment.as_ref(), &facts());
    take_in(payment, events)
}

fn refunded(payment: &mut Option<Payment>, won: i64) -> Result<Vec<&'static str>, Rejection> {
    let event = payment.as_ref().map_or(Ok(None), |payment| record_refund(payment, won))?;
    Ok(take_in(payment, event))
}

fn stands(payment: &Option<Payment>) -> (PaymentStatus, Option<Job>, Option<i64>, i64) {
    let payment = payment.as_ref().expect("it exists");
    (payment.status, payment.job, payment.refunded_won, payment.sequence)
}

#[test]
fn an_order_is_charged_once() {
    let mut payment = requested(facts());
    assert_eq!(stands(&payment), (PaymentStatus::PaymentRequested, Some(Job::Charge), None, 1));
    let again = RequestPayment { facts: PaymentFacts { payment_id: 2, ..facts() }, takes_cards: true };
    assert_eq!(request_payment(payment.as_ref(), &again), vec![]);
    assert_eq!(charged(&mut payment), ["approved"]);
    assert_eq!(stands(&payment), (PaymentStatus::PaymentApproved, None, None, 2));
    assert_eq!(charged(&mut payment), [""; 0], "a doubled answer changes nothing");
    let declined = ChargeOutcome::Declined("late".to_string());
    assert_eq!(payment.as_ref().and_then(|payment| record_outcome(payment, &declined)), None);
}

#[test]
fn what_nobody_could_charge_is_declined_at_once() {
    let card = facts();
    let points = PaymentFacts { method: PaymentMethod::Points, ..card };
    for (facts, takes_cards, reason) in [
        (card, false, Some(NO_PROVIDER)),
        (card, true, None),
        (points, false, None),
        (PaymentFacts { customer_id: None, ..points }, true, Some(NO_CUSTOMER)),
        (PaymentFacts { customer_id: None, ..card }, true, None),
        (PaymentFacts { amount_won: MAX_SAFE, ..card }, true, None),
        (PaymentFacts { amount_won: MAX_SAFE + 1, ..card }, true, Some(INVALID_AMOUNT)),
        (PaymentFacts { amount_won: -1, ..card }, true, Some(INVALID_AMOUNT)),
    ] {
        let events = request_payment(None, &RequestPayment { facts, takes_cards });
        let decline = events.get(1).map(|event| match event {
            Event::PaymentDeclined { reason, .. } => reason.as_str(),
            other => panic!("{other:?}"),
        });
        assert_eq!(decline, reason, "{facts:?}");
        let mut payment = None;
        take_in(&mut payment, events);
        assert_eq!(stands(&payment).1, reason.is_none().then_some(Job::Charge), "{facts:?}");
        if reason.is_some() {
            assert_eq!(canceled(&mut payment), [""; 0], "what was declined has nothing to be canceled");
        }
    }
}

#[test]
fn what_costs_nothing_is_paid_and_given_back_without_a_provider() {
    let mut payment = requested(PaymentFacts { amount_won: 0, ..facts() });
    assert_eq!(stands(&payment), (PaymentStatus::PaymentApproved, None, None, 2));
    assert_eq!(canceled(&mut payment), ["canceled", "refunded"]);
    assert_eq!(stands(&payment), (PaymentStatus::PaymentCanceled, None, Some(0), 4));
}

#[test]
fn an_order_that_is_off_before_its_payment_exists_is_never_charged() {
    let mut payment = None;
    assert_eq!(canceled(&mut payment), ["canceled", "refunded"]);
    assert_eq!(stands(&payment), (PaymentStatus::PaymentCanceled, None, Some(0), 2));
    let late = request_payment(payment.as_ref(), &RequestPayment { facts: facts(), takes_cards: true });
    assert_eq!(late, vec![]);
    assert_eq!(charged(&mut payment), [""; 0]);
    assert_eq!(canceled(&mut payment), [""; 0]);
}

#[test]
fn a_refund_is_the_whole_amount_or_nothing_of_what_was_never_approved() {
    let mut payment = requested(facts());
    assert_eq!(refunded(&mut payment, 50_000), Ok(vec![]), "nothing is to be given back");
    assert_eq!(charged(&mut payment), ["approved"]);
    assert_eq!(canceled(&mut payment), ["canceled"]);
    assert_eq!(charged(&mut payment), [""; 0]);
    for wrong in [0, 1, 49_999, 50_001, -50_000] {
        assert_eq!(refunded(&mut payment, wrong), Err(Rejection::RefundMismatch), "{wrong}");
    }
    assert_eq!(refunded(&mut payment, 50_000), Ok(vec!["refunded"]));
    assert_eq!(refunded(&mut payment, 50_000), Ok(vec![]), "once");
    for won in [0, 50_000] {
        let mut never_approved = requested(facts());
        assert_eq!(canceled(&mut never_approved), ["canceled"]);
        assert_eq!(refunded(&mut never_approved, 1), Err(Rejection::RefundMismatch));
        assert_eq!(refunded(&mut never_approved, won), Ok(vec!["refunded"]));
    }
    let mut of_points = requested(PaymentFacts { method: PaymentMethod::Points, ..facts() });
    assert_eq!((charged(&mut of_points), canceled(&mut of_points)), (vec!["approved"], vec!["canceled"]));
    assert_eq!(refunded(&mut of_points, 50_001), Err(Rejection::RefundMismatch));
    assert_eq!(refunded(&mut of_points, 0), Ok(vec!["refunded"]), "the member is gone");
}

#[test]
fn a_late_success_after_the_end_changes_nothing_and_is_given_back() {
    let mut payment = requested(facts());
    let give_up_at = |payment: &Option<Payment>, waited_ms| {
        payment.as_ref().and_then(|payment| give_up(payment, waited_ms, LIMIT_MS))
    };
    assert_eq!(give_up_at(&payment, LIMIT_MS - 1), None);
    let event = give_up_at(&payment, LIMIT_MS);
    assert_eq!(take_in(&mut payment, event), ["declined"]);
    assert_eq!(stands(&payment), (PaymentStatus::PaymentDeclined, Some(Job::Cancel), None, 2));
    assert_eq!(payment.as_ref().and_then(|payment| payment.reason.as_deref()), Some(TIMED_OUT));
    assert_eq!(charged(&mut payment), [""; 0]);
    assert_eq!(canceled(&mut payment), [""; 0]);
    assert_eq!(give_up_at(&payment, i64::MAX), None);
    assert_eq!(refunded(&mut payment, 50_000), Ok(vec!["refunded"]));
    assert_eq!(stands(&payment), (PaymentStatus::PaymentDeclined, None, Some(50_000), 3));
}

#[test]
fn every_name_is_read_back() {
    for status in PaymentStatus::ALL {
        assert_eq!(PaymentStatus::from_name(status.name()), Some(status));
    }
    for job in [Job::Charge, Job::Cancel] {
        assert_eq!(Job::from_name(job.name()), Some(job));
    }
    assert_eq!(Job::from_name(""), None);
}

/// What may happen to a payment, in any order and any number of times.
#[derive(Debug, Clone, Copy)]
enum Step {
    Request,
    /// The order is off.
    CancelOrder,
    /// The worker asks what the row says, and hears the answer.
    Ask,
    /// The worker asks, and the answer is lost.
    AskUnheard,
    /// An answer or webhook of the charge comes that nobody expects any more.
    LateWord,
    GiveUp,
}

/// A provider as the contract wants it: charges once, gives back once, refuses a charge after a cancel.
#[derive(Debug, Default)]
struct Provider {
    declines: bool,
    charged: i64,
    given_back: i64,
    is_over: bool,
}

impl Provider {
    fn charge(&mut self, amount: i64) -> ChargeOutcome {
        if self.declines || (self.is_over && self.charged == 0) {
            return ChargeOutcome::Declined(String::from("no"));
        }
        self.charged = amount;
        ChargeOutcome::Charged
    }

    fn cancel(&mut self) -> i64 {
        (self.given_back, self.is_over) = (self.charged, true);
        self.given_back
    }
}

fn ask(payment: &mut Option<Payment>, provider: &mut Provider, is_heard: bool) -> Vec<Event> {
    let Some(current) = payment.as_ref() else { return Vec::new() };
    let event = match current.job {
        None => None,
        Some(Job::Charge) => record_outcome(current, &provider.charge(current.facts.amount_won)),
        Some(Job::Cancel) => record_refund(current, provider.cancel()).expect("the provider keeps its word"),
    };
    event.filter(|_| is_heard).into_iter().collect()
}

fn step(payment: &mut Option<Payment>, provider: &mut Provider, step: Step) -> Vec<Event> {
    let word = if provider.charged > 0 { ChargeOutcome::Charged } else { ChargeOutcome::Declined("no".to_string()) };
    let has_answered = provider.charged > 0 || provider.declines;
    let events = match step {
        Step::Request => request_payment(payment.as_ref(), &RequestPayment { facts: facts(), takes_cards: true }),
        Step::CancelOrder => cancel_payment(payment.as_ref(), &facts()),
        Step::Ask => ask(payment, provider, true),
        Step::AskUnheard => ask(payment, provider, false),
        Step::LateWord => {
            let waiting = payment.as_ref().filter(|_| has_answered);
            waiting.and_then(|payment| record_outcome(payment, &word)).into_iter().collect()
        }
        Step::GiveUp => payment.as_ref().and_then(|payment| give_up(payment, LIMIT_MS, LIMIT_MS)).into_iter().collect(),
    };
    events.iter().for_each(|event| apply(payment, event));
    events
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Request),
        Just(Step::CancelOrder),
        Just(Step::Ask),
        Just(Step::AskUnheard),
        Just(Step::LateWord),
        Just(Step::GiveUp),
    ]
}

proptest! {
    #[test]
    fn money_is_taken_once_or_given_back_once(
        declines in any::<bool>(),
        steps in prop::collection::vec(any_step(), 0..24),
    ) {
        let (mut payment, mut provider) = (None, Provider { declines, ..Provider::default() });
        let mut told = Vec::new();
        for next in steps.into_iter().chain([Step::Request, Step::Ask, Step::Ask]) {
            told.extend(step(&mut payment, &mut provider, next));
        }
        let count = |wanted: fn(&Event) -> bool| told.iter().filter(|event| wanted(event)).count();
        let ends = count(|event| matches!(event, Event::PaymentApproved(_) | Event::PaymentDeclined { .. }));
        let canceled = count(|event| matches!(event, Event::PaymentCanceled(_)));
        let refunds = count(|event| matches!(event, Event::PaymentRefunded { .. }));
        let timed_out = count(|event| matches!(event, Event::PaymentDeclined { reason, .. } if reason == TIMED_OUT));
        let payment = payment.expect("it was requested or canceled");
        prop_assert_eq!(payment.job, None, "who is asked often enough ends it");
        prop_assert!(ends <= 1 && canceled <= 1 && ends + canceled >= 1);
        prop_assert_eq!(refunds, canceled + timed_out);
        prop_assert_eq!(payment.sequence, i64::try_from(told.len()).unwrap_or(i64::MAX));
        let kept = provider.charged - provider.given_back;
        let is_paid = payment.status == PaymentStatus::PaymentApproved;
        prop_assert_eq!(kept, if is_paid { payment.facts.amount_won } else { 0 });
        prop_assert_eq!(payment.refunded_won.unwrap_or(0), provider.given_back);
    }
}
