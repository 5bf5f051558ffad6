//! Payment's side of one order: its row, its log, its worker, and what is on the way between it and the provider.

use domain::payment::{
    self, ChargeOutcome, Event, Job, Payment, PaymentFacts, PaymentMethod, PaymentStatus, RequestPayment, TIMED_OUT,
    cancel_payment, give_up, record_outcome, record_refund, request_payment,
};

use crate::Without;
use crate::ledger::{self, Ledger};
use crate::provider::{Card, Provider, Said};

/// One step of payment or the provider. What was ever sent may arrive at any time, any number of times: that is how
/// something is lost, late or doubled.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// The worker takes up what is to be done about the payment, and sends it.
    Send,
    /// The question to charge, or to hold, arrives at the provider, which may agree if it has to make up its mind.
    Charge { agrees: bool },
    /// The worker hears that points are held, and asks for them to be captured.
    HearHeld,
    /// The question to capture arrives at the ledger.
    Capture,
    /// The question to cancel arrives at the provider.
    Cancel,
    /// What the provider said of the charge arrives at payment, as an answer or by a webhook.
    Hear(Said),
    /// What the provider said of the cancel arrives at payment.
    HearRefund { refunded: bool },
    /// Nothing was heard for too long.
    GiveUp,
    /// The worker sends, and hears what the provider says of it, all at once.
    Do { agrees: bool },
    /// Something happens at the ledger besides.
    There(ledger::Step),
}

/// Everything about the payment of one order.
#[derive(Debug, Clone)]
pub struct Till {
    facts: PaymentFacts,
    without: Without,
    pub row: Option<Payment>,
    pub log: Vec<Event>,
    pub provider: Provider,
    /// Whether nothing gets lost between payment and the provider.
    is_sound: bool,
    /// What was ever sent: charge or hold, cancel, capture.
    sent: [bool; 3],
    /// What the provider has ever said: charged, declined; refunded, nothing to refund; held.
    said: [bool; 5],
}

impl Till {
    pub fn new(facts: PaymentFacts, is_sound: bool, without: Without) -> Self {
        let provider = match facts.method {
            PaymentMethod::Card => Provider::Card(Card::new(without == Without::Reference)),
            PaymentMethod::Points => {
                Provider::Ledger(Box::new(Ledger::new(facts.amount_won, without == Without::CancelledHold)))
            }
        };
        Self { facts, without, is_sound, row: None, log: Vec::new(), provider, sent: [false; 3], said: [false; 5] }
    }

    /// The order is to be paid.
    pub fn request(&mut self) {
        let request = RequestPayment { facts: self.facts, takes_cards: true };
        let events = request_payment(self.row.as_ref(), &request);
        self.record(&events);
    }

    /// The order is off.
    pub fn cancel(&mut self) {
        if self.row.is_none() && self.without == Without::Tombstone {
            return;
        }
        let events = cancel_payment(self.row.as_ref(), &self.facts);
        self.record(&events);
    }

    /// One commit of payment.
    fn record(&mut self, events: &[Event]) {
        for event in events {
            payment::apply(&mut self.row, event);
            self.log.push(event.clone());
        }
        if let Some(row) = self.row.as_mut().filter(|row| row.reason.as_deref() == Some(TIMED_OUT))
            && self.without == Without::CancelAfterGivingUp
        {
            row.job = None;
        }
    }

    pub fn enabled(&self, mut may: impl FnMut(Step)) {
        if let Some(row) = &self.row {
            match row.job {
                Some(_) if self.is_sound => [true, false].into_iter().for_each(|agrees| may(Step::Do { agrees })),
                Some(Job::Charge) if !self.sent[0] => may(Step::Send),
                Some(Job::Cancel) if !self.sent[1] => may(Step::Send),
                _ => {}
            }
            if row.status == PaymentStatus::PaymentRequested && !self.is_sound {
                may(Step::GiveUp);
            }
        }
        if self.sent[0] {
            may(Step::Charge { agrees: true });
            if matches!(&self.provider, Provider::Card(card) if card.would_decide()) {
                may(Step::Charge { agrees: false });
            }
        }
        if let Provider::Ledger(ledger) = &self.provider {
            ledger.enabled(|step| may(Step::There(step)));
            if self.sent[2] {
                may(Step::Capture);
            }
        }
        if self.sent[1] {
            may(Step::Cancel);
        }
        let heard = [
            Step::Hear(Said::Charged),
            Step::Hear(Said::Declined),
            Step::HearRefund { refunded: true },
            Step::HearRefund { refunded: false },
            Step::HearHeld,
        ];
        heard.into_iter().zip(self.said).filter(|(_, said)| *said).for_each(|(step, _)| may(step));
    }

    pub fn take(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Send => match self.row.as_ref().and_then(|row| row.job) {
                Some(Job::Charge) => self.sent[0] = true,
                Some(Job::Cancel) => self.sent[1] = true,
                None => {}
            },
            Step::Do { agrees } => return self.do_at_once(agrees),
            Step::Charge { agrees } => {
                let said = match &mut self.provider {
                    Provider::Card(card) => Some(card.charge(agrees)),
                    Provider::Ledger(ledger) => ledger.hold(),
                };
                self.note(said);
            }
            Step::HearHeld => self.sent[2] = true,
            Step::Capture => {
                if let Provider::Ledger(ledger) = &mut self.provider {
                    let said = ledger.capture();
                    self.note(Some(said));
                }
            }
            Step::Cancel => {
                let refunded = match &mut self.provider {
                    Provider::Card(card) => card.cancel(),
                    Provider::Ledger(ledger) => ledger.cancel(),
                };
                self.said[if refunded { 2 } else { 3 }] = true;
            }
            Step::There(step) => {
                if let Provider::Ledger(ledger) = &mut self.provider {
                    ledger.take(step);
                }
            }
            Step::Hear(said) => self.hear(said),
            Step::HearRefund { refunded } => return self.hear_refund(refunded),
            Step::GiveUp => {
                let event = self.row.as_ref().and_then(|row| give_up(row, 1, 1));
                self.record(event.as_slice());
            }
        }
        Ok(())
    }

    /// The provider's answer to a charge is on its way from now on; without one, that it holds points.
    fn note(&mut self, said: Option<Said>) {
        let which = said.map_or(4, |said| said as usize);
        self.said[which] = true;
    }

    fn hear_refund(&mut self, refunded: bool) -> Result<(), String> {
        let Some(row) = &self.row else { return Err("a refund of nothing".to_owned()) };
        let refunded_won = if refunded { self.facts.amount_won } else { 0 };
        let event = record_refund(row, refunded_won).map_err(|wrong| wrong.reason().to_owned())?;
        self.record(event.as_slice());
        Ok(())
    }

    fn do_at_once(&mut self, agrees: bool) -> Result<(), String> {
        let Provider::Card(card) = &mut self.provider else {
            return Err("the ledger is not done with at once".to_owned());
        };
        match self.row.as_ref().and_then(|row| row.job) {
            Some(Job::Charge) => {
                let said = card.charge(agrees);
                self.hear(said);
                Ok(())
            }
            Some(Job::Cancel) => {
                let refunded = card.cancel();
                self.hear_refund(refunded)
            }
            None => Ok(()),
        }
    }

    fn hear(&mut self, said: Said) {
        let Some(row) = &self.row else { return };
        let outcome = match said {
            Said::Charged => ChargeOutcome::Charged,
            Said::Declined => ChargeOutcome::Declined("declined".to_owned()),
        };
        let mut event = record_outcome(row, &outcome);
        if self.without == Without::CheckedOutcome && row.status != PaymentStatus::PaymentApproved {
            event = record_outcome(&Payment { status: PaymentStatus::PaymentRequested, ..row.clone() }, &outcome);
        }
        self.record(event.as_slice());
    }

    pub fn status(&self) -> Option<PaymentStatus> {
        self.row.as_ref().map(|row| row.status)
    }

    /// Nothing is left that payment has to do by itself.
    pub fn rests(&self) -> bool {
        self.row.as_ref().is_none_or(|row| row.job.is_none())
    }

    pub fn must_be_legal(&self) -> Result<(), String> {
        let count = |is: fn(&Event) -> bool| self.log.iter().filter(|event| is(event)).count();
        let requested = count(|event| matches!(event, Event::PaymentRequested(_)));
        let approved = count(|event| matches!(event, Event::PaymentApproved(_)));
        let declined = count(|event| matches!(event, Event::PaymentDeclined { .. }));
        let canceled = count(|event| matches!(event, Event::PaymentCanceled(_)));
        let refunded = count(|event| matches!(event, Event::PaymentRefunded { .. }));
        let (charges, refunds) = self.provider.moved();
        if let Provider::Ledger(ledger) = &self.provider {
            ledger.must_be_legal()?;
        }
        let claims = [
            (charges <= 1, "charged twice"),
            (refunds <= charges, "gave back more than was taken"),
            (requested <= 1 && approved <= 1 && canceled <= 1 && refunded <= 1, "paid for or given back twice"),
            (approved + declined <= 1, "approved and declined"),
            (declined + canceled <= 1, "declined and canceled"),
            (refunded <= declined + canceled, "given back, but paid"),
            (refunded == 0 || self.provider.is_final() || !self.sent[0], "given back before that was certain"),
        ];
        claims.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, wrong)| Err((*wrong).to_owned()))
    }

    /// Exactly the amount was taken, and is the house's for good.
    pub fn must_be_paid(&self) -> Result<(), String> {
        let paid = self.status() == Some(PaymentStatus::PaymentApproved);
        let kept = self.provider.moved() == (1, 0) && self.provider.is_final();
        if paid && kept { Ok(()) } else { Err(format!("bought, but not paid: {self:?}")) }
    }

    /// Nothing was taken or all of it was given back, and nothing can be taken any more.
    pub fn must_be_off(&self) -> Result<(), String> {
        let off = self
            .status()
            .is_none_or(|status| matches!(status, PaymentStatus::PaymentDeclined | PaymentStatus::PaymentCanceled));
        let free = self.provider.keeps_nothing() && (self.provider.is_final() || !self.sent[0]);
        let told = self.row.as_ref().is_none_or(|row| {
            let refunded_won = i64::from(self.provider.moved().1) * self.facts.amount_won;
            row.refunded_won.unwrap_or(0) == refunded_won
        });
        if off && free && told { Ok(()) } else { Err(format!("not bought, but paid: {self:?}")) }
    }

    pub fn key(&self, bytes: &mut Vec<u8>) {
        match &self.row {
            None => bytes.push(0),
            Some(row) => {
                let timed_out = row.reason.as_deref() == Some(TIMED_OUT);
                let flags = u8::from(timed_out) + 2 * u8::from(row.was_approved);
                let job = row.job.map_or(0, |job| 1 + job as u8);
                let refunded = row.refunded_won.map_or(0, |refunded| 1 + u8::from(refunded > 0));
                bytes.extend([1 + row.status as u8, flags, job, refunded]);
            }
        }
        bytes.push(u8::try_from(self.log.len()).unwrap_or(u8::MAX));
        bytes.extend(self.log.iter().map(kind));
        self.provider.key(bytes);
        let bits = self.sent.iter().chain(&self.said).fold(0, |bits, bit| 2 * bits + u8::from(*bit));
        bytes.push(bits);
    }
}

/// What tells events of one payment apart.
fn kind(event: &Event) -> u8 {
    match event {
        Event::PaymentRequested(_) => 0,
        Event::PaymentApproved(_) => 1,
        Event::PaymentDeclined { .. } => 2,
        Event::PaymentCanceled(_) => 3,
        Event::PaymentRefunded { .. } => 4,
    }
}
