//! What every context is handed: the time, the zone, where links point to, and who may do what.

mod reference;
mod search;
mod storing;

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use domain::kernel::{Day, Month};
pub use domain::kernel::{MAX_AMOUNT, MAX_SAFE};
use futures_util::future::BoxFuture;
use platform::access::{Principal, Role};
use platform::clock::Clock;
use platform::db::{Database, Row, Session, Table, Value};
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::Surroundings;
use platform::http::shell::Caller;
use platform::log::Log;
use platform::zone::Zone;

pub(crate) use reference::{ReferenceInput, ReferenceView};
pub(crate) use search::{Found, LOOKED_AT, PIECE, Sought, search};
pub(crate) use storing::Storing;

/// Whom an API key may belong to, beside the operator and other processes.
pub const OWNERS: &[&str] = &["member", "merchant"];

/// What surrounds a context.
#[derive(Clone)]
pub struct Kit {
    /// Links begin with this: `http://127.0.0.1:8080`.
    pub base_url: Arc<str>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The programme's time zone.
    pub zone: Zone,
    /// This process, in leases.
    pub holder: Arc<str>,
    /// Turned off only by the control run of a test.
    pub remembers_keys: bool,
    /// Turned off only by the control run of a test.
    pub checks_fences: bool,
}

impl Kit {
    /// What a funnel of this context needs.
    #[must_use]
    pub fn surroundings(&self, database: &Arc<Database>, log: &Arc<Log>) -> Surroundings {
        Surroundings {
            database: Arc::clone(database),
            log: Arc::clone(log),
            clock: Arc::clone(&self.clock),
            zone: self.zone.clone(),
            remembers_keys: self.remembers_keys,
            checks_fences: self.checks_fences,
        }
    }
}

/// The answer to a question between contexts: outside, whether it could be asked; inside, what the rule said.
pub type Asked<'a, T, R> = BoxFuture<'a, Result<Result<T, R>>>;

/// So often no more numbers are asked for than are needed, because what is too much is lost.
const PATIENT_ROUNDS: usize = 3;
/// Numbers looked at in one round at most.
const LONGEST_STRIDE: usize = 65_536;

/// Numbers of a sequence for things that did not choose one: none that stands in the table already, and none of
/// `chosen`, which are about to.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub(crate) fn free_numbers(
    tx: &mut dyn Session,
    (sequence, table): (&'static str, &'static Table),
    wanted: usize,
    chosen: &HashSet<i64>,
) -> Result<VecDeque<i64>> {
    let mut free = VecDeque::with_capacity(wanted);
    let (mut stride, mut rounds) = (wanted, 0);
    while free.len() < wanted {
        let candidates = tx.next_ids(sequence, stride)?;
        rounds += 1;
        // Long stretches may have been chosen by clients; they are passed in ever longer strides.
        if rounds > PATIENT_ROUNDS {
            stride = (stride * 2).min(LONGEST_STRIDE);
        }
        let keys: Vec<Value> = candidates.iter().copied().map(Value::Int).collect();
        let taken: HashSet<i64> = tx.load_many(table, &keys)?.iter().map(|row| row.int(0)).collect();
        let is_free = |id: &i64| !taken.contains(id) && !chosen.contains(id) && *id <= MAX_SAFE;
        free.extend(candidates.into_iter().filter(is_free));
    }
    Ok(free)
}

/// The month that a day is in.
#[must_use]
pub fn month_of(day: platform::zone::CivilDay) -> Month {
    Month::new(day.0, day.1)
}

/// Locks the rows with these numbers, in their order.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub(crate) fn lock_numbers(
    tx: &mut dyn Session,
    table: &'static Table,
    numbers: impl IntoIterator<Item = i64>,
) -> Result<Vec<Row>> {
    let numbers: BTreeSet<i64> = numbers.into_iter().collect();
    let keys: Vec<Value> = numbers.into_iter().map(Value::Int).collect();
    if keys.is_empty() { Ok(Vec::new()) } else { tx.lock_many(table, &keys) }
}

/// A day as the rules know it.
#[must_use]
pub fn day_of(day: platform::zone::CivilDay) -> Day {
    Day::new(day.0, day.1, day.2)
}

/// Only the operator, and services acting for the operator, may do this.
///
/// # Errors
/// `Forbidden`.
pub fn must_be_operator(caller: &Caller) -> Result<()> {
    match caller.0.role {
        Role::Operator | Role::Service => Ok(()),
        Role::Owner(_) => Err(forbidden()),
    }
}

/// The operator, or the member whom it is about.
///
/// # Errors
/// `Forbidden`; a member is told the same about members that do not exist.
pub fn must_concern(caller: &Caller, member_id: i64) -> Result<()> {
    let Principal { role, owner_id, .. } = &*caller.0;
    match role {
        Role::Operator | Role::Service => Ok(()),
        Role::Owner("member") if *owner_id == Some(member_id) => Ok(()),
        Role::Owner(_) => Err(forbidden()),
    }
}

/// Only another process of the programme may ask this.
///
/// # Errors
/// `Forbidden`.
pub fn must_be_service(caller: &Caller) -> Result<()> {
    if caller.0.role == Role::Service { Ok(()) } else { Err(forbidden()) }
}

/// The number of the caller's own for a caller of this kind, who may see only that; nothing for one who may see all.
///
/// # Errors
/// `Forbidden` for callers of another kind.
pub(crate) fn own_of(caller: &Caller, kind: &str) -> Result<Option<i64>> {
    match caller.0.role {
        Role::Operator | Role::Service => Ok(None),
        Role::Owner(owner) if owner == kind => Ok(Some(caller.0.owner_id.unwrap_or(0))),
        Role::Owner(_) => Err(forbidden()),
    }
}

/// What a list is to be about: what was asked for, or the caller's own.
///
/// # Errors
/// `Forbidden` for another's.
pub(crate) fn only(asked: Option<i64>, own: Option<i64>) -> Result<Option<i64>> {
    match (asked, own) {
        (Some(asked), Some(own)) if asked != own => Err(forbidden()),
        _ => Ok(asked.or(own)),
    }
}

pub(crate) fn forbidden() -> Error {
    Error::new(ErrorKind::Forbidden, "auth.not_allowed", "this API key may not do that")
}

/// Something that `onepoint verify` found wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Number of the row that it is about.
    pub id: i64,
    /// What is wrong with it.
    pub what: String,
}

impl Finding {
    /// What is wrong with row `id`.
    pub fn of(id: i64, what: impl Into<String>) -> Self {
        Self { id, what: what.into() }
    }
}

/// What `onepoint verify` looked at, and what it found there.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Every check with what it found; nothing found is good.
    pub checks: Vec<(&'static str, Vec<Finding>)>,
}

impl Findings {
    /// These checks, with nothing found yet.
    #[must_use]
    pub fn new(checks: &[&'static str]) -> Self {
        Self { checks: checks.iter().map(|check| (*check, Vec::new())).collect() }
    }

    /// A check failed.
    pub fn add(&mut self, check: &'static str, finding: Finding) {
        match self.checks.iter_mut().find(|(name, _)| *name == check) {
            Some((_, found)) => found.push(finding),
            None => self.checks.push((check, vec![finding])),
        }
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.checks.iter().all(|(_, found)| found.is_empty())
    }
}
