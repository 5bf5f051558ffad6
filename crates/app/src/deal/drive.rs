//! A deal, step by step: store what is asked for, ask point, record what it decided (SPEC section 4).
//!
//! Point keeps its answer under the deal's number, so it may be asked again, by a repeat of the request, and answers the
//! same. What nobody repeats is ended by the sweep. A cancel stands from the first step on; its points follow by event
//! where point cannot be asked.

use std::sync::Arc;

use domain::deal::{DealStatus, open_ask};
use domain::point::{DealAsk, DealDecision};
use platform::error::{Error, ErrorKind, Result};
use platform::fault::Delay;
use platform::funnel::KeyStamp;
use platform::guard::Guard;
use platform::trace::spawn;

use super::list;
use super::store::Stored;
use super::views::DealView;
use super::writer::{Answer, Command, Posted};
use super::{Deals, unexpected};
use crate::point::{DealQuestion, PointApi};

/// How deal asks point: within its limits, and slowed down when a load test wants to see what happens.
pub struct PointQuestions {
    /// Point, in this process or another.
    pub api: Arc<dyn PointApi>,
    /// Time limit, breaker, concurrency, retries.
    pub guard: Guard,
    /// Fault injection; no delay by default.
    pub delay: Arc<Delay>,
}

impl Deals {
    /// A merchant posts a deal: points are earned or used, or an earlier deal is cancelled. A refusal is a deal too, one
    /// that failed.
    ///
    /// # Errors
    /// 422 for what cannot be a deal; `deal.overloaded` at once when as many deals are under way as there may be, after
    /// which nothing is stored; `deal.unanswered`, with the `dealId`, when point was not heard of: repeated with the
    /// same key within 30 s the deal is taken up where it stopped.
    pub async fn post_deal(self: &Arc<Self>, posted: Posted, stamp: Option<KeyStamp>) -> Result<DealView> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| overloaded())?;
        let this = Arc::clone(self);
        // A task of its own: a client that hangs up must not leave a deal for the sweep to end.
        let driven = spawn(async move {
            let stored = this.drive(posted, stamp).await;
            drop(place);
            stored
        });
        let stored = driven.await.map_err(|error| Error::internal("a deal broke off").caused_by(error))??;
        Ok(DealView::answered(stored, &self.kit.zone))
    }

    async fn drive(&self, posted: Posted, stamp: Option<KeyStamp>) -> Result<Stored> {
        // Looked for before the batch, which everyone would wait for; whether it still holds is seen there.
        let found = match posted.as_cancel(0, 0, 0).filter(|cancel| cancel.original_deal_id.is_none()) {
            Some(cancel) => list::newest_to_cancel(&self.database, &cancel).await?,
            None => None,
        };
        let stored = match self.funnel.ask(Command::Post { posted, found }, stamp).await? {
            Answer::Deal(stored) => *stored,
            // The same request came before. What was left open then is taken up again.
            Answer::KnownDeal(deal_id) => self.stored(deal_id).await?,
            _ => return Err(unexpected()),
        };
        let Some(ask) = open_ask(&stored.deal) else { return Ok(stored) };
        let decided = self.decide(&stored, ask).await;
        if let Err(error) = &decided
            && error.kind != ErrorKind::Unavailable
        {
            tracing::warn!(deal = stored.deal.facts.deal_id, %error, "a deal is left to the sweep or the events");
        }
        match decided {
            Ok(decided) if decided.deal.status != DealStatus::Pending => Ok(decided),
            // It stands, whatever point says and when.
            _ if stored.deal.status == DealStatus::Success => Ok(stored),
            Ok(decided) => Err(unanswered(decided.deal.facts.deal_id, 1)),
            Err(error) => Err(unanswered(stored.deal.facts.deal_id, error.retry_after_s.unwrap_or(1))),
        }
    }

    async fn decide(&self, stored: &Stored, ask: DealAsk) -> Result<Stored> {
        let facts = &stored.deal.facts;
        let question = DealQuestion { deal_id: facts.deal_id, member_id: facts.member_id, ask, point: facts.point };
        let decision = self.point.ask(question).await?;
        match self.funnel.ask(Command::Record { decision }, None).await? {
            Answer::Deal(stored) => Ok(*stored),
            _ => Err(unexpected()),
        }
    }
}

impl PointQuestions {
    async fn ask(&self, question: DealQuestion) -> Result<DealDecision> {
        let asked = || async {
            self.delay.pass().await;
            self.api.deal(question).await
        };
        self.guard.ask(asked).await
    }
}

fn overloaded() -> Error {
    let message = "more deals are under way than can be taken at once; nothing was stored, repeat in a moment";
    Error::unavailable("deal.overloaded", message)
}

fn unanswered(deal_id: i64, retry_after_s: u32) -> Error {
    let message = "point was not heard of in time; repeat with the same Idempotency-Key within 30 s, or look at \
        /deals/{dealId} later: a use that nobody repeats fails and takes no points, a save is completed";
    let error = Error::unavailable("deal.unanswered", message).saying("dealId", deal_id);
    Error { retry_after_s: Some(retry_after_s), ..error }
}
