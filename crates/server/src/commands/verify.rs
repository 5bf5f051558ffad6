//! `onepoint verify`: reads everything that is stored and says whether it is sound.

use std::process::ExitCode;
use std::time::Duration;

use app::kit::Findings;
use app::point::Balances;
use indicatif::{ProgressBar, ProgressStyle};
use platform::db::Session;
use platform::error::{Error, Result};
use platform::parked;

use crate::assembly::clock;
use crate::config::Settings;
use crate::stores::{CONTEXTS, open_existing};

/// Findings printed for each check; the rest is counted.
const SHOWN: usize = 10;

/// A bar on a terminal, nothing otherwise.
pub(super) fn progress(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(what);
    bar.set_style(
        ProgressStyle::with_template("{spinner} {msg} {human_pos} rows {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// Checks every context; exit code 1 if something is wrong.
///
/// # Errors
/// A store that cannot be reached.
pub fn run(settings: &Settings, json: bool) -> Result<ExitCode> {
    let now_ms = clock(settings)?.now_ms();
    let (mut all, mut parked, mut balances) = (Vec::new(), Vec::new(), Balances::new());
    let mut donations = given(settings)?;
    for context in CONTEXTS {
        let mut session = open_existing(settings, context)?.read_session()?;
        let bar = progress(context.name);
        let mut findings = inspect(context.name, &mut *session, now_ms, &mut balances, &bar)?;
        match context.name {
            "point" => donations.entries = read_only(&mut *session, app::point::donated)?,
            "dashboard" => findings = dashboard(settings, &mut *session)?,
            "donation" => {
                let look =
                    |session: &mut dyn Session| app::donation::inspect(session, &donations.before, &donations.entries);
                findings = read_only(&mut *session, look)?;
            }
            _ => {}
        }
        parked.extend(parked::counts(&mut *session)?);
        bar.finish_and_clear();
        all.push((context.name, findings));
    }
    let clean = all.iter().all(|(_, findings)| findings.is_clean());
    if json {
        print_json(&all, &parked, clean)?
    } else {
        print_lines(&all, &parked, clean)
    }
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What two contexts say of the same donations. The donations are read before the ledger and looked at after it, so
/// that what a server does meanwhile is nothing wrong.
#[derive(Default)]
struct Given {
    before: app::donation::Donated,
    entries: app::point::Donated,
}

fn given(settings: &Settings) -> Result<Given> {
    let Some(context) = CONTEXTS.iter().find(|context| context.name == "donation") else {
        return Ok(Given::default());
    };
    let mut session = open_existing(settings, context)?.read_session()?;
    let before = read_only(&mut *session, app::donation::donated)?;
    Ok(Given { before, entries: app::point::Donated::new() })
}

/// Compares the dashboard with the ledger and with deal, which are read after it and only so far as it has come.
fn dashboard(settings: &Settings, session: &mut dyn Session) -> Result<Findings> {
    let told = read_only(session, app::dashboard::told)?;
    let read = |context: &str| -> Result<Box<dyn Session>> {
        let found = CONTEXTS.iter().find(|known| known.name == context);
        let found = found.ok_or_else(|| Error::internal("a context that is not there"))?;
        open_existing(settings, found)?.read_session()
    };
    let ledger = match told.read_to {
        Some(until) => read_only(&mut *read("point")?, |session| app::point::summed(session, until))?,
        None => app::dashboard::Summed::new(),
    };
    let (merchants, deals) = read_only(&mut *read("deal")?, app::deal::standing)?;
    Ok(app::dashboard::inspect(&told, &ledger, &merchants, deals.into_iter()))
}

/// Reads at one moment.
fn read_only<T>(session: &mut dyn Session, look: impl FnOnce(&mut dyn Session) -> Result<T>) -> Result<T> {
    session.begin_read()?;
    let seen = look(session);
    session.rollback();
    seen
}

/// Looks at one context; point comes first and leaves its balances for those that show them.
fn inspect(
    context: &str,
    session: &mut dyn Session,
    now_ms: i64,
    balances: &mut Balances,
    bar: &ProgressBar,
) -> Result<Findings> {
    session.begin_read()?;
    let findings = match context {
        "point" => app::point::inspect(session, &mut |rows| bar.inc(rows)).map(|(findings, found)| {
            *balances = found;
            findings
        }),
        "mypage" => app::mypage::inspect(session, balances),
        "member" => app::member::inspect(session, now_ms),
        _ => Ok(Findings::default()),
    };
    session.rollback();
    findings
}

fn print_lines(all: &[(&str, Findings)], parked: &[(String, i64)], clean: bool) {
    for (context, findings) in all {
        for (check, found) in &findings.checks {
            let verdict = if found.is_empty() { "ok" } else { "WRONG" };
            println!("{verdict:<6} {context}: {check}");
            for finding in found.iter().take(SHOWN) {
                println!("         {}: {}", finding.id, finding.what);
            }
            if found.len() > SHOWN {
                println!("         and {} more", found.len() - SHOWN);
            }
        }
    }
    // What is stored is sound; it is the operator who has something to do.
    for (consumer, count) in parked {
        println!("{:<6} {consumer}: events that are parked: {count}; see 'onepoint parked list'", "note");
    }
    println!(
        "{}",
        if clean {
            "Everything holds."
        } else {
            "Something is wrong: stop writing, keep a copy of the data, and restore a backup that verifies."
        }
    );
}

fn print_json(all: &[(&str, Findings)], parked: &[(String, i64)], clean: bool) -> Result<()> {
    let checks: Vec<_> = all
        .iter()
        .flat_map(|(context, findings)| findings.checks.iter().map(move |check| (context, check)))
        .map(|(context, (check, found))| {
            let found: Vec<_> =
                found.iter().map(|finding| serde_json::json!({"id": finding.id, "what": finding.what})).collect();
            serde_json::json!({"context": context, "check": check, "findings": found})
        })
        .collect();
    let parked: serde_json::Map<String, serde_json::Value> =
        parked.iter().map(|(consumer, count)| (consumer.clone(), (*count).into())).collect();
    let text =
        serde_json::to_string_pretty(&serde_json::json!({"clean": clean, "checks": checks, "parkedEvents": parked}));
    println!("{}", text.map_err(|error| Error::internal("the findings cannot be written").caused_by(error))?);
    Ok(())
}
