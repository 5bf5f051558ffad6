//! Rows of campaigns, bulk issues, what members have had, and how far the walk has come.

use domain::coupon::bulk::{BulkIssue, IssueStatus};
use domain::coupon::campaign::{Campaign, Counts};
use domain::coupon::claim::Taken;
use platform::db::{Kind, Row, Session, Table, Value};
use platform::error::Result;

use super::super::store::{read_date, write_date};

pub(in super::super) static CAMPAIGN: Table = Table {
    name: "coupon_campaign",
    columns: &[
        ("campaign_id", Kind::Int),
        ("name", Kind::Text),
        ("code_pattern", Kind::Text),
        ("quantity", Kind::Int),
        ("per_member_limit", Kind::Int),
        ("start_date", Kind::Text),
        ("end_date", Kind::Text),
        ("open", Kind::Int),
        ("issued", Kind::Int),
        ("promised", Kind::Int),
        ("in_stock", Kind::Int),
        ("redeemed", Kind::Int),
        ("cancelled", Kind::Int),
        ("expired", Kind::Int),
        ("stock_after", Kind::Int),
        ("sequence", Kind::Int),
    ],
};

pub(super) static BULK_ISSUE: Table = Table {
    name: "coupon_bulk_issue",
    columns: &[
        ("issue_id", Kind::Int),
        ("campaign_id", Kind::Int),
        ("count", Kind::Int),
        ("issued", Kind::Int),
        ("status", Kind::Text),
        ("requested_at", Kind::Int),
        ("ended_at", Kind::Int),
    ],
};

pub(super) static TAKEN: Table =
    Table { name: "coupon_taken", columns: &[("member_id", Kind::Int), ("campaigns", Kind::Text)] };

static WALK: Table = Table {
    name: "coupon_walk",
    columns: &[
        ("job", Kind::Text),
        ("day", Kind::Int),
        ("campaign_id", Kind::Int),
        ("after_coupon", Kind::Int),
        ("done", Kind::Int),
    ],
};

/// A campaign as it is stored.
#[derive(Debug, Clone)]
pub struct Stored {
    pub(super) campaign: Campaign,
    /// Codes made in advance that are still free have numbers above this.
    pub(super) stock_after: i64,
}

impl Stored {
    /// Dates that cannot be read leave a campaign that was over before it began, which `verify` finds.
    pub(super) fn read(row: &Row) -> Self {
        let counts = Counts {
            issued: row.int(8),
            promised: row.int(9),
            in_stock: row.int(10),
            redeemed: row.int(11),
            cancelled: row.int(12),
            expired: row.int(13),
        };
        let campaign = Campaign {
            campaign_id: row.int(0),
            name: row.text(1).to_owned(),
            code_pattern: row.text(2).to_owned(),
            quantity: row.int(3),
            per_member_limit: row.int(4),
            start_date: read_date(row.text(5)),
            end_date: read_date(row.text(6)),
            open: row.int(7) != 0,
            counts,
            sequence: row.int(15),
        };
        Self { campaign, stock_after: row.int(14) }
    }

    pub(super) fn to_row(&self) -> Row {
        let Campaign { campaign_id, quantity, per_member_limit, start_date, end_date, open, counts, sequence, .. } =
            self.campaign;
        let Counts { issued, promised, in_stock, redeemed, cancelled, expired } = counts;
        let mut row = Vec::with_capacity(16);
        let (name, pattern) = (self.campaign.name.clone(), self.campaign.code_pattern.clone());
        row.extend([campaign_id.into(), name.into(), pattern.into(), quantity.into(), per_member_limit.into()]);
        row.extend([write_date(start_date).into(), write_date(end_date).into(), i64::from(open).into()]);
        row.extend([issued, promised, in_stock, redeemed, cancelled, expired].map(Value::Int));
        row.extend([self.stock_after, sequence].map(Value::Int));
        Row(row)
    }
}

/// A bulk issue from its row; one that cannot be read counts as stopped.
pub(super) fn read_bulk_issue(row: &Row) -> BulkIssue {
    BulkIssue {
        issue_id: row.int(0),
        campaign_id: row.int(1),
        count: row.int(2),
        issued: row.int(3),
        status: IssueStatus::from_name(row.text(4)).unwrap_or(IssueStatus::Stopped),
        requested_at_ms: row.int(5),
        ended_at_ms: row.opt_int(6),
    }
}

pub(super) fn bulk_issue_row(issue: &BulkIssue) -> Row {
    let BulkIssue { issue_id, campaign_id, count, issued, status, requested_at_ms, ended_at_ms } = *issue;
    let mut row = Vec::with_capacity(7);
    row.extend([issue_id, campaign_id, count, issued].map(Value::Int));
    row.extend([status.name().into(), requested_at_ms.into(), ended_at_ms.into()]);
    Row(row)
}

/// `campaign count;campaign count;`. What cannot be read is left out, which `verify` finds.
pub(super) fn read_taken(text: &str) -> Taken {
    let read = |part: &str| {
        let (campaign_id, count) = part.split_once(' ')?;
        Some((campaign_id.parse().ok()?, count.parse().ok()?))
    };
    Taken(text.split(';').filter_map(read).collect())
}

pub(super) fn taken_row(member_id: i64, taken: &Taken) -> Row {
    let text: String = taken.0.iter().map(|(campaign_id, count)| format!("{campaign_id} {count};")).collect();
    Row(vec![member_id.into(), text.into()])
}

/// Where the walk of a day stands: campaign and coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct WalkPlace {
    pub(super) day: i64,
    pub(super) campaign_id: i64,
    pub(super) after_coupon: i64,
    pub(super) done: bool,
}

/// How far a walk has come.
pub(super) fn walk_place(tx: &mut dyn Session, job: &str) -> Result<Option<WalkPlace>> {
    let rows = tx.load_many(&WALK, &[job.into()])?;
    Ok(rows.first().map(|row| WalkPlace {
        day: row.int(1),
        campaign_id: row.int(2),
        after_coupon: row.int(3),
        done: row.int(4) != 0,
    }))
}

/// Stores how far a walk has come.
pub(super) fn save_walk_place(tx: &mut dyn Session, job: &str, place: WalkPlace) -> Result<()> {
    let WalkPlace { day, campaign_id, after_coupon, done } = place;
    let row = vec![job.into(), day.into(), campaign_id.into(), after_coupon.into(), i64::from(done).into()];
    tx.upsert_many(&WALK, vec![Row(row)])
}

/// Campaigns with a number above `after`.
pub(super) fn campaigns_sql() -> String {
    let columns = CAMPAIGN.column_list();
    format!("SELECT {columns} FROM coupon_campaign WHERE campaign_id > $1 ORDER BY campaign_id LIMIT $2")
}

/// Bulk issues of a campaign with a number above `after`.
pub(super) fn bulk_issues_sql() -> String {
    let columns = BULK_ISSUE.column_list();
    format!(
        "SELECT {columns} FROM coupon_bulk_issue WHERE campaign_id = $1 AND issue_id > $2 ORDER BY issue_id LIMIT $3"
    )
}

/// The bulk issue that is to be worked on next: the oldest that is running.
pub(super) fn running_issue(session: &mut dyn Session) -> Result<Option<i64>> {
    let sql = "SELECT issue_id FROM coupon_bulk_issue WHERE status = 'RUNNING' ORDER BY issue_id LIMIT 1";
    Ok(session.query(sql, &[])?.first().map(|row| row.int(0)))
}

/// The next campaign above `after` whose last day is before `today` and that has coupons left to expire.
pub(super) fn next_ended(session: &mut dyn Session, after: i64, today: &str) -> Result<Option<i64>> {
    let sql = "SELECT campaign_id FROM coupon_campaign WHERE campaign_id > $1 AND end_date < $2 \
               AND issued > redeemed + cancelled + expired ORDER BY campaign_id LIMIT 1";
    Ok(session.query(sql, &[after.into(), today.into()])?.first().map(|row| row.int(0)))
}
