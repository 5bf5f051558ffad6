//! Deal's tables and rows; what a batch works on is in `loaded`.

use domain::deal::{ABANDONED_MS, Deal, DealFacts, DealStatus, DealType, MerchantFacts, MerchantStatus, PointStatus};
use platform::db::{Kind, Migration, Row, Session, Table, Value};
use platform::error::Result;

/// The schema of deal.
pub const MIGRATIONS: &[Migration] = &[Migration {
    number: 13,
    name: "deal_deals",
    sql: include_str!("../../../../migrations/0013_deal_deals.sql"),
    lives_with: 13,
}];

pub(super) static DEAL: Table = Table {
    name: "deal",
    columns: &[
        ("deal_id", Kind::Int),
        ("member_id", Kind::Int),
        ("merchant_id", Kind::Int),
        ("type", Kind::Text),
        ("deal_amount", Kind::Int),
        ("point", Kind::Int),
        ("original_deal_id", Kind::Int),
        ("dealt_at", Kind::Int),
        ("month", Kind::Int),
        ("status", Kind::Text),
        ("cancelled_point", Kind::Int),
        ("point_status", Kind::Text),
        ("fail_reason", Kind::Text),
        ("give_up_at", Kind::Int),
        ("sequence", Kind::Int),
        ("previous", Kind::Int),
    ],
};

/// The newest deal of each member; the others are found from there, one by one.
pub(super) static MEMBER: Table =
    Table { name: "deal_member", columns: &[("member_id", Kind::Int), ("last_deal", Kind::Int)] };

/// The part of a deal that changes after it was stored.
pub(super) static DEAL_STATE: Table = Table {
    name: "deal",
    columns: &[
        ("deal_id", Kind::Int),
        ("status", Kind::Text),
        ("cancelled_point", Kind::Int),
        ("point_status", Kind::Text),
        ("fail_reason", Kind::Text),
        ("give_up_at", Kind::Int),
        ("sequence", Kind::Int),
    ],
};

pub(super) static MERCHANT: Table = Table {
    name: "merchant",
    columns: &[
        ("merchant_id", Kind::Int),
        ("name", Kind::Text),
        ("earn_rate_bp", Kind::Int),
        ("fee_rate_bp", Kind::Int),
        ("status", Kind::Text),
        ("sequence", Kind::Int),
    ],
};

pub(super) static BILLED_MONTH: Table = Table {
    name: "billed_month",
    columns: &[
        ("merchant_month", Kind::Text),
        ("merchant_id", Kind::Int),
        ("month", Kind::Int),
        ("through", Kind::Int),
    ],
};

/// A deal as it is stored.
#[derive(Debug, Clone)]
pub struct Stored {
    pub(super) deal: Deal,
    /// Of the merchant's event that ended it; 0 while it is pending.
    pub(super) sequence: i64,
    /// The member's deal before it; 0 for the first one.
    pub(super) previous: i64,
}

fn text(row: &Row, place: usize) -> Option<String> {
    Some(row.text(place).to_owned()).filter(|text| !text.is_empty())
}

impl Stored {
    pub(super) fn read(row: &Row) -> Self {
        let facts = DealFacts {
            deal_id: row.int(0),
            member_id: row.int(1),
            merchant_id: row.int(2),
            deal_type: DealType::from_name(row.text(3)).unwrap_or(DealType::Cancel),
            deal_amount: row.int(4),
            point: row.int(5),
            original_deal_id: row.opt_int(6),
            dealt_at_ms: row.int(7),
            month: row.int(8),
        };
        let status = DealStatus::from_name(row.text(9)).unwrap_or(DealStatus::Pending);
        let deal = Deal {
            facts,
            status,
            cancelled_point: row.int(10),
            point_status: PointStatus::from_name(row.text(11)),
            fail_reason: text(row, 12),
            left_to_point: status == DealStatus::Pending && row.opt_int(13).is_none(),
        };
        Self { deal, sequence: row.int(14), previous: row.int(15) }
    }

    pub(super) fn to_row(&self) -> Row {
        let DealFacts { deal_id, member_id, merchant_id, deal_type, deal_amount, point, .. } = self.deal.facts;
        let head = [deal_id.into(), member_id.into(), merchant_id.into(), deal_type.name().into()];
        let asked = [
            deal_amount.into(),
            point.into(),
            self.deal.facts.original_deal_id.into(),
            self.deal.facts.dealt_at_ms.into(),
            self.deal.facts.month.into(),
        ];
        Row(head.into_iter().chain(asked).chain(self.state()).chain([self.previous.into()]).collect())
    }

    pub(super) fn to_state_row(&self) -> Row {
        Row(std::iter::once(self.deal.facts.deal_id.into()).chain(self.state()).collect())
    }

    fn state(&self) -> [Value; 6] {
        let Deal { status, cancelled_point, point_status, left_to_point, .. } = self.deal;
        let is_open = status == DealStatus::Pending && !left_to_point;
        [
            status.name().into(),
            cancelled_point.into(),
            point_status.map_or(Value::Null, |point_status| point_status.name().into()),
            self.deal.fail_reason.clone().into(),
            is_open.then_some(self.deal.facts.dealt_at_ms.saturating_add(ABANDONED_MS)).into(),
            self.sequence.into(),
        ]
    }
}

/// What a merchant's row holds: what is known of it, if anything is, and the sequence of its last event.
#[derive(Debug, Clone, Default)]
pub(super) struct MerchantSlot {
    pub(super) known: Option<MerchantFacts>,
    pub(super) sequence: i64,
}

impl MerchantSlot {
    pub(super) fn read(row: &Row) -> Self {
        Self { known: read_merchant(row), sequence: row.int(5) }
    }

    pub(super) fn to_row(&self, merchant_id: i64) -> Row {
        let known = self.known.as_ref();
        let values: [Value; 6] = [
            merchant_id.into(),
            known.and_then(|known| known.name.clone()).into(),
            known.and_then(|known| known.earn_rate_bp).into(),
            known.and_then(|known| known.fee_rate_bp).into(),
            known.map_or(Value::Null, |known| known.status.name().into()),
            self.sequence.into(),
        ];
        Row(values.into())
    }
}

/// A merchant from its row; nothing for one that is not known.
pub(super) fn read_merchant(row: &Row) -> Option<MerchantFacts> {
    Some(MerchantFacts {
        merchant_id: row.int(0),
        name: text(row, 1),
        earn_rate_bp: row.opt_int(2),
        fee_rate_bp: row.opt_int(3),
        status: MerchantStatus::from_name(row.text(4))?,
    })
}

/// The key of a merchant's month.
pub(super) fn month_key(merchant_id: i64, month: i64) -> String {
    format!("{merchant_id}:{month}")
}

/// Deals that nobody heard of in time: pending since before `now_ms` less the time that a deal is waited for.
pub(super) fn due_deals(session: &mut dyn Session, now_ms: i64, limit: i64) -> Result<Vec<i64>> {
    let sql = "SELECT deal_id FROM deal WHERE give_up_at <= $1 ORDER BY give_up_at LIMIT $2";
    Ok(session.query(sql, &[now_ms.into(), limit.into()])?.iter().map(|row| row.int(0)).collect())
}
