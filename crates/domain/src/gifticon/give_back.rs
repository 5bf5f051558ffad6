//! Pieces are free again: their cart ended without being paid, never came, or is removed with its vouchers.

use super::{Event, Rejection, Reservation, ReservationStatus, Voucher, VoucherStatus};

/// Returns what is reserved, because its cart was declined or removed before it was paid, or never came (`cart_id` none).
/// `None`: it was returned before, or it was sold; what is sold comes back by [`revoke_reservation`] alone.
#[must_use]
pub fn return_stock(reservation: &Reservation, cart_id: Option<i64>) -> Option<Event> {
    (reservation.status == ReservationStatus::Reserved).then(|| Event::StockReturned {
        reservation: reservation.facts.clone(),
        cart_id: cart_id.or(reservation.cart_id),
        was_sold: false,
        cancelled_vouchers: 0,
        expired_vouchers: 0,
    })
}

/// Makes a reservation's vouchers void and returns its pieces, unless one was used. Whichever way it is answered, it is
/// answered like that for ever: a voucher that was used stays used, and what was returned is not sold again. `vouchers`
/// are all that were issued for it. `None`: it was returned before.
///
/// # Errors
/// [`Rejection::VoucherUsed`].
pub fn revoke_reservation(reservation: &Reservation, vouchers: &[&Voucher]) -> Result<Option<Event>, Rejection> {
    if reservation.status == ReservationStatus::Returned {
        return Ok(None);
    }
    if vouchers.iter().any(|voucher| voucher.status == VoucherStatus::Used) {
        return Err(Rejection::VoucherUsed);
    }
    let count = |is_meant: fn(VoucherStatus) -> bool| {
        let meant = vouchers.iter().filter(|voucher| is_meant(voucher.status)).count();
        i64::try_from(meant).unwrap_or(i64::MAX)
    };
    Ok(Some(Event::StockReturned {
        reservation: reservation.facts.clone(),
        cart_id: reservation.cart_id,
        was_sold: reservation.status == ReservationStatus::Sold,
        cancelled_vouchers: count(|status| status != VoucherStatus::Cancelled),
        expired_vouchers: count(|status| status == VoucherStatus::Expired),
    }))
}
