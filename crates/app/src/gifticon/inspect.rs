//! What `onepoint verify` looks at in gifticon.

use std::collections::{BTreeMap, HashMap};

use domain::gifticon::{
    self, Event, Gifticon, Reservation, ReservationStatus, Voucher, VoucherFacts, VoucherStatus, issued_voucher,
};
use platform::db::Session;
use platform::error::Result;
use platform::log::each_event;

use super::list::{gifticons_after, reservations_after, vouchers_after};
use super::store::read_gifticon;
use crate::kit::{Finding, Findings};

const PIECE_ROWS: i64 = 5_000;
const NUMBERED: &str = "the events of a gifticon are numbered without gaps, and say how it stands";
const LOADED: &str = "sold + reserved + free = loaded, none below zero, and each is what its reservations come to";
const TOLD: &str = "every reservation stands as its events tell";
const VOUCHED: &str = "every piece that is sold has its voucher, and no other piece has one that is good";

/// What the events tell.
#[derive(Default)]
struct Told {
    gifticons: BTreeMap<i64, Gifticon>,
    /// Pieces in all, as the MD registered and changed them.
    loaded: HashMap<i64, i64>,
    reservations: HashMap<i64, Reservation>,
    vouchers: HashMap<i64, Voucher>,
}

/// Compares gifticons, reservations and vouchers with their events and with each other.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn inspect(session: &mut dyn Session) -> Result<Findings> {
    let mut findings = Findings::new(&[NUMBERED, LOADED, TOLD, VOUCHED]);
    let mut told = replay(session, &mut findings)?;
    // Pieces of each gifticon that its reservations keep, and that they sold.
    let mut pieces: HashMap<i64, (i64, i64)> = HashMap::new();
    // Of each reservation that is sold or was: whether it is.
    let mut sold: HashMap<i64, bool> = HashMap::new();
    let mut after = 0;
    loop {
        let piece = reservations_after(session, after, PIECE_ROWS)?;
        let Some(last) = piece.last() else { break };
        after = last.reservation.facts.reservation_id;
        for reservation in piece.into_iter().map(|stored| stored.reservation) {
            let facts = &reservation.facts;
            let (reserved_pieces, sold_pieces) = pieces.entry(facts.gifticon_id).or_default();
            match reservation.status {
                ReservationStatus::Reserved => *reserved_pieces += facts.quantity,
                ReservationStatus::Sold => *sold_pieces += facts.quantity,
                ReservationStatus::Returned => {}
            }
            if reservation.first_voucher_id.is_some() {
                sold.insert(facts.reservation_id, reservation.status == ReservationStatus::Sold);
            }
            compare_reservation(&reservation, told.reservations.remove(&facts.reservation_id), &mut findings);
        }
    }
    for reservation_id in told.reservations.into_keys() {
        findings.add(TOLD, Finding::of(reservation_id, "events tell of it, and it is not there"));
    }
    compare_gifticons(session, (&mut told.gifticons, &told.loaded), &pieces, &mut findings)?;
    compare_vouchers(session, told.vouchers, &sold, &mut findings)?;
    Ok(findings)
}

fn compare_reservation(stored: &Reservation, told: Option<Reservation>, findings: &mut Findings) {
    // That cart claimed it is no event of gifticon's.
    let fits = told.is_some_and(|told| {
        let cart_id = if stored.status == ReservationStatus::Sold { told.cart_id } else { stored.cart_id };
        Reservation { cart_id, ..told } == *stored
    });
    if !fits {
        findings.add(TOLD, Finding::of(stored.facts.reservation_id, "its row says something else than its events"));
    }
}

fn compare_gifticons(
    session: &mut dyn Session,
    (told, loaded): (&mut BTreeMap<i64, Gifticon>, &HashMap<i64, i64>),
    pieces: &HashMap<i64, (i64, i64)>,
    findings: &mut Findings,
) -> Result<()> {
    let mut after = 0;
    loop {
        let rows = gifticons_after(session, after, PIECE_ROWS)?;
        let Some(last) = rows.last() else { break };
        after = last.int(0);
        for stored in rows.iter().map(read_gifticon) {
            let gifticon_id = stored.gifticon_id;
            if told.remove(&gifticon_id).as_ref() != Some(&stored) {
                findings.add(NUMBERED, Finding::of(gifticon_id, "its row says something else than its events"));
            }
            let loaded = loaded.get(&gifticon_id).copied().unwrap_or_default();
            let (reserved, sold) = pieces.get(&gifticon_id).copied().unwrap_or_default();
            let is_below = stored.free < 0 || stored.reserved < 0 || stored.sold < 0;
            if is_below || stored.loaded() != loaded || (stored.reserved, stored.sold) != (reserved, sold) {
                let Gifticon { free, reserved: noted, sold: noted_sold, .. } = stored;
                let what = format!(
                    "{free} free, {noted} reserved and {noted_sold} sold are noted of {loaded}; its reservations \
                     keep {reserved} and sold {sold}"
                );
                findings.add(LOADED, Finding::of(gifticon_id, what));
            }
        }
    }
    for gifticon_id in told.keys() {
        findings.add(NUMBERED, Finding::of(*gifticon_id, "events tell of it, and it is not there"));
    }
    Ok(())
}

fn compare_vouchers(
    session: &mut dyn Session,
    mut told: HashMap<i64, Voucher>,
    sold: &HashMap<i64, bool>,
    findings: &mut Findings,
) -> Result<()> {
    let mut after = 0;
    loop {
        let piece = vouchers_after(session, after, PIECE_ROWS)?;
        let Some(last) = piece.last() else { break };
        after = last.voucher.facts.voucher_id;
        for stored in piece {
            let voucher_id = stored.voucher.facts.voucher_id;
            if told.remove(&voucher_id).as_ref() != Some(&stored.voucher) {
                findings.add(VOUCHED, Finding::of(voucher_id, "its row says something else than its events"));
            }
            let is_void = stored.voucher.status == VoucherStatus::Cancelled;
            if !is_void && sold.get(&stored.reservation_id) != Some(&true) {
                findings.add(VOUCHED, Finding::of(voucher_id, "it is not void, and its piece is not sold"));
            }
            if (stored.voucher.status == VoucherStatus::Used) != stored.used_at_ms.is_some() {
                findings.add(VOUCHED, Finding::of(voucher_id, "it does not say when it was used, or it was not"));
            }
        }
    }
    for voucher_id in told.into_keys() {
        findings.add(VOUCHED, Finding::of(voucher_id, "events tell of it, and it is not there"));
    }
    Ok(())
}

fn replay(session: &mut dyn Session, findings: &mut Findings) -> Result<Told> {
    let mut told = Told::default();
    each_event(session, |logged| {
        let event: Event = logged.decode()?;
        told.take_in(logged.subject, logged.sequence, &event, findings);
        Ok(())
    })?;
    Ok(told)
}

impl Told {
    fn take_in(&mut self, gifticon_id: i64, sequence: i64, event: &Event, findings: &mut Findings) {
        let mut gifticon = self.gifticons.remove(&gifticon_id);
        let before = gifticon.as_ref().map_or(0, |gifticon| gifticon.sequence);
        if sequence != before + 1 {
            findings.add(NUMBERED, Finding::of(gifticon_id, format!("event {sequence} comes after event {before}")));
        }
        let reservation_id = self.take_in_parts(event);
        let mut reservation = reservation_id.and_then(|id| self.reservations.remove(&id));
        gifticon::apply(&mut gifticon, &mut reservation, event);
        self.reservations.extend(reservation_id.zip(reservation));
        if let Some(gifticon) = &mut gifticon {
            // Sequences are compared with what stands there, so that one gap is found once.
            gifticon.sequence = sequence;
        }
        self.gifticons.extend(gifticon.map(|gifticon| (gifticon_id, gifticon)));
    }

    /// Takes in what concerns the number of all pieces and the vouchers; the reservation that the event is about.
    fn take_in_parts(&mut self, event: &Event) -> Option<i64> {
        match event {
            Event::GifticonRegistered(facts) | Event::GifticonChanged(facts) => {
                self.loaded.insert(facts.gifticon_id, facts.loaded);
                None
            }
            Event::StockReserved(facts) => Some(facts.reservation_id),
            Event::VouchersIssued { reservation, cart_id, first_voucher_id, expires_at_ms } => {
                for voucher_id in *first_voucher_id..first_voucher_id + reservation.quantity {
                    let facts = VoucherFacts { voucher_id, gifticon_id: reservation.gifticon_id, cart_id: *cart_id };
                    self.vouchers.insert(voucher_id, issued_voucher(facts, *expires_at_ms));
                }
                Some(reservation.reservation_id)
            }
            Event::StockReturned { reservation, .. } => {
                let known = self.reservations.get(&reservation.reservation_id);
                for voucher_id in known.map(Reservation::voucher_ids).into_iter().flatten() {
                    self.voucher(voucher_id, event);
                }
                Some(reservation.reservation_id)
            }
            Event::VoucherUsed(facts)
            | Event::VoucherExtended { voucher: facts, .. }
            | Event::VoucherExpired(facts)
            | Event::VoucherCancelled(facts) => {
                self.voucher(facts.voucher_id, event);
                None
            }
        }
    }

    fn voucher(&mut self, voucher_id: i64, event: &Event) {
        if let Some(voucher) = self.vouchers.get_mut(&voucher_id) {
            gifticon::apply_to_voucher(voucher, event);
        }
    }
}
