//! Rate limits: so many requests a second for each principal, with a bucket of tokens that allows for bursts.
//!
//! All figures are whole numbers. A bucket holds thousandths of a token, because at `n` requests a second `n`
//! thousandths flow in each millisecond. A bucket that is full again says as much as none, so it is dropped.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::access::{Principal, Role};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};

/// Thousandths of a token that a request takes.
const REQUEST: i64 = 1_000;
/// Buckets that may stand before idle ones are looked for.
const BUCKETS: usize = 1_024;

/// How many requests one principal may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second in the long run; 0 is no limit.
    pub per_s: i64,
    /// Requests at once after a quiet time; at least 1.
    pub burst: i64,
}

impl Rate {
    /// No limit.
    pub const UNLIMITED: Self = Self { per_s: 0, burst: 1 };

    fn capacity(self) -> i64 {
        self.burst.max(1).saturating_mul(REQUEST)
    }
}

/// What a principal has left, as of some moment.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    level: i64,
    at_ms: i64,
    rate: Rate,
}

impl Bucket {
    fn fill(&mut self, now_ms: i64) {
        let elapsed_ms = (now_ms - self.at_ms).max(0);
        let level = elapsed_ms.saturating_mul(self.rate.per_s).saturating_add(self.level);
        (self.level, self.at_ms) = (level.min(self.rate.capacity()), now_ms);
    }

    /// Takes a token; otherwise the milliseconds until there is one.
    fn take(&mut self, now_ms: i64) -> Result<(), i64> {
        self.fill(now_ms);
        if self.level < REQUEST {
            return Err((REQUEST - self.level + self.rate.per_s - 1) / self.rate.per_s);
        }
        self.level -= REQUEST;
        Ok(())
    }
}

struct Buckets {
    by_principal: HashMap<String, Bucket>,
    /// With so many, idle ones are looked for.
    sweep_at: usize,
}

/// The limits of one program: one bucket for each principal who is limited and was there lately.
pub struct RateLimits {
    owners: Rate,
    others: Rate,
    clock: Arc<dyn Clock>,
    buckets: Mutex<Buckets>,
}

impl RateLimits {
    /// Limits for keys of owners, and for those of operators and services.
    #[must_use]
    pub fn new(owners: Rate, others: Rate, clock: Arc<dyn Clock>) -> Self {
        let buckets = Mutex::new(Buckets { by_principal: HashMap::new(), sweep_at: BUCKETS });
        Self { owners, others, clock, buckets }
    }

    /// Lets a request of this principal through, or not.
    ///
    /// # Errors
    /// `rate.limited`, with the whole seconds after which there is room again.
    pub fn admit(&self, principal: &Principal) -> Result<()> {
        let rate = match principal.role {
            Role::Owner(_) => self.owners,
            Role::Operator | Role::Service => self.others,
        };
        if rate.per_s <= 0 {
            return Ok(());
        }
        let now_ms = self.clock.monotonic_ms();
        self.buckets.lock().take(&principal.id, rate, now_ms).map_err(|wait_ms| {
            let wait_s = u32::try_from((wait_ms + 999) / 1_000).unwrap_or(u32::MAX).max(1);
            let message =
                format!("this API key may send {} requests a second; wait {wait_s} s, then repeat", rate.per_s);
            Error { retry_after_s: Some(wait_s), ..Error::new(ErrorKind::TooMany, "rate.limited", message) }
        })
    }
}

impl Buckets {
    fn take(&mut self, id: &str, rate: Rate, now_ms: i64) -> Result<(), i64> {
        if let Some(bucket) = self.by_principal.get_mut(id) {
            return bucket.take(now_ms);
        }
        if self.by_principal.len() >= self.sweep_at {
            self.sweep(now_ms);
        }
        let mut bucket = Bucket { level: rate.capacity(), at_ms: now_ms, rate };
        let taken = bucket.take(now_ms);
        self.by_principal.insert(id.to_owned(), bucket);
        taken
    }

    /// Drops the buckets that are full again.
    fn sweep(&mut self, now_ms: i64) {
        self.by_principal.retain(|_, bucket| {
            bucket.fill(now_ms);
            bucket.level < bucket.rate.capacity()
        });
        self.sweep_at = BUCKETS.max(self.by_principal.len() * 2);
    }
}
