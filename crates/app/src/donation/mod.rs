//! Donations: members give points to causes. Point decides, by a question now or by event later; here stands what was
//! asked for, what came of it and what each cause received.

mod donate;
pub mod http;
mod inspect;
mod reactions;
mod store;
mod views;
mod writer;

use std::sync::Arc;

use domain::donation::{ChangeCause, Rejection};
use platform::consumer::Consumer;
use platform::db::{Database, Value};
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::{Funnel, KeyStamp};
use platform::guard::Guard;
use platform::log::Log;
use tokio::sync::Semaphore;

pub use donate::PointQuestions;
pub use inspect::{Donated, donated, inspect};
use store::Stored;
pub use store::{Chosen, MIGRATIONS};
pub use views::{CauseView, DonationView, ReceiptView};
use writer::{Answer, Command};
pub use writer::{DonationWriter, Policy};

use crate::kit::Kit;

/// The donation context.
pub struct Donations {
    kit: Kit,
    database: Arc<Database>,
    /// Its write path.
    pub funnel: Arc<Funnel<DonationWriter>>,
    /// Its log.
    pub log: Arc<Log>,
    point: PointQuestions,
    /// One place for each donation that may be under way.
    places: Arc<Semaphore>,
}

impl Donations {
    /// Opens the context on a migrated store.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn open(kit: Kit, database: Arc<Database>, policy: Policy, point: PointQuestions) -> Result<Arc<Self>> {
        let log = Log::new(Arc::clone(&database), &[]);
        let funnel = Funnel::new(kit.surroundings(&database, &log), DonationWriter::new(policy))?;
        let places = Arc::new(Semaphore::new(policy.capacity.clamp(1, Semaphore::MAX_PERMITS)));
        Ok(Arc::new(Self { kit, database, funnel, log, point, places }))
    }

    /// The guard in front of point.
    #[must_use]
    pub fn point_guard(&self) -> &Guard {
        &self.point.guard
    }

    /// The consumer of point's log.
    #[must_use]
    pub fn follow_point(&self, log: Arc<Log>) -> Consumer<DonationWriter> {
        let react = Box::new(reactions::on_point_events);
        let consumer =
            Consumer::new(Arc::clone(&self.funnel), log, Arc::clone(&self.kit.clock), &self.kit.holder, react);
        // The decision is an event of its own; the entries, which are many, say nothing more.
        consumer.of_event_table()
    }

    /// A donation.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn donation(&self, donation_id: i64) -> Result<DonationView> {
        self.funnel.must_be_open()?;
        self.stored(donation_id).await.map(|stored| DonationView::of(stored, &self.kit.zone))
    }

    async fn stored(&self, donation_id: i64) -> Result<Stored> {
        let row = self.database.get(&store::DONATION, donation_id).await?;
        row.map(|row| Stored::read(&row)).ok_or_else(donation_unknown)
    }

    /// Donations with a number above `after`.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn donations(&self, chosen: Chosen, after: i64, limit: i64) -> Result<Vec<DonationView>> {
        let found = self.list(chosen, after, limit).await?;
        Ok(found.into_iter().map(|stored| DonationView::of(stored, &self.kit.zone)).collect())
    }

    async fn list(&self, chosen: Chosen, after: i64, limit: i64) -> Result<Vec<Stored>> {
        self.funnel.must_be_open()?;
        let (sql, params) = store::list_donations(chosen, after, limit);
        Ok(self.database.query(&sql, &params).await?.iter().map(Stored::read).collect())
    }

    /// What a cause received, by donations with a number above `after`.
    ///
    /// # Errors
    /// 404 when there is no such cause.
    pub async fn receipts(&self, cause_id: i64, after: i64, limit: i64) -> Result<Vec<ReceiptView>> {
        self.cause(cause_id).await?;
        let chosen = Chosen { cause_id: Some(cause_id), received: true, ..Chosen::default() };
        let found = self.list(chosen, after, limit).await?;
        Ok(found.into_iter().map(|stored| ReceiptView::of(&stored, &self.kit.zone)).collect())
    }

    /// A new cause. Without a number the next free one is given.
    ///
    /// # Errors
    /// `donation.number_taken`.
    pub async fn open_cause(
        &self,
        cause_id: Option<i64>,
        name: String,
        open: bool,
        stamp: Option<KeyStamp>,
    ) -> Result<CauseView> {
        match self.funnel.ask(Command::OpenCause { cause_id, name, open }, stamp).await? {
            Answer::Cause(cause) => Ok(cause.into()),
            _ => Err(unexpected()),
        }
    }

    /// Changes a cause's name, or whether it takes donations.
    ///
    /// # Errors
    /// 404 when there is no such cause.
    pub async fn change_cause(&self, cause_id: i64, change: ChangeCause, stamp: Option<KeyStamp>) -> Result<CauseView> {
        match self.funnel.ask(Command::ChangeCause { cause_id, change }, stamp).await? {
            Answer::Cause(cause) => Ok(cause.into()),
            Answer::Taken => self.cause(cause_id).await,
            _ => Err(unexpected()),
        }
    }

    /// A cause.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn cause(&self, cause_id: i64) -> Result<CauseView> {
        self.funnel.must_be_open()?;
        let row = self.database.get(&store::CAUSE, cause_id).await?;
        row.map(|row| store::read_cause(&row).into()).ok_or_else(cause_unknown)
    }

    /// Causes with a number above `after`.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn causes(&self, after: i64, limit: i64) -> Result<Vec<CauseView>> {
        self.funnel.must_be_open()?;
        let rows = self.database.query(&store::list_causes_sql(), &[Value::Int(after), Value::Int(limit)]).await?;
        Ok(rows.iter().map(|row| store::read_cause(row).into()).collect())
    }
}

fn donation_unknown() -> Error {
    Error::new(ErrorKind::NotFound, "donation.unknown", "there is no such donation")
}

fn cause_unknown() -> Error {
    Error::new(ErrorKind::NotFound, "donation.cause_unknown", "there is no such cause; GET /causes lists them")
}

/// A refusal after which there is no donation and no cause.
fn refusal(rejection: Rejection) -> Error {
    let code = format!("donation.{}", rejection.reason());
    let (kind, pointer, message) = match rejection {
        Rejection::CauseUnknown => (ErrorKind::Invalid, "/causeId", "there is no such cause; GET /causes lists them"),
        Rejection::CauseClosed => (ErrorKind::Conflict, "/causeId", "this cause takes no donations at present"),
        Rejection::InvalidAmount => (ErrorKind::Invalid, "/amount", "a donation is 1 to 1,000,000,000,000 points"),
        Rejection::NumberTaken => {
            let message = "this number of a cause is taken; choose another, or leave causeId out";
            return Error::new(ErrorKind::Conflict, code, message);
        }
    };
    Error { pointer: Some(pointer.into()), ..Error::new(kind, code, message) }
}

fn unexpected() -> Error {
    Error::internal("a command of donation was answered with something else")
}
