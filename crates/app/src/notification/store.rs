//! Notification's tables and rows.

use domain::notification::{Content, MessageStatus};
use platform::db::{Kind, Migration, Row, Session, Table, Value};
use platform::error::{Error, Result};
use platform::log;
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

use super::progress::Progress;

/// The schema of notification.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 3,
        name: "notification_messages",
        sql: include_str!("../../../../migrations/0003_notification_messages.sql"),
        lives_with: 3,
    },
    Migration {
        number: 11,
        name: "notification_sources",
        sql: include_str!("../../../../migrations/0011_notification_sources.sql"),
        lives_with: 3,
    },
    Migration {
        number: 19,
        name: "notification_notices",
        sql: include_str!("../../../../migrations/0019_notification_notices.sql"),
        lives_with: 3,
    },
];

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
        ("origin", Kind::Text),
        ("detail", Kind::Text),
        ("failure", Kind::Text),
    ],
};

pub(super) static RECIPIENT: Table = Table {
    name: "recipient",
    columns: &[("member_id", Kind::Int), ("member_sequence", Kind::Int), ("gone", Kind::Int)],
};

pub(super) fn list_sql() -> String {
    format!("SELECT {} FROM {} WHERE message_id > $1 ORDER BY message_id LIMIT $2", MESSAGE.column_list(), MESSAGE.name)
}

/// Messages that are due, the longest waiting first.
pub(super) fn due_messages(session: &mut dyn Session, now_ms: i64, limit: i64) -> Result<Vec<Message>> {
    let sql = format!(
        "SELECT {} FROM {} WHERE status = 'READY' AND due_at <= $1 ORDER BY due_at LIMIT $2",
        MESSAGE.column_list(),
        MESSAGE.name
    );
    Ok(session.query(&sql, &[now_ms.into(), limit.into()])?.iter().map(Message::read).collect())
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
    /// How often it was tried.
    pub attempts: i64,
    /// Why the last attempt failed, if it did.
    pub failure: Option<String>,
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
            message_status: message.progress.status,
            attempts: message.progress.attempts,
            failure: message.progress.failure,
            at: zone.format(message.progress.at),
        }
    }
}

/// A message as it stands in its row.
pub(super) struct Message {
    pub(super) message_id: i64,
    pub(super) member_id: i64,
    pub(super) kind: String,
    /// Of the phone number that it is about; 0: about none.
    pub(super) phone_revision: i64,
    pub(super) progress: Progress,
    /// The event of another context that asked for it.
    pub(super) origin: Option<String>,
    /// The figures of its content; messages of the first schema had none.
    pub(super) detail: Option<String>,
}

impl Message {
    /// A new one, due at once.
    pub(super) fn new(message_id: i64, member_id: i64, content: &Content, at: i64) -> Result<Self> {
        let (kind, detail) = log::encode(content)?;
        Ok(Self {
            message_id,
            member_id,
            kind,
            phone_revision: 0,
            progress: Progress::begun(at),
            origin: None,
            detail: Some(detail),
        })
    }

    pub(super) fn read(row: &Row) -> Self {
        let text = |place: usize| match row.0.get(place) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        };
        Self {
            message_id: row.int(0),
            member_id: row.int(1),
            kind: row.text(2).to_owned(),
            phone_revision: row.int(4),
            progress: Progress {
                status: MessageStatus::from_name(row.text(3)).unwrap_or(MessageStatus::Fail),
                attempts: row.int(5),
                due_at: row.int(6),
                at: row.int(7),
                ended_at: row.opt_int(8),
                failure: text(11),
            },
            origin: text(9),
            detail: text(10),
        }
    }

    pub(super) fn into_row(self) -> Row {
        let Progress { status, attempts, due_at, at, ended_at, failure } = self.progress;
        Row(vec![
            self.message_id.into(),
            self.member_id.into(),
            self.kind.into(),
            status.name().into(),
            self.phone_revision.into(),
            attempts.into(),
            due_at.into(),
            at.into(),
            ended_at.into(),
            self.origin.into(),
            self.detail.into(),
            failure.into(),
        ])
    }

    /// What it says.
    ///
    /// # Errors
    /// `Internal` for a kind or figures that only another version of the program knows.
    pub(super) fn content(&self) -> Result<Content> {
        let text = format!("{{\"{}\":{}}}", self.kind, self.detail.as_deref().unwrap_or("{}"));
        serde_json::from_str(&text).map_err(|error| {
            let message = format!("message {} of kind {} cannot be read by this version", self.message_id, self.kind);
            Error::internal(message).caused_by(error)
        })
    }
}
