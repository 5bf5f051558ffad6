//! A cart is paid: its pieces are sold, and each gets a voucher.

use super::{Event, Reservation, ReservationStatus};

/// What the vouchers of a paid cart are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IssueVouchers {
    /// The cart that is paid.
    pub cart_id: i64,
    /// The number of the first one; those of the others follow.
    pub first_voucher_id: i64,
    /// The first moment at which they are no longer good, in milliseconds since 1970 in UTC.
    pub expires_at_ms: i64,
}

/// Sells what is reserved. `None`: it was sold or returned before, and what was decided then stays.
#[must_use]
pub fn issue_vouchers(reservation: &Reservation, cmd: IssueVouchers) -> Option<Event> {
    let IssueVouchers { cart_id, first_voucher_id, expires_at_ms } = cmd;
    (reservation.status == ReservationStatus::Reserved).then(|| Event::VouchersIssued {
        reservation: reservation.facts.clone(),
        cart_id,
        first_voucher_id,
        expires_at_ms,
    })
}
