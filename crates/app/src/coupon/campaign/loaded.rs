//! What a batch knows of campaigns: loaded and locked before, stored after.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use domain::coupon::Event;
use domain::coupon::bulk::{BulkIssue, apply_bulk, next_piece};
use domain::coupon::campaign::{Campaign, campaign_of};
use domain::coupon::claim::Taken;
use domain::coupon::code::Code;
use domain::kernel::Day;
use platform::db::Session;
use platform::error::{Error, Result};

use super::PIECE_CODES;
use super::rows::{
    BULK_ISSUE, CAMPAIGN, TAKEN, bulk_issue_row, campaign_row, read_bulk_issue, read_campaign, read_taken, taken_row,
};
use crate::kit::{free_numbers, lock_numbers};

/// What the commands of a batch touch of campaigns.
#[derive(Default)]
pub(in super::super) struct Touched {
    /// Campaigns, those of coupons that are touched among them.
    pub(in super::super) campaigns: Vec<i64>,
    /// Members who may get another coupon of a campaign.
    pub(in super::super) members: Vec<i64>,
    /// Bulk issues.
    pub(super) issues: Vec<i64>,
    /// Numbers that clients chose for new campaigns.
    pub(super) chosen: HashSet<i64>,
    /// New campaigns without a number.
    pub(super) unnumbered: usize,
    /// New bulk issues.
    pub(super) requests: usize,
}

/// What a batch knows of campaigns.
#[derive(Default)]
pub(in super::super) struct Campaigns {
    campaigns: HashMap<i64, Campaign>,
    changed: BTreeSet<i64>,
    /// Those that this batch opened.
    pub(super) opened: BTreeSet<i64>,
    issues: HashMap<i64, BulkIssue>,
    changed_issues: BTreeSet<i64>,
    taken: HashMap<i64, Taken>,
    changed_taken: BTreeSet<i64>,
    /// Codes without a member that may be given next, in order.
    pub(super) stock: HashMap<i64, VecDeque<i64>>,
    /// Codes for coupons that may be made.
    pub(super) codes: HashMap<i64, VecDeque<Code>>,
    pub(super) campaign_numbers: VecDeque<i64>,
    pub(super) issue_numbers: VecDeque<i64>,
}

impl Campaigns {
    /// Locks what is touched, and the campaigns of the bulk issues among it.
    pub(in super::super) fn load(tx: &mut dyn Session, mut touched: Touched) -> Result<Self> {
        let mut loaded = Self::default();
        for issue in lock_numbers(tx, &BULK_ISSUE, touched.issues)?.iter().map(read_bulk_issue) {
            touched.campaigns.push(issue.campaign_id);
            loaded.issues.insert(issue.issue_id, issue);
        }
        touched.campaigns.extend(&touched.chosen);
        let rows = lock_numbers(tx, &CAMPAIGN, touched.campaigns)?;
        loaded.campaigns = rows.iter().map(|row| (row.int(0), read_campaign(row))).collect();
        let rows = lock_numbers(tx, &TAKEN, touched.members)?;
        loaded.taken = rows.iter().map(|row| (row.int(0), read_taken(row.text(1)))).collect();
        if touched.unnumbered > 0 {
            let sequence = ("campaign_number", &CAMPAIGN);
            loaded.campaign_numbers = free_numbers(tx, sequence, touched.unnumbered, &touched.chosen)?;
        }
        if touched.requests > 0 {
            loaded.issue_numbers = tx.next_ids("bulk_issue_number", touched.requests)?.into();
        }
        Ok(loaded)
    }

    pub(in super::super) fn campaign(&self, campaign_id: i64) -> Option<&Campaign> {
        self.campaigns.get(&campaign_id)
    }

    /// The campaign, which is to be stored.
    fn campaign_mut(&mut self, campaign_id: i64) -> Result<&mut Campaign> {
        self.changed.insert(campaign_id);
        self.campaigns.get_mut(&campaign_id).ok_or_else(|| Error::internal("a campaign was not loaded"))
    }

    pub(super) fn put(&mut self, campaign: Campaign) {
        self.changed.insert(campaign.campaign_id);
        self.campaigns.insert(campaign.campaign_id, campaign);
    }

    pub(super) fn issue(&self, issue_id: i64) -> Option<&BulkIssue> {
        self.issues.get(&issue_id)
    }

    /// What the next piece of a bulk issue makes; nothing if it has ended.
    pub(super) fn piece(&self, issue_id: i64, today: Day) -> Option<Event> {
        let issue = self.issues.get(&issue_id)?;
        let most = i64::try_from(PIECE_CODES).unwrap_or(i64::MAX);
        next_piece(issue, self.campaigns.get(&issue.campaign_id)?, most, today)
    }

    /// Coupons of a campaign that a member has had.
    pub(in super::super) fn taken(&self, member_id: i64, campaign_id: i64) -> i64 {
        self.taken.get(&member_id).map_or(0, |taken| taken.of(campaign_id))
    }

    /// A member has one more coupon of a campaign.
    pub(in super::super) fn take(&mut self, member_id: i64, campaign_id: i64) {
        self.changed_taken.insert(member_id);
        self.taken.entry(member_id).or_default().add(campaign_id);
    }

    /// Counts what happened to a coupon in its campaign, if it is of one.
    pub(in super::super) fn count(&mut self, event: &Event) -> Result<()> {
        match campaign_of(event) {
            Some(campaign_id) => {
                self.campaign_mut(campaign_id)?.apply(event);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A coupon of this campaign was cancelled with its wallet.
    pub(in super::super) fn lose(&mut self, campaign_id: i64) -> Result<()> {
        self.campaign_mut(campaign_id)?.lose(1);
        Ok(())
    }

    /// Takes what happened to a bulk issue into it and its campaign; the campaign's sequence.
    pub(super) fn count_bulk(&mut self, event: &Event, now_ms: i64) -> Result<(BulkIssue, i64)> {
        let (Event::BulkIssueRequested { campaign_id, issue_id, .. }
        | Event::CodesIssued { campaign_id, issue_id, .. }) = *event
        else {
            return Err(Error::internal("an event that is about no bulk issue"));
        };
        let mut issue = self.issues.remove(&issue_id);
        let campaign = self.campaign_mut(campaign_id)?;
        apply_bulk(&mut issue, campaign, event, now_ms);
        let sequence = campaign.sequence;
        let issue = issue.ok_or_else(|| Error::internal("an event about a bulk issue left none"))?;
        self.changed_issues.insert(issue_id);
        self.issues.insert(issue_id, issue);
        Ok((issue, sequence))
    }

    pub(in super::super) fn store(&self, tx: &mut dyn Session) -> Result<()> {
        let campaigns = self.changed.iter().filter_map(|id| self.campaigns.get(id)).map(campaign_row).collect();
        let issues = self.changed_issues.iter().filter_map(|id| self.issues.get(id)).map(bulk_issue_row).collect();
        let taken = |id: &i64| Some(taken_row(*id, self.taken.get(id)?));
        tx.upsert_many(&CAMPAIGN, campaigns)?;
        tx.upsert_many(&BULK_ISSUE, issues)?;
        tx.upsert_many(&TAKEN, self.changed_taken.iter().filter_map(taken).collect())
    }
}
