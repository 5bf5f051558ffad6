//! The ledger as provider, with its rules: points are held for a payment and captured, or it is cancelled; meanwhile the
//! member spends points, leaves, or takes too long.

use domain::kernel::{Day, Month};
use domain::member::MemberStatus;
use domain::point::{
    self, Account, AskPayment, Event, FollowMember, Hold, HoldStatus, PaymentAnswer, PaymentAsk, PaymentRecord,
    UsePoints, WelcomeMember, close_account, decide_payment, drop_hold, expire_hold, forfeit_points, use_points,
};

use crate::provider::Said;

const MEMBER: i64 = 7;
const HOLD: i64 = 1;
/// More than a hold lives.
const LATER_MS: i64 = 3_600_000;

/// What the ledger knows of the member and the payment.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// Whether it does not remember what was cancelled.
    forgets: bool,
    amount: i64,
    account: Account,
    record: Option<PaymentRecord>,
    hold: Option<Hold>,
    is_late: bool,
    spent: i64,
    forfeited: i64,
    /// How often points were taken for the payment and given back.
    pub charges: u8,
    pub refunds: u8,
}

/// What happens there besides.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// The time of a hold is over.
    Pass,
    /// The job lets go what is held for too long.
    Expire,
    /// The member spends a point.
    Spend,
    /// The member is gone: what is held is let go, and everything forfeited.
    Leave,
}

impl Ledger {
    /// A member who has exactly what the payment takes.
    pub fn new(amount: i64, forgets: bool) -> Self {
        let mut account = Account::new(MEMBER);
        let follow = FollowMember { member_sequence: 1, status: MemberStatus::Normal };
        if let Some(event) = point::follow_member(&account, &follow) {
            point::apply(&mut account, &event);
        }
        let gift = WelcomeMember { amount, expires: Month::new(2030, 1) };
        if let Ok(Some(event)) = point::welcome_member(&account, &gift) {
            point::apply(&mut account, &event);
        }
        assert_eq!(account.available(), amount);
        Self {
            forgets,
            amount,
            account,
            record: None,
            hold: None,
            is_late: false,
            spent: 0,
            forfeited: 0,
            charges: 0,
            refunds: 0,
        }
    }

    fn now_ms(&self) -> i64 {
        if self.is_late { LATER_MS } else { 0 }
    }

    fn ask(&mut self, ask: PaymentAsk) -> PaymentAnswer {
        let (payment_id, member_id, today, now_ms) = (1, MEMBER, Day::new(2026, 11, 21), self.now_ms());
        let cmd = AskPayment { payment_id, member_id, ask, today, now_ms };
        let outcome = decide_payment(Some(&self.account), self.record.as_ref(), self.hold.as_ref(), &cmd);
        assert!(!outcome.number_reused);
        if outcome.record.is_some() {
            self.record = outcome.record;
        }
        if let Some(event) = &outcome.event {
            self.book(event);
        }
        outcome.answer
    }

    fn book(&mut self, event: &Event) {
        point::apply(&mut self.account, event);
        match event {
            Event::PointsHeld(hold) | Event::HoldReleased(hold) | Event::HoldExpired(hold) => {
                self.hold = Some(hold.clone());
            }
            Event::HoldCaptured { hold, .. } => {
                self.hold = Some(hold.clone());
                self.charges += 1;
            }
            Event::PointsMoved(movement) => match movement.kind {
                point::EntryKind::UseCancel => self.refunds += 1,
                point::EntryKind::Forfeit => self.forfeited -= movement.amount,
                _ => {}
            },
            _ => {}
        }
    }

    /// The question to hold arrives; nothing if it is held, and may be captured now.
    pub fn hold(&mut self) -> Option<Said> {
        match self.ask(PaymentAsk::Hold { amount: self.amount, hold_id: HOLD }) {
            PaymentAnswer::Held(Ok(_)) => None,
            _ => Some(Said::Declined),
        }
    }

    /// The question to capture arrives.
    pub fn capture(&mut self) -> Said {
        match self.ask(PaymentAsk::Capture) {
            PaymentAnswer::Captured(Ok(_)) => Said::Charged,
            _ => Said::Declined,
        }
    }

    /// The question to cancel arrives; whether points were given back, by this or an earlier one.
    pub fn cancel(&mut self) -> bool {
        let answer = self.ask(PaymentAsk::Cancel);
        if self.forgets {
            (self.record, self.hold) = (None, None);
        }
        matches!(answer, PaymentAnswer::Cancelled(back) if back.given_back_point > 0)
    }

    pub fn enabled(&self, mut may: impl FnMut(Step)) {
        if !self.is_late {
            may(Step::Pass);
        }
        if self.hold.as_ref().is_some_and(|hold| expire_hold(hold, self.now_ms()).is_some()) {
            may(Step::Expire);
        }
        if !self.account.closed {
            may(Step::Leave);
            if self.spent == 0 {
                may(Step::Spend);
            }
        }
    }

    pub fn take(&mut self, step: Step) {
        match step {
            Step::Pass => self.is_late = true,
            Step::Expire => {
                if let Some(event) = self.hold.as_ref().and_then(|hold| expire_hold(hold, self.now_ms())) {
                    self.book(&event);
                }
            }
            Step::Spend => {
                let cmd = UsePoints { amount: 1, reference: None, reason: None };
                if let Ok(event) = use_points(&self.account, &cmd) {
                    self.book(&event);
                    self.spent = 1;
                }
            }
            Step::Leave => {
                if let Some(event) = self.hold.as_ref().and_then(drop_hold) {
                    self.book(&event);
                }
                if let Some(event) = forfeit_points(&self.account) {
                    self.book(&event);
                }
                if let Some(event) = close_account(&self.account, 1) {
                    self.book(&event);
                }
            }
        }
    }

    pub fn must_be_legal(&self) -> Result<(), String> {
        let taken = self.amount * (i64::from(self.charges) - i64::from(self.refunds));
        let held = self.hold.as_ref().filter(|hold| hold.status == HoldStatus::Held).map_or(0, |hold| hold.amount);
        let claims = [
            (self.account.remain_point + self.spent + self.forfeited + taken == self.amount, "points came or went"),
            (self.account.held() == held && self.account.available() >= 0, "held, but not set aside"),
        ];
        claims.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, wrong)| Err((*wrong).to_owned()))
    }

    /// Nothing that arrives from now on takes points.
    pub fn is_final(&self) -> bool {
        let held = self.hold.as_ref().is_some_and(|hold| hold.status == HoldStatus::Held && !self.is_late);
        self.record.is_some() && !held
    }

    /// What was given back to a member who has left is nobody's.
    pub fn is_closed(&self) -> bool {
        self.account.closed
    }

    /// Whether points are still set aside.
    pub fn holds(&self) -> bool {
        self.account.held() > 0
    }

    pub fn key(&self, bytes: &mut Vec<u8>) {
        let flags = [self.is_late, self.spent > 0, self.account.closed];
        bytes.push(flags.iter().fold(0, |bits, bit| 2 * bits + u8::from(*bit)));
        bytes.extend([self.charges, self.refunds, self.hold.as_ref().map_or(0, |hold| 1 + hold.status as u8)]);
        bytes.push(self.record.as_ref().map_or(0, |record| {
            let refusal = record.refusal.map_or(0, |refusal| 1 + refusal as u8);
            let back = record.given_back.map_or(0, |back| 1 + u8::from(back > 0));
            1 + refusal * 6 + back * 2 + u8::from(record.amount > 0)
        }));
    }
}
