//! Lists of payments: the statements behind them.

use domain::payment::{Order, PaymentStatus};
use platform::db::{Database, Row, Value};
use platform::error::Result;

use super::store::{PAYMENT, Stored, order_key};

/// Payments that a page looks at, where it is chosen by something that has no index.
const LOOKED_AT: i64 = 20_000;
/// Payments read at once.
const PIECE: i64 = 500;

/// Which payments a list is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chosen {
    /// Only that of this cart.
    pub cart_id: Option<i64>,
    /// Only that of this membership.
    pub mem_id: Option<i64>,
    /// Only of this customer.
    pub customer_id: Option<i64>,
    /// Only those that stand so.
    pub status: Option<PaymentStatus>,
}

impl Chosen {
    fn takes(&self, stored: &Stored) -> bool {
        let facts = &stored.payment.facts;
        self.orders().iter().all(|order| facts.order == *order)
            && (self.customer_id.is_none() || facts.customer_id == self.customer_id)
            && self.status.is_none_or(|status| stored.payment.status == status)
    }

    /// The orders that were named; what is paid for is one of them at most.
    fn orders(&self) -> Vec<Order> {
        self.cart_id.map(Order::Cart).into_iter().chain(self.mem_id.map(Order::Membership)).collect()
    }
}

/// A page of payments, and where the next one begins.
pub(super) struct Found {
    pub(super) payments: Vec<Stored>,
    /// The number after which the next page begins; nothing on the last one.
    pub(super) next: Option<i64>,
}

/// Payments with a number above `after`, at most `limit`. A page that is chosen by customer or status looks at so many
/// payments and no more; the next one goes on from there.
pub(super) async fn payments(database: &Database, chosen: Chosen, after: i64, limit: i64) -> Result<Found> {
    if let Some(order) = chosen.orders().first() {
        let sql = format!("SELECT {} FROM {} WHERE order_key = $1", PAYMENT.column_list(), PAYMENT.name);
        let rows = database.query(&sql, &[order_key(*order).into()]).await?;
        let fits = |stored: &Stored| chosen.takes(stored) && stored.payment.facts.payment_id > after;
        return Ok(Found { payments: rows.iter().map(Stored::read).filter(fits).collect(), next: None });
    }
    let sql = format!(
        "SELECT {} FROM {} WHERE payment_id > $1 ORDER BY payment_id LIMIT $2",
        PAYMENT.column_list(),
        PAYMENT.name
    );
    let takes_all = chosen.customer_id.is_none() && chosen.status.is_none();
    let piece = if takes_all { (limit + 1).min(PIECE) } else { PIECE };
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut payments, mut last, mut looked_at) = (Vec::new(), after, 0);
    loop {
        let rows: Vec<Row> = database.query(&sql, &[last, piece].map(Value::Int)).await?;
        for stored in rows.iter().map(Stored::read) {
            let takes = chosen.takes(&stored);
            if takes && payments.len() == wanted {
                return Ok(Found { payments, next: Some(last) });
            }
            last = stored.payment.facts.payment_id;
            if takes {
                payments.push(stored);
            }
        }
        looked_at += piece;
        if i64::try_from(rows.len()).unwrap_or(piece) < piece {
            return Ok(Found { payments, next: None });
        }
        if looked_at >= LOOKED_AT {
            return Ok(Found { payments, next: Some(last) });
        }
        // An embedded store is read on this thread; others who are served by it get their turn.
        tokio::task::yield_now().await;
    }
}
