//! Settlement: what the programme owes each merchant for the points used there. Its lines come from deal's log; a run
//! bills what is open of a merchant's month, and a closing does so for every merchant.
//!
//! Use cases are the methods of [`Settlements`]; the job that closes months is in `closing_job`.

mod catch_up;
mod closing_job;
pub mod http;
mod inspect;
mod list;
mod loaded;
mod reactions;
mod store;
mod views;
mod writer;

use std::sync::Arc;

use domain::kernel::Month;
use domain::settlement::Rejection;
use platform::consumer::Consumer;
use platform::db::Database;
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::{Funnel, KeyStamp};
use platform::guard::Guard;
use platform::log::Log;
use tokio::runtime::Handle;

pub use closing_job::{CLOSING_JOB, ClosingJob};
pub use inspect::{Lines, compare_with_log, inspect};
pub use list::{Chosen, ChosenLines};
pub use store::MIGRATIONS;
pub use views::{BillingView, ClosingView, LineView};
use writer::{Answer, Command};
pub use writer::{Policy, SettlementWriter};

use crate::deal::DealApi;
use crate::kit::{Kit, month_of};

/// How settlement asks deal where its log ends.
pub struct DealQuestions {
    /// Deal, in this process or another.
    pub api: Arc<dyn DealApi>,
    /// Time limit, breaker, concurrency, retries.
    pub guard: Guard,
    /// Where the closing job's questions run, since it has a thread of its own.
    pub runtime: Handle,
}

/// The settlement context.
pub struct Settlements {
    kit: Kit,
    database: Arc<Database>,
    /// Its write path.
    pub funnel: Arc<Funnel<SettlementWriter>>,
    /// Its log.
    pub log: Arc<Log>,
    deal: DealQuestions,
    policy: Policy,
}

/// What came of asking for a run.
pub struct Settled {
    /// The run: the new one, or the last.
    pub billing: BillingView,
    /// Whether it is new.
    pub is_new: bool,
}

impl Settlements {
    /// Opens the context on a migrated store.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn open(kit: Kit, database: Arc<Database>, policy: Policy, deal: DealQuestions) -> Result<Arc<Self>> {
        let log = Log::new(Arc::clone(&database), &[]);
        let funnel = Funnel::new(kit.surroundings(&database, &log), SettlementWriter::new(policy, kit.zone.clone()))?;
        Ok(Arc::new(Self { kit, database, funnel, log, deal, policy }))
    }

    /// The guard in front of deal.
    #[must_use]
    pub fn deal_guard(&self) -> &Guard {
        &self.deal.guard
    }

    /// The consumer of deal's log.
    #[must_use]
    pub fn follow_deals(&self, deals: Arc<Log>) -> Consumer<SettlementWriter> {
        let react = Box::new(reactions::on_deal_events);
        Consumer::new(Arc::clone(&self.funnel), deals, Arc::clone(&self.kit.clock), &self.kit.holder, react)
    }

    /// The job that closes months; to be stepped by one thread.
    #[must_use]
    pub fn closing_job(self: &Arc<Self>) -> ClosingJob {
        ClosingJob::new(Arc::clone(self))
    }

    /// Bills what is open of a merchant's month, with every deal that ended before this was asked. If nothing is, the
    /// last run stands; the first one of a month without deals is over 0.
    ///
    /// # Errors
    /// `settlement.merchant_unknown`; 422 for a month that has not begun; `settlement.behind` while deal's last events
    /// have not come here, or are parked. A request that was answered before gets its answer all the same.
    pub async fn bill(self: &Arc<Self>, merchant_id: i64, month: Month, stamp: Option<KeyStamp>) -> Result<Settled> {
        self.funnel.must_be_open()?;
        let is_level = if month <= self.this_month() { self.catch_up(merchant_id).await } else { Ok(()) };
        let answer = match (is_level, stamp) {
            (Ok(()), stamp) => self.funnel.ask(Command::Bill { merchant_id, month }, stamp).await?,
            (Err(error), None) => return Err(error),
            (Err(error), Some(stamp)) => match self.funnel.ask(Command::RecallBill, Some(stamp)).await {
                Err(asked) if asked.code == catch_up::BEHIND => return Err(error),
                recalled => recalled?,
            },
        };
        match answer {
            Answer::Billed(event) => Ok(Settled { billing: BillingView::of(&event, &self.kit.zone), is_new: true }),
            Answer::LastRun(billing_id) => Ok(Settled { billing: self.billing(billing_id).await?, is_new: false }),
            _ => Err(unexpected()),
        }
    }

    /// A billing.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn billing(&self, billing_id: i64) -> Result<BillingView> {
        self.funnel.must_be_open()?;
        let row = self.database.get(&store::BILLING, billing_id).await?;
        row.map(|row| BillingView::of(&store::read_billing(&row), &self.kit.zone)).ok_or_else(billing_unknown)
    }

    /// Begins the closing of a month: every merchant with something to bill is billed, one after the other. One that is
    /// under way goes on; one that is over begins anew, and bills what has come since.
    ///
    /// # Errors
    /// 422 for a month that has not begun.
    pub async fn open_closing(&self, month: Month, stamp: Option<KeyStamp>) -> Result<ClosingView> {
        let answer = self.funnel.ask(Command::OpenClosing { month }, stamp).await?;
        // The job sleeps until something happens here.
        self.log.ring(true);
        match answer {
            Answer::Closing(closing) => Ok(ClosingView::of(&closing, &self.kit.zone)),
            Answer::KnownClosing => self.closing(month.as_number()).await,
            _ => Err(unexpected()),
        }
    }

    /// The closing of a month, `yyyyMM`.
    ///
    /// # Errors
    /// 404 when the month was never closed.
    pub async fn closing(&self, month: i64) -> Result<ClosingView> {
        self.funnel.must_be_open()?;
        let row = self.database.get(&store::CLOSING, month).await?;
        let closing = row.as_ref().and_then(store::Closing::read);
        closing.map(|closing| ClosingView::of(&closing, &self.kit.zone)).ok_or_else(closing_unknown)
    }

    fn this_month(&self) -> Month {
        month_of(self.kit.zone.day(self.kit.clock.now_ms()))
    }
}

fn billing_unknown() -> Error {
    Error::new(ErrorKind::NotFound, "settlement.unknown", "there is no such billing")
}

fn closing_unknown() -> Error {
    Error::new(ErrorKind::NotFound, "settlement.closing_unknown", "this month was not closed yet; POST /closings does")
}

fn line_unknown() -> Error {
    Error::new(ErrorKind::NotFound, "settlement.line_unknown", "this deal is none that is settled")
}

/// A refusal of the rules on the wire.
fn refusal(rejection: Rejection) -> Error {
    let (kind, message) = match rejection {
        Rejection::MerchantUnknown => {
            (ErrorKind::NotFound, "settlement knows no such merchant; GET /merchants lists those there are")
        }
        Rejection::MonthNotBegun => (ErrorKind::Invalid, "a month can be settled once it has begun"),
        Rejection::SumTooLarge => (ErrorKind::Conflict, "a month may come to 9,007,199,254,740,991 points at most"),
    };
    let error = Error::new(kind, format!("settlement.{}", rejection.reason()), message);
    if kind == ErrorKind::Invalid { Error { pointer: Some("/billingMonth".into()), ..error } } else { error }
}

fn unexpected() -> Error {
    Error::internal("a command of settlement was answered with something else")
}
