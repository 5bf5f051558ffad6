//! What `onepoint verify` looks at in campaigns.

use std::collections::HashMap;

use domain::coupon::CouponStatus;
use domain::coupon::bulk::{BulkIssue, IssueStatus};
use domain::coupon::campaign::{Campaign, Counts};
use domain::coupon::claim::Taken;
use platform::db::{Row, Session, Table};
use platform::error::Result;

use super::super::list::coupons_after;
use super::rows::{BULK_ISSUE, CAMPAIGN, TAKEN, read_bulk_issue, read_campaign, read_taken};
use crate::kit::{Finding, Findings};

const PIECE_ROWS: i64 = 5_000;
const COUNTED: &str = "the figures of a campaign are what its coupons come to";
const BOUNDED: &str = "a campaign never has more coupons than its quantity";
const LIMITED: &str = "a member never has more coupons of a campaign than its limit, and as many as are noted";
const MADE: &str = "what a campaign has promised is what its bulk issues still have to make";

/// What is checked.
pub(in super::super) const CHECKS: [&str; 4] = [COUNTED, BOUNDED, LIMITED, MADE];

/// What the coupons come to.
#[derive(Default)]
struct Counted {
    campaigns: HashMap<i64, Counts>,
    /// Coupons of a member and a campaign.
    members: HashMap<(i64, i64), i64>,
}

/// Compares campaigns, bulk issues and what is noted of members with the coupons.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub(in super::super) fn inspect(session: &mut dyn Session, findings: &mut Findings) -> Result<()> {
    let mut counted = count(session)?;
    let mut promised: HashMap<i64, i64> = HashMap::new();
    each(session, &BULK_ISSUE, |row| {
        let BulkIssue { issue_id, campaign_id, count, issued, status, .. } = read_bulk_issue(row);
        match status {
            IssueStatus::Running => *promised.entry(campaign_id).or_default() += count - issued,
            IssueStatus::Done if issued != count => {
                findings.add(MADE, Finding::of(issue_id, format!("it is done with {issued} of {count} codes")));
            }
            IssueStatus::Done | IssueStatus::Stopped => {}
        }
    })?;
    let mut limits = HashMap::new();
    each(session, &CAMPAIGN, |row| {
        let campaign = read_campaign(row);
        let promised = promised.remove(&campaign.campaign_id).unwrap_or_default();
        let counts = counted.campaigns.remove(&campaign.campaign_id).unwrap_or_default();
        compare(&campaign, Counts { promised, ..counts }, findings);
        limits.insert(campaign.campaign_id, campaign.per_member_limit);
    })?;
    for campaign_id in counted.campaigns.into_keys().chain(promised.into_keys()) {
        findings.add(COUNTED, Finding::of(campaign_id, "coupons or bulk issues of a campaign that is not there"));
    }
    each(session, &TAKEN, |row| {
        let (member_id, Taken(taken)) = (row.int(0), read_taken(row.text(1)));
        for (campaign_id, noted) in taken {
            let had = counted.members.remove(&(member_id, campaign_id)).unwrap_or_default();
            let limit = limits.get(&campaign_id).copied().unwrap_or_default();
            if had != noted || had > limit {
                let what = format!("{had} coupons of campaign {campaign_id}, noted are {noted}, allowed {limit}");
                findings.add(LIMITED, Finding::of(member_id, what));
            }
        }
    })?;
    for (member_id, campaign_id) in counted.members.into_keys() {
        let what = format!("coupons of campaign {campaign_id} are not noted");
        findings.add(LIMITED, Finding::of(member_id, what));
    }
    Ok(())
}

fn compare(campaign: &Campaign, counted: Counts, findings: &mut Findings) {
    let Campaign { campaign_id, counts, quantity, .. } = *campaign;
    if counts.promised != counted.promised {
        let what =
            format!("it has promised {} codes, its bulk issues have to make {}", counts.promised, counted.promised);
        findings.add(MADE, Finding::of(campaign_id, what));
    }
    if counts != (Counts { promised: counts.promised, ..counted }) {
        findings.add(COUNTED, Finding::of(campaign_id, format!("it shows {counts:?}, they are {counted:?}")));
    }
    if counted.issued + counted.promised > quantity {
        let what = format!("{} made and {} promised of {quantity}", counted.issued, counted.promised);
        findings.add(BOUNDED, Finding::of(campaign_id, what));
    }
}

fn count(session: &mut dyn Session) -> Result<Counted> {
    let (mut counted, mut after) = (Counted::default(), 0);
    loop {
        let piece = coupons_after(session, after, PIECE_ROWS)?;
        let Some(last) = piece.last() else { return Ok(counted) };
        after = last.coupon.coupon_id;
        for coupon in piece.iter().map(|stored| &stored.coupon) {
            let Some(campaign_id) = coupon.campaign_id else { continue };
            let counts = counted.campaigns.entry(campaign_id).or_default();
            counts.issued += 1;
            match coupon.status {
                CouponStatus::Issued => counts.in_stock += i64::from(coupon.member_id.is_none()),
                CouponStatus::Redeemed => counts.redeemed += 1,
                CouponStatus::Cancelled => counts.cancelled += 1,
                CouponStatus::Expired => counts.expired += 1,
            }
            if let Some(member_id) = coupon.member_id {
                *counted.members.entry((member_id, campaign_id)).or_default() += 1;
            }
        }
    }
}

/// Looks at every row of a table, in key order.
fn each(session: &mut dyn Session, table: &'static Table, mut look: impl FnMut(&Row)) -> Result<()> {
    let (columns, name, key) = (table.column_list(), table.name, table.key());
    let sql = format!("SELECT {columns} FROM {name} WHERE {key} > $1 ORDER BY {key} LIMIT $2");
    let mut after = 0;
    loop {
        let rows = session.query(&sql, &[after.into(), PIECE_ROWS.into()])?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.int(0);
        rows.iter().for_each(&mut look);
    }
}
