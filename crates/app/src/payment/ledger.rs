//! The provider for points: the ledger. A payment's points are held and taken at once; cancelling lets them go, or gives
//! back what was taken.

use std::sync::Arc;

use domain::payment::{ChargeOutcome, NO_CUSTOMER};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use platform::error::Result;

use super::provider::{Charge, PaymentProvider, Word};
use crate::point::{HoldQuestion, PaymentQuestion, PointApi};

/// Payments with points.
pub struct LedgerProvider(pub Arc<dyn PointApi>);

impl LedgerProvider {
    async fn charged(&self, charge: Charge) -> Result<Word<ChargeOutcome>> {
        let Charge { payment_id, customer_id, amount_won: amount, .. } = charge;
        let Some(member_id) = customer_id else { return Ok(declined(NO_CUSTOMER)) };
        if let Err(refusal) = self.0.hold(HoldQuestion { payment_id, member_id, amount }).await? {
            return Ok(declined(refusal.reason()));
        }
        match self.0.capture_hold(PaymentQuestion { payment_id, member_id }).await? {
            Ok(captured) if captured.captured_point == amount => Ok(Word::Certain(ChargeOutcome::Charged)),
            Ok(_) => Ok(Word::Refused("provider.not_understood".to_owned())),
            Err(over) => Ok(declined(over.reason())),
        }
    }

    async fn canceled(&self, charge: Charge) -> Result<Word<i64>> {
        let Charge { payment_id, customer_id, .. } = charge;
        // Nobody's points were ever held.
        let Some(member_id) = customer_id else { return Ok(Word::Certain(0)) };
        let cancelled = self.0.cancel_hold(PaymentQuestion { payment_id, member_id }).await?;
        Ok(Word::Certain(cancelled.given_back_point))
    }
}

fn declined(reason: &str) -> Word<ChargeOutcome> {
    Word::Certain(ChargeOutcome::Declined(reason.to_owned()))
}

impl PaymentProvider for LedgerProvider {
    fn charge(&self, charge: Charge) -> BoxFuture<'_, Result<Word<ChargeOutcome>>> {
        self.charged(charge).boxed()
    }

    fn cancel(&self, charge: Charge) -> BoxFuture<'_, Result<Word<i64>>> {
        self.canceled(charge).boxed()
    }
}
