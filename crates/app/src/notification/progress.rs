//! How far something that is to be sent has come, a message or a notice.

use domain::notification::{Attempt, MessageStatus, Verdict, judge_attempt};

/// How far it has come. Instants are in milliseconds since 1970 in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) status: MessageStatus,
    pub(super) attempts: i64,
    /// Not to be tried before.
    pub(super) due_at: i64,
    /// When it was asked for.
    pub(super) at: i64,
    pub(super) ended_at: Option<i64>,
    /// Why the last attempt failed, as a code.
    pub(super) failure: Option<String>,
}

impl Progress {
    /// Of one that was just asked for and is due at once.
    pub(super) fn begun(at: i64) -> Self {
        Self { status: MessageStatus::Ready, attempts: 0, due_at: at, at, ended_at: None, failure: None }
    }

    /// Of one that has arrived where it is to stand as soon as it is written there.
    pub(super) fn arrived(at: i64) -> Self {
        Self { status: MessageStatus::Success, ended_at: Some(at), ..Self::begun(at) }
    }

    /// Takes an attempt in; how it ended, if it did by this. What has ended stays as it is, whatever a slow second
    /// worker says: nothing then, and nothing has changed.
    pub(super) fn take(
        &mut self,
        attempt: Attempt,
        failure: Option<&String>,
        now_ms: i64,
        give_up_ms: i64,
    ) -> Option<Taken> {
        if self.status != MessageStatus::Ready {
            return None;
        }
        let verdict = judge_attempt(attempt, self.attempts, now_ms - self.at, give_up_ms);
        self.attempts += 1;
        self.failure = failure.cloned();
        Some(match verdict {
            Verdict::RetryAfter(pause_ms) => {
                self.due_at = now_ms + pause_ms;
                Taken::GoesOn
            }
            Verdict::Ended(status) => {
                self.status = status;
                self.ended_at = Some(now_ms);
                Taken::Ended(status)
            }
        })
    }
}

/// What an attempt that was taken in means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is to be tried again.
    GoesOn,
    /// It is over.
    Ended(MessageStatus),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_stays_as_it_is() {
        let failure = "smtp.450".to_owned();
        let mut progress = Progress::begun(1_000);
        let later = Attempt::Failed { wait_ms: 0 };
        assert_eq!(progress.take(later, Some(&failure), 2_000, 60_000), Some(Taken::GoesOn));
        assert_eq!((progress.attempts, progress.due_at, progress.ended_at), (1, 3_000, None));
        let ended = Some(Taken::Ended(MessageStatus::Success));
        assert_eq!(progress.take(Attempt::Delivered, None, 3_000, 60_000), ended);
        let over = progress.clone();
        assert_eq!((over.attempts, over.ended_at, &over.failure), (2, Some(3_000), &None));
        assert_eq!(progress.take(Attempt::Undeliverable, Some(&failure), 4_000, 60_000), None);
        assert_eq!(progress, over);
        let mut arrived = Progress::arrived(5_000);
        assert_eq!((arrived.attempts, arrived.ended_at), (0, Some(5_000)));
        assert_eq!(arrived.take(later, None, 6_000, 60_000), None);
    }
}
