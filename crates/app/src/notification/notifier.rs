//! How a message or a notice leaves the house.

use std::borrow::Cow;
use std::fmt;

use domain::notification::Attempt;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

/// Characters of what a provider said that are logged at most.
const SAID_CHARS: usize = 120;

/// Which of the things that are sent. Messages and notices are numbered each by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobId {
    /// A message to a member.
    Message(i64),
    /// A notice to the operator.
    Notice(i64),
}

impl fmt::Display for JobId {
    /// No two read the same: a provider that has seen one must not take another for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(message_id) => write!(f, "{message_id}"),
            Self::Notice(notification_id) => write!(f, "n{notification_id}"),
        }
    }
}

/// A message or a notice on its way, with what is needed of whoever gets it. Never printed.
pub struct Message {
    /// Which one.
    pub id: JobId,
    /// When it was asked for, in milliseconds since 1970 in UTC.
    pub at_ms: i64,
    /// What it is about.
    pub kind: String,
    /// The phone number without blanks and hyphens, if a message can go to it.
    pub phone_no: Option<String>,
    /// The mail address as it was given.
    pub email: Option<String>,
    /// What it is about, in one line.
    pub subject: String,
    /// What it says, in one line.
    pub text: String,
}

impl Message {
    /// What a provider knows it by, the same whenever it is sent again. The number alone would not do: after a restore
    /// from a backup it is given to another message.
    pub(super) fn reference(&self) -> String {
        format!("{}-{}", self.id, self.at_ms)
    }
}

/// What an attempt came to, and why, as a code without personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What it came to.
    pub attempt: Attempt,
    /// Why it failed, if it did.
    pub failure: Option<Cow<'static, str>>,
}

impl Outcome {
    /// It arrived.
    #[must_use]
    pub fn delivered() -> Self {
        Self { attempt: Attempt::Delivered, failure: None }
    }

    /// It never will.
    pub fn undeliverable(failure: impl Into<Cow<'static, str>>) -> Self {
        Self { attempt: Attempt::Undeliverable, failure: Some(failure.into()) }
    }

    /// It may next time, after `wait_ms` milliseconds or more.
    pub fn failed(failure: impl Into<Cow<'static, str>>, wait_ms: i64) -> Self {
        Self { attempt: Attempt::Failed { wait_ms }, failure: Some(failure.into()) }
    }
}

/// Sends messages. The caller limits the time that one takes: a future that is dropped must leave nothing behind that
/// harms the next message.
pub trait Notifier: Send + Sync {
    /// Tries once.
    fn send(&self, message: Message) -> BoxFuture<'_, Outcome>;
}

/// Writes into the program's log that there was a message, and nothing of what is in it or to whom it goes: for a
/// programme that sends none, and for trying out.
pub struct LogNotifier;

impl Notifier for LogNotifier {
    fn send(&self, message: Message) -> BoxFuture<'_, Outcome> {
        if message.phone_no.or(message.email).is_none() {
            return std::future::ready(Outcome::undeliverable("no_phone")).boxed();
        }
        tracing::debug!(id = %message.id, kind = message.kind, "message");
        std::future::ready(Outcome::delivered()).boxed()
    }
}

/// What a provider said, for the operator's log: plain words only, none of them from the message or its addresses,
/// and no long numbers.
pub(super) fn scrubbed(said: &str, message: &Message) -> String {
    let ours = [Some(&message.text), Some(&message.subject), message.email.as_ref(), message.phone_no.as_ref()];
    let is_plain = |word: &&str| {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let is_ours = || ours.iter().flatten().any(|text| text.to_lowercase().contains(&word.to_lowercase()));
        digits <= 4 && (word.len() <= 1 || !is_ours())
    };
    let words = said.split(|c: char| !(c.is_ascii_alphanumeric() || "._-@+".contains(c)));
    let kept = words.filter(|word| !word.is_empty() && !word.contains('@')).filter(is_plain);
    let mut text = kept.collect::<Vec<_>>().join(" ");
    text.truncate(SAID_CHARS);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_said_is_logged_without_what_it_repeats_of_the_message() {
        let message = Message {
            id: JobId::Message(1),
            at_ms: 0,
            kind: "JOINED".to_owned(),
            phone_no: Some("01085581234".to_owned()),
            email: Some("Gildong.Hong@example.org".to_owned()),
            subject: "[OnePoint] Welcome".to_owned(),
            text: "[OnePoint] Hello Gildong, thank you".to_owned(),
        };
        let said = "5.1.1 <gildong.hong@EXAMPLE.org>: Recipient address rejected: user gildong.hong of example.org \
                    unknown at 010-8558-1234, +821085581234";
        assert_eq!(scrubbed(said, &message), "5.1.1 Recipient address rejected user of unknown at");
        assert_eq!(scrubbed(r#"{"error":"bad text: 'Hello GILDONG'","홍길동":1}"#, &message), "error bad text 1");
        assert_eq!(scrubbed(&"word ".repeat(1_000), &message).len(), SAID_CHARS);
    }
}
