//! Who moves the money, as payment asks it: the provider behind its guard.

use std::sync::Arc;

use domain::payment::{ChargeOutcome, Job};
use futures_util::future::BoxFuture;
use platform::breaker::BreakerState;
use platform::error::Result;
use platform::guard::Guard;

use super::store::DueJob;
use super::writer::Said;

/// Why a job waits that the provider has not decided.
const PENDING: &str = "provider.pending";

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

/// What a provider that is well answers. Whatever is not certain is asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word<T> {
    /// This happened, for certain.
    Certain(T),
    /// It has not decided yet.
    Pending,
    /// It does not do what it is asked, or says something that is not understood; why, as a code. Of a refund somebody
    /// is to take care.
    Refused(String),
}

impl<T> Word<T> {
    fn map<U>(self, wrap: impl FnOnce(T) -> U) -> Word<U> {
        match self {
            Self::Certain(value) => Word::Certain(wrap(value)),
            Self::Pending => Word::Pending,
            Self::Refused(why) => Word::Refused(why),
        }
    }
}

/// Who moves the money. The same may be asked any number of times, and the provider does it once. An error means that
/// the provider fails, whoever asks: it counts towards leaving it alone for a while. What concerns one payment only is
/// a [`Word`].
pub trait PaymentProvider: Send + Sync {
    /// Charges.
    fn charge(&self, charge: Charge) -> BoxFuture<'_, Result<Word<ChargeOutcome>>>;

    /// Gives back what was charged under this reference, and refuses to charge under it for ever; how much was given
    /// back, by this or an earlier call, in won (or points).
    fn cancel(&self, charge: Charge) -> BoxFuture<'_, Result<Word<i64>>>;
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
        let word = match job {
            Job::Charge => {
                self.guard.ask(|| self.provider.charge(charge.clone())).await.map(|word| word.map(Said::Charge))
            }
            Job::Cancel => {
                self.guard.ask(|| self.provider.cancel(charge.clone())).await.map(|word| word.map(Said::Refund))
            }
        };
        match word {
            Ok(Word::Certain(said)) => said,
            Ok(Word::Pending) => Said::Nothing(job, PENDING.to_owned()),
            Ok(Word::Refused(why)) => Said::Refused(job, why),
            Err(error) => {
                tracing::debug!(payment_id, job = job.name(), %error, "the provider was not heard of");
                Said::Nothing(job, error.code.into_owned())
            }
        }
    }

    /// How many more jobs are worth a try while so many of this provider's are on their way: none while the breaker is open, one to see
    /// whether the provider is well again.
    pub(super) fn room(&self, on_the_way: usize) -> usize {
        match self.guard.breaker().state() {
            BreakerState::Closed => usize::MAX,
            BreakerState::HalfOpen => usize::from(on_the_way == 0),
            BreakerState::Open => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::payment::PaymentMethod;
    use futures_util::FutureExt;
    use platform::clock::SystemClock;
    use platform::error::Error;
    use platform::guard::GuardSettings;

    use super::*;

    /// Says of every payment what it is told to, of those from number 10 on that they are charged.
    struct Told(fn() -> Result<Word<ChargeOutcome>>);

    impl PaymentProvider for Told {
        fn charge(&self, charge: Charge) -> BoxFuture<'_, Result<Word<ChargeOutcome>>> {
            let word = if charge.payment_id < 10 { (self.0)() } else { Ok(Word::Certain(ChargeOutcome::Charged)) };
            async move { word }.boxed()
        }

        fn cancel(&self, _charge: Charge) -> BoxFuture<'_, Result<Word<i64>>> {
            async { Ok(Word::Certain(0)) }.boxed()
        }
    }

    fn job(payment_id: i64) -> DueJob {
        let reference = payment_id.to_string();
        let (job, method) = (Job::Charge, PaymentMethod::Card);
        DueJob { payment_id, due_at: 0, job, method, reference, customer_id: None, amount_won: 1, requested_at: 0 }
    }

    /// Asks for three payments, then for another one: what was said of them, and whether that one was charged.
    fn asked(word: fn() -> Result<Word<ChargeOutcome>>) -> (Vec<Said>, bool) {
        let mut guard = GuardSettings { retries: 0, ..GuardSettings::default() };
        guard.breaker.min_calls = 3;
        let guard = Guard::new("payment", "provider", guard, Arc::new(SystemClock::new()));
        let questions = ProviderQuestions { provider: Arc::new(Told(word)), guard };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let mut said = Vec::new();
            for payment_id in 1..=3 {
                said.push(questions.ask(job(payment_id)).await);
            }
            assert_eq!(questions.room(0) > 0, matches!(questions.guard.breaker().state(), BreakerState::Closed));
            (said, matches!(questions.ask(job(10)).await, Said::Charge(ChargeOutcome::Charged)))
        })
    }

    #[test]
    fn a_provider_that_has_not_decided_some_payments_is_asked_about_others() {
        let (said, is_asked) = asked(|| Ok(Word::Pending));
        assert!(said.iter().all(|said| matches!(said, Said::Nothing(Job::Charge, why) if why == PENDING)), "{said:?}");
        assert!(is_asked, "pending is an answer");
        let (said, is_asked) = asked(|| Ok(Word::Refused("provider.422".to_owned())));
        assert!(said.iter().all(|said| matches!(said, Said::Refused(Job::Charge, _))), "{said:?}");
        assert!(is_asked, "a refusal is an answer");
        let (_, is_asked) = asked(|| Err(Error::unavailable("provider.503", "it fails")));
        assert!(!is_asked, "a provider that fails is left alone");
    }
}
