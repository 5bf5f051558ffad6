//! Bulk issues: codes of a campaign that are made in advance, without a member, piece by piece.

use super::Event;
use super::campaign::{Campaign, Refusal};
use crate::kernel::Day;

/// How a bulk issue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueStatus {
    /// Its codes are being made.
    Running,
    /// All of them are made.
    Done,
    /// The operator stopped it, or the campaign's last day passed, before all of them were made; the rest is not.
    Stopped,
}

impl IssueStatus {
    /// Its name in rows and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Done => "DONE",
            Self::Stopped => "STOPPED",
        }
    }

    /// The status with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Running, Self::Done, Self::Stopped].into_iter().find(|status| status.name() == name)
    }
}

/// A bulk issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BulkIssue {
    /// Its number.
    pub issue_id: i64,
    /// The campaign whose codes it makes.
    pub campaign_id: i64,
    /// Codes that were asked for.
    pub count: i64,
    /// Codes that are made.
    pub issued: i64,
    /// How it stands.
    pub status: IssueStatus,
    /// When it was asked for, in milliseconds since 1970 in UTC.
    pub requested_at_ms: i64,
    /// When it ended.
    pub ended_at_ms: Option<i64>,
}

/// Codes are asked for. The campaign sets them aside, so that nobody else gets them and two bulk issues together never
/// make more than it has.
///
/// # Errors
/// [`Refusal::Unknown`]; [`Refusal::Over`]; [`Refusal::WrongCount`] for none, or for more than are left.
pub fn request_bulk_issue(
    campaign: Option<&Campaign>,
    issue_id: i64,
    count: i64,
    today: Day,
) -> Result<Event, Refusal> {
    let campaign = campaign.ok_or(Refusal::Unknown)?;
    if campaign.is_over(today) {
        return Err(Refusal::Over);
    }
    if !(1..=campaign.left()).contains(&count) {
        return Err(Refusal::WrongCount);
    }
    Ok(Event::BulkIssueRequested { campaign_id: campaign.campaign_id, issue_id, count })
}

/// What the next piece of a bulk issue makes: up to `most` codes, and none any more once the campaign is over. `None`:
/// it has ended.
#[must_use]
pub fn next_piece(issue: &BulkIssue, campaign: &Campaign, most: i64, today: Day) -> Option<Event> {
    if issue.status != IssueStatus::Running {
        return None;
    }
    let left = (issue.count - issue.issued).max(0);
    let count = if campaign.is_over(today) { 0 } else { left.min(most) };
    let complete = count == left || count == 0;
    let (campaign_id, issue_id) = (issue.campaign_id, issue.issue_id);
    Some(Event::CodesIssued { campaign_id, issue_id, count, complete })
}

/// The operator stops a bulk issue: what is made stays, the rest is promised no more. `None`: it has ended.
#[must_use]
pub fn stop_bulk_issue(issue: &BulkIssue) -> Option<Event> {
    let BulkIssue { campaign_id, issue_id, status, .. } = *issue;
    (status == IssueStatus::Running).then_some(Event::CodesIssued { campaign_id, issue_id, count: 0, complete: true })
}

/// A bulk issue right after it was asked for; none for any other event.
#[must_use]
pub fn requested(event: &Event, at_ms: i64) -> Option<BulkIssue> {
    let Event::BulkIssueRequested { campaign_id, issue_id, count } = *event else { return None };
    let status = IssueStatus::Running;
    let (requested_at_ms, ended_at_ms) = (at_ms, None);
    Some(BulkIssue { issue_id, campaign_id, count, issued: 0, status, requested_at_ms, ended_at_ms })
}

/// Takes what was asked for or made into the bulk issue and its campaign.
pub fn apply_bulk(issue: &mut Option<BulkIssue>, campaign: &mut Campaign, event: &Event, now_ms: i64) {
    campaign.apply(event);
    match *event {
        Event::BulkIssueRequested { .. } => *issue = requested(event, now_ms),
        Event::CodesIssued { count, complete, .. } => {
            if let Some(issue) = issue {
                issue.issued += count;
                if complete {
                    let rest = (issue.count - issue.issued).max(0);
                    issue.status = if rest == 0 { IssueStatus::Done } else { IssueStatus::Stopped };
                    issue.ended_at_ms = Some(now_ms);
                    // What was set aside and is not made any more.
                    campaign.counts.promised -= rest;
                }
            }
        }
        _ => {}
    }
}
