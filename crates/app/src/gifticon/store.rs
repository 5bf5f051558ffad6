//! Gifticon's tables and rows; what a batch works on is in `loaded`.

use domain::gifticon::{
    Gifticon, Reservation, ReservationFacts, ReservationStatus, Voucher, VoucherCode, VoucherFacts, VoucherStatus,
};
use platform::db::{Kind, Migration, Row, Session, Table, Value};
use platform::error::Result;

/// The schema of gifticon.
pub const MIGRATIONS: &[Migration] = &[Migration {
    number: 28,
    name: "gifticon_gifticons",
    sql: include_str!("../../../../migrations/0028_gifticon_gifticons.sql"),
    lives_with: 28,
}];

pub(super) static GIFTICON: Table = Table {
    name: "gifticon",
    columns: &[
        ("gifticon_id", Kind::Int),
        ("name", Kind::Text),
        ("price_won", Kind::Int),
        ("on_sale", Kind::Int),
        ("free", Kind::Int),
        ("reserved", Kind::Int),
        ("sold", Kind::Int),
        ("sequence", Kind::Int),
    ],
};

pub(super) static RESERVATION: Table = Table {
    name: "reservation",
    columns: &[
        ("reservation_id", Kind::Int),
        ("gifticon_id", Kind::Int),
        ("quantity", Kind::Int),
        ("unit_price_won", Kind::Int),
        ("status", Kind::Text),
        ("ask_at", Kind::Int),
        ("cart_id", Kind::Int),
        ("customer_id", Kind::Int),
        ("first_voucher", Kind::Int),
    ],
};

/// The part of a reservation that changes after it was stored.
pub(super) static RESERVATION_STATE: Table = Table {
    name: "reservation",
    columns: &[
        ("reservation_id", Kind::Int),
        ("status", Kind::Text),
        ("ask_at", Kind::Int),
        ("cart_id", Kind::Int),
        ("customer_id", Kind::Int),
        ("first_voucher", Kind::Int),
    ],
};

pub(super) static VOUCHER: Table = Table {
    name: "voucher",
    columns: &[
        ("voucher_id", Kind::Int),
        ("reservation_id", Kind::Int),
        ("gifticon_id", Kind::Int),
        ("cart_id", Kind::Int),
        ("secret", Kind::Int),
        ("status", Kind::Text),
        ("expires_at", Kind::Int),
        ("used_at", Kind::Int),
    ],
};

/// The part of a voucher that changes after it was stored.
pub(super) static VOUCHER_STATE: Table = Table {
    name: "voucher",
    columns: &[("voucher_id", Kind::Int), ("status", Kind::Text), ("expires_at", Kind::Int), ("used_at", Kind::Int)],
};

pub(super) fn read_gifticon(row: &Row) -> Gifticon {
    Gifticon {
        gifticon_id: row.int(0),
        name: row.text(1).to_owned(),
        price_won: row.int(2),
        on_sale: row.int(3) == 1,
        free: row.int(4),
        reserved: row.int(5),
        sold: row.int(6),
        sequence: row.int(7),
    }
}

pub(super) fn gifticon_row(gifticon: &Gifticon) -> Row {
    Row(vec![
        gifticon.gifticon_id.into(),
        gifticon.name.clone().into(),
        gifticon.price_won.into(),
        i64::from(gifticon.on_sale).into(),
        gifticon.free.into(),
        gifticon.reserved.into(),
        gifticon.sold.into(),
        gifticon.sequence.into(),
    ])
}

/// A reservation as it is stored.
#[derive(Debug, Clone)]
pub(super) struct StoredReservation {
    pub(super) reservation: Reservation,
    /// When cart is to be asked about it, in milliseconds since 1970 in UTC; none once somebody spoke of it.
    pub(super) ask_at_ms: Option<i64>,
    /// Whose cart it became, as far as gifticon has heard.
    pub(super) customer_id: Option<i64>,
}

impl StoredReservation {
    pub(super) fn read(row: &Row) -> Self {
        let facts = ReservationFacts {
            reservation_id: row.int(0),
            gifticon_id: row.int(1),
            quantity: row.int(2),
            unit_price_won: row.int(3),
        };
        // Written by this program alone; what cannot be read shows as one from which nothing more follows.
        let status = ReservationStatus::from_name(row.text(4)).unwrap_or(ReservationStatus::Returned);
        let reservation = Reservation { facts, status, cart_id: row.opt_int(6), first_voucher_id: row.opt_int(8) };
        Self { reservation, ask_at_ms: row.opt_int(5), customer_id: row.opt_int(7) }
    }

    pub(super) fn to_row(&self) -> Row {
        let ReservationFacts { reservation_id, gifticon_id, quantity, unit_price_won } = self.reservation.facts;
        let head = [reservation_id, gifticon_id, quantity, unit_price_won].map(Value::Int);
        Row(head.into_iter().chain(self.state()).collect())
    }

    pub(super) fn to_state_row(&self) -> Row {
        Row(std::iter::once(self.reservation.facts.reservation_id.into()).chain(self.state()).collect())
    }

    fn state(&self) -> [Value; 5] {
        let Reservation { status, cart_id, first_voucher_id, .. } = self.reservation;
        let ask_at = self.ask_at_ms.filter(|_| status == ReservationStatus::Reserved);
        [status.name().into(), ask_at.into(), cart_id.into(), self.customer_id.into(), first_voucher_id.into()]
    }
}

/// A voucher as it is stored.
#[derive(Debug, Clone)]
pub struct StoredVoucher {
    pub(super) voucher: Voucher,
    pub(super) reservation_id: i64,
    pub(super) secret: i64,
    /// When it was used, in milliseconds since 1970 in UTC.
    pub(super) used_at_ms: Option<i64>,
}

impl StoredVoucher {
    pub(super) fn read(row: &Row) -> Self {
        let facts = VoucherFacts { voucher_id: row.int(0), gifticon_id: row.int(2), cart_id: row.int(3) };
        // As above: one that is good for nothing.
        let status = VoucherStatus::from_name(row.text(5)).unwrap_or(VoucherStatus::Cancelled);
        let voucher = Voucher { facts, status, expires_at_ms: row.int(6) };
        Self { voucher, reservation_id: row.int(1), secret: row.int(4), used_at_ms: row.opt_int(7) }
    }

    pub(super) fn code(&self) -> VoucherCode {
        VoucherCode { voucher_id: self.voucher.facts.voucher_id, secret: self.secret }
    }

    pub(super) fn to_row(&self) -> Row {
        let VoucherFacts { voucher_id, gifticon_id, cart_id } = self.voucher.facts;
        let head = [voucher_id, self.reservation_id, gifticon_id, cart_id, self.secret].map(Value::Int);
        Row(head.into_iter().chain(self.state()).collect())
    }

    pub(super) fn to_state_row(&self) -> Row {
        Row(std::iter::once(self.voucher.facts.voucher_id.into()).chain(self.state()).collect())
    }

    fn state(&self) -> [Value; 3] {
        [self.voucher.status.name().into(), self.voucher.expires_at_ms.into(), self.used_at_ms.into()]
    }
}

/// Reservations that nobody has spoken of by `now_ms`, the oldest first.
pub(super) fn unclaimed(session: &mut dyn Session, now_ms: i64, limit: i64) -> Result<Vec<i64>> {
    let sql =
        "SELECT reservation_id FROM reservation WHERE ask_at IS NOT NULL AND ask_at <= $1 ORDER BY ask_at LIMIT $2";
    Ok(session.query(sql, &[now_ms.into(), limit.into()])?.iter().map(|row| row.int(0)).collect())
}

/// Vouchers whose time is over by `now_ms` and not noted as such, the oldest first.
pub(super) fn overdue(session: &mut dyn Session, now_ms: i64, limit: i64) -> Result<Vec<i64>> {
    let sql = "SELECT voucher_id FROM voucher WHERE status = 'ISSUED' AND expires_at <= $1 \
               ORDER BY expires_at, voucher_id LIMIT $2";
    Ok(session.query(sql, &[now_ms.into(), limit.into()])?.iter().map(|row| row.int(0)).collect())
}
