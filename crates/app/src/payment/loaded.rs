//! What a batch of payment works on: the payments that its commands touch, locked, and what became of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use domain::payment::{self, Event, Job, Order, Payment, PaymentFacts};
use platform::db::{Session, Value};
use platform::error::{Error, Result};
use platform::funnel::Out;

use super::store::{PAYMENT, PAYMENT_STATE, Stored, order_key};
use crate::kit::lock_numbers;

/// Random bytes in a reference: nobody guesses one, and a store that was restored on its own draws others.
const REFERENCE_BYTES: usize = 8;

/// Rows of a batch.
#[derive(Default)]
pub struct Loaded {
    payments: HashMap<i64, Stored>,
    by_order: HashMap<Order, i64>,
    numbers: VecDeque<i64>,
    random: Vec<u8>,
    fresh: Vec<i64>,
    changed: BTreeSet<i64>,
}

impl Loaded {
    /// Finds the payments of these orders and locks those with these numbers; sets numbers aside for orders that have
    /// none yet.
    pub(super) fn load(tx: &mut dyn Session, orders: &BTreeSet<Order>, payments: Vec<i64>) -> Result<Self> {
        let mut loaded = Self::default();
        if !orders.is_empty() {
            let keys: Vec<Value> = orders.iter().map(|order| order_key(*order).into()).collect();
            // Writers of one store take turns, so what is read here stays so until the end of the batch.
            for row in tx.load_by(&PAYMENT, "order_key", &keys)? {
                loaded.add(Stored::read(&row));
            }
            let unknown = orders.iter().filter(|order| !loaded.by_order.contains_key(order)).count();
            if unknown > 0 {
                loaded.numbers = tx.next_ids("payment_number", unknown)?.into();
                loaded.random = vec![0; unknown * REFERENCE_BYTES];
                getrandom::fill(&mut loaded.random)
                    .map_err(|_| Error::internal("the machine gives no random numbers"))?;
            }
        }
        let missing: Vec<i64> = payments.into_iter().filter(|id| !loaded.payments.contains_key(id)).collect();
        for row in lock_numbers(tx, &PAYMENT, missing)? {
            loaded.add(Stored::read(&row));
        }
        Ok(loaded)
    }

    fn add(&mut self, stored: Stored) {
        let PaymentFacts { payment_id, order, .. } = stored.payment.facts;
        self.by_order.insert(order, payment_id);
        self.payments.insert(payment_id, stored);
    }

    pub(super) fn payment(&self, payment_id: i64) -> Option<&Stored> {
        self.payments.get(&payment_id)
    }

    pub(super) fn of_order(&self, order: Order) -> Option<&Payment> {
        self.by_order.get(&order).and_then(|id| self.payments.get(id)).map(|stored| &stored.payment)
    }

    /// The number for the payment of an order that has none yet.
    pub(super) fn next_number(&mut self) -> Result<i64> {
        self.numbers.pop_front().ok_or_else(|| Error::internal("too few payment numbers were reserved"))
    }

    /// Takes what happened in, and tells of it.
    pub(super) fn record(&mut self, event: &Event, out: &mut Out<'_>) -> Result<()> {
        let facts = *event.payment();
        let now_ms = out.moment.now_ms;
        let mut stored = match self.payments.remove(&facts.payment_id) {
            Some(stored) => stored,
            None => self.begun(facts, now_ms),
        };
        let before = (stored.payment.status, stored.payment.job);
        let mut payment = (stored.payment.sequence > 0).then_some(stored.payment);
        payment::apply(&mut payment, event);
        stored.payment = payment.ok_or_else(|| Error::internal("an event about a payment left none"))?;
        if stored.payment.job != before.1 || stored.payment.sequence == 1 {
            (stored.attempts, stored.failure) = (0, None);
            stored.due_at = stored.payment.job.map(|_| now_ms);
        }
        if stored.payment.status != before.0 {
            stored.ended_at = Some(now_ms);
        }
        out.emit(facts.payment_id, stored.payment.sequence, event)?;
        self.changed.insert(facts.payment_id);
        self.add(stored);
        Ok(())
    }

    /// One that is about to exist by its first event.
    fn begun(&mut self, facts: PaymentFacts, now_ms: i64) -> Stored {
        let drawn = self.random.split_off(self.random.len().saturating_sub(REFERENCE_BYTES));
        let mut reference = facts.payment_id.to_string();
        reference.push('-');
        for byte in drawn {
            for half in [byte >> 4, byte & 15] {
                reference.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
            }
        }
        self.fresh.push(facts.payment_id);
        let payment = Payment {
            facts,
            status: payment::PaymentStatus::PaymentRequested,
            reason: None,
            job: None,
            was_approved: false,
            refunded_won: None,
            sequence: 0,
        };
        Stored { payment, reference, requested_at: now_ms, due_at: None, attempts: 0, failure: None, ended_at: None }
    }

    /// The provider was not heard of about this job: it is asked again at `due_at`.
    pub(super) fn postpone(&mut self, payment_id: i64, job: Job, due_at: i64, failure: String) {
        let waiting = self.payments.get_mut(&payment_id).filter(|stored| stored.payment.job == Some(job));
        if let Some(stored) = waiting {
            (stored.due_at, stored.failure) = (Some(due_at), Some(failure));
            stored.attempts += 1;
            self.changed.insert(payment_id);
        }
    }

    pub(super) fn store(mut self, tx: &mut dyn Session) -> Result<()> {
        // What was requested and ended in one batch is written once.
        for fresh in &self.fresh {
            self.changed.remove(fresh);
        }
        let fresh: BTreeMap<i64, &Stored> =
            self.fresh.iter().filter_map(|id| Some((*id, self.payments.get(id)?))).collect();
        tx.insert_many(&PAYMENT, fresh.values().map(|stored| stored.to_row()).collect())?;
        let changed = self.changed.iter().filter_map(|id| self.payments.get(id)).map(Stored::to_state_row);
        tx.update_many(&PAYMENT_STATE, changed.collect())
    }
}
