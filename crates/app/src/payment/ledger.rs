//! The provider for points: the ledger. A payment's points are held and taken at once; cancelling lets them go, or gives
//! back what was taken.

use std::sync::Arc;

use domain::payment::{ChargeOutcome, NO_CUSTOMER};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use platform::error::{Error, Result};

use super::provider::{Charge, PaymentProvider};
use crate::point::{HoldQuestion, PaymentQuestion, PointApi};

/// Payments with points.
pub struct LedgerProvider(pub Arc<dyn PointApi>);

impl LedgerProvider {
    async fn charged(&self, charge: Charge) -> Result<ChargeOutcome> {
        let Charge { payment_id, customer_id, amount_won: amount, .. } = charge;
        let Some(member_id) = customer_id else { return Ok(declined(NO_CUSTOMER)) };
        if let Err(refusal) = self.0.hold(HoldQuestion { payment_id, member_id, amount }).await? {
            return Ok(declined(refusal.reason()));
        }
        match self.0.capture_hold(PaymentQuestion { payment_id, member_id }).await? {
            Ok(captured) if captured.captured_point == amount => Ok(ChargeOutcome::Charged),
            Ok(_) => Err(Error::unavailable("provider.not_understood", "the ledger took another number of points")),
            Err(over) => Ok(declined(over.reason())),
        }
    }

    async fn canceled(&self, charge: Charge) -> Result<i64> {
        let Charge { payment_id, customer_id, .. } = charge;
        // Nobody's points were ever held.
        let Some(member_id) = customer_id else { return Ok(0) };
        let cancelled = self.0.cancel_hold(PaymentQuestion { payment_id, member_id }).await?;
        Ok(cancelled.given_back_point)
    }
}

fn declined(reason: &str) -> ChargeOutcome {
    ChargeOutcome::Declined(reason.to_owned())
}

impl PaymentProvider for LedgerProvider {
    fn charge(&self, charge: Charge) -> BoxFuture<'_, Result<ChargeOutcome>> {
        self.charged(charge).boxed()
    }

    fn cancel(&self, charge: Charge) -> BoxFuture<'_, Result<i64>> {
        self.canceled(charge).boxed()
    }
}
