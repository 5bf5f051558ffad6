//! Campaigns: so many coupons with one pattern of codes, given to members one by one or made in advance.

mod bulk_job;
mod decide;
mod expiry_walk;
pub(super) mod http;
pub(super) mod inspect;
mod job;
mod loaded;
mod rows;
mod views;

use std::sync::Arc;

use domain::coupon::campaign::{Campaign, ChangeCampaign, Refusal};
use domain::coupon::code::Pattern;
use domain::kernel::Day;
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::KeyStamp;

pub use bulk_job::{BULK_JOB, BulkJob};
pub(super) use decide::{CampaignAnswer, CampaignCommand, decide, must_be_within_limit, recall, supply, touch};
pub use expiry_walk::{EXPIRY_JOB, ExpiryWalk};
pub(super) use loaded::{Campaigns, Touched};
pub use views::{BulkIssueView, CampaignView};

use super::list::coupons_of_campaign;
use super::store::Stored;
use super::views::CouponView;
use super::writer::{Answer, Command};
use super::{Coupons, unexpected};

/// Codes in a piece of a bulk issue: few enough that who asks meanwhile waits some tens of milliseconds, many enough that
/// a piece costs little beside its codes.
pub(super) const PIECE_CODES: usize = 1_000;

/// What is said of a new campaign.
#[derive(Debug, Clone)]
pub struct NewCampaign {
    /// The number it is to have; the next free one if none is chosen.
    pub campaign_id: Option<i64>,
    /// What people call it.
    pub name: String,
    /// What its codes look like.
    pub code_pattern: String,
    /// Coupons that there may be at most.
    pub quantity: i64,
    /// Coupons that a member may have at most.
    pub per_member_limit: i64,
    /// The first day on which its coupons are good.
    pub start_date: Day,
    /// The last one.
    pub end_date: Day,
    /// Whether it gives coupons to members.
    pub open: bool,
}

impl Coupons {
    /// The job that makes the codes of bulk issues; to be stepped by one thread.
    #[must_use]
    pub fn bulk_job(self: &Arc<Self>) -> BulkJob {
        BulkJob::new(Arc::clone(self))
    }

    /// The walk over coupons whose end date is over; to be stepped by one thread.
    #[must_use]
    pub fn expiry_walk(self: &Arc<Self>) -> ExpiryWalk {
        ExpiryWalk::new(Arc::clone(self))
    }

    /// A new campaign.
    ///
    /// # Errors
    /// `coupon.campaign_number_taken`; 422 for a value that no campaign has.
    pub async fn open_campaign(&self, new: NewCampaign, stamp: Option<KeyStamp>) -> Result<CampaignView> {
        let command = Command::Campaign(CampaignCommand::Open(Box::new(new)));
        self.campaign_of(self.funnel.ask(command, stamp).await?).await
    }

    /// Changes a campaign's name or quantity, or whether it gives coupons.
    ///
    /// # Errors
    /// 404 when there is no such campaign; 422 for fewer coupons than were made.
    pub async fn change_campaign(
        &self,
        campaign_id: i64,
        change: ChangeCampaign,
        stamp: Option<KeyStamp>,
    ) -> Result<CampaignView> {
        let command = Command::Campaign(CampaignCommand::Change { campaign_id, change });
        self.campaign_of(self.funnel.ask(command, stamp).await?).await
    }

    async fn campaign_of(&self, answer: Answer) -> Result<CampaignView> {
        match answer {
            Answer::Campaign(CampaignAnswer::Campaign(campaign)) => Ok((*campaign).into()),
            Answer::Campaign(CampaignAnswer::KnownChange(known)) => {
                let campaign = self.stored_campaign(known.campaign_id).await?;
                Ok(known.of(campaign).into())
            }
            _ => Err(unexpected()),
        }
    }

    /// A campaign.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn campaign(&self, campaign_id: i64) -> Result<CampaignView> {
        self.stored_campaign(campaign_id).await.map(Into::into)
    }

    async fn stored_campaign(&self, campaign_id: i64) -> Result<Campaign> {
        self.funnel.must_be_open()?;
        let row = self.database.get(&rows::CAMPAIGN, campaign_id).await?;
        row.map(|row| rows::read_campaign(&row)).ok_or_else(campaign_unknown)
    }

    /// Campaigns with a number above `after`.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn campaigns(&self, after: i64, limit: i64) -> Result<Vec<CampaignView>> {
        self.funnel.must_be_open()?;
        let found = self.database.query(&rows::campaigns_sql(), &[after.into(), limit.into()]).await?;
        Ok(found.iter().map(|row| rows::read_campaign(row).into()).collect())
    }

    /// Gives a member a coupon of a campaign: the next code made in advance, otherwise a new one.
    ///
    /// # Errors
    /// 404 when there is no such campaign or member; `coupon.campaign_over`, `coupon.campaign_closed`,
    /// `coupon.member_limit`, `coupon.member_leaving`, `coupon.campaign_exhausted`; `coupon.codes_being_made` while a
    /// bulk issue makes the last ones.
    pub async fn claim(&self, campaign_id: i64, member_id: i64, stamp: Option<KeyStamp>) -> Result<CouponView> {
        let command = Command::Campaign(CampaignCommand::Claim { campaign_id, member_id });
        match self.funnel.ask(command, stamp).await? {
            Answer::Coupon(stored) => Ok(self.decided(&stored)),
            Answer::Campaign(CampaignAnswer::KnownClaim { coupon_id, member_id }) => {
                Ok(self.decided(&self.stored(coupon_id).await?.issued_to(member_id)))
            }
            _ => Err(unexpected()),
        }
    }

    /// Asks for codes to be made in advance. They are set aside at once; the job makes them.
    ///
    /// # Errors
    /// 404 when there is no such campaign; `coupon.campaign_over`; 422 for none, or more than are left.
    pub async fn request_bulk_issue(
        &self,
        campaign_id: i64,
        count: i64,
        stamp: Option<KeyStamp>,
    ) -> Result<BulkIssueView> {
        let command = Command::Campaign(CampaignCommand::RequestIssue { campaign_id, count });
        match self.funnel.ask(command, stamp).await? {
            Answer::Campaign(CampaignAnswer::Issue(issue)) => Ok(BulkIssueView::of(&issue, &self.kit.zone)),
            _ => Err(unexpected()),
        }
    }

    /// Stops a bulk issue: what is made stays, the rest is free again. One that has ended stays as it is.
    ///
    /// # Errors
    /// 404 when the campaign has none with this number.
    pub async fn stop_bulk_issue(&self, campaign_id: i64, issue_id: i64, stamp: Option<KeyStamp>) -> Result<()> {
        let command = Command::Campaign(CampaignCommand::StopIssue { campaign_id, issue_id });
        self.funnel.ask(command, stamp).await.map(|_| ())
    }

    /// A bulk issue of a campaign.
    ///
    /// # Errors
    /// 404 when the campaign has none with this number.
    pub async fn bulk_issue(&self, campaign_id: i64, issue_id: i64) -> Result<BulkIssueView> {
        self.funnel.must_be_open()?;
        let row = self.database.get(&rows::BULK_ISSUE, issue_id).await?;
        let issue = row.map(|row| rows::read_bulk_issue(&row)).filter(|issue| issue.campaign_id == campaign_id);
        issue.map(|issue| BulkIssueView::of(&issue, &self.kit.zone)).ok_or_else(issue_unknown)
    }

    /// Bulk issues of a campaign with a number above `after`.
    ///
    /// # Errors
    /// 404 when there is no such campaign.
    pub async fn bulk_issues(&self, campaign_id: i64, after: i64, limit: i64) -> Result<Vec<BulkIssueView>> {
        self.campaign(campaign_id).await?;
        let params = [campaign_id.into(), after.into(), limit.into()];
        let found = self.database.query(&rows::bulk_issues_sql(), &params).await?;
        Ok(found.iter().map(|row| BulkIssueView::of(&rows::read_bulk_issue(row), &self.kit.zone)).collect())
    }

    /// Coupons of a campaign with a number above `after`, with their codes.
    ///
    /// # Errors
    /// 404 when there is no such campaign.
    async fn codes(&self, campaign_id: i64, after: i64, limit: i64) -> Result<Vec<Stored>> {
        if after == 0 {
            self.campaign(campaign_id).await?;
        }
        coupons_of_campaign(&self.database, campaign_id, after, limit).await
    }
}

/// Refuses what is no pattern of codes.
fn must_be_pattern(text: &str) -> Result<()> {
    let message = "a pattern is a prefix of up to 12 letters and digits, if it has one, and three to six groups of four, \
                   31 characters at most without hyphens: SUMMER-####-####-####";
    Pattern::parse(text).map(|_| ()).ok_or_else(|| Error::invalid("/codePattern", message))
}

fn campaign_unknown() -> Error {
    let message = "there is no such campaign; GET /couponCampaigns lists them";
    Error::new(ErrorKind::NotFound, "coupon.campaign_unknown", message)
}

fn issue_unknown() -> Error {
    Error::new(ErrorKind::NotFound, "coupon.issue_unknown", "the campaign has no such bulk issue")
}

/// A refusal of a campaign on the wire.
pub(super) fn refusal(refusal: Refusal) -> Error {
    let code = format!("coupon.{}", refusal.reason());
    let invalid = |pointer: &'static str, message: &'static str| Error {
        pointer: Some(pointer.into()),
        ..Error::new(ErrorKind::Invalid, code.clone(), message)
    };
    let conflict = |message: &'static str| Error::new(ErrorKind::Conflict, code.clone(), message);
    match refusal {
        Refusal::Member(rejection) => super::refusal(rejection),
        Refusal::Unknown => campaign_unknown(),
        Refusal::NumberTaken => conflict("this number of a campaign is taken; choose another, or leave campaignId out"),
        Refusal::WrongDates => {
            invalid("/endDate", "a campaign ends on the day it begins or later, and not in the past")
        }
        Refusal::WrongQuantity => {
            invalid("/quantity", "a campaign has 1 to 10,000,000 coupons, and not fewer than were made or promised")
        }
        Refusal::WrongLimit => invalid("/perMemberLimit", "a member may have 1 to 1,000 coupons of a campaign"),
        Refusal::Closed => conflict("this campaign gives no coupons at present"),
        Refusal::Over => conflict("this campaign's last day is over"),
        Refusal::Exhausted => conflict("all coupons of this campaign have been given"),
        Refusal::BeingMade => {
            Error::unavailable(code, "the last codes of this campaign are being made; come back soon")
        }
        Refusal::MemberLimit => conflict("this member has had as many coupons of this campaign as one member may"),
        Refusal::WrongCount => {
            invalid("/count", "a bulk issue makes 1 code or more, and not more than the campaign has left")
        }
    }
}
