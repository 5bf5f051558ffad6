//! Notices to the operator: their table and rows, those of a batch, and what they look like on the wire.

use std::collections::HashMap;

use domain::notification::{Attempt, Event, MessageStatus, NoticeKind};
use platform::db::{Kind, Row, Session, Table, Value};
use platform::error::{Error, Result};
use platform::funnel::Out;
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

use super::progress::{Progress, Taken};

pub(super) static NOTICE: Table = Table {
    name: "notice",
    columns: &[
        ("notification_id", Kind::Int),
        ("kind", Kind::Text),
        ("member_id", Kind::Int),
        ("status", Kind::Text),
        ("attempts", Kind::Int),
        ("due_at", Kind::Int),
        ("at", Kind::Int),
        ("ended_at", Kind::Int),
        ("failure", Kind::Text),
    ],
};

pub(super) fn list_sql() -> String {
    let (columns, name) = (NOTICE.column_list(), NOTICE.name);
    format!("SELECT {columns} FROM {name} WHERE notification_id > $1 ORDER BY notification_id LIMIT $2")
}

/// Notices that are due, the longest waiting first.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub(super) fn due_notices(session: &mut dyn Session, now_ms: i64, limit: i64) -> Result<Vec<Notice>> {
    let (columns, name) = (NOTICE.column_list(), NOTICE.name);
    let sql = format!("SELECT {columns} FROM {name} WHERE status = 'READY' AND due_at <= $1 ORDER BY due_at LIMIT $2");
    Ok(session.query(&sql, &[now_ms.into(), limit.into()])?.into_iter().map(Notice::read).collect())
}

/// A notice as it stands in its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) notification_id: i64,
    /// Name of what it is about; another version may know more of them.
    pub(super) kind: String,
    pub(super) member_id: Option<i64>,
    pub(super) progress: Progress,
}

impl Notice {
    fn new(notification_id: i64, kind: NoticeKind, member_id: i64, progress: Progress) -> Self {
        Self { notification_id, kind: kind.name().to_owned(), member_id: Some(member_id), progress }
    }

    fn read(mut row: Row) -> Self {
        Self {
            notification_id: row.int(0),
            kind: row.take_text(1).unwrap_or_default(),
            member_id: row.opt_int(2),
            progress: Progress {
                status: MessageStatus::from_name(row.text(3)).unwrap_or(MessageStatus::Fail),
                attempts: row.int(4),
                due_at: row.int(5),
                at: row.int(6),
                ended_at: row.opt_int(7),
                failure: row.take_text(8),
            },
        }
    }

    /// Tells how it ended.
    fn tell(&self, status: MessageStatus, out: &mut Out<'_>) -> Result<()> {
        let Self { notification_id, member_id, .. } = *self;
        out.emit(notification_id, 1, &Event::NoticeEnded { notification_id, member_id, status }).map(|_| ())
    }

    fn into_row(self) -> Row {
        let Progress { status, attempts, due_at, at, ended_at, failure } = self.progress;
        Row(vec![
            self.notification_id.into(),
            self.kind.into(),
            self.member_id.into(),
            status.name().into(),
            attempts.into(),
            due_at.into(),
            at.into(),
            ended_at.into(),
            failure.into(),
        ])
    }
}

/// The notices of a batch.
#[derive(Default)]
pub(super) struct Notices {
    known: HashMap<i64, Notice>,
    numbers: std::vec::IntoIter<i64>,
    fresh: Vec<Row>,
    changed: Vec<i64>,
}

impl Notices {
    /// Those with these numbers, and numbers for so many new ones.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub(super) fn load(tx: &mut dyn Session, ids: &[Value], wanted: usize) -> Result<Self> {
        let mut notices = Self::default();
        if !ids.is_empty() {
            let rows = tx.lock_many(&NOTICE, ids)?;
            notices.known = rows.into_iter().map(|row| (row.int(0), Notice::read(row))).collect();
        }
        if wanted > 0 {
            notices.numbers = tx.next_ids("notice_number", wanted)?.into_iter();
        }
        Ok(notices)
    }

    /// The operator is to be told of a member: by a sender, or simply by its standing here.
    ///
    /// # Errors
    /// `Internal` if too few numbers were reserved, or the event cannot be written.
    pub(super) fn add(&mut self, (kind, member_id): (NoticeKind, i64), is_sent: bool, out: &mut Out<'_>) -> Result<()> {
        let number = self.numbers.next();
        let notification_id = number.ok_or_else(|| Error::internal("too few numbers of notices were reserved"))?;
        let now_ms = out.moment.now_ms;
        let progress = if is_sent { Progress::begun(now_ms) } else { Progress::arrived(now_ms) };
        let notice = Notice::new(notification_id, kind, member_id, progress);
        if !is_sent {
            notice.tell(MessageStatus::Success, out)?;
        }
        self.fresh.push(notice.into_row());
        Ok(())
    }

    /// Takes an attempt to send one in; one that has ended, or is not there, is left as it is.
    ///
    /// # Errors
    /// `Internal` if the event cannot be written.
    pub(super) fn record(
        &mut self,
        notification_id: i64,
        (attempt, failure): (Attempt, Option<&String>),
        give_up_ms: i64,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let Some(notice) = self.known.get_mut(&notification_id) else { return Ok(()) };
        let taken = notice.progress.take(attempt, failure, out.moment.now_ms, give_up_ms);
        if let Some(Taken::Ended(status)) = taken {
            notice.tell(status, out)?;
        }
        self.changed.extend(taken.map(|_| notification_id));
        Ok(())
    }

    /// Writes what is new and what changed.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub(super) fn store(mut self, tx: &mut dyn Session) -> Result<()> {
        tx.insert_many(&NOTICE, self.fresh)?;
        let changed = self.changed.iter().filter_map(|id| self.known.remove(id)).map(Notice::into_row).collect();
        tx.upsert_many(&NOTICE, changed)
    }
}

/// A notice on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Notification)]
pub struct NoticeView {
    /// The notice.
    pub notification_id: i64,
    /// What it is about: `MEMBER_JOINED`.
    #[schema(example = "MEMBER_JOINED")]
    pub kind: String,
    /// Whom it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member_id: Option<i64>,
    /// `READY`, `SUCCESS` or `FAIL`.
    #[schema(value_type = String, example = "SUCCESS")]
    pub status: MessageStatus,
    /// How often it was tried to send it; 0 where it only has to stand here.
    pub attempts: i64,
    /// Why the last attempt failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// When it was asked for, RFC 3339.
    pub at: String,
}

impl NoticeView {
    pub(super) fn read(row: Row, zone: &Zone) -> Self {
        let Notice { notification_id, kind, member_id, progress } = Notice::read(row);
        let Progress { status, attempts, failure, at, .. } = progress;
        Self { notification_id, kind, member_id, status, attempts, failure, at: zone.format(at) }
    }
}
