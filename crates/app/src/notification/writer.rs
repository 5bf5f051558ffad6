//! Notification's side of the funnel: what can be asked of it, and what follows from it.

use std::collections::{HashMap, HashSet};
use std::fmt;

use domain::notification::{Attempt, Content, Event, NoticeKind};
use platform::db::{Row, Session, Value};
use platform::error::{Error, Result};
use platform::funnel::{Moment, Out, Writer};
use platform::log;

use super::notice::Notices;
use super::notifier::JobId;
use super::progress::Taken;
use super::store::{MESSAGE, Message, RECIPIENT};

/// The programme's settings that concern messages and notices.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Temporary failures are given up after so many milliseconds.
    pub give_up_ms: i64,
    /// Whether notices are sent to the operator; otherwise they have arrived as soon as they stand at `/notifications`.
    pub sends_notices: bool,
}

/// The event that asks for a message: of which context, of which aggregate, which one of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The context's name.
    pub source: &'static str,
    /// The event's subject.
    pub aggregate: i64,
    /// Its sequence.
    pub sequence: i64,
}

impl Origin {
    /// Where this event of `source` comes from.
    pub(super) fn of(source: &'static str, event: &log::Event) -> Self {
        Self { source, aggregate: event.subject, sequence: event.sequence }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source, self.aggregate, self.sequence)
    }
}

/// What can be asked of notification.
#[derive(Debug)]
pub enum Command {
    /// A phone number has to prove itself: how the message ends decides the member's status. Events of member come
    /// in their order, so the last one taken in is all that has to be kept. The same event may be worth a notice.
    ProvePhone {
        member_id: i64,
        member_sequence: i64,
        phone_revision: i64,
        content: Content,
        notice: Option<NoticeKind>,
    },
    /// A member is to be told something else. Events of different aggregates come in any order, so each is kept.
    RequestMessage { member_id: i64, origin: Origin, content: Content },
    /// An attempt to send came to this; `failure` says why, as a code.
    RecordAttempt { job: JobId, attempt: Attempt, failure: Option<String> },
    /// A member is gone.
    ForgetRecipient { member_id: i64, member_sequence: i64 },
}

/// What a batch works on.
pub struct Loaded {
    /// The last event of member taken in for each member, and whether the member is gone.
    recipients: HashMap<i64, (i64, bool)>,
    messages: HashMap<i64, Message>,
    /// Events of other contexts that asked for a message already.
    origins: HashSet<String>,
    numbers: std::vec::IntoIter<i64>,
    fresh: Vec<Row>,
    changed_recipients: HashMap<i64, (i64, bool)>,
    changed_messages: Vec<i64>,
    notices: Notices,
}

impl Loaded {
    /// Takes an event of member in, unless it or a later one was taken in before, or the member is gone.
    fn follow(&mut self, member_id: i64, member_sequence: i64, gone: bool) -> bool {
        let (seen, was_gone) = self.recipients.get(&member_id).copied().unwrap_or_default();
        if was_gone || member_sequence <= seen {
            return false;
        }
        self.recipients.insert(member_id, (member_sequence, gone));
        self.changed_recipients.insert(member_id, (member_sequence, gone));
        true
    }

    /// Takes an event of another context in, unless it was before, or the member is gone.
    fn take_in(&mut self, member_id: i64, origin: &str) -> bool {
        let is_gone = self.recipients.get(&member_id).is_some_and(|(_, gone)| *gone);
        !is_gone && self.origins.insert(origin.to_owned())
    }

    fn new_message(&mut self, member_id: i64, content: &Content, out: &Out<'_>) -> Result<Message> {
        let number = self.numbers.next();
        let message_id = number.ok_or_else(|| Error::internal("too few message numbers were reserved"))?;
        Message::new(message_id, member_id, content, out.moment.now_ms)
    }

    fn add(&mut self, message: Message, out: &mut Out<'_>) -> Result<()> {
        let Message { message_id, member_id, phone_revision, .. } = message;
        self.fresh.push(message.into_row());
        out.emit(message_id, 1, &Event::MessageRequested { message_id, member_id, phone_revision }).map(|_| ())
    }
}

/// Notification's side of the funnel.
pub struct NotificationWriter {
    policy: Policy,
}

impl NotificationWriter {
    pub(super) fn new(policy: Policy) -> Self {
        Self { policy }
    }

    fn record_attempt(
        &self,
        loaded: &mut Loaded,
        job: JobId,
        (attempt, failure): (Attempt, Option<&String>),
        out: &mut Out<'_>,
    ) -> Result<()> {
        let give_up_ms = self.policy.give_up_ms;
        let message_id = match job {
            JobId::Message(message_id) => message_id,
            JobId::Notice(id) => return loaded.notices.record(id, (attempt, failure), give_up_ms, out),
        };
        let Some(message) = loaded.messages.get_mut(&message_id) else { return Ok(()) };
        let taken = message.progress.take(attempt, failure, out.moment.now_ms, give_up_ms);
        if let Some(Taken::Ended(status)) = taken {
            let Message { member_id, phone_revision, .. } = *message;
            out.emit(message_id, 2, &Event::MessageEnded { message_id, member_id, phone_revision, status })?;
        }
        loaded.changed_messages.extend(taken.map(|_| message_id));
        Ok(())
    }
}

/// The keys of what the commands touch.
#[derive(Default)]
struct Touched {
    members: Vec<Value>,
    messages: Vec<Value>,
    notices: Vec<Value>,
    origins: Vec<Value>,
    /// Messages that may be asked for.
    requests: usize,
    /// Notices that may be asked for.
    wanted_notices: usize,
}

impl Touched {
    fn by(commands: &[&Command]) -> Self {
        let (mut members, mut messages, mut notices) = (Vec::new(), Vec::new(), Vec::new());
        let mut touched = Self::default();
        for command in commands {
            match command {
                Command::ProvePhone { member_id, notice, .. } => {
                    members.push(*member_id);
                    touched.requests += 1;
                    touched.wanted_notices += usize::from(notice.is_some());
                }
                Command::RequestMessage { member_id, origin, .. } => {
                    members.push(*member_id);
                    touched.origins.push(origin.to_string().into());
                    touched.requests += 1;
                }
                Command::ForgetRecipient { member_id, .. } => members.push(*member_id),
                Command::RecordAttempt { job: JobId::Message(id), .. } => messages.push(*id),
                Command::RecordAttempt { job: JobId::Notice(id), .. } => notices.push(*id),
            }
        }
        let keys = |mut ids: Vec<i64>| {
            ids.sort_unstable();
            ids.dedup();
            ids.into_iter().map(Value::Int).collect::<Vec<_>>()
        };
        Self { members: keys(members), messages: keys(messages), notices: keys(notices), ..touched }
    }
}

impl Writer for NotificationWriter {
    type Command = Command;
    type Answer = ();
    type Loaded = Loaded;

    fn load(&mut self, tx: &mut dyn Session, commands: &[&Command], _moment: &Moment) -> Result<Loaded> {
        let touched = Touched::by(commands);
        let mut loaded = Loaded {
            recipients: HashMap::new(),
            messages: HashMap::new(),
            origins: HashSet::new(),
            numbers: Vec::new().into_iter(),
            fresh: Vec::new(),
            changed_recipients: HashMap::new(),
            changed_messages: Vec::new(),
            notices: Notices::load(tx, &touched.notices, touched.wanted_notices)?,
        };
        if !touched.members.is_empty() {
            let rows = tx.lock_many(&RECIPIENT, &touched.members)?;
            loaded.recipients = rows.iter().map(|row| (row.int(0), (row.int(1), row.int(2) != 0))).collect();
        }
        if !touched.messages.is_empty() {
            let rows = tx.lock_many(&MESSAGE, &touched.messages)?;
            loaded.messages = rows.iter().map(|row| (row.int(0), Message::read(row))).collect();
        }
        if !touched.origins.is_empty() {
            let rows = tx.load_by(&MESSAGE, "origin", &touched.origins)?;
            loaded.origins = rows.iter().filter_map(|row| Message::read(row).origin).collect();
        }
        if touched.requests > 0 {
            loaded.numbers = tx.next_ids("message_number", touched.requests)?.into_iter();
        }
        Ok(loaded)
    }

    fn decide(&mut self, loaded: &mut Loaded, command: &Command, out: &mut Out<'_>) -> Result<()> {
        match command {
            Command::ProvePhone { member_id, member_sequence, phone_revision, content, notice } => {
                if loaded.follow(*member_id, *member_sequence, false) {
                    let message = loaded.new_message(*member_id, content, out)?;
                    loaded.add(Message { phone_revision: *phone_revision, ..message }, out)?;
                    if let Some(kind) = notice {
                        loaded.notices.add((*kind, *member_id), self.policy.sends_notices, out)?;
                    }
                }
            }
            Command::RequestMessage { member_id, origin, content } => {
                let origin = origin.to_string();
                if loaded.take_in(*member_id, &origin) {
                    let message = loaded.new_message(*member_id, content, out)?;
                    loaded.add(Message { origin: Some(origin), ..message }, out)?;
                }
            }
            Command::ForgetRecipient { member_id, member_sequence } => {
                loaded.follow(*member_id, *member_sequence, true);
            }
            Command::RecordAttempt { job, attempt, failure } => {
                self.record_attempt(loaded, *job, (*attempt, failure.as_ref()), out)?;
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
        tx.upsert_many(&RECIPIENT, recipients.collect())?;
        loaded.notices.store(tx)
    }

    fn recall(&self, _command: &Command, _event: &log::Event) -> Result<()> {
        Ok(())
    }
}
