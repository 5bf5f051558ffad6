//! Gifticons and vouchers on the wire.

use domain::gifticon::{Gifticon, VoucherStatus};
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

use super::store::StoredVoucher;

/// A gifticon on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GifticonView {
    /// The gifticon's number.
    #[schema(example = 1)]
    pub gifticon_id: i64,
    /// What people call it.
    #[schema(example = "아메리카노")]
    pub name: String,
    /// Pieces that can be bought.
    #[schema(example = 75)]
    pub available_quantity: i64,
    /// Price of a piece, in won.
    #[schema(example = 5_000)]
    pub price: i64,
    /// Pieces that are kept for carts which are not paid yet.
    #[schema(example = 10)]
    pub reserved_quantity: i64,
    /// Pieces that are paid for.
    #[schema(example = 15)]
    pub sold_quantity: i64,
    /// Pieces in all: available, reserved and sold.
    #[schema(example = 100)]
    pub loaded_quantity: i64,
    /// Whether it may be bought.
    pub on_sale: bool,
}

impl From<Gifticon> for GifticonView {
    fn from(gifticon: Gifticon) -> Self {
        Self {
            gifticon_id: gifticon.gifticon_id,
            available_quantity: gifticon.free,
            price: gifticon.price_won,
            reserved_quantity: gifticon.reserved,
            sold_quantity: gifticon.sold,
            loaded_quantity: gifticon.loaded(),
            on_sale: gifticon.on_sale,
            name: gifticon.name,
        }
    }
}

/// A voucher on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VoucherView {
    /// What is shown or typed in to use it. Whoever has it has the voucher.
    #[schema(example = "7-K3F9-Q2XT-8MZRC")]
    pub code: String,
    /// The voucher's number.
    #[schema(example = 7)]
    pub voucher_id: i64,
    /// What it is good for.
    #[schema(example = 1)]
    pub gifticon_id: i64,
    /// The cart that it was bought with.
    #[schema(example = 1)]
    pub cart_id: i64,
    /// `ISSUED`, `USED`, `CANCELLED` or `EXPIRED`; one whose time is over is expired.
    #[schema(value_type = String, pattern = "^(ISSUED|USED|CANCELLED|EXPIRED)$")]
    pub status: VoucherStatus,
    /// The first moment at which it is no longer good, RFC 3339.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// When it was used, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub used_at: Option<String>,
}

impl VoucherView {
    /// The voucher as it stands now.
    pub(super) fn of(stored: &StoredVoucher, zone: &Zone, now_ms: i64) -> Self {
        let facts = &stored.voucher.facts;
        Self {
            code: stored.code().to_string(),
            voucher_id: facts.voucher_id,
            gifticon_id: facts.gifticon_id,
            cart_id: facts.cart_id,
            status: stored.voucher.standing(now_ms),
            expires_at: zone.format(stored.voucher.expires_at_ms),
            used_at: stored.used_at_ms.map(|at_ms| zone.format(at_ms)),
        }
    }

    /// The voucher as it was decided: a repeat is answered the same, however late it comes.
    pub(super) fn decided(stored: &StoredVoucher, zone: &Zone) -> Self {
        Self::of(stored, zone, i64::MIN)
    }
}
