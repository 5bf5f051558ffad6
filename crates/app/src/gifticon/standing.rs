//! Every reservation as it stands, for comparing those for whom pieces are kept.

use std::collections::{HashMap, HashSet};

use domain::gifticon::{Reservation, ReservationStatus};
use platform::db::Session;
use platform::error::Result;

use super::list::reservations_after;

const PIECE_ROWS: i64 = 5_000;

/// Every reservation, by its number.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn reservations(session: &mut dyn Session) -> Result<HashMap<i64, Reservation>> {
    let mut reservations = HashMap::new();
    each(session, |reservation| {
        reservations.insert(reservation.facts.reservation_id, reservation);
    })?;
    Ok(reservations)
}

/// Reservations whose pieces were given back. Looked at before carts, these ask for it already, even while a server is at
/// work.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn returned(session: &mut dyn Session) -> Result<HashSet<i64>> {
    let mut returned = HashSet::new();
    each(session, |reservation| {
        if reservation.status == ReservationStatus::Returned {
            returned.insert(reservation.facts.reservation_id);
        }
    })?;
    Ok(returned)
}

fn each(session: &mut dyn Session, mut look: impl FnMut(Reservation)) -> Result<()> {
    let mut after = 0;
    loop {
        let piece = reservations_after(session, after, PIECE_ROWS)?;
        let Some(last) = piece.last() else { return Ok(()) };
        after = last.reservation.facts.reservation_id;
        piece.into_iter().for_each(|stored| look(stored.reservation));
    }
}
