//! `onepoint rebuild VIEW`: throws a read model away and folds the logs again.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use platform::consumer::Consumer;
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::Writer;
use platform::lease::LEASE_MS;

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
    let Rebuilt { rows, before, after } = rebuilt?;
    app.shut_down();
    println!("{rows} events folded. Digest before {before}, after {after}.");
    let verdict = if before == after { "right" } else { "wrong or behind, and is right now" };
    println!("The {view} was {verdict}.");
    Ok(ExitCode::SUCCESS)
}

/// What came of it.
struct Rebuilt {
    rows: usize,
    /// Digest of what was there.
    before: String,
    /// Digest of what is there now.
    after: String,
}

fn mypage(app: &App) -> Result<Rebuilt> {
    let pages = &app.pages;
    let consumers = || {
        [
            (pages.follow_members(app.members.log.clone()), "members"),
            (pages.follow_point(app.points.log.clone()), "points"),
            (pages.follow_donations(app.donations.log.clone()), "donations"),
        ]
    };
    rebuild(app, consumers, || pages.digest(), || pages.start_over())
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
        ]
    };
    rebuild(app, consumers, || dashboards.digest(), || dashboards.start_over())
}

/// Takes the logs over, empties the view and folds each log from its start. `consumers` makes them anew, because those
/// that took over stand where the view was.
fn rebuild<W: Writer, const N: usize>(
    app: &App,
    consumers: impl Fn() -> [(Consumer<W>, &'static str); N],
    digest: impl Fn() -> Result<String>,
    start_over: impl Fn() -> Result<()>,
) -> Result<Rebuilt> {
    let looks = if app.members.log.is_shared() { SHARED_LOOKS } else { 1 };
    for (consumer, _) in consumers() {
        take_over(consumer)?;
    }
    let before = digest()?;
    start_over()?;
    let mut rows = 0;
    for (consumer, what) in consumers() {
        rows += fold(consumer, what, looks)?;
    }
    Ok(Rebuilt { rows, before, after: digest()? })
}

/// Becomes the one that follows a log. A server that runs on a shared store would go on from where it stood and never
/// fill what is thrown away; one that crashed is waited for until its lease has run out.
fn take_over<W: Writer>(mut consumer: Consumer<W>) -> Result<()> {
    let patience = Duration::from_millis(LEASE_MS.unsigned_abs()) + Duration::from_secs(2);
    let started = Instant::now();
    while !consumer.is_ours()? {
        if started.elapsed() > patience {
            let message = "a running server keeps this view up to date; stop it, then rebuild";
            return Err(Error::new(ErrorKind::Conflict, "store.in_use", message));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

fn fold<W: Writer>(mut consumer: Consumer<W>, what: &'static str, looks: usize) -> Result<usize> {
    let bar = progress(what);
    let (mut rows, mut empty) = (0, 0);
    loop {
        let step = consumer.step()?;
        rows += step;
        bar.inc(step as u64);
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
