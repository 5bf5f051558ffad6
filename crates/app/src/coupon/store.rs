//! Coupon's tables and rows; what a batch works on is in `loaded`.

use domain::coupon::code::Code;
use domain::coupon::{Coupon, CouponStatus, Wallet};
use domain::kernel::Day;
use domain::point::Reference;
use platform::db::{Kind, Migration, Row, Table, Value};

/// The schema of coupon.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 16,
        name: "coupon_coupons",
        sql: include_str!("../../../../migrations/0016_coupon_coupons.sql"),
        lives_with: 16,
    },
    Migration {
        number: 17,
        name: "coupon_campaigns",
        sql: include_str!("../../../../migrations/0017_coupon_campaigns.sql"),
        lives_with: 17,
    },
];

pub(super) static WALLET: Table = Table {
    name: "coupon_wallet",
    columns: &[
        ("member_id", Kind::Int),
        ("sequence", Kind::Int),
        ("issued", Kind::Int),
        ("last_coupon", Kind::Int),
        ("closing", Kind::Int),
        ("ended_attempt", Kind::Int),
        ("closed", Kind::Int),
    ],
};

pub(super) static COUPON: Table = Table {
    name: "coupon",
    columns: &[
        ("coupon_id", Kind::Int),
        ("member_id", Kind::Int),
        ("campaign_id", Kind::Int),
        ("code", Kind::Text),
        ("prefix", Kind::Text),
        ("status", Kind::Text),
        ("start_date", Kind::Int),
        ("end_date", Kind::Int),
        ("redeemed_at", Kind::Int),
        ("reference_type", Kind::Text),
        ("reference_id", Kind::Text),
        ("previous", Kind::Int),
    ],
};

/// The part of a coupon that changes after it was stored.
pub(super) static COUPON_STATE: Table = Table {
    name: "coupon",
    columns: &[
        ("coupon_id", Kind::Int),
        ("member_id", Kind::Int),
        ("status", Kind::Text),
        ("redeemed_at", Kind::Int),
        ("reference_type", Kind::Text),
        ("reference_id", Kind::Text),
        ("previous", Kind::Int),
    ],
};

/// When a coupon was used, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redemption {
    /// Milliseconds since 1970 in UTC.
    pub(super) at_ms: i64,
    /// In the words of whoever took it.
    pub(super) reference: Option<Reference>,
}

/// A coupon as it is stored.
#[derive(Debug, Clone)]
pub struct Stored {
    pub(super) coupon: Coupon,
    pub(super) code: Code,
    pub(super) redemption: Option<Redemption>,
    /// The member's coupon before it; 0 for the first one, and while it is nobody's.
    pub(super) previous: i64,
}

impl Stored {
    /// A coupon that nobody has yet.
    pub(super) fn fresh(coupon: Coupon, code: Code) -> Self {
        Self { coupon, code, redemption: None, previous: 0 }
    }

    /// From its row.
    pub(super) fn read(row: &Row) -> Self {
        // Written by this program alone; what cannot be read shows as a coupon that can no longer be used.
        let day = |place| Day::from_number(row.int(place)).unwrap_or(Day::new(1970, 1, 1));
        let coupon = Coupon {
            coupon_id: row.int(0),
            member_id: row.opt_int(1),
            campaign_id: row.opt_int(2),
            status: CouponStatus::from_name(row.text(5)).unwrap_or(CouponStatus::Cancelled),
            start_date: day(6),
            end_date: day(7),
        };
        let reference =
            (!row.text(9).is_empty()).then(|| Reference { kind: row.text(9).to_owned(), id: row.text(10).to_owned() });
        Self {
            coupon,
            code: Code { text: row.text(3).to_owned(), prefix: row.text(4).to_owned() },
            redemption: row.opt_int(8).map(|at_ms| Redemption { at_ms, reference }),
            previous: row.int(11),
        }
    }

    pub(super) fn to_row(&self) -> Row {
        let Coupon { coupon_id, member_id, campaign_id, status, start_date, end_date } = self.coupon;
        let prefix = Some(self.code.prefix.clone()).filter(|prefix| !prefix.is_empty());
        let [redeemed_at, reference_type, reference_id] = self.redemption();
        Row(vec![
            coupon_id.into(),
            member_id.into(),
            campaign_id.into(),
            self.code.text.clone().into(),
            prefix.into(),
            status.name().into(),
            start_date.as_number().into(),
            end_date.as_number().into(),
            redeemed_at,
            reference_type,
            reference_id,
            self.previous.into(),
        ])
    }

    pub(super) fn to_state_row(&self) -> Row {
        let Coupon { coupon_id, member_id, status, .. } = self.coupon;
        let [redeemed_at, reference_type, reference_id] = self.redemption();
        let head = [coupon_id.into(), member_id.into(), status.name().into()];
        let tail = [redeemed_at, reference_type, reference_id, self.previous.into()];
        Row(head.into_iter().chain(tail).collect())
    }

    fn redemption(&self) -> [Value; 3] {
        let reference = self.redemption.as_ref().and_then(|redemption| redemption.reference.clone());
        let (kind, id) = reference.map(|Reference { kind, id }| (kind, id)).unzip();
        [self.redemption.as_ref().map(|redemption| redemption.at_ms).into(), kind.into(), id.into()]
    }
}

/// A wallet as a batch works on it.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) wallet: Wallet,
    /// The member's newest coupon; 0: none.
    pub(super) last_coupon: i64,
    pub(super) is_new: bool,
    pub(super) changed: bool,
}

impl Slot {
    pub(super) fn new(member_id: i64) -> Self {
        Self { wallet: Wallet::new(member_id), last_coupon: 0, is_new: true, changed: true }
    }

    pub(super) fn read(row: &Row) -> Self {
        let wallet = Wallet {
            member_id: row.int(0),
            sequence: row.int(1),
            issued: row.int(2),
            closing: row.opt_int(4),
            ended_attempt: row.int(5),
            closed: row.int(6) == 1,
        };
        Self { wallet, last_coupon: row.int(3), is_new: false, changed: false }
    }

    pub(super) fn to_row(&self) -> Row {
        let Wallet { member_id, sequence, issued, closing, ended_attempt, closed } = self.wallet;
        let head = [member_id, sequence, issued, self.last_coupon].map(Value::Int);
        let tail = [closing.into(), ended_attempt.into(), i64::from(closed).into()];
        Row(head.into_iter().chain(tail).collect())
    }
}
