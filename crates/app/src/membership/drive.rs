//! A purchase, step by step: keep a unit at product, then store the membership. Payment follows by event (decision
//! 0013). A unit that is kept and never stored with a membership is looked after by product's sweep.

use std::sync::Arc;

use domain::membership::{Membership, MembershipFacts, can_renew};
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::KeyStamp;
use platform::guard::Guard;
use platform::trace::spawn;

use super::views::MembershipView;
use super::writer::{Answer, Command, NOT_KNOWN, Purchase, Refusal, UNIT_GONE};
use super::{Memberships, unexpected};
use crate::product::{ProductApi, ReserveUnit};

/// So many units are kept for one purchase, one after the other, should each be given up before it is stored.
const ATTEMPTS: u32 = 8;

/// A key whose units were all given up leads nowhere any more.
const KEY_IS_OVER: &str = "every unit that was kept under this Idempotency-Key was given up; use a new key";

/// How membership asks product: within its limits.
pub struct ProductQuestions {
    /// Product, in this process or another.
    pub api: Arc<dyn ProductApi>,
    /// Time limit, breaker, concurrency, retries.
    pub guard: Guard,
}

impl Memberships {
    /// Buys a membership: product keeps a unit, and payment follows.
    ///
    /// # Errors
    /// `product.unknown`, `product.sale_ended`, `product.sold_out`; why another membership cannot be renewed; 503 when
    /// product is not heard of in time, or membership cannot store; `membership.key_is_over` after eight units that were given up under one key.
    /// Nothing is stored then, and a unit that is kept all the same is free again soon.
    pub async fn purchase(self: &Arc<Self>, purchase: Purchase, stamp: Option<KeyStamp>) -> Result<MembershipView> {
        let this = Arc::clone(self);
        // A task of its own: a client that hangs up must not leave a unit for the sweep to return.
        let driven = spawn(async move { this.drive(purchase, stamp).await });
        let facts = driven.await.map_err(|error| Error::internal("a purchase broke off").caused_by(error))??;
        Ok(MembershipView::answered(facts, &self.kit.zone))
    }

    async fn drive(&self, purchase: Purchase, stamp: Option<KeyStamp>) -> Result<MembershipFacts> {
        self.funnel.must_be_open()?;
        // Looked at before a unit is kept; whether it still holds is seen where the membership is stored.
        if let Some(renews) = purchase.renews {
            let renewed: Option<Membership> = self.stored(renews).await?;
            if let Err(rejection) = can_renew(renewed.as_ref(), purchase.customer_id, self.kit.clock.now_ms()) {
                return self.refuse(Refusal::Renewal(rejection), stamp).await;
            }
        }
        // No unit is taken while memberships cannot be stored.
        self.storing.must_be_able()?;
        let request = match stamp {
            Some(stamp) => stamp,
            None => random_stamp()?,
        };
        for number in 0..ATTEMPTS {
            let question = ReserveUnit { attempt: Some(attempt(request, number)), product_id: purchase.product_id };
            let unit = match self.product.guard.ask(|| self.product.api.reserve_unit(question.clone())).await {
                Ok(Ok(unit)) => unit,
                Ok(Err(refusal)) => {
                    self.storing.free();
                    return self.refuse(Refusal::Unit(refusal), stamp).await;
                }
                Err(error) => {
                    self.storing.free();
                    return self.recall_or(error, stamp).await;
                }
            };
            let stored = self.funnel.ask(Command::Request { purchase: purchase.clone(), unit }, stamp).await;
            // It was given up before it came here: a question that was late, and is asked again.
            if matches!(&stored, Err(error) if error.code == UNIT_GONE) {
                continue;
            }
            self.storing.note(&stored);
            return requested(stored?);
        }
        self.storing.free();
        Err(match stamp {
            Some(_) => Error::new(ErrorKind::Conflict, "membership.key_is_over", KEY_IS_OVER),
            None => Error::unavailable(UNIT_GONE, "membership and product are slow at present; repeat in a moment"),
        })
    }

    /// Says no, and remembers it under the request's key; the first answer, if there was one.
    async fn refuse(&self, refusal: Refusal, stamp: Option<KeyStamp>) -> Result<MembershipFacts> {
        match stamp {
            Some(stamp) => requested(self.funnel.ask(Command::Refuse { refusal }, Some(stamp)).await?),
            None => Err(refusal.error()),
        }
    }

    /// A request that was answered before gets its answer, whether or not product can be asked.
    async fn recall_or(&self, error: Error, stamp: Option<KeyStamp>) -> Result<MembershipFacts> {
        if stamp.is_none() || error.kind != ErrorKind::Unavailable {
            return Err(error);
        }
        match self.funnel.ask(Command::Recall, stamp).await {
            Err(unknown) if unknown.code == NOT_KNOWN => Err(error),
            answer => requested(answer?),
        }
    }
}

fn requested(answer: Answer) -> Result<MembershipFacts> {
    match answer {
        Answer::Requested(facts) => Ok(facts),
        _ => Err(unexpected()),
    }
}

/// Under which product remembers its answer: the same for a request that is repeated, whichever process it reaches,
/// another one for each unit that was given up.
fn attempt(request: KeyStamp, number: u32) -> KeyStamp {
    let hash = request.hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let body = request.digest.to_le_bytes();
    let key = format!("{hash}-{}-{number}", request.digest);
    KeyStamp::new("membership", "unit", "attempt", &key, &body)
}

fn random_stamp() -> Result<KeyStamp> {
    let mut hash = [0; 16];
    getrandom::fill(&mut hash)
        .map_err(|error| Error::internal("the system gives no random numbers").caused_by(error))?;
    Ok(KeyStamp { hash, digest: 0 })
}
