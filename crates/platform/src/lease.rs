//! Leases: of several processes on one database, one at a time does a job.
//!
//! A lease has a fencing number that rises whenever it passes to another holder. What is written under a lease is
//! written with its number and refused once the lease has passed on: a consumer's cursor remembers the number, from the
//! transaction on that takes the lease (see `funnel/cursor.rs`), a job's commands are checked against it (see `Funnel::submit_under`). So a holder that slept past
//! its time cannot do harm when it wakes.

use crate::db::{Dialect, Kind, Row, Session, Table, Value};
use crate::error::{Error, Result};

/// How long a lease lasts without being renewed.
pub const LEASE_MS: i64 = 10_000;
/// How long whoever stands by leaves a lease alone: each time it asks, the context's writers wait.
pub const STAND_BY_MS: i64 = 250;

static LEASES: Table = Table {
    name: "lease",
    columns: &[("name", Kind::Text), ("holder", Kind::Text), ("fence", Kind::Int), ("until_ms", Kind::Int)],
};

/// What the holder of a lease works under: the lease, and its number when it was taken or renewed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence {
    /// Name of the lease.
    pub lease: &'static str,
    /// Its fencing number, as [`hold`] gave it.
    pub number: i64,
}

/// Takes or renews a lease inside the caller's transaction; its fencing number, or nothing if another one holds it.
/// An embedded store belongs to one process, which shares its jobs with nobody.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn hold(tx: &mut dyn Session, name: &str, holder: &str, now_ms: i64) -> Result<Option<i64>> {
    if tx.dialect() == Dialect::Sqlite {
        return Ok(Some(1));
    }
    let rows = tx.lock_many(&LEASES, &[name.into()])?;
    let fence = match rows.first() {
        None => 1,
        Some(row) if row.text(1) == holder => row.int(2),
        Some(row) if row.int(3) < now_ms => row.int(2) + 1,
        Some(_) => return Ok(None),
    };
    let row: [Value; 4] = [name.into(), holder.into(), fence.into(), (now_ms + LEASE_MS).into()];
    tx.upsert_many(&LEASES, vec![Row(row.into())])?;
    Ok(Some(fence))
}

/// Whether a lease has not passed on since it had this number. It cannot pass on before the caller's transaction ends.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn is_held(tx: &mut dyn Session, name: &str, number: i64) -> Result<bool> {
    if tx.dialect() == Dialect::Sqlite {
        return Ok(true);
    }
    let rows = tx.lock_many(&LEASES, &[name.into()])?;
    Ok(rows.first().is_some_and(|row| row.int(2) == number))
}

/// The answer to what is done under a lease that has passed on.
#[must_use]
pub fn lost() -> Error {
    Error::unavailable("lease.lost", "another process has taken this job over; nothing was changed")
}

/// Gives back every lease of this holder, so that whoever comes next need not wait for their end.
///
/// # Errors
/// `Unavailable` when the store cannot be reached; the leases then end by themselves.
pub fn release_all(tx: &mut dyn Session, holder: &str) -> Result<()> {
    tx.execute("UPDATE lease SET until_ms = 0 WHERE holder = $1", &[holder.into()]).map(|_| ())
}
