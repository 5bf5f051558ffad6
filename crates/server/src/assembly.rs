//! Putting the contexts together in one process: who asks whom, who follows whose log, which threads run.

mod live;
mod open;
mod others;
mod paying;
mod purchases;
mod threads;
mod views;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

use app::coupon::{CouponApi, Coupons};
use app::dashboard::Dashboards;
use app::deal::Deals;
use app::donation::Donations;
use app::gifticon::GifticonApi;
use app::kit::Kit;
use app::member::Members;
use app::mypage::{ContactQuestions, Pages};
use app::notification::{MemberQuestions, Notifications};
use app::point::{PointApi, Points};
use app::product::ProductApi;
use app::settlement::Settlements;
use app::{coupon, dashboard, deal, donation, member, mypage, notification, point, settlement};
use axum::Router;
use parking_lot::Mutex;
use platform::bus::Bus;
use platform::clock::{Clock, SystemClock};
use platform::db::Database;
use platform::error::{Error, ErrorKind, Result};
use platform::fault::Delay;
use platform::work::Workers;
use platform::zone::{Zone, parse_instant};
use tokio::runtime::Handle;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use self::live::{Asking, open_dashboards};
pub use self::open::breaker_settings;
use self::open::{
    between, coupon_api, guard, member_api, member_questions, open_coupons, open_deals, open_donations, open_members,
    open_notifications, open_points, open_settlements, point_api,
};
use self::paying::Surroundings;
pub use self::purchases::Purchases;
use crate::config::Settings;
use crate::parked::{self, Parking};
use crate::stores::{self, CONTEXTS, Context, Opening, context_names, open_migrated, seal};

/// The contexts of this process and what moves between them.
pub struct App {
    /// The time in this process.
    pub clock: Arc<dyn Clock>,
    /// Context member.
    pub members: Arc<Members>,
    /// Context notification.
    pub notifications: Arc<Notifications>,
    /// Context point.
    pub points: Arc<Points>,
    /// Context coupon.
    pub coupons: Arc<Coupons>,
    /// Context mypage.
    pub pages: Arc<Pages>,
    /// Context donation.
    pub donations: Arc<Donations>,
    /// Context deal.
    pub deals: Arc<Deals>,
    /// Context settlement.
    pub settlements: Arc<Settlements>,
    /// Context dashboard.
    pub dashboards: Arc<Dashboards>,
    /// The contexts of purchases.
    pub purchases: Arc<Purchases>,
    asking: Arc<Asking>,
    /// Fault injection in front of point.
    pub point_delay: Arc<Delay>,
    holder: Arc<str>,
    bus: Bus,
    /// The contexts whose stores are open here; the others run in other processes.
    here: HashSet<&'static str>,
    /// Parked events of all contexts.
    pub parking: Arc<Parking>,
    runtime: Handle,
    workers: Workers,
    funnels: Mutex<Vec<std::thread::JoinHandle<()>>>,
}

/// What an assembly may be told beside the settings.
pub struct Options {
    /// Bring schemas up to date; otherwise a schema that is behind is an error.
    pub migrate: bool,
    /// The time, if it is not to be taken from the settings.
    pub clock: Option<Arc<dyn Clock>>,
    /// Remember idempotency keys; turned off only by the control run of a test.
    pub remembers_keys: bool,
    /// Refuse what a job writes under a lease that has passed on; turned off only by the control run of a test.
    pub checks_fences: bool,
    /// Wipe what is deleted where personal data lies; turned off only by the control run of a test.
    pub wipes: bool,
    /// Where the program listens, if it does.
    pub address: Option<SocketAddr>,
    /// Bring a sandbox for card payments along where no provider is set; turned off only by a test of their refusal.
    pub sandbox: bool,
    /// Stands between contexts.
    pub betweens: Betweens,
}

/// What stands between those who ask and those who are asked; only for tests that lose questions or answers on the way.
#[derive(Clone, Default)]
pub struct Betweens {
    /// Between deal and point.
    pub deal_and_point: Option<Between<dyn PointApi>>,
    /// Between member and point.
    pub member_and_point: Option<Between<dyn PointApi>>,
    /// Between member and coupon.
    pub member_and_coupon: Option<Between<dyn CouponApi>>,
    /// Between cart and gifticon.
    pub cart_and_gifticon: Option<Between<dyn GifticonApi>>,
    /// Between membership and product.
    pub membership_and_product: Option<Between<dyn ProductApi>>,
}

/// Wraps what is asked.
pub type Between<Api> = Arc<dyn Fn(Arc<Api>) -> Arc<Api> + Send + Sync>;

impl Default for Options {
    fn default() -> Self {
        Self {
            migrate: true,
            clock: None,
            remembers_keys: true,
            checks_fences: true,
            wipes: true,
            address: None,
            sandbox: true,
            betweens: Betweens::default(),
        }
    }
}

/// The clock that the settings ask for.
///
/// # Errors
/// `config.instant` if `clock.now` cannot be read.
pub fn clock(settings: &Settings) -> Result<Arc<dyn Clock>> {
    match settings.text("clock.now") {
        "" => Ok(Arc::new(SystemClock::new())),
        text => Ok(Arc::new(SystemClock::starting_at(parse_instant(text)?))),
    }
}

/// Links begin with this; `address` is where the program really listens, which tells when the settings leave the port
/// to the machine (`:0`).
#[must_use]
pub fn base_url(settings: &Settings, address: Option<SocketAddr>) -> String {
    match (settings.text("http.base_url"), address) {
        ("", Some(address)) if settings.text("listen").ends_with(":0") => format!("http://{address}"),
        ("", _) => format!("http://{}", settings.text("listen")),
        (text, _) => text.trim_end_matches('/').to_owned(),
    }
}

/// What surrounds every context of this process.
fn kit(settings: &Settings, options: &Options, clock: &Arc<dyn Clock>) -> Result<Kit> {
    Ok(Kit {
        base_url: base_url(settings, options.address).into(),
        clock: Arc::clone(clock),
        zone: Zone::named(settings.text("timezone"))?,
        holder: format!("{}-{:08x}", std::process::id(), getrandom::u32().unwrap_or_default()).into(),
        remembers_keys: options.remembers_keys,
        checks_fences: options.checks_fences,
    })
}

/// What slows questions down, as this setting says.
fn delay(settings: &Settings, key: &str) -> Result<Arc<Delay>> {
    let delay = Arc::new(Delay::default());
    delay.set(settings.millis_range(key)?);
    Ok(delay)
}

/// Whether the settings choose a context; they choose all by naming none.
fn runs(settings: &Settings, context: &str) -> Result<bool> {
    let chosen = settings.list_of("contexts", &context_names())?;
    Ok(chosen.is_empty() || chosen.contains(&context))
}

/// The store of each context. Where events come over a bus, those of contexts that do not run here are not opened.
fn open_stores(settings: &Settings, bus: &Bus, opening: Opening) -> Result<Vec<Arc<Database>>> {
    let open = |context: &Context| match bus {
        Bus::Local => open_migrated(settings, context, opening),
        _ if runs(settings, context.name)? => open_migrated(settings, context, opening),
        _ => Ok(Database::elsewhere(context.name, bus.clone())),
    };
    CONTEXTS.iter().map(open).collect()
}

/// The contexts whose stores are open in this process, and what is parked there.
fn here(stores: &[Arc<Database>], kit: &Kit) -> (HashSet<&'static str>, Arc<Parking>) {
    let local: Vec<_> = stores.iter().filter(|store| store.bus().is_none()).cloned().collect();
    let names = local.iter().map(|store| store.context()).collect();
    (names, Arc::new(Parking::new(local, kit.base_url.as_ref(), kit.zone.clone())))
}

impl App {
    /// Opens every context on its store. Contexts that are not to run are stopped: they answer 503 and take nothing
    /// in, and a later start with them carries on. Must not be called inside an async runtime.
    ///
    /// # Errors
    /// A wrong setting, or a store that cannot be opened.
    pub fn open(settings: &Settings, options: Options, runtime: &Handle) -> Result<Self> {
        let clock = match &options.clock {
            Some(clock) => Arc::clone(clock),
            None => self::clock(settings)?,
        };
        let kit = kit(settings, &options, &clock)?;
        let point_delay = delay(settings, "point.delay")?;
        let bus = stores::bus(settings)?;
        let stores = open_stores(settings, &bus, Opening { applies: options.migrate, wipes: options.wipes })?;
        let (here, parking) = here(&stores, &kit);
        let mut databases = stores.into_iter();
        let mut next = || databases.next().ok_or_else(|| Error::internal("a context without a store"));
        let points = open_points(settings, &kit, next()?)?;
        let coupons = open_coupons(settings, &kit, next()?)?;
        let (ask_point, betweens) = (point_api(settings, &points)?, options.betweens);
        let asked = (&ask_point, coupon_api(settings, &coupons)?);
        let members =
            open_members(settings, &kit, next()?, member_questions(settings, asked, &betweens, &point_delay, &clock)?)?;
        let api = member_api(settings, &members)?;
        let questions =
            MemberQuestions { api: Arc::clone(&api), guard: guard(settings, ("notification", "member"), &clock)? };
        let notifications = open_notifications(settings, &kit, next()?, questions)?;
        let contacts =
            ContactQuestions { api, guard: guard(settings, ("mypage", "member"), &clock)?, runtime: runtime.clone() };
        let pages = Pages::open(kit.clone(), next()?, seal(settings, "mypage")?, contacts)?;
        let donations = open_donations(settings, &kit, next()?, Arc::clone(&ask_point), &point_delay)?;
        let between_deal = between(betweens.deal_and_point.clone(), Arc::clone(&ask_point));
        let deals = open_deals(settings, &kit, next()?, between_deal, &point_delay)?;
        let settlements = open_settlements(settings, &kit, next()?, &deals, runtime)?;
        let dashboard_store = next()?;
        let around = Surroundings { runtime, point: ask_point, listens: options.address, plays: options.sandbox };
        let purchases = Purchases::open(settings, &kit, &mut next, &betweens, around)?;
        let asking = Asking::of(&members, &notifications, &pages, &donations, &deals, &settlements);
        let asking = Arc::new(asking.with(&purchases));
        let dashboards = open_dashboards(settings, &kit, dashboard_store, (&asking, &parking), runtime)?;
        let app = Self {
            clock,
            holder: kit.holder,
            bus,
            here,
            members,
            notifications,
            points,
            coupons,
            pages,
            donations,
            deals,
            settlements,
            dashboards,
            purchases,
            asking,
            point_delay,
            parking,
            runtime: runtime.clone(),
            workers: Workers::default(),
            funnels: Mutex::default(),
        };
        app.run_chosen(settings)?;
        Ok(app)
    }

    /// Stops what is not among the contexts that the settings choose.
    fn run_chosen(&self, settings: &Settings) -> Result<()> {
        for name in context_names() {
            if !runs(settings, name)? {
                self.set_running(name, false)?;
            }
        }
        Ok(())
    }

    /// Stops or starts a context of this process: a stopped one answers 503 and takes nothing in; its cursors stay.
    ///
    /// # Errors
    /// `Invalid` for an unknown name.
    pub fn set_running(&self, context: &str, running: bool) -> Result<()> {
        match context {
            "member" => self.members.funnel.set_open(running),
            "notification" => self.notifications.funnel.set_open(running),
            "point" => self.points.funnel.set_open(running),
            "coupon" => self.coupons.funnel.set_open(running),
            "mypage" => self.pages.funnel.set_open(running),
            "donation" => self.donations.funnel.set_open(running),
            "deal" => self.deals.funnel.set_open(running),
            "settlement" => self.settlements.funnel.set_open(running),
            "dashboard" => self.dashboards.funnel.set_open(running),
            _ if self.purchases.set_running(context, running) => {}
            _ => {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    "config.contexts",
                    format!("there is no context '{context}'"),
                ));
            }
        }
        // What gathered meanwhile is looked at now, not at the next commit.
        self.all_logs().iter().for_each(|log| log.ring(true));
        Ok(())
    }

    /// The routes for questions of other processes.
    pub fn internal_routes(&self) -> Router {
        member::http::internal_routes(Arc::clone(&self.members))
            .merge(point::http::internal_routes(Arc::clone(&self.points)))
            .merge(coupon::http::internal_routes(Arc::clone(&self.coupons)))
            .merge(deal::http::internal_routes(Arc::clone(&self.deals)))
            .merge(self.purchases.internal_routes())
            .merge(self.live_route())
    }

    /// The routes of all contexts, and what they say of themselves.
    pub fn routes(&self) -> (Router, OpenApi) {
        OpenApiRouter::new()
            .merge(member::http::routes(Arc::clone(&self.members)))
            .merge(notification::http::routes(Arc::clone(&self.notifications)))
            .merge(point::http::routes(Arc::clone(&self.points)))
            .merge(coupon::http::routes(Arc::clone(&self.coupons)))
            .merge(mypage::http::routes(Arc::clone(&self.pages)))
            .merge(donation::http::routes(Arc::clone(&self.donations)))
            .merge(deal::http::routes(Arc::clone(&self.deals)))
            .merge(settlement::http::routes(Arc::clone(&self.settlements)))
            .merge(dashboard::http::routes(Arc::clone(&self.dashboards)))
            .merge(self.purchases.routes())
            .merge(parked::routes(Arc::clone(&self.parking)))
            .split_for_parts()
    }
}
