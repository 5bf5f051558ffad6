//! Carts and the pieces of a gifticon.

mod cart_shop;

use domain::cart::{self, Cart, Event, Rejection, Removal, Revocation, record_revocation, remove_cart};
use domain::gifticon::{
    self, Gifticon, IssueVouchers, RegisterGifticon, Reservation, ReservationStatus, Voucher, VoucherFacts,
    VoucherStatus, issue_vouchers, issued_voucher, register_gifticon, return_stock, revoke_reservation,
};
use domain::payment::{Order, PaymentFacts, PaymentMethod};

use crate::Without;
use crate::world::Bounds;

const PRICE_WON: i64 = 4_500;
/// Vouchers are good until then; all of it happens before.
const EXPIRES_AT_MS: i64 = 1;

/// How a buyer buys.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Pieces.
    pub quantity: i64,
    /// What with.
    pub method: PaymentMethod,
    /// Whether vouchers are used, and taken back by the operator, meanwhile.
    pub uses: bool,
}

/// What cart and gifticon know.
#[derive(Clone)]
pub struct Carts {
    bounds: Bounds,
    without: Without,
    wish: Wish,
    gifticon: Option<Gifticon>,
    reservations: Vec<Option<Reservation>>,
    vouchers: Vec<Vec<Voucher>>,
    /// By place: how often it was sold and returned, and vouchers of it that were used.
    moved: Vec<[u8; 3]>,
    /// By place: whether cart said that it never becomes one.
    refused: Vec<bool>,
    carts: Vec<Option<Cart>>,
    logs: Vec<Vec<Event>>,
    /// By buyer: whether gifticon was asked to make vouchers void, and what it has ever said: revoked, refused.
    revoking: Vec<bool>,
    revoked: Vec<[bool; 2]>,
    /// By buyer: what whoever removed the cart was told: that it is gone, that it stays.
    told: Vec<[bool; 2]>,
    removals: u8,
}

/// What happens here alone.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// The buyer removes the cart: a commit of cart.
    Remove(usize),
    /// The driver of a removal, or the sweep, asks gifticon.
    AskRevocation(usize),
    /// That question arrives: a commit of gifticon, if it is the first time.
    Revoke(usize),
    /// The answer arrives: a commit of cart.
    HearRevocation(usize, bool),
    /// Somebody uses a voucher.
    Use(usize),
    /// The operator takes a voucher back.
    TakeBack(usize),
}

impl Carts {
    pub fn new(bounds: Bounds, without: Without, wish: Wish) -> Self {
        let places = bounds.buyers * bounds.attempts;
        let available = bounds.loaded;
        let registered = register_gifticon(
            None,
            &RegisterGifticon {
                gifticon_id: 1,
                name: "COFFEE".to_owned(),
                price_won: PRICE_WON,
                available,
                on_sale: true,
            },
        );
        let mut gifticon = None;
        gifticon::apply(&mut gifticon, &mut None, &registered.expect("it can be sold"));
        Self {
            bounds,
            without,
            wish,
            gifticon,
            reservations: vec![None; places],
            vouchers: vec![Vec::new(); places],
            moved: vec![[0; 3]; places],
            refused: vec![false; places],
            carts: vec![None; bounds.buyers],
            logs: vec![Vec::new(); bounds.buyers],
            revoking: vec![false; bounds.buyers],
            revoked: vec![[false; 2]; bounds.buyers],
            told: vec![[false; 2]; bounds.buyers],
            removals: 0,
        }
    }

    /// What would be paid for the cart of this buyer.
    pub fn payment(buyer: usize, wish: Wish) -> PaymentFacts {
        PaymentFacts {
            payment_id: number(buyer),
            order: Order::Cart(number(buyer)),
            customer_id: Some(7),
            amount_won: wish.quantity * PRICE_WON,
            method: wish.method,
        }
    }

    /// One commit of cart.
    fn record(&mut self, buyer: usize, event: Option<Event>) {
        if let Some(event) = event {
            cart::apply(&mut self.carts[buyer], &event);
            self.logs[buyer].push(event);
        }
    }

    /// One commit of gifticon.
    fn move_stock(&mut self, place: usize, event: Option<gifticon::Event>) {
        let Some(event) = event else { return };
        gifticon::apply(&mut self.gifticon, &mut self.reservations[place], &event);
        match &event {
            gifticon::Event::VouchersIssued { reservation, cart_id, first_voucher_id, expires_at_ms } => {
                self.moved[place][0] += 1;
                self.vouchers[place].extend((0..reservation.quantity).map(|index| {
                    let voucher_id = first_voucher_id + index;
                    let facts = VoucherFacts { voucher_id, gifticon_id: 1, cart_id: *cart_id };
                    issued_voucher(facts, *expires_at_ms)
                }));
            }
            gifticon::Event::StockReturned { .. } => {
                self.moved[place][1] += 1;
                let vouchers = &mut self.vouchers[place];
                vouchers.iter_mut().for_each(|voucher| gifticon::apply_to_voucher(voucher, &event));
            }
            gifticon::Event::VoucherUsed(facts) | gifticon::Event::VoucherCancelled(facts) => {
                self.moved[place][2] += u8::from(matches!(event, gifticon::Event::VoucherUsed(_)));
                let vouchers = &mut self.vouchers[place];
                let voucher = vouchers.iter_mut().find(|voucher| voucher.facts.voucher_id == facts.voucher_id);
                gifticon::apply_to_voucher(voucher.expect("it was issued"), &event);
            }
            _ => {}
        }
    }

    fn return_stock(&mut self, place: usize, cart_id: Option<i64>) {
        let Some(reservation) = &self.reservations[place] else { return };
        let event = match self.without {
            Without::ReturnedOnce => {
                return_stock(&Reservation { status: ReservationStatus::Reserved, ..reservation.clone() }, cart_id)
            }
            _ => return_stock(reservation, cart_id),
        };
        self.move_stock(place, event);
    }

    fn issue(&mut self, place: usize, cart_id: i64) {
        let Some(reservation) = &self.reservations[place] else { return };
        let cmd = IssueVouchers { cart_id, first_voucher_id: 1, expires_at_ms: EXPIRES_AT_MS };
        let event = match self.without {
            Without::FinalReturn if reservation.status == ReservationStatus::Returned => {
                issue_vouchers(&Reservation { status: ReservationStatus::Reserved, ..reservation.clone() }, cmd)
            }
            _ => issue_vouchers(reservation, cmd),
        };
        self.move_stock(place, event);
    }

    /// Gifticon's answer, which is final.
    fn revoke(&mut self, buyer: usize) {
        let Some(place) = self.place_of(buyer) else { return };
        let Some(reservation) = &self.reservations[place] else { return };
        let vouchers: Vec<_> = match self.without {
            Without::UsedVoucher => Vec::new(),
            _ => self.vouchers[place].iter().collect(),
        };
        match revoke_reservation(reservation, &vouchers) {
            Ok(event) => {
                self.move_stock(place, event);
                self.revoked[buyer][0] = true;
            }
            Err(_) => self.revoked[buyer][1] = true,
        }
    }

    fn remove(&mut self, buyer: usize) {
        let Some(cart) = &self.carts[buyer] else { return };
        self.removals += 1;
        match remove_cart(cart) {
            Ok(event) => {
                self.told[buyer][0] |= matches!(event, Some(Event::CartRemoved(_)));
                self.record(buyer, event);
            }
            Err(Rejection::CannotBeRemoved(_)) => self.told[buyer][1] = true,
            Err(_) => {}
        }
    }

    fn hear_revocation(&mut self, buyer: usize, revoked: bool) {
        let Some(cart) = &self.carts[buyer] else { return };
        let revocation = if revoked { Revocation::Revoked } else { Revocation::Refused("voucher_used".to_owned()) };
        let event = record_revocation(cart, &revocation);
        self.told[buyer][0] |= matches!(event, Some(Event::CartRemoved(_)));
        self.told[buyer][1] |= matches!(event, Some(Event::RemovalRefused { .. }));
        self.record(buyer, event);
    }

    fn place_of(&self, buyer: usize) -> Option<usize> {
        self.carts[buyer].as_ref().and_then(|cart| usize::try_from(cart.facts.reservation_id - 1).ok())
    }

    fn stock_status(&self, place: usize) -> Option<ReservationStatus> {
        self.reservations[place].as_ref().map(|reservation| reservation.status)
    }

    fn is_being_removed(&self, buyer: usize) -> bool {
        let cart = self.carts[buyer].as_ref();
        cart.is_some_and(|cart| cart.removal == Some(Removal::Requested))
    }

    fn vouchers_that_are(&self, place: usize, status: VoucherStatus) -> usize {
        self.vouchers[place].iter().filter(|voucher| voucher.status == status).count()
    }
}

fn number(index: usize) -> i64 {
    i64::try_from(index).expect("few of them") + 1
}
