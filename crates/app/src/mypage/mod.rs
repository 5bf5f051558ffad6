//! My page: a read model of everything one member may see, built from the logs of member, point, donation, coupon, cart,
//! membership and payment.
//!
//! There are no rules here, only folding: each page and each purchase remembers the last event of each log that it took
//! in, so what is delivered again or late changes nothing. Purchases have rows of their own, for a customer need not be
//! a member.

mod bought;
mod coupons;
mod donations;
pub mod http;
mod inspect;
mod purchases;
mod reactions;
mod schema;
mod shown;
mod store;
mod told;
mod views;

use std::collections::HashMap;
use std::sync::Arc;

use domain::kernel::Day;
use platform::consumer::Consumer;
use platform::db::{Database, Row, Session, Value};
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::Funnel;
use platform::guard::Guard;
use platform::log::Log;
use platform::seal::Seal;
use tokio::runtime::Handle;

pub use bought::{PageCart, PageMembership};
pub use inspect::{PurchaseLogs, inspect, inspect_purchases};
pub use schema::{FILLS, MIGRATIONS};
pub use store::PageWriter;
pub use views::PageView;

use self::bought::Shown;
use crate::kit::{Kit, day_of};
use crate::member::MemberApi;

/// How my page asks member for contact data.
pub struct ContactQuestions {
    /// Member, in this process or another.
    pub api: Arc<dyn MemberApi>,
    /// Time limit, breaker, concurrency, retries.
    pub guard: Guard,
    /// Where the questions run, since consumers have threads of their own.
    pub runtime: Handle,
}

/// The mypage context.
pub struct Pages {
    kit: Kit,
    database: Arc<Database>,
    /// Its write path, fed by consumers only.
    pub funnel: Arc<Funnel<PageWriter>>,
    contacts: Arc<ContactQuestions>,
    seal: Seal,
}

impl Pages {
    /// Opens the context on a migrated store.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn open(kit: Kit, database: Arc<Database>, seal: Seal, contacts: ContactQuestions) -> Result<Arc<Self>> {
        let log = Log::new(Arc::clone(&database), &[]);
        let funnel = Funnel::new(kit.surroundings(&database, &log), PageWriter(seal.clone()))?;
        Ok(Arc::new(Self { kit, database, funnel, contacts: Arc::new(contacts), seal }))
    }

    /// The guard in front of member.
    #[must_use]
    pub fn member_guard(&self) -> &Guard {
        &self.contacts.guard
    }

    /// The consumer of member's log.
    #[must_use]
    pub fn follow_members(&self, log: Arc<Log>) -> Consumer<PageWriter> {
        let contacts = Arc::clone(&self.contacts);
        let react = Box::new(move |events: &[platform::log::Event]| reactions::on_member_events(&contacts, events));
        Consumer::new(Arc::clone(&self.funnel), log, Arc::clone(&self.kit.clock), &self.kit.holder, react)
    }

    /// The consumer of point's log.
    #[must_use]
    pub fn follow_point(&self, log: Arc<Log>) -> Consumer<PageWriter> {
        let react = Box::new(reactions::on_point_events);
        Consumer::new(Arc::clone(&self.funnel), log, Arc::clone(&self.kit.clock), &self.kit.holder, react)
            .in_large_pieces()
    }

    /// The consumer of donation's log.
    #[must_use]
    pub fn follow_donations(&self, log: Arc<Log>) -> Consumer<PageWriter> {
        let react = Box::new(reactions::on_donation_events);
        Consumer::new(Arc::clone(&self.funnel), log, Arc::clone(&self.kit.clock), &self.kit.holder, react)
    }

    /// The consumer of coupon's log.
    #[must_use]
    pub fn follow_coupons(&self, log: Arc<Log>) -> Consumer<PageWriter> {
        let react = Box::new(reactions::on_coupon_events);
        Consumer::new(Arc::clone(&self.funnel), log, Arc::clone(&self.kit.clock), &self.kit.holder, react)
    }

    /// The consumer of cart's log.
    #[must_use]
    pub fn follow_carts(&self, log: Arc<Log>) -> Consumer<PageWriter> {
        self.follow_purchases(log, told::Told::of_cart)
    }

    /// The consumer of membership's log.
    #[must_use]
    pub fn follow_memberships(&self, log: Arc<Log>) -> Consumer<PageWriter> {
        self.follow_purchases(log, told::Told::of_membership)
    }

    /// The consumer of payment's log.
    #[must_use]
    pub fn follow_payments(&self, log: Arc<Log>) -> Consumer<PageWriter> {
        self.follow_purchases(log, told::Told::of_payment)
    }

    fn follow_purchases(
        &self,
        log: Arc<Log>,
        read: fn(&platform::log::Event) -> Result<Option<told::Told>>,
    ) -> Consumer<PageWriter> {
        let react = Box::new(move |events: &[platform::log::Event]| reactions::on_purchase_events(events, read));
        Consumer::new(Arc::clone(&self.funnel), log, Arc::clone(&self.kit.clock), &self.kit.holder, react)
            .in_large_pieces()
    }

    fn today(&self) -> Day {
        day_of(self.kit.zone.day(self.kit.clock.now_ms()))
    }

    /// A member's page.
    ///
    /// # Errors
    /// 404 when there is none, or the member is gone.
    pub async fn page(&self, member_id: i64) -> Result<PageView> {
        self.funnel.must_be_open()?;
        let row = self.database.get(&schema::PAGE, member_id).await?;
        let unknown = || Error::new(ErrorKind::NotFound, "mypage.unknown", "there is no page of this member");
        let bought = row.as_ref().is_some_and(schema::has_bought);
        let mut page = [row.map(|row| self.view(&row)).transpose()?.flatten().ok_or_else(unknown)?];
        if bought {
            self.add_purchases(&mut page).await?;
        }
        let [page] = page;
        Ok(page)
    }

    fn view(&self, row: &Row) -> Result<Option<PageView>> {
        PageView::read(row, (&self.seal, &self.kit.zone), self.today())
    }

    /// Pages of members with a number above `after`.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn pages(&self, after: i64, limit: i64) -> Result<Vec<PageView>> {
        self.funnel.must_be_open()?;
        let rows = self.database.query(&schema::list_sql(), &[Value::Int(after), Value::Int(limit)]).await?;
        let mut pages = rows.iter().filter_map(|row| self.view(row).transpose()).collect::<Result<Vec<_>>>()?;
        self.add_purchases(&mut pages).await?;
        Ok(pages)
    }

    /// Adds the members' newest purchases to their pages.
    async fn add_purchases(&self, pages: &mut [PageView]) -> Result<()> {
        let members: Vec<i64> = pages.iter().map(|page| page.member_id).collect();
        let mut carts = self.newest_of::<PageCart>(&members).await?;
        let mut memberships = self.newest_of::<PageMembership>(&members).await?;
        for page in pages {
            page.carts = carts.remove(&page.member_id).unwrap_or_default();
            page.memberships = memberships.remove(&page.member_id).unwrap_or_default();
        }
        Ok(())
    }

    /// The newest purchases of these customers, by customer.
    async fn newest_of<S: Shown>(&self, customers: &[i64]) -> Result<HashMap<i64, Vec<S>>> {
        let mut found: HashMap<i64, Vec<S>> = HashMap::new();
        if customers.is_empty() {
            return Ok(found);
        }
        let (sql, params) = bought::newest_of::<S::Goods>(customers);
        let now_ms = self.kit.clock.now_ms();
        for row in self.database.query(&sql, &params).await? {
            let purchase = S::read(row, &self.kit.zone, now_ms);
            if let Some(customer_id) = purchase.customer_id() {
                found.entry(customer_id).or_default().push(purchase);
            }
        }
        Ok(found)
    }

    /// Memberships with a number above `after` of customers who have no page, members who left among them.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn memberships_alone(&self, after: i64, limit: i64) -> Result<Vec<PageMembership>> {
        self.alone(after, limit).await
    }

    /// Carts with a number above `after` of customers who have no page, members who left among them.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn carts_alone(&self, after: i64, limit: i64) -> Result<Vec<PageCart>> {
        self.alone(after, limit).await
    }

    async fn alone<S: Shown>(&self, after: i64, limit: i64) -> Result<Vec<S>> {
        self.funnel.must_be_open()?;
        let rows = self.database.query(&bought::alone_sql::<S::Goods>(), &[after.into(), limit.into()]).await?;
        let now_ms = self.kit.clock.now_ms();
        Ok(rows.into_iter().map(|row| S::read(row, &self.kit.zone, now_ms)).collect())
    }

    /// A digest over every page and every purchase.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn digest(&self) -> Result<String> {
        schema::digest(&mut *self.database.read_session()?, &self.seal)
    }

    /// Throws the read model away, so that the consumers build it anew from the start of the logs,
    /// unless `check` objects in the same transaction.
    ///
    /// # Errors
    /// Whatever `check` said; `Unavailable` when the store cannot be reached.
    pub fn start_over(&self, check: impl FnOnce(&mut dyn Session) -> Result<()>) -> Result<()> {
        self.funnel.with_session(|tx| {
            check(tx)?;
            schema::clear(tx)
        })
    }
}
