//! Donating, step by step: store what is asked for, ask point, record what it decided (SPEC section 4).
//!
//! From the first step on nothing can be lost. Point follows donation's log and decides what could not be asked;
//! donation follows point's log and records what it did not hear. Point answers each donation once for ever, so it does
//! not matter which way is faster.

use std::sync::Arc;

use domain::donation::{Donation, DonationStatus};
use domain::point::DonationDecision;
use platform::error::{Error, ErrorKind, Result};
use platform::fault::Delay;
use platform::funnel::KeyStamp;
use platform::guard::Guard;
use platform::trace::spawn;

use super::store::Stored;
use super::views::DonationView;
use super::writer::{Answer, Command};
use super::{Donations, unexpected};
use crate::point::{DonationQuestion, PointApi};

/// How donation asks point: within its limits, and slowed down when a load test wants to see what happens.
pub struct PointQuestions {
    /// Point, in this process or another.
    pub api: Arc<dyn PointApi>,
    /// Time limit, breaker, concurrency, retries.
    pub guard: Guard,
    /// Fault injection; no delay by default.
    pub delay: Arc<Delay>,
}

impl Donations {
    /// A member gives points to a cause. REQUESTED if point cannot be asked now: then it is decided by event.
    ///
    /// # Errors
    /// 422 for an amount that cannot be given and for a cause that is not there; `donation.overloaded` at once when as
    /// many donations are under way as there may be, after which nothing is stored.
    pub async fn donate(
        self: &Arc<Self>,
        member_id: i64,
        cause_id: i64,
        amount: i64,
        stamp: Option<KeyStamp>,
    ) -> Result<DonationView> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| overloaded())?;
        let this = Arc::clone(self);
        // A task of its own: a client that hangs up must not leave a donation for the events to decide.
        let driven = spawn(async move {
            let stored = this.drive(Command::Request { member_id, cause_id, amount }, stamp).await;
            drop(place);
            stored
        });
        let stored = driven.await.map_err(|error| Error::internal("a donation broke off").caused_by(error))??;
        Ok(DonationView::of(stored, &self.kit.zone))
    }

    async fn drive(&self, request: Command, stamp: Option<KeyStamp>) -> Result<Stored> {
        let stored = match self.funnel.ask(request, stamp).await? {
            Answer::Donation(stored) => *stored,
            // The same request came before. What was left undecided then is taken up again.
            Answer::KnownDonation(donation_id) => self.stored(donation_id).await?,
            _ => return Err(unexpected()),
        };
        if stored.donation.status != DonationStatus::Requested {
            return Ok(stored);
        }
        // From here on the donation stands, whatever happens to this request: that is the answer.
        match self.decide(&stored.donation).await {
            Ok(decided) => Ok(decided),
            Err(error) => {
                if error.kind != ErrorKind::Unavailable {
                    tracing::warn!(donation = stored.donation.donation_id, %error, "a donation is left to the events");
                }
                Ok(stored)
            }
        }
    }

    async fn decide(&self, donation: &Donation) -> Result<Stored> {
        let decision = self.point.ask(donation).await?;
        match self.funnel.ask(Command::Record { decision }, None).await? {
            Answer::Donation(stored) => Ok(*stored),
            _ => Err(unexpected()),
        }
    }
}

impl PointQuestions {
    async fn ask(&self, donation: &Donation) -> Result<DonationDecision> {
        let Donation { donation_id, member_id, amount, balance_above, .. } = *donation;
        let question = DonationQuestion { donation_id, member_id, amount, balance_above };
        let asked = || async {
            self.delay.pass().await;
            self.api.donate(question).await
        };
        self.guard.ask(asked).await
    }
}

fn overloaded() -> Error {
    let message = "more donations are under way than can be taken at once; nothing was stored, repeat in a moment";
    Error::unavailable("donation.overloaded", message)
}
