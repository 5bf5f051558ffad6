//! The dashboard's tables: their schema, the rows in them, and a digest over all of it.

use std::fmt::Write as _;

use domain::member::MemberStatus;
use platform::db::{Kind, Migration, Row, Session, Table, Value};
use platform::error::Result;
use sha2::{Digest as _, Sha256};

use super::purchases::{FLOW, GIFTICON};

/// The schema of dashboard.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 15,
        name: "dashboard_figures",
        sql: include_str!("../../../../migrations/0015_dashboard_figures.sql"),
        lives_with: 15,
    },
    Migration {
        number: 21,
        name: "dashboard_coupons",
        sql: include_str!("../../../../migrations/0021_dashboard_coupons.sql"),
        lives_with: 15,
    },
    Migration {
        number: 34,
        name: "dashboard_purchases",
        sql: include_str!("../../../../migrations/0034_dashboard_purchases.sql"),
        lives_with: 15,
    },
];

pub(super) static DEAL: Table = Table {
    name: "dashboard_deal",
    columns: &[
        ("deal_id", Kind::Int),
        ("member_id", Kind::Int),
        ("merchant_id", Kind::Int),
        ("type", Kind::Text),
        ("deal_amount", Kind::Int),
        ("point", Kind::Int),
        ("status", Kind::Text),
        ("dealt_at", Kind::Int),
        ("month", Kind::Int),
        ("original_deal_id", Kind::Int),
        ("cancelled_point", Kind::Int),
        ("points_due", Kind::Int),
        ("fail_reason", Kind::Text),
        ("sequence", Kind::Int),
    ],
};

pub(super) static MERCHANT: Table = Table {
    name: "dashboard_merchant",
    columns: &[
        ("merchant_id", Kind::Int),
        ("name", Kind::Text),
        ("fee_rate_bp", Kind::Int),
        ("used_point", Kind::Int),
        ("cancelled_point", Kind::Int),
        ("billed_point", Kind::Int),
        ("deal_sequence", Kind::Int),
        ("settlement_sequence", Kind::Int),
    ],
};

pub(super) static MARK: Table = Table {
    name: "dashboard_mark",
    columns: &[("name", Kind::Text), ("merchant_id", Kind::Int), ("month", Kind::Int), ("through", Kind::Int)],
};

pub(super) static MEMBER: Table = Table {
    name: "dashboard_member",
    columns: &[
        ("member_id", Kind::Int),
        ("status", Kind::Text),
        ("gone", Kind::Int),
        ("withdrawal", Kind::Text),
        ("withdrawal_at", Kind::Int),
        ("sequence", Kind::Int),
        ("followed", Kind::Text),
    ],
};

pub(super) static DONATION: Table = Table {
    name: "dashboard_donation",
    columns: &[("donation_id", Kind::Int), ("member_id", Kind::Int), ("requested_at", Kind::Int), ("ended", Kind::Int)],
};

pub(super) static FIGURE: Table = Table {
    name: "dashboard_figure",
    columns: &[
        ("name", Kind::Text),
        ("day", Kind::Int),
        ("kind", Kind::Text),
        ("quantity", Kind::Int),
        ("amount", Kind::Int),
    ],
};

/// Every table, in the order of the digest.
const TABLES: [&Table; 8] = [&DEAL, &MERCHANT, &MARK, &MEMBER, &DONATION, &FIGURE, &GIFTICON, &FLOW];
/// Rows read at once where a whole table is read.
pub(super) const PIECE_ROWS: usize = 5_000;

/// A merchant in a batch.
#[derive(Debug, Clone, Default)]
pub(super) struct Merchant {
    pub(super) name: Option<String>,
    /// What is agreed with it; nothing: the programme's.
    pub(super) fee_rate_bp: Option<i64>,
    /// Points of its `use` deals.
    pub(super) used_point: i64,
    /// Points of these that were cancelled.
    pub(super) cancelled_point: i64,
    /// Points of its runs.
    pub(super) billed_point: i64,
    pub(super) deal_sequence: i64,
    pub(super) settlement_sequence: i64,
}

impl Merchant {
    pub(super) fn read(mut row: Row) -> (i64, Self) {
        let merchant = Self {
            name: row.take_text(1),
            fee_rate_bp: row.opt_int(2),
            used_point: row.int(3),
            cancelled_point: row.int(4),
            billed_point: row.int(5),
            deal_sequence: row.int(6),
            settlement_sequence: row.int(7),
        };
        (row.int(0), merchant)
    }

    pub(super) fn into_row(self, merchant_id: i64) -> Row {
        Row(vec![
            merchant_id.into(),
            self.name.into(),
            self.fee_rate_bp.into(),
            self.used_point.into(),
            self.cancelled_point.into(),
            self.billed_point.into(),
            self.deal_sequence.into(),
            self.settlement_sequence.into(),
        ])
    }
}

/// A member in a batch.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) status: MemberStatus,
    pub(super) gone: bool,
    /// The step of a withdrawal that is under way, and when it was asked for.
    pub(super) withdrawal: Option<(String, i64)>,
    /// Who has followed the withdrawal, while somebody else has not: `point` or `coupon`.
    pub(super) followed: Option<&'static str>,
    pub(super) sequence: i64,
}

/// Point has followed a withdrawal.
pub(super) const POINT: &str = "point";
/// Coupon has followed a withdrawal.
pub(super) const COUPON: &str = "coupon";

impl Member {
    pub(super) fn read(mut row: Row) -> (i64, Self) {
        let member = Self {
            status: MemberStatus::from_name(row.text(1)).unwrap_or(MemberStatus::Abnormal),
            gone: row.int(2) != 0,
            withdrawal: row.take_text(3).map(|step| (step, row.int(4))),
            followed: [POINT, COUPON].into_iter().find(|follower| row.text(6) == *follower),
            sequence: row.int(5),
        };
        (row.int(0), member)
    }

    pub(super) fn into_row(self, member_id: i64) -> Row {
        let (step, at) = self.withdrawal.unzip();
        Row(vec![
            member_id.into(),
            self.status.name().into(),
            i64::from(self.gone).into(),
            step.into(),
            at.into(),
            self.sequence.into(),
            self.followed.map(str::to_owned).into(),
        ])
    }
}

/// The key of the mark of a merchant's month.
pub(super) fn mark_name(merchant_id: i64, month: i64) -> String {
    format!("{merchant_id}.{month}")
}

/// Empties the read model and sets its consumers back to the start.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub(super) fn clear(tx: &mut dyn Session) -> Result<()> {
    for table in TABLES {
        tx.execute(&format!("DELETE FROM {}", table.name), &[])?;
    }
    platform::consumer::forget_cursors(tx)
}

/// A digest over every row of every table in the order of their keys, for comparing a dashboard with one rebuilt from
/// the logs.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub(super) fn digest(session: &mut dyn Session) -> Result<String> {
    let mut hasher = Sha256::new();
    for table in TABLES {
        hasher.update(table.name);
        each_row(session, table, &mut |row| hasher.update(format!("{row:?}")))?;
    }
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

/// Shows every row of a table in the order of its key.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub(super) fn each_row(session: &mut dyn Session, table: &Table, look: &mut dyn FnMut(&Row)) -> Result<()> {
    let (name, key, columns) = (table.name, table.key(), table.column_list());
    let sql = format!("SELECT {columns} FROM {name} WHERE {key} > $1 ORDER BY {key} LIMIT {PIECE_ROWS}");
    // Numbers of rows begin with 1, and every name comes after the empty one.
    let mut after = if table.columns[0].1 == Kind::Int { Value::Int(0) } else { Value::from("") };
    loop {
        let rows = session.query(&sql, &[after])?;
        rows.iter().for_each(&mut *look);
        match rows.last().and_then(|row| row.0.first()) {
            Some(last) => after = last.clone(),
            None => return Ok(()),
        }
    }
}
