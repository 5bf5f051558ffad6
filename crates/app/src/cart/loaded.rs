//! What a batch of cart works on: the carts and reservations that its commands touch, and what became of them.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use domain::cart::{self, Cart, CartStatus, Event, Removal, Standing};
use platform::db::{Row, Session, Value};
use platform::error::{Error, Result};
use platform::funnel::Out;

use super::store::{CART, CART_STATE, REFUSED, RESERVATION, Stored};
use crate::kit::lock_numbers;

/// Rows of a batch.
#[derive(Default)]
pub struct Loaded {
    carts: HashMap<i64, Stored>,
    /// The cart of each reservation that is touched and has one.
    by_reservation: HashMap<i64, i64>,
    /// Reservations that never become a cart.
    refused: HashSet<i64>,
    pub(super) numbers: VecDeque<i64>,
    /// Reservations that are asked about: each of them may leave an event.
    pub(super) claimed: usize,
    fresh: Vec<i64>,
    changed: BTreeSet<i64>,
    newly_refused: Vec<(i64, i64)>,
}

impl Loaded {
    /// Locks these carts, and looks up what became of these reservations. Writers of a context take turns, so what is
    /// found stays so until the batch ends.
    pub(super) fn load(tx: &mut dyn Session, carts: BTreeSet<i64>, reservations: &BTreeSet<i64>) -> Result<Self> {
        let mut loaded = Self::default();
        for row in lock_numbers(tx, &CART, carts)? {
            loaded.carts.insert(row.int(0), Stored::read(&row));
        }
        if !reservations.is_empty() {
            let keys: Vec<Value> = reservations.iter().copied().map(Value::Int).collect();
            loaded.refused = tx.load_many(&REFUSED, &keys)?.iter().map(|row| row.int(0)).collect();
            let found = tx.load_by(&CART, RESERVATION, &keys)?;
            loaded.by_reservation = found.iter().map(|row| (row.int(1), row.int(0))).collect();
        }
        Ok(loaded)
    }

    pub(super) fn cart(&self, cart_id: i64) -> Option<&Stored> {
        self.carts.get(&cart_id)
    }

    /// What became of a reservation.
    pub(super) fn standing(&self, reservation_id: i64) -> Standing {
        match self.by_reservation.get(&reservation_id) {
            Some(cart_id) => Standing::Cart(*cart_id),
            None if self.refused.contains(&reservation_id) => Standing::Refused,
            None => Standing::Open,
        }
    }

    /// Takes what happened to a cart in, and tells of it.
    pub(super) fn record(&mut self, event: &Event, out: &mut Out<'_>) -> Result<Stored> {
        let facts = event.cart().ok_or_else(|| Error::internal("an event about a reservation is none about a cart"))?;
        let (cart_id, reservation_id, now_ms) = (facts.cart_id, facts.reservation_id, out.moment.now_ms);
        let before = self.carts.remove(&cart_id);
        match before {
            Some(_) => drop(self.changed.insert(cart_id)),
            None => self.fresh.push(cart_id),
        }
        let known = before.map(|stored| (stored.added_at_ms, stored.removing_since_ms, stored.sequence, stored.cart));
        let (added_at_ms, since_ms, sequence, mut cart) = match known {
            Some((added_at_ms, since_ms, sequence, cart)) => (added_at_ms, since_ms, sequence, Some(cart)),
            None => (now_ms, None, 0, None),
        };
        cart::apply(&mut cart, event);
        let cart = cart.ok_or_else(|| Error::internal("an event about a cart left none"))?;
        let removing_since_ms = is_removing(&cart).then(|| since_ms.unwrap_or(now_ms));
        out.emit(cart_id, sequence + 1, event)?;
        let stored = Stored { cart, added_at_ms, removing_since_ms, sequence: sequence + 1 };
        self.by_reservation.insert(reservation_id, cart_id);
        self.carts.insert(cart_id, stored.clone());
        Ok(stored)
    }

    /// Notes that a reservation never becomes a cart, and tells of it.
    pub(super) fn refuse(&mut self, reservation_id: i64, event: &Event, out: &mut Out<'_>) -> Result<()> {
        self.refused.insert(reservation_id);
        self.newly_refused.push((reservation_id, out.moment.now_ms));
        // No cart has a number below zero; of one reservation this is all there is to tell.
        out.emit(-reservation_id, 1, event).map(drop)
    }

    pub(super) fn store(mut self, tx: &mut dyn Session) -> Result<()> {
        // What was added and changed in one batch is written once.
        for fresh in &self.fresh {
            self.changed.remove(fresh);
        }
        let fresh = self.fresh.iter().filter_map(|id| self.carts.get(id)).map(Stored::to_row);
        tx.insert_many(&CART, fresh.collect())?;
        let changed = self.changed.iter().filter_map(|id| self.carts.get(id)).map(Stored::to_state_row);
        tx.update_many(&CART_STATE, changed.collect())?;
        let refused = self.newly_refused.iter().map(|(id, at_ms)| Row(vec![(*id).into(), (*at_ms).into()]));
        tx.insert_many(&REFUSED, refused.collect())
    }
}

/// Whether gifticon still has to say something about the cart's removal.
pub(super) fn is_removing(cart: &Cart) -> bool {
    cart.status == CartStatus::PaymentApproved && cart.removal == Some(Removal::Requested)
}
