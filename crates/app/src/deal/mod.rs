//! Deals at merchants: points are earned and used there, and what was is taken back. Point decides, by a question now or
//! by event later; here stands what was asked for, what came of it, and who the merchants are.

mod client;
mod drive;
pub mod http;
mod inspect;
mod list;
mod loaded;
mod reactions;
mod standing;
mod store;
mod sweep;
mod views;
mod writer;

use std::sync::Arc;

pub use domain::deal::Policy;
use domain::deal::{ChangeMerchant, MerchantFacts, Rejection};
use futures_util::future::BoxFuture;
use platform::consumer::Consumer;
use platform::db::{Cursor, Database, Value};
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::{Funnel, KeyStamp};
use platform::guard::Guard;
use platform::log::{Event, Log};
use tokio::sync::Semaphore;

pub use client::RemoteDeals;
pub use drive::PointQuestions;
pub use inspect::{Happened, Ledger, Waiting, happened, inspect};
pub use list::Chosen;
pub use standing::{each_deal, sequences};
pub use store::MIGRATIONS;
use store::Stored;
pub use views::{DealView, MerchantView};
use writer::{Answer, Command};
pub use writer::{DealWriter, Posted};

use crate::kit::Kit;

/// What other contexts may ask deal.
pub trait DealApi: Send + Sync {
    /// The place of the last row of deal's log: who has read up to it knows of every deal that ended before this was
    /// asked.
    fn log_end(&self) -> BoxFuture<'_, Result<Cursor>>;
}

/// How deal works, beside its policy.
#[derive(Debug, Clone, Copy)]
pub struct Conduct {
    /// What the rules are given.
    pub policy: Policy,
    /// Deals that may be under way at once.
    pub capacity: usize,
}

/// The deal context.
pub struct Deals {
    kit: Kit,
    database: Arc<Database>,
    /// Its write path.
    pub funnel: Arc<Funnel<DealWriter>>,
    /// Its log.
    pub log: Arc<Log>,
    point: PointQuestions,
    /// One place for each deal that may be under way.
    places: Arc<Semaphore>,
}

/// A page of deals.
pub struct DealPage {
    /// In order of their numbers.
    pub deals: Vec<DealView>,
    /// The number after which the next page begins; nothing on the last one.
    pub next: Option<i64>,
}

impl Deals {
    /// Opens the context on a migrated store.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn open(kit: Kit, database: Arc<Database>, conduct: Conduct, point: PointQuestions) -> Result<Arc<Self>> {
        let log = Log::new(Arc::clone(&database), &[]);
        let funnel = Funnel::new(kit.surroundings(&database, &log), DealWriter::new(conduct.policy))?;
        let places = Arc::new(Semaphore::new(conduct.capacity.clamp(1, Semaphore::MAX_PERMITS)));
        Ok(Arc::new(Self { kit, database, funnel, log, point, places }))
    }

    /// The guard in front of point.
    #[must_use]
    pub fn point_guard(&self) -> &Guard {
        &self.point.guard
    }

    /// The consumer of point's log.
    #[must_use]
    pub fn follow_point(&self, log: Arc<Log>) -> Consumer<DealWriter> {
        // The decision is an event of its own; the entries, which are many, say nothing more.
        self.follow(log, reactions::on_point_events).of_event_table()
    }

    /// The consumer of settlement's log.
    #[must_use]
    pub fn follow_settlement(&self, log: Arc<Log>) -> Consumer<DealWriter> {
        self.follow(log, reactions::on_settlement_events)
    }

    fn follow(&self, log: Arc<Log>, react: fn(&[Event]) -> Result<Vec<Command>>) -> Consumer<DealWriter> {
        Consumer::new(Arc::clone(&self.funnel), log, Arc::clone(&self.kit.clock), &self.kit.holder, Box::new(react))
    }

    /// A deal.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn deal(&self, deal_id: i64) -> Result<DealView> {
        self.funnel.must_be_open()?;
        let found = vec![self.stored(deal_id).await?];
        views::shown(&self.database, &self.kit.zone, found).await?.pop().ok_or_else(deal_unknown)
    }

    async fn stored(&self, deal_id: i64) -> Result<Stored> {
        let row = self.database.get(&store::DEAL, deal_id).await?;
        row.map(|row| Stored::read(&row)).ok_or_else(deal_unknown)
    }

    /// At most `limit` deals with a number above `after`; of a member, those before the deal `after`, the newest first. A
    /// page that is chosen by merchant may hold fewer, even none, and have a next one.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn deals(&self, chosen: Chosen, after: i64, limit: i64) -> Result<DealPage> {
        self.funnel.must_be_open()?;
        let found = list::deals(&self.database, chosen, after, limit).await?;
        let deals = views::shown(&self.database, &self.kit.zone, found.rows).await?;
        Ok(DealPage { deals, next: found.next })
    }

    /// A new merchant. Without a number the next free one is given.
    ///
    /// # Errors
    /// `deal.number_taken`; 422 for a rate that is none.
    pub async fn open_merchant(
        &self,
        merchant_id: Option<i64>,
        merchant: MerchantFacts,
        stamp: Option<KeyStamp>,
    ) -> Result<MerchantView> {
        match self.funnel.ask(Command::OpenMerchant { merchant_id, merchant }, stamp).await? {
            Answer::Merchant(merchant) => Ok(merchant.into()),
            _ => Err(unexpected()),
        }
    }

    /// Changes a merchant's name, rates or status.
    ///
    /// # Errors
    /// 404 when there is no such merchant; 422 for a rate that is none.
    pub async fn change_merchant(
        &self,
        merchant_id: i64,
        change: ChangeMerchant,
        stamp: Option<KeyStamp>,
    ) -> Result<MerchantView> {
        match self.funnel.ask(Command::ChangeMerchant { merchant_id, change }, stamp).await? {
            Answer::Merchant(merchant) => Ok(merchant.into()),
            Answer::Taken => self.merchant(merchant_id).await,
            _ => Err(unexpected()),
        }
    }

    /// A merchant.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn merchant(&self, merchant_id: i64) -> Result<MerchantView> {
        self.funnel.must_be_open()?;
        let row = self.database.get(&store::MERCHANT, merchant_id).await?;
        row.and_then(|row| store::read_merchant(&row)).map(MerchantView::from).ok_or_else(merchant_unknown)
    }

    /// Merchants with a number above `after`.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn merchants(&self, after: i64, limit: i64) -> Result<Vec<MerchantView>> {
        self.funnel.must_be_open()?;
        let params = [Value::Int(after), Value::Int(limit)];
        let rows = self.database.query(&list::list_merchants_sql(), &params).await?;
        Ok(rows.iter().filter_map(store::read_merchant).map(MerchantView::from).collect())
    }
}

impl DealApi for Deals {
    fn log_end(&self) -> BoxFuture<'_, Result<Cursor>> {
        Box::pin(async move {
            self.funnel.must_be_open()?;
            self.log.end().await
        })
    }
}

fn deal_unknown() -> Error {
    Error::new(ErrorKind::NotFound, "deal.unknown", "there is no such deal")
}

fn merchant_unknown() -> Error {
    Error::new(ErrorKind::NotFound, "deal.merchant_unknown", "there is no such merchant; GET /merchants lists them")
}

/// A refusal after which there is no deal and no merchant.
fn refusal(rejection: Rejection) -> Error {
    let code = format!("deal.{}", rejection.reason());
    let (pointer, message) = match rejection {
        Rejection::InvalidAmount => {
            ("/dealAmount", "an amount is a whole number of won up to 1,000,000,000,000; a save needs at least 1")
        }
        Rejection::InvalidPoint => ("/point", "a use takes 1 to 1,000,000,000,000 points"),
        Rejection::InvalidEarnRate => ("/earnRateBp", "a rate is 0 to 10,000 basis points (100 are 1 %)"),
        Rejection::InvalidFeeRate => ("/feeRateBp", "a rate is 0 to 10,000 basis points (100 are 1 %)"),
        Rejection::NumberTaken => {
            let message = "this number of a merchant is taken; choose another, or leave merchantId out";
            return Error::new(ErrorKind::Conflict, code, message);
        }
    };
    Error { pointer: Some(pointer.into()), ..Error::new(ErrorKind::Invalid, code, message) }
}

fn unexpected() -> Error {
    Error::internal("a command of deal was answered with something else")
}
