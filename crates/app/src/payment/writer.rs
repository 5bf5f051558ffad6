//! Payment's side of the funnel: what can be asked of it, and which verb decides it.

use std::collections::BTreeSet;

use domain::payment::{self, ChargeOutcome, Job, Order, PaymentFacts, PaymentMethod, RequestPayment};
use platform::db::Session;
use platform::error::{Error, Result};
use platform::funnel::{Moment, Out, Writer};
use platform::log;

use super::loaded::Loaded;
use super::payment_unknown;

/// The pause after the first time that the provider was not heard of; it doubles from time to time.
const FIRST_PAUSE_MS: i64 = 500;
/// The longest pause.
const LONGEST_PAUSE_MS: i64 = 60_000;

/// The programme's settings that concern payments.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// A charge of which the provider has said nothing is given up after so many milliseconds.
    pub give_up_ms: i64,
    /// Whether there is a provider for cards; otherwise such payments are declined at once.
    pub takes_cards: bool,
}

/// An order as the log of its context tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderFacts {
    /// Which.
    pub order: Order,
    /// Who pays; none where nobody said.
    pub customer_id: Option<i64>,
    /// What it costs, in won (or points).
    pub amount_won: i64,
    /// What with.
    pub method: PaymentMethod,
}

impl OrderFacts {
    fn payment(self, payment_id: i64) -> PaymentFacts {
        let Self { order, customer_id, amount_won, method } = self;
        PaymentFacts { payment_id, order, customer_id, amount_won, method }
    }
}

/// What a provider said of a job, or that it was not heard of.
#[derive(Debug, Clone)]
pub enum Said {
    /// Of a charge.
    Charge(ChargeOutcome),
    /// How much it gave back, in won (or points).
    Refund(i64),
    /// Nothing; why, as a code.
    Nothing(Job, String),
    /// That it does not do the job, or nothing that can be believed; why, as a code.
    Refused(Job, String),
}

/// What can be asked of payment.
#[derive(Debug)]
pub enum Command {
    /// An order is to be paid.
    Request(OrderFacts),
    /// An order is off.
    Cancel(OrderFacts),
    /// A provider was asked.
    Record {
        /// About this payment.
        payment_id: i64,
        /// What it said.
        said: Said,
    },
    /// The provider told by itself.
    Hear {
        /// Of the payment with this number.
        payment_id: i64,
        /// As it knows the payment.
        reference: String,
        /// How much, in won.
        amount_won: i64,
        /// What became of the charge.
        outcome: ChargeOutcome,
    },
}

/// Payment's side of the funnel.
pub struct PaymentWriter {
    policy: Policy,
}

impl PaymentWriter {
    pub(super) fn new(policy: Policy) -> Self {
        Self { policy }
    }

    fn request(&self, loaded: &mut Loaded, order: OrderFacts, out: &mut Out<'_>) -> Result<()> {
        if let Some(known) = loaded.of_order(order.order) {
            if known.facts != order.payment(known.facts.payment_id) {
                // Numbers are drawn once, so one of the stores is older than the other. Nobody is charged on a guess.
                let (payment_id, kind, order_id) = (known.facts.payment_id, order.order.kind(), order.order.id());
                tracing::error!(
                    payment_id,
                    kind,
                    order_id,
                    "an order is to be paid whose number has a payment with other facts; it is left as it is"
                );
            }
            return Ok(());
        }
        let facts = order.payment(loaded.next_number()?);
        let request = RequestPayment { facts, takes_cards: self.policy.takes_cards };
        payment::request_payment(None, &request).iter().try_for_each(|event| loaded.record(event, out))
    }

    fn cancel(loaded: &mut Loaded, order: OrderFacts, out: &mut Out<'_>) -> Result<()> {
        let events = match loaded.of_order(order.order) {
            Some(known) => payment::cancel_payment(Some(known), &known.facts),
            None => payment::cancel_payment(None, &order.payment(loaded.next_number()?)),
        };
        events.iter().try_for_each(|event| loaded.record(event, out))
    }

    fn take(&self, loaded: &mut Loaded, payment_id: i64, said: &Said, out: &mut Out<'_>) -> Result<()> {
        let Some(stored) = loaded.payment(payment_id) else { return Ok(()) };
        let event = match said {
            Said::Charge(outcome) => payment::record_outcome(&stored.payment, outcome),
            Said::Refund(won) => match payment::record_refund(&stored.payment, *won) {
                Ok(event) => event,
                Err(rejection) => {
                    let why = format!("{}:{won}", rejection.reason());
                    self.refused(loaded, payment_id, (Job::Cancel, &why), out.moment.now_ms);
                    None
                }
            },
            Said::Nothing(job, why) | Said::Refused(job, why) => {
                let waited_ms = out.moment.now_ms.saturating_sub(stored.requested_at);
                let given_up = Some(*job).filter(|job| *job == Job::Charge);
                let event = given_up.and_then(|_| payment::give_up(&stored.payment, waited_ms, self.policy.give_up_ms));
                match said {
                    _ if event.is_some() => {}
                    Said::Refused(..) => self.refused(loaded, payment_id, (*job, why), out.moment.now_ms),
                    _ => self.not_heard(loaded, payment_id, *job, why, out.moment.now_ms),
                }
                event
            }
        };
        event.map_or(Ok(()), |event| loaded.record(&event, out))
    }

    /// Puts a job off that the provider does not do. A refund that is not given is for somebody to take care of, who is
    /// told when the reason is another one than before.
    fn refused(&self, loaded: &mut Loaded, payment_id: i64, (job, why): (Job, &str), now_ms: i64) {
        let Some(stored) = loaded.payment(payment_id) else { return };
        if stored.payment.job == Some(job) && stored.failure.as_deref() != Some(why) {
            let (reference, amount) = (&stored.reference, stored.payment.facts.amount_won);
            if job == Job::Cancel {
                tracing::error!(payment_id, reference, amount, why, "the provider does not give back what it is to");
            } else {
                tracing::warn!(payment_id, reference, amount, why, "the provider does not do what it is asked");
            }
        }
        self.not_heard(loaded, payment_id, job, why, now_ms);
    }

    /// Puts a job off, ever longer; a charge not beyond the time at which it is given up.
    fn not_heard(&self, loaded: &mut Loaded, payment_id: i64, job: Job, why: &str, now_ms: i64) {
        let Some(stored) = loaded.payment(payment_id) else { return };
        let mut due_at = now_ms.saturating_add(pause_ms(stored.attempts));
        if job == Job::Charge {
            let given_up_at = stored.requested_at.saturating_add(self.policy.give_up_ms);
            due_at = due_at.min(given_up_at.max(now_ms));
        }
        loaded.postpone(payment_id, job, due_at, why.to_owned());
    }

    fn hear(loaded: &mut Loaded, command: &Command, out: &mut Out<'_>) -> Result<()> {
        let Command::Hear { payment_id, reference, amount_won, outcome } = command else { return Ok(()) };
        let known = loaded.payment(*payment_id).filter(|stored| stored.reference == *reference);
        let stored = known.ok_or_else(payment_unknown)?;
        if stored.payment.facts.amount_won != *amount_won {
            tracing::error!(payment_id, amount_won, "the provider tells of another amount than the payment's");
            return Ok(());
        }
        match payment::record_outcome(&stored.payment, outcome) {
            Some(event) => loaded.record(&event, out),
            None => Ok(()),
        }
    }
}

/// How long the provider is left alone after it was not heard of `attempts` times before.
fn pause_ms(attempts: i64) -> i64 {
    let doubled = u32::try_from(attempts.clamp(0, 10)).unwrap_or(10);
    (FIRST_PAUSE_MS << doubled).min(LONGEST_PAUSE_MS)
}

impl Writer for PaymentWriter {
    type Command = Command;
    type Answer = ();
    type Loaded = Loaded;

    fn load(&mut self, tx: &mut dyn Session, commands: &[&Command], _moment: &Moment) -> Result<Loaded> {
        let (mut orders, mut payments) = (BTreeSet::new(), Vec::new());
        for command in commands {
            match command {
                Command::Request(order) | Command::Cancel(order) => drop(orders.insert(order.order)),
                Command::Record { payment_id, .. } | Command::Hear { payment_id, .. } => payments.push(*payment_id),
            }
        }
        Loaded::load(tx, &orders, payments)
    }

    fn decide(&mut self, loaded: &mut Loaded, command: &Command, out: &mut Out<'_>) -> Result<()> {
        match command {
            Command::Request(order) => self.request(loaded, *order, out),
            Command::Cancel(order) => Self::cancel(loaded, *order, out),
            Command::Record { payment_id, said } => self.take(loaded, *payment_id, said, out),
            Command::Hear { .. } => Self::hear(loaded, command, out),
        }
    }

    fn store(&mut self, tx: &mut dyn Session, loaded: Loaded) -> Result<()> {
        loaded.store(tx)
    }

    fn recall(&self, _command: &Command, _event: &log::Event) -> Result<()> {
        Err(Error::internal("no command of payment is remembered under a key"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_is_asked_ever_more_slowly() {
        let pauses: Vec<i64> = (0..10).map(pause_ms).collect();
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
        assert_eq!(pause_ms(i64::MAX), LONGEST_PAUSE_MS);
    }
}
