//! What gifticon and payment say of the same carts, for `onepoint verify`.

use std::collections::{HashMap, HashSet};

use domain::cart::{Cart, CartStatus, Removal};
use domain::gifticon::{Reservation, ReservationStatus};
use domain::payment::{Order, PaymentStatus};
use platform::db::{Cursor, Session};
use platform::error::Result;
use platform::log::each_event;

use super::list::carts_after;
use crate::kit::{Finding, Findings};
use crate::payment::Paid;

const PIECE_ROWS: i64 = 5_000;
const KEPT: &str = "every cart has its pieces in gifticon, sold once it is paid and free once it is over";
const PAID: &str = "a cart is paid or declined as its payment says, and the payment of a removed one is cancelled";

/// Where cart's log tells of a cart what the others follow.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    added: Cursor,
    /// That it is paid, declined or removed, whichever was the last.
    ended: Option<Cursor>,
}

/// Every cart as it stands, and where the log tells of it.
#[derive(Debug, Default)]
pub struct Standing {
    carts: Vec<Cart>,
    told: HashMap<i64, Told>,
}

/// What the two others say of carts.
#[derive(Debug, Default)]
pub struct Beside {
    /// Reservations that were returned before carts were looked at.
    pub returned: HashSet<i64>,
    /// What was paid for by payments that were canceled before carts were looked at.
    pub canceled: HashSet<Order>,
    /// How far cart had followed payment's log when carts were looked at.
    pub heard: Cursor,
    /// Every reservation, looked at after carts.
    pub reservations: HashMap<i64, Reservation>,
    /// How far gifticon had followed cart's log by then.
    pub kept_to: Cursor,
    /// Every payment, looked at after carts.
    pub paid: Paid,
    /// How far payment had followed cart's log by then.
    pub paid_to: Cursor,
}

/// Every cart as it stands. Looked at before gifticon and payment, what it says holds there too, even while a server is at
/// work: what they have not followed yet is on its way.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn standing(session: &mut dyn Session) -> Result<Standing> {
    let (mut standing, mut after) = (Standing::default(), 0);
    loop {
        let piece = carts_after(session, after, PIECE_ROWS)?;
        let Some(last) = piece.last() else { break };
        after = last.cart.facts.cart_id;
        standing.carts.extend(piece.into_iter().map(|stored| stored.cart));
    }
    each_event(session, |event| {
        match event.kind.as_str() {
            "CartAdded" => standing.told.entry(event.subject).or_default().added = event.cursor,
            "CartApproved" | "CartDeclined" | "CartRemoved" => {
                standing.told.entry(event.subject).or_default().ended = Some(event.cursor);
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(standing)
}

/// Compares carts with their reservations and payments.
pub fn compare(standing: &Standing, beside: &Beside, findings: &mut Findings) {
    findings.checks.extend([KEPT, PAID].map(|check| (check, Vec::new())));
    for cart in &standing.carts {
        let cart_id = cart.facts.cart_id;
        let told = standing.told.get(&cart_id).copied().unwrap_or_default();
        if let Some(what) = kept_wrongly(cart, told, beside) {
            findings.add(KEPT, Finding::of(cart_id, what));
        }
        if let Some(what) = paid_wrongly(cart, told, beside) {
            findings.add(PAID, Finding::of(cart_id, what));
        }
    }
}

fn kept_wrongly(cart: &Cart, told: Told, beside: &Beside) -> Option<&'static str> {
    let facts = &cart.facts;
    let Some(reservation) = beside.reservations.get(&facts.reservation_id) else {
        return Some("gifticon does not know of its reservation");
    };
    let kept = &reservation.facts;
    if (facts.gifticon_id, facts.quantity, facts.unit_price_won)
        != (kept.gifticon_id, kept.quantity, kept.unit_price_won)
    {
        return Some("gifticon keeps something else for it");
    }
    if reservation.cart_id.is_some_and(|cart_id| cart_id != facts.cart_id) {
        return Some("gifticon keeps its pieces for another cart");
    }
    let is_followed = told.ended.is_some_and(|ended| ended <= beside.kept_to);
    let was_returned = beside.returned.contains(&facts.reservation_id);
    match (cart.status, reservation.status) {
        (CartStatus::PaymentDeclined | CartStatus::CartRemoved, ReservationStatus::Sold) => {
            Some("it is over, and its pieces are sold")
        }
        (CartStatus::PaymentDeclined | CartStatus::CartRemoved, ReservationStatus::Reserved) if is_followed => {
            Some("it is over, and its pieces are still kept")
        }
        (CartStatus::PaymentApproved, ReservationStatus::Reserved) if is_followed => {
            Some("it is paid, and its pieces are not sold")
        }
        // They are given back only while it is to be removed, and before it is.
        (CartStatus::PaymentApproved, _) if was_returned && cart.removal != Some(Removal::Requested) => {
            Some("it is paid, and its pieces are given back")
        }
        (CartStatus::CartAdded, _) if was_returned => Some("its payment has not ended, and its pieces are given back"),
        _ => None,
    }
}

fn paid_wrongly(cart: &Cart, told: Told, beside: &Beside) -> Option<&'static str> {
    let order = Order::Cart(cart.facts.cart_id);
    let Some(payment) = beside.paid.payments.get(&order) else {
        let is_due = cart.payment_id.is_some() || told.added <= beside.paid_to;
        return is_due.then_some("its payment is not there");
    };
    if cart.payment_id.is_some_and(|payment_id| payment_id != payment.facts.payment_id) {
        return Some("its payment is not there");
    }
    let is_cancelled = told.ended.is_some_and(|ended| ended <= beside.paid_to);
    let was_canceled = beside.canceled.contains(&order);
    let decided = beside.paid.decided.get(&order);
    match (cart.status, payment.status) {
        (CartStatus::CartAdded, _) if decided.is_some_and(|decided| *decided <= beside.heard) => {
            Some("its payment was decided, and it does not know of it")
        }
        (CartStatus::CartRemoved, PaymentStatus::PaymentRequested | PaymentStatus::PaymentApproved) if is_cancelled => {
            Some("it is removed, and its payment stands")
        }
        (CartStatus::CartAdded | CartStatus::CartRemoved, _) if cart.payment_id.is_none() => {
            (was_canceled && cart.status == CartStatus::CartAdded).then_some("its payment is cancelled, and it is not")
        }
        (_, PaymentStatus::PaymentRequested) => Some("payment has decided, and does not know of it"),
        (CartStatus::PaymentApproved, PaymentStatus::PaymentDeclined) => Some("it is paid, and its payment declined"),
        (CartStatus::PaymentApproved, _) if was_canceled => Some("it is paid, and its payment cancelled"),
        (CartStatus::PaymentDeclined, PaymentStatus::PaymentApproved) => Some("it is declined, and its payment stands"),
        _ => None,
    }
}
