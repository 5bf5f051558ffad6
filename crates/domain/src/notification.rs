//! Messages to members and notices to the operator (SPEC sections 1 and 4, Join; seeds 0 and 2).

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::kernel::normal_phone;

/// How a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MessageStatus {
    /// Waiting to be sent.
    Ready,
    /// It arrived.
    Success,
    /// It did not and will not.
    Fail,
}

impl MessageStatus {
    /// Its name in rows and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "READY",
            Self::Success => "SUCCESS",
            Self::Fail => "FAIL",
        }
    }

    /// The status with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Ready, Self::Success, Self::Fail].into_iter().find(|status| status.name() == name)
    }
}

/// What a message says: its kind and the figures in it, never anything personal. Its name and its fields stand in the
/// message's row, so that a repetition says the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub enum Content {
    /// Welcome to the programme; whether it arrives decides the member's status.
    Joined {},
    /// The phone number is another one; whether it arrives there decides the member's status.
    PhoneChanged {},
    /// Points expire soon.
    PointsExpiring {
        /// How many.
        point: i64,
        /// The month at whose end they expire, `yyyyMM`.
        month: i64,
    },
    /// A donation was made.
    Donated {
        /// Points given.
        amount: i64,
        /// Points left.
        balance_after: i64,
    },
    /// A donation was refused; nothing moved.
    DonationRejected {
        /// Points that were to be given.
        amount: i64,
        /// Why, by the refusal's name.
        reason: String,
    },
}

/// What a notice to the operator is about. Whom it is about stands beside it, by number and never by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// Someone joined.
    MemberJoined,
}

impl NoticeKind {
    /// Its name in rows and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MemberJoined => "MEMBER_JOINED",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::MemberJoined].into_iter().find(|kind| kind.name() == name)
    }
}

/// What happened to a message. Public contract. Where the phone revision is 0, the message was about something else
/// than a phone number, and how it ended says nothing about one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// A message waits to be sent.
    MessageRequested {
        /// The message.
        message_id: i64,
        /// Whom it goes to.
        member_id: i64,
        /// Revision of the phone number that it is about, from 1; 0: about none.
        phone_revision: i64,
    },
    /// It ended.
    MessageEnded {
        /// The message.
        message_id: i64,
        /// Whom it went to.
        member_id: i64,
        /// Revision of the phone number that it was about, from 1; 0: about none.
        phone_revision: i64,
        /// SUCCESS or FAIL.
        status: MessageStatus,
    },
    /// A notice to the operator ended.
    NoticeEnded {
        /// The notice.
        notification_id: i64,
        /// Whom it was about, if about a member.
        member_id: Option<i64>,
        /// SUCCESS or FAIL.
        status: MessageStatus,
    },
}

/// What an attempt to send a message came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// It arrived.
    Delivered,
    /// It never will: the number is no phone number, or the provider said so for good.
    Undeliverable,
    /// It may next time.
    Failed {
        /// The other side wants to be left alone for so many milliseconds; 0: it did not say.
        wait_ms: i64,
    },
}

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The message ended like this.
    Ended(MessageStatus),
    /// Try again after so many milliseconds.
    RetryAfter(i64),
}

const FIRST_RETRY_MS: i64 = 1_000;
const LONGEST_RETRY_MS: i64 = 15 * 60 * 1_000;
/// The longest wish of the other side that is respected.
const LONGEST_WAIT_MS: i64 = 60 * 60 * 1_000;

/// A message can go to 11 digits that start with `01` (seed 0).
#[must_use]
pub fn is_phone_valid(phone_no: &str) -> bool {
    let normal = normal_phone(phone_no);
    normal.len() == 11 && normal.starts_with("01") && normal.bytes().all(|byte| byte.is_ascii_digit())
}

/// Temporary failures are repeated ever more slowly, not before the other side wants to hear of it again (an hour at
/// most), and given up after `give_up_ms` (SPEC section 4, Join).
#[must_use]
pub fn judge_attempt(attempt: Attempt, attempts_before: i64, waiting_ms: i64, give_up_ms: i64) -> Verdict {
    match attempt {
        Attempt::Delivered => Verdict::Ended(MessageStatus::Success),
        Attempt::Undeliverable => Verdict::Ended(MessageStatus::Fail),
        Attempt::Failed { .. } if waiting_ms >= give_up_ms => Verdict::Ended(MessageStatus::Fail),
        Attempt::Failed { wait_ms } => {
            let doublings = u32::try_from(attempts_before.clamp(0, 20)).unwrap_or(20);
            let own_ms = FIRST_RETRY_MS.saturating_mul(1 << doublings).min(LONGEST_RETRY_MS);
            Verdict::RetryAfter(own_ms.max(wait_ms.min(LONGEST_WAIT_MS)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_number_has_eleven_digits_and_starts_with_01() {
        assert!(is_phone_valid("01085581234"));
        assert!(is_phone_valid("010-8558-1234"));
        assert!(is_phone_valid(" 010 8558 1234 "));
        for bad in ["", "0108558", "02085581234", "010855812345", "0108558123a", "０１０８５５８１２３４"] {
            assert!(!is_phone_valid(bad), "{bad}");
        }
    }

    #[test]
    fn temporary_failures_are_repeated_more_slowly_and_given_up_in_the_end() {
        const FAILED: Attempt = Attempt::Failed { wait_ms: 0 };
        assert_eq!(judge_attempt(FAILED, 0, 0, 86_400_000), Verdict::RetryAfter(1_000));
        assert_eq!(judge_attempt(FAILED, 3, 10_000, 86_400_000), Verdict::RetryAfter(8_000));
        assert_eq!(judge_attempt(FAILED, 60, 10_000, 86_400_000), Verdict::RetryAfter(LONGEST_RETRY_MS));
        assert_eq!(judge_attempt(FAILED, 60, 86_400_000, 86_400_000), Verdict::Ended(MessageStatus::Fail));
        assert_eq!(judge_attempt(Attempt::Undeliverable, 0, 0, 86_400_000), Verdict::Ended(MessageStatus::Fail));
    }

    #[test]
    fn the_other_side_may_ask_for_a_longer_pause_but_not_for_any() {
        let retry = |attempts, wait_ms| judge_attempt(Attempt::Failed { wait_ms }, attempts, 0, 86_400_000);
        assert_eq!(retry(0, 30_000), Verdict::RetryAfter(30_000));
        assert_eq!(retry(6, 30_000), Verdict::RetryAfter(64_000));
        assert_eq!(retry(0, i64::MAX), Verdict::RetryAfter(LONGEST_WAIT_MS));
        assert_eq!(retry(0, i64::MIN), Verdict::RetryAfter(1_000));
    }
}
