//! `onepoint rebuild mypage`: throws the read model away and folds the logs again.

use std::process::ExitCode;

use platform::consumer::Consumer;
use platform::error::Result;
use platform::funnel::Writer;

use super::verify::progress;
use crate::assembly::{App, Options};
use crate::config::Settings;

/// Rebuilds my page, with the server of these stores stopped.
///
/// # Errors
/// A store that cannot be reached, or is in use by a server.
pub fn mypage(settings: &Settings) -> Result<ExitCode> {
    let runtime = crate::serve::runtime(settings)?;
    let app = App::open(settings, Options::default(), runtime.handle())?;
    let before = app.pages.digest()?;
    app.pages.start_over()?;
    let rows = fold(app.pages.follow_members(app.members.log.clone()), "members")?
        + fold(app.pages.follow_point(app.points.log.clone()), "points")?;
    let after = app.pages.digest()?;
    println!("{rows} events folded. Digest before {before}, after {after}.");
    println!(
        "{}",
        if before == after { "My page was right." } else { "My page was wrong or behind, and is right now." }
    );
    Ok(ExitCode::SUCCESS)
}

fn fold<W: Writer>(mut consumer: Consumer<W>, what: &'static str) -> Result<usize> {
    let bar = progress(what);
    let mut rows = 0;
    loop {
        let step = consumer.step()?;
        if step == 0 {
            bar.finish_and_clear();
            return Ok(rows);
        }
        rows += step;
        bar.inc(step as u64);
    }
}
