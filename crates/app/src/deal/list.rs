//! Lists of deals and merchants, and the marks of what is billed: the statements behind them.

use std::collections::{BTreeSet, HashMap};

use domain::deal::{CancelDeal, can_cancel};
use platform::db::{Database, Row, Session, Value};
use platform::error::{Error, Result};

use super::loaded::LOOK_BACK;
use super::store::{BILLED_MONTH, DEAL, MEMBER, MERCHANT, Stored};
use crate::kit::{Found, LOOKED_AT, PIECE, Sought, search};

/// Which deals a list is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chosen {
    /// Only of this member.
    pub member_id: Option<i64>,
    /// Only at this merchant.
    pub merchant_id: Option<i64>,
}

fn select_deals() -> String {
    format!("SELECT {} FROM {}", DEAL.column_list(), DEAL.name)
}

/// The deals of a member from `$1` backwards, at most `$2`, as `walk`.
pub(super) fn newest_first() -> String {
    DEAL.walk("previous")
}

/// Deals with a number above `after`; of a member, those before the deal `after`, the newest first. At most `limit`.
pub(super) async fn deals(database: &Database, chosen: Chosen, after: i64, limit: i64) -> Result<Found<Stored>> {
    match chosen {
        Chosen { member_id: Some(member_id), merchant_id } => {
            deals_of(database, member_id, merchant_id, after, limit).await
        }
        Chosen { merchant_id: Some(merchant_id), .. } => deals_at(database, merchant_id, after, limit).await,
        Chosen { .. } => {
            let sql = format!("{} WHERE deal_id > $1 ORDER BY deal_id LIMIT $2", select_deals());
            Ok(page(&database.query(&sql, &[after.into(), (limit + 1).into()]).await?, limit))
        }
    }
}

/// Deals of one member, the newest first, as each names the one before it.
async fn deals_of(
    database: &Database,
    member_id: i64,
    merchant_id: Option<i64>,
    after: i64,
    limit: i64,
) -> Result<Found<Stored>> {
    let walk = Walk {
        place: first_place(database, member_id, after).await?,
        piece: if merchant_id.is_none() { limit.min(PIECE) } else { PIECE },
        most: LOOKED_AT,
    };
    let takes = |stored: &Stored| {
        let facts = &stored.deal.facts;
        (after == 0 || facts.deal_id < after) && merchant_id.is_none_or(|merchant_id| merchant_id == facts.merchant_id)
    };
    walk.back(database, limit, takes).await
}

/// The newest deal that a cancel which names none may be about.
pub(super) async fn newest_to_cancel(database: &Database, cancel: &CancelDeal) -> Result<Option<i64>> {
    let place = first_place(database, cancel.member_id, 0).await?;
    let walk = Walk { place, piece: PIECE, most: LOOK_BACK };
    let found = walk.back(database, 1, |stored| can_cancel(&stored.deal, cancel)).await?;
    Ok(found.rows.first().map(|stored| stored.deal.facts.deal_id))
}

/// A walk from a deal to the member's deals before it.
struct Walk {
    /// The deal that is looked at next; 0 at the end.
    place: i64,
    /// Deals read at once.
    piece: i64,
    /// Deals looked at.
    most: i64,
}

impl Walk {
    async fn back(self, database: &Database, limit: i64, takes: impl Fn(&Stored) -> bool) -> Result<Found<Stored>> {
        let Self { mut place, piece, most } = self;
        let (mut deals, mut looked_at, mut last) = (Vec::new(), 0, 0);
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let sql = format!("{} SELECT {} FROM walk ORDER BY step", newest_first(), DEAL.column_list());
        while place != 0 && deals.len() < wanted && looked_at < most {
            if looked_at > 0 {
                // An embedded store is read on this thread; others who are served by it get their turn.
                tokio::task::yield_now().await;
            }
            let rows = database.query(&sql, &[place.into(), piece.into()]).await?;
            if rows.is_empty() {
                return Err(Error::internal("a deal names one before it that is not there; run onepoint verify"));
            }
            for stored in rows.iter().map(Stored::read) {
                (looked_at, last, place) = (looked_at + 1, stored.deal.facts.deal_id, stored.previous);
                if takes(&stored) {
                    deals.push(stored);
                    if deals.len() == wanted {
                        break;
                    }
                }
            }
        }
        Ok(Found { rows: deals, next: (place != 0).then_some(last) })
    }
}

async fn newest(database: &Database, member_id: i64) -> Result<i64> {
    Ok(database.get(&MEMBER, member_id).await?.map_or(0, |row| row.int(1)))
}

/// Where a page of a member's deals begins; 0 if there is nothing.
async fn first_place(database: &Database, member_id: i64, after: i64) -> Result<i64> {
    if after == 0 {
        return newest(database, member_id).await;
    }
    let seen = database.get(&DEAL, after).await?.map(|row| Stored::read(&row));
    match seen.filter(|stored| stored.deal.facts.member_id == member_id) {
        Some(stored) => Ok(stored.previous),
        // A place that no page of this member gave: the member's deals before it are found from the newest on.
        None => newest(database, member_id).await,
    }
}

/// Deals of one merchant. A page looks at so many deals of everyone and no more; the next one goes on from there.
async fn deals_at(database: &Database, merchant_id: i64, after: i64, limit: i64) -> Result<Found<Stored>> {
    let sql = format!("{} WHERE deal_id > $1 ORDER BY deal_id LIMIT $2", select_deals());
    search(
        database,
        &sql,
        Sought::among_others(after, limit),
        |last, piece| vec![last.into(), piece.into()],
        |row| (row.int(0), (row.int(2) == merchant_id).then(|| Stored::read(row))),
    )
    .await
}

/// One row more than a page holds says that there is a next one.
fn page(rows: &[Row], limit: i64) -> Found<Stored> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let deals: Vec<Stored> = rows.iter().take(limit).map(Stored::read).collect();
    let next = deals.last().map(|stored| stored.deal.facts.deal_id).filter(|_| rows.len() > limit);
    Found { rows: deals, next }
}

pub(super) fn list_merchants_sql() -> String {
    let (columns, table) = (MERCHANT.column_list(), MERCHANT.name);
    format!("SELECT {columns} FROM {table} WHERE merchant_id > $1 AND status IS NOT NULL ORDER BY merchant_id LIMIT $2")
}

/// Months and marks of merchants.
pub(super) type Marks = HashMap<i64, Vec<(i64, i64)>>;

/// The marks of these merchants from the month `from` on.
pub(super) async fn marks(database: &Database, merchants: BTreeSet<i64>, from: i64) -> Result<Marks> {
    let mut merchants: Vec<i64> = merchants.into_iter().collect();
    let Some(last) = merchants.last().copied() else { return Ok(Marks::new()) };
    // A few lengths, so that there are a few statements, not one for each number of merchants.
    merchants.resize(merchants.len().next_power_of_two(), last);
    let places: Vec<String> = (2..merchants.len() + 2).map(|place| format!("${place}")).collect();
    let (table, places) = (BILLED_MONTH.name, places.join(", "));
    let sql =
        format!("SELECT merchant_id, month, through FROM {table} WHERE month >= $1 AND merchant_id IN ({places})");
    let params: Vec<Value> = std::iter::once(from).chain(merchants).map(Value::Int).collect();
    let mut marks = Marks::new();
    for row in database.query(&sql, &params).await? {
        marks.entry(row.int(0)).or_default().push((row.int(1), row.int(2)));
    }
    Ok(marks)
}

/// Deals after a number, for looking at all of them piece by piece.
pub(super) fn deals_after(session: &mut dyn Session, after: i64, limit: i64) -> Result<Vec<Stored>> {
    let sql = format!("{} WHERE deal_id > $1 ORDER BY deal_id LIMIT $2", select_deals());
    Ok(session.query(&sql, &[after.into(), limit.into()])?.iter().map(Stored::read).collect())
}

/// Members after a number, with their last deal.
pub(super) fn members_after(session: &mut dyn Session, after: i64, limit: i64) -> Result<Vec<Row>> {
    let (columns, table) = (MEMBER.column_list(), MEMBER.name);
    let sql = format!("SELECT {columns} FROM {table} WHERE member_id > $1 ORDER BY member_id LIMIT $2");
    session.query(&sql, &[after.into(), limit.into()])
}

/// Merchants after a number, with the sequence of their last event; those included that are not known.
pub(super) fn merchants_after(session: &mut dyn Session, after: i64, limit: i64) -> Result<Vec<Row>> {
    let (columns, table) = (MERCHANT.column_list(), MERCHANT.name);
    let sql = format!("SELECT {columns} FROM {table} WHERE merchant_id > $1 ORDER BY merchant_id LIMIT $2");
    session.query(&sql, &[after.into(), limit.into()])
}
