//! Membership's tables and rows.

use domain::membership::{Membership, MembershipFacts, MembershipStatus};
use domain::payment::PaymentMethod;
use platform::db::{Kind, Migration, Row, Session, Table, Value};
use platform::error::Result;

/// The schema of membership.
pub const MIGRATIONS: &[Migration] = &[Migration {
    number: 31,
    name: "membership_memberships",
    sql: include_str!("../../../../migrations/0031_membership_memberships.sql"),
    lives_with: 31,
}];

pub(super) static MEMBERSHIP: Table = Table {
    name: "membership",
    columns: &[
        ("mem_id", Kind::Int),
        ("unit_id", Kind::Int),
        ("product_id", Kind::Int),
        ("product_name", Kind::Text),
        ("price_won", Kind::Int),
        ("months", Kind::Int),
        ("customer_id", Kind::Int),
        ("method", Kind::Text),
        ("purchased_at", Kind::Int),
        ("renews_mem_id", Kind::Int),
        ("status", Kind::Text),
        ("payment_id", Kind::Int),
        ("starts_at", Kind::Int),
        ("expires_at", Kind::Int),
        ("fail_reason", Kind::Text),
        ("renewed_by", Kind::Int),
        ("sequence", Kind::Int),
    ],
};

/// The part of a membership that changes after it was bought.
pub(super) static MEMBERSHIP_STATE: Table = Table {
    name: "membership",
    columns: &[
        ("mem_id", Kind::Int),
        ("status", Kind::Text),
        ("payment_id", Kind::Int),
        ("starts_at", Kind::Int),
        ("expires_at", Kind::Int),
        ("fail_reason", Kind::Text),
        ("renewed_by", Kind::Int),
        ("sequence", Kind::Int),
    ],
};

/// What became of product's units: the membership, or none for ever.
pub(super) static UNIT: Table =
    Table { name: "membership_unit", columns: &[("unit_id", Kind::Int), ("mem_id", Kind::Int)] };

pub(super) fn read_membership(row: &Row) -> Membership {
    let facts = MembershipFacts {
        mem_id: row.int(0),
        unit_id: row.int(1),
        product_id: row.int(2),
        product_name: row.text(3).to_owned(),
        price_won: row.int(4),
        months: row.int(5),
        customer_id: row.opt_int(6),
        method: PaymentMethod::from_name(row.text(7)).unwrap_or(PaymentMethod::Card),
        purchased_at_ms: row.int(8),
        renews_mem_id: row.opt_int(9),
    };
    Membership {
        facts,
        status: MembershipStatus::from_name(row.text(10)).unwrap_or(MembershipStatus::Requested),
        payment_id: row.opt_int(11),
        starts_at_ms: row.opt_int(12),
        expires_at_ms: row.opt_int(13),
        fail_reason: Some(row.text(14).to_owned()).filter(|reason| !reason.is_empty()),
        renewed_by: row.opt_int(15),
        sequence: row.int(16),
    }
}

pub(super) fn membership_row(membership: &Membership) -> Row {
    let facts = &membership.facts;
    let bought: [Value; 10] = [
        facts.mem_id.into(),
        facts.unit_id.into(),
        facts.product_id.into(),
        facts.product_name.clone().into(),
        facts.price_won.into(),
        facts.months.into(),
        facts.customer_id.into(),
        facts.method.name().into(),
        facts.purchased_at_ms.into(),
        facts.renews_mem_id.into(),
    ];
    Row(bought.into_iter().chain(state(membership)).collect())
}

pub(super) fn state_row(membership: &Membership) -> Row {
    Row(std::iter::once(membership.facts.mem_id.into()).chain(state(membership)).collect())
}

fn state(membership: &Membership) -> [Value; 7] {
    [
        membership.status.name().into(),
        membership.payment_id.into(),
        membership.starts_at_ms.into(),
        membership.expires_at_ms.into(),
        membership.fail_reason.clone().into(),
        membership.renewed_by.into(),
        membership.sequence.into(),
    ]
}

/// Memberships whose time is over and of which that is not noted, the oldest first.
pub(super) fn due_memberships(session: &mut dyn Session, now_ms: i64, limit: i64) -> Result<Vec<i64>> {
    let sql = "SELECT mem_id FROM membership WHERE status = 'USE' AND expires_at <= $1 ORDER BY expires_at LIMIT $2";
    Ok(session.query(sql, &[now_ms.into(), limit.into()])?.iter().map(|row| row.int(0)).collect())
}

/// Memberships with a number above `$1`, at most `$2`.
pub(super) fn list_sql() -> String {
    let (columns, table) = (MEMBERSHIP.column_list(), MEMBERSHIP.name);
    format!("SELECT {columns} FROM {table} WHERE mem_id > $1 ORDER BY mem_id LIMIT $2")
}

/// Memberships with a number above `$1` of the customer `$2`, at most `$3`.
pub(super) fn list_of_customer_sql() -> String {
    let (columns, table) = (MEMBERSHIP.column_list(), MEMBERSHIP.name);
    format!("SELECT {columns} FROM {table} WHERE mem_id > $1 AND customer_id = $2 ORDER BY mem_id LIMIT $3")
}

/// Rows after a number, for looking at all of them piece by piece.
pub(super) fn rows_after(session: &mut dyn Session, table: &Table, after: i64, limit: i64) -> Result<Vec<Row>> {
    let (columns, name, key) = (table.column_list(), table.name, table.key());
    let sql = format!("SELECT {columns} FROM {name} WHERE {key} > $1 ORDER BY {key} LIMIT $2");
    session.query(&sql, &[after.into(), limit.into()])
}
