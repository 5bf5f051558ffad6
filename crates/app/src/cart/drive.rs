//! A cart, step by step: gifticon keeps the stock, then the cart is stored (SPEC section 4; seed 4). And the removal of a
//! paid one: noted, gifticon is asked, its word is recorded.
//!
//! Gifticon keeps its answer under the attempt, so a request that is repeated under its key finds the same stock. What
//! was kept for a cart that never came returns when gifticon asks for it ([`crate::cart::CartApi::claims`]); from then on
//! that stock becomes no cart, and a repeat reserves under the attempt that follows.

use std::sync::Arc;

use domain::cart::{self, CartFacts, CartStatus, Removal, check_request};
use domain::gifticon::StockRefusal;
use platform::error::{Error, ErrorKind, Result};
use platform::fault::Delay;
use platform::funnel::KeyStamp;
use platform::guard::Guard;
use platform::trace::spawn;
use tokio::sync::OwnedSemaphorePermit;

use super::loaded::is_removing;
use super::store::Stored;
use super::views::CartView;
use super::writer::{Answer, Command, Wanted};
use super::{Carts, TOO_LATE, cannot_be_removed, refusal, too_late, unexpected};
use crate::gifticon::{GifticonApi, ReserveStock, ReservedStock, Revocation};

/// Reservations that are tried for one request.
const ATTEMPTS: u32 = 3;

/// How cart asks gifticon: within its limits, and slowed down when a load test wants to see what happens.
pub struct GifticonQuestions {
    /// Gifticon, in this process or another.
    pub api: Arc<dyn GifticonApi>,
    /// Time limit, breaker, concurrency, retries, of reservations.
    pub guard: Guard,
    /// The same of removals, which are much more to do: while they are slow the shop stays open.
    pub removals: Guard,
    /// Fault injection; no delay by default.
    pub delay: Arc<Delay>,
}

impl Carts {
    /// Puts pieces of a gifticon into a new cart, which is paid a moment later.
    ///
    /// # Errors
    /// 422 for what cannot be a cart; what gifticon refuses (`gifticon.out_of_stock`, …); 503 at once when as many carts
    /// are under way as there may be (`cart.overloaded`), while cart cannot store (`cart.stopped`, `cart.not_storing`), or
    /// when gifticon is not heard of (`gifticon.unavailable`). Then nothing is stored.
    pub async fn add(self: &Arc<Self>, wanted: Wanted, stamp: Option<KeyStamp>) -> Result<CartView> {
        self.funnel.must_be_open()?;
        let place = self.place()?;
        let this = Arc::clone(self);
        // A task of its own: a client that hangs up must not leave stock for the sweep to return.
        let driven = spawn(async move {
            let added = this.drive(wanted, stamp).await;
            drop(place);
            added
        });
        let facts = driven.await.map_err(|error| Error::internal("a cart broke off").caused_by(error))??;
        Ok(CartView::added(&facts))
    }

    fn place(&self) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| overloaded())
    }

    async fn drive(&self, wanted: Wanted, stamp: Option<KeyStamp>) -> Result<CartFacts> {
        let Wanted { gifticon_id, quantity, customer_id, method } = wanted;
        if let Err(rejection) = check_request(quantity, method, customer_id) {
            return self.add_nothing(refusal(rejection), stamp).await;
        }
        // No stock is taken while carts cannot be stored.
        self.storing.must_be_able()?;
        for number in 0..ATTEMPTS {
            let attempt = stamp.map(|stamp| attempt_of(stamp, number));
            let kept = match self.gifticon.reserve(ReserveStock { attempt, gifticon_id, quantity }).await {
                Ok(Ok(kept)) => kept,
                Ok(Err(refused)) => return self.keep_nothing(no_stock(refused), stamp).await,
                Err(error) => return self.keep_nothing(unheard(error, NOTHING_STORED), stamp).await,
            };
            let added = self.funnel.ask(Command::Add { wanted, kept }, stamp).await;
            if matches!(&added, Err(error) if error.code == TOO_LATE) {
                continue;
            }
            self.storing.note(&added);
            return match added? {
                Answer::Added(facts) => Ok(facts),
                _ => Err(unexpected()),
            };
        }
        let over = if stamp.is_some() { key_is_over() } else { too_late() };
        self.keep_nothing(over, stamp).await
    }

    /// There is no stock for a cart, and this is why; whether carts can be stored is for others to find out.
    async fn keep_nothing(&self, why: Error, stamp: Option<KeyStamp>) -> Result<CartFacts> {
        self.storing.free();
        self.add_nothing(why, stamp).await
    }

    /// There is no cart, and this is why. A request that was answered before gets its answer all the same.
    async fn add_nothing(&self, why: Error, stamp: Option<KeyStamp>) -> Result<CartFacts> {
        if stamp.is_none() {
            return Err(why);
        }
        match self.funnel.ask(Command::AddNothing { why }, stamp).await? {
            Answer::Added(facts) => Ok(facts),
            _ => Err(unexpected()),
        }
    }

    /// Removes a cart; of a customer, if not of anyone.
    ///
    /// # Errors
    /// 404 when there is none, or no longer; 409 `cart.voucher_used`; 503 `gifticon.unavailable` when gifticon, which has
    /// to say whether a paid one can be removed, is not heard of: the removal is noted, and goes on by itself.
    pub async fn remove(
        self: &Arc<Self>,
        cart_id: i64,
        customer_id: Option<i64>,
        stamp: Option<KeyStamp>,
    ) -> Result<()> {
        let place = self.place()?;
        let this = Arc::clone(self);
        let driven = spawn(async move {
            let removed = this.drive_removal(cart_id, customer_id, stamp).await;
            drop(place);
            removed
        });
        driven.await.map_err(|error| Error::internal("a removal broke off").caused_by(error))?
    }

    async fn drive_removal(&self, cart_id: i64, customer_id: Option<i64>, stamp: Option<KeyStamp>) -> Result<()> {
        let mut stored = match self.funnel.ask(Command::Remove { cart_id, customer_id }, stamp).await? {
            Answer::Cart(stored) => *stored,
            // The same request came before. What was left open then is taken up again.
            Answer::Known(cart_id) => self.stored(cart_id).await?,
            _ => return Err(unexpected()),
        };
        if is_removing(&stored.cart) {
            let reservation_id = stored.cart.facts.reservation_id;
            let word = self.gifticon.revoke(reservation_id).await.map_err(|error| unheard(error, GOES_ON))?;
            stored = self.record_revocation(cart_id, word).await?;
        }
        match (stored.cart.status, stored.cart.removal) {
            (CartStatus::CartRemoved, _) => Ok(()),
            (_, Some(Removal::Refused)) => Err(cannot_be_removed(stored.cart.fail_reason.as_deref())),
            _ => Err(unexpected()),
        }
    }

    /// Records gifticon's word about a removal; the cart as it stands then.
    pub(super) async fn record_revocation(&self, cart_id: i64, word: Revocation) -> Result<Stored> {
        let revocation = match word {
            Revocation::Revoked => cart::Revocation::Revoked,
            Revocation::Refused(reason) => cart::Revocation::Refused(reason),
        };
        match self.funnel.ask(Command::RecordRevocation { cart_id, revocation }, None).await? {
            Answer::Cart(stored) => Ok(*stored),
            _ => Err(unexpected()),
        }
    }
}

impl GifticonQuestions {
    async fn reserve(&self, question: ReserveStock) -> Result<Result<ReservedStock, StockRefusal>> {
        let asked = || async {
            self.delay.pass().await;
            self.api.reserve(question.clone()).await
        };
        // Without an attempt nothing says that a question came before: asked again it would keep twice as much.
        if question.attempt.is_none() { self.guard.ask_once(asked).await } else { self.guard.ask(asked).await }
    }

    async fn revoke(&self, reservation_id: i64) -> Result<Revocation> {
        let asked = || async {
            self.delay.pass().await;
            self.api.revoke(reservation_id).await
        };
        self.removals.ask(asked).await
    }
}

/// The attempt of this number for a request: another one for each key and body, the same whenever it is repeated.
fn attempt_of(stamp: KeyStamp, number: u32) -> KeyStamp {
    let hash: String = stamp.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = format!("{hash}:{}", stamp.digest);
    KeyStamp::new("cart", "attempt", &number.to_string(), &key, &stamp.digest.to_le_bytes())
}

fn overloaded() -> Error {
    let message = "more carts are under way than can be taken at once; nothing was stored, repeat in a moment";
    Error::unavailable("cart.overloaded", message)
}

const NOTHING_STORED: &str = "gifticon was not heard of in time; nothing was stored, repeat in a moment";
const GOES_ON: &str = "gifticon was not heard of in time; the cart is removed as soon as it is, unless a voucher has been \
    used: look at it later, or repeat";

/// Gifticon could not be asked, or is failing. What it says of the question itself passes.
fn unheard(error: Error, message: &'static str) -> Error {
    match error.kind {
        ErrorKind::Unavailable => {}
        ErrorKind::Internal => tracing::warn!(%error, "gifticon failed"),
        _ => return error,
    }
    let retry_after_s = error.retry_after_s.or(Some(1));
    Error { retry_after_s, ..Error::unavailable("gifticon.unavailable", message).caused_by(error) }
}

/// Gifticon keeps no stock for this.
fn no_stock(refused: StockRefusal) -> Error {
    let code = format!("gifticon.{}", refused.reason());
    match refused {
        StockRefusal::Unknown => {
            let message = "there is no such gifticon; GET /gifticons lists them";
            Error { pointer: Some("/gifticonId".into()), ..Error::new(ErrorKind::NotFound, code, message) }
        }
        StockRefusal::NotOnSale => {
            Error::new(ErrorKind::Conflict, code, "this gifticon is not sold at present; nothing was stored")
        }
        StockRefusal::OutOfStock => {
            let message = "fewer pieces are left than are wanted; GET /gifticons/{id} says how many";
            Error::new(ErrorKind::Conflict, code, message)
        }
    }
}

/// Every attempt of this key came too late.
fn key_is_over() -> Error {
    let message = "this request came too late for the stock that was kept for it, more than once; send it with a new \
        Idempotency-Key";
    Error::new(ErrorKind::Conflict, "cart.key_is_over", message)
}
