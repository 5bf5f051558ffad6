//! What this process knows of itself: how far behind its consumers are, and what its breakers let through.

use std::sync::Arc;

use app::dashboard::{Dashboards, Live, LookLive, Policy};
use app::deal::Deals;
use app::donation::Donations;
use app::kit::Kit;
use app::member::Members;
use app::mypage::Pages;
use app::notification::Notifications;
use app::settlement::Settlements;
use platform::clock::Clock;
use platform::db::Database;
use platform::error::Result;
use platform::guard::Guard;

use super::{App, Purchases};
use crate::config::Settings;
use crate::parked::Parking;

/// The contexts that ask others.
pub(super) struct Asking {
    members: Arc<Members>,
    notifications: Arc<Notifications>,
    pages: Arc<Pages>,
    donations: Arc<Donations>,
    deals: Arc<Deals>,
    settlements: Arc<Settlements>,
    purchases: Option<Arc<Purchases>>,
}

impl Asking {
    pub(super) fn of(
        members: &Arc<Members>,
        notifications: &Arc<Notifications>,
        pages: &Arc<Pages>,
        donations: &Arc<Donations>,
        deals: &Arc<Deals>,
        settlements: &Arc<Settlements>,
    ) -> Self {
        Self {
            members: Arc::clone(members),
            notifications: Arc::clone(notifications),
            pages: Arc::clone(pages),
            donations: Arc::clone(donations),
            deals: Arc::clone(deals),
            settlements: Arc::clone(settlements),
            purchases: None,
        }
    }

    /// With the contexts of purchases.
    pub(super) fn with(mut self, purchases: &Arc<Purchases>) -> Self {
        self.purchases = Some(Arc::clone(purchases));
        self
    }

    fn guards(&self) -> Vec<&Guard> {
        let [point, coupon] = self.members.guards();
        let mut guards = vec![
            point,
            coupon,
            self.notifications.member_guard(),
            self.pages.member_guard(),
            self.donations.point_guard(),
            self.deals.point_guard(),
            self.settlements.deal_guard(),
        ];
        guards.extend(self.purchases.iter().flat_map(|purchases| purchases.guards()));
        guards
    }

    /// Caller, callee and state of every breaker. A breaker goes from open to half-open when someone looks.
    pub(super) fn breakers(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        let state = |guard: &Guard| {
            let (caller, callee) = guard.breaker().between();
            (caller, callee, guard.breaker().state().name())
        };
        self.guards().into_iter().map(state).collect()
    }
}

/// The dashboard, which looks at this process whenever it is asked.
pub(super) fn open_dashboards(
    settings: &Settings,
    kit: &Kit,
    database: Arc<Database>,
    (asking, parking): (&Arc<Asking>, &Arc<Parking>),
) -> Result<Arc<Dashboards>> {
    let policy = Policy {
        fee_rate_bp: settings.int_in("settlement.fee_rate_bp", 0..=10_000)?,
        stuck_after_ms: settings.int_in("dashboard.stuck_after_s", 1..=86_400)? * 1_000,
    };
    let live = look_live(Arc::clone(asking), Arc::clone(parking), Arc::clone(&kit.clock));
    Dashboards::open(kit.clone(), database, policy, live)
}

fn look_live(asking: Arc<Asking>, parking: Arc<Parking>, clock: Arc<dyn Clock>) -> LookLive {
    Box::new(move || Live { lags: parking.lags(clock.now_ms()), breakers: asking.breakers() })
}

impl App {
    /// Looks at every breaker, so that the figures of those that nobody asks are those of now.
    pub fn look_at_breakers(&self) {
        let _ = self.asking.breakers();
    }
}
