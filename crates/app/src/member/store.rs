//! Member's tables, and its side of the funnel.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use domain::kernel::MAX_SAFE;
use domain::member::{self, Event, Member, MemberStatus, RecordDelivery, Rejection, Withdrawal, WithdrawalStep};
use platform::db::{Kind, Migration, Row, Session, Table, Value};
use platform::error::{Error, Result};
use platform::funnel::{Moment, Out, Writer};
use platform::log;

use super::contacts::{ContactChange, Contacts};
use super::refusal;
pub use super::views::{MemberView, WithdrawalView};

/// The schema of member.
pub const MIGRATIONS: &[Migration] = &[Migration {
    number: 2,
    name: "member_members",
    sql: include_str!("../../../../migrations/0002_member_members.sql"),
    lives_with: 2,
}];

pub(super) static MEMBER: Table = Table {
    name: "member",
    columns: &[
        ("member_id", Kind::Int),
        ("phone_no", Kind::Text),
        ("nickname", Kind::Text),
        ("name", Kind::Text),
        ("email", Kind::Text),
        ("address", Kind::Text),
        ("login_id", Kind::Text),
        ("status", Kind::Text),
        ("coupon_status", Kind::Text),
        ("notified", Kind::Text),
        ("coupon_cancelled", Kind::Text),
        ("joined_at", Kind::Int),
        ("phone_revision", Kind::Int),
        ("sequence", Kind::Int),
        ("gone_at", Kind::Int),
    ],
};

pub(super) static WITHDRAWAL: Table = Table {
    name: "withdrawal",
    columns: &[
        ("member_id", Kind::Int),
        ("attempt", Kind::Int),
        ("step", Kind::Text),
        ("forfeited_point", Kind::Int),
        ("coupon_cancelled", Kind::Text),
        ("requested_at", Kind::Int),
        ("ended_at", Kind::Int),
        ("reason", Kind::Text),
    ],
};

static WELCOME: Table = Table { name: "welcome_given", columns: &[("phone_digest", Kind::Blob), ("at", Kind::Int)] };

pub(super) fn list_members_sql() -> String {
    format!(
        "SELECT {} FROM {} WHERE member_id > $1 AND gone_at IS NULL ORDER BY member_id LIMIT $2",
        MEMBER.column_list(),
        MEMBER.name
    )
}

pub(super) fn list_withdrawals_sql() -> String {
    format!(
        "SELECT {} FROM {} WHERE member_id > $1 ORDER BY member_id LIMIT $2",
        WITHDRAWAL.column_list(),
        WITHDRAWAL.name
    )
}

/// Withdrawals that have been preparing since before `before_ms`: member and attempt.
pub(super) fn stuck_withdrawals(session: &mut dyn Session, before_ms: i64) -> Result<Vec<(i64, i64)>> {
    let sql = "SELECT member_id, attempt FROM withdrawal WHERE step = 'PREPARING' AND requested_at < $1 ORDER BY requested_at LIMIT 100";
    Ok(session.query(sql, &[before_ms.into()])?.iter().map(|row| (row.int(0), row.int(1))).collect())
}

/// Forgets phone numbers that were welcomed before `before_ms`.
pub(super) fn forget_welcomes(session: &mut dyn Session, before_ms: i64) -> Result<u64> {
    session.execute("DELETE FROM welcome_given WHERE at < $1", &[before_ms.into()])
}

/// The programme's settings that concern members (SPEC section 5).
#[derive(Clone)]
pub struct Policy {
    /// A phone number is welcomed again after so many milliseconds; 0 keeps nothing and does not limit.
    pub again_after_ms: i64,
    /// The programme's secret.
    pub secret: Arc<[u8]>,
}

/// What can be asked of member.
#[derive(Debug)]
pub enum Command {
    /// Someone joins.
    Join { member_id: Option<i64>, contacts: Contacts },
    /// Contact data changes.
    ChangeContacts { member_id: i64, change: ContactChange },
    /// The message to the phone ended.
    RecordDelivery { member_id: i64, phone_revision: i64, delivered: bool },
    /// A withdrawal begins, or is joined.
    RequestWithdrawal { member_id: i64 },
    /// A withdrawal is undone.
    ReleaseWithdrawal { member_id: i64, attempt: i64, reason: String },
    /// A withdrawal is decided.
    DecideWithdrawal { member_id: i64, attempt: i64 },
    /// Point has closed the account.
    CompleteWithdrawal { member_id: i64, forfeited_point: i64 },
}

impl Command {
    fn member_id(&self) -> Option<i64> {
        match self {
            Self::Join { member_id, .. } => *member_id,
            Self::ChangeContacts { member_id, .. }
            | Self::RecordDelivery { member_id, .. }
            | Self::RequestWithdrawal { member_id }
            | Self::ReleaseWithdrawal { member_id, .. }
            | Self::DecideWithdrawal { member_id, .. }
            | Self::CompleteWithdrawal { member_id, .. } => Some(*member_id),
        }
    }
}

/// What member answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Joined.
    Joined { member_id: i64, joined_at_ms: i64, contacts: Contacts },
    /// The attempt that is under way.
    Withdrawal { attempt: i64 },
    /// Nothing to say.
    Taken,
}

/// A member in a batch.
struct Slot {
    member: Member,
    contacts: Contacts,
    joined_at: i64,
    gone_at: Option<i64>,
    withdrawal: Option<Withdrawal>,
    requested_at: i64,
    ended_at: Option<i64>,
    reason: Option<String>,
    changed: bool,
    withdrawal_changed: bool,
}

impl Slot {
    fn new(member_id: i64, contacts: Contacts, now_ms: i64) -> Self {
        let member = Member { member_id, status: MemberStatus::Ready, phone_revision: 0, sequence: 0 };
        Self {
            member,
            contacts,
            joined_at: now_ms,
            gone_at: None,
            withdrawal: None,
            requested_at: 0,
            ended_at: None,
            reason: None,
            changed: false,
            withdrawal_changed: false,
        }
    }

    fn read(row: &Row) -> Self {
        let status = MemberStatus::from_name(row.text(7)).unwrap_or(MemberStatus::Abnormal);
        let member = Member { member_id: row.int(0), status, phone_revision: row.int(12), sequence: row.int(13) };
        let slot = Self::new(row.int(0), Contacts::read(row).unwrap_or_default(), row.int(11));
        Self { member, gone_at: row.opt_int(14), ..slot }
    }

    fn read_withdrawal(&mut self, row: &mut Row) {
        let step = WithdrawalStep::from_name(row.text(2)).unwrap_or(WithdrawalStep::Done);
        self.withdrawal =
            Some(Withdrawal { member_id: row.int(0), attempt: row.int(1), step, forfeited_point: row.opt_int(3) });
        self.requested_at = row.int(5);
        self.ended_at = row.opt_int(6);
        self.reason = row.take_text(7);
    }

    /// The member, unless gone.
    fn present(&self) -> Option<&Member> {
        self.gone_at.is_none().then_some(&self.member)
    }

    fn record(&mut self, event: &Event, out: &mut Out<'_>) -> Result<()> {
        member::apply(&mut self.member, &mut self.withdrawal, event);
        self.changed = true;
        let now_ms = out.moment.now_ms;
        match event {
            Event::WithdrawalRequested { .. } => {
                (self.requested_at, self.ended_at, self.reason) = (now_ms, None, None);
                self.withdrawal_changed = true;
            }
            Event::MemberWithdrawn { .. } => {
                self.contacts = Contacts::default();
                self.gone_at = Some(now_ms);
                self.withdrawal_changed = true;
            }
            Event::WithdrawalReleased { .. } | Event::WithdrawalCompleted { .. } => {
                self.ended_at = Some(now_ms);
                self.withdrawal_changed = true;
            }
            Event::MemberJoined { .. } | Event::ContactsChanged { .. } | Event::StatusChanged { .. } => {}
        }
        out.emit(self.member.member_id, self.member.sequence, event).map(|_| ())
    }

    fn member_row(&self) -> Row {
        let Member { member_id, status, phone_revision, sequence } = self.member;
        let mut columns = vec![Value::Int(member_id)];
        columns.extend(self.contacts.clone().columns());
        columns.extend([status.name(), "NONE", "N", "N"].map(Value::from));
        columns.extend([self.joined_at.into(), phone_revision.into(), sequence.into(), self.gone_at.into()]);
        Row(columns)
    }

    fn withdrawal_row(&self) -> Option<Row> {
        let Withdrawal { member_id, attempt, step, forfeited_point } = self.withdrawal.clone()?;
        let columns = [member_id.into(), attempt.into(), step.name().into(), forfeited_point.into(), "N".into()];
        let more = [self.requested_at.into(), self.ended_at.into(), self.reason.clone().into()];
        Some(Row(columns.into_iter().chain(more).collect()))
    }
}

/// What a batch works on.
pub struct Loaded {
    slots: HashMap<i64, Slot>,
    free_numbers: VecDeque<i64>,
    /// When phone numbers were welcomed, by digest; `None` for those that were not.
    welcomed: HashMap<Vec<u8>, Option<i64>>,
    newly_welcomed: Vec<Row>,
}

/// Member's side of the funnel.
pub struct MemberWriter {
    policy: Policy,
}

impl MemberWriter {
    pub(super) fn new(policy: Policy) -> Self {
        Self { policy }
    }

    /// Numbers for members who did not choose one: from the counter, leaving out those that were chosen before.
    fn free_numbers(tx: &mut dyn Session, commands: &[&Command]) -> Result<VecDeque<i64>> {
        let wanted = commands.iter().filter(|command| matches!(command, Command::Join { member_id: None, .. })).count();
        let chosen: HashSet<i64> = commands.iter().filter_map(|command| command.member_id()).collect();
        let mut free = VecDeque::with_capacity(wanted);
        while free.len() < wanted {
            let candidates = tx.next_ids("member_number", wanted - free.len())?;
            let keys: Vec<Value> = candidates.iter().copied().map(Value::Int).collect();
            let taken: HashSet<i64> = tx.load_many(&MEMBER, &keys)?.iter().map(|row| row.int(0)).collect();
            free.extend(
                candidates.into_iter().filter(|id| !taken.contains(id) && !chosen.contains(id) && *id <= MAX_SAFE),
            );
        }
        Ok(free)
    }

    /// When the phone numbers of these members were welcomed.
    fn welcomes(
        &self,
        tx: &mut dyn Session,
        commands: &[&Command],
        slots: &HashMap<i64, Slot>,
    ) -> Result<HashMap<Vec<u8>, Option<i64>>> {
        if self.policy.again_after_ms == 0 {
            return Ok(HashMap::new());
        }
        let digest = |command: &&Command| match command {
            Command::RecordDelivery { member_id, delivered: true, .. } => {
                slots.get(member_id).and_then(|slot| slot.contacts.phone_digest(&self.policy.secret))
            }
            _ => None,
        };
        let mut welcomed: HashMap<Vec<u8>, Option<i64>> =
            commands.iter().filter_map(digest).map(|digest| (digest, None)).collect();
        let keys: Vec<Value> = welcomed.keys().cloned().map(Value::Blob).collect();
        for row in tx.load_many(&WELCOME, &keys)? {
            if let Some(digest) = row.blob(0) {
                welcomed.insert(digest.to_vec(), Some(row.int(1)));
            }
        }
        Ok(welcomed)
    }

    fn join(loaded: &mut Loaded, chosen: Option<i64>, contacts: &Contacts, out: &mut Out<'_>) -> Result<Answer> {
        let member_id = match chosen {
            Some(member_id) => member_id,
            None => loaded
                .free_numbers
                .pop_front()
                .ok_or_else(|| Error::internal("too few member numbers were reserved"))?,
        };
        let event = member::join(loaded.slots.contains_key(&member_id), member_id).map_err(refusal)?;
        let joined_at_ms = out.moment.now_ms;
        let mut slot = Slot::new(member_id, contacts.clone(), joined_at_ms);
        slot.record(&event, out)?;
        loaded.slots.insert(member_id, slot);
        Ok(Answer::Joined { member_id, joined_at_ms, contacts: contacts.clone() })
    }

    fn change_contacts(
        loaded: &mut Loaded,
        member_id: i64,
        change: &ContactChange,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let slot = loaded
            .slots
            .get_mut(&member_id)
            .filter(|slot| slot.present().is_some())
            .ok_or_else(|| refusal(Rejection::MemberUnknown))?;
        let phone_changed = slot.contacts.change(change);
        let event = member::change_contacts(&slot.member, phone_changed);
        slot.record(&event, out)?;
        Ok(Answer::Taken)
    }

    fn record_delivery(
        &self,
        loaded: &mut Loaded,
        member_id: i64,
        phone_revision: i64,
        delivered: bool,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let Some(slot) = loaded.slots.get_mut(&member_id).filter(|slot| slot.present().is_some()) else {
            return Ok(Answer::Taken);
        };
        let digest = slot.contacts.phone_digest(&self.policy.secret);
        let last = digest.as_ref().and_then(|digest| loaded.welcomed.get(digest).copied().flatten());
        let welcome_due = last.is_none_or(|last| out.moment.now_ms - last >= self.policy.again_after_ms);
        let Some(event) =
            member::record_delivery(&slot.member, &RecordDelivery { phone_revision, delivered, welcome_due })
        else {
            return Ok(Answer::Taken);
        };
        slot.record(&event, out)?;
        if let (Event::StatusChanged { welcome: true, .. }, Some(digest), true) =
            (&event, digest, self.policy.again_after_ms > 0)
        {
            loaded.newly_welcomed.push(Row(vec![digest.clone().into(), out.moment.now_ms.into()]));
            loaded.welcomed.insert(digest, Some(out.moment.now_ms));
        }
        Ok(Answer::Taken)
    }

    fn request_withdrawal(loaded: &mut Loaded, member_id: i64, out: &mut Out<'_>) -> Result<Answer> {
        let slot = loaded.slots.get_mut(&member_id).ok_or_else(|| refusal(Rejection::MemberUnknown))?;
        let event = member::request_withdrawal(slot.present(), slot.withdrawal.as_ref()).map_err(refusal)?;
        if let Some(event) = event {
            slot.record(&event, out)?;
        }
        Ok(Answer::Withdrawal { attempt: slot.withdrawal.as_ref().map_or(0, |withdrawal| withdrawal.attempt) })
    }

    /// A later step of a withdrawal; `None` from the rule means that it was taken before.
    fn step(
        loaded: &mut Loaded,
        member_id: i64,
        out: &mut Out<'_>,
        rule: impl FnOnce(&Withdrawal) -> Result<Option<Event>, Rejection>,
    ) -> Result<Answer> {
        let slot = loaded.slots.get_mut(&member_id).ok_or_else(|| refusal(Rejection::MemberUnknown))?;
        let withdrawal = slot.withdrawal.as_ref().ok_or_else(|| refusal(Rejection::AttemptOver))?;
        if let Some(event) = rule(withdrawal).map_err(refusal)? {
            slot.record(&event, out)?;
        }
        Ok(Answer::Taken)
    }

    fn release(loaded: &mut Loaded, member_id: i64, attempt: i64, reason: &str, out: &mut Out<'_>) -> Result<Answer> {
        let answer =
            Self::step(loaded, member_id, out, |withdrawal| Ok(member::release_withdrawal(withdrawal, attempt)))?;
        if let Some(slot) = loaded.slots.get_mut(&member_id).filter(|slot| slot.withdrawal_changed) {
            slot.reason = Some(reason.to_owned());
        }
        Ok(answer)
    }
}

impl Writer for MemberWriter {
    type Command = Command;
    type Answer = Answer;
    type Loaded = Loaded;

    fn load(&mut self, tx: &mut dyn Session, commands: &[&Command], _moment: &Moment) -> Result<Loaded> {
        let mut ids: Vec<i64> = commands.iter().filter_map(|command| command.member_id()).collect();
        ids.sort_unstable();
        ids.dedup();
        let keys: Vec<Value> = ids.into_iter().map(Value::Int).collect();
        let mut slots: HashMap<i64, Slot> = HashMap::new();
        if !keys.is_empty() {
            slots.extend(tx.lock_many(&MEMBER, &keys)?.iter().map(|row| (row.int(0), Slot::read(row))));
            for mut row in tx.lock_many(&WITHDRAWAL, &keys)? {
                if let Some(slot) = slots.get_mut(&row.int(0)) {
                    slot.read_withdrawal(&mut row);
                }
            }
        }
        let free_numbers = Self::free_numbers(tx, commands)?;
        let welcomed = self.welcomes(tx, commands, &slots)?;
        Ok(Loaded { slots, free_numbers, welcomed, newly_welcomed: Vec::new() })
    }

    fn decide(&mut self, loaded: &mut Loaded, command: &Command, out: &mut Out<'_>) -> Result<Answer> {
        match command {
            Command::Join { member_id, contacts } => Self::join(loaded, *member_id, contacts, out),
            Command::ChangeContacts { member_id, change } => Self::change_contacts(loaded, *member_id, change, out),
            Command::RecordDelivery { member_id, phone_revision, delivered } => {
                self.record_delivery(loaded, *member_id, *phone_revision, *delivered, out)
            }
            Command::RequestWithdrawal { member_id } => Self::request_withdrawal(loaded, *member_id, out),
            Command::ReleaseWithdrawal { member_id, attempt, reason } => {
                Self::release(loaded, *member_id, *attempt, reason, out)
            }
            Command::DecideWithdrawal { member_id, attempt } => Self::step(loaded, *member_id, out, |withdrawal| {
                member::decide_withdrawal(withdrawal, *attempt).map(Some)
            }),
            Command::CompleteWithdrawal { member_id, forfeited_point } => {
                let known = loaded.slots.get(member_id).is_some_and(|slot| slot.withdrawal.is_some());
                if !known {
                    return Ok(Answer::Taken);
                }
                Self::step(loaded, *member_id, out, |withdrawal| {
                    Ok(member::complete_withdrawal(withdrawal, *forfeited_point))
                })
            }
        }
    }

    fn store(&mut self, tx: &mut dyn Session, loaded: Loaded) -> Result<()> {
        let changed: Vec<Slot> = loaded.slots.into_values().filter(|slot| slot.changed).collect();
        tx.upsert_many(&MEMBER, changed.iter().map(Slot::member_row).collect())?;
        tx.upsert_many(
            &WITHDRAWAL,
            changed.iter().filter(|slot| slot.withdrawal_changed).filter_map(Slot::withdrawal_row).collect(),
        )?;
        tx.upsert_many(&WELCOME, loaded.newly_welcomed)
    }

    fn recall(&self, command: &Command, event: &log::Event) -> Result<Answer> {
        match (command, event.kind.as_str()) {
            (_, "done") | (Command::ChangeContacts { .. }, _) => Ok(Answer::Taken),
            _ => match (command, event.decode()?) {
                // The same body came with the same key, so it holds what was written; the store need not keep it.
                (Command::Join { contacts, .. }, Event::MemberJoined { member_id, .. }) => {
                    Ok(Answer::Joined { member_id, joined_at_ms: event.at_ms, contacts: contacts.clone() })
                }
                (Command::RequestWithdrawal { .. }, Event::WithdrawalRequested { attempt, .. }) => {
                    Ok(Answer::Withdrawal { attempt })
                }
                _ => Err(Error::internal("a remembered answer belongs to another command")),
            },
        }
    }
}
