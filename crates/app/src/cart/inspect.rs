//! What `onepoint verify` looks at in cart.

use std::collections::{HashMap, HashSet};

use domain::cart::{self, Cart, CartStatus, Event, amount_won};
use platform::db::Session;
use platform::error::Result;
use platform::log::each_event;

use super::list::{carts_after, refused_after};
use super::loaded::is_removing;
use super::store::Stored;
use crate::kit::{Finding, Findings};

const PIECE_ROWS: i64 = 5_000;
const TOLD: &str = "every cart stands as its events tell, and they are numbered without gaps";
const CLAIMED: &str = "a reservation became one cart, or none for ever";
const PAYABLE: &str = "every cart costs what can be paid, and is waited for only while it is to be removed";

/// What is on its way, and nothing wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Carts of which payment has not been heard.
    pub unpaid: usize,
    /// Paid carts whose removal waits for gifticon's word.
    pub removing: usize,
    /// Since when the oldest of them waits, in milliseconds since 1970 in UTC.
    pub since_ms: Option<i64>,
}

impl Waiting {
    fn add(&mut self, stored: &Stored) {
        let since_ms = if stored.cart.status == CartStatus::CartAdded {
            self.unpaid += 1;
            stored.added_at_ms
        } else if let Some(since_ms) = stored.removing_since_ms {
            self.removing += 1;
            since_ms
        } else {
            return;
        };
        self.since_ms = Some(self.since_ms.map_or(since_ms, |oldest| oldest.min(since_ms)));
    }
}

/// Compares carts with their events, and reservations with what became of them.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn inspect(session: &mut dyn Session) -> Result<(Findings, Waiting)> {
    let mut findings = Findings::new(&[TOLD, CLAIMED, PAYABLE]);
    let (mut told, mut refused) = replay(session, &mut findings)?;
    let (mut waiting, mut taken) = (Waiting::default(), HashMap::new());
    each(session, |stored| {
        let (facts, cart_id) = (&stored.cart.facts, stored.cart.facts.cart_id);
        if told.remove(&cart_id).is_none_or(|(cart, sequence)| cart != stored.cart || sequence != stored.sequence) {
            findings.add(TOLD, Finding::of(cart_id, "its row says something else than its events"));
        }
        if let Some(other) = taken.insert(facts.reservation_id, cart_id) {
            let what = format!("reservation {} is that of cart {other} too", facts.reservation_id);
            findings.add(CLAIMED, Finding::of(cart_id, what));
        }
        if amount_won(facts.quantity, facts.unit_price_won).is_none() {
            findings.add(PAYABLE, Finding::of(cart_id, "it costs more than can be paid at once, or nothing"));
        }
        if stored.removing_since_ms.is_some() != is_removing(&stored.cart) {
            findings.add(PAYABLE, Finding::of(cart_id, "the sweep would not find it, or finds it without need"));
        }
        waiting.add(&stored);
    })?;
    for cart_id in told.into_keys() {
        findings.add(TOLD, Finding::of(cart_id, "events tell of it, and it is not there"));
    }
    for reservation_id in all_refused(session)? {
        if !refused.remove(&reservation_id) {
            findings.add(CLAIMED, Finding::of(reservation_id, "noted as refused, and no event tells of it"));
        }
        if let Some(cart_id) = taken.get(&reservation_id) {
            findings.add(CLAIMED, Finding::of(*cart_id, format!("reservation {reservation_id} had been refused")));
        }
    }
    for reservation_id in refused {
        findings.add(CLAIMED, Finding::of(reservation_id, "an event says that it is refused, and no row does"));
    }
    Ok((findings, waiting))
}

fn each(session: &mut dyn Session, mut look: impl FnMut(Stored)) -> Result<()> {
    let mut after = 0;
    loop {
        let piece = carts_after(session, after, PIECE_ROWS)?;
        let Some(last) = piece.last() else { return Ok(()) };
        after = last.cart.facts.cart_id;
        piece.into_iter().for_each(&mut look);
    }
}

fn all_refused(session: &mut dyn Session) -> Result<Vec<i64>> {
    let (mut refused, mut after) = (Vec::new(), 0);
    loop {
        let piece = refused_after(session, after, PIECE_ROWS)?;
        let Some(last) = piece.last() else { return Ok(refused) };
        after = *last;
        refused.extend(piece);
    }
}

/// Carts with the sequence of their last event, and reservations that were refused.
type Told = (HashMap<i64, (Cart, i64)>, HashSet<i64>);

/// What the whole log tells.
fn replay(session: &mut dyn Session, findings: &mut Findings) -> Result<Told> {
    let (mut carts, mut refused): Told = Default::default();
    each_event(session, |event| {
        let told: Event = event.decode()?;
        if let Event::ReservationRefused { reservation_id } = told {
            if !refused.insert(reservation_id) {
                findings.add(CLAIMED, Finding::of(reservation_id, "refused twice"));
            }
            return Ok(());
        }
        let (known, number) = carts.remove(&event.subject).map_or((None, 0), |(cart, number)| (Some(cart), number));
        if event.sequence != number + 1 {
            let what = format!("event {} comes after event {number}", event.sequence);
            findings.add(TOLD, Finding::of(event.subject, what));
        }
        let mut cart = known;
        cart::apply(&mut cart, &told);
        carts.extend(cart.map(|cart| (event.subject, (cart, event.sequence))));
        Ok(())
    })?;
    Ok((carts, refused))
}
