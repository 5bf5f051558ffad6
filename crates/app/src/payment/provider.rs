//! Who moves the money, as payment asks it: the provider behind its guard.

use std::sync::Arc;

use domain::payment::{ChargeOutcome, Job};
use futures_util::future::BoxFuture;
use platform::breaker::BreakerState;
use platform::error::Result;
use platform::guard::Guard;

use super::store::DueJob;
use super::writer::Said;

/// What a provider is to charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The payment.
    pub payment_id: i64,
    /// Drawn when the payment was made; the idempotency key at the provider.
    pub reference: String,
    /// Who pays; none where nobody said.
    pub customer_id: Option<i64>,
    /// How much, in won (or points); at least 1.
    pub amount_won: i64,
}

/// Who moves the money. An error means that it is not known what happened: the same is asked again, and the provider
/// does it once.
pub trait PaymentProvider: Send + Sync {
    /// Charges.
    fn charge(&self, charge: Charge) -> BoxFuture<'_, Result<ChargeOutcome>>;

    /// Gives back what was charged under this reference, and refuses to charge under it for ever; how much was given
    /// back, by this or an earlier call, in won (or points).
    fn cancel(&self, charge: Charge) -> BoxFuture<'_, Result<i64>>;
}

/// A provider, and how it is asked.
pub struct ProviderQuestions {
    /// The provider.
    pub provider: Arc<dyn PaymentProvider>,
    /// Time limit, breaker, concurrency. Retries are the jobs' own.
    pub guard: Guard,
}

impl ProviderQuestions {
    /// Has a job done; what the provider said.
    pub(super) async fn ask(&self, job: DueJob) -> Said {
        let DueJob { payment_id, job, reference, customer_id, amount_won, .. } = job;
        let charge = Charge { payment_id, reference, customer_id, amount_won };
        let said = match job {
            Job::Charge => self.guard.ask(|| self.provider.charge(charge.clone())).await.map(Said::Charge),
            Job::Cancel => self.guard.ask(|| self.provider.cancel(charge.clone())).await.map(Said::Refund),
        };
        said.unwrap_or_else(|error| {
            tracing::debug!(payment_id, job = job.name(), %error, "the provider was not heard of");
            Said::Nothing(job, error.code.into_owned())
        })
    }

    /// How many more jobs are worth a try while so many are on their way: none while the breaker is open, one to see
    /// whether the provider is well again.
    pub(super) fn room(&self, on_the_way: usize) -> usize {
        match self.guard.breaker().state() {
            BreakerState::Closed => usize::MAX,
            BreakerState::HalfOpen => usize::from(on_the_way == 0),
            BreakerState::Open => 0,
        }
    }
}
