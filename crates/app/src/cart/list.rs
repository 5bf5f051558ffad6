//! Lists of carts: the statements behind them.

use domain::cart::CartStatus;
use platform::db::{Database, Session, Value};
use platform::error::Result;

use super::store::{CART, Stored};

/// Carts that a page looks at: those that are removed are passed over, and may be many.
const LOOKED_AT: i64 = 20_000;
/// Carts read at once at most.
const PIECE: i64 = 500;

/// A page of carts, and where the next one begins.
pub(super) struct Found {
    pub(super) carts: Vec<Stored>,
    /// The number after which the next page begins; nothing on the last one.
    pub(super) next: Option<i64>,
}

fn select_carts() -> String {
    format!("SELECT {} FROM {}", CART.column_list(), CART.name)
}

/// Carts with a number above `after` that are not removed, of everyone or of one customer; at most `limit`.
pub(super) async fn carts(database: &Database, customer_id: Option<i64>, after: i64, limit: i64) -> Result<Found> {
    let which = match customer_id {
        Some(_) => "customer_id = $1 AND cart_id > $2 ORDER BY cart_id LIMIT $3",
        None => "cart_id > $1 ORDER BY cart_id LIMIT $2",
    };
    let sql = format!("{} WHERE {which}", select_carts());
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    // One more than is wanted says that there is a next page.
    let piece = (limit + 1).clamp(1, PIECE);
    let (mut carts, mut last, mut looked_at) = (Vec::new(), after, 0);
    loop {
        let params = [customer_id, Some(last), Some(piece)];
        let params: Vec<Value> = params.into_iter().flatten().map(Value::Int).collect();
        let rows = database.query(&sql, &params).await?;
        for stored in rows.iter().map(Stored::read) {
            last = stored.cart.facts.cart_id;
            if stored.cart.status != CartStatus::CartRemoved {
                if carts.len() == wanted {
                    let next = carts.last().map(|stored: &Stored| stored.cart.facts.cart_id);
                    return Ok(Found { carts, next });
                }
                carts.push(stored);
            }
        }
        looked_at += piece;
        if i64::try_from(rows.len()).unwrap_or(piece) < piece {
            return Ok(Found { carts, next: None });
        }
        if looked_at >= LOOKED_AT {
            return Ok(Found { carts, next: Some(last) });
        }
        // An embedded store is read on this thread; others who are served by it get their turn.
        tokio::task::yield_now().await;
    }
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
