//! What the jobs of this context share: the lease under which one process at a time works, and a session to read with.

use std::sync::Arc;

use platform::db::Session;
use platform::error::Result;
use platform::lease::{self, Fence};

use super::super::Coupons;

/// How often the lease is renewed.
const RENEW_EVERY_MS: i64 = 1_000;

/// A job in one process.
pub(super) struct Job {
    name: &'static str,
    pub(super) coupons: Arc<Coupons>,
    session: Option<Box<dyn Session>>,
    /// The lease, and when it was taken or renewed.
    held: Option<(Fence, i64)>,
}

impl Job {
    /// A job under the lease of this name, which it does not hold yet.
    pub(super) fn new(name: &'static str, coupons: Arc<Coupons>) -> Self {
        Self { name, coupons, session: None, held: None }
    }

    /// The lease, renewed from time to time; nothing if another process holds it.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub(super) fn hold(&mut self) -> Result<Option<Fence>> {
        let kit = &self.coupons.kit;
        let (now_ms, since_ms) = (kit.clock.now_ms(), kit.clock.monotonic_ms());
        if let Some((fence, _)) = self.held.filter(|(_, held_ms)| since_ms - held_ms < RENEW_EVERY_MS) {
            return Ok(Some(fence));
        }
        let name = self.name;
        let number = self.coupons.funnel.with_session(|tx| lease::hold(tx, name, &kit.holder, now_ms))?;
        let fence = number.map(|number| Fence { lease: name, number });
        self.held = fence.map(|fence| (fence, since_ms));
        Ok(fence)
    }

    /// A session to read with.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub(super) fn session(&mut self) -> Result<&mut dyn Session> {
        let session = match self.session.take() {
            Some(session) => session,
            None => self.coupons.database.read_session()?,
        };
        Ok(&mut **self.session.insert(session))
    }

    /// Something failed, and another process may have taken the job over: everything is asked for anew.
    pub(super) fn forget(&mut self) {
        (self.held, self.session) = (None, None);
    }
}
