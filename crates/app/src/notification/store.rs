//! Notification's tables, and its side of the funnel.

use std::collections::HashMap;

use domain::notification::{Attempt, Event, MessageStatus, Verdict, judge_attempt};
use platform::db::{Kind, Migration, Row, Session, Table, Value};
use platform::error::{Error, Result};
use platform::funnel::{Moment, Out, Writer};
use platform::log;
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

/// The schema of notification.
pub const MIGRATIONS: &[Migration] = &[Migration {
    number: 3,
    name: "notification_messages",
    sql: include_str!("../../../../migrations/0003_notification_messages.sql"),
    lives_with: 3,
}];

pub(super) static MESSAGE: Table = Table {
    name: "message",
    columns: &[
        ("message_id", Kind::Int),
        ("member_id", Kind::Int),
        ("kind", Kind::Text),
        ("status", Kind::Text),
        ("phone_revision", Kind::Int),
        ("attempts", Kind::Int),
        ("due_at", Kind::Int),
        ("at", Kind::Int),
        ("ended_at", Kind::Int),
    ],
};

static RECIPIENT: Table = Table {
    name: "recipient",
    columns: &[("member_id", Kind::Int), ("member_sequence", Kind::Int), ("gone", Kind::Int)],
};

pub(super) fn list_sql() -> String {
    format!("SELECT {} FROM {} WHERE message_id > $1 ORDER BY message_id LIMIT $2", MESSAGE.column_list(), MESSAGE.name)
}

/// A message that waits to be sent.
pub(super) struct Job {
    pub(super) message_id: i64,
    pub(super) member_id: i64,
    pub(super) kind: String,
}

/// Messages that are due, the longest waiting first.
pub(super) fn due_messages(session: &mut dyn Session, now_ms: i64, limit: i64) -> Result<Vec<Job>> {
    let sql = "SELECT message_id, member_id, kind FROM message WHERE status = 'READY' AND due_at <= $1 ORDER BY due_at LIMIT $2";
    let rows = session.query(sql, &[now_ms.into(), limit.into()])?;
    Ok(rows
        .into_iter()
        .map(|mut row| Job {
            message_id: row.int(0),
            member_id: row.int(1),
            kind: row.take_text(2).unwrap_or_default(),
        })
        .collect())
}

/// The programme's settings that concern messages.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Temporary failures are given up after so many milliseconds.
    pub give_up_ms: i64,
}

/// What can be asked of notification.
#[derive(Debug)]
pub enum Command {
    /// A member is to be told something.
    RequestMessage { member_id: i64, member_sequence: i64, phone_revision: i64, kind: &'static str },
    /// An attempt to send came to this.
    RecordAttempt { message_id: i64, attempt: Attempt },
    /// A member is gone.
    ForgetRecipient { member_id: i64, member_sequence: i64 },
}

/// A message on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageView {
    /// The message.
    pub message_id: i64,
    /// Whom it goes to.
    pub member_id: i64,
    /// What it is about.
    pub kind: String,
    /// `READY`, `SUCCESS` or `FAIL`.
    #[schema(value_type = String)]
    pub message_status: MessageStatus,
    /// When it was asked for, RFC 3339.
    pub at: String,
}

impl MessageView {
    pub(super) fn read(row: &Row, zone: &Zone) -> Self {
        let message = Message::read(row);
        Self {
            message_id: message.message_id,
            member_id: message.member_id,
            kind: message.kind,
            message_status: message.status,
            at: zone.format(message.at),
        }
    }
}

/// A message in a batch.
struct Message {
    message_id: i64,
    member_id: i64,
    kind: String,
    status: MessageStatus,
    phone_revision: i64,
    attempts: i64,
    due_at: i64,
    at: i64,
    ended_at: Option<i64>,
}

impl Message {
    fn read(row: &Row) -> Self {
        Self {
            message_id: row.int(0),
            member_id: row.int(1),
            kind: row.text(2).to_owned(),
            status: MessageStatus::from_name(row.text(3)).unwrap_or(MessageStatus::Fail),
            phone_revision: row.int(4),
            attempts: row.int(5),
            due_at: row.int(6),
            at: row.int(7),
            ended_at: row.opt_int(8),
        }
    }

    fn into_row(self) -> Row {
        Row(vec![
            self.message_id.into(),
            self.member_id.into(),
            self.kind.into(),
            self.status.name().into(),
            self.phone_revision.into(),
            self.attempts.into(),
            self.due_at.into(),
            self.at.into(),
            self.ended_at.into(),
        ])
    }
}

/// What a batch works on.
pub struct Loaded {
    /// The last event of member taken in for each member, and whether the member is gone.
    recipients: HashMap<i64, (i64, bool)>,
    messages: HashMap<i64, Message>,
    numbers: std::vec::IntoIter<i64>,
    fresh: Vec<Row>,
    changed_recipients: HashMap<i64, (i64, bool)>,
    changed_messages: Vec<i64>,
}

/// Notification's side of the funnel.
pub struct NotificationWriter {
    policy: Policy,
}

impl NotificationWriter {
    pub(super) fn new(policy: Policy) -> Self {
        Self { policy }
    }

    /// Takes an event of member in, unless it or a later one was taken in before, or the member is gone.
    fn follow(loaded: &mut Loaded, member_id: i64, member_sequence: i64, gone: bool) -> bool {
        let (seen, was_gone) = loaded.recipients.get(&member_id).copied().unwrap_or_default();
        if was_gone || member_sequence <= seen {
            return false;
        }
        loaded.recipients.insert(member_id, (member_sequence, gone));
        loaded.changed_recipients.insert(member_id, (member_sequence, gone));
        true
    }

    fn request(loaded: &mut Loaded, member_id: i64, phone_revision: i64, kind: &str, out: &mut Out<'_>) -> Result<()> {
        let message_id =
            loaded.numbers.next().ok_or_else(|| Error::internal("too few message numbers were reserved"))?;
        let at = out.moment.now_ms;
        let message = Message {
            message_id,
            member_id,
            kind: kind.to_owned(),
            status: MessageStatus::Ready,
            phone_revision,
            attempts: 0,
            due_at: at,
            at,
            ended_at: None,
        };
        loaded.fresh.push(message.into_row());
        out.emit(message_id, 1, &Event::MessageRequested { message_id, member_id, phone_revision }).map(|_| ())
    }

    fn record_attempt(&self, loaded: &mut Loaded, message_id: i64, attempt: Attempt, out: &mut Out<'_>) -> Result<()> {
        // A message that has ended stays as it is, whatever a slow second worker says.
        let Some(message) =
            loaded.messages.get_mut(&message_id).filter(|message| message.status == MessageStatus::Ready)
        else {
            return Ok(());
        };
        let now_ms = out.moment.now_ms;
        let verdict = judge_attempt(attempt, message.attempts, now_ms - message.at, self.policy.give_up_ms);
        message.attempts += 1;
        loaded.changed_messages.push(message_id);
        match verdict {
            Verdict::RetryAfter(pause_ms) => {
                message.due_at = now_ms + pause_ms;
                Ok(())
            }
            Verdict::Ended(status) => {
                message.status = status;
                message.ended_at = Some(now_ms);
                let Message { member_id, phone_revision, .. } = *message;
                out.emit(message_id, 2, &Event::MessageEnded { message_id, member_id, phone_revision, status })
                    .map(|_| ())
            }
        }
    }
}

impl Writer for NotificationWriter {
    type Command = Command;
    type Answer = ();
    type Loaded = Loaded;

    fn load(&mut self, tx: &mut dyn Session, commands: &[&Command], _moment: &Moment) -> Result<Loaded> {
        let (mut members, mut messages, mut requests) = (Vec::new(), Vec::new(), 0);
        for command in commands {
            match command {
                Command::RequestMessage { member_id, .. } => {
                    members.push(*member_id);
                    requests += 1;
                }
                Command::ForgetRecipient { member_id, .. } => members.push(*member_id),
                Command::RecordAttempt { message_id, .. } => messages.push(*message_id),
            }
        }
        let keys = |mut ids: Vec<i64>| {
            ids.sort_unstable();
            ids.dedup();
            ids.into_iter().map(Value::Int).collect::<Vec<_>>()
        };
        let mut loaded = Loaded {
            recipients: HashMap::new(),
            messages: HashMap::new(),
            numbers: Vec::new().into_iter(),
            fresh: Vec::new(),
            changed_recipients: HashMap::new(),
            changed_messages: Vec::new(),
        };
        if !members.is_empty() {
            let rows = tx.lock_many(&RECIPIENT, &keys(members))?;
            loaded.recipients = rows.iter().map(|row| (row.int(0), (row.int(1), row.int(2) != 0))).collect();
        }
        if !messages.is_empty() {
            let rows = tx.lock_many(&MESSAGE, &keys(messages))?;
            loaded.messages = rows.iter().map(|row| (row.int(0), Message::read(row))).collect();
        }
        if requests > 0 {
            loaded.numbers = tx.next_ids("message_number", requests)?.into_iter();
        }
        Ok(loaded)
    }

    fn decide(&mut self, loaded: &mut Loaded, command: &Command, out: &mut Out<'_>) -> Result<()> {
        match command {
            Command::RequestMessage { member_id, member_sequence, phone_revision, kind } => {
                if Self::follow(loaded, *member_id, *member_sequence, false) {
                    Self::request(loaded, *member_id, *phone_revision, kind, out)?;
                }
            }
            Command::ForgetRecipient { member_id, member_sequence } => {
                Self::follow(loaded, *member_id, *member_sequence, true);
            }
            Command::RecordAttempt { message_id, attempt } => {
                self.record_attempt(loaded, *message_id, *attempt, out)?
            }
        }
        Ok(())
    }

    fn store(&mut self, tx: &mut dyn Session, mut loaded: Loaded) -> Result<()> {
        tx.insert_many(&MESSAGE, loaded.fresh)?;
        let changed =
            loaded.changed_messages.iter().filter_map(|id| loaded.messages.remove(id)).map(Message::into_row).collect();
        tx.upsert_many(&MESSAGE, changed)?;
        let recipients = loaded
            .changed_recipients
            .into_iter()
            .map(|(id, (sequence, gone))| Row(vec![id.into(), sequence.into(), i64::from(gone).into()]));
        tx.upsert_many(&RECIPIENT, recipients.collect())
    }

    fn recall(&self, _command: &Command, _event: &log::Event) -> Result<()> {
        Ok(())
    }
}
