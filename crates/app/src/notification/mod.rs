//! Notification: messages to members and notices to the operator. Both are jobs: stored at once, sent by a worker, ended
//! by an outcome. Where nobody is named to send them to, notices have arrived as soon as they are stored.

pub mod http;
mod notice;
mod notifier;
mod progress;
mod reactions;
mod sending;
mod sms;
mod smtp;
mod store;
mod texts;
mod writer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use platform::consumer::Consumer;
use platform::db::{Database, Session, Value};
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::Funnel;
use platform::guard::Guard;
use platform::lease::{self, Fence};
use platform::log::Log;
use tokio::runtime::Handle;

pub use notice::NoticeView;
pub use notifier::{JobId, LogNotifier, Message, Notifier, Outcome};
use sending::{Job, Outgoing, Sender, Sending};
pub use sending::{Operator, SendSettings};
pub use sms::SmsNotifier;
pub use smtp::{Protection, SmtpNotifier, SmtpSettings};
pub use store::{MIGRATIONS, MessageView};
pub use texts::{Language, Texts};
use writer::Command;
pub use writer::{NotificationWriter, Policy};

use crate::kit::Kit;
use crate::member::MemberApi;

const WORKER: &str = "message-sender";
/// How long the end of the program waits at most for messages that are on their way.
const LAST_WAIT: Duration = Duration::from_secs(15);
/// What it waits beyond a message's time limit, for the outcome to be recorded.
const RECORDING: Duration = Duration::from_secs(1);

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
    sender: Arc<Sender>,
    outgoing: Mutex<Outgoing>,
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
        settings: SendSettings,
    ) -> Result<Arc<Self>> {
        let log = Log::new(Arc::clone(&database), &[]);
        let funnel = Funnel::new(kit.surroundings(&database, &log), NotificationWriter::new(policy))?;
        let sender = Arc::new(Sender { funnel: Arc::clone(&funnel), settings });
        Ok(Arc::new(Self { kit, database, funnel, log, members, sender, outgoing: Mutex::default() }))
    }

    /// The guard in front of member.
    #[must_use]
    pub fn member_guard(&self) -> &Guard {
        &self.members.guard
    }

    /// The consumer of member's log.
    #[must_use]
    pub fn follow_members(&self, log: Arc<Log>) -> Consumer<NotificationWriter> {
        self.follow(log, reactions::on_member_events)
    }

    /// The consumer of point's log.
    #[must_use]
    pub fn follow_points(&self, log: Arc<Log>) -> Consumer<NotificationWriter> {
        // Members are not told of entries.
        self.follow(log, reactions::on_point_events).of_event_table()
    }

    fn follow(
        &self,
        log: Arc<Log>,
        react: fn(&[platform::log::Event]) -> Result<Vec<Command>>,
    ) -> Consumer<NotificationWriter> {
        Consumer::new(Arc::clone(&self.funnel), log, Arc::clone(&self.kit.clock), &self.kit.holder, Box::new(react))
    }

    /// The consumer of donation's log.
    #[must_use]
    pub fn follow_donations(&self, log: Arc<Log>) -> Consumer<NotificationWriter> {
        let react = Box::new(reactions::on_donation_events);
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

    /// One notice to the operator.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn notice(&self, notification_id: i64) -> Result<NoticeView> {
        self.funnel.must_be_open()?;
        let row = self.database.get(&notice::NOTICE, notification_id).await?;
        let unknown = || Error::new(ErrorKind::NotFound, "notification.unknown", "there is no such notification");
        row.map(|row| NoticeView::read(row, &self.kit.zone)).ok_or_else(unknown)
    }

    /// Notices with a number above `after`.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn notices(&self, after: i64, limit: i64) -> Result<Vec<NoticeView>> {
        self.funnel.must_be_open()?;
        let rows = self.database.query(&notice::list_sql(), &[Value::Int(after), Value::Int(limit)]).await?;
        Ok(rows.into_iter().map(|row| NoticeView::read(row, &self.kit.zone)).collect())
    }

    /// Lets the messages and notices go that are due, as many as may be on their way, and waits a moment for one to
    /// arrive; how many went or are still on their way. One process at a time does it, on one thread.
    ///
    /// # Errors
    /// `Unavailable` when a store or member cannot be reached; the messages stay due.
    pub fn send_due(&self, runtime: &Handle) -> Result<usize> {
        let mut outgoing = self.outgoing.lock();
        if self.funnel.is_open() {
            self.keep_lease(&mut outgoing)?;
            if outgoing.count() < self.sender.settings.parallel {
                self.start_due(&mut outgoing, runtime)?;
            }
        }
        let count = outgoing.count();
        outgoing.look(runtime);
        Ok(count)
    }

    /// Renews the lease in time as long as something is on its way, whether there is room for more or not.
    fn keep_lease(&self, outgoing: &mut Outgoing) -> Result<()> {
        let now_ms = self.kit.clock.now_ms();
        if outgoing.count() > 0 && outgoing.lease_is_ageing(now_ms) {
            let held = self.funnel.with_session(|tx| lease::hold(tx, WORKER, &self.kit.holder, now_ms))?;
            outgoing.lead(held, now_ms);
        }
        Ok(())
    }

    fn start_due(&self, outgoing: &mut Outgoing, runtime: &Handle) -> Result<()> {
        let now_ms = self.kit.clock.now_ms();
        let parallel = i64::try_from(self.sender.settings.parallel).unwrap_or(i64::MAX);
        let taken = self.funnel.with_session(|tx| {
            // What is on its way is still due.
            let due = due_jobs(tx, now_ms, parallel)?;
            // Looking costs nothing; only who has something to send has to be the one who does.
            if due.iter().all(|job| outgoing.has(job.id())) {
                return Ok(None);
            }
            Ok(Some((due, lease::hold(tx, WORKER, &self.kit.holder, now_ms)?)))
        })?;
        let Some((due, held)) = taken else { return Ok(()) };
        outgoing.lead(held, now_ms);
        let Some(number) = held else { return Ok(()) };
        let fence = Fence { lease: WORKER, number };
        let room = self.sender.settings.parallel.saturating_sub(outgoing.count());
        let due = due.into_iter().filter(|job| !outgoing.has(job.id())).take(room);
        let (messages, notices): (Vec<Job>, Vec<Job>) = due.partition(|job| job.recipient().is_some());
        let mut start = |job: Job| {
            outgoing.start(Sending { sender: Arc::clone(&self.sender), job, fence }, runtime);
        };
        // Nobody has to be asked where the operator is.
        notices.into_iter().for_each(&mut start);
        let member_ids: Vec<i64> = messages.iter().filter_map(Job::recipient).collect();
        if member_ids.is_empty() {
            return Ok(());
        }
        let contacts = runtime.block_on(self.members.guard.ask(|| self.members.api.contacts(member_ids.clone())))?;
        messages.into_iter().for_each(|job| start(job.with_contacts(&contacts)));
        Ok(())
    }

    /// Waits for the messages that are on their way: as long as one may take, at most 15 s. Those that are not done by
    /// then are sent again after the next start. Called when nothing sends any more.
    pub fn finish_sending(&self, runtime: &Handle) {
        let mut outgoing = self.outgoing.lock();
        let limit = self.sender.settings.time_limit.saturating_add(RECORDING).min(LAST_WAIT);
        let started = Instant::now();
        while outgoing.count() > 0 && started.elapsed() < limit {
            if let Err(error) = self.keep_lease(&mut outgoing) {
                // Without the store nothing can be recorded either.
                tracing::warn!(%error, "the lease for sending cannot be renewed at the end");
                break;
            }
            outgoing.look(runtime);
        }
        outgoing.break_off("the program ends");
    }
}

/// Messages and notices that are due, the longest waiting first, so that neither holds up the other; nobody's contacts
/// are known yet.
fn due_jobs(session: &mut dyn Session, now_ms: i64, limit: i64) -> Result<Vec<Job>> {
    let messages = store::due_messages(session, now_ms, limit)?;
    let notices = notice::due_notices(session, now_ms, limit)?;
    let mut due: Vec<Job> = messages.into_iter().map(|message| Job::Message(message, None)).collect();
    due.extend(notices.into_iter().map(Job::Notice));
    due.sort_by_key(|job| job.progress().due_at);
    due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(due)
}
