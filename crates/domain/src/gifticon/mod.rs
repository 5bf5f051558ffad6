//! Gifticons: stock that is reserved, sold and returned, and the vouchers of what was sold (SPEC sections 1 and 4; seed
//! 4). Sold + reserved + free = loaded, at every moment.

use alloc::string::String;

use serde::{Deserialize, Serialize};

/// What an event tells of a gifticon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GifticonFacts {
    /// The gifticon.
    pub gifticon_id: i64,
    /// What people call it.
    pub name: String,
    /// Price of a piece, in won.
    pub price_won: i64,
    /// Pieces that there are in all: sold, reserved and free.
    pub loaded: i64,
    /// Whether it may be bought.
    pub on_sale: bool,
}

/// How pieces that were reserved stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReservationStatus {
    /// Kept for a cart.
    Reserved,
    /// Paid for; its vouchers are issued.
    Sold,
    /// Free again.
    Returned,
}

impl ReservationStatus {
    /// Its name in rows and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Reserved => "RESERVED",
            Self::Sold => "SOLD",
            Self::Returned => "RETURNED",
        }
    }

    /// The status with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Reserved, Self::Sold, Self::Returned].into_iter().find(|status| status.name() == name)
    }
}

/// What an event tells of a reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReservationFacts {
    /// The reservation; numbers rise.
    pub reservation_id: i64,
    /// Of what.
    pub gifticon_id: i64,
    /// Pieces.
    pub quantity: i64,
    /// Price of a piece when it was reserved, in won.
    pub unit_price_won: i64,
}

/// How a voucher stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VoucherStatus {
    /// Good until it expires.
    Issued,
    /// Used, once.
    Used,
    /// Void: its cart was removed, or the operator took it back.
    Cancelled,
    /// Its time is over.
    Expired,
}

impl VoucherStatus {
    /// Its name in rows and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Issued => "ISSUED",
            Self::Used => "USED",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
        }
    }

    /// The status with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Issued, Self::Used, Self::Cancelled, Self::Expired].into_iter().find(|status| status.name() == name)
    }
}

/// Which voucher of which gifticon and cart. Its code stands in no event: whoever has it has the voucher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VoucherFacts {
    /// The voucher; numbers rise.
    pub voucher_id: i64,
    /// What it is good for.
    pub gifticon_id: i64,
    /// The cart that it was bought with.
    pub cart_id: i64,
}

/// What happened to a gifticon. Public contract: this is what stands in gifticon's event log. The subject is the
/// gifticon; sequences count per gifticon from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// It can be bought from now on.
    GifticonRegistered(GifticonFacts),
    /// The MD changed it; how it stood right after that.
    GifticonChanged(GifticonFacts),
    /// Pieces are kept for a cart that is about to be stored.
    StockReserved(ReservationFacts),
    /// Reserved pieces are sold: their vouchers are issued.
    VouchersIssued {
        /// The reservation.
        #[serde(flatten)]
        reservation: ReservationFacts,
        /// The cart that is paid.
        cart_id: i64,
        /// The first voucher; there are as many as pieces, numbered one after the other.
        first_voucher_id: i64,
        /// When they expire, in milliseconds since 1970 in UTC.
        expires_at_ms: i64,
    },
    /// Pieces are free again, and vouchers that had been issued for them are void.
    StockReturned {
        /// The reservation.
        #[serde(flatten)]
        reservation: ReservationFacts,
        /// The cart; none if it never came.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cart_id: Option<i64>,
        /// Whether they had been sold.
        was_sold: bool,
        /// Vouchers that became void by this.
        cancelled_vouchers: i64,
    },
    /// A voucher was used.
    VoucherUsed(VoucherFacts),
    /// A voucher is good for longer.
    VoucherExtended {
        /// The voucher.
        #[serde(flatten)]
        voucher: VoucherFacts,
        /// Until when, in milliseconds since 1970 in UTC.
        expires_at_ms: i64,
        /// Whether it had been noted as expired.
        had_expired: bool,
    },
    /// A voucher's time is over.
    VoucherExpired(VoucherFacts),
    /// The operator took a voucher back. Its piece stays sold; no money moves.
    VoucherCancelled(VoucherFacts),
}

/// Why no pieces are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StockRefusal {
    /// There is no such gifticon.
    Unknown,
    /// It is not sold at present.
    NotOnSale,
    /// Fewer pieces are free than are wanted.
    OutOfStock,
}

impl StockRefusal {
    /// Every refusal.
    pub const ALL: [Self; 3] = [Self::Unknown, Self::NotOnSale, Self::OutOfStock];

    /// Its name between contexts and, after the context's name, on the wire.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::NotOnSale => "not_on_sale",
            Self::OutOfStock => "out_of_stock",
        }
    }

    /// The refusal with this name.
    #[must_use]
    pub fn from_reason(reason: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.reason() == reason)
    }
}
