//! The rule *add*: pieces that gifticon keeps become a cart (SPEC section 4; seed 4).

use super::{CartFacts, Event, MAX_QUANTITY, Rejection, Standing};
use crate::kernel::MAX_AMOUNT;
use crate::payment::PaymentMethod;

/// Somebody wants pieces that gifticon keeps.
#[derive(Debug, Clone)]
pub struct AddCart {
    /// The number that the cart gets.
    pub cart_id: i64,
    /// The stock that gifticon keeps for it.
    pub reservation_id: i64,
    /// Of what.
    pub gifticon_id: i64,
    /// Pieces, 1 to [`MAX_QUANTITY`].
    pub quantity: i64,
    /// Price of a piece, in won, as gifticon says it.
    pub unit_price_won: i64,
    /// Whose; none where nobody said.
    pub customer_id: Option<i64>,
    /// What it is paid with.
    pub method: PaymentMethod,
}

/// What a cart costs, in won; nothing if that is no amount that can be paid (1 to `MAX_AMOUNT`).
#[must_use]
pub fn amount_won(quantity: i64, unit_price_won: i64) -> Option<i64> {
    quantity.checked_mul(unit_price_won).filter(|amount| (1..=MAX_AMOUNT).contains(amount))
}

/// What can be seen of a request before gifticon is asked: nothing is kept for one that cannot become a cart.
///
/// # Errors
/// [`Rejection::InvalidQuantity`], and [`Rejection::CustomerNeeded`] where points are to pay.
pub fn check_request(quantity: i64, method: PaymentMethod, customer_id: Option<i64>) -> Result<(), Rejection> {
    if !(1..=MAX_QUANTITY).contains(&quantity) {
        return Err(Rejection::InvalidQuantity);
    }
    if method == PaymentMethod::Points && customer_id.is_none() {
        return Err(Rejection::CustomerNeeded);
    }
    Ok(())
}

/// Makes a cart of a reservation, of which `standing` says what became of it before.
///
/// # Errors
/// Those of [`check_request`]; [`Rejection::InvalidAmount`]; [`Rejection::ReservationRefused`] and
/// [`Rejection::ReservationTaken`] for a reservation that has had its answer.
pub fn add_cart(standing: Standing, cmd: &AddCart) -> Result<Event, Rejection> {
    check_request(cmd.quantity, cmd.method, cmd.customer_id)?;
    if amount_won(cmd.quantity, cmd.unit_price_won).is_none() {
        return Err(Rejection::InvalidAmount);
    }
    match standing {
        Standing::Open => {}
        Standing::Refused => return Err(Rejection::ReservationRefused),
        Standing::Cart(_) => return Err(Rejection::ReservationTaken),
    }
    Ok(Event::CartAdded(CartFacts {
        cart_id: cmd.cart_id,
        reservation_id: cmd.reservation_id,
        gifticon_id: cmd.gifticon_id,
        quantity: cmd.quantity,
        unit_price_won: cmd.unit_price_won,
        customer_id: cmd.customer_id,
        method: cmd.method,
    }))
}
