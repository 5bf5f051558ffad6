//! Payments: what a cart or a membership costs is charged once, by a provider, and given back once.

use futures_util::future::BoxFuture;
use platform::error::Result;

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

/// What a provider says of a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargeOutcome {
    /// It is charged.
    Charged,
    /// It is not, and never will be under this reference; why.
    Declined(String),
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
