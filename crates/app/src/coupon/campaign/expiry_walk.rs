//! The walk over coupons that are over: they expire.
//!
//! An index holds the coupons that may still expire by their last day, and one that has expired leaves it; so a look
//! costs nothing where there is nothing to do, a restart carries on without a place of its own, and a clock that jumps
//! is followed at the next look. A coupon that is over cannot be redeemed meanwhile either: redeeming looks at its dates.

use std::collections::BTreeMap;
use std::sync::Arc;

use platform::error::{Error, ErrorKind, Result};
use platform::lease::Fence;

use super::super::Coupons;
use super::super::store::Stored;
use super::super::writer::Command;
use super::CampaignCommand;
use super::job::Job;
use super::rows::{EndPlace, ended_after};

/// The job, in leases and for whoever looks at threads.
pub const EXPIRY_JOB: &str = "coupon-expiry";
/// Coupons that expire in a step; as many commands may follow, which the queue has room for.
const PAGE_COUPONS: i64 = 1_000;

/// Walks over the coupons; each process has one, and one at a time walks.
pub struct ExpiryWalk {
    job: Job,
    /// What lies before was looked at on this walk; a coupon that could not expire is looked at on the next one.
    after: EndPlace,
}

impl ExpiryWalk {
    /// A walk that has not begun.
    pub(in super::super) fn new(coupons: Arc<Coupons>) -> Self {
        Self { job: Job::new(EXPIRY_JOB, coupons), after: (0, 0) }
    }

    /// Has the next coupons expire that are over; how many there were. 0 when there is none, when another process does
    /// it, or when the context is stopped.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached or the context has too much to do; they are looked at again.
    pub fn step(&mut self) -> Result<usize> {
        if !self.job.coupons.funnel.is_open() {
            return Ok(0);
        }
        let walked = self.walk();
        if walked.is_err() {
            self.job.forget();
            self.after = (0, 0);
        }
        walked
    }

    fn walk(&mut self) -> Result<usize> {
        let (today, after) = (self.job.coupons.today(), self.after);
        let page = ended_after(self.job.session()?, after, today, PAGE_COUPONS)?;
        let Some(last) = page.last() else {
            self.after = (0, 0);
            return Ok(0);
        };
        let Some(fence) = self.job.hold()? else { return Ok(0) };
        self.expire(&page, fence)?;
        self.after = (last.coupon.end_date.as_number(), last.coupon.coupon_id);
        Ok(page.len())
    }

    /// Has these coupons expire: those of members one by one, codes without a member campaign by campaign.
    fn expire(&self, page: &[Stored], fence: Fence) -> Result<()> {
        let mut codes: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        let mut commands = Vec::new();
        for coupon in page.iter().map(|stored| &stored.coupon) {
            match (coupon.member_id, coupon.campaign_id) {
                (None, Some(campaign_id)) => codes.entry(campaign_id).or_default().push(coupon.coupon_id),
                _ => commands.push(CampaignCommand::ExpireCoupon { coupon_id: coupon.coupon_id }),
            }
        }
        commands
            .extend(codes.into_iter().map(|(campaign_id, codes)| CampaignCommand::ExpireCodes { campaign_id, codes }));
        let mut answers = Vec::with_capacity(commands.len());
        for command in commands {
            answers.push(self.job.coupons.funnel.submit_under(fence, Command::Campaign(command))?);
        }
        for answer in answers {
            match answer.blocking_recv().map_err(|_| Error::internal("the funnel ended"))? {
                Err(error) if error.kind == ErrorKind::Unavailable => return Err(error),
                // One coupon that cannot expire must not keep all others waiting.
                Err(error) => tracing::error!(%error, "a coupon could not expire"),
                Ok(_) => {}
            }
        }
        Ok(())
    }
}
