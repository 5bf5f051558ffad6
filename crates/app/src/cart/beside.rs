//! What gifticon and payment say of the same carts, for `onepoint verify`.

use std::collections::HashMap;

use domain::cart::{Cart, CartStatus};
use domain::gifticon::{Reservation, ReservationStatus};
use domain::payment::{Order, Payment, PaymentStatus};
use platform::db::Session;
use platform::error::Result;

use super::list::carts_after;
use crate::kit::{Finding, Findings};

const PIECE_ROWS: i64 = 5_000;
const KEPT: &str = "every cart has its pieces in gifticon, and none that ended without them is sold there";
const PAID: &str = "a cart is paid or declined as its payment says";

/// Every cart as it stands. Looked at before gifticon and payment, what it says holds there too, even while a server is at
/// work: what comes later is on its way.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn standing(session: &mut dyn Session) -> Result<Vec<Cart>> {
    let (mut carts, mut after) = (Vec::new(), 0);
    loop {
        let piece = carts_after(session, after, PIECE_ROWS)?;
        let Some(last) = piece.last() else { return Ok(carts) };
        after = last.cart.facts.cart_id;
        carts.extend(piece.into_iter().map(|stored| stored.cart));
    }
}

/// Compares carts with their reservations and payments, which were looked at after them.
pub fn compare(
    carts: &[Cart],
    reservations: &HashMap<i64, Reservation>,
    payments: &HashMap<i64, Payment>,
    findings: &mut Findings,
) {
    findings.checks.extend([KEPT, PAID].map(|check| (check, Vec::new())));
    for cart in carts {
        if let Some(what) = kept_wrongly(cart, reservations.get(&cart.facts.reservation_id)) {
            findings.add(KEPT, Finding::of(cart.facts.cart_id, what));
        }
        let payment = cart.payment_id.map(|payment_id| payments.get(&payment_id));
        if let Some(what) = payment.and_then(|payment| paid_wrongly(cart, payment)) {
            findings.add(PAID, Finding::of(cart.facts.cart_id, what));
        }
    }
}

fn kept_wrongly(cart: &Cart, reservation: Option<&Reservation>) -> Option<&'static str> {
    let Some(reservation) = reservation else { return Some("gifticon does not know of its reservation") };
    let (facts, kept) = (&cart.facts, &reservation.facts);
    if (facts.gifticon_id, facts.quantity, facts.unit_price_won)
        != (kept.gifticon_id, kept.quantity, kept.unit_price_won)
    {
        return Some("gifticon keeps something else for it");
    }
    if reservation.cart_id.is_some_and(|cart_id| cart_id != facts.cart_id) {
        return Some("gifticon keeps its pieces for another cart");
    }
    let ended_without = matches!(cart.status, CartStatus::PaymentDeclined | CartStatus::CartRemoved);
    (ended_without && reservation.status == ReservationStatus::Sold).then_some("it is over, and its pieces are sold")
}

fn paid_wrongly(cart: &Cart, payment: Option<&Payment>) -> Option<&'static str> {
    let Some(payment) = payment else { return Some("its payment is not there") };
    if payment.facts.order != Order::Cart(cart.facts.cart_id) {
        return Some("its payment is for something else");
    }
    match (cart.status, payment.status) {
        (_, PaymentStatus::PaymentRequested) => Some("payment has decided, and does not know of it"),
        (CartStatus::PaymentApproved, PaymentStatus::PaymentDeclined) => Some("it is paid, and its payment declined"),
        (CartStatus::PaymentDeclined, PaymentStatus::PaymentApproved) => Some("it is declined, and its payment stands"),
        _ => None,
    }
}
