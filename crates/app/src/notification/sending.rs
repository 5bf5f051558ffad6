//! Messages and notices on their way: a bounded number at once, each with a bounded time, so that one that hangs holds up no other.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use domain::kernel::normal_phone;
use domain::notification::{NoticeKind, is_phone_valid};
use futures_util::FutureExt;
use lettre::address::Address;
use platform::error::Error;
use platform::funnel::Funnel;
use platform::lease::{self, Fence, LEASE_MS};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::notice::Notice;
use super::notifier::{JobId, Message, Notifier, Outcome};
use super::progress::Progress;
use super::store;
use super::texts::Texts;
use super::writer::{Command, NotificationWriter};
use crate::member::Contacts;

/// How often an outcome is handed to a funnel that does not take it, and the pause in between.
const RECORD_TRIES: u32 = 20;
const RECORD_PAUSE: Duration = Duration::from_millis(250);
/// The sender looks for new messages at the latest after this while others are on their way.
const LOOK: Duration = Duration::from_millis(20);

/// Where notices to the operator are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operator {
    /// To this mail address.
    Mail(String),
    /// To this phone number.
    Phone(String),
}

impl Operator {
    /// Reads a mail address or a phone number: nothing for what is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if is_phone_valid(text) {
            return Some(Self::Phone(normal_phone(text)));
        }
        text.parse::<Address>().ok().map(|address| Self::Mail(address.to_string()))
    }

    /// Phone number and mail address, one of them.
    fn contacts(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::Mail(address) => (None, Some(address.clone())),
            Self::Phone(number) => (Some(number.clone()), None),
        }
    }
}

/// How messages and notices are sent.
pub struct SendSettings {
    /// What sends them.
    pub notifier: Box<dyn Notifier>,
    /// Where notices go; nothing: nowhere, they only stand at `/notifications`.
    pub operator: Option<Operator>,
    /// What they say.
    pub texts: Texts,
    /// How many may be on their way at once, at least 1.
    pub parallel: usize,
    /// How long one may take.
    pub time_limit: Duration,
}

/// Sends one message and records what came of it.
pub(super) struct Sender {
    pub(super) funnel: Arc<Funnel<NotificationWriter>>,
    pub(super) settings: SendSettings,
}

/// What is to be sent now.
pub(super) enum Job {
    /// A message, and the contacts of its member, who may be gone.
    Message(store::Message, Option<Contacts>),
    /// A notice.
    Notice(Notice),
}

impl Job {
    pub(super) fn id(&self) -> JobId {
        match self {
            Self::Message(message, _) => JobId::Message(message.message_id),
            Self::Notice(notice) => JobId::Notice(notice.notification_id),
        }
    }

    /// The member whom it goes to; nobody for a notice.
    pub(super) fn recipient(&self) -> Option<i64> {
        match self {
            Self::Message(message, _) => Some(message.member_id),
            Self::Notice(_) => None,
        }
    }

    /// The same, with the contacts of whoever gets it, if they are among these.
    pub(super) fn with_contacts(self, contacts: &HashMap<i64, Contacts>) -> Self {
        match self {
            Self::Message(message, _) => {
                let known = contacts.get(&message.member_id).cloned();
                Self::Message(message, known)
            }
            notice @ Self::Notice(_) => notice,
        }
    }

    pub(super) fn progress(&self) -> &Progress {
        match self {
            Self::Message(message, _) => &message.progress,
            Self::Notice(notice) => &notice.progress,
        }
    }
}

impl Sender {
    async fn attempt(&self, job: Job) -> Outcome {
        let written = match job {
            Job::Message(message, contacts) => self.write_message(message, contacts),
            Job::Notice(notice) => self.write_notice(notice),
        };
        let message = match written {
            Ok(message) => message,
            Err(outcome) => return outcome,
        };
        let sent = timeout(self.settings.time_limit, self.settings.notifier.send(message)).await;
        sent.unwrap_or_else(|_| Outcome::failed("late", 0))
    }

    /// Whatever is known to be final without asking anybody comes first: a member who is gone, and a phone number that
    /// has to prove itself and cannot.
    fn write_message(&self, message: store::Message, contacts: Option<Contacts>) -> Result<Message, Outcome> {
        let contacts = contacts.ok_or_else(|| Outcome::undeliverable("member_gone"))?;
        let phone_no = contacts.phone_no.as_deref().filter(|phone| is_phone_valid(phone));
        if phone_no.is_none() && message.phone_revision > 0 {
            return Err(Outcome::undeliverable("no_phone"));
        }
        let content = message.content().map_err(|_| Outcome::failed("unknown_kind", 0))?;
        let words = self.settings.texts.write(&content, contacts.nickname.as_deref());
        Ok(Message {
            id: JobId::Message(message.message_id),
            at_ms: message.progress.at,
            kind: message.kind,
            phone_no: phone_no.map(normal_phone),
            email: contacts.email,
            subject: words.subject,
            text: words.text,
        })
    }

    /// A notice that was to be sent has arrived if there is nobody any more to send it to: it stands where it stands.
    fn write_notice(&self, notice: Notice) -> Result<Message, Outcome> {
        let operator = self.settings.operator.as_ref().ok_or_else(Outcome::delivered)?;
        let kind = NoticeKind::from_name(&notice.kind).ok_or_else(|| Outcome::failed("unknown_kind", 0))?;
        let words = self.settings.texts.write_notice(kind, notice.member_id);
        let (phone_no, email) = operator.contacts();
        Ok(Message {
            id: JobId::Notice(notice.notification_id),
            at_ms: notice.progress.at,
            kind: notice.kind,
            phone_no,
            email,
            subject: words.subject,
            text: words.text,
        })
    }

    /// An outcome that cannot be recorded is lost: the message is sent again, under the same number.
    async fn record(&self, job: JobId, fence: Fence, outcome: Outcome) {
        let Outcome { attempt, failure } = outcome;
        for _ in 0..RECORD_TRIES {
            let failure = failure.clone().map(std::borrow::Cow::into_owned);
            let submitted = self.funnel.submit_under(fence, Command::RecordAttempt { job, attempt, failure });
            let recorded = match submitted {
                Ok(answer) => answer.await.unwrap_or_else(|_| Err(Error::internal("the funnel ended"))),
                Err(error) => Err(error),
            };
            let Err(error) = recorded else { return };
            tracing::warn!(id = %job, %error, "the outcome of a message is not recorded");
            // Another process sends by now, and judges this message itself.
            if error.code == lease::lost().code {
                return;
            }
            sleep(RECORD_PAUSE).await;
        }
    }
}

/// A message or a notice that is let go.
pub(super) struct Sending {
    pub(super) sender: Arc<Sender>,
    pub(super) job: Job,
    /// What its outcome is recorded under.
    pub(super) fence: Fence,
}

/// The messages that are on their way.
#[derive(Default)]
pub(super) struct Outgoing {
    tasks: JoinSet<JobId>,
    ids: HashSet<JobId>,
    /// When the lease for sending was taken or renewed last.
    leased_at_ms: i64,
    /// Its number then.
    fence: i64,
}

impl Outgoing {
    pub(super) fn count(&self) -> usize {
        self.ids.len()
    }

    /// Whether the lease has to be renewed for the sake of those that are on their way.
    pub(super) fn lease_is_ageing(&self, now_ms: i64) -> bool {
        (now_ms - self.leased_at_ms).abs() > LEASE_MS / 3
    }

    /// Takes in what asking for the lease at `now_ms` came to, its number or nothing. What is on its way under another
    /// number is broken off: whoever had the lease in between sends it as well.
    pub(super) fn lead(&mut self, number: Option<i64>, now_ms: i64) {
        if number != Some(self.fence) {
            self.break_off("another process has taken over sending");
        }
        if let Some(number) = number {
            (self.leased_at_ms, self.fence) = (now_ms, number);
        }
    }

    /// Breaks off what is on its way; it is sent again, by whoever sends then.
    pub(super) fn break_off(&mut self, why: &str) {
        if self.count() > 0 {
            tracing::warn!(messages = self.count(), "messages on their way are broken off: {why}");
        }
        // Dropping the tasks ends them.
        self.tasks = JoinSet::new();
        self.ids.clear();
    }

    pub(super) fn has(&self, id: JobId) -> bool {
        self.ids.contains(&id)
    }

    /// Lets one go.
    pub(super) fn start(&mut self, sending: Sending, runtime: &Handle) {
        let Sending { sender, job, fence } = sending;
        let id = job.id();
        self.ids.insert(id);
        let send = async move {
            // A notifier that panics is a defect, but no reason never to try this message again.
            let outcome = AssertUnwindSafe(sender.attempt(job)).catch_unwind().await;
            sender.record(id, fence, outcome.unwrap_or_else(|_| Outcome::failed("broken_off", 0))).await;
            id
        };
        self.tasks.spawn_on(send, runtime);
    }

    /// Waits a moment for one to end, and takes in which have.
    pub(super) fn look(&mut self, runtime: &Handle) {
        if !self.tasks.is_empty() {
            let ended = runtime.block_on(async { timeout(LOOK, self.tasks.join_next()).await });
            self.take_out(ended.ok().flatten());
        }
        while let Some(ended) = self.tasks.try_join_next() {
            self.take_out(Some(ended));
        }
    }

    fn take_out(&mut self, ended: Option<Result<JobId, tokio::task::JoinError>>) {
        match ended {
            Some(Ok(id)) => {
                self.ids.remove(&id);
            }
            Some(Err(error)) => tracing::error!(%error, "the task of a message broke off"),
            None => {}
        }
        // Should a task ever break off, its number is not kept for good.
        if self.tasks.is_empty() {
            self.ids.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_has_a_mail_address_or_a_phone_number() {
        let mail = |address: &str| Some(Operator::Mail(address.to_owned()));
        assert_eq!(Operator::parse(" desk@example.org "), mail("desk@example.org"));
        assert_eq!(Operator::parse("010-8558-1234"), Some(Operator::Phone("01085581234".to_owned())));
        for neither in ["", " ", "desk", "02085581234", "a@b@c", "Desk <desk@example.org>", "a@example.org\r\nBcc: b"] {
            assert_eq!(Operator::parse(neither), None, "{neither}");
        }
    }
}
