//! Paid membership products: what the operator sells, and the units that are kept for memberships.

mod client;
pub mod http;
mod inspect;
mod loaded;
mod reactions;
mod store;
mod sweep;
mod views;
mod writer;

use std::sync::Arc;

use domain::product::{ChangeProduct, MAX_MONTHS, Product, RegisterProduct, Rejection, UnitRefusal};
use platform::consumer::Consumer;
use platform::db::{Database, Value};
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::{Funnel, KeyStamp};
use platform::log::Log;

pub use client::RemoteProducts;
pub use inspect::{KnownUnits, inspect, units};
pub use store::MIGRATIONS;
use store::StoredUnit;
pub use sweep::{MembershipQuestions, UnitSweep};
pub use views::ProductView;
pub use writer::ProductWriter;
use writer::{Answer, Command};

use crate::kit::{Asked, Kit};

/// The question: keep a unit for a membership that is about to be stored.
#[derive(Debug, Clone)]
pub struct ReserveUnit {
    /// Under which the answer is remembered; none: nobody will ask again.
    pub attempt: Option<KeyStamp>,
    /// Of what.
    pub product_id: i64,
}

/// A unit that is kept, and what product says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservedUnit {
    /// The unit.
    pub unit_id: i64,
    /// The product's name.
    pub product_name: String,
    /// Its price, in won.
    pub price_won: i64,
    /// How long a membership lasts, in calendar months.
    pub months: i64,
}

/// What other contexts may ask product.
pub trait ProductApi: Send + Sync {
    /// Keeps a unit, or says why not. Asked again under the same attempt it gives the same answer.
    fn reserve_unit(&self, question: ReserveUnit) -> Asked<'_, ReservedUnit, UnitRefusal>;
}

/// The programme's settings that concern products (SPEC section 5).
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// How long a membership lasts in calendar months, where the operator says nothing.
    pub months: i64,
}

/// The product context.
pub struct Products {
    kit: Kit,
    database: Arc<Database>,
    /// Its write path.
    pub funnel: Arc<Funnel<ProductWriter>>,
    /// Its log.
    pub log: Arc<Log>,
    policy: Policy,
}

impl Products {
    /// Opens the context on a migrated store.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn open(kit: Kit, database: Arc<Database>, policy: Policy) -> Result<Arc<Self>> {
        let log = Log::new(Arc::clone(&database), &[]);
        let funnel = Funnel::new(kit.surroundings(&database, &log), ProductWriter)?;
        Ok(Arc::new(Self { kit, database, funnel, log, policy }))
    }

    /// The consumer of membership's log.
    #[must_use]
    pub fn follow_memberships(&self, log: Arc<Log>) -> Consumer<ProductWriter> {
        let react = Box::new(reactions::on_membership_events);
        Consumer::new(Arc::clone(&self.funnel), log, Arc::clone(&self.kit.clock), &self.kit.holder, react)
    }

    /// A new product. Without a number the next free one is given.
    ///
    /// # Errors
    /// `product.number_taken`; 422 for a price, a limit or a time that is none.
    pub async fn register(
        &self,
        product_id: Option<i64>,
        product: RegisterProduct,
        stamp: Option<KeyStamp>,
    ) -> Result<ProductView> {
        self.answered(self.funnel.ask(Command::Register { product_id, product }, stamp).await?)
    }

    /// Changes a product; memberships keep what was true when they were bought.
    ///
    /// # Errors
    /// 404 when there is none, or it was taken off; `product.limit_below_sold`; 422 as for a new one.
    pub async fn change(&self, product_id: i64, change: ChangeProduct, stamp: Option<KeyStamp>) -> Result<ProductView> {
        match self.funnel.ask(Command::Change { product_id, change }, stamp).await? {
            Answer::Taken => self.product(product_id).await,
            // As it was changed then; the units are counted as they are now.
            Answer::KnownChange(facts) => {
                let product = Product { facts, ..self.stored(product_id).await? };
                Ok(ProductView::of(product, &self.kit.zone))
            }
            answer => self.answered(answer),
        }
    }

    fn answered(&self, answer: Answer) -> Result<ProductView> {
        match answer {
            Answer::Product(product) => Ok(ProductView::of(*product, &self.kit.zone)),
            _ => Err(unexpected()),
        }
    }

    /// Takes a product off: it is no longer sold and no longer shown, and its number is never given again.
    ///
    /// # Errors
    /// 404 when there is none, or it was taken off before.
    pub async fn remove(&self, product_id: i64, stamp: Option<KeyStamp>) -> Result<()> {
        self.funnel.ask(Command::Remove { product_id }, stamp).await.map(|_| ())
    }

    /// A product.
    ///
    /// # Errors
    /// 404 when there is none, or it was taken off.
    pub async fn product(&self, product_id: i64) -> Result<ProductView> {
        self.funnel.must_be_open()?;
        let product = self.stored(product_id).await?;
        if product.removed {
            return Err(product_unknown());
        }
        Ok(ProductView::of(product, &self.kit.zone))
    }

    async fn stored(&self, product_id: i64) -> Result<Product> {
        let row = self.database.get(&store::PRODUCT, product_id).await?;
        row.map(|row| store::read_product(&row)).ok_or_else(product_unknown)
    }

    /// Products with a number above `after` that were not taken off, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn products(&self, after: i64, limit: i64) -> Result<Vec<ProductView>> {
        self.funnel.must_be_open()?;
        let rows = self.database.query(&store::list_sql(), &[Value::Int(after), Value::Int(limit)]).await?;
        Ok(rows.iter().map(|row| ProductView::of(store::read_product(row), &self.kit.zone)).collect())
    }

    async fn keep_unit(&self, question: ReserveUnit) -> Result<Result<ReservedUnit, UnitRefusal>> {
        let ReserveUnit { attempt, product_id } = question;
        match self.funnel.ask(Command::Reserve { product_id }, attempt).await {
            Ok(Answer::Unit(unit)) => Ok(Ok(reserved(*unit))),
            Ok(Answer::KnownUnit(unit_id)) => {
                let row = self.database.get(&store::UNIT, unit_id).await?;
                let row = row.ok_or_else(|| Error::internal("a unit that was kept is not there"))?;
                Ok(Ok(reserved(StoredUnit::read(&row))))
            }
            Ok(_) => Err(unexpected()),
            Err(error) => writer::as_refused_unit(&error).map_or(Err(error), |refusal| Ok(Err(refusal))),
        }
    }
}

fn reserved(stored: StoredUnit) -> ReservedUnit {
    let StoredUnit { unit, product_name, price_won, months, .. } = stored;
    ReservedUnit { unit_id: unit.facts.unit_id, product_name, price_won, months }
}

impl ProductApi for Products {
    fn reserve_unit(&self, question: ReserveUnit) -> Asked<'_, ReservedUnit, UnitRefusal> {
        Box::pin(self.keep_unit(question))
    }
}

fn product_unknown() -> Error {
    Error::new(ErrorKind::NotFound, "product.unknown", "there is no such product; GET /products lists them")
}

/// A refusal after which nothing has changed.
fn refusal(rejection: Rejection) -> Error {
    let code = format!("product.{}", rejection.reason());
    let conflict = |message: &'static str| Error::new(ErrorKind::Conflict, code.clone(), message);
    let wrong = |pointer: &'static str, message: String| Error {
        pointer: Some(pointer.into()),
        ..Error::new(ErrorKind::Invalid, code.clone(), message)
    };
    match rejection {
        Rejection::Unknown => product_unknown(),
        Rejection::NumberTaken => {
            conflict("this number of a product is taken, or was once; choose another, or leave productId out")
        }
        Rejection::LimitBelowSold => {
            conflict("more units are sold and kept already; a limit is at least salesQuantity plus reservedQuantity")
        }
        Rejection::InvalidPrice => wrong("/price", "a price is 1 to 1,000,000,000,000 won".to_owned()),
        Rejection::InvalidLimit => wrong("/salesLimit", "a limit is 1 to 1,000,000,000,000 units".to_owned()),
        Rejection::InvalidMonths => wrong("/months", format!("a membership lasts 1 to {MAX_MONTHS} months")),
    }
}

fn unexpected() -> Error {
    Error::internal("a command of product was answered with something else")
}
