//! Rows of campaigns, of bulk issues, and of what members have had.

use domain::coupon::bulk::{BulkIssue, IssueStatus};
use domain::coupon::campaign::{Campaign, Counts};
use domain::coupon::claim::Taken;
use domain::kernel::Day;
use platform::db::{Kind, Row, Session, Table, Value};
use platform::error::Result;

use super::super::store::{COUPON, Stored};

pub(in super::super) static CAMPAIGN: Table = Table {
    name: "campaign",
    columns: &[
        ("campaign_id", Kind::Int),
        ("name", Kind::Text),
        ("code_pattern", Kind::Text),
        ("quantity", Kind::Int),
        ("per_member_limit", Kind::Int),
        ("start_date", Kind::Int),
        ("end_date", Kind::Int),
        ("open", Kind::Int),
        ("issued", Kind::Int),
        ("promised", Kind::Int),
        ("in_stock", Kind::Int),
        ("redeemed", Kind::Int),
        ("cancelled", Kind::Int),
        ("expired", Kind::Int),
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

/// A campaign from its row. A day that cannot be read is long over, which `verify` finds.
pub(super) fn read_campaign(row: &Row) -> Campaign {
    let day = |place| Day::from_number(row.int(place)).unwrap_or(Day::new(1970, 1, 1));
    let counts = Counts {
        issued: row.int(8),
        promised: row.int(9),
        in_stock: row.int(10),
        redeemed: row.int(11),
        cancelled: row.int(12),
        expired: row.int(13),
    };
    Campaign {
        campaign_id: row.int(0),
        name: row.text(1).to_owned(),
        code_pattern: row.text(2).to_owned(),
        quantity: row.int(3),
        per_member_limit: row.int(4),
        start_date: day(5),
        end_date: day(6),
        open: row.int(7) != 0,
        counts,
        sequence: row.int(14),
    }
}

pub(super) fn campaign_row(campaign: &Campaign) -> Row {
    let Campaign { campaign_id, quantity, per_member_limit, start_date, end_date, open, counts, sequence, .. } =
        *campaign;
    let Counts { issued, promised, in_stock, redeemed, cancelled, expired } = counts;
    let mut row = Vec::with_capacity(15);
    row.extend([campaign_id.into(), campaign.name.clone().into(), campaign.code_pattern.clone().into()]);
    row.extend([quantity, per_member_limit, start_date.as_number(), end_date.as_number()].map(Value::Int));
    row.extend([open.into(), issued, promised, in_stock, redeemed, cancelled, expired, sequence].map(Value::Int));
    Row(row)
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

/// Campaigns with a number above `after`.
pub(super) fn campaigns_sql() -> String {
    let columns = CAMPAIGN.column_list();
    format!("SELECT {columns} FROM campaign WHERE campaign_id > $1 ORDER BY campaign_id LIMIT $2")
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

/// At most `limit` codes of a campaign that nobody has and that are good, in the order in which they were made.
pub(super) fn free_codes(session: &mut dyn Session, campaign_id: i64, limit: i64) -> Result<Vec<Stored>> {
    let columns = COUPON.column_list();
    let sql = format!(
        "SELECT {columns} FROM coupon WHERE campaign_id = $1 AND member_id IS NULL AND status = 'ISSUED' \
         ORDER BY coupon_id LIMIT $2"
    );
    Ok(session.query(&sql, &[campaign_id.into(), limit.into()])?.iter().map(Stored::read).collect())
}

/// A place among the coupons that may expire: end date and number.
pub(super) type EndPlace = (i64, i64);

/// At most `limit` coupons whose end date is before `today` and that have not expired yet, in the order in which they
/// end, behind this place.
pub(super) fn ended_after(
    session: &mut dyn Session,
    (end_date, coupon_id): EndPlace,
    today: Day,
    limit: i64,
) -> Result<Vec<Stored>> {
    let columns = COUPON.column_list();
    let sql = format!(
        "SELECT {columns} FROM coupon WHERE status = 'ISSUED' AND end_date < $1 AND (end_date, coupon_id) > ($2, $3) \
         ORDER BY end_date, coupon_id LIMIT $4"
    );
    let params = [today.as_number(), end_date, coupon_id, limit].map(Value::Int);
    Ok(session.query(&sql, &params)?.iter().map(Stored::read).collect())
}
