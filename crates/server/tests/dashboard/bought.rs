//! What happens to purchases, as the contexts of purchases tell it.

use domain::cart::{self, CartFacts};
use domain::gifticon::{self, GifticonFacts, ReservationFacts, VoucherFacts};
use domain::membership::{self, MembershipFacts};
use domain::payment::{
    self, ChargeOutcome, Order, Payment, PaymentFacts, PaymentMethod, RequestPayment, cancel_payment, give_up,
    record_outcome, record_refund, request_payment,
};
use platform::log::Event;

use crate::told::event;

/// Noon of the 15th of July 2020 in Seoul.
pub const NOON_MS: i64 = 1_594_782_000_000;
/// What a piece costs, in won.
pub const PIECE_WON: i64 = 5_000;
/// What a membership costs, in won.
pub const CLUB_WON: i64 = 30_000;

/// A cart of so many pieces of gifticon 1.
pub fn cart(cart_id: i64, customer_id: Option<i64>, quantity: i64) -> CartFacts {
    let (reservation_id, gifticon_id, unit_price_won) = (100 + cart_id, 1, PIECE_WON);
    let method = PaymentMethod::Card;
    CartFacts { cart_id, reservation_id, gifticon_id, quantity, unit_price_won, customer_id, method }
}

/// A membership of product 1.
pub fn member(mem_id: i64, customer_id: Option<i64>) -> MembershipFacts {
    MembershipFacts {
        mem_id,
        unit_id: 100 + mem_id,
        product_id: 1,
        product_name: "CLUB".to_owned(),
        price_won: CLUB_WON,
        months: 12,
        customer_id,
        method: PaymentMethod::Card,
        purchased_at_ms: NOON_MS,
        renews_mem_id: None,
    }
}

/// A payment by card.
pub fn payment(payment_id: i64, order: Order, customer_id: Option<i64>, amount_won: i64) -> PaymentFacts {
    PaymentFacts { payment_id, order, customer_id, amount_won, method: PaymentMethod::Card }
}

/// What happens to one thing, one event after the other, a second apart.
fn story<E: serde::Serialize>(subject: i64, events: &[E]) -> Vec<Event> {
    let told = (1..).zip(events).map(|(sequence, told)| event((subject, sequence), NOON_MS + sequence * 1_000, told));
    told.collect()
}

/// Of carts: 1 is paid, 2 is declined, 3 is paid and removed, 4 is waiting, 5 is removed before it is paid, of 6 the
/// removal is asked for.
pub fn carts(customers: [Option<i64>; 6]) -> Vec<Event> {
    use cart::Event::{CartAdded, CartApproved, CartDeclined, CartRemoved, RemovalRequested};
    let facts = |cart_id: i64| cart(cart_id, customers[usize::try_from(cart_id).expect("small") - 1], cart_id);
    let paid = |cart_id: i64| CartApproved { cart: facts(cart_id), payment_id: cart_id };
    let declined = CartDeclined { cart: facts(2), payment_id: 2, reason: payment::TIMED_OUT.to_owned() };
    let unclaimed = event((101, 1), NOON_MS, &cart::Event::ReservationRefused { reservation_id: 999 });
    [
        story(1, &[CartAdded(facts(1)), paid(1)]),
        story(2, &[CartAdded(facts(2)), declined]),
        vec![unclaimed],
        story(3, &[CartAdded(facts(3)), paid(3), RemovalRequested(facts(3)), CartRemoved(facts(3))]),
        story(4, &[CartAdded(facts(4))]),
        story(5, &[CartAdded(facts(5)), CartRemoved(facts(5))]),
        story(6, &[CartAdded(facts(6)), paid(6), RemovalRequested(facts(6))]),
    ]
    .concat()
}

/// Of memberships: 1 is good, 2 is waiting, 3 was good and is cancelled with a refund, 4 was good and is cancelled without
/// one, 5 is cancelled before it is paid, 6 is refused, 7 is over.
pub fn memberships(customers: [Option<i64>; 7]) -> Vec<Event> {
    use membership::Event::{
        MembershipActivated, MembershipCancelled, MembershipExpired, MembershipRefused, MembershipRequested,
    };
    let facts = |mem_id: i64| member(mem_id, customers[usize::try_from(mem_id).expect("small") - 1]);
    let asked = |mem_id: i64| MembershipRequested(facts(mem_id));
    let paid = |mem_id: i64| MembershipActivated {
        membership: facts(mem_id),
        payment_id: 10 + mem_id,
        starts_at_ms: NOON_MS,
        expires_at_ms: NOON_MS + 31_536_000_000,
    };
    let off = |mem_id: i64, refunds: bool| MembershipCancelled { membership: facts(mem_id), refunds };
    let refused = MembershipRefused { membership: facts(6), payment_id: 16, reason: "no_money".to_owned() };
    [
        story(1, &[asked(1), paid(1)]),
        story(2, &[asked(2)]),
        story(3, &[asked(3), paid(3), off(3, true)]),
        story(4, &[asked(4), paid(4), off(4, false)]),
        story(5, &[asked(5), off(5, true)]),
        story(6, &[asked(6), refused]),
        story(7, &[asked(7), paid(7), MembershipExpired(facts(7))]),
    ]
    .concat()
}

/// A payment, as the rules move it.
struct Paying {
    facts: PaymentFacts,
    payment: Option<Payment>,
    events: Vec<payment::Event>,
}

impl Paying {
    fn of(facts: PaymentFacts) -> Self {
        Self { facts, payment: None, events: Vec::new() }
    }

    /// It is to be charged.
    fn requested(facts: PaymentFacts) -> Self {
        Self::of(facts).moved(|payment| request_payment(payment, &RequestPayment { facts, takes_cards: true }))
    }

    fn moved(mut self, rule: impl FnOnce(Option<&Payment>) -> Vec<payment::Event>) -> Self {
        let events = rule(self.payment.as_ref());
        assert!(!events.is_empty(), "the rule makes nothing of {:?}", self.payment);
        events.iter().for_each(|event| payment::apply(&mut self.payment, event));
        self.events.extend(events);
        self
    }

    fn then(self, rule: impl FnOnce(&Payment) -> Option<payment::Event>) -> Self {
        self.moved(|payment| payment.and_then(rule).into_iter().collect())
    }

    fn paid(self) -> Self {
        self.then(|payment| record_outcome(payment, &ChargeOutcome::Charged))
    }

    fn declined(self) -> Self {
        self.then(|payment| record_outcome(payment, &ChargeOutcome::Declined("no_money".to_owned())))
    }

    fn given_up(self) -> Self {
        self.then(|payment| give_up(payment, 600_000, 600_000))
    }

    fn canceled(self) -> Self {
        let facts = self.facts;
        self.moved(|payment| cancel_payment(payment, &facts))
    }

    fn given_back(self) -> Self {
        let amount_won = self.facts.amount_won;
        self.then(|payment| record_refund(payment, amount_won).expect("the whole amount"))
    }

    fn told(self) -> Vec<Event> {
        story(self.facts.payment_id, &self.events)
    }
}

/// The payments of both: those of carts have their numbers, those of memberships theirs and 10.
pub fn payments(carts: [Option<i64>; 6], memberships: [Option<i64>; 7]) -> Vec<Event> {
    let of_cart = |cart_id: i64| {
        let customer_id = carts[usize::try_from(cart_id).expect("small") - 1];
        payment(cart_id, Order::Cart(cart_id), customer_id, cart_id * PIECE_WON)
    };
    let of_membership = |mem_id: i64| {
        let customer_id = memberships[usize::try_from(mem_id).expect("small") - 1];
        payment(10 + mem_id, Order::Membership(mem_id), customer_id, CLUB_WON)
    };
    let requested = Paying::requested;
    [
        requested(of_cart(1)).paid(),
        // It had been charged after all, and was given back.
        requested(of_cart(2)).given_up().given_back(),
        requested(of_cart(3)).paid().canceled().given_back(),
        requested(of_cart(4)),
        Paying::of(of_cart(5)).canceled(),
        requested(of_cart(6)).paid(),
        requested(of_membership(1)).paid(),
        requested(of_membership(2)),
        // What it is to give back is on its way.
        requested(of_membership(3)).paid().canceled(),
        requested(of_membership(4)).paid(),
        Paying::of(of_membership(5)).canceled(),
        requested(of_membership(6)).declined(),
        requested(of_membership(7)).paid(),
    ]
    .into_iter()
    .flat_map(Paying::told)
    .collect()
}

/// Of gifticon 1, of which there are 100 pieces: those of the carts above, one reservation that never came, one voucher
/// used, one extended after it had expired, one expired, one taken back, and three of a cart that is removed, of which one
/// had expired.
pub fn stock() -> Vec<Event> {
    use gifticon::Event::{
        GifticonChanged, GifticonRegistered, StockReserved, StockReturned, VoucherCancelled, VoucherExpired,
        VoucherExtended, VoucherUsed, VouchersIssued,
    };
    let facts = |loaded: i64| GifticonFacts {
        gifticon_id: 1,
        name: "Americano".to_owned(),
        price_won: PIECE_WON,
        loaded,
        reserved: 0,
        sold: 0,
        on_sale: true,
    };
    let pieces = |reservation_id: i64, quantity: i64| ReservationFacts {
        reservation_id,
        gifticon_id: 1,
        quantity,
        unit_price_won: PIECE_WON,
    };
    let issued = |cart_id: i64, first_voucher_id: i64| VouchersIssued {
        reservation: pieces(100 + cart_id, cart_id),
        cart_id,
        first_voucher_id,
        expires_at_ms: NOON_MS,
    };
    let back = |reservation_id: i64, quantity: i64, of_vouchers: Option<(i64, i64)>| StockReturned {
        reservation: pieces(reservation_id, quantity),
        cart_id: None,
        was_sold: of_vouchers.is_some(),
        cancelled_vouchers: of_vouchers.map_or(0, |(cancelled, _)| cancelled),
        expired_vouchers: of_vouchers.map_or(0, |(_, expired)| expired),
    };
    let voucher = |voucher_id: i64, cart_id: i64| VoucherFacts { voucher_id, gifticon_id: 1, cart_id };
    let reserved: Vec<gifticon::Event> = (1..=6).map(|cart_id| StockReserved(pieces(100 + cart_id, cart_id))).collect();
    let first = [GifticonRegistered(facts(80)), StockReserved(pieces(999, 7)), GifticonChanged(facts(100))];
    let then = [
        issued(1, 1),
        issued(3, 2),
        issued(6, 5),
        VoucherUsed(voucher(1, 1)),
        VoucherExpired(voucher(5, 6)),
        VoucherExtended { voucher: voucher(5, 6), expires_at_ms: NOON_MS, had_expired: true },
        VoucherExtended { voucher: voucher(6, 6), expires_at_ms: NOON_MS, had_expired: false },
        VoucherExpired(voucher(7, 6)),
        VoucherCancelled(voucher(8, 6)),
        VoucherExpired(voucher(2, 3)),
        back(999, 7, None),
        back(102, 2, None),
        back(105, 5, None),
        back(103, 3, Some((3, 1))),
    ];
    story(1, &[&first[..], &reserved, &then].concat())
}
