//! The rule *claim*: gifticon asks what became of a reservation (SPEC section 4; seed 4).

use super::Event;

/// What became of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Nothing yet.
    Open,
    /// This cart, whatever became of it since.
    Cart(i64),
    /// It never becomes one.
    Refused,
}

/// Answers gifticon: the cart's number, or none. A reservation of which nothing came is refused for ever by the question,
/// which is the event; after that its stock may return, because no cart can come any more.
#[must_use]
pub fn claim_reservation(standing: Standing, reservation_id: i64) -> (Option<i64>, Option<Event>) {
    match standing {
        Standing::Cart(cart_id) => (Some(cart_id), None),
        Standing::Refused => (None, None),
        Standing::Open => (None, Some(Event::ReservationRefused { reservation_id })),
    }
}
