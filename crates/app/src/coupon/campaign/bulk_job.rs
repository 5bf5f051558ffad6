//! The job that makes the codes of bulk issues, piece by piece.
//!
//! A piece is one command: its codes, how far the bulk issue has come, the campaign's figures and the event stand in one
//! commit, so that a restart or another process carries on behind it. Other commands of the context come in between the
//! pieces.

use std::sync::Arc;

use platform::db::Session;
use platform::error::{Error, Result};
use platform::lease::{self, Fence};

use super::super::Coupons;
use super::super::writer::Command;
use super::rows::running_issue;
use super::{CampaignCommand, PIECE_CODES};

/// The job, in leases and for whoever looks at threads.
pub const BULK_JOB: &str = "coupon-bulk-issue";
/// How often the lease is renewed.
const RENEW_EVERY_MS: i64 = 1_000;

/// Makes codes in one process; of several processes one at a time does.
pub struct BulkJob {
    coupons: Arc<Coupons>,
    session: Option<Box<dyn Session>>,
    held: Option<Held>,
}

#[derive(Clone, Copy)]
struct Held {
    fence: Fence,
    since_ms: i64,
}

impl BulkJob {
    pub(in super::super) fn new(coupons: Arc<Coupons>) -> Self {
        Self { coupons, session: None, held: None }
    }

    /// Makes the next piece; how many codes it had at most. 0 when no bulk issue is under way, when another process
    /// makes it, or when the context is stopped.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached or the context has too much to do. What was not made is made by
    /// a later step.
    pub fn step(&mut self) -> Result<usize> {
        if !self.coupons.funnel.is_open() {
            return Ok(0);
        }
        let stepped = self.make_piece();
        if stepped.is_err() {
            // Another process may have taken the job over; what is stored says where it goes on.
            (self.held, self.session) = (None, None);
        }
        stepped
    }

    fn make_piece(&mut self) -> Result<usize> {
        let Some(issue_id) = running_issue(self.session()?)? else { return Ok(0) };
        let Some(fence) = self.hold()? else { return Ok(0) };
        let command = Command::Campaign(CampaignCommand::MakeCodes { issue_id });
        let answer = self.coupons.funnel.submit_under(fence, command)?;
        answer.blocking_recv().map_err(|_| Error::internal("the funnel ended"))??;
        Ok(PIECE_CODES)
    }

    /// The lease, renewed from time to time; nothing if another process holds it.
    fn hold(&mut self) -> Result<Option<Fence>> {
        let kit = &self.coupons.kit;
        let now_ms = kit.clock.monotonic_ms();
        if let Some(held) = self.held.filter(|held| now_ms - held.since_ms < RENEW_EVERY_MS) {
            return Ok(Some(held.fence));
        }
        let wall_ms = kit.clock.now_ms();
        let number = self.coupons.funnel.with_session(|tx| lease::hold(tx, BULK_JOB, &kit.holder, wall_ms))?;
        let fence = number.map(|number| Fence { lease: BULK_JOB, number });
        self.held = fence.map(|fence| Held { fence, since_ms: now_ms });
        Ok(fence)
    }

    fn session(&mut self) -> Result<&mut dyn Session> {
        let session = match self.session.take() {
            Some(session) => session,
            None => self.coupons.database.read_session()?,
        };
        Ok(&mut **self.session.insert(session))
    }
}
