//! Point's tables, and its side of the funnel.

use std::collections::HashMap;

use domain::kernel::Month;
use domain::member::MemberStatus;
use domain::point::{
    self, Account, AdjustPoints, EarnPoints, Event, FollowMember, Movement, Reference, Rejection, UsePoints,
    WelcomeMember,
};
use platform::db::{Kind, Migration, Row, Session, Table, Value};
use platform::error::{Error, Result};
use platform::funnel::{Moment, Out, Writer};
use platform::log::{self, LogSource};
use platform::zone::{CivilDay, Zone};
use serde::Serialize;
use utoipa::ToSchema;

use super::chain::{self, Link};
use super::entry::{EntryFacts, EntryRow, EntryView, PointEvent, event_kind, open_lots, write_lots};
use super::{account_unknown, refusal};
use crate::kit::month_of;

/// The schema of point.
pub const MIGRATIONS: &[Migration] = &[Migration {
    number: 4,
    name: "point_ledger",
    sql: include_str!("../../../../migrations/0004_point_ledger.sql"),
    lives_with: 4,
}];

pub(super) static ACCOUNT: Table = Table {
    name: "point_account",
    columns: &[
        ("member_id", Kind::Int),
        ("member_status", Kind::Text),
        ("remain_point", Kind::Int),
        ("held", Kind::Int),
        ("owed", Kind::Int),
        ("require_point", Kind::Int),
        ("lots", Kind::Text),
        ("sequence", Kind::Int),
        ("member_sequence", Kind::Int),
        ("welcomed", Kind::Int),
        ("closing", Kind::Int),
        ("ended_attempt", Kind::Int),
        ("closed", Kind::Int),
        ("head", Kind::Blob),
    ],
};

pub(super) static ENTRY: Table = Table {
    name: "point_entry",
    columns: &[
        ("position", Kind::Int),
        ("member_id", Kind::Int),
        ("sequence", Kind::Int),
        ("kind", Kind::Text),
        ("debit_account", Kind::Text),
        ("credit_account", Kind::Text),
        ("amount", Kind::Int),
        ("balance_after", Kind::Int),
        ("reference_type", Kind::Text),
        ("reference_id", Kind::Text),
        ("reason", Kind::Text),
        ("lots", Kind::Text),
        ("at", Kind::Int),
        ("hash", Kind::Blob),
        ("key", Kind::Blob),
        ("digest", Kind::Int),
    ],
};

/// Entries are events: they are rendered when the log is read.
pub(super) static ENTRY_SOURCE: LogSource = LogSource { table: &ENTRY, render: render_entry };

fn render_entry(row: Row) -> Option<log::Event> {
    let entry = EntryRow::read(&row)?;
    let facts = EntryFacts {
        entry_id: entry.position,
        member_id: entry.member_id,
        amount: entry.amount,
        balance_after: entry.balance_after,
    };
    Some(log::Event {
        cursor: platform::db::Cursor { xid: 0, position: entry.position },
        kind: event_kind(entry.kind).to_owned(),
        subject: entry.member_id,
        sequence: entry.sequence,
        at_ms: entry.at_ms,
        data: serde_json::to_string(&facts).ok()?,
    })
}

pub(super) fn list_sql() -> String {
    format!(
        "SELECT {} FROM {} WHERE member_id > $1 AND closed = 0 ORDER BY member_id LIMIT $2",
        ACCOUNT.column_list(),
        ACCOUNT.name
    )
}

/// The programme's settings that concern points (SPEC section 5).
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Points given once to a member who becomes NORMAL.
    pub welcome_point: i64,
    /// Months after the month of earning at whose end points expire.
    pub expiry_months: i32,
}

/// What a transaction is about.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// Points; with sign only for an adjustment.
    pub amount: i64,
    /// What it is about.
    pub reference: Option<Reference>,
    /// Why, in the words of whoever asked.
    pub reason: Option<String>,
}

/// Which way points go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionKind {
    /// To the member.
    Earn,
    /// From the member.
    Use,
    /// By the operator, either way.
    Adjust,
}

/// What can be asked of the ledger.
#[derive(Debug)]
pub enum Command {
    /// Earn, use or adjust.
    Transact { member_id: i64, kind: TransactionKind, transaction: Transaction },
    /// Seed 0's PATCH.
    RequestAdjustment { member_id: i64, require_point: i64, reason: Option<String> },
    /// An event of member.
    FollowMember { member_id: i64, follow: FollowMember, welcome: bool },
    /// A withdrawal begins.
    PrepareWithdrawal { member_id: i64, attempt: i64 },
    /// It was undone.
    ReleaseWithdrawal { member_id: i64, attempt: i64 },
    /// It was decided.
    ConfirmWithdrawal { member_id: i64, attempt: i64 },
}

impl Command {
    fn member_id(&self) -> i64 {
        match self {
            Self::Transact { member_id, .. }
            | Self::RequestAdjustment { member_id, .. }
            | Self::FollowMember { member_id, .. }
            | Self::PrepareWithdrawal { member_id, .. }
            | Self::ReleaseWithdrawal { member_id, .. }
            | Self::ConfirmWithdrawal { member_id, .. } => *member_id,
        }
    }
}

/// What the ledger answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Points moved.
    Entry(EntryView),
    /// The answer to a PATCH.
    Adjusted(Adjusted),
    /// The answer to a prepare: points that would be lost.
    Prepared(Result<i64, Rejection>),
    /// Nothing to say.
    Taken,
}

/// The answer to seed 0's `PATCH /points/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Adjusted {
    /// Whose balance it is.
    pub member_id: i64,
    /// The member's status.
    #[schema(value_type = String)]
    pub member_status: MemberStatus,
    /// The balance in points.
    pub remain_point: i64,
    /// What was asked for.
    pub require_point: i64,
    /// `APPLIED` or `REJECTED`.
    pub result: &'static str,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An account on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountView {
    /// Whose points they are.
    pub member_id: i64,
    /// The member's status.
    #[schema(value_type = String)]
    pub member_status: MemberStatus,
    /// The balance in points, held ones included.
    pub remain_point: i64,
    /// The last adjustment asked for.
    pub require_point: Option<i64>,
    /// Points reserved.
    pub held: i64,
    /// Points that later earnings repay.
    pub owed: i64,
    /// Points that expire at the end of this month or of the next two.
    pub expiring_soon: i64,
}

impl AccountView {
    /// An account from its row; nothing for a closed one.
    pub(super) fn read(row: &Row, today: CivilDay) -> Option<Self> {
        let Slot { account, .. } = Slot::read(row);
        let soon = month_of(today).plus(2);
        (!account.closed).then(|| Self {
            member_id: account.member_id,
            member_status: account.member_status,
            remain_point: account.remain_point,
            require_point: account.require_point,
            held: account.held,
            owed: account.owed,
            expiring_soon: account.lots.iter().filter(|(month, _)| *month <= soon).map(|(_, point)| point).sum(),
        })
    }
}

/// An account in a batch.
pub(super) struct Slot {
    pub(super) account: Account,
    pub(super) head: Link,
    changed: bool,
}

impl Slot {
    pub(super) fn read(row: &Row) -> Self {
        let account = Account {
            member_id: row.int(0),
            member_status: MemberStatus::from_name(row.text(1)).unwrap_or(MemberStatus::Abnormal),
            remain_point: row.int(2),
            held: row.int(3),
            owed: row.int(4),
            require_point: row.opt_int(5),
            lots: open_lots(row.text(6)),
            sequence: row.int(7),
            member_sequence: row.int(8),
            welcomed: row.int(9) != 0,
            closing: row.opt_int(10),
            ended_attempt: row.int(11),
            closed: row.int(12) != 0,
        };
        let head = row.blob(13).and_then(|bytes| bytes.try_into().ok()).unwrap_or(chain::START);
        Self { account, head, changed: false }
    }

    fn into_row(self) -> Row {
        let Account {
            member_id,
            member_status,
            remain_point,
            held,
            owed,
            require_point,
            lots,
            sequence,
            member_sequence,
            welcomed,
            closing,
            ended_attempt,
            closed,
        } = self.account;
        Row(vec![
            member_id.into(),
            member_status.name().into(),
            remain_point.into(),
            held.into(),
            owed.into(),
            require_point.into(),
            write_lots(lots.iter()).into(),
            sequence.into(),
            member_sequence.into(),
            i64::from(welcomed).into(),
            closing.into(),
            ended_attempt.into(),
            i64::from(closed).into(),
            self.head.to_vec().into(),
        ])
    }
}

/// What a batch works on.
pub struct Loaded {
    slots: HashMap<i64, Slot>,
    entries: Vec<Row>,
}

/// Point's side of the funnel.
pub struct PointWriter {
    policy: Policy,
    zone: Zone,
}

impl PointWriter {
    pub(super) fn new(policy: Policy, zone: Zone) -> Self {
        Self { policy, zone }
    }

    fn expiry(&self, moment: &Moment) -> Month {
        month_of(moment.day).plus(self.policy.expiry_months)
    }

    fn transact(
        &self,
        loaded: &mut Loaded,
        member_id: i64,
        kind: TransactionKind,
        transaction: &Transaction,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let slot = loaded.open_slot(member_id)?;
        let expires = self.expiry(&out.moment);
        let Transaction { amount, reference, reason } = transaction.clone();
        let event = match kind {
            TransactionKind::Earn => {
                point::earn_points(&slot.account, &EarnPoints { amount, expires, reference, reason })
            }
            TransactionKind::Use => point::use_points(&slot.account, &UsePoints { amount, reference, reason }),
            TransactionKind::Adjust => {
                point::adjust_points(&slot.account, &AdjustPoints { amount, expires, reference, reason })
                    .map(Event::PointsMoved)
            }
        };
        let event = event.map_err(|rejection| refusal(rejection, "/amount"))?;
        let entry = loaded.record(member_id, &event, out)?;
        entry
            .map(|entry| Answer::Entry(EntryView::of(&entry, &self.zone)))
            .ok_or_else(|| Error::internal("a movement left no entry"))
    }

    fn request_adjustment(
        &self,
        loaded: &mut Loaded,
        member_id: i64,
        require_point: i64,
        reason: Option<&String>,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let slot = loaded.open_slot(member_id)?;
        let request = AdjustPoints {
            amount: require_point,
            expires: self.expiry(&out.moment),
            reference: None,
            reason: reason.cloned(),
        };
        let event = request.as_request(&slot.account).map_err(|rejection| refusal(rejection, "/requirePoint"))?;
        loaded.record(member_id, &event, out)?;
        let account = &loaded.open_slot(member_id)?.account;
        let reason =
            if let Event::AdjustmentRejected { reason, .. } = event { Some(reason.reason().to_owned()) } else { None };
        Ok(Answer::Adjusted(adjusted(member_id, account.member_status, account.remain_point, require_point, reason)))
    }

    fn follow(
        &self,
        loaded: &mut Loaded,
        member_id: i64,
        follow: &FollowMember,
        welcome: bool,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let known = loaded.slots.get(&member_id).map(|slot| &slot.account);
        let event = match known {
            None => point::open_account(None, follow),
            Some(account) => point::follow_member(account, follow),
        };
        let Some(event) = event else { return Ok(Answer::Taken) };
        loaded.slots.entry(member_id).or_insert_with(|| Slot {
            account: Account::new(member_id),
            head: chain::START,
            changed: false,
        });
        loaded.record(member_id, &event, out)?;
        if welcome && let Some(slot) = loaded.slots.get(&member_id) {
            let gift = WelcomeMember { amount: self.policy.welcome_point, expires: self.expiry(&out.moment) };
            let given = point::welcome_member(&slot.account, &gift).map_err(|rejection| refusal(rejection, ""))?;
            if let Some(event) = given {
                loaded.record(member_id, &event, out)?;
            }
        }
        Ok(Answer::Taken)
    }

    fn prepare(loaded: &mut Loaded, member_id: i64, attempt: i64, out: &mut Out<'_>) -> Result<Answer> {
        let Some(slot) = loaded.slots.get(&member_id) else {
            return Err(Error::unavailable(
                "point.account_not_yet",
                "the member's point account is about to open; repeat in a moment",
            ));
        };
        let prepared = point::prepare_withdrawal(&slot.account, attempt);
        if let Ok(Some(event)) = &prepared {
            loaded.record(member_id, event, out)?;
        }
        let remain_point = loaded.slots.get(&member_id).map_or(0, |slot| slot.account.remain_point);
        Ok(Answer::Prepared(prepared.map(|_| remain_point)))
    }

    fn end_withdrawal(
        loaded: &mut Loaded,
        member_id: i64,
        attempt: i64,
        confirmed: bool,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let steps: &[fn(&Account, i64) -> Option<Event>] = if confirmed {
            &[|account, _| point::forfeit_points(account), point::close_account]
        } else {
            &[point::release_withdrawal]
        };
        let mut forfeited = 0;
        for step in steps {
            let Some(slot) = loaded.slots.get(&member_id) else { break };
            let Some(event) = step(&slot.account, attempt) else { continue };
            if let Event::PointsMoved(movement) = &event {
                forfeited = -movement.amount;
            }
            loaded.record_with(member_id, &event, forfeited, out)?;
        }
        Ok(Answer::Taken)
    }
}

fn adjusted(
    member_id: i64,
    member_status: MemberStatus,
    remain_point: i64,
    require_point: i64,
    reason: Option<String>,
) -> Adjusted {
    let result = if reason.is_none() { "APPLIED" } else { "REJECTED" };
    Adjusted { member_id, member_status, remain_point, require_point, result, reason }
}

impl Loaded {
    fn open_slot(&mut self, member_id: i64) -> Result<&mut Slot> {
        self.slots.get_mut(&member_id).filter(|slot| !slot.account.closed).ok_or_else(account_unknown)
    }

    fn record(&mut self, member_id: i64, event: &Event, out: &mut Out<'_>) -> Result<Option<EntryRow>> {
        self.record_with(member_id, event, 0, out)
    }

    /// Applies an event and writes its row: an entry where points moved, an event otherwise.
    fn record_with(
        &mut self,
        member_id: i64,
        event: &Event,
        forfeited_point: i64,
        out: &mut Out<'_>,
    ) -> Result<Option<EntryRow>> {
        let slot = self.slots.get_mut(&member_id).ok_or_else(account_unknown)?;
        point::apply(&mut slot.account, event);
        slot.changed = true;
        let Account { sequence, member_status, remain_point, .. } = slot.account;
        let told = match event {
            Event::PointsMoved(movement) | Event::PointsAdjusted(movement) => {
                let entry = slot.book(movement, out)?;
                let position = entry.position;
                self.entries.push(entry.clone().into_row(&slot.head, out.take_stamp(position)));
                return Ok(Some(entry));
            }
            Event::AccountOpened { .. } => PointEvent::AccountOpened { member_id },
            Event::StatusFollowed { status, .. } => PointEvent::StatusFollowed { member_id, status: *status },
            Event::AdjustmentRejected { require_point, reason } => PointEvent::AdjustmentRejected {
                member_id,
                require_point: *require_point,
                reason: reason.reason().to_owned(),
                member_status,
                remain_point,
            },
            Event::WithdrawalPrepared { attempt } => PointEvent::WithdrawalPrepared { member_id, attempt: *attempt },
            Event::WithdrawalReleased { attempt } => PointEvent::WithdrawalReleased { member_id, attempt: *attempt },
            Event::AccountClosed { attempt } => {
                PointEvent::AccountClosed { member_id, attempt: *attempt, forfeited_point }
            }
        };
        out.emit(member_id, sequence, &told)?;
        Ok(None)
    }
}

impl Slot {
    /// The entry of a movement, linked to the one before it.
    fn book(&mut self, movement: &Movement, out: &mut Out<'_>) -> Result<EntryRow> {
        let position = out.next_position()?;
        let entry = EntryRow::new(position, self.account.member_id, self.account.sequence, out.moment.now_ms, movement);
        self.head = chain::link(&self.head, &entry);
        Ok(entry)
    }
}

impl Writer for PointWriter {
    type Command = Command;
    type Answer = Answer;
    type Loaded = Loaded;

    fn load(&mut self, tx: &mut dyn Session, commands: &[&Command], _moment: &Moment) -> Result<Loaded> {
        let mut ids: Vec<i64> = commands.iter().map(|command| command.member_id()).collect();
        ids.sort_unstable();
        ids.dedup();
        let keys: Vec<Value> = ids.into_iter().map(Value::Int).collect();
        let rows = tx.lock_many(&ACCOUNT, &keys)?;
        Ok(Loaded {
            slots: rows.iter().map(|row| (row.int(0), Slot::read(row))).collect(),
            entries: Vec::with_capacity(commands.len()),
        })
    }

    fn decide(&mut self, loaded: &mut Loaded, command: &Command, out: &mut Out<'_>) -> Result<Answer> {
        match command {
            Command::Transact { member_id, kind, transaction } => {
                self.transact(loaded, *member_id, *kind, transaction, out)
            }
            Command::RequestAdjustment { member_id, require_point, reason } => {
                self.request_adjustment(loaded, *member_id, *require_point, reason.as_ref(), out)
            }
            Command::FollowMember { member_id, follow, welcome } => {
                self.follow(loaded, *member_id, follow, *welcome, out)
            }
            Command::PrepareWithdrawal { member_id, attempt } => Self::prepare(loaded, *member_id, *attempt, out),
            Command::ReleaseWithdrawal { member_id, attempt } => {
                Self::end_withdrawal(loaded, *member_id, *attempt, false, out)
            }
            Command::ConfirmWithdrawal { member_id, attempt } => {
                Self::end_withdrawal(loaded, *member_id, *attempt, true, out)
            }
        }
    }

    fn store(&mut self, tx: &mut dyn Session, loaded: Loaded) -> Result<()> {
        let changed = loaded.slots.into_values().filter(|slot| slot.changed).map(Slot::into_row).collect();
        tx.upsert_many(&ACCOUNT, changed)?;
        tx.insert_many(&ENTRY, loaded.entries)
    }

    fn recall(&self, command: &Command, event: &log::Event) -> Result<Answer> {
        let told: PointEvent = event.decode()?;
        match (command, told) {
            (
                Command::RequestAdjustment { .. },
                PointEvent::AdjustmentRejected { member_id, require_point, reason, member_status, remain_point },
            ) => Ok(Answer::Adjusted(adjusted(member_id, member_status, remain_point, require_point, Some(reason)))),
            (Command::RequestAdjustment { .. }, PointEvent::PointsAdjusted(facts)) => Ok(Answer::Adjusted(adjusted(
                facts.member_id,
                MemberStatus::Normal,
                facts.balance_after,
                facts.amount,
                None,
            ))),
            (
                Command::Transact { kind, transaction, .. },
                PointEvent::PointsEarned(facts) | PointEvent::PointsUsed(facts) | PointEvent::PointsAdjusted(facts),
            ) => {
                Ok(Answer::Entry(EntryView {
                    entry_id: facts.entry_id,
                    member_id: facts.member_id,
                    kind: kind.entry_kind(),
                    amount: facts.amount,
                    balance_after: facts.balance_after,
                    // The same body came with the same key, so its words are the ones that were written.
                    reference: transaction.reference.clone(),
                    reason: transaction.reason.clone(),
                    at: self.zone.format(event.at_ms),
                }))
            }
            _ => Err(Error::internal("a remembered answer belongs to another command")),
        }
    }
}

impl TransactionKind {
    fn entry_kind(self) -> point::EntryKind {
        match self {
            Self::Earn => point::EntryKind::Earn,
            Self::Use => point::EntryKind::Use,
            Self::Adjust => point::EntryKind::Adjust,
        }
    }
}
