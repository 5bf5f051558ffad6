//! What a batch of gifticon works on: the rows that its commands touch, locked, and what became of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::gifticon::{
    self, Event, Gifticon, Reservation, ReservationStatus, Voucher, VoucherCode, VoucherFacts, issued_voucher,
};
use platform::db::Session;
use platform::error::{Error, Result};
use platform::funnel::Out;

use super::store::{
    GIFTICON, RESERVATION, RESERVATION_STATE, StoredReservation, StoredVoucher, VOUCHER, VOUCHER_STATE, gifticon_row,
    read_gifticon,
};
use crate::kit::lock_numbers;

/// Rows of a batch.
#[derive(Default)]
pub struct Loaded {
    gifticons: BTreeMap<i64, Gifticon>,
    reservations: BTreeMap<i64, StoredReservation>,
    vouchers: BTreeMap<i64, StoredVoucher>,
    pub(super) gifticon_numbers: VecDeque<i64>,
    pub(super) reservation_numbers: VecDeque<i64>,
    voucher_numbers: VecDeque<i64>,
    fresh_gifticons: BTreeSet<i64>,
    changed_gifticons: BTreeSet<i64>,
    fresh_reservations: BTreeSet<i64>,
    changed_reservations: BTreeSet<i64>,
    fresh_vouchers: BTreeSet<i64>,
    changed_vouchers: BTreeSet<i64>,
}

/// What the commands of a batch touch.
#[derive(Default)]
pub(super) struct Touched {
    pub(super) gifticons: Vec<i64>,
    pub(super) reservations: Vec<i64>,
    /// Reservations that are to be sold, among those above.
    pub(super) to_sell: BTreeSet<i64>,
    /// Reservations whose vouchers matter, among those above.
    pub(super) to_revoke: Vec<i64>,
    pub(super) vouchers: Vec<i64>,
}

impl Loaded {
    /// Locks what is touched: reservations, vouchers, and the gifticons of all of them.
    pub(super) fn load(tx: &mut dyn Session, mut touched: Touched) -> Result<Self> {
        let mut loaded = Self::default();
        let rows = lock_numbers(tx, &RESERVATION, touched.reservations)?;
        loaded.reservations = rows.iter().map(|row| (row.int(0), StoredReservation::read(row))).collect();
        for revoked in &touched.to_revoke {
            let reservation = loaded.reservations.get(revoked).map(|stored| &stored.reservation);
            touched.vouchers.extend(reservation.into_iter().flat_map(Reservation::voucher_ids));
        }
        let rows = lock_numbers(tx, &VOUCHER, touched.vouchers)?;
        loaded.vouchers = rows.iter().map(|row| (row.int(0), StoredVoucher::read(row))).collect();
        touched.gifticons.extend(loaded.reservations.values().map(|stored| stored.reservation.facts.gifticon_id));
        touched.gifticons.extend(loaded.vouchers.values().map(|stored| stored.voucher.facts.gifticon_id));
        let rows = lock_numbers(tx, &GIFTICON, touched.gifticons)?;
        loaded.gifticons = rows.iter().map(|row| (row.int(0), read_gifticon(row))).collect();
        let sold =
            touched.to_sell.iter().filter_map(|id| loaded.reservations.get(id)).map(|stored| &stored.reservation);
        let open = sold.filter(|reservation| reservation.status == ReservationStatus::Reserved);
        let pieces = open.map(|reservation| usize::try_from(reservation.facts.quantity).unwrap_or(0)).sum();
        if pieces > 0 {
            loaded.voucher_numbers = tx.next_ids("voucher_number", pieces)?.into();
        }
        Ok(loaded)
    }

    pub(super) fn gifticon(&self, gifticon_id: i64) -> Option<&Gifticon> {
        self.gifticons.get(&gifticon_id)
    }

    /// Every gifticon of this batch, as it stands now.
    pub(super) fn gifticons(&self) -> impl Iterator<Item = &Gifticon> {
        self.gifticons.values()
    }

    pub(super) fn reservation(&self, reservation_id: i64) -> Option<&StoredReservation> {
        self.reservations.get(&reservation_id)
    }

    /// The voucher with this number.
    pub(super) fn voucher(&self, voucher_id: i64) -> Option<&StoredVoucher> {
        self.vouchers.get(&voucher_id)
    }

    /// The voucher with this code; the code is compared in full.
    pub(super) fn voucher_by(&self, code: VoucherCode) -> Option<&StoredVoucher> {
        self.voucher(code.voucher_id).filter(|stored| stored.secret == code.secret)
    }

    /// The vouchers that were issued for a reservation.
    pub(super) fn vouchers_of(&self, reservation: &Reservation) -> Vec<&Voucher> {
        reservation.voucher_ids().filter_map(|id| self.vouchers.get(&id)).map(|stored| &stored.voucher).collect()
    }

    /// The number of the first of so many vouchers; those of the others follow it without a gap.
    pub(super) fn take_voucher_numbers(&mut self, pieces: i64) -> Result<i64> {
        let count = usize::try_from(pieces).unwrap_or(0);
        let taken: Vec<i64> = self.voucher_numbers.drain(..count.min(self.voucher_numbers.len())).collect();
        match (taken.first(), taken.last()) {
            // Writers of a context take turns, so nobody draws numbers in between.
            (Some(first), Some(last)) if taken.len() == count && last - first == pieces - 1 => Ok(*first),
            _ => Err(Error::internal("too few numbers were reserved")),
        }
    }

    /// Takes what happened to a gifticon, or to one of its reservations, in, and tells of it.
    pub(super) fn record(&mut self, event: &Event, out: &mut Out<'_>) -> Result<()> {
        let (gifticon_id, reservation_id) = about(event)?;
        let mut gifticon = self.gifticons.remove(&gifticon_id);
        let is_new = gifticon.is_none();
        let mut stored = reservation_id.and_then(|id| self.reservations.remove(&id));
        let is_fresh = stored.is_none();
        let mut reservation = stored.as_ref().map(|stored| stored.reservation.clone());
        gifticon::apply(&mut gifticon, &mut reservation, event);
        let gifticon = gifticon.ok_or_else(|| Error::internal("an event is about a gifticon that was not loaded"))?;
        out.emit(gifticon_id, gifticon.sequence, event)?;
        self.gifticons.insert(gifticon_id, gifticon);
        if is_new {
            self.fresh_gifticons.insert(gifticon_id)
        } else {
            self.changed_gifticons.insert(gifticon_id)
        };
        let (Some(reservation), Some(reservation_id)) = (reservation, reservation_id) else { return Ok(()) };
        let ask_at_ms = Some(out.moment.now_ms.saturating_add(gifticon::UNCLAIMED_MS));
        match &mut stored {
            Some(stored) => stored.reservation = reservation,
            None => stored = Some(StoredReservation { reservation, ask_at_ms, customer_id: None }),
        }
        self.reservations.extend(stored.map(|stored| (reservation_id, stored)));
        if is_fresh {
            self.fresh_reservations.insert(reservation_id);
        } else {
            self.changed_reservations.insert(reservation_id);
        }
        Ok(())
    }

    /// Takes what happened to a voucher in, and tells of it under its gifticon.
    pub(super) fn record_voucher(
        &mut self,
        voucher_id: i64,
        event: &Event,
        out: &mut Out<'_>,
    ) -> Result<StoredVoucher> {
        let gone = || Error::internal("an event is about a voucher that was not loaded");
        let stored = self.vouchers.get_mut(&voucher_id).ok_or_else(gone)?;
        gifticon::apply_to_voucher(&mut stored.voucher, event);
        if matches!(event, Event::VoucherUsed(_)) {
            stored.used_at_ms = Some(out.moment.now_ms);
        }
        let stored = stored.clone();
        self.changed_vouchers.insert(voucher_id);
        self.record(event, out)?;
        Ok(stored)
    }

    /// Adds the vouchers of a reservation that was just sold, with random secrets.
    pub(super) fn issue(&mut self, reservation_id: i64, cart_id: i64, expires_at_ms: i64) -> Result<()> {
        let Some(stored) = self.reservations.get(&reservation_id) else { return Ok(()) };
        let (ids, gifticon_id) = (stored.reservation.voucher_ids(), stored.reservation.facts.gifticon_id);
        let count = usize::try_from(ids.end - ids.start).unwrap_or(0);
        let mut random = vec![0_u8; count * size_of::<u64>()];
        getrandom::fill(&mut random)
            .map_err(|error| Error::internal("the system gives no random numbers").caused_by(error))?;
        for (voucher_id, bytes) in ids.zip(random.chunks_exact(size_of::<u64>())) {
            let bits = bytes.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
            let VoucherCode { secret, .. } = VoucherCode::new(voucher_id, bits);
            let voucher = issued_voucher(VoucherFacts { voucher_id, gifticon_id, cart_id }, expires_at_ms);
            self.vouchers.insert(voucher_id, StoredVoucher { voucher, reservation_id, secret, used_at_ms: None });
            self.fresh_vouchers.insert(voucher_id);
        }
        Ok(())
    }

    /// A reservation that was just returned takes its vouchers with it.
    pub(super) fn make_void(&mut self, reservation_id: i64, event: &Event) {
        let ids = self.reservations.get(&reservation_id).map(|stored| stored.reservation.voucher_ids());
        for voucher_id in ids.into_iter().flatten() {
            if let Some(stored) = self.vouchers.get_mut(&voucher_id) {
                gifticon::apply_to_voucher(&mut stored.voucher, event);
                self.changed_vouchers.insert(voucher_id);
            }
        }
    }

    /// Somebody spoke of a reservation: it became this cart, and cart is not asked about it any more.
    pub(super) fn claim(&mut self, reservation_id: i64, cart_id: i64, customer_id: Option<i64>) {
        if let Some(stored) = self.reservations.get_mut(&reservation_id) {
            stored.ask_at_ms = None;
            stored.reservation.cart_id = Some(cart_id);
            stored.customer_id = customer_id.or(stored.customer_id);
            self.changed_reservations.insert(reservation_id);
        }
    }

    pub(super) fn store(&self, tx: &mut dyn Session) -> Result<()> {
        // What was made and changed in one batch is written once.
        let fresh = self.fresh_gifticons.iter().filter_map(|id| self.gifticons.get(id));
        tx.insert_many(&GIFTICON, fresh.map(gifticon_row).collect())?;
        let changed = self.changed_gifticons.difference(&self.fresh_gifticons);
        tx.update_many(&GIFTICON, changed.filter_map(|id| self.gifticons.get(id)).map(gifticon_row).collect())?;
        let fresh = self.fresh_reservations.iter().filter_map(|id| self.reservations.get(id));
        tx.insert_many(&RESERVATION, fresh.map(StoredReservation::to_row).collect())?;
        let changed = self.changed_reservations.difference(&self.fresh_reservations);
        let changed = changed.filter_map(|id| self.reservations.get(id));
        tx.update_many(&RESERVATION_STATE, changed.map(StoredReservation::to_state_row).collect())?;
        let fresh = self.fresh_vouchers.iter().filter_map(|id| self.vouchers.get(id));
        tx.insert_many(&VOUCHER, fresh.map(StoredVoucher::to_row).collect())?;
        let changed = self.changed_vouchers.difference(&self.fresh_vouchers).filter_map(|id| self.vouchers.get(id));
        tx.update_many(&VOUCHER_STATE, changed.map(StoredVoucher::to_state_row).collect())
    }
}

/// The gifticon that an event is about, and the reservation, if it is about one.
fn about(event: &Event) -> Result<(i64, Option<i64>)> {
    Ok(match event {
        Event::GifticonRegistered(facts) | Event::GifticonChanged(facts) => (facts.gifticon_id, None),
        Event::StockReserved(facts)
        | Event::VouchersIssued { reservation: facts, .. }
        | Event::StockReturned { reservation: facts, .. } => (facts.gifticon_id, Some(facts.reservation_id)),
        Event::VoucherUsed(facts)
        | Event::VoucherExtended { voucher: facts, .. }
        | Event::VoucherExpired(facts)
        | Event::VoucherCancelled(facts) => (facts.gifticon_id, None),
    })
}
