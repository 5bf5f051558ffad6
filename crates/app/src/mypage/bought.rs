//! Purchases on the wire, and the statements that find them.

use domain::membership::MembershipStatus;
use domain::payment::PaymentStatus;
use platform::db::{Row, Value};
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

use super::purchases::{Goods, Pieces, Purchase, Term};

/// Purchases of each kind that a page shows.
const SHOWN: usize = 20;

/// A cart on my page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageCart {
    /// The cart's number.
    pub cart_id: i64,
    /// Of what.
    pub gifticon_id: i64,
    /// Pieces.
    pub quantity: i64,
    /// Price of a piece, in won.
    pub unit_price: i64,
    /// Whose; not there where nobody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<i64>,
    /// How it is paid; none as long as payment has not spoken of it.
    pub payment_id: Option<i64>,
    /// `CartAdded`, then as its payment stands: `PaymentRequested`, `PaymentApproved`, `PaymentDeclined` or
    /// `PaymentCanceled`. A cart that was removed stays here as `PaymentCanceled`.
    #[schema(value_type = String, example = "PaymentApproved")]
    pub status: &'static str,
    /// Whether it was removed, so that it is here only.
    #[serde(skip)]
    pub is_removed: bool,
}

impl PageCart {
    fn read(row: Row) -> Self {
        let (cart_id, cart) = Purchase::<Pieces>::read(row);
        // Who declined it charged nothing, so there is nothing to cancel, whoever was first.
        let status = match cart.payment {
            Some(PaymentStatus::PaymentDeclined) => PaymentStatus::PaymentDeclined.name(),
            _ if cart.goods.is_removed => PaymentStatus::PaymentCanceled.name(),
            Some(status) => status.name(),
            None => "CartAdded",
        };
        Self {
            cart_id,
            gifticon_id: cart.goods.gifticon_id,
            quantity: cart.goods.quantity,
            unit_price: cart.goods.unit_price_won,
            customer_id: cart.customer_id,
            payment_id: cart.payment_id,
            status,
            is_removed: cart.goods.is_removed,
        }
    }
}

/// A paid membership on my page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageMembership {
    /// The membership's number.
    pub mem_id: i64,
    /// The product that was bought.
    pub product_id: i64,
    /// Its name when it was bought.
    #[schema(example = "CLUB")]
    pub product_name: String,
    /// What it cost, in won.
    pub price: i64,
    /// Whose; not there where nobody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<i64>,
    /// `REQUESTED`, `USE`, `CANC`, `EXPIRED` or `REFUSED`.
    #[schema(value_type = String, example = "USE")]
    pub mem_status: MembershipStatus,
    /// Until when it is good, RFC 3339; not there before it is paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// How it is paid; not there as long as payment has not spoken of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<i64>,
    /// How its payment stands; not there as long as payment has not spoken of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "PaymentApproved")]
    pub status: Option<PaymentStatus>,
}

impl PageMembership {
    /// A membership whose time is over shows so from that moment on, also before its row says so.
    fn read(row: Row, zone: &Zone, now_ms: i64) -> Self {
        let (mem_id, membership) = Purchase::<Term>::read(row);
        let Term { product_id, product_name, price_won, status, expires_at_ms } = membership.goods;
        let status = status.unwrap_or(MembershipStatus::Requested);
        let is_over = status == MembershipStatus::Use && expires_at_ms.is_some_and(|end_ms| end_ms <= now_ms);
        Self {
            mem_id,
            product_id,
            product_name,
            price: price_won,
            customer_id: membership.customer_id,
            mem_status: if is_over { MembershipStatus::Expired } else { status },
            expires_at: expires_at_ms.map(|end_ms| zone.format(end_ms)),
            payment_id: membership.payment_id,
            status: membership.payment,
        }
    }
}

/// A purchase as it is shown.
pub(super) trait Shown: Sized {
    /// What is bought.
    type Goods: Goods;

    /// From its row.
    fn read(row: Row, zone: &Zone, now_ms: i64) -> Self;
    /// Whose it is.
    fn customer_id(&self) -> Option<i64>;
}

impl Shown for PageCart {
    type Goods = Pieces;

    fn read(row: Row, _zone: &Zone, _now_ms: i64) -> Self {
        Self::read(row)
    }

    fn customer_id(&self) -> Option<i64> {
        self.customer_id
    }
}

impl Shown for PageMembership {
    type Goods = Term;

    fn read(row: Row, zone: &Zone, now_ms: i64) -> Self {
        Self::read(row, zone, now_ms)
    }

    fn customer_id(&self) -> Option<i64> {
        self.customer_id
    }
}

/// Finds the newest purchases of some customers, each customer's newest first.
pub(super) fn newest_of<G: Goods>(customers: &[i64]) -> (String, Vec<Value>) {
    let (name, key, columns) = (G::TABLE.name, G::TABLE.key(), G::TABLE.column_list());
    if let [customer_id] = customers {
        let sql = format!(
            "SELECT {columns} FROM {name} WHERE customer_id = $1 AND sequence > 0 ORDER BY {key} DESC LIMIT {SHOWN}"
        );
        return (sql, vec![Value::Int(*customer_id)]);
    }
    // A few different statements, however many customers there are: the last one is named again.
    let places = [20, 60, 200].into_iter().find(|places| *places >= customers.len()).unwrap_or(customers.len());
    let last = customers.last().copied().unwrap_or_default();
    let params = (0..places).map(|place| Value::Int(customers.get(place).copied().unwrap_or(last))).collect();
    let named: Vec<String> = (1..=places).map(|place| format!("${place}")).collect();
    let sql = format!(
        "WITH newest AS (SELECT {columns}, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY {key} DESC) \
         AS place FROM {name} WHERE customer_id IN ({}) AND sequence > 0) \
         SELECT {columns} FROM newest WHERE place <= {SHOWN} ORDER BY {key} DESC",
        named.join(", ")
    );
    (sql, params)
}

/// Finds purchases of customers without a page, with numbers above `$1`, in order of their numbers.
pub(super) fn alone_sql<G: Goods>() -> String {
    let (name, key, columns) = (G::TABLE.name, G::TABLE.key(), G::TABLE.column_list());
    format!("SELECT {columns} FROM {name} WHERE {key} > $1 AND alone = 1 ORDER BY {key} LIMIT $2")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cart(payment: Option<PaymentStatus>, is_removed: bool) -> &'static str {
        let payment = payment.map_or(Value::Null, |status| status.name().into());
        let mut values = [1, 0, 0].map(Value::Int).to_vec();
        values.push(payment);
        values.extend([1, 1, 1, 7, 2, 5_000, i64::from(is_removed)].map(Value::Int));
        PageCart::read(Row(values)).status
    }

    #[test]
    fn a_cart_shows_how_its_payment_stands_and_a_removed_one_that_it_is_cancelled() {
        use PaymentStatus::{PaymentApproved, PaymentCanceled, PaymentDeclined, PaymentRequested};
        let all = [None, Some(PaymentRequested), Some(PaymentApproved), Some(PaymentDeclined), Some(PaymentCanceled)];
        let names = ["CartAdded", "PaymentRequested", "PaymentApproved", "PaymentDeclined", "PaymentCanceled"];
        assert_eq!(all.map(|payment| cart(payment, false)), names);
        let names = ["PaymentCanceled", "PaymentCanceled", "PaymentCanceled", "PaymentDeclined", "PaymentCanceled"];
        assert_eq!(all.map(|payment| cart(payment, true)), names);
    }

    #[test]
    fn a_list_of_pages_is_asked_for_by_one_of_few_statements() {
        let asked = |customers: i64| newest_of::<Pieces>(&(1..=customers).collect::<Vec<_>>());
        assert_eq!(asked(2).0, asked(20).0);
        assert_ne!(asked(1).0, asked(2).0);
        assert_ne!(asked(20).0, asked(21).0);
        assert_eq!((asked(200).1.len(), asked(3).1[19].clone()), (200, Value::Int(3)));
    }
}
