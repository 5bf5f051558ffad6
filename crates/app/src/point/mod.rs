//! Points: the ledger. Accounts open when members join, close when they leave, and change only by entries.
//!
//! Use cases are the methods of [`Points`]; each is one command through the funnel or one read.

mod bulk;
mod chain;
mod client;
mod deal;
mod deal_rows;
mod donate;
mod entry;
mod expire;
mod expiry_walk;
mod follow;
mod hold;
mod hold_http;
mod hold_rows;
mod hold_view;
mod hold_walk;
pub mod http;
mod inspect;
mod inspect_deals;
mod inspect_holds;
mod internal;
mod reactions;
mod statement;
mod store;
mod told;
mod transact;
mod views;
mod writer;

use std::sync::Arc;

use domain::kernel::Day;
use domain::point::{
    CancelledHold, CapturedHold, ClawBack, DealDecision, DonationDecision, HeldPoints, HoldOver, HoldRefusal,
    PaymentAnswer, Rejection,
};
use futures_util::future::BoxFuture;
use platform::consumer::Consumer;
use platform::db::{Database, Value};
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::{Funnel, KeyStamp};
use platform::log::Log;

pub use client::RemotePoints;
pub use deal::DealQuestion;
use deal::Heard;
pub use donate::DonationQuestion;
pub use entry::{EntryFacts, EntryView, PointEvent};
pub use expiry_walk::{EXPIRY_JOB, ExpiryWalk};
use hold::Payment;
pub use hold::{HoldFacts, HoldQuestion, PaymentQuestion};
pub use hold_view::HoldView;
pub use hold_walk::{HOLD_JOB, HoldWalk};
pub use inspect::{Balances, Donated, donated, inspect, summed};
pub use inspect_deals::{Dealt, DealtFacts, dealt};
pub use store::LOG_SOURCES;
pub use store::MIGRATIONS;
pub use views::{AccountView, Adjusted, ClawedBack, LotView};
use writer::{Answer, Command};
pub use writer::{PointWriter, Policy, Transaction, TransactionKind};

use crate::kit::{Asked, Kit, day_of};

/// What other contexts may ask point.
pub trait PointApi: Send + Sync {
    /// Makes the account refuse changes for this withdrawal attempt; how many points would be lost.
    fn prepare_withdrawal(&self, member_id: i64, attempt: i64) -> Asked<'_, i64, Rejection>;

    /// Takes the points of a donation, or says why not. Asked again it gives the same answer, so it may be repeated.
    fn donate(&self, question: DonationQuestion) -> BoxFuture<'_, Result<DonationDecision>>;

    /// Moves the points of a deal, or says why not. Asked again it gives the same answer, so it may be repeated.
    fn deal(&self, question: DealQuestion) -> BoxFuture<'_, Result<DealDecision>>;

    /// Sets points aside for a payment, or says why not. Asked again it gives the same answer, until the payment is
    /// cancelled.
    fn hold(&self, question: HoldQuestion) -> Asked<'_, HeldPoints, HoldRefusal>;

    /// Takes what is held for a payment, or says that nothing is any more. Asked again it gives the same answer.
    fn capture_hold(&self, question: PaymentQuestion) -> Asked<'_, CapturedHold, HoldOver>;

    /// Lets go what is held for a payment, gives back what was taken for it, and refuses to hold for it from now on,
    /// whether or not it ever did. Asked again it gives the same answer.
    fn cancel_hold(&self, question: PaymentQuestion) -> BoxFuture<'_, Result<CancelledHold>>;
}

/// The point context.
pub struct Points {
    kit: Kit,
    database: Arc<Database>,
    /// Its write path.
    pub funnel: Arc<Funnel<PointWriter>>,
    /// Its log: events and entries.
    pub log: Arc<Log>,
}

impl Points {
    /// Opens the context on a migrated store.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn open(kit: Kit, database: Arc<Database>, policy: Policy) -> Result<Arc<Self>> {
        let log = Log::new(Arc::clone(&database), &store::LOG_SOURCES);
        let funnel = Funnel::new(kit.surroundings(&database, &log), PointWriter::new(policy, kit.zone.clone()))?;
        Ok(Arc::new(Self { kit, database, funnel, log }))
    }

    /// The consumer of member's log.
    #[must_use]
    pub fn follow_members(&self, members: Arc<Log>) -> Consumer<PointWriter> {
        let react = Box::new(reactions::on_member_events);
        Consumer::new(Arc::clone(&self.funnel), members, Arc::clone(&self.kit.clock), &self.kit.holder, react)
    }

    /// The consumer of donation's log.
    #[must_use]
    pub fn follow_donations(&self, donations: Arc<Log>) -> Consumer<PointWriter> {
        let react = Box::new(reactions::on_donation_events);
        Consumer::new(Arc::clone(&self.funnel), donations, Arc::clone(&self.kit.clock), &self.kit.holder, react)
    }

    /// The consumer of deal's log.
    #[must_use]
    pub fn follow_deals(&self, deals: Arc<Log>) -> Consumer<PointWriter> {
        let react = Box::new(reactions::on_deal_events);
        Consumer::new(Arc::clone(&self.funnel), deals, Arc::clone(&self.kit.clock), &self.kit.holder, react)
    }

    /// The daily walk that expires and announces; to be stepped by one thread.
    #[must_use]
    pub fn expiry_walk(self: &Arc<Self>) -> ExpiryWalk {
        ExpiryWalk::new(Arc::clone(self))
    }

    /// The walk over holds whose time is over; to be stepped by one thread.
    #[must_use]
    pub fn hold_walk(self: &Arc<Self>) -> HoldWalk {
        HoldWalk::new(Arc::clone(self))
    }

    /// Earns points for a member.
    ///
    /// # Errors
    /// 404 without an account, 409 when the rule refuses, 422 for an amount that cannot be moved.
    pub async fn earn_points(
        &self,
        member_id: i64,
        transaction: Transaction,
        stamp: Option<KeyStamp>,
    ) -> Result<EntryView> {
        self.transact(member_id, TransactionKind::Earn, transaction, stamp).await
    }

    /// Uses points of a member.
    ///
    /// # Errors
    /// As [`Points::earn_points`]; `point.insufficient_points` when there are too few.
    pub async fn use_points(
        &self,
        member_id: i64,
        transaction: Transaction,
        stamp: Option<KeyStamp>,
    ) -> Result<EntryView> {
        self.transact(member_id, TransactionKind::Use, transaction, stamp).await
    }

    /// Changes a balance by a signed number of points.
    ///
    /// # Errors
    /// As [`Points::earn_points`].
    pub async fn adjust_points(
        &self,
        member_id: i64,
        transaction: Transaction,
        stamp: Option<KeyStamp>,
    ) -> Result<EntryView> {
        self.transact(member_id, TransactionKind::Adjust, transaction, stamp).await
    }

    async fn transact(
        &self,
        member_id: i64,
        kind: TransactionKind,
        transaction: Transaction,
        stamp: Option<KeyStamp>,
    ) -> Result<EntryView> {
        match self.funnel.ask(Command::Transact { member_id, kind, transaction }, stamp).await? {
            Answer::Entry(entry) => Ok(entry),
            _ => Err(unexpected()),
        }
    }

    /// Seed 0's `PATCH /points/{id} requirePoint=±n`: a refusal is an answer.
    ///
    /// # Errors
    /// 404 without an account, 422 for 0.
    pub async fn request_adjustment(
        &self,
        member_id: i64,
        require_point: i64,
        reason: Option<String>,
        stamp: Option<KeyStamp>,
    ) -> Result<Adjusted> {
        match self.funnel.ask(Command::RequestAdjustment { member_id, require_point, reason }, stamp).await? {
            Answer::Adjusted(adjusted) => Ok(adjusted),
            _ => Err(unexpected()),
        }
    }

    /// Takes back points that were given by mistake; what was spent already is owed.
    ///
    /// # Errors
    /// 404 without an account, 409 while the member is leaving, 422 for an amount that cannot be moved.
    pub async fn claw_back(&self, member_id: i64, claw_back: ClawBack, stamp: Option<KeyStamp>) -> Result<ClawedBack> {
        match self.funnel.ask(Command::ClawBack { member_id, claw_back }, stamp).await? {
            Answer::ClawedBack(clawed_back) => Ok(clawed_back),
            _ => Err(unexpected()),
        }
    }

    /// A member's lots, the earliest end first.
    ///
    /// # Errors
    /// 404 when there is no account, or it is closed.
    pub async fn lots(&self, member_id: i64) -> Result<Vec<LotView>> {
        self.must_run()?;
        let row = self.database.get(&store::ACCOUNT, member_id).await?;
        row.and_then(|row| LotView::read_all(&row, &self.kit.zone)).ok_or_else(account_unknown)
    }

    /// A member's account.
    ///
    /// # Errors
    /// 404 when there is none, or it is closed.
    pub async fn account(&self, member_id: i64) -> Result<AccountView> {
        self.must_run()?;
        let row = self.database.get(&store::ACCOUNT, member_id).await?;
        let view = row.and_then(|row| AccountView::read(&row, self.today()));
        view.ok_or_else(account_unknown)
    }

    /// Accounts with a member number above `after`.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn accounts(&self, after: i64, limit: i64) -> Result<Vec<AccountView>> {
        self.must_run()?;
        let rows = self.database.query(&store::list_sql(), &[Value::Int(after), Value::Int(limit)]).await?;
        Ok(rows.iter().filter_map(|row| AccountView::read(row, self.today())).collect())
    }

    /// One entry of a member.
    ///
    /// # Errors
    /// 404 when there is none, or the account is closed.
    pub async fn entry(&self, member_id: i64, entry_id: i64) -> Result<EntryView> {
        self.account(member_id).await?;
        let row = self.database.get(&store::ENTRY, entry_id).await?;
        let entry =
            row.and_then(|row| EntryView::read(&row, &self.kit.zone)).filter(|entry| entry.member_id == member_id);
        entry.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "point.entry_unknown", "there is no such entry of this member")
        })
    }

    fn must_run(&self) -> Result<()> {
        self.funnel.must_be_open()
    }

    fn today(&self) -> Day {
        day_of(self.kit.zone.day(self.kit.clock.now_ms()))
    }
}

impl PointApi for Points {
    fn prepare_withdrawal(&self, member_id: i64, attempt: i64) -> Asked<'_, i64, Rejection> {
        Box::pin(async move {
            match self.funnel.ask(Command::PrepareWithdrawal { member_id, attempt }, None).await? {
                Answer::Prepared(prepared) => Ok(prepared),
                _ => Err(unexpected()),
            }
        })
    }

    fn donate(&self, question: DonationQuestion) -> BoxFuture<'_, Result<DonationDecision>> {
        Box::pin(async move {
            match self.funnel.ask(Command::Donate(question), None).await? {
                Answer::Decided(decision) => Ok(decision),
                _ => Err(unexpected()),
            }
        })
    }

    fn deal(&self, question: DealQuestion) -> BoxFuture<'_, Result<DealDecision>> {
        Box::pin(async move {
            match self.funnel.ask(Command::Deal { question, heard: Heard::ByAsker }, None).await? {
                Answer::Dealt(decision) => Ok(decision),
                _ => Err(unexpected()),
            }
        })
    }

    fn hold(&self, question: HoldQuestion) -> Asked<'_, HeldPoints, HoldRefusal> {
        Box::pin(async move {
            match self.funnel.ask(Command::Payment(Payment::hold(question)), None).await? {
                Answer::Payment(PaymentAnswer::Held(answer)) => Ok(answer),
                _ => Err(unexpected()),
            }
        })
    }

    fn capture_hold(&self, question: PaymentQuestion) -> Asked<'_, CapturedHold, HoldOver> {
        Box::pin(async move {
            match self.funnel.ask(Command::Payment(Payment::capture(question)), None).await? {
                Answer::Payment(PaymentAnswer::Captured(answer)) => Ok(answer),
                _ => Err(unexpected()),
            }
        })
    }

    fn cancel_hold(&self, question: PaymentQuestion) -> BoxFuture<'_, Result<CancelledHold>> {
        Box::pin(async move {
            match self.funnel.ask(Command::Payment(Payment::cancel(question)), None).await? {
                Answer::Payment(PaymentAnswer::Cancelled(answer)) => Ok(answer),
                _ => Err(unexpected()),
            }
        })
    }
}

fn account_unknown() -> Error {
    Error::new(ErrorKind::NotFound, "point.account_unknown", "there is no point account of this member")
}

/// A refusal of the rules on the wire; `pointer` names the field with the amount.
fn refusal(rejection: Rejection, pointer: &'static str) -> Error {
    let (kind, message) = match rejection {
        Rejection::AccountUnknown => return account_unknown(),
        Rejection::InvalidAmount => {
            (ErrorKind::Invalid, "an amount is 1 to 1,000,000,000,000 points; only an adjustment has a sign")
        }
        Rejection::MemberNotNormal => (ErrorKind::Conflict, "only a member who is NORMAL can earn and use points"),
        Rejection::AccountClosing => {
            (ErrorKind::Conflict, "the member is leaving the programme; the account takes no changes")
        }
        Rejection::InsufficientPoints => (ErrorKind::Conflict, "the member does not have that many points available"),
        Rejection::BalanceTooLow => (ErrorKind::Conflict, "the member has too few points to give any away"),
        Rejection::BalanceTooLarge => {
            (ErrorKind::Conflict, "the balance would become larger than 9,007,199,254,740,991 points")
        }
        Rejection::OwedTooLarge => (ErrorKind::Conflict, "the member would owe more than 9,007,199,254,740,991 points"),
        Rejection::AttemptOver => (ErrorKind::Conflict, "this withdrawal attempt is over"),
        Rejection::InvalidTtl => (ErrorKind::Invalid, "points are held for 1 to 604,800 seconds"),
        Rejection::HoldOver => (ErrorKind::Conflict, "the hold was captured or released, or its time is over"),
        Rejection::CaptureTooLarge => (ErrorKind::Conflict, "the hold has fewer points than are to be captured"),
        Rejection::HoldOfPayment => (ErrorKind::Conflict, "the hold belongs to a payment, which ends it"),
    };
    let pointer = if rejection == Rejection::InvalidTtl { "/ttlS" } else { pointer };
    let error = Error::new(kind, format!("point.{}", rejection.reason()), message);
    if kind == ErrorKind::Invalid { Error { pointer: Some(pointer.into()), ..error } } else { error }
}

fn unexpected() -> Error {
    Error::internal("a command of point was answered with something else")
}
