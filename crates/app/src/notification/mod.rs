//! Notification: messages to members. A message is a job: stored at once, sent by a worker, ended by an outcome.

pub mod http;
mod notifier;
mod reactions;
mod store;

use std::sync::Arc;

use domain::notification::{Attempt, is_phone_valid};
use platform::consumer::Consumer;
use platform::db::{Database, Value};
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::Funnel;
use platform::guard::Guard;
use platform::lease::{self, Fence};
use platform::log::Log;
use tokio::runtime::Handle;

pub use notifier::{LogNotifier, Message, Notifier};
use store::Command;
pub use store::{MIGRATIONS, MessageView, NotificationWriter, Policy};

use crate::kit::Kit;
use crate::member::{Contacts, MemberApi};

/// Messages that a worker takes at once.
const JOBS: i64 = 500;
const WORKER: &str = "message-sender";

/// How notification asks member for phone numbers.
pub struct MemberQuestions {
    /// Member, in this process or another.
    pub api: Arc<dyn MemberApi>,
    /// Time limit, breaker, concurrency, retries.
    pub guard: Guard,
}

/// The notification context.
pub struct Notifications {
    kit: Kit,
    database: Arc<Database>,
    /// Its write path.
    pub funnel: Arc<Funnel<NotificationWriter>>,
    /// Its log.
    pub log: Arc<Log>,
    members: MemberQuestions,
    notifier: Box<dyn Notifier>,
}

impl Notifications {
    /// Opens the context on a migrated store.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn open(
        kit: Kit,
        database: Arc<Database>,
        policy: Policy,
        members: MemberQuestions,
        notifier: Box<dyn Notifier>,
    ) -> Result<Arc<Self>> {
        let log = Log::new(Arc::clone(&database), &[]);
        let funnel = Funnel::new(kit.surroundings(&database, &log), NotificationWriter::new(policy))?;
        Ok(Arc::new(Self { kit, database, funnel, log, members, notifier }))
    }

    /// The consumer of member's log.
    #[must_use]
    pub fn follow_members(&self, log: Arc<Log>) -> Consumer<NotificationWriter> {
        let react = Box::new(reactions::on_member_events);
        Consumer::new(Arc::clone(&self.funnel), log, Arc::clone(&self.kit.clock), &self.kit.holder, react)
    }

    /// One message.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn message(&self, message_id: i64) -> Result<MessageView> {
        self.funnel.must_be_open()?;
        let row = self.database.get(&store::MESSAGE, message_id).await?;
        let unknown = || Error::new(ErrorKind::NotFound, "notification.message_unknown", "there is no such message");
        row.map(|row| MessageView::read(&row, &self.kit.zone)).ok_or_else(unknown)
    }

    /// Messages with a number above `after`.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn messages(&self, after: i64, limit: i64) -> Result<Vec<MessageView>> {
        self.funnel.must_be_open()?;
        let rows = self.database.query(&store::list_sql(), &[Value::Int(after), Value::Int(limit)]).await?;
        Ok(rows.iter().map(|row| MessageView::read(row, &self.kit.zone)).collect())
    }

    /// Sends the messages that are due; how many there were. One process at a time does it.
    ///
    /// # Errors
    /// `Unavailable` when a store or member cannot be reached; the messages stay due.
    pub fn send_due(&self, runtime: &Handle) -> Result<usize> {
        if !self.funnel.is_open() {
            return Ok(0);
        }
        let now_ms = self.kit.clock.now_ms();
        let taken = self.funnel.with_session(|tx| {
            let due = store::due_messages(tx, now_ms, JOBS)?;
            if due.is_empty() {
                return Ok(None);
            }
            // Looking costs nothing; only who has something to send has to be the one who does.
            Ok(lease::hold(tx, WORKER, &self.kit.holder, now_ms)?.map(|number| (due, number)))
        })?;
        let Some((due, number)) = taken else { return Ok(0) };
        let fence = Fence { lease: WORKER, number };
        let member_ids: Vec<i64> = due.iter().map(|job| job.member_id).collect();
        let contacts = runtime.block_on(self.members.guard.ask(|| self.members.api.contacts(member_ids.clone())))?;
        let count = due.len();
        let mut answers = Vec::with_capacity(count);
        for job in due {
            let attempt = self.send(&job, contacts.get(&job.member_id));
            let command = Command::RecordAttempt { message_id: job.message_id, attempt };
            answers.push(self.funnel.submit_under(fence, command)?);
        }
        for answer in answers {
            answer.blocking_recv().map_err(|_| Error::internal("the funnel ended"))??;
        }
        Ok(count)
    }

    /// No member or no phone number that a message can go to is a final failure.
    fn send(&self, job: &store::Job, contacts: Option<&Contacts>) -> Attempt {
        let phone_no = contacts.and_then(|contacts| contacts.phone_no.as_deref()).filter(|phone| is_phone_valid(phone));
        match phone_no {
            Some(phone_no) => self.notifier.send(&Message { message_id: job.message_id, kind: &job.kind, phone_no }),
            None => Attempt::Undeliverable,
        }
    }
}
