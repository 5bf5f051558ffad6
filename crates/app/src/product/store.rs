//! Product's tables and rows.

use domain::product::{Product, ProductFacts, Unit, UnitFacts, UnitStatus};
use platform::db::{Kind, Migration, Row, Session, Table, Value};
use platform::error::Result;

/// The schema of product.
pub const MIGRATIONS: &[Migration] = &[Migration {
    number: 30,
    name: "product_products",
    sql: include_str!("../../../../migrations/0030_product_products.sql"),
    lives_with: 30,
}];

pub(super) static PRODUCT: Table = Table {
    name: "product",
    columns: &[
        ("product_id", Kind::Int),
        ("product_name", Kind::Text),
        ("price_won", Kind::Int),
        ("sales_limit", Kind::Int),
        ("sale_ends_at", Kind::Int),
        ("months", Kind::Int),
        ("reserved", Kind::Int),
        ("sold", Kind::Int),
        ("removed", Kind::Int),
        ("sequence", Kind::Int),
    ],
};

pub(super) static UNIT: Table = Table {
    name: "product_unit",
    columns: &[
        ("unit_id", Kind::Int),
        ("product_id", Kind::Int),
        ("product_name", Kind::Text),
        ("price_won", Kind::Int),
        ("months", Kind::Int),
        ("status", Kind::Text),
        ("mem_id", Kind::Int),
        ("look_at", Kind::Int),
    ],
};

/// The part of a unit that changes after it was kept.
pub(super) static UNIT_STATE: Table = Table {
    name: "product_unit",
    columns: &[("unit_id", Kind::Int), ("status", Kind::Text), ("mem_id", Kind::Int), ("look_at", Kind::Int)],
};

pub(super) fn read_product(row: &Row) -> Product {
    let facts = ProductFacts {
        product_id: row.int(0),
        product_name: row.text(1).to_owned(),
        price_won: row.int(2),
        sales_limit: row.opt_int(3),
        sale_ends_at_ms: row.opt_int(4),
        months: row.int(5),
    };
    Product { facts, reserved: row.int(6), sold: row.int(7), removed: row.int(8) != 0, sequence: row.int(9) }
}

pub(super) fn product_row(product: &Product) -> Row {
    let facts = &product.facts;
    Row(vec![
        facts.product_id.into(),
        facts.product_name.clone().into(),
        facts.price_won.into(),
        facts.sales_limit.into(),
        facts.sale_ends_at_ms.into(),
        facts.months.into(),
        product.reserved.into(),
        product.sold.into(),
        i64::from(product.removed).into(),
        product.sequence.into(),
    ])
}

/// A unit as it is stored: with what was said of its product, so that the same question gets the same answer.
#[derive(Debug, Clone)]
pub struct StoredUnit {
    pub(super) unit: Unit,
    pub(super) product_name: String,
    pub(super) price_won: i64,
    pub(super) months: i64,
    /// The membership that it became, where that was heard.
    pub(super) mem_id: Option<i64>,
    /// When membership is to be asked what became of it; none once something has been heard.
    pub(super) look_at_ms: Option<i64>,
}

impl StoredUnit {
    pub(super) fn read(row: &Row) -> Self {
        let facts = UnitFacts { unit_id: row.int(0), product_id: row.int(1) };
        let status = UnitStatus::from_name(row.text(5)).unwrap_or(UnitStatus::Reserved);
        Self {
            unit: Unit { facts, status },
            product_name: row.text(2).to_owned(),
            price_won: row.int(3),
            months: row.int(4),
            mem_id: row.opt_int(6),
            look_at_ms: row.opt_int(7),
        }
    }

    pub(super) fn to_row(&self) -> Row {
        let UnitFacts { unit_id, product_id } = self.unit.facts;
        let said: [Value; 5] = [
            unit_id.into(),
            product_id.into(),
            self.product_name.clone().into(),
            self.price_won.into(),
            self.months.into(),
        ];
        Row(said.into_iter().chain(self.state()).collect())
    }

    pub(super) fn to_state_row(&self) -> Row {
        Row(std::iter::once(self.unit.facts.unit_id.into()).chain(self.state()).collect())
    }

    fn state(&self) -> [Value; 3] {
        [self.unit.status.name().into(), self.mem_id.into(), self.look_at_ms.into()]
    }
}

/// Units that nothing was heard of in time, the oldest first.
pub(super) fn units_to_look_at(session: &mut dyn Session, now_ms: i64, limit: i64) -> Result<Vec<i64>> {
    let sql = "SELECT unit_id FROM product_unit WHERE look_at <= $1 ORDER BY look_at LIMIT $2";
    Ok(session.query(sql, &[now_ms.into(), limit.into()])?.iter().map(|row| row.int(0)).collect())
}

/// Products with a number above `$1` that were not taken off, at most `$2`.
pub(super) fn list_sql() -> String {
    let (columns, table) = (PRODUCT.column_list(), PRODUCT.name);
    format!("SELECT {columns} FROM {table} WHERE product_id > $1 AND removed = 0 ORDER BY product_id LIMIT $2")
}

/// Rows after a number, for looking at all of them piece by piece.
pub(super) fn rows_after(session: &mut dyn Session, table: &Table, after: i64, limit: i64) -> Result<Vec<Row>> {
    let (columns, name, key) = (table.column_list(), table.name, table.key());
    let sql = format!("SELECT {columns} FROM {name} WHERE {key} > $1 ORDER BY {key} LIMIT $2");
    session.query(&sql, &[after.into(), limit.into()])
}
