//! Donation's tables and rows.

use std::collections::{HashMap, VecDeque};

use domain::donation::{self, Cause, Donation, DonationStatus, Event};
use platform::db::{Kind, Migration, Row, Session, Table, Value};
use platform::error::{Error, Result};
use platform::funnel::Out;

use crate::kit::lock_numbers;

/// The schema of donation.
pub const MIGRATIONS: &[Migration] = &[Migration {
    number: 7,
    name: "donation_donations",
    sql: include_str!("../../../../migrations/0007_donation_donations.sql"),
    lives_with: 7,
}];

pub(super) static DONATION: Table = Table {
    name: "donation",
    columns: &[
        ("donation_id", Kind::Int),
        ("member_id", Kind::Int),
        ("cause_id", Kind::Int),
        ("amount", Kind::Int),
        ("balance_above", Kind::Int),
        ("status", Kind::Text),
        ("reason", Kind::Text),
        ("balance_before", Kind::Int),
        ("balance_after", Kind::Int),
        ("requested_at", Kind::Int),
        ("ended_at", Kind::Int),
    ],
};

pub(super) static CAUSE: Table = Table {
    name: "cause",
    columns: &[
        ("cause_id", Kind::Int),
        ("name", Kind::Text),
        ("received_point", Kind::Int),
        ("donation_count", Kind::Int),
        ("open", Kind::Int),
        ("sequence", Kind::Int),
    ],
};

pub(super) static DONOR: Table = Table { name: "donor", columns: &[("member_id", Kind::Int), ("sequence", Kind::Int)] };

/// Which donations a list is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chosen {
    /// Only of this member.
    pub member_id: Option<i64>,
    /// Only for this cause.
    pub cause_id: Option<i64>,
    /// Only those that were received.
    pub received: bool,
}

/// A list's statement and its values.
pub(super) fn list_donations(chosen: Chosen, after: i64, limit: i64) -> (String, Vec<Value>) {
    let mut params = vec![Value::Int(after)];
    let mut only = String::new();
    for (column, number) in [("member_id", chosen.member_id), ("cause_id", chosen.cause_id)] {
        if let Some(number) = number {
            params.push(Value::Int(number));
            only.push_str(&format!(" AND {column} = ${}", params.len()));
        }
    }
    if chosen.received {
        only.push_str(" AND status = 'DONATED'");
    }
    params.push(Value::Int(limit));
    let (columns, table, last) = (DONATION.column_list(), DONATION.name, params.len());
    let sql = format!("SELECT {columns} FROM {table} WHERE donation_id > $1{only} ORDER BY donation_id LIMIT ${last}");
    (sql, params)
}

pub(super) fn list_causes_sql() -> String {
    let (columns, table) = (CAUSE.column_list(), CAUSE.name);
    format!("SELECT {columns} FROM {table} WHERE cause_id > $1 ORDER BY cause_id LIMIT $2")
}

/// A donation as it is stored.
#[derive(Debug, Clone)]
pub struct Stored {
    pub(super) donation: Donation,
    pub(super) requested_at: i64,
}

impl Stored {
    pub(super) fn read(row: &Row) -> Self {
        let donation = Donation {
            donation_id: row.int(0),
            member_id: row.int(1),
            cause_id: row.int(2),
            amount: row.int(3),
            balance_above: row.int(4),
            status: DonationStatus::from_name(row.text(5)).unwrap_or(DonationStatus::Requested),
            reason: Some(row.text(6).to_owned()).filter(|reason| !reason.is_empty()),
            balance_before: row.opt_int(7),
            balance_after: row.opt_int(8),
            ended_at_ms: row.opt_int(10),
        };
        Self { donation, requested_at: row.int(9) }
    }

    fn to_row(&self) -> Row {
        let Donation { donation_id, member_id, cause_id, amount, balance_above, status, .. } = self.donation;
        let reason = self.donation.reason.clone();
        let numbers = [donation_id, member_id, cause_id, amount, balance_above].map(Value::Int);
        let outcome = [status.name().into(), reason.into()];
        let balances = [self.donation.balance_before, self.donation.balance_after].map(Value::from);
        let times = [self.requested_at.into(), self.donation.ended_at_ms.into()];
        Row(numbers.into_iter().chain(outcome).chain(balances).chain(times).collect())
    }
}

pub(super) fn read_cause(row: &Row) -> Cause {
    Cause {
        cause_id: row.int(0),
        name: row.text(1).to_owned(),
        received_point: row.int(2),
        donation_count: row.int(3),
        open: row.int(4) != 0,
        sequence: row.int(5),
    }
}

fn cause_row(cause: Cause) -> Row {
    let Cause { cause_id, name, received_point, donation_count, open, sequence } = cause;
    let figures = [received_point, donation_count, i64::from(open), sequence].map(Value::Int);
    Row([cause_id.into(), name.into()].into_iter().chain(figures).collect())
}

/// What a batch works on.
#[derive(Default)]
pub struct Loaded {
    donations: HashMap<i64, Stored>,
    causes: HashMap<i64, Cause>,
    /// The sequence of the last event about each member's donations.
    donors: HashMap<i64, i64>,
    pub(super) donation_numbers: VecDeque<i64>,
    pub(super) cause_numbers: VecDeque<i64>,
    fresh: Vec<i64>,
    changed: Vec<i64>,
    changed_causes: Vec<i64>,
    changed_donors: Vec<i64>,
}

/// What the commands of a batch touch.
#[derive(Default)]
pub(super) struct Touched {
    pub(super) donations: Vec<i64>,
    pub(super) causes: Vec<i64>,
    pub(super) members: Vec<i64>,
}

impl Loaded {
    /// Locks what is touched, and the causes and members of the donations among it.
    pub(super) fn load(tx: &mut dyn Session, mut touched: Touched) -> Result<Self> {
        let mut loaded = Self::default();
        for row in lock_numbers(tx, &DONATION, touched.donations)? {
            let stored = Stored::read(&row);
            touched.causes.push(stored.donation.cause_id);
            touched.members.push(stored.donation.member_id);
            loaded.donations.insert(stored.donation.donation_id, stored);
        }
        let causes = lock_numbers(tx, &CAUSE, touched.causes)?;
        loaded.causes = causes.iter().map(|row| (row.int(0), read_cause(row))).collect();
        let donors = lock_numbers(tx, &DONOR, touched.members)?;
        loaded.donors = donors.iter().map(|row| (row.int(0), row.int(1))).collect();
        Ok(loaded)
    }

    pub(super) fn donation(&self, donation_id: i64) -> Option<&Stored> {
        self.donations.get(&donation_id)
    }

    pub(super) fn cause(&self, cause_id: i64) -> Option<&Cause> {
        self.causes.get(&cause_id)
    }

    /// Takes what happened to a donation in, and tells of it under its member.
    pub(super) fn record(&mut self, event: &Event, out: &mut Out<'_>) -> Result<Stored> {
        let (donation_id, member_id, cause_id) = match *event {
            Event::DonationRequested { donation_id, member_id, cause_id, .. }
            | Event::DonationRefused { donation_id, member_id, cause_id, .. }
            | Event::DonationEnded { donation_id, member_id, cause_id, .. } => (donation_id, member_id, cause_id),
            Event::CauseOpened { .. } | Event::CauseChanged { .. } => {
                return Err(Error::internal("an event about a cause is none about a donation"));
            }
        };
        let before = self.donations.remove(&donation_id);
        let requested_at = before.as_ref().map_or(out.moment.now_ms, |stored| stored.requested_at);
        let list = if before.is_some() { &mut self.changed } else { &mut self.fresh };
        list.push(donation_id);
        let (mut donation, mut cause) = (before.map(|stored| stored.donation), self.causes.remove(&cause_id));
        let received = cause.as_ref().map(|cause| cause.received_point);
        donation::apply(&mut donation, &mut cause, event);
        if let Some(cause) = cause {
            if received != Some(cause.received_point) {
                self.changed_causes.push(cause_id);
            }
            self.causes.insert(cause_id, cause);
        }
        let donation = donation.ok_or_else(|| Error::internal("an event about a donation left none"))?;
        let stored = Stored { donation, requested_at };
        self.donations.insert(donation_id, stored.clone());
        let sequence = self.donors.entry(member_id).or_insert(0);
        *sequence += 1;
        self.changed_donors.push(member_id);
        out.emit(member_id, *sequence, event)?;
        Ok(stored)
    }

    /// Takes what happened to a cause in, and tells of it.
    pub(super) fn record_cause(&mut self, cause_id: i64, event: &Event, out: &mut Out<'_>) -> Result<Cause> {
        let mut cause = self.causes.remove(&cause_id);
        donation::apply(&mut None, &mut cause, event);
        let cause = cause.ok_or_else(|| Error::internal("an event about a cause left none"))?;
        self.changed_causes.push(cause_id);
        out.emit(cause_id, cause.sequence, event)?;
        self.causes.insert(cause_id, cause.clone());
        Ok(cause)
    }

    pub(super) fn store(mut self, tx: &mut dyn Session) -> Result<()> {
        // What was asked for and decided in one batch is written once.
        self.changed.retain(|id| !self.fresh.contains(id));
        for ids in [&mut self.changed, &mut self.changed_causes, &mut self.changed_donors] {
            ids.sort_unstable();
            ids.dedup();
        }
        let rows = |ids: &[i64]| ids.iter().filter_map(|id| self.donations.get(id)).map(Stored::to_row).collect();
        tx.insert_many(&DONATION, rows(&self.fresh))?;
        tx.update_many(&DONATION, rows(&self.changed))?;
        let causes = self.changed_causes.iter().filter_map(|id| self.causes.get(id).cloned()).map(cause_row);
        tx.upsert_many(&CAUSE, causes.collect())?;
        let donor = |id: &i64| Some(Row(vec![(*id).into(), (*self.donors.get(id)?).into()]));
        tx.upsert_many(&DONOR, self.changed_donors.iter().filter_map(donor).collect())
    }
}

/// Donations after a number, for looking at all of them piece by piece.
pub(super) fn donations_after(session: &mut dyn Session, after: i64, limit: i64) -> Result<Vec<Stored>> {
    let (sql, params) = list_donations(Chosen::default(), after, limit);
    Ok(session.query(&sql, &params)?.iter().map(Stored::read).collect())
}

/// Causes after a number.
pub(super) fn causes_after(session: &mut dyn Session, after: i64, limit: i64) -> Result<Vec<Cause>> {
    Ok(session.query(&list_causes_sql(), &[after.into(), limit.into()])?.iter().map(read_cause).collect())
}
