//! My page: a read model of everything one member may see, built from the logs of member, point, donation and coupon.
//!
//! There are no rules here, only folding: each page remembers the last event of each log that it took in, so what is
//! delivered again or late changes nothing.

mod coupons;
mod donations;
pub mod http;
mod inspect;
mod reactions;
mod shown;
mod store;
mod views;

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

pub use inspect::inspect;
pub use store::{FILLS, MIGRATIONS, PageWriter};
pub use views::PageView;

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

    fn today(&self) -> Day {
        day_of(self.kit.zone.day(self.kit.clock.now_ms()))
    }

    /// A member's page.
    ///
    /// # Errors
    /// 404 when there is none, or the member is gone.
    pub async fn page(&self, member_id: i64) -> Result<PageView> {
        self.funnel.must_be_open()?;
        let row = self.database.get(&store::PAGE, member_id).await?;
        let unknown = || Error::new(ErrorKind::NotFound, "mypage.unknown", "there is no page of this member");
        row.map(|row| self.view(&row)).transpose()?.flatten().ok_or_else(unknown)
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
        let rows = self.database.query(&store::list_sql(), &[Value::Int(after), Value::Int(limit)]).await?;
        rows.iter().filter_map(|row| self.view(row).transpose()).collect()
    }

    /// A digest over every page.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn digest(&self) -> Result<String> {
        store::digest(&mut *self.database.read_session()?, &self.seal)
    }

    /// Throws the read model away, so that the consumers build it anew from the start of the logs,
    /// unless `check` objects in the same transaction.
    ///
    /// # Errors
    /// Whatever `check` said; `Unavailable` when the store cannot be reached.
    pub fn start_over(&self, check: impl FnOnce(&mut dyn Session) -> Result<()>) -> Result<()> {
        self.funnel.with_session(|tx| {
            check(tx)?;
            store::clear(tx)
        })
    }
}
