//! The MD registers a gifticon.

use alloc::string::String;

use super::{Event, Gifticon, GifticonFacts, MAX_PRICE_WON, MAX_STOCK, Rejection};

/// What is said of a new gifticon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterGifticon {
    /// The number it is to have.
    pub gifticon_id: i64,
    /// What people call it.
    pub name: String,
    /// Price of a piece, in won, 1 to [`MAX_PRICE_WON`].
    pub price_won: i64,
    /// Pieces that there are, 0 to [`MAX_STOCK`].
    pub available: i64,
    /// Whether it may be bought from now on.
    pub on_sale: bool,
}

/// A new gifticon under a number that is free; all its pieces are free.
///
/// # Errors
/// [`Rejection::NumberTaken`], [`Rejection::InvalidPrice`], [`Rejection::InvalidStock`].
pub fn register_gifticon(known: Option<&Gifticon>, cmd: &RegisterGifticon) -> Result<Event, Rejection> {
    if known.is_some() {
        return Err(Rejection::NumberTaken);
    }
    must_be_price(cmd.price_won)?;
    must_be_stock(cmd.available)?;
    let RegisterGifticon { gifticon_id, price_won, available: loaded, on_sale, .. } = *cmd;
    let name = cmd.name.clone();
    Ok(Event::GifticonRegistered(GifticonFacts { gifticon_id, name, price_won, loaded, reserved: 0, sold: 0, on_sale }))
}

pub(super) fn must_be_price(price_won: i64) -> Result<(), Rejection> {
    if (1..=MAX_PRICE_WON).contains(&price_won) { Ok(()) } else { Err(Rejection::InvalidPrice) }
}

pub(super) fn must_be_stock(free: i64) -> Result<(), Rejection> {
    if (0..=MAX_STOCK).contains(&free) { Ok(()) } else { Err(Rejection::InvalidStock) }
}
