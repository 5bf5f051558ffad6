//! Paid memberships: purchases of products, and how long they are good. Membership alone decides how a purchase ends;
//! payment and product follow its log.

mod client;
mod drive;
mod expiry_walk;
pub mod http;
mod inspect;
mod loaded;
mod reactions;
mod store;
mod views;
mod writer;

use std::sync::Arc;

use domain::membership::{Membership, Rejection};
use domain::product::UnitRefusal;
use futures_util::future::BoxFuture;
use platform::consumer::Consumer;
use platform::db::{Database, Value};
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::{Funnel, KeyStamp};
use platform::guard::Guard;
use platform::log::Log;

pub use client::RemoteMemberships;
pub use drive::ProductQuestions;
pub use inspect::inspect;
pub use store::MIGRATIONS;
pub use views::MembershipView;
use writer::{Answer, Command};
pub use writer::{MembershipWriter, Policy, Purchase};

use crate::kit::{Kit, Storing};

/// Whether a unit became a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The unit.
    pub unit_id: i64,
    /// The membership that it became; none: it never will.
    pub mem_id: Option<i64>,
}

/// What other contexts may ask membership.
pub trait MembershipApi: Send + Sync {
    /// What became of these units. One without a membership is refused for ever by this question.
    fn claims(&self, unit_ids: Vec<i64>) -> BoxFuture<'_, Result<Vec<Claim>>>;
}

/// The membership context.
pub struct Memberships {
    kit: Kit,
    database: Arc<Database>,
    /// Its write path.
    pub funnel: Arc<Funnel<MembershipWriter>>,
    /// Its log.
    pub log: Arc<Log>,
    product: ProductQuestions,
    /// Whether memberships can be stored.
    storing: Storing,
}

impl Memberships {
    /// Opens the context on a migrated store.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn open(kit: Kit, database: Arc<Database>, policy: Policy, product: ProductQuestions) -> Result<Arc<Self>> {
        let log = Log::new(Arc::clone(&database), &[]);
        let funnel = Funnel::new(kit.surroundings(&database, &log), MembershipWriter::new(policy, kit.zone.clone()))?;
        let storing = Storing::of("membership", Arc::clone(&kit.clock));
        Ok(Arc::new(Self { kit, database, funnel, log, product, storing }))
    }

    /// The guard in front of product.
    #[must_use]
    pub fn product_guard(&self) -> &Guard {
        &self.product.guard
    }

    /// The consumer of payment's log.
    #[must_use]
    pub fn follow_payment(&self, log: Arc<Log>) -> Consumer<MembershipWriter> {
        let react = Box::new(reactions::on_payment_events);
        Consumer::new(Arc::clone(&self.funnel), log, Arc::clone(&self.kit.clock), &self.kit.holder, react)
    }

    async fn stored(&self, mem_id: i64) -> Result<Option<Membership>> {
        Ok(self.database.get(&store::MEMBERSHIP, mem_id).await?.map(|row| store::read_membership(&row)))
    }

    /// A membership; where `own` is given, only if it is this customer's.
    ///
    /// # Errors
    /// 404 when there is none, or it is another's, so that nobody can count them.
    pub async fn membership(&self, mem_id: i64, own: Option<i64>) -> Result<MembershipView> {
        self.funnel.must_be_open()?;
        let found = self.stored(mem_id).await?.filter(|found| own.is_none() || found.facts.customer_id == own);
        found.map(|found| self.shown(found)).ok_or_else(membership_unknown)
    }

    /// Memberships with a number above `after`, at most `limit`; where a customer is given, only theirs.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn memberships(&self, customer_id: Option<i64>, after: i64, limit: i64) -> Result<Vec<MembershipView>> {
        self.funnel.must_be_open()?;
        let (sql, params) = match customer_id {
            Some(customer_id) => (store::list_of_customer_sql(), vec![after, customer_id, limit]),
            None => (store::list_sql(), vec![after, limit]),
        };
        let params: Vec<Value> = params.into_iter().map(Value::Int).collect();
        let rows = self.database.query(&sql, &params).await?;
        Ok(rows.iter().map(|row| self.shown(store::read_membership(row))).collect())
    }

    /// Cancels a membership; one that is cancelled already stays as it is. Where `own` is given, only if it is this
    /// customer's. Before it is paid and within the days of `membership.refund_days` money and unit go back.
    ///
    /// # Errors
    /// 404 when there is none, or it is another's; `membership.refused` and `membership.expired`: there is nothing to
    /// cancel any more.
    pub async fn cancel(&self, mem_id: i64, own: Option<i64>, stamp: Option<KeyStamp>) -> Result<MembershipView> {
        if own.is_some() {
            // Whose it is never changes.
            self.membership(mem_id, own).await?;
        }
        match self.funnel.ask(Command::Cancel { mem_id }, stamp).await? {
            Answer::Membership(membership) => Ok(self.shown(*membership)),
            // It stays cancelled, and as it was then.
            Answer::Known(mem_id) => self.membership(mem_id, None).await,
            _ => Err(unexpected()),
        }
    }

    fn shown(&self, membership: Membership) -> MembershipView {
        MembershipView::of(membership, self.kit.clock.now_ms(), &self.kit.zone)
    }

    async fn claims_of(&self, unit_ids: Vec<i64>) -> Result<Vec<Claim>> {
        let commands = unit_ids.into_iter().map(|unit_id| (Command::Claim { unit_id }, None)).collect();
        let claimed = |answer: Result<Answer>| match answer? {
            Answer::Claim(claim) => Ok(claim),
            _ => Err(unexpected()),
        };
        self.funnel.ask_all(commands).await?.into_iter().map(claimed).collect()
    }
}

impl MembershipApi for Memberships {
    fn claims(&self, unit_ids: Vec<i64>) -> BoxFuture<'_, Result<Vec<Claim>>> {
        Box::pin(self.claims_of(unit_ids))
    }
}

fn membership_unknown() -> Error {
    Error::new(ErrorKind::NotFound, "membership.unknown", "there is no such membership")
}

/// What product said no to, in the words in which it is answered.
fn unit_refused(refusal: UnitRefusal) -> Error {
    let code = format!("product.{}", refusal.reason());
    match refusal {
        UnitRefusal::Unknown => {
            let message = "there is no such product; GET /products lists them";
            Error { pointer: Some("/productId".into()), ..Error::new(ErrorKind::NotFound, code, message) }
        }
        UnitRefusal::SaleEnded => Error::new(ErrorKind::Conflict, code, "the sale of this product is over"),
        UnitRefusal::SoldOut => Error::new(ErrorKind::Conflict, code, "this product is sold out at present"),
    }
}

/// A refusal after which nothing has changed.
fn refusal(rejection: Rejection) -> Error {
    let code = format!("membership.{}", rejection.reason());
    let conflict = |message: &'static str| Error::new(ErrorKind::Conflict, code.clone(), message);
    let pointed = |kind: ErrorKind, message: &'static str| Error {
        pointer: Some("/renews".into()),
        ..Error::new(kind, code.clone(), message)
    };
    match rejection {
        Rejection::UnitGone => Error::unavailable(code, "the unit was given up; another one is to be kept"),
        Rejection::RenewedUnknown | Rejection::RenewedOfAnother => {
            let code = format!("membership.{}", Rejection::RenewedUnknown.reason());
            let message = "this customer has no such membership to renew";
            Error { pointer: Some("/renews".into()), ..Error::new(ErrorKind::NotFound, code, message) }
        }
        Rejection::RenewedNotInUse => pointed(ErrorKind::Conflict, "only a membership that is good can be renewed"),
        Rejection::RenewedAlready => pointed(ErrorKind::Conflict, "this membership has been renewed already"),
        Rejection::RenewedTooFar => pointed(ErrorKind::Conflict, "this membership ends too far away to be renewed"),
        Rejection::Refused => conflict("this membership was not paid; there is nothing to cancel"),
        Rejection::Expired => conflict("this membership is over; there is nothing to cancel"),
    }
}

fn unexpected() -> Error {
    Error::internal("a command of membership was answered with something else")
}
