//! The MD changes a gifticon: its name, its price, how many pieces are free, whether it is sold.

use alloc::string::String;

use super::register::{must_be_price, must_be_stock};
use super::{Event, Gifticon, Rejection};

/// What is to change about a gifticon; `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeGifticon {
    /// What people call it.
    pub name: Option<String>,
    /// Price of a piece from now on, in won. What is reserved keeps the price that it was reserved at.
    pub price_won: Option<i64>,
    /// Pieces that are to be free. What is reserved and sold stays, so the number of all pieces moves with it.
    pub available: Option<i64>,
    /// Whether it may be bought.
    pub on_sale: Option<bool>,
}

/// Changes a gifticon. `None`: it is like that already.
///
/// # Errors
/// [`Rejection::InvalidPrice`], [`Rejection::InvalidStock`].
pub fn change_gifticon(gifticon: &Gifticon, cmd: &ChangeGifticon) -> Result<Option<Event>, Rejection> {
    let changed = Gifticon {
        name: cmd.name.clone().unwrap_or_else(|| gifticon.name.clone()),
        price_won: cmd.price_won.unwrap_or(gifticon.price_won),
        free: cmd.available.unwrap_or(gifticon.free),
        on_sale: cmd.on_sale.unwrap_or(gifticon.on_sale),
        ..gifticon.clone()
    };
    must_be_price(changed.price_won)?;
    // Pieces that came back may be more than can be set; that they are there hinders no other change.
    cmd.available.map_or(Ok(()), must_be_stock)?;
    Ok((changed != *gifticon).then(|| Event::GifticonChanged(changed.facts())))
}
