//! Lists of payments: the statements behind them.

use domain::payment::{Order, PaymentStatus};
use platform::db::{Database, Value};
use platform::error::Result;

use super::store::{PAYMENT, Stored, order_key};
use crate::kit::{Found, Sought, search};

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

/// Payments with a number above `after`, at most `limit`. A page that is chosen by customer or status looks at so many
/// payments and no more; the next one goes on from there.
pub(super) async fn payments(database: &Database, chosen: Chosen, after: i64, limit: i64) -> Result<Found<Stored>> {
    if let Some(order) = chosen.orders().first() {
        let sql = format!("SELECT {} FROM {} WHERE order_key = $1", PAYMENT.column_list(), PAYMENT.name);
        let rows = database.query(&sql, &[order_key(*order).into()]).await?;
        let fits = |stored: &Stored| chosen.takes(stored) && stored.payment.facts.payment_id > after;
        return Ok(Found { rows: rows.iter().map(Stored::read).filter(fits).collect(), next: None });
    }
    let sql = format!(
        "SELECT {} FROM {} WHERE payment_id > $1 ORDER BY payment_id LIMIT $2",
        PAYMENT.column_list(),
        PAYMENT.name
    );
    let takes_all = chosen.customer_id.is_none() && chosen.status.is_none();
    let sought = if takes_all { Sought::next_to_each_other(after, limit) } else { Sought::among_others(after, limit) };
    search(
        database,
        &sql,
        sought,
        |last, piece| [last, piece].map(Value::Int).to_vec(),
        |row| {
            let stored = Stored::read(row);
            (stored.payment.facts.payment_id, chosen.takes(&stored).then_some(stored))
        },
    )
    .await
}
