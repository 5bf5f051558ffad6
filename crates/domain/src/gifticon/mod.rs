//! Gifticons: stock that is reserved, sold and returned, and the vouchers of what was sold (SPEC sections 1 and 4; seed
//! 4). Sold + reserved + free = loaded, at every moment.
//!
//! A verb looks at a [`Gifticon`], a [`Reservation`] or a [`Voucher`] and answers with an [`Event`] or a refusal; only
//! [`apply`] and [`apply_to_voucher`] change them.

mod apply;
mod change;
mod code;
mod give_back;
mod issue;
mod register;
mod reserve;
mod voucher;

use alloc::string::String;

use serde::{Deserialize, Serialize};

pub use apply::{apply, apply_to_voucher};
pub use change::{ChangeGifticon, change_gifticon};
pub use code::VoucherCode;
pub use give_back::{return_stock, revoke_reservation};
pub use issue::{IssueVouchers, issue_vouchers};
pub use register::{RegisterGifticon, register_gifticon};
pub use reserve::{ReserveStock, is_quantity, reserve_stock};
pub use voucher::{cancel_voucher, expire_voucher, extend_voucher, issued_voucher, use_voucher};

/// The most pieces that one cart may have.
pub const MAX_QUANTITY: i64 = 1_000;

/// The highest price of a piece, in won. No cart costs more than can be paid.
pub const MAX_PRICE_WON: i64 = 100_000_000;

const _: () = assert!(MAX_PRICE_WON * MAX_QUANTITY <= crate::kernel::MAX_AMOUNT);

/// The most pieces of a gifticon that may be free.
pub const MAX_STOCK: i64 = 1_000_000_000;

/// A voucher is extended to this long from now at most: ten years, in milliseconds.
pub const LONGEST_EXTENSION_MS: i64 = 3_653 * 86_400_000;

/// A reservation that no event has spoken of for this long is asked about, in milliseconds.
pub const UNCLAIMED_MS: i64 = 3_000;

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
    /// How many of them were reserved when this was told.
    #[serde(default)]
    pub reserved: i64,
    /// How many of them were sold when this was told.
    #[serde(default)]
    pub sold: i64,
    /// Whether it may be bought.
    pub on_sale: bool,
}

/// A gifticon.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Gifticon {
    /// Its number.
    pub gifticon_id: i64,
    /// What people call it.
    pub name: String,
    /// Price of a piece, in won, 1 to [`MAX_PRICE_WON`].
    pub price_won: i64,
    /// Whether it may be bought.
    pub on_sale: bool,
    /// Pieces that nobody has.
    pub free: i64,
    /// Pieces that are kept for carts that are not paid yet.
    pub reserved: i64,
    /// Pieces that are paid for.
    pub sold: i64,
    /// Number of its last event.
    pub sequence: i64,
}

impl Gifticon {
    /// Pieces that there are in all.
    #[must_use]
    pub fn loaded(&self) -> i64 {
        self.free + self.reserved + self.sold
    }

    /// As its events tell it.
    #[must_use]
    pub fn facts(&self) -> GifticonFacts {
        GifticonFacts {
            gifticon_id: self.gifticon_id,
            name: self.name.clone(),
            price_won: self.price_won,
            loaded: self.loaded(),
            reserved: self.reserved,
            sold: self.sold,
            on_sale: self.on_sale,
        }
    }
}

impl GifticonFacts {
    /// The gifticon as it stood when this was told, by the event with this number.
    #[must_use]
    pub fn standing(&self, sequence: i64) -> Gifticon {
        Gifticon {
            gifticon_id: self.gifticon_id,
            name: self.name.clone(),
            price_won: self.price_won,
            on_sale: self.on_sale,
            free: self.loaded - self.reserved - self.sold,
            reserved: self.reserved,
            sold: self.sold,
            sequence,
        }
    }
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
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

/// Pieces that were reserved, and what became of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reservation {
    /// What is reserved; as its events tell it.
    pub facts: ReservationFacts,
    /// How it stands.
    pub status: ReservationStatus,
    /// The cart that it became, as far as gifticon has heard of it.
    pub cart_id: Option<i64>,
    /// Once it is sold: its first voucher. There are as many as pieces, numbered one after the other.
    pub first_voucher_id: Option<i64>,
}

impl Reservation {
    /// The numbers of its vouchers; none before it is sold.
    #[must_use]
    pub fn voucher_ids(&self) -> core::ops::Range<i64> {
        self.first_voucher_id.map_or(0..0, |first| first..first + self.facts.quantity)
    }
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
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VoucherFacts {
    /// The voucher; numbers rise.
    pub voucher_id: i64,
    /// What it is good for.
    pub gifticon_id: i64,
    /// The cart that it was bought with.
    pub cart_id: i64,
}

/// A voucher.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Voucher {
    /// Which; as its events tell it.
    pub facts: VoucherFacts,
    /// What happened to it last.
    pub status: VoucherStatus,
    /// The first moment at which it is no longer good, in milliseconds since 1970 in UTC.
    pub expires_at_ms: i64,
}

impl Voucher {
    /// How it stands now: one whose time is over is expired, whether or not anyone came by to note it.
    #[must_use]
    pub fn standing(&self, now_ms: i64) -> VoucherStatus {
        match self.status {
            VoucherStatus::Issued if now_ms >= self.expires_at_ms => VoucherStatus::Expired,
            status => status,
        }
    }
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
        /// How many of these had been noted as expired.
        expired_vouchers: i64,
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

/// Why gifticon says no to anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// The number is taken.
    NumberTaken,
    /// Not a price.
    InvalidPrice,
    /// Not a number of pieces that may be free.
    InvalidStock,
    /// The voucher has been used.
    VoucherUsed,
    /// The voucher is void.
    VoucherCancelled,
    /// The voucher's time is over.
    VoucherExpired,
    /// Not later than it is good already, or too late.
    InvalidExpiry,
}

impl Rejection {
    /// The reason on the wire, after `gifticon.`, and between contexts.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::NumberTaken => "number_taken",
            Self::InvalidPrice => "invalid_price",
            Self::InvalidStock => "invalid_quantity",
            Self::VoucherUsed => "voucher_used",
            Self::VoucherCancelled => "voucher_cancelled",
            Self::VoucherExpired => "voucher_expired",
            Self::InvalidExpiry => "invalid_expiry",
        }
    }
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

#[cfg(test)]
mod tests;
