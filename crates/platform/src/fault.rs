//! Faults on demand, for load tests on loopback: a delay in front of a question.

use std::time::Duration;

use parking_lot::Mutex;

use crate::error::{Error, ErrorKind, Result};

/// A longer delay is a mistake.
const LONGEST_MS: u64 = 60_000;

/// A delay of a random length, or none.
#[derive(Debug, Default)]
pub struct Delay(Mutex<Option<(u64, u64)>>);

impl Delay {
    /// Sets the shortest and the longest delay in milliseconds; nothing turns it off.
    pub fn set(&self, range_ms: Option<(u64, u64)>) {
        *self.0.lock() = range_ms;
    }

    /// Reads `450ms..680ms` or `700ms`; an empty text is no delay.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    pub fn parse(text: &str) -> Result<Option<(u64, u64)>> {
        let millis = |part: &str| part.trim().strip_suffix("ms").and_then(|number| number.parse::<u64>().ok());
        if text.is_empty() {
            return Ok(None);
        }
        let range = match text.split_once("..") {
            Some((low, high)) => millis(low).zip(millis(high)).filter(|(low, high)| low <= high),
            None => millis(text).map(|delay| (delay, delay)),
        };
        let wrong = || {
            Error::new(
                ErrorKind::Invalid,
                "config.delay",
                format!("'{text}' is no delay; write 450ms..680ms or 700ms, at most a minute"),
            )
        };
        range.filter(|(_, high)| *high <= LONGEST_MS).map(Some).ok_or_else(wrong)
    }

    /// Waits as long as it says.
    pub async fn pass(&self) {
        let range = *self.0.lock();
        if let Some((low, high)) = range {
            let spread = getrandom::u64().unwrap_or_default() % (high - low + 1);
            tokio::time::sleep(Duration::from_millis(low + spread)).await;
        }
    }
}
