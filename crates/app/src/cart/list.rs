//! Lists of carts: the statements behind them.

use domain::cart::CartStatus;
use platform::db::{Database, Session, Value};
use platform::error::Result;

use super::store::{CART, Stored};
use crate::kit::{Found, Sought, search};

fn select_carts() -> String {
    format!("SELECT {} FROM {}", CART.column_list(), CART.name)
}

/// Carts with a number above `after` that are not removed, of everyone or of one customer; at most `limit`.
pub(super) async fn carts(
    database: &Database,
    customer_id: Option<i64>,
    after: i64,
    limit: i64,
) -> Result<Found<Stored>> {
    let which = match customer_id {
        Some(_) => "customer_id = $1 AND cart_id > $2 ORDER BY cart_id LIMIT $3",
        None => "cart_id > $1 ORDER BY cart_id LIMIT $2",
    };
    let sql = format!("{} WHERE {which}", select_carts());
    let params = |last, piece| [customer_id, Some(last), Some(piece)].into_iter().flatten().map(Value::Int).collect();
    // Those that are removed are passed over, and may be many.
    search(database, &sql, Sought::next_to_each_other(after, limit), params, |row| {
        let stored = Stored::read(row);
        let is_there = stored.cart.status != CartStatus::CartRemoved;
        (stored.cart.facts.cart_id, is_there.then_some(stored))
    })
    .await
}

/// Carts after a number, removed ones included, for looking at all of them piece by piece.
pub(super) fn carts_after(session: &mut dyn Session, after: i64, limit: i64) -> Result<Vec<Stored>> {
    let sql = format!("{} WHERE cart_id > $1 ORDER BY cart_id LIMIT $2", select_carts());
    Ok(session.query(&sql, &[after.into(), limit.into()])?.iter().map(Stored::read).collect())
}

/// Reservations after a number that never become a cart.
pub(super) fn refused_after(session: &mut dyn Session, after: i64, limit: i64) -> Result<Vec<i64>> {
    let sql =
        "SELECT reservation_id FROM refused_reservation WHERE reservation_id > $1 ORDER BY reservation_id LIMIT $2";
    Ok(session.query(sql, &[after.into(), limit.into()])?.iter().map(|row| row.int(0)).collect())
}
