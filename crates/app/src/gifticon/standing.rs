//! Every reservation as it stands, for comparing those for whom pieces are kept.

use std::collections::HashMap;

use domain::gifticon::Reservation;
use platform::db::Session;
use platform::error::Result;

use super::list::reservations_after;

const PIECE_ROWS: i64 = 5_000;

/// Every reservation, by its number.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn reservations(session: &mut dyn Session) -> Result<HashMap<i64, Reservation>> {
    let (mut reservations, mut after) = (HashMap::new(), 0);
    loop {
        let piece = reservations_after(session, after, PIECE_ROWS)?;
        let Some(last) = piece.last() else { return Ok(reservations) };
        after = last.reservation.facts.reservation_id;
        let numbered = |reservation: Reservation| (reservation.facts.reservation_id, reservation);
        reservations.extend(piece.into_iter().map(|stored| numbered(stored.reservation)));
    }
}
