//! Lists of gifticons and vouchers: the statements behind them.

use domain::gifticon::VoucherStatus;
use platform::db::{Database, Row, Session, Value};
use platform::error::Result;

use super::store::{GIFTICON, RESERVATION, StoredReservation, StoredVoucher, VOUCHER};
use crate::kit::{Found, Sought, search};

/// Which vouchers a list is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChosenVouchers {
    /// Only those that were bought with this cart.
    pub cart_id: Option<i64>,
    /// Only of this customer's cart; makes sense with a cart alone.
    pub customer_id: Option<i64>,
    /// Only of this gifticon.
    pub gifticon_id: Option<i64>,
    /// Only those that stand so now.
    pub status: Option<VoucherStatus>,
}

pub(super) fn gifticons_sql() -> String {
    let (columns, table) = (GIFTICON.column_list(), GIFTICON.name);
    format!("SELECT {columns} FROM {table} WHERE gifticon_id > $1 ORDER BY gifticon_id LIMIT $2")
}

fn vouchers_sql() -> String {
    let (columns, table) = (VOUCHER.column_list(), VOUCHER.name);
    format!("SELECT {columns} FROM {table} WHERE voucher_id > $1 AND voucher_id < $2 ORDER BY voucher_id LIMIT $3")
}

/// The numbers of a cart's vouchers: from the first one to the one before the last figure.
async fn vouchers_of_cart(database: &Database, cart_id: i64, customer_id: Option<i64>) -> Result<(i64, i64)> {
    let (columns, table) = (RESERVATION.column_list(), RESERVATION.name);
    let sql = format!("SELECT {columns} FROM {table} WHERE cart_id = $1");
    let rows = database.query(&sql, &[cart_id.into()]).await?;
    let of_customer = |stored: &StoredReservation| customer_id.is_none() || stored.customer_id == customer_id;
    // A cart is sold once, whatever else was kept under its number and returned.
    let sold = rows.iter().map(StoredReservation::read).filter(of_customer);
    let ids = sold.map(|stored| stored.reservation.voucher_ids()).find(|ids| !ids.is_empty());
    Ok(ids.map_or((0, 0), |ids| (ids.start, ids.end)))
}

/// Vouchers with a number above `after`, at most `limit`.
pub(super) async fn vouchers(
    database: &Database,
    chosen: ChosenVouchers,
    now_ms: i64,
    after: i64,
    limit: i64,
) -> Result<Found<StoredVoucher>> {
    let (first, end) = match chosen.cart_id {
        Some(cart_id) => vouchers_of_cart(database, cart_id, chosen.customer_id).await?,
        None => (0, i64::MAX),
    };
    let takes = |stored: &StoredVoucher| {
        chosen.gifticon_id.is_none_or(|gifticon_id| gifticon_id == stored.voucher.facts.gifticon_id)
            && chosen.status.is_none_or(|status| status == stored.voucher.standing(now_ms))
    };
    let takes_all = chosen.gifticon_id.is_none() && chosen.status.is_none();
    let after = after.max(first - 1);
    let sought = if takes_all { Sought::next_to_each_other(after, limit) } else { Sought::among_others(after, limit) };
    let params = |last, piece| [last, end, piece].map(Value::Int).to_vec();
    search(database, &vouchers_sql(), sought, params, |row| {
        let stored = StoredVoucher::read(row);
        (stored.voucher.facts.voucher_id, takes(&stored).then_some(stored))
    })
    .await
}

/// Gifticons after a number, for looking at all of them piece by piece.
pub(super) fn gifticons_after(session: &mut dyn Session, after: i64, limit: i64) -> Result<Vec<Row>> {
    session.query(&gifticons_sql(), &[after.into(), limit.into()])
}

/// Reservations after a number, for looking at all of them piece by piece.
pub(super) fn reservations_after(session: &mut dyn Session, after: i64, limit: i64) -> Result<Vec<StoredReservation>> {
    let (columns, table) = (RESERVATION.column_list(), RESERVATION.name);
    let sql = format!("SELECT {columns} FROM {table} WHERE reservation_id > $1 ORDER BY reservation_id LIMIT $2");
    Ok(session.query(&sql, &[after.into(), limit.into()])?.iter().map(StoredReservation::read).collect())
}

/// Vouchers after a number, for looking at all of them piece by piece.
pub(super) fn vouchers_after(session: &mut dyn Session, after: i64, limit: i64) -> Result<Vec<StoredVoucher>> {
    let params = [after, i64::MAX, limit].map(Value::Int);
    Ok(session.query(&vouchers_sql(), &params)?.iter().map(StoredVoucher::read).collect())
}
