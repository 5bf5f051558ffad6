//! Cart's tables and rows; what a batch works on is in `loaded`.

use domain::cart::{Cart, CartFacts, CartStatus, Removal};
use domain::payment::PaymentMethod;
use platform::db::{Kind, Migration, Row, Session, Table, Value};
use platform::error::Result;

/// The schema of cart.
pub const MIGRATIONS: &[Migration] = &[Migration {
    number: 29,
    name: "cart_carts",
    sql: include_str!("../../../../migrations/0029_cart_carts.sql"),
    lives_with: 29,
}];

pub(super) static CART: Table = Table {
    name: "cart",
    columns: &[
        ("cart_id", Kind::Int),
        ("reservation_id", Kind::Int),
        ("gifticon_id", Kind::Int),
        ("quantity", Kind::Int),
        ("unit_price_won", Kind::Int),
        ("customer_id", Kind::Int),
        ("method", Kind::Text),
        ("added_at", Kind::Int),
        ("status", Kind::Text),
        ("payment_id", Kind::Int),
        ("removal", Kind::Text),
        ("removing_since", Kind::Int),
        ("fail_reason", Kind::Text),
        ("sequence", Kind::Int),
    ],
};

/// The part of a cart that changes after it was stored.
pub(super) static CART_STATE: Table = Table {
    name: "cart",
    columns: &[
        ("cart_id", Kind::Int),
        ("status", Kind::Text),
        ("payment_id", Kind::Int),
        ("removal", Kind::Text),
        ("removing_since", Kind::Int),
        ("fail_reason", Kind::Text),
        ("sequence", Kind::Int),
    ],
};

/// The column by which the cart of a reservation is found.
pub(super) const RESERVATION: &str = "reservation_id";

pub(super) static REFUSED: Table =
    Table { name: "refused_reservation", columns: &[("reservation_id", Kind::Int), ("refused_at", Kind::Int)] };

/// A cart as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub(super) cart: Cart,
    pub(super) added_at_ms: i64,
    /// While its removal waits for gifticon's word: since when.
    pub(super) removing_since_ms: Option<i64>,
    /// Of its last event.
    pub(super) sequence: i64,
}

impl Stored {
    pub(super) fn read(row: &Row) -> Self {
        let facts = CartFacts {
            cart_id: row.int(0),
            reservation_id: row.int(1),
            gifticon_id: row.int(2),
            quantity: row.int(3),
            unit_price_won: row.int(4),
            customer_id: row.opt_int(5),
            method: PaymentMethod::from_name(row.text(6)).unwrap_or(PaymentMethod::Card),
        };
        let cart = Cart {
            facts,
            status: CartStatus::from_name(row.text(8)).unwrap_or(CartStatus::CartAdded),
            payment_id: row.opt_int(9),
            removal: Removal::from_name(row.text(10)),
            fail_reason: Some(row.text(12).to_owned()).filter(|reason| !reason.is_empty()),
        };
        Self { cart, added_at_ms: row.int(7), removing_since_ms: row.opt_int(11), sequence: row.int(13) }
    }

    pub(super) fn to_row(&self) -> Row {
        let facts = &self.cart.facts;
        let asked: [Value; 8] = [
            facts.cart_id.into(),
            facts.reservation_id.into(),
            facts.gifticon_id.into(),
            facts.quantity.into(),
            facts.unit_price_won.into(),
            facts.customer_id.into(),
            facts.method.name().into(),
            self.added_at_ms.into(),
        ];
        Row(asked.into_iter().chain(self.state()).collect())
    }

    pub(super) fn to_state_row(&self) -> Row {
        Row(std::iter::once(self.cart.facts.cart_id.into()).chain(self.state()).collect())
    }

    fn state(&self) -> [Value; 6] {
        let Cart { status, payment_id, removal, fail_reason, .. } = &self.cart;
        [
            status.name().into(),
            (*payment_id).into(),
            removal.map_or(Value::Null, |removal| removal.name().into()),
            self.removing_since_ms.into(),
            fail_reason.clone().into(),
            self.sequence.into(),
        ]
    }
}

/// Carts whose removal has waited for gifticon's word since before `until_ms`: cart and reservation.
pub(super) fn removing(session: &mut dyn Session, until_ms: i64, limit: i64) -> Result<Vec<(i64, i64)>> {
    let sql = "SELECT cart_id, reservation_id FROM cart WHERE removing_since <= $1 ORDER BY removing_since LIMIT $2";
    let rows = session.query(sql, &[until_ms.into(), limit.into()])?;
    Ok(rows.iter().map(|row| (row.int(0), row.int(1))).collect())
}
