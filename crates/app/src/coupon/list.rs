//! Lists of coupons and the search by code: the statements behind them.

use domain::coupon::{Coupon, CouponStatus};
use domain::kernel::Day;
use platform::db::{Database, Row, Session, Value};
use platform::error::{Error, Result};

use super::loaded::newest_first;
use super::store::{COUPON, Stored, WALLET};

/// Coupons that a page looks at, where it is chosen by something that has no index.
const LOOKED_AT: i64 = 20_000;
/// Coupons read at once.
const PIECE: i64 = 500;

/// Which coupons a list is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chosen {
    /// Only of this member.
    pub member_id: Option<i64>,
    /// Only of this campaign.
    pub campaign_id: Option<i64>,
    /// Only those that stand so today.
    pub status: Option<CouponStatus>,
}

impl Chosen {
    /// Whether a coupon is chosen, today.
    #[must_use]
    pub fn takes(&self, coupon: &Coupon, today: Day) -> bool {
        let Self { member_id, campaign_id, status } = *self;
        (member_id.is_none() || coupon.member_id == member_id)
            && (campaign_id.is_none() || coupon.campaign_id == campaign_id)
            && status.is_none_or(|status| coupon.standing(today) == status)
    }
}

/// A page of coupons, and where the next one begins.
pub(super) struct Found {
    pub(super) coupons: Vec<Stored>,
    /// The coupon after which the next page begins; nothing on the last one.
    pub(super) next: Option<i64>,
}

fn select_coupons() -> String {
    format!("SELECT {} FROM {}", COUPON.column_list(), COUPON.name)
}

/// The coupon with this code, in the form in which codes are compared.
pub(super) async fn by_code(database: &Database, code: String) -> Result<Option<Stored>> {
    let sql = format!("{} WHERE code = $1", select_coupons());
    Ok(database.query(&sql, &[code.into()]).await?.first().map(Stored::read))
}

/// Coupons with a number above `after`; of a member, those before the coupon `after`, the newest first. At most `limit`.
pub(super) async fn coupons(database: &Database, chosen: Chosen, today: Day, after: i64, limit: i64) -> Result<Found> {
    let mut pieces = match chosen.member_id {
        Some(member_id) => Pieces::Linked { place: first_place(database, member_id, after).await? },
        None => Pieces::Numbered { campaign_id: chosen.campaign_id, after },
    };
    // Where everything that is read belongs to the list, one more than the page holds says whether there is a next one.
    let takes_all = chosen.status.is_none() && (chosen.member_id.is_none() || chosen.campaign_id.is_none());
    let piece = if takes_all { (limit + 1).min(PIECE) } else { PIECE };
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut coupons, mut looked_at, mut last) = (Vec::new(), 0, after);
    loop {
        let read = pieces.next(database, piece).await?;
        let is_end = i64::try_from(read.len()).unwrap_or(piece) < piece;
        for stored in read {
            if !chosen.takes(&stored.coupon, today) {
                last = stored.coupon.coupon_id;
                continue;
            }
            if coupons.len() == wanted {
                return Ok(Found { coupons, next: Some(last) });
            }
            last = stored.coupon.coupon_id;
            coupons.push(stored);
        }
        looked_at += piece;
        if is_end {
            return Ok(Found { coupons, next: None });
        }
        if looked_at >= LOOKED_AT {
            return Ok(Found { coupons, next: Some(last) });
        }
        // An embedded store is read on this thread; others who are served by it get their turn.
        tokio::task::yield_now().await;
    }
}

/// The ways in which coupons are gone through, piece by piece.
enum Pieces {
    /// By number, all of them or those of a campaign.
    Numbered { campaign_id: Option<i64>, after: i64 },
    /// Those of a member, as each names the one before it; 0 at the end.
    Linked { place: i64 },
}

impl Pieces {
    async fn next(&mut self, database: &Database, piece: i64) -> Result<Vec<Stored>> {
        match self {
            Self::Numbered { campaign_id, after } => {
                let rows = match campaign_id {
                    Some(campaign_id) => campaign_rows(database, *campaign_id, *after, piece).await?,
                    None => {
                        let sql = format!("{} WHERE coupon_id > $1 ORDER BY coupon_id LIMIT $2", select_coupons());
                        database.query(&sql, &[*after, piece].map(Value::Int)).await?
                    }
                };
                *after = rows.last().map_or(*after, |row| row.int(0));
                Ok(rows.iter().map(Stored::read).collect())
            }
            Self::Linked { place: 0 } => Ok(Vec::new()),
            Self::Linked { place } => {
                let sql = format!("{} SELECT {} FROM walk ORDER BY step", newest_first(), COUPON.column_list());
                let rows = database.query(&sql, &[*place, piece].map(Value::Int)).await?;
                let missing = || Error::internal("a coupon names one before it that is not there; run onepoint verify");
                let coupons: Vec<Stored> = rows.iter().map(Stored::read).collect();
                *place = coupons.last().ok_or_else(missing)?.previous;
                Ok(coupons)
            }
        }
    }
}

/// Rows of a campaign's coupons after a number.
async fn campaign_rows(database: &Database, campaign_id: i64, after: i64, limit: i64) -> Result<Vec<Row>> {
    let sql = format!("{} WHERE campaign_id = $1 AND coupon_id > $2 ORDER BY coupon_id LIMIT $3", select_coupons());
    database.query(&sql, &[campaign_id, after, limit].map(Value::Int)).await
}

/// Coupons of a campaign after a number, in the order in which they were made.
pub(super) async fn coupons_of_campaign(
    database: &Database,
    campaign_id: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<Stored>> {
    Ok(campaign_rows(database, campaign_id, after, limit).await?.iter().map(Stored::read).collect())
}

/// Where a page of a member's coupons begins; 0 if there is nothing.
async fn first_place(database: &Database, member_id: i64, after: i64) -> Result<i64> {
    if after == 0 {
        // The wallet's place of its last coupon.
        return Ok(database.get(&WALLET, member_id).await?.map_or(0, |row| row.int(3)));
    }
    let seen = database.get(&COUPON, after).await?.map(|row| Stored::read(&row));
    // Nothing comes after a coupon that no page of this member showed.
    Ok(seen.filter(|stored| stored.coupon.member_id == Some(member_id)).map_or(0, |stored| stored.previous))
}

/// Coupons after a number, for looking at all of them piece by piece.
pub(super) fn coupons_after(session: &mut dyn Session, after: i64, limit: i64) -> Result<Vec<Stored>> {
    let sql = format!("{} WHERE coupon_id > $1 ORDER BY coupon_id LIMIT $2", select_coupons());
    Ok(session.query(&sql, &[after.into(), limit.into()])?.iter().map(Stored::read).collect())
}

/// Wallets after a member number.
pub(super) fn wallets_after(session: &mut dyn Session, after: i64, limit: i64) -> Result<Vec<Row>> {
    let (columns, table) = (WALLET.column_list(), WALLET.name);
    let sql = format!("SELECT {columns} FROM {table} WHERE member_id > $1 ORDER BY member_id LIMIT $2");
    session.query(&sql, &[after.into(), limit.into()])
}
