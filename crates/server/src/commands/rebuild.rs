//! `onepoint rebuild VIEW`: throws a read model away and folds the logs again.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use platform::consumer::Consumer;
use platform::db::Session;
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::{Funnel, Writer};
use platform::lease::LEASE_MS;
use platform::parked;

use super::verify::progress;
use crate::assembly::{App, Options};
use crate::config::Settings;

const PAUSE: Duration = Duration::from_millis(100);
/// How often nothing new has to be seen in a shared store until it is the end of the log: a transaction of anybody
/// holds back what was committed after it began.
const SHARED_LOOKS: usize = 5;

/// The read models that can be rebuilt.
pub(super) const VIEWS: [&str; 2] = ["mypage", "dashboard"];

/// Rebuilds one of [`VIEWS`], with the server of these stores stopped.
///
/// # Errors
/// A store that cannot be reached, or is in use by a server.
pub fn run(settings: &Settings, view: &str) -> Result<ExitCode> {
    let runtime = crate::serve::runtime(settings)?;
    let app = App::open(settings, Options::default(), runtime.handle())?;
    let rebuilt = match view {
        "mypage" => mypage(&app),
        _ => dashboard(&app),
    };
    // Whatever came of it: the leases are given back, so that the next server need not wait for their end.
    app.shut_down();
    let Rebuilt { rows, before, after, parked } = rebuilt?;
    println!("{rows} events folded. Digest before {before}, after {after}.");
    for (consumer, count) in &parked {
        println!("{consumer}: events that are parked: {count}; see 'onepoint parked list'");
    }
    let verdict = match (parked.is_empty(), before == after) {
        (false, _) => "lacks what is parked until that is retried or dropped",
        (true, true) => "was right",
        (true, false) => "was wrong or behind, and is right now",
    };
    println!("The {view} {verdict}.");
    Ok(ExitCode::SUCCESS)
}

/// What came of it.
struct Rebuilt {
    rows: usize,
    /// Digest of what was there.
    before: String,
    /// Digest of what is there now.
    after: String,
    /// How many events each consumer could not take in.
    parked: Vec<(String, i64)>,
}

fn mypage(app: &App) -> Result<Rebuilt> {
    let pages = &app.pages;
    let consumers = || {
        [
            (pages.follow_members(app.members.log.clone()), "members"),
            (pages.follow_point(app.points.log.clone()), "points"),
            (pages.follow_donations(app.donations.log.clone()), "donations"),
            (pages.follow_coupons(app.coupons.log.clone()), "coupons"),
            (pages.follow_carts(app.purchases.carts.log.clone()), "carts"),
            (pages.follow_memberships(app.purchases.memberships.log.clone()), "memberships"),
            (pages.follow_payments(app.purchases.payments.log.clone()), "payments"),
        ]
    };
    rebuild(&pages.funnel, looks(app), consumers, || pages.digest(), |check| pages.start_over(check))
}

fn dashboard(app: &App) -> Result<Rebuilt> {
    let dashboards = &app.dashboards;
    let consumers = || {
        [
            (dashboards.follow_members(app.members.log.clone()), "members"),
            (dashboards.follow_deals(app.deals.log.clone()), "deals"),
            (dashboards.follow_settlement(app.settlements.log.clone()), "billings"),
            (dashboards.follow_point(app.points.log.clone()), "points"),
            (dashboards.follow_donations(app.donations.log.clone()), "donations"),
            (dashboards.follow_coupons(app.coupons.log.clone()), "coupons"),
            (dashboards.follow_carts(app.purchases.carts.log.clone()), "carts"),
            (dashboards.follow_memberships(app.purchases.memberships.log.clone()), "memberships"),
            (dashboards.follow_payments(app.purchases.payments.log.clone()), "payments"),
            (dashboards.follow_gifticons(app.purchases.gifticons.log.clone()), "gifticons"),
        ]
    };
    rebuild(&dashboards.funnel, looks(app), consumers, || dashboards.digest(), |check| dashboards.start_over(check))
}

/// How often nothing new has to be seen until it is the end of a log.
fn looks(app: &App) -> usize {
    if app.members.log.is_shared() { SHARED_LOOKS } else { 1 }
}

/// What looks into the transaction that empties a view, and may refuse it.
type Check<'a> = &'a dyn Fn(&mut dyn Session) -> Result<()>;

/// Takes the logs over, empties the view and folds each log from its start. `consumers` makes them anew, because those
/// that took over stand where the view was.
fn rebuild<W: Writer, const N: usize>(
    funnel: &Funnel<W>,
    looks: usize,
    consumers: impl Fn() -> [(Consumer<W>, &'static str); N],
    digest: impl Fn() -> Result<String>,
    start_over: impl Fn(Check<'_>) -> Result<()>,
) -> Result<Rebuilt> {
    let mut followers = consumers();
    for (consumer, _) in &mut followers {
        take_over(consumer)?;
    }
    let before = digest()?;
    // The digest may take longer than a lease lasts. So the leases are renewed in the transaction that empties the view:
    // whoever took one meanwhile keeps the view, whoever takes one later reads a cursor at the start.
    start_over(&|tx| {
        for (consumer, _) in &followers {
            if !consumer.is_ours_in(tx)? {
                return Err(in_use());
            }
        }
        Ok(())
    })?;
    let mut rows = 0;
    for (consumer, what) in consumers() {
        rows += fold(consumer, what, looks)?;
    }
    Ok(Rebuilt { rows, before, after: digest()?, parked: funnel.with_session(parked::counts)? })
}

/// Becomes the one that follows a log. A server that runs on a shared store would go on from where it stood and never
/// fill what is thrown away; one that crashed is waited for until its lease has run out.
fn take_over<W: Writer>(consumer: &mut Consumer<W>) -> Result<()> {
    let patience = Duration::from_millis(LEASE_MS.unsigned_abs()) + Duration::from_secs(2);
    let started = Instant::now();
    while !consumer.is_ours()? {
        if started.elapsed() > patience {
            return Err(in_use());
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

fn in_use() -> Error {
    let message = "a running server keeps this view up to date; stop it, then rebuild";
    Error::new(ErrorKind::Conflict, "store.in_use", message)
}

/// Whoever finds that a lease has passed on while it folds is told why: a server was started meanwhile.
fn as_in_use(error: Error) -> Error {
    if matches!(&*error.code, "store.fenced" | "lease.lost") { in_use() } else { error }
}

fn fold<W: Writer>(mut consumer: Consumer<W>, what: &'static str, looks: usize) -> Result<usize> {
    let bar = progress(what);
    let (mut rows, mut empty) = (0, 0);
    loop {
        let step = consumer.step().map_err(as_in_use)?;
        rows += step;
        bar.inc(step as u64);
        // Nothing is taken in at the end of the log, and by one that no longer is the one that follows it.
        if step == 0 && !consumer.is_ours()? {
            return Err(in_use());
        }
        empty = if step == 0 { empty + 1 } else { 0 };
        if empty >= looks {
            bar.finish_and_clear();
            return Ok(rows);
        }
        if step == 0 {
            std::thread::sleep(PAUSE);
        }
    }
}
