//! Dashboard: a read model of what the operator looks at, built from the logs of member, point, donation, deal,
//! settlement, coupon, cart, membership, payment and gifticon: every deal, figures as they stand, and the programme day
//! by day.
//!
//! There are no rules here, only folding. Rows remember the last event that they took in; sums of entries and of coupons
//! rely on the cursor (decision 0010). What the figures mean stands in `docs/dashboard.md`.

mod coupons;
mod days;
mod deals;
mod figures;
pub mod http;
mod inspect;
mod live;
mod purchase_figures;
mod purchase_inspect;
mod purchases;
mod reactions;
mod sagas;
mod series;
mod store;
mod summary;
mod sums;
mod views;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use platform::consumer::Consumer;
use platform::db::{Database, Session, Value};
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::Funnel;
use platform::log::{Event, Log};

pub use coupons::{Counted, CouponsMoved, counted_in};
pub use inspect::{Comparing, Told, told};
pub use live::{Live, LiveView, LookLive};
pub use purchase_figures::PurchasesView;
pub use purchase_inspect::{PurchaseLogs, inspect_purchases};
pub use purchases::Purchased;
pub use reactions::Moved;
pub use sagas::SagaView;
pub use series::{SeriesView, Span};
pub use store::MIGRATIONS;
pub use summary::SummaryView;
pub use views::{Chosen, DealDashboardView, Validity};
pub use writer::{Command, DashboardWriter};

use crate::kit::Kit;

/// What the figures depend on beside the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The fee of merchants with which none is agreed, in basis points (`settlement.fee_rate_bp`).
    pub fee_rate_bp: i64,
    /// A flow that has been under way for longer is stuck, in milliseconds.
    pub stuck_after_ms: i64,
}

/// Entries by kind: how many, and their points with sign.
pub type Summed = BTreeMap<&'static str, (i64, i64)>;

/// The dashboard context.
pub struct Dashboards {
    kit: Kit,
    database: Arc<Database>,
    /// Its write path, fed by consumers only.
    pub funnel: Arc<Funnel<DashboardWriter>>,
    policy: Policy,
    live: LookLive,
    /// For what is read at one moment; one at a time, for such reading goes through many rows.
    reading: Mutex<Option<Box<dyn Session>>>,
}

impl Dashboards {
    /// Opens the context on a migrated store. `live` says what this process knows of itself.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn open(kit: Kit, database: Arc<Database>, policy: Policy, live: LookLive) -> Result<Arc<Self>> {
        let log = Log::new(Arc::clone(&database), &[]);
        let funnel = Funnel::new(kit.surroundings(&database, &log), DashboardWriter::new(kit.zone.clone()))?;
        Ok(Arc::new(Self { kit, database, funnel, policy, live, reading: Mutex::default() }))
    }

    /// The consumer of member's log.
    #[must_use]
    pub fn follow_members(&self, log: Arc<Log>) -> Consumer<DashboardWriter> {
        self.follow(log, reactions::on_member_events)
    }

    /// The consumer of point's log.
    #[must_use]
    pub fn follow_point(&self, log: Arc<Log>) -> Consumer<DashboardWriter> {
        let zone = self.kit.zone.clone();
        self.follow(log, move |events| reactions::on_point_events(&zone, events))
    }

    /// The consumer of donation's log.
    #[must_use]
    pub fn follow_donations(&self, log: Arc<Log>) -> Consumer<DashboardWriter> {
        self.follow(log, reactions::on_donation_events)
    }

    /// The consumer of deal's log.
    #[must_use]
    pub fn follow_deals(&self, log: Arc<Log>) -> Consumer<DashboardWriter> {
        self.follow(log, reactions::on_deal_events)
    }

    /// The consumer of settlement's log.
    #[must_use]
    pub fn follow_settlement(&self, log: Arc<Log>) -> Consumer<DashboardWriter> {
        self.follow(log, reactions::on_settlement_events)
    }

    /// The consumer of coupon's log.
    #[must_use]
    pub fn follow_coupons(&self, log: Arc<Log>) -> Consumer<DashboardWriter> {
        let zone = self.kit.zone.clone();
        self.follow(log, move |events| reactions::on_coupon_events(&zone, events))
    }

    /// The consumer of cart's log.
    #[must_use]
    pub fn follow_carts(&self, log: Arc<Log>) -> Consumer<DashboardWriter> {
        self.follow(log, reactions::on_cart_events)
    }

    /// The consumer of membership's log.
    #[must_use]
    pub fn follow_memberships(&self, log: Arc<Log>) -> Consumer<DashboardWriter> {
        self.follow(log, reactions::on_membership_events)
    }

    /// The consumer of payment's log.
    #[must_use]
    pub fn follow_payments(&self, log: Arc<Log>) -> Consumer<DashboardWriter> {
        self.follow(log, reactions::on_payment_events)
    }

    /// The consumer of gifticon's log.
    #[must_use]
    pub fn follow_gifticons(&self, log: Arc<Log>) -> Consumer<DashboardWriter> {
        self.follow(log, reactions::on_gifticon_events)
    }

    fn follow(
        &self,
        log: Arc<Log>,
        react: impl Fn(&[Event]) -> Result<Vec<Command>> + Send + Sync + 'static,
    ) -> Consumer<DashboardWriter> {
        let (funnel, clock) = (Arc::clone(&self.funnel), Arc::clone(&self.kit.clock));
        Consumer::new(funnel, log, clock, &self.kit.holder, Box::new(react)).in_large_pieces()
    }

    /// A deal.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn deal(&self, deal_id: i64) -> Result<DealDashboardView> {
        self.funnel.must_be_open()?;
        let rows = self.database.query(&views::one_deal(), &[Value::Int(deal_id)]).await?;
        let unknown = || Error::new(ErrorKind::NotFound, "dashboard.deal_unknown", "there is no such deal");
        rows.into_iter().next().map(|row| DealDashboardView::read(row, &self.kit.zone)).ok_or_else(unknown)
    }

    /// Deals with a number above `after`.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn deals(&self, chosen: Chosen, after: i64, limit: i64) -> Result<Vec<DealDashboardView>> {
        self.funnel.must_be_open()?;
        let (sql, params) = views::list_deals(chosen, after, limit);
        let rows = self.database.query(&sql, &params).await?;
        Ok(rows.into_iter().map(|row| DealDashboardView::read(row, &self.kit.zone)).collect())
    }

    /// The figures as they stand.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn summary(self: &Arc<Self>) -> Result<SummaryView> {
        let live = LiveView::of((self.live)());
        self.at_one_moment(move |this, session| summary::look(session, &this.kit, this.policy, live)).await
    }

    /// Some days, one by one.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn series(self: &Arc<Self>, span: Span) -> Result<SeriesView> {
        self.at_one_moment(move |_, session| series::look(session, span)).await
    }

    /// Reads on a thread that may block, and sees one moment of the store.
    async fn at_one_moment<T: Send + 'static>(
        self: &Arc<Self>,
        look: impl FnOnce(&Self, &mut dyn Session) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.funnel.must_be_open()?;
        let this = Arc::clone(self);
        let looked = tokio::task::spawn_blocking(move || {
            let mut reading = this.reading.lock();
            let session = match &mut *reading {
                Some(session) => session,
                none => none.insert(this.database.read_session()?),
            };
            session.begin_read()?;
            let seen = look(&this, &mut **session);
            session.rollback();
            seen
        });
        looked.await.map_err(|error| Error::internal("reading the dashboard broke off").caused_by(error))?
    }

    /// A digest over every row.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn digest(&self) -> Result<String> {
        store::digest(&mut *self.database.read_session()?)
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
