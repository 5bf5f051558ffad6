//! `onepoint doctor`: looks at an installation without changing anything, and says what to do.

mod machine;
mod server;
mod stores;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use platform::error::{Error, Result};
use serde::Serialize;

use crate::assembly::{Options, base_url};
use crate::config::Settings;
use crate::serve::Running;

/// Where to look beside this machine.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The running server (default: where the settings let it listen, if one answers there)
    #[arg(long)]
    url: Option<String>,
    /// API key of an operator, if the server asks for one
    #[arg(long, value_name = "API_KEY")]
    key: Option<String>,
    /// One JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// One check.
#[derive(Debug, Serialize)]
struct Check {
    check: String,
    verdict: Verdict,
    /// What was found.
    found: String,
    /// What to do, where something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// What was found so far.
#[derive(Debug, Default)]
struct Report(Vec<Check>);

impl Report {
    fn ok(&mut self, check: impl Into<String>, found: impl Into<String>) {
        self.0.push(Check { check: check.into(), verdict: Verdict::Ok, found: found.into(), advice: None });
    }

    fn warn(&mut self, check: impl Into<String>, found: impl Into<String>, advice: impl Into<String>) {
        let advice = Some(advice.into());
        self.0.push(Check { check: check.into(), verdict: Verdict::Warn, found: found.into(), advice });
    }

    fn fail(&mut self, check: impl Into<String>, found: impl Into<String>, advice: impl Into<String>) {
        let advice = Some(advice.into());
        self.0.push(Check { check: check.into(), verdict: Verdict::Fail, found: found.into(), advice });
    }

    fn worst(&self) -> Verdict {
        self.0.iter().map(|check| check.verdict).max().unwrap_or(Verdict::Ok)
    }
}

/// Looks at everything. Exit code 0: all is well; 1: something fails; 3: nothing fails, but there are warnings.
///
/// # Errors
/// Only if the report cannot be written; what is wrong with the installation stands in the report.
pub fn run(settings: Result<Settings>, args: &DoctorArgs) -> Result<ExitCode> {
    let mut report = Report::default();
    match settings {
        Ok(settings) => examine(&settings, args, &mut report),
        Err(error) => report.fail("settings", error.message, "correct it; `onepoint config` lists every setting"),
    }
    if args.json {
        let whole = serde_json::json!({"verdict": report.worst(), "checks": report.0});
        let text = serde_json::to_string_pretty(&whole);
        println!("{}", text.map_err(|error| Error::internal("the report cannot be written").caused_by(error))?);
    } else {
        print_lines(&report);
    }
    Ok(match report.worst() {
        Verdict::Ok => ExitCode::SUCCESS,
        Verdict::Warn => ExitCode::from(3),
        Verdict::Fail => ExitCode::FAILURE,
    })
}

fn examine(settings: &Settings, args: &DoctorArgs, report: &mut Report) {
    check_settings(settings, report);
    machine::look(settings, report);
    let found = stores::look(settings, report);
    stores::look_at_access(settings, &found, report);
    let url = args.url.clone().unwrap_or_else(|| base_url(settings, None));
    let running = server::look(&url, args, report);
    stores::look_at_leases(&found, running, report);
}

/// Reads every setting as `serve` would, by starting a server on an empty store that is thrown away, at a port that
/// the machine chooses.
fn check_settings(settings: &Settings, report: &mut Report) {
    let folder = std::env::temp_dir().join(format!("onepoint-doctor-{}", std::process::id()));
    let tried = try_settings(settings, &folder);
    // The folder is gone already if nothing got so far as to make it.
    let _ = std::fs::remove_dir_all(&folder);
    match tried {
        Ok(()) => {
            let given = settings.describe().iter().filter(|setting| setting.source != "default").count();
            report.ok("settings", format!("all can be read, {given} differ from the defaults"));
        }
        Err(error) => report.fail("settings", error.message, "correct it; `onepoint config` lists every setting"),
    }
}

fn try_settings(settings: &Settings, folder: &std::path::Path) -> Result<()> {
    settings.check_loopback_only()?;
    crate::serve::grace(settings)?;
    let mut sets = vec![format!("data={}", folder.display()), "database.url=sqlite:".to_owned()];
    sets.extend(["listen=127.0.0.1:0", "internal.listen="].map(str::to_owned));
    let own = settings.describe().into_iter().map(|setting| setting.key).filter(|key| key.ends_with(".database.url"));
    sets.extend(own.map(|key| format!("{key}=")));
    let runtime = crate::serve::runtime(settings)?;
    let running = Running::start(&settings.with(&sets)?, Options::default(), &runtime)?;
    running.stop(&runtime, Duration::ZERO);
    Ok(())
}

fn print_lines(report: &Report) {
    let width = report.0.iter().map(|check| check.check.chars().count()).max().unwrap_or_default();
    for Check { check, verdict, found, advice } in &report.0 {
        let word = match verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        };
        let advice = advice.as_ref().map_or(String::new(), |advice| format!(" → {advice}"));
        println!("{word:<5} {check:<width$}  {found}{advice}");
    }
    let count = |verdict| report.0.iter().filter(|check| check.verdict == verdict).count();
    match (count(Verdict::Fail), count(Verdict::Warn)) {
        (0, 0) => println!("All is well."),
        (0, warnings) => println!("It works; {warnings} of {} checks warn.", report.0.len()),
        (failures, warnings) => println!("{failures} of {} checks fail, {warnings} warn.", report.0.len()),
    }
}
