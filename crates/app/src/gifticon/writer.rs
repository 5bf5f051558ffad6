//! Gifticon's side of the funnel: what can be asked of it, and which verb decides it.

use std::collections::HashSet;
use std::sync::Arc;

use domain::gifticon::{
    self, ChangeGifticon, Event, Gifticon, IssueVouchers, Rejection, Reservation, ReservationStatus, ReserveStock,
    VoucherCode, VoucherStatus,
};
use domain::kernel::Day;
use platform::clock::Clock;
use platform::db::Session;
use platform::error::{Error, Result};
use platform::funnel::{Moment, Out, Writer};
use platform::log;
use platform::zone::Zone;

use super::figures::{Figures, left_of};
use super::loaded::{Loaded, Touched};
use super::store::{GIFTICON, StoredVoucher};
use super::{NewGifticon, ReservedStock, Until, refusal, stock_refusal, voucher_unknown};
use crate::kit::{day_of, free_numbers};

/// What can be asked of gifticon.
#[derive(Debug)]
pub enum Command {
    /// A new gifticon; without a number the next free one is given.
    Register { gifticon_id: Option<i64>, new: NewGifticon },
    /// A gifticon changes.
    Change { gifticon_id: i64, change: ChangeGifticon },
    /// Pieces are to be kept.
    Reserve { gifticon_id: i64, quantity: i64 },
    /// The reservation's cart is paid.
    Sell { reservation_id: i64, cart_id: i64, customer_id: Option<i64> },
    /// The reservation's cart ended unpaid, or will never come.
    GiveBack { reservation_id: i64, cart_id: Option<i64> },
    /// The reservation became this cart.
    Claim { reservation_id: i64, cart_id: i64 },
    /// The reservation's cart is to be removed.
    Revoke { reservation_id: i64 },
    /// Somebody brings a voucher.
    Use { code: VoucherCode },
    /// A voucher is to be good for longer.
    Extend { code: VoucherCode, until: Until },
    /// The operator takes a voucher back.
    Cancel { code: VoucherCode },
    /// A voucher's time is over.
    Expire { voucher_id: i64 },
}

/// What gifticon answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The gifticon as it stands.
    Gifticon(Gifticon),
    /// Pieces that are kept.
    Reserved(ReservedStock),
    /// The reservation is revoked, or why it is not.
    Revocation(Result<(), &'static str>),
    /// The voucher as it stands.
    Voucher(Box<StoredVoucher>),
    /// The voucher that this request was about when it came first, and until when it made it good, if that is what it did.
    KnownVoucher { voucher_id: i64, expires_at_ms: Option<i64> },
    /// Nothing to say.
    Taken,
}

/// Gifticon's side of the funnel.
pub struct GifticonWriter {
    voucher_months: i32,
    zone: Zone,
    clock: Arc<dyn Clock>,
    figures: Arc<Figures>,
    /// What the batch leaves, noted once it is committed.
    left: Vec<(i64, i64, bool)>,
}

impl GifticonWriter {
    pub(super) fn new(voucher_months: i32, zone: Zone, clock: Arc<dyn Clock>, figures: Arc<Figures>) -> Self {
        Self { voucher_months, zone, clock, figures, left: Vec::new() }
    }

    fn register(loaded: &mut Loaded, id: Option<i64>, new: &NewGifticon, out: &mut Out<'_>) -> Result<Answer> {
        let free = id.or_else(|| loaded.gifticon_numbers.pop_front());
        let gifticon_id = free.ok_or_else(|| Error::internal("too few numbers were reserved"))?;
        let command = new.clone().numbered(gifticon_id);
        let event = gifticon::register_gifticon(loaded.gifticon(gifticon_id), &command).map_err(refusal)?;
        loaded.record(&event, out)?;
        Self::standing(loaded, gifticon_id)
    }

    fn change(loaded: &mut Loaded, gifticon_id: i64, change: &ChangeGifticon, out: &mut Out<'_>) -> Result<Answer> {
        let gifticon = loaded.gifticon(gifticon_id).ok_or_else(super::gifticon_unknown)?;
        if let Some(event) = gifticon::change_gifticon(gifticon, change).map_err(refusal)? {
            loaded.record(&event, out)?;
        }
        Self::standing(loaded, gifticon_id)
    }

    fn standing(loaded: &Loaded, gifticon_id: i64) -> Result<Answer> {
        loaded.gifticon(gifticon_id).cloned().map(Answer::Gifticon).ok_or_else(super::gifticon_unknown)
    }

    fn reserve(loaded: &mut Loaded, gifticon_id: i64, quantity: i64, out: &mut Out<'_>) -> Result<Answer> {
        let gifticon = loaded.gifticon(gifticon_id);
        let reservation_id = loaded.reservation_numbers.front().copied();
        let reservation_id = reservation_id.ok_or_else(|| Error::internal("too few numbers were reserved"))?;
        let command = ReserveStock { reservation_id, quantity };
        let event = gifticon::reserve_stock(gifticon, command).map_err(stock_refusal)?;
        loaded.reservation_numbers.pop_front();
        loaded.record(&event, out)?;
        reserved(&event)
    }

    /// What became of a reservation that another context speaks of. One that is not here means that the two stores do not
    /// belong together.
    fn spoken_of(loaded: &Loaded, reservation_id: i64) -> Option<Reservation> {
        let stored = loaded.reservation(reservation_id);
        if stored.is_none() {
            tracing::error!(
                reservation_id,
                "cart speaks of a reservation that is not here; the stores of cart and gifticon do not belong together"
            );
        }
        stored.map(|stored| stored.reservation.clone())
    }

    fn sell(
        &self,
        loaded: &mut Loaded,
        (reservation_id, cart_id, customer_id): (i64, i64, Option<i64>),
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let Some(reservation) = Self::spoken_of(loaded, reservation_id) else { return Ok(Answer::Taken) };
        if reservation.status != ReservationStatus::Reserved {
            return Ok(Answer::Taken);
        }
        let first_voucher_id = loaded.take_voucher_numbers(reservation.facts.quantity)?;
        let day = day_of(out.moment.day).plus_months(self.voucher_months);
        let expires_at_ms = self.end_of(day).ok_or_else(|| Error::internal("no calendar has the day"))?;
        let command = IssueVouchers { cart_id, first_voucher_id, expires_at_ms };
        if let Some(event) = gifticon::issue_vouchers(&reservation, command) {
            loaded.claim(reservation_id, cart_id, customer_id);
            loaded.record(&event, out)?;
            loaded.issue(reservation_id, cart_id, expires_at_ms)?;
        }
        Ok(Answer::Taken)
    }

    /// The first moment after a day.
    fn end_of(&self, day: Day) -> Option<i64> {
        let next = day.next();
        self.zone.start_of((next.month.year(), next.month.number(), next.day))
    }

    fn give_back(loaded: &mut Loaded, id: i64, cart_id: Option<i64>, out: &mut Out<'_>) -> Result<Answer> {
        let Some(reservation) = Self::spoken_of(loaded, id) else { return Ok(Answer::Taken) };
        if reservation.status == ReservationStatus::Sold {
            tracing::error!(reservation_id = id, "cart gives back what is sold and was not revoked; it stays sold");
        }
        if let Some(event) = gifticon::return_stock(&reservation, cart_id) {
            loaded.record(&event, out)?;
        }
        Ok(Answer::Taken)
    }

    fn claim(loaded: &mut Loaded, reservation_id: i64, cart_id: i64) -> Answer {
        let stored = loaded.reservation(reservation_id);
        if stored.is_some_and(|stored| stored.reservation.status == ReservationStatus::Reserved) {
            loaded.claim(reservation_id, cart_id, None);
        }
        Answer::Taken
    }

    fn revoke(loaded: &mut Loaded, reservation_id: i64, out: &mut Out<'_>) -> Result<Answer> {
        let Some(reservation) = Self::spoken_of(loaded, reservation_id) else {
            return Ok(Answer::Revocation(Err("unknown")));
        };
        let vouchers = loaded.vouchers_of(&reservation);
        match gifticon::revoke_reservation(&reservation, &vouchers) {
            Ok(Some(event)) => {
                loaded.record(&event, out)?;
                loaded.make_void(reservation_id, &event);
                Ok(Answer::Revocation(Ok(())))
            }
            Ok(None) => Ok(Answer::Revocation(Ok(()))),
            Err(rejection) => Ok(Answer::Revocation(Err(rejection.reason()))),
        }
    }

    /// Decides about a voucher that somebody names by its code.
    fn of_voucher(
        loaded: &mut Loaded,
        code: VoucherCode,
        out: &mut Out<'_>,
        decide: impl FnOnce(&StoredVoucher, i64) -> Result<Event, Rejection>,
    ) -> Result<Answer> {
        let stored = loaded.voucher_by(code).ok_or_else(voucher_unknown)?;
        let event = decide(stored, out.moment.now_ms).map_err(refusal)?;
        loaded.record_voucher(code.voucher_id, &event, out).map(|stored| Answer::Voucher(Box::new(stored)))
    }

    fn expire(loaded: &mut Loaded, voucher_id: i64, out: &mut Out<'_>) -> Result<Answer> {
        let event =
            loaded.voucher(voucher_id).and_then(|stored| gifticon::expire_voucher(&stored.voucher, out.moment.now_ms));
        if let Some(event) = event {
            loaded.record_voucher(voucher_id, &event, out)?;
        }
        Ok(Answer::Taken)
    }

    /// Until when a voucher is to be good. Months count from its last day, or from today if that is over.
    fn until(&self, stored: &StoredVoucher, until: Until, now_ms: i64) -> Option<i64> {
        let months = match until {
            Until::Moment(at_ms) => return Some(at_ms),
            Until::Day(day) => return self.end_of(day),
            Until::Months(months) => months,
        };
        let last_day = day_of(self.zone.day(stored.voucher.expires_at_ms - 1));
        self.end_of(last_day.max(day_of(self.zone.day(now_ms))).plus_months(months))
    }
}

fn reserved(event: &Event) -> Result<Answer> {
    match event {
        Event::StockReserved(facts) => Ok(Answer::Reserved(ReservedStock {
            reservation_id: facts.reservation_id,
            unit_price_won: facts.unit_price_won,
        })),
        _ => Err(Error::internal("pieces were kept and another thing was told")),
    }
}

impl Writer for GifticonWriter {
    type Command = Command;
    type Answer = Answer;
    type Loaded = Loaded;

    fn load(&mut self, tx: &mut dyn Session, commands: &[&Command], _moment: &Moment) -> Result<Loaded> {
        let (mut touched, mut chosen) = (Touched::default(), HashSet::new());
        let (mut reserves, mut unnumbered) = (0, 0);
        for command in commands {
            match command {
                Command::Register { gifticon_id: None, .. } => unnumbered += 1,
                Command::Register { gifticon_id: Some(gifticon_id), .. } => {
                    chosen.insert(*gifticon_id);
                    touched.gifticons.push(*gifticon_id);
                }
                Command::Change { gifticon_id, .. } => touched.gifticons.push(*gifticon_id),
                Command::Reserve { gifticon_id, .. } => {
                    touched.gifticons.push(*gifticon_id);
                    reserves += 1;
                }
                Command::Sell { reservation_id, .. } => {
                    touched.reservations.push(*reservation_id);
                    touched.to_sell.insert(*reservation_id);
                }
                Command::GiveBack { reservation_id, .. } | Command::Claim { reservation_id, .. } => {
                    touched.reservations.push(*reservation_id);
                }
                Command::Revoke { reservation_id } => {
                    touched.reservations.push(*reservation_id);
                    touched.to_revoke.push(*reservation_id);
                }
                Command::Use { code } | Command::Extend { code, .. } | Command::Cancel { code } => {
                    touched.vouchers.push(code.voucher_id);
                }
                Command::Expire { voucher_id } => touched.vouchers.push(*voucher_id),
            }
        }
        let mut loaded = Loaded::load(tx, touched)?;
        if reserves > 0 {
            loaded.reservation_numbers = tx.next_ids("reservation_number", reserves)?.into();
        }
        if unnumbered > 0 {
            loaded.gifticon_numbers = free_numbers(tx, ("gifticon_number", &GIFTICON), unnumbered, &chosen)?;
        }
        Ok(loaded)
    }

    fn decide(&mut self, loaded: &mut Loaded, command: &Command, out: &mut Out<'_>) -> Result<Answer> {
        match command {
            Command::Register { gifticon_id, new } => Self::register(loaded, *gifticon_id, new, out),
            Command::Change { gifticon_id, change } => Self::change(loaded, *gifticon_id, change, out),
            Command::Reserve { gifticon_id, quantity } => Self::reserve(loaded, *gifticon_id, *quantity, out),
            Command::Sell { reservation_id, cart_id, customer_id } => {
                self.sell(loaded, (*reservation_id, *cart_id, *customer_id), out)
            }
            Command::GiveBack { reservation_id, cart_id } => Self::give_back(loaded, *reservation_id, *cart_id, out),
            Command::Claim { reservation_id, cart_id } => Ok(Self::claim(loaded, *reservation_id, *cart_id)),
            Command::Revoke { reservation_id } => Self::revoke(loaded, *reservation_id, out),
            Command::Use { code } => {
                Self::of_voucher(loaded, *code, out, |stored, now_ms| gifticon::use_voucher(&stored.voucher, now_ms))
            }
            Command::Extend { code, until } => Self::of_voucher(loaded, *code, out, |stored, now_ms| {
                let until_ms = self.until(stored, *until, now_ms).ok_or(Rejection::InvalidExpiry)?;
                gifticon::extend_voucher(&stored.voucher, until_ms, now_ms)
            }),
            Command::Cancel { code } => {
                Self::of_voucher(loaded, *code, out, |stored, now_ms| gifticon::cancel_voucher(&stored.voucher, now_ms))
            }
            Command::Expire { voucher_id } => Self::expire(loaded, *voucher_id, out),
        }
    }

    fn store(&mut self, tx: &mut dyn Session, loaded: Loaded) -> Result<()> {
        self.left.clear();
        self.left.extend(loaded.gifticons().map(left_of));
        loaded.store(tx)
    }

    fn committed(&mut self) {
        self.figures.note(&self.left, self.clock.monotonic_ms());
    }

    fn recall(&self, command: &Command, event: &log::Event) -> Result<Answer> {
        // Nothing changed, so nothing was told.
        if event.kind == "done" && matches!(command, Command::Change { .. }) {
            return Ok(Answer::Taken);
        }
        let known = |voucher_id, expires_at_ms| Ok(Answer::KnownVoucher { voucher_id, expires_at_ms });
        match (command, event.decode()?) {
            (Command::Register { .. }, Event::GifticonRegistered(facts))
            | (Command::Change { .. }, Event::GifticonChanged(facts)) => {
                Ok(Answer::Gifticon(facts.standing(event.sequence)))
            }
            (Command::Reserve { .. }, told @ Event::StockReserved(_)) => reserved(&told),
            (Command::Use { .. }, Event::VoucherUsed(facts))
            | (Command::Cancel { .. }, Event::VoucherCancelled(facts)) => known(facts.voucher_id, None),
            (Command::Extend { .. }, Event::VoucherExtended { voucher, expires_at_ms, .. }) => {
                known(voucher.voucher_id, Some(expires_at_ms))
            }
            _ => Err(Error::internal("a remembered answer belongs to another command")),
        }
    }
}

impl StoredVoucher {
    /// As it stood right after it was made good until then.
    pub(super) fn extended(mut self, expires_at_ms: i64) -> Self {
        (self.voucher.status, self.voucher.expires_at_ms) = (VoucherStatus::Issued, expires_at_ms);
        self.used_at_ms = None;
        self
    }
}
