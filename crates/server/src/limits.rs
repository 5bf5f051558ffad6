//! How many files this process may have open: every connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Enough for 8,192 connections, the stores and their logs.
pub const OPEN_FILES_WANTED: u64 = 10_000;

/// The most files that this process may have open once it has raised its own limit; nothing if there is no limit.
#[must_use]
pub fn open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// Raises this process's limit to what it is allowed. Shells start programs with 1,024, which is fewer than the
/// connections that are served at once.
pub fn raise_open_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}
