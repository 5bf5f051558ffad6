//! Members: who belongs to the programme, and the way out of it.
//!
//! Contact data lives here and nowhere else for good; others ask for it through [`MemberApi`].

mod client;
mod contacts;
mod digests;
pub mod http;
mod inspect;
mod join;
mod leave;
mod reach;
mod reactions;
mod store;
mod views;
mod withdraw;
mod writer;

use std::collections::HashMap;
use std::sync::Arc;

use domain::member::Rejection;
use futures_util::future::BoxFuture;
use platform::consumer::Consumer;
use platform::db::{Database, Row, Value};
use platform::error::{Error, ErrorKind, Result};
use platform::fault::Delay;
use platform::funnel::{Funnel, KeyStamp};
use platform::guard::Guard;
use platform::log::Log;
use platform::seal::Seal;

pub use client::RemoteMembers;
pub use contacts::{ContactChange, Contacts};
pub use inspect::inspect;
pub use store::{FILLS, MIGRATIONS};
pub use views::{MemberView, WithdrawalView};
pub use withdraw::{WithdrawalMode, Withdrawn};
use writer::{Answer, Command};
pub use writer::{MemberWriter, Policy};

use crate::coupon::CouponApi;
use crate::kit::Kit;
use crate::point::PointApi;

/// What other contexts may ask member.
pub trait MemberApi: Send + Sync {
    /// Contact data of these members; a member who is not there is absent.
    fn contacts(&self, member_ids: Vec<i64>) -> BoxFuture<'_, Result<HashMap<i64, Contacts>>>;
}

/// How member asks point: within its limits, and slowed down when a load test wants to see what happens.
pub struct PointQuestions {
    /// Point, in this process or another.
    pub api: Arc<dyn PointApi>,
    /// Time limit, breaker, concurrency, retries.
    pub guard: Guard,
    /// Fault injection; no delay by default.
    pub delay: Arc<Delay>,
}

/// How member asks coupon.
pub struct CouponQuestions {
    /// Coupon, in this process or another.
    pub api: Arc<dyn CouponApi>,
    /// Time limit, breaker, concurrency, retries.
    pub guard: Guard,
}

/// The member context.
pub struct Members {
    kit: Kit,
    database: Arc<Database>,
    /// Its write path.
    pub funnel: Arc<Funnel<MemberWriter>>,
    /// Its log.
    pub log: Arc<Log>,
    mode: WithdrawalMode,
    again_after_ms: i64,
    seal: Seal,
    point: PointQuestions,
    coupon: CouponQuestions,
}

impl Members {
    /// Opens the context on a migrated store.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn open(
        kit: Kit,
        database: Arc<Database>,
        policy: Policy,
        mode: WithdrawalMode,
        (point, coupon): (PointQuestions, CouponQuestions),
    ) -> Result<Arc<Self>> {
        let log = Log::new(Arc::clone(&database), &[]);
        let (again_after_ms, seal) = (policy.again_after_ms, policy.seal.clone());
        let funnel = Funnel::new(kit.surroundings(&database, &log), MemberWriter::new(policy))?;
        Ok(Arc::new(Self { kit, database, funnel, log, mode, again_after_ms, seal, point, coupon }))
    }

    /// The consumer of notification's log.
    #[must_use]
    pub fn follow_notification(&self, log: Arc<Log>) -> Consumer<MemberWriter> {
        self.follow(log, reactions::on_notification_events)
    }

    /// The consumer of point's log.
    #[must_use]
    pub fn follow_point(&self, log: Arc<Log>) -> Consumer<MemberWriter> {
        // Entries mean nothing to member, and there are many of them.
        self.follow(log, reactions::on_point_events).of_event_table()
    }

    /// The consumer of coupon's log.
    #[must_use]
    pub fn follow_coupon(&self, log: Arc<Log>) -> Consumer<MemberWriter> {
        self.follow(log, reactions::on_coupon_events)
    }

    fn follow(
        &self,
        log: Arc<Log>,
        react: fn(&[platform::log::Event]) -> Result<Vec<Command>>,
    ) -> Consumer<MemberWriter> {
        Consumer::new(Arc::clone(&self.funnel), log, Arc::clone(&self.kit.clock), &self.kit.holder, Box::new(react))
    }

    /// The breakers in front of point and coupon.
    #[must_use]
    pub fn guards(&self) -> [&Guard; 2] {
        [&self.point.guard, &self.coupon.guard]
    }

    /// A new member, READY at once whatever else is down. Without a number the next free one is given.
    ///
    /// # Errors
    /// `member.number_taken` if the number is in use or was before.
    pub async fn join(
        &self,
        member_id: Option<i64>,
        contacts: Contacts,
        stamp: Option<KeyStamp>,
    ) -> Result<MemberView> {
        match self.funnel.ask(Command::Join { member_id, contacts }, stamp).await? {
            Answer::Joined { member_id, joined_at_ms, contacts } => {
                Ok(MemberView::joined(member_id, joined_at_ms, contacts, &self.kit.zone))
            }
            _ => Err(unexpected()),
        }
    }

    /// Changes contact data; a new phone number makes the member READY again.
    ///
    /// # Errors
    /// 404 when there is no such member.
    pub async fn change_contacts(
        &self,
        member_id: i64,
        change: ContactChange,
        stamp: Option<KeyStamp>,
    ) -> Result<MemberView> {
        self.funnel.ask(Command::ChangeContacts { member_id, change }, stamp).await?;
        self.member(member_id).await
    }

    /// A member.
    ///
    /// # Errors
    /// 404 when there is none, or the member is gone.
    pub async fn member(&self, member_id: i64) -> Result<MemberView> {
        self.funnel.must_be_open()?;
        let row = self.database.get(&store::MEMBER, member_id).await?;
        let member = row.map(|row| self.view(&row)).transpose()?.flatten();
        member.ok_or_else(|| refusal(Rejection::MemberUnknown))
    }

    fn view(&self, row: &Row) -> Result<Option<MemberView>> {
        MemberView::read(row, (&self.seal, &self.kit.zone))
    }

    /// Members with a number above `after`.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn members(&self, after: i64, limit: i64) -> Result<Vec<MemberView>> {
        self.funnel.must_be_open()?;
        let rows = self.database.query(&store::list_members_sql(), &[Value::Int(after), Value::Int(limit)]).await?;
        rows.iter().filter_map(|row| self.view(row).transpose()).collect()
    }

    /// How a member's withdrawal stands.
    ///
    /// # Errors
    /// 404 when none was ever asked for.
    pub async fn withdrawal(&self, member_id: i64) -> Result<WithdrawalView> {
        self.funnel.must_be_open()?;
        let row = self.database.get(&store::WITHDRAWAL, member_id).await?;
        let unknown =
            || Error::new(ErrorKind::NotFound, "member.withdrawal_unknown", "there is no withdrawal of this member");
        row.map(|row| WithdrawalView::read(&row, &self.kit.zone)).ok_or_else(unknown)
    }

    /// Withdrawals of members with a number above `after`; only those that have not ended, if so asked.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn withdrawals(&self, unfinished: bool, after: i64, limit: i64) -> Result<Vec<WithdrawalView>> {
        self.funnel.must_be_open()?;
        let sql = if unfinished { store::unfinished_withdrawals_sql() } else { store::list_withdrawals_sql() };
        let rows = self.database.query(&sql, &[Value::Int(after), Value::Int(limit)]).await?;
        Ok(rows.iter().map(|row| WithdrawalView::read(row, &self.kit.zone)).collect())
    }

    /// Undoes withdrawals whose driver is gone: still preparing long after any question has timed out. Also forgets
    /// the phone numbers whose time is over. How many withdrawals were undone.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn sweep(&self) -> Result<usize> {
        if !self.funnel.is_open() {
            return Ok(0);
        }
        let now_ms = self.kit.clock.now_ms();
        let forget_before_ms = now_ms - self.again_after_ms;
        let stuck = self.funnel.with_session(|tx| {
            store::forget_phones(tx, forget_before_ms)?;
            store::stuck_withdrawals(tx, now_ms - withdraw::ABANDONED_MS)
        })?;
        let count = stuck.len();
        for (member_id, attempt) in stuck {
            let reason = "nobody finished it".to_owned();
            drop(self.funnel.submit(Command::ReleaseWithdrawal { member_id, attempt, reason }, None)?);
        }
        Ok(count)
    }
}

impl MemberApi for Members {
    fn contacts(&self, member_ids: Vec<i64>) -> BoxFuture<'_, Result<HashMap<i64, Contacts>>> {
        Box::pin(async move {
            self.funnel.must_be_open()?;
            let rows = self.database.get_many(&store::MEMBER, &member_ids).await?;
            let sealed = rows.iter().filter_map(|row| Some((row.int(0), row.blob(1)?)));
            sealed.map(|(member_id, sealed)| Ok((member_id, Contacts::open(&self.seal, member_id, sealed)?))).collect()
        })
    }
}

fn refusal(rejection: Rejection) -> Error {
    match rejection {
        Rejection::NumberTaken => Error::new(
            ErrorKind::Conflict,
            "member.number_taken",
            "this member number is taken or was used before; choose another, or leave memberId out",
        ),
        Rejection::MemberUnknown => Error::new(ErrorKind::NotFound, "member.unknown", "there is no such member"),
        Rejection::AttemptOver => {
            Error::new(ErrorKind::Conflict, "member.withdrawal_over", "this withdrawal attempt is over")
        }
    }
}

fn unexpected() -> Error {
    Error::internal("a command of member was answered with something else")
}
