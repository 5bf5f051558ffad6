//! Putting the contexts together in one process: who asks whom, who follows whose log, which threads run.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use app::donation::Donations;
use app::kit::Kit;
use app::member::{MemberApi, Members, PointQuestions, RemoteMembers, WithdrawalMode};
use app::mypage::{ContactQuestions, Pages};
use app::notification::{MemberQuestions, Notifications};
use app::point::{PointApi, Points, RemotePoints};
use app::{donation, member, mypage, notification, point};
use axum::Router;
use parking_lot::Mutex;
use platform::clock::{Clock, SystemClock};
use platform::consumer::Consumer;
use platform::db::Database;
use platform::error::{Error, ErrorKind, Result};
use platform::fault::Delay;
use platform::funnel::{Funnel, Writer};
use platform::guard::{Guard, GuardSettings};
use platform::http::peer::Peer;
use platform::lease;
use platform::log::{Log, Scope};
use platform::work::{Wake, Workers};
use platform::zone::{Zone, parse_instant};
use tokio::runtime::Handle;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::config::Settings;
use crate::parked::{self, Parking};
use crate::secret::programme_secret;
use crate::sender::send_settings;
use crate::stores::{CONTEXTS, context_names, open_migrated};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const HOUR_MS: i64 = 60 * 60 * 1_000;
/// How long an idle thread sleeps when no bell rings.
const IDLE: Duration = Duration::from_millis(500);

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
    /// Context mypage.
    pub pages: Arc<Pages>,
    /// Context donation.
    pub donations: Arc<Donations>,
    /// Fault injection in front of point.
    pub point_delay: Arc<Delay>,
    holder: Arc<str>,
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
    /// Where the program listens, if it does.
    pub address: Option<SocketAddr>,
}

impl Default for Options {
    fn default() -> Self {
        Self { migrate: true, clock: None, remembers_keys: true, checks_fences: true, address: None }
    }
}

/// Who asks whom: caller, then callee.
type Between = (&'static str, &'static str);

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

fn guard(settings: &Settings, between: Between, clock: &Arc<dyn Clock>) -> Result<Guard> {
    guard_of(settings, between, GuardSettings::default().concurrency, clock)
}

/// A guard that lets so many questions through at once.
fn guard_of(
    settings: &Settings,
    (caller, callee): Between,
    concurrency: usize,
    clock: &Arc<dyn Clock>,
) -> Result<Guard> {
    let mut guard = GuardSettings { concurrency, ..GuardSettings::default() };
    let time_limit_ms = settings.int_in(&format!("questions.{callee}.time_limit_ms"), 1..=600_000)?;
    guard.time_limit_ms = time_limit_ms.unsigned_abs();
    guard.breaker.window_ms = settings.int_in("breaker.window_ms", 100..=3_600_000)?;
    guard.breaker.min_calls = u32::try_from(settings.int_in("breaker.min_calls", 1..=100_000)?).unwrap_or(1);
    guard.breaker.failure_rate_bp =
        u32::try_from(settings.int_in("breaker.failure_rate_bp", 1..=10_000)?).unwrap_or(10_000);
    guard.breaker.open_ms = settings.int_in("breaker.open_ms", 1..=3_600_000)?;
    Ok(Guard::new(caller, callee, guard, Arc::clone(clock)))
}

/// Where a context runs, if it is another process.
fn peer(settings: &Settings, context: &'static str) -> Result<Option<Peer>> {
    match settings.text(&format!("{context}.url")) {
        "" => Ok(None),
        url => Peer::new(context, url, settings.text("internal.key")).map(Some),
    }
}

/// Point as others ask it: here, or in another process.
fn point_api(settings: &Settings, here: &Arc<Points>) -> Result<Arc<dyn PointApi>> {
    Ok(match peer(settings, "point")? {
        Some(peer) => Arc::new(RemotePoints(peer)),
        None => Arc::clone(here) as Arc<dyn PointApi>,
    })
}

/// Member as others ask it: here, or in another process.
fn member_api(settings: &Settings, here: &Arc<Members>) -> Result<Arc<dyn MemberApi>> {
    Ok(match peer(settings, "member")? {
        Some(peer) => Arc::new(RemoteMembers(peer)),
        None => Arc::clone(here) as Arc<dyn MemberApi>,
    })
}

impl App {
    /// Opens every context on its store. Contexts that are not to run are stopped: they answer 503 and take nothing
    /// in, and a later start with them carries on. Must not be called inside an async runtime.
    ///
    /// # Errors
    /// A wrong setting, or a store that cannot be opened.
    pub fn open(settings: &Settings, options: Options, runtime: &Handle) -> Result<Self> {
        let clock = match options.clock {
            Some(clock) => clock,
            None => self::clock(settings)?,
        };
        let kit = Kit {
            base_url: base_url(settings, options.address).into(),
            clock: Arc::clone(&clock),
            zone: Zone::named(settings.text("timezone"))?,
            holder: format!("{}-{:08x}", std::process::id(), getrandom::u32().unwrap_or_default()).into(),
            remembers_keys: options.remembers_keys,
            checks_fences: options.checks_fences,
        };
        let point_delay = Arc::new(Delay::default());
        point_delay.set(settings.millis_range("point.delay")?);
        let stores = CONTEXTS
            .iter()
            .map(|context| open_migrated(settings, context, options.migrate))
            .collect::<Result<Vec<_>>>()?;
        let parking = Arc::new(Parking::new(stores.clone(), kit.base_url.as_ref(), kit.zone.clone()));
        let mut databases = stores.into_iter();
        let mut next = || databases.next().ok_or_else(|| Error::internal("a context without a store"));
        let points = open_points(settings, &kit, next()?)?;
        let (ask_point, guarded) = (point_api(settings, &points)?, guard(settings, ("member", "point"), &clock)?);
        let questions = PointQuestions { api: Arc::clone(&ask_point), guard: guarded, delay: Arc::clone(&point_delay) };
        let members = open_members(settings, &kit, next()?, questions)?;
        let api = member_api(settings, &members)?;
        let questions =
            MemberQuestions { api: Arc::clone(&api), guard: guard(settings, ("notification", "member"), &clock)? };
        let notifications = open_notifications(settings, &kit, next()?, questions)?;
        let contacts =
            ContactQuestions { api, guard: guard(settings, ("mypage", "member"), &clock)?, runtime: runtime.clone() };
        let pages = Pages::open(kit.clone(), next()?, contacts)?;
        let donations = open_donations(settings, &kit, next()?, ask_point, &point_delay)?;
        let app = Self {
            clock,
            holder: kit.holder,
            members,
            notifications,
            points,
            pages,
            donations,
            point_delay,
            parking,
            runtime: runtime.clone(),
            workers: Workers::default(),
            funnels: Mutex::default(),
        };
        let chosen = settings.list_of("contexts", &context_names())?;
        if !chosen.is_empty() {
            for name in context_names() {
                app.set_running(name, chosen.contains(&name))?;
            }
        }
        Ok(app)
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
            "mypage" => self.pages.funnel.set_open(running),
            "donation" => self.donations.funnel.set_open(running),
            _ => {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    "config.contexts",
                    format!("there is no context '{context}'"),
                ));
            }
        }
        // What gathered meanwhile is looked at now, not at the next commit.
        self.logs().iter().for_each(|log| log.ring(true));
        Ok(())
    }

    /// Starts the threads: funnels, consumers, workers, sweeps.
    ///
    /// # Errors
    /// `Internal` if the machine has no thread left.
    pub fn start(self: &Arc<Self>) -> Result<()> {
        let mut funnels = self.funnels.lock();
        funnels.push(self.members.funnel.spawn()?);
        funnels.push(self.notifications.funnel.spawn()?);
        funnels.push(self.points.funnel.spawn()?);
        funnels.push(self.donations.funnel.spawn()?);
        drop(funnels);
        self.follow_donations()?;
        let [member, notification, point, _] = self.logs();
        self.follow(self.notifications.follow_members(Arc::clone(&member)))?;
        self.follow(self.notifications.follow_points(Arc::clone(&point)))?;
        self.follow(self.members.follow_notification(Arc::clone(&notification)))?;
        self.follow(self.points.follow_members(Arc::clone(&member)))?;
        self.follow(self.members.follow_point(Arc::clone(&point)))?;
        self.follow(self.pages.follow_members(member))?;
        self.follow(self.pages.follow_point(point))?;
        let (notifications, runtime) = (Arc::clone(&self.notifications), self.runtime.clone());
        self.workers.spawn(
            "message-sender".to_owned(),
            Wake::Bell(notification, Scope::Everything, IDLE),
            move || notifications.send_due(&runtime),
        )?;
        let mut expiry = self.points.expiry_walk();
        self.workers.spawn(point::EXPIRY_JOB.to_owned(), Wake::Pause(IDLE), move || expiry.step())?;
        let members = Arc::clone(&self.members);
        self.workers.spawn("member-sweep".to_owned(), Wake::Pause(IDLE), move || members.sweep().map(|_| 0))
    }

    /// Who follows donation's log, and whose log donation follows.
    fn follow_donations(&self) -> Result<()> {
        let donation = &self.donations.log;
        self.follow(self.points.follow_donations(Arc::clone(donation)))?;
        self.follow(self.donations.follow_point(Arc::clone(&self.points.log)))?;
        self.follow(self.pages.follow_donations(Arc::clone(donation)))?;
        self.follow(self.notifications.follow_donations(Arc::clone(donation)))
    }

    fn follow<W: Writer>(&self, mut consumer: Consumer<W>) -> Result<()> {
        self.parking.add(consumer.desk());
        let wake = consumer.wake(IDLE);
        self.workers.spawn(consumer.name().to_owned(), wake, move || consumer.step())
    }

    /// The logs of member, notification, point and donation.
    fn logs(&self) -> [Arc<Log>; 4] {
        [&self.members.log, &self.notifications.log, &self.points.log, &self.donations.log].map(Arc::clone)
    }

    /// Ends the threads: consumers and workers first, then the funnels, which finish what waits.
    pub fn shut_down(&self) {
        self.workers.stop(&self.logs());
        self.notifications.finish_sending(&self.runtime);
        self.donations.funnel.shut_down();
        self.members.funnel.shut_down();
        self.notifications.funnel.shut_down();
        self.points.funnel.shut_down();
        for funnel in self.funnels.lock().drain(..) {
            let _ = funnel.join();
        }
        self.give_back_leases(&self.members.funnel);
        self.give_back_leases(&self.notifications.funnel);
        self.give_back_leases(&self.points.funnel);
        self.give_back_leases(&self.pages.funnel);
        self.give_back_leases(&self.donations.funnel);
    }

    /// So that the process that comes next need not wait until they end by themselves.
    fn give_back_leases<W: Writer>(&self, funnel: &Funnel<W>) {
        if let Err(error) = funnel.with_session(|tx| lease::release_all(tx, &self.holder)) {
            tracing::warn!(context = funnel.context(), %error, "leases could not be given back; they end by themselves");
        }
    }

    /// The routes for questions of other processes.
    pub fn internal_routes(&self) -> Router {
        member::http::internal_routes(Arc::clone(&self.members))
            .merge(point::http::internal_routes(Arc::clone(&self.points)))
    }

    /// The routes of all contexts, and what they say of themselves.
    pub fn routes(&self) -> (Router, OpenApi) {
        OpenApiRouter::new()
            .merge(member::http::routes(Arc::clone(&self.members)))
            .merge(notification::http::routes(Arc::clone(&self.notifications)))
            .merge(point::http::routes(Arc::clone(&self.points)))
            .merge(mypage::http::routes(Arc::clone(&self.pages)))
            .merge(donation::http::routes(Arc::clone(&self.donations)))
            .merge(parked::routes(Arc::clone(&self.parking)))
            .split_for_parts()
    }
}

fn open_points(settings: &Settings, kit: &Kit, database: Arc<Database>) -> Result<Arc<Points>> {
    let policy = point::Policy {
        welcome_point: settings.int_in("points.welcome", 0..=app::kit::MAX_AMOUNT)?,
        expiry_months: i32::try_from(settings.int_in("points.expiry_months", 1..=1_200)?).unwrap_or(60),
    };
    Points::open(kit.clone(), database, policy)
}

fn open_members(
    settings: &Settings,
    kit: &Kit,
    database: Arc<Database>,
    questions: PointQuestions,
) -> Result<Arc<Members>> {
    let policy = member::Policy {
        again_after_ms: settings.int_in("welcome.again_after_days", 0..=36_500)? * DAY_MS,
        secret: programme_secret(settings)?,
    };
    let modes = [("strict", WithdrawalMode::Strict), ("deferred", WithdrawalMode::Deferred)];
    let mode = settings.choice("withdrawal.mode", &modes)?;
    Members::open(kit.clone(), database, policy, mode, questions)
}

fn open_notifications(
    settings: &Settings,
    kit: &Kit,
    database: Arc<Database>,
    questions: MemberQuestions,
) -> Result<Arc<Notifications>> {
    let policy = notification::Policy { give_up_ms: settings.int_in("notification.give_up_h", 0..=8_760)? * HOUR_MS };
    Notifications::open(kit.clone(), database, policy, questions, send_settings(settings, &kit.clock)?)
}

fn open_donations(
    settings: &Settings,
    kit: &Kit,
    database: Arc<Database>,
    api: Arc<dyn PointApi>,
    delay: &Arc<Delay>,
) -> Result<Arc<Donations>> {
    let capacity = settings.int_in("donation.capacity", 1..=100_000)?;
    let policy = donation::Policy {
        balance_above: settings.int_in("donation.balance_above", 0..=app::kit::MAX_AMOUNT)?,
        capacity: usize::try_from(capacity).unwrap_or(1),
    };
    // Donations have their own limit in front; what was let in is to be asked.
    let guard = guard_of(settings, ("donation", "point"), policy.capacity, &kit.clock)?;
    let questions = donation::PointQuestions { api, guard, delay: Arc::clone(delay) };
    Donations::open(kit.clone(), database, policy, questions)
}
