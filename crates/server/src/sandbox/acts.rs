//! What the sandbox does with an amount: the last three digits say it (docs/payments.md).

/// How a charge of some amount goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Charged, and said so.
    Approve,
    /// Not charged, for this reason.
    Decline(&'static str),
    /// Charged after a while, and said so.
    Slow,
    /// Charged, and nothing is said the first time.
    LoseAnswer,
    /// The first time it is as if nobody had asked.
    LoseQuestion,
    /// Charged, and nothing is ever said but by webhook.
    LoseEveryAnswer,
    /// Charged, and said so; nothing is said of the first cancellation, which is done.
    LoseRefund,
    /// Charged, said so, and told twice by webhook.
    TellTwice,
    /// Decided long after anybody waits for it, and told by webhook.
    Late,
    /// Refused for a while as too much, then charged.
    Busy,
}

impl Act {
    pub(super) fn of(amount: i64) -> Self {
        match amount.rem_euclid(1_000) {
            901 => Self::Decline("insufficient_funds"),
            902 => Self::Decline("card_refused"),
            911 => Self::Slow,
            921 => Self::LoseAnswer,
            922 => Self::LoseQuestion,
            923 => Self::LoseEveryAnswer,
            924 => Self::LoseRefund,
            931 => Self::TellTwice,
            941 => Self::Late,
            951 => Self::Busy,
            _ => Self::Approve,
        }
    }

    /// How often a charge is told by webhook, whatever was answered.
    pub(super) fn webhooks(self) -> usize {
        match self {
            Self::LoseAnswer | Self::LoseEveryAnswer | Self::Late => 1,
            Self::TellTwice => 2,
            _ => 0,
        }
    }
}
