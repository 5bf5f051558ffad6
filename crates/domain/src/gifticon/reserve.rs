//! Pieces are kept for a cart that is about to be stored.

use super::{Event, Gifticon, MAX_QUANTITY, ReservationFacts, StockRefusal};

/// The question for pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReserveStock {
    /// The number that the reservation is to have.
    pub reservation_id: i64,
    /// Pieces, 1 to [`MAX_QUANTITY`].
    pub quantity: i64,
}

/// Whether a cart may have so many pieces.
#[must_use]
pub fn is_quantity(quantity: i64) -> bool {
    (1..=MAX_QUANTITY).contains(&quantity)
}

/// Keeps pieces at the price that they have now. A number of pieces that no cart may have is never in stock; whoever
/// asks looks at that first.
///
/// # Errors
/// [`StockRefusal`], for the first reason there is.
pub fn reserve_stock(gifticon: Option<&Gifticon>, cmd: ReserveStock) -> Result<Event, StockRefusal> {
    let gifticon = gifticon.ok_or(StockRefusal::Unknown)?;
    if !gifticon.on_sale {
        return Err(StockRefusal::NotOnSale);
    }
    if !is_quantity(cmd.quantity) || cmd.quantity > gifticon.free {
        return Err(StockRefusal::OutOfStock);
    }
    Ok(Event::StockReserved(ReservationFacts {
        reservation_id: cmd.reservation_id,
        gifticon_id: gifticon.gifticon_id,
        quantity: cmd.quantity,
        unit_price_won: gifticon.price_won,
    }))
}
