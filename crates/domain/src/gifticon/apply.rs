//! What an event makes of a gifticon, of a reservation, and of a voucher.

use super::{Event, Gifticon, Reservation, ReservationStatus, Voucher, VoucherStatus};

/// Takes what happened into the gifticon that it is about, and into the reservation, where it is about one.
pub fn apply(gifticon: &mut Option<Gifticon>, reservation: &mut Option<Reservation>, event: &Event) {
    let sequence = gifticon.as_ref().map_or(0, |gifticon| gifticon.sequence) + 1;
    if let Event::GifticonRegistered(facts) | Event::GifticonChanged(facts) = event {
        *gifticon = Some(facts.standing(sequence));
        return;
    }
    if let Some(gifticon) = gifticon {
        gifticon.sequence = sequence;
        move_pieces(gifticon, event);
    }
    match event {
        Event::StockReserved(facts) => {
            let status = ReservationStatus::Reserved;
            *reservation = Some(Reservation { facts: facts.clone(), status, cart_id: None, first_voucher_id: None });
        }
        Event::VouchersIssued { cart_id, first_voucher_id, .. } => {
            if let Some(reservation) = reservation {
                reservation.status = ReservationStatus::Sold;
                reservation.cart_id = Some(*cart_id);
                reservation.first_voucher_id = Some(*first_voucher_id);
            }
        }
        Event::StockReturned { cart_id, .. } => {
            if let Some(reservation) = reservation {
                reservation.status = ReservationStatus::Returned;
                reservation.cart_id = *cart_id;
            }
        }
        _ => {}
    }
}

/// Pieces go from one place to another; none comes or goes.
fn move_pieces(gifticon: &mut Gifticon, event: &Event) {
    match event {
        Event::StockReserved(facts) => {
            gifticon.free -= facts.quantity;
            gifticon.reserved += facts.quantity;
        }
        Event::VouchersIssued { reservation, .. } => {
            gifticon.reserved -= reservation.quantity;
            gifticon.sold += reservation.quantity;
        }
        Event::StockReturned { reservation, was_sold, .. } => {
            gifticon.free += reservation.quantity;
            let from = if *was_sold { &mut gifticon.sold } else { &mut gifticon.reserved };
            *from -= reservation.quantity;
        }
        _ => {}
    }
}

/// Takes what happened into a voucher that it is about. A reservation that is returned takes its vouchers with it.
pub fn apply_to_voucher(voucher: &mut Voucher, event: &Event) {
    match event {
        Event::VoucherUsed(_) => voucher.status = VoucherStatus::Used,
        Event::VoucherExtended { expires_at_ms, .. } => {
            voucher.status = VoucherStatus::Issued;
            voucher.expires_at_ms = *expires_at_ms;
        }
        Event::VoucherExpired(_) => voucher.status = VoucherStatus::Expired,
        Event::VoucherCancelled(_) | Event::StockReturned { .. } => voucher.status = VoucherStatus::Cancelled,
        _ => {}
    }
}
