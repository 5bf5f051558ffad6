//! What the processes know of themselves: how far behind their consumers are, and what their breakers let through. This one
//! looks at itself whenever it is asked; of the others it keeps what they said last, so that nobody waits for them.

use std::sync::Arc;

use app::dashboard::{Dashboards, Live, LookLive, Policy};
use app::deal::Deals;
use app::donation::Donations;
use app::kit::{Kit, must_be_service};
use app::member::Members;
use app::mypage::Pages;
use app::notification::Notifications;
use app::settlement::Settlements;
use axum::Router;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use axum::routing::post;
use platform::clock::Clock;
use platform::db::Database;
use platform::error::Result;
use platform::guard::Guard;
use platform::http::hal::json;
use platform::http::input::Write;
use tokio::runtime::Handle;

use super::others::{LIVE, Nothing, Others, Said};
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
    pub(super) fn breakers(&self) -> Vec<(String, String, String)> {
        let state = |guard: &Guard| {
            let (caller, callee) = guard.breaker().between();
            (caller.to_owned(), callee.to_owned(), guard.breaker().state().name().to_owned())
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
    runtime: &Handle,
) -> Result<Arc<Dashboards>> {
    let policy = Policy {
        fee_rate_bp: settings.int_in("settlement.fee_rate_bp", 0..=10_000)?,
        stuck_after_ms: settings.int_in("dashboard.stuck_after_s", 1..=86_400)? * 1_000,
    };
    let others = Others::of(settings, runtime)?;
    let live = look_live(Arc::clone(asking), Arc::clone(parking), Arc::clone(&kit.clock), others);
    Dashboards::open(kit.clone(), database, policy, live)
}

/// How this process is looked at, with what the others said of themselves.
fn look_live(asking: Arc<Asking>, parking: Arc<Parking>, clock: Arc<dyn Clock>, others: Arc<Others>) -> LookLive {
    Box::new(move || others.with(here(&asking, &parking, &*clock)))
}

/// What this process knows of itself.
pub(super) fn here(asking: &Asking, parking: &Parking, clock: &dyn Clock) -> Live {
    Live { lags: parking.lags(clock.now_ms()), breakers: asking.breakers() }
}

impl App {
    /// Looks at every breaker, so that the figures of those that nobody asks are those of now.
    pub fn look_at_breakers(&self) {
        let _ = self.asking.breakers();
    }

    /// The route on the internal listener by which another process asks what this one knows of itself.
    pub(super) fn live_route(&self) -> Router {
        let (asking, parking) = (Arc::clone(&self.asking), Arc::clone(&self.parking));
        let clock = Arc::clone(&self.clock);
        let look = async move |write: Write<Nothing>| -> Result<Response<Body>> {
            must_be_service(&write.caller)?;
            json(StatusCode::OK, "application/json", &Said::of(here(&asking, &parking, &*clock)))
        };
        Router::new().route(LIVE, post(look))
    }
}
