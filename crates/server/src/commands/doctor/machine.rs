//! What the machine gives: room on the disk, files that only their owner may read, enough open files, a sane clock.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use platform::db::embedded_library;
use rustix::fs::{Access, access, statvfs};
use rustix::process::{Resource, getrlimit};

use super::Report;
use crate::config::Settings;

const MIB: u64 = 1024 * 1024;
/// Less than this is soon full.
const ROOM_WANTED: u64 = 1024 * MIB;
/// With less than this a store can hardly be opened.
const ROOM_NEEDED: u64 = 64 * MIB;
/// 2025-01-01T00:00:00Z: the program is younger than that.
const BORN: Duration = Duration::from_secs(1_735_689_600);
/// A file may be newer than now by this much, because clocks are put right in small steps.
const CLOCK_SLACK: Duration = Duration::from_secs(300);
const SECRET_BYTES: u64 = 32;
/// Enough for 8,192 connections, the stores and their logs.
const OPEN_FILES_WANTED: u64 = 10_000;

pub(super) fn look(settings: &Settings, report: &mut Report) {
    let data = Path::new(settings.text("data"));
    data_folder(data, report);
    room(data, report);
    secret(settings, data, report);
    library(report);
    files(report);
    clock(data, report);
}

fn data_folder(data: &Path, report: &mut Report) {
    let name = "data folder";
    let Ok(metadata) = data.metadata() else {
        let parent = nearest(data);
        let cannot = |why: String| format!("{} cannot be made in {}: {why}", data.display(), parent.display());
        let advice = "give another one with --data, or the right to write there";
        return match access(&parent, Access::WRITE_OK | Access::EXEC_OK) {
            _ if !parent.is_dir() => report.fail(name, cannot("that is no folder".to_owned()), advice),
            Err(error) => report.fail(name, cannot(error.to_string()), advice),
            Ok(()) => report.ok(name, format!("{} is made at the first start", data.display())),
        };
    };
    if !metadata.is_dir() {
        return report.fail(name, format!("{} is no folder", data.display()), "give another one with --data");
    }
    if let Err(error) = access(data, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        let found = format!("{} cannot be written by this user: {error}", data.display());
        return report.fail(name, found, "run as its owner, or change its owner");
    }
    if metadata.mode() & 0o007 != 0 {
        let found = format!("everyone on this machine may look into {}, which holds personal data", data.display());
        return report.warn(name, found, format!("chmod o-rwx {}", data.display()));
    }
    report.ok(name, format!("{} can be written, and only its owner and group look in", data.display()));
}

/// The path itself, or the nearest above it that is there.
fn nearest(path: &Path) -> PathBuf {
    let there = path.ancestors().find(|above| above.exists()).filter(|above| !above.as_os_str().is_empty());
    there.unwrap_or(Path::new(".")).to_path_buf()
}

fn room(data: &Path, report: &mut Report) {
    let (name, folder) = ("disk space", nearest(data));
    let free = match statvfs(&folder) {
        Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
        Err(error) => return report.warn(name, format!("cannot be told: {error}"), "look with df"),
    };
    let found = format!("{} free in {}", size(free), folder.display());
    match free {
        ..ROOM_NEEDED => report.fail(name, found, "make room; writes answer 503 while the disk is full"),
        ROOM_NEEDED..ROOM_WANTED => report.warn(name, found, "make room before it is full"),
        _ => report.ok(name, found),
    }
}

fn size(bytes: u64) -> String {
    if bytes >= 10 * 1024 * MIB { format!("{} GiB", bytes / (1024 * MIB)) } else { format!("{} MiB", bytes / MIB) }
}

/// The secret lies beside the data, in a file of its own, or in the configuration: nobody else may read any of them.
fn secret(settings: &Settings, data: &Path, report: &mut Report) {
    let name = "secrets";
    let described = settings.describe();
    let files =
        described.iter().filter(|setting| setting.value == "(hidden)").map(|setting| PathBuf::from(&setting.source));
    let kept = data.join("programme.secret");
    let mut seen: Vec<PathBuf> = files.filter(|file| file.is_file()).collect();
    let is_given = !settings.text("programme.secret").is_empty();
    if !is_given && kept.is_file() {
        seen.push(kept.clone());
    }
    seen.dedup();
    let loose = |file: &&PathBuf| file.metadata().is_ok_and(|metadata| metadata.mode() & 0o077 != 0);
    if let Some(file) = seen.iter().find(loose) {
        let found = format!("others may read {}", file.display());
        return report.warn(name, found, format!("chmod 600 {}", file.display()));
    }
    let is_whole = |metadata: Metadata| metadata.len() >= SECRET_BYTES;
    if !is_given && kept.exists() && !kept.metadata().is_ok_and(is_whole) {
        let found = format!("{} is shorter than {SECRET_BYTES} bytes", kept.display());
        return report.fail(name, found, "restore it from a backup: phone numbers are recognised by it");
    }
    match (is_given, kept.is_file()) {
        (true, _) => report.ok(name, "the programme's secret comes from the settings"),
        (false, true) => report.ok(name, format!("only its owner may read {}", kept.display())),
        (false, false) => report.ok(name, "the programme's secret is made at the first start"),
    }
}

fn library(report: &mut Report) {
    match embedded_library() {
        (version, true) => report.ok("SQLite library", version),
        (version, false) => {
            let advice = "use a build with the bundled library: before 3.51.3 a file can be corrupted under load";
            report.fail("SQLite library", version, advice);
        }
    }
}

fn files(report: &mut Report) {
    let name = "open files";
    // The server raises its own limit to the hard one, so that one counts.
    match getrlimit(Resource::Nofile).maximum {
        None => report.ok(name, "without a limit"),
        Some(limit) if limit >= OPEN_FILES_WANTED => report.ok(name, format!("up to {limit}")),
        Some(limit) => {
            let found = format!("at most {limit}, fewer than the {OPEN_FILES_WANTED} that all connections need");
            report.warn(name, found, "raise the hard limit: ulimit -Hn, or LimitNOFILE= in the service");
        }
    }
}

fn clock(data: &Path, report: &mut Report) {
    let (name, now) = ("clock", SystemTime::now());
    if now.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|since| since < BORN) {
        return report.fail(name, "it is set to a time before 2025", "set it; the ledger keeps the time for ever");
    }
    let newest = std::fs::read_dir(data).into_iter().flatten().flatten();
    let newest = newest.filter_map(|entry| entry.metadata().ok()?.modified().ok()).max();
    match newest.and_then(|newest| newest.duration_since(now).ok()).filter(|ahead| *ahead > CLOCK_SLACK) {
        Some(ahead) => {
            let found = format!("the data was written {} s after what is now; the clock went back", ahead.as_secs());
            report.warn(name, found, "set it, and let NTP keep it");
        }
        None => report.ok(name, "it runs after everything that was written"),
    }
}
