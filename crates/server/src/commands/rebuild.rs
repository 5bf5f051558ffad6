//! `onepoint rebuild mypage`: throws the read model away and folds the logs again.

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

/// Rebuilds my page, with the server of these stores stopped.
///
/// # Errors
/// A store that cannot be reached, or is in use by a server.
pub fn mypage(settings: &Settings) -> Result<ExitCode> {
    let runtime = crate::serve::runtime(settings)?;
    let app = App::open(settings, Options::default(), runtime.handle())?;
    let looks = if app.members.log.is_shared() { SHARED_LOOKS } else { 1 };
    take_over(app.pages.follow_members(app.members.log.clone()))?;
    take_over(app.pages.follow_point(app.points.log.clone()))?;
    take_over(app.pages.follow_donations(app.donations.log.clone()))?;
    let before = app.pages.digest()?;
    app.pages.start_over()?;
    let rows = fold(app.pages.follow_members(app.members.log.clone()), "members", looks)?
        + fold(app.pages.follow_point(app.points.log.clone()), "points", looks)?
        + fold(app.pages.follow_donations(app.donations.log.clone()), "donations", looks)?;
    let after = app.pages.digest()?;
    app.shut_down();
    println!("{rows} events folded. Digest before {before}, after {after}.");
    println!(
        "{}",
        if before == after { "My page was right." } else { "My page was wrong or behind, and is right now." }
    );
    Ok(ExitCode::SUCCESS)
}

/// Becomes the one that follows a log. A server that runs on a shared store would go on from where it stood and never
/// fill what is thrown away; one that crashed is waited for until its lease has run out.
fn take_over<W: Writer>(mut consumer: Consumer<W>) -> Result<()> {
    let patience = Duration::from_millis(LEASE_MS.unsigned_abs()) + Duration::from_secs(2);
    let started = Instant::now();
    while !consumer.is_ours()? {
        if started.elapsed() > patience {
            let message = "a running server keeps my page up to date; stop it, then rebuild";
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
