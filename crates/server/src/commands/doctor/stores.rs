//! The contexts' stores: whether they can be reached, keep what they promise, fit this program, and who may ask.

use std::time::{SystemTime, UNIX_EPOCH};

use platform::access;
use platform::db::{Database, Durability, Examined, Fault, Location, Migration, SeenLease, examine};
use platform::error::Result;
use platform::lease::LEASE_MS;
use platform::seal::Seal;

use super::Report;
use super::server::Running;
use crate::config::Settings;
use crate::secret::present_secret;
use crate::stores::{CONTEXTS, location};

/// The name of the API keys' store.
const ACCESS: &str = "access";
/// A write-ahead log beyond this is not being moved into its file.
const LOG_WANTED: u64 = 512 * 1024 * 1024;
/// A database whose clock differs by more gives leases of another length.
const CLOCK_SLACK_MS: i64 = 2_000;
/// In a consumer's name it stands between the context and the log that it follows; no other job's name has it.
const BETWEEN: char = '<';

/// A store that could be examined.
pub(super) struct Found {
    name: &'static str,
    location: Location,
    examined: Examined,
}

/// Looks at every store; those that could be examined.
pub(super) fn look(settings: &Settings, report: &mut Report) -> Vec<Found> {
    let contexts = CONTEXTS.iter().map(|context| (context.name, context.migrations));
    let mut found = Vec::new();
    for (name, migrations) in contexts.chain([(ACCESS, access::MIGRATIONS)]) {
        match one(settings, name, migrations) {
            Ok(store) => {
                describe(&store, report);
                look_at_seal(settings, &store, report);
                found.push(store);
            }
            Err(error) => {
                report.fail(format!("store {name}"), error.to_string(), "see docs/operations.md");
            }
        }
    }
    found
}

fn one(settings: &Settings, name: &'static str, migrations: &[Migration]) -> Result<Found> {
    let location = location(settings, name)?;
    let examined = examine(name, &location, migrations)?;
    Ok(Found { name, location, examined })
}

fn describe(store: &Found, report: &mut Report) {
    let Examined { engine, faults, is_made, steps_due, clock_ms, .. } = &store.examined;
    let check = format!("store {}", store.name);
    for Fault { is_vital, what } in faults {
        let (found, advice) =
            what.split_once(": ").or(what.split_once("; ")).unwrap_or((what, "see docs/operations.md"));
        if *is_vital { report.fail(&check, found, advice) } else { report.warn(&check, found, advice) }
    }
    if let Some(apart_ms) = clock_ms.map(|at_ms| (at_ms - now_ms()).abs()).filter(|apart_ms| *apart_ms > CLOCK_SLACK_MS)
    {
        let found = format!("the database's clock and this machine's are {apart_ms} ms apart");
        report.warn(&check, found, "let NTP keep both");
    }
    if let Some(bytes) = log_bytes(&store.location).filter(|bytes| *bytes > LOG_WANTED) {
        let found = format!("its write-ahead log has {} MiB", bytes / 1024 / 1024);
        report.warn(&check, found, "a reader may have been open for long; restart the server, and look at the disk");
    }
    match (is_made, steps_due) {
        (false, _) => report.ok(check, format!("{engine}, made at the first start")),
        (true, 0) => report.ok(check, format!("{engine}, schema up to date")),
        (true, steps) => {
            let found = format!("{engine}, schema {steps} steps behind this program");
            report.warn(check, found, "`onepoint migrate`, or just start the server, which does it");
        }
    }
}

/// A store that holds personal data is of use only together with the secret that sealed it.
fn look_at_seal(settings: &Settings, store: &Found, report: &mut Report) {
    let context = CONTEXTS.iter().find(|context| context.name == store.name);
    let Some(context) = context.filter(|context| context.sealed.is_some()) else { return };
    if !store.examined.is_made || store.examined.steps_due > 0 {
        return;
    }
    let check = format!("seal {}", store.name);
    let look = || -> Result<(Seal, Option<bool>)> {
        // Without a secret nothing fits what another one sealed.
        let secret = present_secret(settings)?.unwrap_or_default();
        let seal = Seal::new(&secret, store.name)?;
        let database = Database::open(store.name, &store.location, context.durability)?;
        let fits = seal.fits(&mut *database.read_session()?)?;
        Ok((seal, fits))
    };
    match look() {
        Ok((seal, Some(false))) => {
            let told = seal.other_secret().message;
            let (found, advice) = told.split_once("; ").unwrap_or((&told, "see docs/operations.md"));
            report.fail(check, found, advice);
        }
        Ok((_, Some(true))) => report.ok(check, "contact data opens with the programme's secret"),
        Ok((_, None)) => report.ok(check, "nothing is sealed yet"),
        Err(error) => report.fail(check, error.to_string(), "see docs/operations.md"),
    }
}

fn log_bytes(location: &Location) -> Option<u64> {
    match location {
        Location::Sqlite(path) => path.with_extension("sqlite-wal").metadata().ok().map(|log| log.len()),
        Location::Postgres(_) | Location::MariaDb(_) => None,
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Where the program listens, and whether it knows who asks.
pub(super) fn look_at_access(settings: &Settings, found: &[Found], report: &mut Report) {
    let name = "who may ask";
    let Ok(Some(listen)) = settings.socket_addr("listen") else {
        return report.fail(name, "the program has no address to listen on", "listen=127.0.0.1:8080");
    };
    let keys = match found.iter().find(|store| store.name == ACCESS) {
        Some(store) if store.examined.is_made => match count_keys(store) {
            Ok(count) => count,
            Err(error) => return report.fail(name, error.message, "see docs/operations.md"),
        },
        Some(_) => 0,
        // What is wrong with the store was said already.
        None => return,
    };
    match (listen.ip().is_loopback(), keys) {
        (true, 0) => report.ok(name, format!("{listen}: this machine only, without a key")),
        (true, keys) => report.ok(name, format!("{listen}: this machine only; {keys} keys are valid")),
        (false, 0) => {
            let found = format!("{listen} can be reached from other machines, and there is no key; it will not start");
            report.fail(name, found, "onepoint keys create --role operator");
        }
        (false, keys) => report.ok(name, format!("{listen}: {keys} keys are valid; put a proxy with TLS before it")),
    }
}

fn count_keys(store: &Found) -> Result<usize> {
    let database = Database::open(ACCESS, &store.location, Durability::Full)?;
    access::count_valid(&mut *database.read_session()?)
}

/// On a shared store each consumer is followed by one process at a time, and a server that answers should follow. Other
/// leases are taken only while there is something to do, and one that was given back waits for whoever comes next.
pub(super) fn look_at_leases(found: &[Found], running: Running, report: &mut Report) {
    let leases: Vec<&SeenLease> = found.iter().flat_map(|store| &store.examined.leases).collect();
    judge_leases(&leases, running, now_ms(), report);
}

fn judge_leases(leases: &[&SeenLease], running: Running, now_ms: i64, report: &mut Report) {
    let name = "leases";
    if leases.is_empty() {
        return report.ok(name, "none: a store of files belongs to one process");
    }
    // A consumer renews its lease long before the end; one that ran out was left by a process that is gone or stands
    // still.
    let ran_out = |lease: &SeenLease| lease.until_ms > 0 && lease.until_ms < now_ms - LEASE_MS;
    let left = leases.iter().filter(|lease| lease.name.contains(BETWEEN) && ran_out(lease));
    let left: Vec<&str> = left.map(|lease| lease.name.as_str()).collect();
    if running == Running::Yes && !left.is_empty() {
        let advice = "is a process with that context running? its log says why it does not take it";
        return report.warn(name, format!("nobody does {}", left.join(", ")), advice);
    }
    let held = leases.iter().filter(|lease| lease.until_ms >= now_ms);
    let mut holders: Vec<&str> = held.map(|lease| lease.holder.as_str()).collect();
    holders.sort_unstable();
    holders.dedup();
    report.ok(name, format!("{} jobs, {} processes", leases.len(), holders.len()));
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;
    const RAN_OUT_MS: i64 = NOW_MS - LEASE_MS - 1;

    fn verdict(leases: &[(&str, i64)], running: Running) -> Verdict {
        let seen = |(name, until_ms): &(&str, i64)| SeenLease {
            name: (*name).to_owned(),
            holder: "a".to_owned(),
            until_ms: *until_ms,
        };
        let leases: Vec<SeenLease> = leases.iter().map(seen).collect();
        let mut report = Report::default();
        judge_leases(&leases.iter().collect::<Vec<_>>(), running, NOW_MS, &mut report);
        report.worst()
    }

    #[test]
    fn a_consumer_that_nobody_follows_any_more_is_seen() {
        let leases = [("mypage<point", NOW_MS + 5_000), ("point<member", RAN_OUT_MS)];
        assert_eq!(verdict(&leases, Running::Yes), Verdict::Warn);
        assert_eq!(verdict(&leases, Running::No), Verdict::Ok, "nobody need follow while no server runs");
        assert_eq!(verdict(&[("point<member", NOW_MS - 1)], Running::Yes), Verdict::Ok, "it may just pass on");
    }

    #[test]
    fn a_job_with_nothing_to_do_and_a_lease_that_was_given_back_are_well() {
        let idle = [("point<member", NOW_MS + 5_000), ("message-sender", RAN_OUT_MS), ("point-expiry", RAN_OUT_MS)];
        assert_eq!(verdict(&idle, Running::Yes), Verdict::Ok);
        assert_eq!(verdict(&[("point<member", 0), ("message-sender", 0)], Running::Yes), Verdict::Ok);
    }
}
