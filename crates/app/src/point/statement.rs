//! Statements: the entries of one member, newest first.
//!
//! There is no table beside the ledger for them. Each entry names the one before it, the account names the last one, and
//! a statement walks that list by primary key, so that earning and using points pay two numbers for it.

use axum::extract::{FromRequestParts, Query};
use axum::http::header::ACCEPT;
use axum::http::request::Parts;
use domain::point::EntryKind;
use platform::db::Value;
use platform::error::{Error, Result};
use platform::http::csv::{Cell, write_row};
use platform::http::percent::encoded;
use platform::zone::{Zone, parse_day, parse_instant};
use serde::Deserialize;

use super::entry::{EntryRow, EntryView};
use super::store::{ACCOUNT, Slot, walk_sql};
use super::{Points, account_unknown};

/// Entries looked at for one page at most; if a filter lets fewer through than a page holds, the next one goes on.
const LOOKED_AT_MOST: i64 = 5_000;
/// Entries read in one statement of the database.
const PIECE: i64 = 500;
/// A clock may be put back, so entries need not be in the order of their times. This much is allowed for before a walk
/// ends at the beginning of the asked time.
const CLOCK_SLACK_MS: i64 = 24 * 60 * 60 * 1_000;

/// Which entries are wanted.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    kinds: Vec<EntryKind>,
    from_ms: Option<i64>,
    /// Included.
    to_ms: Option<i64>,
}

impl Filter {
    fn takes(&self, entry: &EntryRow) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&entry.kind))
            && self.from_ms.is_none_or(|from| entry.at_ms >= from)
            && self.to_ms.is_none_or(|to| entry.at_ms <= to)
    }

    fn takes_all(&self) -> bool {
        self.kinds.is_empty() && self.from_ms.is_none() && self.to_ms.is_none()
    }

    /// Whether nothing before an entry of this time can be wanted.
    fn ends_before(&self, at_ms: i64) -> bool {
        self.from_ms.is_some_and(|from| at_ms < from.saturating_sub(CLOCK_SLACK_MS))
    }
}

/// A part of a statement.
pub(super) struct Statement {
    pub(super) entries: Vec<EntryView>,
    /// Where it goes on.
    pub(super) next: Option<i64>,
}

impl Points {
    /// Up to `limit` entries of a member that `filter` takes, from `after` on or from the newest.
    ///
    /// # Errors
    /// 404 when there is no account, or it is closed; 422 for an `after` that is no place in this statement.
    pub(super) async fn statement(
        &self,
        member_id: i64,
        filter: &Filter,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Statement> {
        self.funnel.must_be_open()?;
        let account = self.database.get(&ACCOUNT, member_id).await?.map(|row| Slot::read(&row));
        let slot = account.filter(|slot| !slot.account.closed).ok_or_else(account_unknown)?;
        let mut place = after.unwrap_or(slot.last_entry);
        let (mut entries, mut looked_at) = (Vec::new(), 0);
        while place != 0 && entries.len() < limit && looked_at < LOOKED_AT_MOST {
            if looked_at > 0 {
                // An embedded store is read on this thread; others who are served by it get their turn.
                tokio::task::yield_now().await;
            }
            let missing = i64::try_from(limit - entries.len()).unwrap_or(PIECE);
            let piece = if filter.takes_all() { missing.min(PIECE) } else { PIECE };
            let rows = self.database.query(&walk_sql(), &[place.into(), Value::Int(piece)]).await?;
            if rows.first().is_none_or(|row| row.int(1) != member_id) {
                return Err(if looked_at == 0 && after.is_some() { no_place() } else { broken_list() });
            }
            for row in &rows {
                looked_at += 1;
                place = row.int(16);
                // An entry of a kind that this version does not know is left out; `verify` speaks of it.
                let Some(entry) = EntryRow::read(row) else { continue };
                if filter.ends_before(entry.at_ms) {
                    return Ok(Statement { entries, next: None });
                }
                if filter.takes(&entry) {
                    entries.push(EntryView::of(&entry, &self.kit.zone));
                    if entries.len() == limit {
                        break;
                    }
                }
            }
        }
        Ok(Statement { entries, next: (place != 0).then_some(place) })
    }
}

fn no_place() -> Error {
    Error::invalid("/query/after", "after must be taken from the _links.next of an earlier page")
}

fn broken_list() -> Error {
    Error::internal("an entry names one before it that is not there; run onepoint verify")
}

/// What a client asked for.
#[derive(Debug, Clone)]
pub(super) struct StatementQuery {
    kind: Option<String>,
    from: Option<String>,
    to: Option<String>,
    pub(super) is_csv: bool,
}

#[derive(Deserialize)]
struct Raw {
    kind: Option<String>,
    from: Option<String>,
    to: Option<String>,
    format: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for StatementQuery {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self> {
        let Query(raw) = Query::<Raw>::try_from_uri(&parts.uri)
            .map_err(|error| Error::invalid("/query", "the query cannot be read").caused_by(error))?;
        let accept = parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_csv = match raw.format.as_deref() {
            Some("csv") => true,
            Some("json") => false,
            Some(_) => return Err(Error::invalid("/query/format", "format is json or csv")),
            None => accept.split(',').any(|part| is_media_type(part, "text/csv")),
        };
        Ok(Self { kind: raw.kind, from: raw.from, to: raw.to, is_csv })
    }
}

fn is_media_type(part: &str, wanted: &str) -> bool {
    part.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted))
}

impl StatementQuery {
    /// What it means.
    ///
    /// # Errors
    /// 422 with the field to blame.
    pub(super) fn filter(&self, zone: &Zone) -> Result<Filter> {
        let kinds = self.kind.as_deref().map(read_kinds).transpose()?.unwrap_or_default();
        let from_ms = self.from.as_deref().map(|text| read_time(text, "/query/from", zone, false)).transpose()?;
        let to_ms = self.to.as_deref().map(|text| read_time(text, "/query/to", zone, true)).transpose()?;
        if from_ms.zip(to_ms).is_some_and(|(from, to)| from > to) {
            return Err(Error::invalid("/query/to", "to is before from"));
        }
        Ok(Filter { kinds, from_ms, to_ms })
    }

    /// The query that asks for the same again.
    pub(super) fn text(&self, limit: i64) -> String {
        let fields = [("kind", &self.kind), ("from", &self.from), ("to", &self.to)];
        let asked =
            fields.into_iter().filter_map(|(name, value)| Some(format!("{name}={}&", encoded(value.as_ref()?))));
        asked.chain([format!("limit={limit}")]).collect()
    }
}

/// One or several kinds with commas between.
fn read_kinds(text: &str) -> Result<Vec<EntryKind>> {
    let read = |name: &str| EntryKind::from_name(name.trim());
    text.split(',').map(read).collect::<Option<Vec<_>>>().ok_or_else(|| {
        let names = EntryKind::ALL.map(EntryKind::name).join(", ");
        Error::invalid("/query/kind", format!("kind is one or several, with commas between, of {names}"))
    })
}

/// A day, from its first instant or to its last, or an instant.
fn read_time(text: &str, pointer: &'static str, zone: &Zone, is_end: bool) -> Result<i64> {
    let day = parse_day(text).and_then(|day| {
        let next = domain::kernel::Day::new(day.0, day.1, day.2).next();
        let next = (next.month.year(), next.month.number(), next.day);
        if is_end { zone.start_of(next).map(|end| end - 1) } else { zone.start_of(day) }
    });
    // In a query a plus sign stands for a blank, and many clients forget that.
    let instant = || parse_instant(&text.replace(' ', "+")).ok();
    day.or_else(instant).ok_or_else(|| {
        Error::invalid(pointer, "write a day like 2020-07-15, or an instant like 2020-07-15T12:00:00+09:00")
    })
}

/// The first row of a statement as CSV.
pub(super) fn csv_head() -> String {
    let mut out = String::new();
    let names = ["entryId", "at", "kind", "amount", "balanceAfter", "referenceType", "referenceId", "reason"];
    write_row(&mut out, &names.map(Cell::Text));
    out
}

/// Appends entries as CSV.
pub(super) fn write_csv(out: &mut String, entries: &[EntryView]) {
    for entry in entries {
        let reference = entry.reference.as_ref();
        let cells = [
            Cell::Number(entry.entry_id),
            Cell::Text(&entry.at),
            Cell::Text(entry.kind.name()),
            Cell::Number(entry.amount),
            Cell::Number(entry.balance_after),
            Cell::Text(reference.map_or("", |reference| &reference.kind)),
            Cell::Text(reference.map_or("", |reference| &reference.id)),
            Cell::Text(entry.reason.as_deref().unwrap_or_default()),
        ];
        write_row(out, &cells);
    }
}
