//! The job that makes the codes of bulk issues, piece by piece.
//!
//! A piece is one command: its codes, how far the bulk issue has come, the campaign's figures and the event stand in one
//! commit, so that a restart or another process carries on behind it. Other commands of the context come in between the
//! pieces.

use std::sync::Arc;

use platform::error::{Error, Result};

use super::super::Coupons;
use super::super::writer::Command;
use super::job::Job;
use super::rows::running_issue;
use super::{CampaignCommand, PIECE_CODES};

/// The job, in leases and for whoever looks at threads.
pub const BULK_JOB: &str = "coupon-bulk-issue";

/// Makes codes in one process; of several processes one at a time does.
pub struct BulkJob(Job);

impl BulkJob {
    pub(in super::super) fn new(coupons: Arc<Coupons>) -> Self {
        Self(Job::new(BULK_JOB, coupons))
    }

    /// Makes the next piece; how many codes it had at most. 0 when no bulk issue is under way, when another process
    /// makes it, or when the context is stopped.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached or the context has too much to do. What was not made is made by
    /// a later step.
    pub fn step(&mut self) -> Result<usize> {
        if !self.0.coupons.funnel.is_open() {
            return Ok(0);
        }
        let stepped = self.make_piece();
        if stepped.is_err() {
            // What is stored says where it goes on.
            self.0.forget();
        }
        stepped
    }

    fn make_piece(&mut self) -> Result<usize> {
        let Some(issue_id) = running_issue(self.0.session()?)? else { return Ok(0) };
        let Some(fence) = self.0.hold()? else { return Ok(0) };
        let command = Command::Campaign(CampaignCommand::MakeCodes { issue_id });
        let answer = self.0.coupons.funnel.submit_under(fence, command)?;
        answer.blocking_recv().map_err(|_| Error::internal("the funnel ended"))??;
        Ok(PIECE_CODES)
    }
}
