//! Messages to members (SPEC section 4, Join; seed 0).

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

/// What happened to a message. Public contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// A message waits to be sent.
    MessageRequested {
        /// The message.
        message_id: i64,
        /// Whom it goes to.
        member_id: i64,
        /// Revision of the phone number it goes to.
        phone_revision: i64,
    },
    /// It ended.
    MessageEnded {
        /// The message.
        message_id: i64,
        /// Whom it went to.
        member_id: i64,
        /// Revision of the phone number it went to.
        phone_revision: i64,
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
    Failed,
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

/// A message can go to 11 digits that start with `01` (seed 0).
#[must_use]
pub fn is_phone_valid(phone_no: &str) -> bool {
    let normal = normal_phone(phone_no);
    normal.len() == 11 && normal.starts_with("01") && normal.bytes().all(|byte| byte.is_ascii_digit())
}

/// Temporary failures are repeated ever more slowly and given up after `give_up_ms` (SPEC section 4, Join).
#[must_use]
pub fn judge_attempt(attempt: Attempt, attempts_before: i64, waiting_ms: i64, give_up_ms: i64) -> Verdict {
    match attempt {
        Attempt::Delivered => Verdict::Ended(MessageStatus::Success),
        Attempt::Undeliverable => Verdict::Ended(MessageStatus::Fail),
        Attempt::Failed if waiting_ms >= give_up_ms => Verdict::Ended(MessageStatus::Fail),
        Attempt::Failed => {
            let doublings = u32::try_from(attempts_before.clamp(0, 20)).unwrap_or(20);
            Verdict::RetryAfter(FIRST_RETRY_MS.saturating_mul(1 << doublings).min(LONGEST_RETRY_MS))
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
        assert_eq!(judge_attempt(Attempt::Failed, 0, 0, 86_400_000), Verdict::RetryAfter(1_000));
        assert_eq!(judge_attempt(Attempt::Failed, 3, 10_000, 86_400_000), Verdict::RetryAfter(8_000));
        assert_eq!(judge_attempt(Attempt::Failed, 60, 10_000, 86_400_000), Verdict::RetryAfter(LONGEST_RETRY_MS));
        assert_eq!(judge_attempt(Attempt::Failed, 60, 86_400_000, 86_400_000), Verdict::Ended(MessageStatus::Fail));
        assert_eq!(judge_attempt(Attempt::Undeliverable, 0, 0, 86_400_000), Verdict::Ended(MessageStatus::Fail));
    }
}
