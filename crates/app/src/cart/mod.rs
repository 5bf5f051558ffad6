//! Carts: pieces of a gifticon that somebody wants, from the reserved stock to paid or removed.

use futures_util::future::BoxFuture;
use platform::error::Result;

/// Whether a reservation became a cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The reservation.
    pub reservation_id: i64,
    /// The cart that it became; none: it never will.
    pub cart_id: Option<i64>,
}

/// What other contexts may ask cart.
pub trait CartApi: Send + Sync {
    /// What became of these reservations. One without a cart is refused for ever by this question.
    fn claims(&self, reservation_ids: Vec<i64>) -> BoxFuture<'_, Result<Vec<Claim>>>;
}
