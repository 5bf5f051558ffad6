//! What carts and gifticons have in common with other purchases, and what is right of them.

use domain::cart::{
    self, AddCart, Cart, CartStatus, Event, Rejection, Removal, Standing, add_cart, claim_reservation, record_payment,
};
use domain::gifticon::{
    ReservationStatus, ReserveStock, Voucher, VoucherStatus, cancel_voucher, reserve_stock, use_voucher,
};
use domain::payment::{self, PaymentStatus};

use super::{Carts, PRICE_WON, Step, number};
use crate::Without;
use crate::till::Till;
use crate::world::{Shop, Wanted};

impl Shop for Carts {
    type Step = Step;

    fn reserve(&mut self, place: usize) -> bool {
        let cmd = ReserveStock { reservation_id: number(place), quantity: self.wish.quantity };
        let event = reserve_stock(self.gifticon.as_ref(), cmd).ok();
        let kept = event.is_some();
        self.move_stock(place, event);
        kept
    }

    fn store(&mut self, buyer: usize, place: usize) -> bool {
        let standing = if self.refused[place] { Standing::Refused } else { Standing::Open };
        let event = add_cart(
            standing,
            &AddCart {
                cart_id: number(buyer),
                reservation_id: number(place),
                gifticon_id: 1,
                quantity: self.wish.quantity,
                unit_price_won: PRICE_WON,
                customer_id: Some(7),
                method: self.wish.method,
            },
        );
        assert!(event.is_ok() || event == Err(Rejection::ReservationRefused));
        let stored = event.is_ok();
        self.record(buyer, event.ok());
        stored
    }

    fn claim(&mut self, place: usize) -> bool {
        let buyer = place / self.bounds.attempts;
        let standing = match self.place_of(buyer) {
            Some(other) if other == place => Standing::Cart(number(buyer)),
            _ if self.refused[place] => Standing::Refused,
            _ => Standing::Open,
        };
        let (cart_id, event) = claim_reservation(standing, number(place));
        if event.is_some() && self.without != Without::LastingRefusal {
            self.refused[place] = true;
        }
        cart_id.is_some()
    }

    fn give_back(&mut self, place: usize) {
        self.return_stock(place, None);
    }

    fn is_kept(&self, place: usize) -> bool {
        let stored = self.place_of(place / self.bounds.attempts) == Some(place);
        !stored && self.stock_status(place) == Some(ReservationStatus::Reserved)
    }

    fn told(&self, buyer: usize) -> usize {
        self.logs[buyer].len()
    }

    fn owner_follows(&mut self, buyer: usize, index: usize) {
        let Some(place) = self.place_of(buyer) else { return };
        match self.logs[buyer][index] {
            Event::CartApproved { .. } => self.issue(place, number(buyer)),
            Event::CartDeclined { .. } | Event::CartRemoved(_) => self.return_stock(place, Some(number(buyer))),
            _ => {}
        }
    }

    fn for_payment(&self, buyer: usize, index: usize) -> Option<Wanted> {
        match self.logs[buyer][index] {
            Event::CartAdded(_) => Some(Wanted::Paid),
            Event::CartRemoved(_) => Some(Wanted::Off),
            _ => None,
        }
    }

    fn follow_payment(&mut self, buyer: usize, event: &payment::Event) {
        let verdict = match event {
            payment::Event::PaymentApproved(_) => cart::Verdict::Approved,
            payment::Event::PaymentDeclined { reason, .. } => cart::Verdict::Declined(reason.clone()),
            _ => return,
        };
        let Some(cart) = &self.carts[buyer] else { return };
        let paid = payment::PaymentFacts { payment_id: number(buyer), ..*event.payment() };
        let event = match self.without {
            Without::OneEnd => record_payment(&Cart { status: CartStatus::CartAdded, ..cart.clone() }, &paid, &verdict),
            _ => record_payment(cart, &paid, &verdict),
        };
        self.record(buyer, event);
    }

    fn enabled(&self, mut may: impl FnMut(Step)) {
        for (buyer, cart) in self.carts.iter().enumerate() {
            if cart.is_some() && self.removals < self.bounds.removals {
                may(Step::Remove(buyer));
            }
            if self.is_being_removed(buyer) && !self.revoking[buyer] && self.without != Without::RemovalSweep {
                may(Step::AskRevocation(buyer));
            }
            if self.revoking[buyer] {
                may(Step::Revoke(buyer));
            }
            for (said, revoked) in self.revoked[buyer].into_iter().zip([true, false]) {
                if said {
                    may(Step::HearRevocation(buyer, revoked));
                }
            }
            let issued = self.place_of(buyer).map_or(0, |place| self.vouchers_that_are(place, VoucherStatus::Issued));
            if self.wish.uses && issued > 0 {
                may(Step::Use(buyer));
                may(Step::TakeBack(buyer));
            }
        }
    }

    fn take(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Remove(buyer) => self.remove(buyer),
            Step::AskRevocation(buyer) => self.revoking[buyer] = true,
            Step::Revoke(buyer) => self.revoke(buyer),
            Step::HearRevocation(buyer, revoked) => self.hear_revocation(buyer, revoked),
            Step::Use(buyer) | Step::TakeBack(buyer) => {
                let Some(place) = self.place_of(buyer) else { return Ok(()) };
                let issued = |voucher: &&Voucher| voucher.status == VoucherStatus::Issued;
                let voucher = self.vouchers[place].iter().find(issued).ok_or("no voucher")?;
                let event = match step {
                    Step::Use(_) => use_voucher(voucher, 0),
                    _ => cancel_voucher(voucher, 0),
                };
                self.move_stock(place, Some(event.map_err(|wrong| format!("{wrong:?}"))?));
            }
        }
        Ok(())
    }

    fn must_be_legal(&self) -> Result<(), String> {
        let Some(gifticon) = &self.gifticon else { return Err("no gifticon".to_owned()) };
        let pieces = |status| {
            let places = (0..self.reservations.len()).filter(|place| self.stock_status(*place) == Some(status));
            i64::try_from(places.count()).map(|places| places * self.wish.quantity)
        };
        let told = |log: &[Event], is: fn(&Event) -> bool| log.iter().filter(|event| is(event)).count();
        let one_end = self.logs.iter().all(|log| {
            let decided = told(log, |event| matches!(event, Event::CartApproved { .. } | Event::CartDeclined { .. }));
            let removed = told(log, |event| matches!(event, Event::CartRemoved(_)));
            let refused = told(log, |event| matches!(event, Event::RemovalRefused { .. }));
            decided <= 1 && removed + refused <= 1
        });
        let is_removed =
            |buyer: usize| self.carts[buyer].as_ref().is_some_and(|cart| cart.status == CartStatus::CartRemoved);
        let used = |buyer: usize| self.place_of(buyer).is_some_and(|place| self.moved[place][2] > 0);
        let buyers = 0..self.bounds.buyers;
        let free = gifticon.free >= 0 && gifticon.loaded() == self.bounds.loaded;
        let counted = pieces(ReservationStatus::Reserved) == Ok(gifticon.reserved)
            && pieces(ReservationStatus::Sold) == Ok(gifticon.sold);
        let claims = [
            (free && counted, "sold and reserved and free is not what was loaded"),
            (self.moved.iter().all(|moved| moved[0] <= 1 && moved[1] <= 1), "sold or returned twice"),
            (one_end, "ended twice"),
            (buyers.clone().all(|buyer| !(used(buyer) && is_removed(buyer))), "used, but removed"),
            (buyers.clone().all(|buyer| !self.told[buyer][0] || is_removed(buyer)), "told removed, but is not"),
            (buyers.clone().all(|buyer| !self.told[buyer][1] || !is_removed(buyer)), "told that it stays, but is not"),
            (self.revoked.iter().all(|said| !(said[0] && said[1])), "revoked and not revoked"),
        ];
        claims.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, wrong)| Err((*wrong).to_owned()))
    }

    fn rests(&self) -> bool {
        self.without == Without::RemovalSweep || (0..self.bounds.buyers).all(|buyer| !self.is_being_removed(buyer))
    }

    fn must_have_ended(&self, buyer: usize, till: &Till) -> Result<&'static str, String> {
        let (first, kept) = (buyer * self.bounds.attempts, self.place_of(buyer));
        for place in first..first + self.bounds.attempts {
            let free = matches!(self.stock_status(place), None | Some(ReservationStatus::Returned));
            if kept != Some(place) && !free {
                return Err("stock is kept that nobody has".to_owned());
            }
        }
        let (Some(cart), Some(place)) = (&self.carts[buyer], kept) else {
            return if till.row.is_none() { Ok("never came") } else { Err("paid for what never came".to_owned()) };
        };
        let (end, is_bought) = match (cart.status, cart.removal) {
            (CartStatus::CartAdded, _) | (_, Some(Removal::Requested)) => return Err("not ended".to_owned()),
            (CartStatus::PaymentApproved, None) => ("bought", true),
            (CartStatus::PaymentApproved, Some(Removal::Refused)) => ("bought, and could not be removed", true),
            (CartStatus::PaymentDeclined, _) => ("declined", false),
            (CartStatus::CartRemoved, _) if cart.payment_id.is_some() => ("removed after payment's word", false),
            (CartStatus::CartRemoved, _) => ("removed before payment's word", false),
        };
        if is_bought {
            till.must_be_paid()?;
        } else {
            till.must_be_off()?;
        }
        let declined = till.status() == Some(PaymentStatus::PaymentDeclined);
        let told = cart.status != CartStatus::PaymentDeclined || declined;
        let good =
            self.vouchers_that_are(place, VoucherStatus::Issued) + self.vouchers_that_are(place, VoucherStatus::Used);
        let moved = if is_bought {
            self.stock_status(place) == Some(ReservationStatus::Sold)
                && i64::try_from(self.vouchers[place].len()) == Ok(self.wish.quantity)
        } else {
            self.stock_status(place) == Some(ReservationStatus::Returned) && good == 0
        };
        if told && moved { Ok(end) } else { Err(format!("{end}, but {:?}", self.reservations[place])) }
    }

    fn key(&self, bytes: &mut Vec<u8>) {
        bytes.push(self.removals);
        for place in 0..self.reservations.len() {
            let status = self.stock_status(place).map_or(0, |status| 1 + status as u8);
            bytes.extend([2 * status + u8::from(self.refused[place])]);
            bytes.extend(self.moved[place]);
            // It does not matter which voucher it is.
            bytes.extend([
                u8::try_from(self.vouchers_that_are(place, VoucherStatus::Issued)).expect("few vouchers"),
                u8::try_from(self.vouchers_that_are(place, VoucherStatus::Cancelled)).expect("few vouchers"),
            ]);
        }
        for buyer in 0..self.carts.len() {
            let bits = [self.revoked[buyer], self.told[buyer]].concat();
            let bits = bits.iter().fold(u8::from(self.revoking[buyer]), |bits, bit| 2 * bits + u8::from(*bit));
            bytes.push(bits);
            let Some(cart) = &self.carts[buyer] else { continue };
            bytes.push(1 + cart.status as u8);
            bytes.push(cart.removal.map_or(0, |removal| 1 + removal as u8));
            bytes.push(u8::from(cart.payment_id.is_some()));
            bytes.push(u8::try_from(cart.facts.reservation_id).expect("few places"));
            bytes.push(u8::try_from(self.logs[buyer].len()).expect("a short log"));
            bytes.extend(self.logs[buyer].iter().map(kind));
        }
    }
}

/// What tells events of one cart apart.
fn kind(event: &Event) -> u8 {
    match event {
        Event::CartAdded(_) => 0,
        Event::CartApproved { .. } => 1,
        Event::CartDeclined { .. } => 2,
        Event::RemovalRequested(_) => 3,
        Event::RemovalRefused { .. } => 4,
        Event::CartRemoved(_) => 5,
        Event::ReservationRefused { .. } => 6,
    }
}
