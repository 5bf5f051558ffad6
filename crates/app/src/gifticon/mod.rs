//! Gifticons: what the MD registers, the stock that is kept for carts, and the vouchers of what was sold.

use domain::gifticon::StockRefusal;
use futures_util::future::BoxFuture;
use platform::error::Result;
use platform::funnel::KeyStamp;

use crate::kit::Asked;

/// The question: keep pieces for a cart that is about to be stored.
#[derive(Debug, Clone)]
pub struct ReserveStock {
    /// Under which the answer is remembered; none: nobody will ask again.
    pub attempt: Option<KeyStamp>,
    /// Of what.
    pub gifticon_id: i64,
    /// Pieces, at least 1.
    pub quantity: i64,
}

/// Pieces that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReservedStock {
    /// The reservation.
    pub reservation_id: i64,
    /// Price of a piece, in won.
    pub unit_price_won: i64,
}

/// What became of the question whether a reservation's vouchers can be made void.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revocation {
    /// They are void, and the stock is free again.
    Revoked,
    /// They stay; why, for instance `voucher_used`.
    Refused(String),
}

/// What other contexts may ask gifticon.
pub trait GifticonApi: Send + Sync {
    /// Keeps pieces, or says why not. Asked again under the same attempt it gives the same answer.
    fn reserve(&self, question: ReserveStock) -> Asked<'_, ReservedStock, StockRefusal>;

    /// Makes a reservation's vouchers void and its stock free, unless one was used. The answer is final, and the same
    /// whenever it is asked again.
    fn revoke(&self, reservation_id: i64) -> BoxFuture<'_, Result<Revocation>>;
}
