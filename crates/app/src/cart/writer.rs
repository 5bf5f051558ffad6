//! Cart's side of the funnel: what can be asked of it, and which verb decides it.

use std::collections::BTreeSet;

use domain::cart::{self, AddCart, CartFacts, Event, Revocation, Verdict};
use domain::payment::{PaymentFacts, PaymentMethod};
use platform::db::Session;
use platform::error::{Error, Result};
use platform::funnel::{Moment, Out, Writer};
use platform::log;

use super::loaded::Loaded;
use super::store::Stored;
use super::{Claim, cart_unknown, refusal};
use crate::gifticon::ReservedStock;

/// A cart as somebody wants it.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Of what.
    pub gifticon_id: i64,
    /// Pieces.
    pub quantity: i64,
    /// Whose; none where nobody said.
    pub customer_id: Option<i64>,
    /// What it is paid with.
    pub method: PaymentMethod,
}

/// What can be asked of cart.
#[derive(Debug)]
pub enum Command {
    /// Gifticon keeps the stock of a cart that is to be stored.
    Add { wanted: Wanted, kept: ReservedStock },
    /// There is no stock, or nobody knows: this is why, unless the request was answered before.
    AddNothing { why: Error },
    /// Payment has decided.
    RecordPayment { cart_id: i64, payment: PaymentFacts, verdict: Verdict },
    /// A cart is to be removed; by this customer, if not by the operator.
    Remove { cart_id: i64, customer_id: Option<i64> },
    /// Gifticon has said whether a paid cart can be removed.
    RecordRevocation { cart_id: i64, revocation: Revocation },
    /// Gifticon asks what became of these reservations.
    Claim { reservation_ids: Vec<i64> },
}

/// What cart answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The cart as it was added.
    Added(CartFacts),
    /// The cart as it stands.
    Cart(Box<Stored>),
    /// The cart that this request was about when it came before.
    Known(i64),
    /// What became of reservations.
    Claims(Vec<Claim>),
    /// Nothing to say.
    Taken,
}

/// Cart's side of the funnel.
pub struct CartWriter;

impl CartWriter {
    fn add(loaded: &mut Loaded, wanted: &Wanted, kept: &ReservedStock, out: &mut Out<'_>) -> Result<Answer> {
        // Taken once it is certain: an answer that is refused leaves the number to the next.
        let number = loaded.numbers.front().copied();
        let add = AddCart {
            cart_id: number.ok_or_else(|| Error::internal("too few numbers were reserved"))?,
            reservation_id: kept.reservation_id,
            gifticon_id: wanted.gifticon_id,
            quantity: wanted.quantity,
            unit_price_won: kept.unit_price_won,
            customer_id: wanted.customer_id,
            method: wanted.method,
        };
        let event = cart::add_cart(loaded.standing(kept.reservation_id), &add).map_err(refusal)?;
        loaded.numbers.pop_front();
        loaded.record(&event, out).map(|stored| Answer::Added(stored.cart.facts))
    }

    fn record_payment(
        loaded: &mut Loaded,
        (cart_id, payment): (i64, &PaymentFacts),
        verdict: &Verdict,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        // Payment follows cart, so it tells of a cart that is not here only if the two stores do not belong together.
        let Some(stored) = loaded.cart(cart_id).filter(|stored| cart::is_about(&stored.cart, payment)) else {
            let payment_id = payment.payment_id;
            tracing::error!(
                cart_id,
                payment_id,
                "payment decided another cart under this number; the stores do not fit"
            );
            return Ok(Answer::Taken);
        };
        if let Some(event) = cart::record_payment(&stored.cart, payment, verdict) {
            loaded.record(&event, out)?;
        }
        Ok(Answer::Taken)
    }

    fn remove(loaded: &mut Loaded, cart_id: i64, customer_id: Option<i64>, out: &mut Out<'_>) -> Result<Answer> {
        let stored = loaded.cart(cart_id).filter(|stored| {
            // To others it is not there, so nobody can count carts.
            customer_id.is_none() || stored.cart.facts.customer_id == customer_id
        });
        let stored = stored.ok_or_else(cart_unknown)?.clone();
        match cart::remove_cart(&stored.cart).map_err(refusal)? {
            Some(event) => loaded.record(&event, out).map(|stored| Answer::Cart(Box::new(stored))),
            None => Ok(Answer::Cart(Box::new(stored))),
        }
    }

    fn record_revocation(
        loaded: &mut Loaded,
        cart_id: i64,
        revocation: &Revocation,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let stored = loaded.cart(cart_id).ok_or_else(cart_unknown)?.clone();
        match cart::record_revocation(&stored.cart, revocation) {
            Some(event) => loaded.record(&event, out).map(|stored| Answer::Cart(Box::new(stored))),
            None => Ok(Answer::Cart(Box::new(stored))),
        }
    }

    fn claim(loaded: &mut Loaded, reservation_ids: &[i64], out: &mut Out<'_>) -> Result<Answer> {
        let mut claims = Vec::with_capacity(reservation_ids.len());
        for reservation_id in reservation_ids.iter().copied() {
            let (cart_id, event) = cart::claim_reservation(loaded.standing(reservation_id), reservation_id);
            if let Some(event) = event {
                loaded.refuse(reservation_id, &event, out)?;
            }
            claims.push(Claim { reservation_id, cart_id });
        }
        Ok(Answer::Claims(claims))
    }
}

impl Writer for CartWriter {
    type Command = Command;
    type Answer = Answer;
    type Loaded = Loaded;

    fn load(&mut self, tx: &mut dyn Session, commands: &[&Command], _moment: &Moment) -> Result<Loaded> {
        let (mut carts, mut reservations, mut added, mut claimed) = (BTreeSet::new(), BTreeSet::new(), 0, 0);
        for command in commands {
            match command {
                Command::Add { kept, .. } => {
                    reservations.insert(kept.reservation_id);
                    added += 1;
                }
                Command::RecordPayment { cart_id, .. }
                | Command::Remove { cart_id, .. }
                | Command::RecordRevocation { cart_id, .. } => drop(carts.insert(*cart_id)),
                Command::Claim { reservation_ids } => {
                    claimed += reservation_ids.len();
                    reservations.extend(reservation_ids);
                }
                Command::AddNothing { .. } => {}
            }
        }
        let mut loaded = Loaded::load(tx, carts, &reservations)?;
        loaded.claimed = claimed;
        if added > 0 {
            loaded.numbers = tx.next_ids("cart_number", added)?.into();
        }
        Ok(loaded)
    }

    fn decide(&mut self, loaded: &mut Loaded, command: &Command, out: &mut Out<'_>) -> Result<Answer> {
        match command {
            Command::Add { wanted, kept } => Self::add(loaded, wanted, kept, out),
            Command::AddNothing { why } => Err(why.clone()),
            Command::RecordPayment { cart_id, payment, verdict } => {
                Self::record_payment(loaded, (*cart_id, payment), verdict, out)
            }
            Command::Remove { cart_id, customer_id } => Self::remove(loaded, *cart_id, *customer_id, out),
            Command::RecordRevocation { cart_id, revocation } => {
                Self::record_revocation(loaded, *cart_id, revocation, out)
            }
            Command::Claim { reservation_ids } => Self::claim(loaded, reservation_ids, out),
        }
    }

    fn more_rows(&self, loaded: &Loaded) -> usize {
        loaded.claimed
    }

    fn store(&mut self, tx: &mut dyn Session, loaded: Loaded) -> Result<()> {
        loaded.store(tx)
    }

    fn recall(&self, command: &Command, event: &log::Event) -> Result<Answer> {
        match (command, event.kind.as_str()) {
            // It was under way already when this request came first, and nothing was told.
            (Command::Remove { cart_id, .. }, "done") => Ok(Answer::Known(*cart_id)),
            _ => match (command, event.decode()?) {
                (Command::Add { .. } | Command::AddNothing { .. }, Event::CartAdded(facts)) => Ok(Answer::Added(facts)),
                (Command::Remove { .. }, Event::CartRemoved(facts) | Event::RemovalRequested(facts)) => {
                    Ok(Answer::Known(facts.cart_id))
                }
                _ => Err(Error::internal("a remembered answer belongs to another command")),
            },
        }
    }
}
