//! `onepoint verify`: reads everything that is stored and says whether it is sound.

mod carts;
mod memberships;

use std::process::ExitCode;
use std::time::Duration;

use app::kit::Findings;
use app::point::Balances;
use indicatif::{ProgressBar, ProgressStyle};
use platform::db::{Cursor, Session};
use platform::error::{Error, Result};
use platform::funnel::read_cursor;
use platform::log::{Log, LogReader, Scope};
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
    let mut deals = Deals { before: before(settings, "deal", app::deal::happened)?, ..Deals::default() };
    let (mut waiting, mut cart_waits) = (app::deal::Waiting::default(), None);
    let mut units = app::product::KnownUnits::new();
    for context in CONTEXTS {
        let mut session = open_existing(settings, context)?.read_session()?;
        let bar = progress(context.name);
        let mut findings = inspect(context.name, &mut *session, now_ms, &mut balances, &bar)?;
        match context.name {
            "dashboard" => findings = dashboard(settings, &mut *session)?,
            "mypage" => findings = mypage(settings, &mut *session, &balances)?,
            "point" => {
                donations.entries = read_only(&mut *session, app::point::donated)?;
                deals.ledger = read_only(&mut *session, ledger)?;
            }
            "donation" => {
                let look =
                    |session: &mut dyn Session| app::donation::inspect(session, &donations.before, &donations.entries);
                findings = read_only(&mut *session, look)?;
            }
            "deal" => {
                let look = |session: &mut dyn Session| app::deal::inspect(session, &deals.before, &deals.ledger);
                (findings, waiting) = read_only(&mut *session, look)?;
            }
            "settlement" => {
                let (found, lines) = read_only(&mut *session, app::settlement::inspect)?;
                findings = found;
                if let Some(mut log) = log_of(settings, "deal")? {
                    app::settlement::compare_with_log(lines, &mut log, &mut findings)?;
                }
            }
            "cart" => (findings, cart_waits) = carts::inspect(settings, &mut *session, now_ms)?,
            "product" => units = read_only(&mut *session, app::product::units)?,
            "membership" => findings = memberships::inspect(settings, &mut *session, &units)?,
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
        print_lines(&all, &parked, clean, &[waits(waiting, now_ms), cart_waits])
    }
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A context's log, to be read from its start.
fn log_of(settings: &Settings, name: &str) -> Result<Option<LogReader>> {
    let Some(context) = CONTEXTS.iter().find(|context| context.name == name) else { return Ok(None) };
    Log::new(open_existing(settings, context)?, &[]).reader(Scope::EventTable).map(Some)
}

/// What two contexts say of the same donations. The donations are read before the ledger and looked at after it, so
/// that what a server does meanwhile is nothing wrong.
#[derive(Default)]
struct Given {
    before: app::donation::Donated,
    entries: app::point::Donated,
}

fn given(settings: &Settings) -> Result<Given> {
    let before = before(settings, "donation", app::donation::donated)?;
    Ok(Given { before, entries: app::point::Donated::new() })
}

/// Compares my page with the logs of purchases, with the ledger's balances, and with the coupons that members hold, which are read before it: a page
/// that has gone on since is not compared.
fn mypage(settings: &Settings, session: &mut dyn Session, balances: &Balances) -> Result<Findings> {
    let held = before(settings, "coupon", app::coupon::held)?;
    let mut findings = read_only(session, |session| app::mypage::inspect(session, balances, &held))?;
    let logs = (log_of(settings, "cart")?, log_of(settings, "membership")?, log_of(settings, "payment")?);
    if let (Some(cart), Some(membership), Some(payment)) = logs {
        let mut logs = app::mypage::PurchaseLogs { cart, membership, payment };
        let found = read_only(session, |session| app::mypage::inspect_purchases(session, &mut logs))?;
        findings.checks.extend(found.checks);
    }
    Ok(findings)
}

/// Compares the dashboard with the ledger, coupon, deal and the logs of purchases, which are read after it and only so far as it has come.
fn dashboard(settings: &Settings, session: &mut dyn Session) -> Result<Findings> {
    let told = read_only(session, app::dashboard::told)?;
    let ledger = match told.read_to {
        Some(until) => before(settings, "point", |session| app::point::summed(session, until))?,
        None => app::dashboard::Summed::new(),
    };
    let counted = match (told.coupons_to, log_of(settings, "coupon")?) {
        (Some(until), Some(mut log)) => app::dashboard::counted_in(&mut log, until)?,
        _ => app::dashboard::Counted::new(),
    };
    let mut findings = before(settings, "deal", |session| {
        let merchants = app::deal::sequences(session)?;
        let mut comparing = app::dashboard::Comparing::new(told, (&ledger, &counted), merchants);
        app::deal::each_deal(session, &mut |deal, sequence| comparing.look(deal, sequence))?;
        Ok(comparing.findings())
    })?;
    let logs = (log_of(settings, "cart")?, log_of(settings, "membership")?, log_of(settings, "payment")?);
    if let ((Some(cart), Some(membership), Some(payment)), Some(gifticon)) = (logs, log_of(settings, "gifticon")?) {
        let mut logs = app::dashboard::PurchaseLogs { cart, membership, payment, gifticon };
        let found = read_only(session, |session| app::dashboard::inspect_purchases(session, &mut logs))?;
        findings.checks.extend(found.checks);
    }
    Ok(findings)
}

/// What a context says before or after others are looked at.
fn before<T: Default>(settings: &Settings, name: &str, look: impl FnOnce(&mut dyn Session) -> Result<T>) -> Result<T> {
    let Some(context) = CONTEXTS.iter().find(|context| context.name == name) else { return Ok(T::default()) };
    let mut session = open_existing(settings, context)?.read_session()?;
    read_only(&mut *session, look)
}

/// What two contexts say of the same deals.
#[derive(Default)]
struct Deals {
    before: app::deal::Happened,
    ledger: app::deal::Ledger,
}

/// How far a consumer has come. Behind a parked event its cursor says nothing.
///
/// # Errors
/// A store that cannot be reached.
pub fn followed(session: &mut dyn Session, consumer: &str) -> Result<Cursor> {
    let is_parked = parked::counts(session)?.iter().any(|(parked, _)| parked == consumer);
    if is_parked { Ok(Cursor::default()) } else { read_cursor(session, consumer) }
}

/// What point says of deals.
///
/// # Errors
/// A store that cannot be reached.
pub fn ledger(session: &mut dyn Session) -> Result<app::deal::Ledger> {
    let followed = followed(session, "point<deal")?;
    Ok(app::deal::Ledger { deals: app::point::dealt(session)?, followed })
}

/// Deals that are on their way, in words; nothing if there are none.
fn waits(waiting: app::deal::Waiting, now_ms: i64) -> Option<String> {
    let app::deal::Waiting { pending, following, since_ms } = waiting;
    let age_s = (now_ms - since_ms?).max(0) / 1_000;
    Some(format!(
        "deals that wait for point: {pending}, cancels whose points follow: {following}; the oldest for {age_s} s"
    ))
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
        "coupon" => app::coupon::inspect(session),
        "payment" => app::payment::inspect(session),
        "gifticon" => app::gifticon::inspect(session),
        "member" => app::member::inspect(session, now_ms),
        "product" => app::product::inspect(session),
        _ => Ok(Findings::default()),
    };
    session.rollback();
    findings
}

fn print_lines(all: &[(&str, Findings)], parked: &[(String, i64)], clean: bool, waits: &[Option<String>]) {
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
    for waits in waits.iter().flatten() {
        println!("{:<6} {waits}", "note");
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
