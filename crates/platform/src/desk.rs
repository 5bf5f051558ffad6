//! Where an operator deals with a consumer's parked events: delivers them again, or drops them; and sees how far behind
//! the consumer is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::consumer::{SharedReact, react_guarded};
use crate::error::{Error, ErrorKind, Result};
use crate::funnel::{Funnel, InTransaction, Writer};
use crate::parked::{self, ParkedEvent};

type Deliver = Box<dyn Fn(&ParkedEvent) -> Result<()> + Send + Sync>;

/// The parked events of one consumer. Its methods block; not for async code.
pub struct Desk {
    /// The consumer: `point<member`.
    pub consumer: String,
    /// The context that it belongs to.
    pub context: &'static str,
    deliver: Deliver,
    in_transaction: InTransaction,
    behind_since_ms: Arc<AtomicI64>,
}

/// What came of a retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retried {
    /// Events of the subject that were taken in.
    pub delivered: i64,
    /// Events of the subject that are still parked.
    pub left: i64,
    /// Why the first of those could not be taken in.
    pub reason: Option<String>,
}

impl Desk {
    /// The desk of the consumer of this name.
    pub(crate) fn new<W: Writer>(
        consumer: &str,
        funnel: &Arc<Funnel<W>>,
        react: &SharedReact<W::Command>,
        behind_since_ms: &Arc<AtomicI64>,
    ) -> Self {
        let context = funnel.context();
        let (again, react) = (Arc::clone(funnel), Arc::clone(react));
        let deliver = move |parked: &ParkedEvent| {
            let commands = react_guarded(&*react, std::slice::from_ref(&parked.event))?;
            again.deliver_along(commands, &mut |tx| {
                // The first of its subject, and still there: otherwise someone else was faster.
                let first = parked::first_of(tx, &parked.consumer, parked.event.subject)?;
                if first.is_none_or(|first| first.id != parked.id) {
                    return Err(parked::changed());
                }
                parked::remove(tx, parked.id).map(|_| ())
            })
        };
        Self {
            consumer: consumer.to_owned(),
            context,
            deliver: Box::new(deliver),
            in_transaction: funnel.in_transaction(),
            behind_since_ms: Arc::clone(behind_since_ms),
        }
    }

    /// How long ago the oldest event happened that the consumer has read and not taken in, in milliseconds at `now_ms`; 0
    /// if there is none, or if another process follows the log.
    #[must_use]
    pub fn lag_ms(&self, now_ms: i64) -> i64 {
        match self.behind_since_ms.load(Ordering::Relaxed) {
            0 => 0,
            since_ms => (now_ms - since_ms).max(0),
        }
    }

    /// Delivers the parked events of this one's subject in order, each removed in the transaction of its effect, until
    /// none is left or one cannot be taken in.
    ///
    /// # Errors
    /// `Unavailable` when a store, or a context that has to be asked, cannot be reached; what was delivered before
    /// stays delivered.
    pub fn retry(&self, parked: &ParkedEvent) -> Result<Retried> {
        let subject = parked.event.subject;
        let mut delivered = 0;
        loop {
            let mut first = None;
            (self.in_transaction)(&mut |tx| {
                first = parked::first_of(tx, &self.consumer, subject)?;
                Ok(())
            })?;
            let Some(first) = first else { return Ok(Retried { delivered, left: 0, reason: None }) };
            match (self.deliver)(&first) {
                Ok(()) => delivered += 1,
                Err(error) if error.code == parked::changed().code => {}
                Err(error) if error.kind == ErrorKind::Unavailable => return Err(error),
                Err(error) => return self.still_parked(&first, delivered, &error),
            }
        }
    }

    fn still_parked(&self, first: &ParkedEvent, delivered: i64, error: &Error) -> Result<Retried> {
        tracing::error!(consumer = self.consumer, parked = first.id, %error, "a parked event still cannot be taken in");
        let reason = parked::reason_of(error);
        let mut left = 0;
        (self.in_transaction)(&mut |tx| {
            parked::note_failure(tx, first.id, &reason)?;
            left = parked::count_of(tx, &self.consumer, first.event.subject)?;
            Ok(())
        })?;
        Ok(Retried { delivered, left, reason: Some(reason) })
    }

    /// Gives an event up: what it would have done never happens. Those behind it can be retried then.
    ///
    /// # Errors
    /// `parked.unknown` if it is not there any more; `Unavailable` when the store cannot be reached.
    pub fn drop_event(&self, id: i64) -> Result<()> {
        let mut was_there = false;
        (self.in_transaction)(&mut |tx| {
            was_there = parked::remove(tx, id)?;
            Ok(())
        })?;
        if was_there { Ok(()) } else { Err(parked::unknown()) }
    }
}
