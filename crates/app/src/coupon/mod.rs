//! Coupons: join coupons, campaigns, redemptions, and coupon's part in a withdrawal.
//!
//! A member's coupons hang on a wallet, which opens when the member joins and closes when the member leaves. Use cases
//! are the methods of [`Coupons`]; each is one command through the funnel or one read.

mod campaign;
mod client;
mod codes;
mod held;
pub mod http;
mod inspect;
mod list;
mod loaded;
mod reactions;
mod store;
mod views;
mod writer;

use std::sync::Arc;

use domain::coupon::Rejection;
use domain::coupon::code::read_code;
use domain::kernel::Day;
use domain::point::Reference;
use platform::consumer::Consumer;
use platform::db::Database;
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::{Funnel, KeyStamp};
use platform::log::Log;

pub use campaign::{BULK_JOB, BulkIssueView, BulkJob, CampaignView, EXPIRY_JOB, ExpiryWalk, NewCampaign};
pub use client::RemoteCoupons;
pub use held::{HeldCoupons, HeldWallet, held};
pub use inspect::inspect;
pub use list::Chosen;
pub use store::MIGRATIONS;
use store::Stored;
pub use views::CouponView;
use writer::{Answer, Command};
pub use writer::{CouponWriter, Policy};

use crate::kit::{Asked, Kit, day_of};

/// What other contexts may ask coupon.
pub trait CouponApi: Send + Sync {
    /// Makes a member's wallet refuse changes, reversibly. The answer: coupons that would be cancelled.
    fn prepare_withdrawal(&self, member_id: i64, attempt: i64) -> Asked<'_, i64, Rejection>;
}

/// The coupon context.
pub struct Coupons {
    kit: Kit,
    database: Arc<Database>,
    /// Its write path.
    pub funnel: Arc<Funnel<CouponWriter>>,
    /// Its log.
    pub log: Arc<Log>,
}

/// Somebody brings a code.
#[derive(Debug, Clone)]
pub struct Brought {
    /// As it was typed.
    pub code: String,
    /// Whose it is said to be.
    pub member_id: Option<i64>,
    /// What it is used for, in the words of whoever takes it.
    pub reference: Option<Reference>,
}

/// A page of coupons.
pub struct CouponPage {
    /// In the order of the list.
    pub coupons: Vec<CouponView>,
    /// The coupon after which the next page begins; nothing on the last one.
    pub next: Option<i64>,
}

impl Coupons {
    /// Opens the context on a migrated store.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn open(kit: Kit, database: Arc<Database>, policy: Policy) -> Result<Arc<Self>> {
        let log = Log::new(Arc::clone(&database), &[]);
        let funnel = Funnel::new(kit.surroundings(&database, &log), CouponWriter::new(policy, kit.zone.clone()))?;
        Ok(Arc::new(Self { kit, database, funnel, log }))
    }

    /// The consumer of member's log.
    #[must_use]
    pub fn follow_members(&self, members: Arc<Log>) -> Consumer<CouponWriter> {
        let react = Box::new(reactions::on_member_events);
        Consumer::new(Arc::clone(&self.funnel), members, Arc::clone(&self.kit.clock), &self.kit.holder, react)
    }

    /// A coupon.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn coupon(&self, coupon_id: i64) -> Result<CouponView> {
        self.stored(coupon_id).await.map(|stored| self.view(&stored))
    }

    async fn stored(&self, coupon_id: i64) -> Result<Stored> {
        self.funnel.must_be_open()?;
        let row = self.database.get(&store::COUPON, coupon_id).await?;
        row.map(|row| Stored::read(&row)).ok_or_else(coupon_unknown)
    }

    /// The coupon with a code as it was typed, if there is one and it is among the chosen.
    ///
    /// # Errors
    /// `coupon.code_malformed` for what cannot be a code.
    pub async fn page_of_code(&self, chosen: Chosen, typed: &str) -> Result<CouponPage> {
        let found = self.by_code(typed, "/query/code").await?;
        let found = found.filter(|stored| chosen.takes(&stored.coupon, self.today()));
        Ok(CouponPage { coupons: found.iter().map(|stored| self.view(stored)).collect(), next: None })
    }

    async fn by_code(&self, typed: &str, pointer: &'static str) -> Result<Option<Stored>> {
        let code = read_code(typed).ok_or_else(|| code_malformed(pointer))?;
        self.funnel.must_be_open()?;
        list::by_code(&self.database, code).await
    }

    /// At most `limit` coupons with a number above `after`; of a member, those before the coupon `after`, the newest
    /// first. A page that is chosen by status may hold fewer, even none, and have a next one.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn coupons(&self, chosen: Chosen, after: i64, limit: i64) -> Result<CouponPage> {
        self.funnel.must_be_open()?;
        let found = list::coupons(&self.database, chosen, self.today(), after, limit).await?;
        Ok(CouponPage { coupons: found.coupons.iter().map(|stored| self.view(stored)).collect(), next: found.next })
    }

    /// Redeems a coupon, once.
    ///
    /// # Errors
    /// `coupon.code_malformed` for what cannot be a code, 404 `coupon.code_unknown`, 409 with the reason when it cannot
    /// be redeemed.
    pub async fn redeem(&self, brought: Brought, stamp: Option<KeyStamp>) -> Result<CouponView> {
        let Brought { code, member_id, reference } = brought;
        // Which coupon has a code never changes, so it is looked up before the turn of this command.
        let coupon_id = self.by_code(&code, "/code").await?.map(|stored| stored.coupon.coupon_id);
        let command = Command::Redeem { coupon_id, member_id, reference: reference.clone() };
        match self.funnel.ask(command, stamp).await? {
            Answer::Coupon(stored) => Ok(self.decided(&stored)),
            Answer::KnownRedemption { coupon_id, member_id, at_ms } => {
                Ok(self.decided(&self.stored(coupon_id).await?.redeemed_at(member_id, at_ms, reference)))
            }
            _ => Err(unexpected()),
        }
    }

    /// Undoes a redemption.
    ///
    /// # Errors
    /// 404 when there is no such coupon, 409 when it is not redeemed or its member is leaving or gone.
    pub async fn roll_back(&self, coupon_id: i64, stamp: Option<KeyStamp>) -> Result<()> {
        self.funnel.ask(Command::RollBack { coupon_id }, stamp).await.map(|_| ())
    }

    /// Takes a coupon back; one that was taken back before stays as it is.
    ///
    /// # Errors
    /// 404 when there is no such coupon, 409 when it is redeemed or expired.
    pub async fn cancel(&self, coupon_id: i64, stamp: Option<KeyStamp>) -> Result<()> {
        self.funnel.ask(Command::Cancel { coupon_id }, stamp).await.map(|_| ())
    }

    fn view(&self, stored: &Stored) -> CouponView {
        CouponView::of(stored, self.today(), &self.kit.zone)
    }

    fn decided(&self, stored: &Stored) -> CouponView {
        CouponView::decided(stored, &self.kit.zone)
    }

    fn today(&self) -> Day {
        day_of(self.kit.zone.day(self.kit.clock.now_ms()))
    }
}

impl CouponApi for Coupons {
    fn prepare_withdrawal(&self, member_id: i64, attempt: i64) -> Asked<'_, i64, Rejection> {
        Box::pin(async move {
            match self.funnel.ask(Command::PrepareWithdrawal { member_id, attempt }, None).await? {
                Answer::Prepared(prepared) => Ok(prepared),
                _ => Err(unexpected()),
            }
        })
    }
}

fn coupon_unknown() -> Error {
    Error::new(ErrorKind::NotFound, "coupon.unknown", "there is no such coupon")
}

fn code_unknown() -> Error {
    Error::new(ErrorKind::NotFound, "coupon.code_unknown", "no coupon has this code")
}

/// A code whose check character does not fit, or that is none for another reason.
fn code_malformed(pointer: &'static str) -> Error {
    let message = "this cannot be a code: a character is wrong, missing or in the wrong place; type it again";
    Error { pointer: Some(pointer.into()), ..Error::new(ErrorKind::Invalid, "coupon.code_malformed", message) }
}

/// A refusal of the rules on the wire.
fn refusal(rejection: Rejection) -> Error {
    let (kind, message) = match rejection {
        Rejection::WalletUnknown => (ErrorKind::NotFound, "there is no such member, or the member is gone"),
        Rejection::AttemptOver => (ErrorKind::Conflict, "this withdrawal attempt is over"),
        Rejection::MemberLeaving => (ErrorKind::Conflict, "the member is leaving the programme"),
        Rejection::Redeemed => (ErrorKind::Conflict, "the coupon was redeemed already"),
        Rejection::Cancelled => (ErrorKind::Conflict, "the coupon was cancelled"),
        Rejection::Expired => (ErrorKind::Conflict, "the coupon's end date is over"),
        Rejection::NotYetGood => (ErrorKind::Conflict, "the coupon is not good before its start date"),
        Rejection::NotRedeemed => (ErrorKind::Conflict, "the coupon is not redeemed"),
        Rejection::OfAnotherMember => (ErrorKind::Conflict, "the coupon belongs to another member"),
        Rejection::MemberNeeded => {
            let message = "this code belongs to nobody yet: say in memberId who redeems it";
            let error = Error::invalid("/memberId", message);
            return Error { code: format!("coupon.{}", rejection.reason()).into(), ..error };
        }
    };
    Error::new(kind, format!("coupon.{}", rejection.reason()), message)
}

fn unexpected() -> Error {
    Error::internal("a command of coupon was answered with something else")
}
