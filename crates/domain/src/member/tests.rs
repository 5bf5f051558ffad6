//! The member's rules: the message's outcome, contacts, and the withdrawal's steps in every order.

use alloc::vec;
use alloc::vec::Vec;

use super::*;

fn member(status: MemberStatus, phone_revision: i64) -> Member {
    Member { member_id: 7, status, phone_revision, join_coupon: JoinCoupon::None, operator_told: false, sequence: 1 }
}

fn after(mut member: Member, event: &Event) -> Member {
    apply(&mut member, &mut None, event);
    member
}

#[test]
fn a_number_that_was_ever_used_is_taken() {
    for coupon in [false, true] {
        let joined = Event::MemberJoined { member_id: 7, phone_revision: 1, coupon };
        assert_eq!(join(false, 7, coupon), Ok(joined.clone()));
        assert_eq!(join(true, 7, coupon), Err(Rejection::NumberTaken));
        let blank = Member { sequence: 0, ..member(MemberStatus::Ready, 0) };
        assert_eq!(after(blank, &joined), member(MemberStatus::Ready, 1));
    }
}

#[test]
fn every_name_reads_back() {
    for status in [MemberStatus::Ready, MemberStatus::Normal, MemberStatus::Abnormal] {
        assert_eq!(MemberStatus::from_name(status.name()), Some(status));
    }
    for step in STEPS {
        assert_eq!(WithdrawalStep::from_name(step.name()), Some(step));
    }
    assert_eq!((MemberStatus::from_name("GONE"), WithdrawalStep::from_name("")), (None, None));
}

#[test]
fn the_outcome_of_the_message_decides_the_status_once() {
    for (delivered, welcome_due, status, welcome) in [
        (true, true, MemberStatus::Normal, true),
        (true, false, MemberStatus::Normal, false),
        (false, true, MemberStatus::Abnormal, false),
        (false, false, MemberStatus::Abnormal, false),
    ] {
        let cmd = RecordDelivery { phone_revision: 1, delivered, welcome_due };
        let ready = member(MemberStatus::Ready, 1);
        let event = record_delivery(&ready, &cmd).expect("a READY member waits for it");
        assert_eq!(event, Event::StatusChanged { member_id: 7, status, welcome });
        let told = after(ready, &event);
        assert_eq!((told.status, told.sequence), (status, 2));
        for repeated in [cmd, RecordDelivery { delivered: !delivered, ..cmd }] {
            assert_eq!(record_delivery(&told, &repeated), None);
        }
    }
}

#[test]
fn the_outcome_of_a_message_to_another_phone_number_counts_for_nothing() {
    for phone_revision in [0, 1, 3] {
        for delivered in [true, false] {
            let cmd = RecordDelivery { phone_revision, delivered, welcome_due: true };
            assert_eq!(record_delivery(&member(MemberStatus::Ready, 2), &cmd), None);
        }
    }
}

#[test]
fn a_changed_phone_number_has_to_prove_itself_again() {
    for status in [MemberStatus::Ready, MemberStatus::Normal, MemberStatus::Abnormal] {
        let before = member(status, 4);
        let moved = after(before.clone(), &change_contacts(&before, true));
        assert_eq!(moved, Member { status: MemberStatus::Ready, phone_revision: 5, sequence: 2, ..before.clone() });
        let stale = RecordDelivery { phone_revision: 4, delivered: true, welcome_due: true };
        assert_eq!(record_delivery(&moved, &stale), None);
        assert!(record_delivery(&moved, &RecordDelivery { phone_revision: 5, ..stale }).is_some());
        assert_eq!(after(before.clone(), &change_contacts(&before, false)), Member { sequence: 2, ..before });
    }
}

const STEPS: [WithdrawalStep; 4] =
    [WithdrawalStep::Preparing, WithdrawalStep::Released, WithdrawalStep::Withdrawing, WithdrawalStep::Done];

/// What may be asked of a withdrawal, by the member, by a sweeper, or by those who follow.
#[derive(Debug, Clone, Copy)]
enum Ask {
    Request,
    Release(i64),
    Decide(i64),
    Confirm(Follower),
}

const ASKS: [Ask; 9] = [
    Ask::Request,
    Ask::Release(1),
    Ask::Release(2),
    Ask::Release(3),
    Ask::Decide(1),
    Ask::Decide(2),
    Ask::Decide(3),
    Ask::Confirm(Follower::Point),
    Ask::Confirm(Follower::Coupon),
];

/// The shell's rows. From `MemberWithdrawn` on the shell finds no member, only the row's sequence.
#[derive(Debug, Clone)]
struct Rows {
    member: Member,
    withdrawal: Option<Withdrawal>,
    /// How each attempt ended, in a model that knows only this: attempt 1 first.
    attempts: Vec<WithdrawalStep>,
    /// Who has followed the decision, in order.
    followed: Vec<Follower>,
}

impl Rows {
    fn is_gone(&self) -> bool {
        matches!(self.attempts.last(), Some(WithdrawalStep::Withdrawing | WithdrawalStep::Done))
    }

    /// What the rules say.
    fn hear(&self, ask: Ask) -> Result<Option<Event>, Rejection> {
        let present = if self.is_gone() { None } else { Some(&self.member) };
        match (ask, &self.withdrawal) {
            (Ask::Request, last) => request_withdrawal(present, last.as_ref()),
            (_, None) => Ok(None),
            (Ask::Release(attempt), Some(withdrawal)) => Ok(release_withdrawal(withdrawal, attempt)),
            (Ask::Decide(attempt), Some(withdrawal)) => decide_withdrawal(withdrawal, attempt).map(Some),
            (Ask::Confirm(Follower::Point), Some(withdrawal)) => {
                Ok(confirm_withdrawal(withdrawal, Confirmation::Point { forfeited_point: 90 }))
            }
            (Ask::Confirm(Follower::Coupon), Some(withdrawal)) => {
                Ok(confirm_withdrawal(withdrawal, Confirmation::Coupon))
            }
        }
    }

    /// What the model says: the step that an attempt takes, and which attempt.
    fn expect(&self, ask: Ask) -> Result<Option<(i64, WithdrawalStep)>, Rejection> {
        let last = self.attempts.len() as i64;
        let stands = |attempt, step| attempt == last && self.attempts.last() == Some(&step);
        match ask {
            Ask::Request if self.is_gone() => Err(Rejection::MemberUnknown),
            Ask::Request if stands(last, WithdrawalStep::Preparing) => Ok(None),
            Ask::Request => Ok(Some((last + 1, WithdrawalStep::Preparing))),
            Ask::Release(attempt) if stands(attempt, WithdrawalStep::Preparing) => {
                Ok(Some((attempt, WithdrawalStep::Released)))
            }
            Ask::Decide(attempt) if stands(attempt, WithdrawalStep::Preparing) => {
                Ok(Some((attempt, WithdrawalStep::Withdrawing)))
            }
            Ask::Decide(_) if last > 0 => Err(Rejection::AttemptOver),
            Ask::Confirm(who) if stands(last, WithdrawalStep::Withdrawing) && !self.followed.contains(&who) => {
                let other_has = !self.followed.is_empty();
                let step = if other_has { WithdrawalStep::Done } else { WithdrawalStep::Withdrawing };
                Ok(Some((last, step)))
            }
            Ask::Release(_) | Ask::Decide(_) | Ask::Confirm(_) => Ok(None),
        }
    }

    /// Takes one step and checks it; `true` if something happened.
    fn step(&mut self, ask: Ask) -> bool {
        let answer = self.hear(ask);
        let expected = self.expect(ask);
        assert_eq!(answer.as_ref().map(|event| event.as_ref().map(outcome)), expected.as_ref().map(|step| *step));
        let (Ok(Some(event)), Ok(Some((attempt, step)))) = (answer, expected) else { return false };
        if step == WithdrawalStep::Preparing {
            self.attempts.push(step);
        } else {
            let place = self.attempts.last_mut().expect("only a known attempt takes a step");
            assert!(is_way(*place, step), "attempt {attempt} went from {place:?} to {step:?}");
            *place = step;
        }
        if let Ask::Confirm(who) = ask {
            self.followed.push(who);
        }
        let sequence = self.member.sequence;
        apply(&mut self.member, &mut self.withdrawal, &event);
        assert_eq!(self.member.sequence, sequence + 1);
        let forfeited_point = self.followed.contains(&Follower::Point).then_some(90);
        let coupons_cancelled = self.followed.contains(&Follower::Coupon);
        let known = Withdrawal { member_id: 7, attempt, step, forfeited_point, coupons_cancelled };
        assert_eq!(self.withdrawal, Some(known.clone()));
        let missing = [Follower::Point, Follower::Coupon].into_iter().filter(|who| !self.followed.contains(who));
        let is_over = matches!(step, WithdrawalStep::Released | WithdrawalStep::Done);
        assert_eq!(known.waits_for(), if is_over { vec![] } else { missing.collect::<Vec<_>>() });
        true
    }
}

fn outcome(event: &Event) -> (i64, WithdrawalStep) {
    match *event {
        Event::WithdrawalRequested { member_id: 7, attempt } => (attempt, WithdrawalStep::Preparing),
        Event::WithdrawalReleased { member_id: 7, attempt } => (attempt, WithdrawalStep::Released),
        Event::MemberWithdrawn { member_id: 7, attempt } => (attempt, WithdrawalStep::Withdrawing),
        Event::WithdrawalConfirmed { member_id: 7, attempt, forfeited_point: None | Some(90) } => {
            (attempt, WithdrawalStep::Withdrawing)
        }
        Event::WithdrawalCompleted { member_id: 7, attempt, forfeited_point: 90 } => (attempt, WithdrawalStep::Done),
        ref other => panic!("{other:?} is no step of member 7's withdrawal"),
    }
}

fn is_way(from: WithdrawalStep, to: WithdrawalStep) -> bool {
    matches!(
        (from, to),
        (WithdrawalStep::Preparing, WithdrawalStep::Released | WithdrawalStep::Withdrawing)
            | (WithdrawalStep::Withdrawing, WithdrawalStep::Withdrawing | WithdrawalStep::Done)
    )
}

/// Every sequence of up to `depth` further steps; adds up how many ended at each of [`STEPS`].
fn explore(rows: &Rows, depth: usize, ends: &mut [usize; 4]) {
    if depth == 0 {
        return finish(rows.clone(), ends);
    }
    for ask in ASKS {
        let mut next = rows.clone();
        next.step(ask);
        explore(&next, depth - 1, ends);
    }
}

/// What the sweeper does with what is left lying: it always comes to an end.
fn finish(mut rows: Rows, ends: &mut [usize; 4]) {
    let Some(withdrawal) = rows.withdrawal.clone() else { return };
    ends[STEPS.iter().position(|step| *step == withdrawal.step).expect("one of four")] += 1;
    let ended_before = matches!(withdrawal.step, WithdrawalStep::Released | WithdrawalStep::Done);
    let swept = rows.step(Ask::Release(withdrawal.attempt))
        | rows.step(Ask::Confirm(Follower::Coupon))
        | rows.step(Ask::Confirm(Follower::Point));
    assert_eq!(swept, !ended_before);
    assert!(matches!(rows.attempts.last(), Some(WithdrawalStep::Released | WithdrawalStep::Done)));
    assert!(rows.attempts.iter().rev().skip(1).all(|step| *step == WithdrawalStep::Released));
}

#[test]
fn a_withdrawal_is_legal_in_every_order_of_its_steps() {
    let mut ends = [0; 4];
    let rows = Rows { member: member(MemberStatus::Normal, 1), withdrawal: None, attempts: vec![], followed: vec![] };
    explore(&rows, 6, &mut ends);
    assert!(ends.iter().all(|count| *count > 0), "every step must be met: {ends:?}");
}

#[test]
fn nothing_undoes_a_decision() {
    for step in [WithdrawalStep::Released, WithdrawalStep::Withdrawing, WithdrawalStep::Done] {
        let withdrawal = Withdrawal { member_id: 7, attempt: 2, step, forfeited_point: None, coupons_cancelled: false };
        for attempt in 1..=3 {
            assert_eq!(release_withdrawal(&withdrawal, attempt), None);
            assert_eq!(decide_withdrawal(&withdrawal, attempt), Err(Rejection::AttemptOver));
        }
    }
}

#[test]
fn nobody_withdraws_who_is_no_member() {
    assert_eq!(request_withdrawal(None, None), Err(Rejection::MemberUnknown));
}

#[test]
fn what_is_told_of_the_join_coupon_and_the_operator_only_goes_forward() {
    let joined = member(MemberStatus::Normal, 1);
    let issued = after(joined.clone(), &note_coupon(&joined, false).expect("news"));
    assert_eq!((issued.join_coupon, note_coupon(&issued, false)), (JoinCoupon::Issued, None));
    let cancelled = after(issued.clone(), &note_coupon(&issued, true).expect("news"));
    assert_eq!(cancelled.join_coupon, JoinCoupon::Cancelled);
    for late in [false, true] {
        assert_eq!(note_coupon(&cancelled, late), None, "nothing brings it back");
    }
    let told = after(joined.clone(), &note_operator_told(&joined).expect("news"));
    assert_eq!((told.operator_told, note_operator_told(&told)), (true, None));
    for state in [JoinCoupon::None, JoinCoupon::Issued, JoinCoupon::Cancelled] {
        assert_eq!(JoinCoupon::from_name(state.name()), Some(state));
    }
    assert_eq!(JoinCoupon::from_name("REDEEMED"), None);
}
