//! Carts: pieces of a gifticon that somebody wants, from the reserved stock to paid or removed. Gifticon is asked to keep
//! the stock, payment is heard by event; how a cart ends is decided here.

mod beside;
mod client;
mod drive;
pub mod http;
mod inspect;
mod list;
mod loaded;
mod reactions;
mod store;
mod sweep;
mod views;
mod writer;

use std::sync::Arc;

use domain::cart::{CartStatus, MAX_QUANTITY, Rejection};
use futures_util::future::BoxFuture;
use platform::consumer::Consumer;
use platform::db::Database;
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::Funnel;
use platform::guard::Guard;
use platform::log::Log;
use tokio::sync::Semaphore;

pub use beside::{Beside, Standing, compare, standing};
pub use client::RemoteCarts;
pub use drive::GifticonQuestions;
pub use inspect::{Waiting, inspect};
pub use store::MIGRATIONS;
use store::Stored;
pub use views::CartView;
use writer::{Answer, Command};
pub use writer::{CartWriter, Wanted};

use crate::kit::{Kit, Storing};

/// Reservations that one command answers for, so that no batch takes long.
const CLAIMED_AT_ONCE: usize = 500;

/// Whether a reservation became a cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The reservation.
    pub reservation_id: i64,
    /// The cart that it became; none: it never will.
    pub cart_id: Option<i64>,
}

/// What other contexts may ask cart.
pub trait CartApi: Send + Sync {
    /// What became of these reservations. One without a cart is refused for ever by this question.
    fn claims(&self, reservation_ids: Vec<i64>) -> BoxFuture<'_, Result<Vec<Claim>>>;
}

/// The cart context.
pub struct Carts {
    kit: Kit,
    database: Arc<Database>,
    /// Its write path.
    pub funnel: Arc<Funnel<CartWriter>>,
    /// Its log.
    pub log: Arc<Log>,
    gifticon: GifticonQuestions,
    /// Whether carts can be stored.
    storing: Storing,
    /// One place for each cart that may be under way.
    places: Arc<Semaphore>,
}

/// A page of carts.
pub struct CartPage {
    /// In order of their numbers.
    pub carts: Vec<CartView>,
    /// The number after which the next page begins; nothing on the last one.
    pub next: Option<i64>,
}

impl Carts {
    /// Opens the context on a migrated store. At most `capacity` carts are added or removed at once.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn open(kit: Kit, database: Arc<Database>, capacity: usize, gifticon: GifticonQuestions) -> Result<Arc<Self>> {
        let log = Log::new(Arc::clone(&database), &[]);
        let funnel = Funnel::new(kit.surroundings(&database, &log), CartWriter)?;
        let places = Arc::new(Semaphore::new(capacity.clamp(1, Semaphore::MAX_PERMITS)));
        let storing = Storing::of("cart", Arc::clone(&kit.clock));
        Ok(Arc::new(Self { kit, database, funnel, log, gifticon, storing, places }))
    }

    /// The guard in front of gifticon where it is asked for stock.
    #[must_use]
    pub fn gifticon_guard(&self) -> &Guard {
        &self.gifticon.guard
    }

    /// The guard in front of gifticon where it is asked about removals.
    #[must_use]
    pub fn removal_guard(&self) -> &Guard {
        &self.gifticon.removals
    }

    /// The consumer of payment's log.
    #[must_use]
    pub fn follow_payment(&self, log: Arc<Log>) -> Consumer<CartWriter> {
        let react = Box::new(reactions::on_payment_events);
        Consumer::new(Arc::clone(&self.funnel), log, Arc::clone(&self.kit.clock), &self.kit.holder, react)
    }

    /// A cart that is not removed; of a customer, if not of anyone.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn cart(&self, cart_id: i64, customer_id: Option<i64>) -> Result<CartView> {
        self.funnel.must_be_open()?;
        let stored = self.stored(cart_id).await?;
        let is_theirs = customer_id.is_none() || stored.cart.facts.customer_id == customer_id;
        // To the others it is not there, so nobody can count carts.
        if !is_theirs || stored.cart.status == CartStatus::CartRemoved {
            return Err(cart_unknown());
        }
        Ok(stored.into())
    }

    async fn stored(&self, cart_id: i64) -> Result<Stored> {
        let row = self.database.get(&store::CART, cart_id).await?;
        row.map(|row| Stored::read(&row)).ok_or_else(cart_unknown)
    }

    /// At most `limit` carts with a number above `after`, removed ones left out; of everyone or of one customer. Where
    /// very many are removed a page may hold fewer, even none, and have a next one.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn carts(&self, customer_id: Option<i64>, after: i64, limit: i64) -> Result<CartPage> {
        self.funnel.must_be_open()?;
        let found = list::carts(&self.database, customer_id, after, limit).await?;
        Ok(CartPage { carts: found.rows.into_iter().map(CartView::from).collect(), next: found.next })
    }
}

impl CartApi for Carts {
    fn claims(&self, reservation_ids: Vec<i64>) -> BoxFuture<'_, Result<Vec<Claim>>> {
        Box::pin(async move {
            let piece = |ids: &[i64]| (Command::Claim { reservation_ids: ids.to_vec() }, None);
            let commands = reservation_ids.chunks(CLAIMED_AT_ONCE).map(piece).collect();
            let mut claims = Vec::with_capacity(reservation_ids.len());
            for answer in self.funnel.ask_all(commands).await? {
                match answer? {
                    Answer::Claims(found) => claims.extend(found),
                    _ => return Err(unexpected()),
                }
            }
            Ok(claims)
        })
    }
}

fn cart_unknown() -> Error {
    Error::new(ErrorKind::NotFound, "cart.unknown", "there is no such cart, or no longer")
}

/// The code of [`too_late`].
const TOO_LATE: &str = "cart.too_late";

/// The stock that was kept for a cart is not kept any more.
fn too_late() -> Error {
    Error::unavailable(TOO_LATE, "this took too long, and the stock was given back; nothing was stored, repeat")
}

/// A paid cart cannot be removed; `reason` is gifticon's.
fn cannot_be_removed(reason: Option<&str>) -> Error {
    match reason {
        Some("voucher_used") => {
            let message = "a voucher of this cart has been used, so it cannot be removed any more";
            Error::new(ErrorKind::Conflict, "cart.voucher_used", message)
        }
        _ => {
            // Gifticon does not know what it was asked about: its store and cart's do not belong together.
            let message = "this cart cannot be removed; the operator can find out why with 'onepoint verify'";
            Error::new(ErrorKind::Conflict, "cart.cannot_be_removed", message)
        }
    }
}

fn refusal(rejection: Rejection) -> Error {
    let invalid = |pointer: &'static str, reason: &str, message: String| Error {
        pointer: Some(pointer.into()),
        ..Error::new(ErrorKind::Invalid, format!("cart.{reason}"), message)
    };
    match rejection {
        Rejection::InvalidQuantity => {
            invalid("/quantity", "invalid_quantity", format!("a cart holds 1 to {MAX_QUANTITY} pieces"))
        }
        Rejection::InvalidAmount => {
            let message = "pieces times price is more than can be paid at once: 1,000,000,000,000 won".to_owned();
            invalid("/quantity", "invalid_amount", message)
        }
        Rejection::CustomerNeeded => {
            let message = "who pays with points has to be named: customerId is the member's number".to_owned();
            invalid("/customerId", "customer_needed", message)
        }
        Rejection::ReservationRefused | Rejection::ReservationTaken => too_late(),
        Rejection::Unknown => cart_unknown(),
        Rejection::CannotBeRemoved(reason) => cannot_be_removed(Some(&reason)),
    }
}

fn unexpected() -> Error {
    Error::internal("a command of cart was answered with something else")
}
