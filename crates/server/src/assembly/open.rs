//! Opening each context with its policies, and how it asks the others.

use std::sync::Arc;

use app::coupon::{CouponApi, Coupons, RemoteCoupons};
use app::deal::{DealApi, Deals, RemoteDeals};
use app::donation::Donations;
use app::kit::Kit;
use app::member::{CouponQuestions, MemberApi, Members, PointQuestions, RemoteMembers, WithdrawalMode};
use app::notification::{MemberQuestions, Notifications};
use app::point::{PointApi, Points, RemotePoints};
use app::settlement::Settlements;
use app::{coupon, deal, donation, member, notification, point, settlement};
use platform::breaker::BreakerSettings;
use platform::clock::Clock;
use platform::db::Database;
use platform::error::Result;
use platform::fault::Delay;
use platform::guard::{Guard, GuardSettings};
use platform::http::peer::Peer;
use tokio::runtime::Handle;

use super::{Between, Betweens};
use crate::config::Settings;
use crate::secret::programme_secret;
use crate::sender::send_settings;
use crate::stores::seal;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Who asks whom: caller, then callee.
type Asking = (&'static str, &'static str);

pub(super) fn guard(settings: &Settings, asking: Asking, clock: &Arc<dyn Clock>) -> Result<Guard> {
    guard_of(settings, asking, GuardSettings::default().concurrency, clock)
}

/// A guard that lets so many questions through at once.
pub(super) fn guard_of(
    settings: &Settings,
    (caller, callee): Asking,
    concurrency: usize,
    clock: &Arc<dyn Clock>,
) -> Result<Guard> {
    let guard = guard_settings(settings, &format!("questions.{callee}.time_limit_ms"), concurrency)?;
    Ok(Guard::new(caller, callee, guard, Arc::clone(clock)))
}

/// What the settings say of guards, with the time limit of this key.
pub(super) fn guard_settings(settings: &Settings, time_limit: &str, concurrency: usize) -> Result<GuardSettings> {
    let mut guard = GuardSettings { concurrency, ..GuardSettings::default() };
    let time_limit_ms = settings.int_in(time_limit, 1..=600_000)?;
    guard.time_limit_ms = time_limit_ms.unsigned_abs();
    guard.breaker = breaker_settings(settings)?;
    Ok(guard)
}

/// What the settings say of breakers.
///
/// # Errors
/// A wrong setting.
pub fn breaker_settings(settings: &Settings) -> Result<BreakerSettings> {
    let share_bp = settings.int_in("breaker.failure_rate_bp", 1..=10_000)?;
    Ok(BreakerSettings {
        window_ms: settings.int_in("breaker.window_ms", 100..=3_600_000)?,
        min_calls: u32::try_from(settings.int_in("breaker.min_calls", 1..=100_000)?).unwrap_or(1),
        failure_rate_bp: u32::try_from(share_bp).unwrap_or(10_000),
        open_ms: settings.int_in("breaker.open_ms", 1..=3_600_000)?,
        ..BreakerSettings::default()
    })
}

/// Where a context runs, if it is another process.
pub(super) fn peer(settings: &Settings, context: &'static str) -> Result<Option<Peer>> {
    match settings.text(&format!("{context}.url")) {
        "" => Ok(None),
        url => Peer::new(context, url, settings.text("internal.key")).map(Some),
    }
}

/// Point as others ask it: here, or in another process.
pub(super) fn point_api(settings: &Settings, here: &Arc<Points>) -> Result<Arc<dyn PointApi>> {
    Ok(match peer(settings, "point")? {
        Some(peer) => Arc::new(RemotePoints(peer)),
        None => Arc::clone(here) as Arc<dyn PointApi>,
    })
}

/// Coupon as others ask it: here, or in another process.
pub(super) fn coupon_api(settings: &Settings, here: &Arc<Coupons>) -> Result<Arc<dyn CouponApi>> {
    Ok(match peer(settings, "coupon")? {
        Some(peer) => Arc::new(RemoteCoupons(peer)),
        None => Arc::clone(here) as Arc<dyn CouponApi>,
    })
}

/// Member as others ask it: here, or in another process.
pub(super) fn member_api(settings: &Settings, here: &Arc<Members>) -> Result<Arc<dyn MemberApi>> {
    Ok(match peer(settings, "member")? {
        Some(peer) => Arc::new(RemoteMembers(peer)),
        None => Arc::clone(here) as Arc<dyn MemberApi>,
    })
}

pub(super) fn open_points(settings: &Settings, kit: &Kit, database: Arc<Database>) -> Result<Arc<Points>> {
    let policy = point::Policy {
        welcome_point: settings.int_in("points.welcome", 0..=app::kit::MAX_AMOUNT)?,
        expiry_months: i32::try_from(settings.int_in("points.expiry_months", 1..=1_200)?).unwrap_or(60),
    };
    Points::open(kit.clone(), database, policy)
}

pub(super) fn open_coupons(settings: &Settings, kit: &Kit, database: Arc<Database>) -> Result<Arc<Coupons>> {
    let join_months = i32::try_from(settings.int_in("coupon.join_months", 0..=1_200)?).unwrap_or(6);
    Coupons::open(kit.clone(), database, coupon::Policy { join_months })
}

/// What is asked, with whatever stands in front of it.
pub(super) fn between<Api: ?Sized>(wrap: Option<Between<Api>>, api: Arc<Api>) -> Arc<Api> {
    match wrap {
        Some(wrap) => wrap(api),
        None => api,
    }
}

/// How member asks point and coupon.
pub(super) fn member_questions(
    settings: &Settings,
    (point, coupon): (&Arc<dyn PointApi>, Arc<dyn CouponApi>),
    betweens: &Betweens,
    delay: &Arc<Delay>,
    clock: &Arc<dyn Clock>,
) -> Result<(PointQuestions, CouponQuestions)> {
    let point = PointQuestions {
        api: between(betweens.member_and_point.clone(), Arc::clone(point)),
        guard: guard(settings, ("member", "point"), clock)?,
        delay: Arc::clone(delay),
    };
    let coupon = CouponQuestions {
        api: between(betweens.member_and_coupon.clone(), coupon),
        guard: guard(settings, ("member", "coupon"), clock)?,
    };
    Ok((point, coupon))
}

pub(super) fn open_members(
    settings: &Settings,
    kit: &Kit,
    database: Arc<Database>,
    questions: (PointQuestions, CouponQuestions),
) -> Result<Arc<Members>> {
    let policy = member::Policy {
        again_after_ms: settings.int_in("welcome.again_after_days", 0..=36_500)? * DAY_MS,
        seal: seal(settings, "member")?,
        secret: programme_secret(settings)?,
    };
    let modes = [("strict", WithdrawalMode::Strict), ("deferred", WithdrawalMode::Deferred)];
    let mode = settings.choice("withdrawal.mode", &modes)?;
    Members::open(kit.clone(), database, policy, mode, questions)
}

pub(super) fn open_notifications(
    settings: &Settings,
    kit: &Kit,
    database: Arc<Database>,
    questions: MemberQuestions,
) -> Result<Arc<Notifications>> {
    let sending = send_settings(settings, &kit.clock)?;
    let give_up_ms = settings.int_in("notification.give_up_h", 0..=8_760)? * HOUR_MS;
    let policy = notification::Policy { give_up_ms, sends_notices: sending.operator.is_some() };
    Notifications::open(kit.clone(), database, policy, questions, sending)
}

pub(super) fn open_donations(
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

pub(super) fn open_deals(
    settings: &Settings,
    kit: &Kit,
    database: Arc<Database>,
    api: Arc<dyn PointApi>,
    delay: &Arc<Delay>,
) -> Result<Arc<Deals>> {
    let capacity = usize::try_from(settings.int_in("deals.capacity", 1..=100_000)?).unwrap_or(1);
    let policy = deal::Policy {
        earn_rate_bp: settings.int_in("deals.earn_rate_bp", 0..=10_000)?,
        opens_merchants: settings.choice("deals.unknown_merchant", &[("create", true), ("refuse", false)])?,
        may_owe: settings.choice("deals.clawback", &[("owed", true), ("refuse", false)])?,
    };
    // Deals have their own limit in front; what was let in is to be asked.
    let guard = guard_of(settings, ("deal", "point"), capacity, &kit.clock)?;
    let questions = deal::PointQuestions { api, guard, delay: Arc::clone(delay) };
    Deals::open(kit.clone(), database, deal::Conduct { policy, capacity }, questions)
}

/// Settlement, which asks deal here or in another process.
pub(super) fn open_settlements(
    settings: &Settings,
    kit: &Kit,
    database: Arc<Database>,
    deals: &Arc<Deals>,
    runtime: &Handle,
) -> Result<Arc<Settlements>> {
    let policy = settlement::Policy { fee_rate_bp: settings.int_in("settlement.fee_rate_bp", 0..=10_000)? };
    let api: Arc<dyn DealApi> = match peer(settings, "deal")? {
        Some(peer) => Arc::new(RemoteDeals(peer)),
        None => Arc::clone(deals) as Arc<dyn DealApi>,
    };
    let guard = guard(settings, ("settlement", "deal"), &kit.clock)?;
    let questions = settlement::DealQuestions { api, guard, runtime: runtime.clone() };
    Settlements::open(kit.clone(), database, policy, questions)
}
