//! Messages on their way: a bounded number at once, each with a bounded time, so that one that hangs holds up no other.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use domain::notification::is_phone_valid;
use futures_util::FutureExt;
use platform::error::Error;
use platform::funnel::Funnel;
use platform::lease::{self, Fence, LEASE_MS};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::notifier::{Message, Notifier, Outcome};
use super::store;
use super::texts::Texts;
use super::writer::{Command, NotificationWriter};
use crate::member::Contacts;

/// How often an outcome is handed to a funnel that does not take it, and the pause in between.
const RECORD_TRIES: u32 = 20;
const RECORD_PAUSE: Duration = Duration::from_millis(250);
/// The sender looks for new messages at the latest after this while others are on their way.
const LOOK: Duration = Duration::from_millis(20);

/// How messages are sent.
pub struct SendSettings {
    /// What sends them.
    pub notifier: Box<dyn Notifier>,
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

impl Sender {
    /// Whatever is known to be final without asking anybody comes first: a member who is gone, and a phone number that
    /// has to prove itself and cannot.
    async fn attempt(&self, message: &store::Message, contacts: Option<Contacts>) -> Outcome {
        let Some(contacts) = contacts else { return Outcome::undeliverable("member_gone") };
        let phone_no = contacts.phone_no.as_deref().filter(|phone| is_phone_valid(phone));
        if phone_no.is_none() && message.phone_revision > 0 {
            return Outcome::undeliverable("no_phone");
        }
        let Ok(content) = message.content() else { return Outcome::failed("unknown_kind", 0) };
        let words = self.settings.texts.write(&content, contacts.nickname.as_deref());
        let on_its_way = Message {
            message_id: message.message_id,
            at_ms: message.at,
            kind: message.kind.clone(),
            phone_no: phone_no.map(domain::kernel::normal_phone),
            email: contacts.email,
            subject: words.subject,
            text: words.text,
        };
        let sent = timeout(self.settings.time_limit, self.settings.notifier.send(on_its_way)).await;
        sent.unwrap_or_else(|_| Outcome::failed("late", 0))
    }

    /// An outcome that cannot be recorded is lost: the message is sent again, under the same number.
    async fn record(&self, message_id: i64, fence: Fence, outcome: Outcome) {
        let Outcome { attempt, failure } = outcome;
        for _ in 0..RECORD_TRIES {
            let failure = failure.clone().map(std::borrow::Cow::into_owned);
            let submitted = self.funnel.submit_under(fence, Command::RecordAttempt { message_id, attempt, failure });
            let recorded = match submitted {
                Ok(answer) => answer.await.unwrap_or_else(|_| Err(Error::internal("the funnel ended"))),
                Err(error) => Err(error),
            };
            let Err(error) = recorded else { return };
            tracing::warn!(message_id, %error, "the outcome of a message is not recorded");
            // Another process sends by now, and judges this message itself.
            if error.code == lease::lost().code {
                return;
            }
            sleep(RECORD_PAUSE).await;
        }
    }
}

/// A message that is let go.
pub(super) struct Sending {
    pub(super) sender: Arc<Sender>,
    pub(super) message: store::Message,
    /// Of its member, who may be gone.
    pub(super) contacts: Option<Contacts>,
    /// What its outcome is recorded under.
    pub(super) fence: Fence,
}

/// The messages that are on their way.
#[derive(Default)]
pub(super) struct Outgoing {
    tasks: JoinSet<i64>,
    ids: HashSet<i64>,
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

    pub(super) fn has(&self, message_id: i64) -> bool {
        self.ids.contains(&message_id)
    }

    /// Lets a message go.
    pub(super) fn start(&mut self, sending: Sending, runtime: &Handle) {
        let Sending { sender, message, contacts, fence } = sending;
        let message_id = message.message_id;
        self.ids.insert(message_id);
        let send = async move {
            // A notifier that panics is a defect, but no reason never to try this message again.
            let outcome = AssertUnwindSafe(sender.attempt(&message, contacts)).catch_unwind().await;
            sender.record(message_id, fence, outcome.unwrap_or_else(|_| Outcome::failed("broken_off", 0))).await;
            message_id
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

    fn take_out(&mut self, ended: Option<Result<i64, tokio::task::JoinError>>) {
        match ended {
            Some(Ok(message_id)) => {
                self.ids.remove(&message_id);
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
