//! Gifticons by table; random histories in which no piece comes or goes.

use alloc::string::ToString as _;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

fn gifticon(free: i64) -> Gifticon {
    let command =
        RegisterGifticon { gifticon_id: 1, name: "Americano".into(), price_won: 5_000, available: free, on_sale: true };
    let mut gifticon = None;
    apply(&mut gifticon, &mut None, &register_gifticon(None, &command).expect("it can be registered"));
    gifticon.expect("it is there")
}

fn voucher(expires_at_ms: i64) -> Voucher {
    issued_voucher(VoucherFacts { voucher_id: 1, gifticon_id: 1, cart_id: 1 }, expires_at_ms)
}

#[test]
fn what_is_no_price_or_no_stock_is_not_registered() {
    let command = RegisterGifticon { gifticon_id: 1, name: "Latte".into(), price_won: 1, available: 0, on_sale: true };
    for price_won in [0, -1, i64::MIN, MAX_PRICE_WON + 1, i64::MAX] {
        let wrong = RegisterGifticon { price_won, ..command.clone() };
        assert_eq!(register_gifticon(None, &wrong), Err(Rejection::InvalidPrice), "{price_won}");
    }
    for available in [-1, i64::MIN, MAX_STOCK + 1, i64::MAX] {
        let wrong = RegisterGifticon { available, ..command.clone() };
        assert_eq!(register_gifticon(None, &wrong), Err(Rejection::InvalidStock), "{available}");
    }
    assert_eq!(register_gifticon(Some(&gifticon(1)), &command), Err(Rejection::NumberTaken));
    let most = RegisterGifticon { price_won: MAX_PRICE_WON, available: MAX_STOCK, ..command };
    assert!(register_gifticon(None, &most).is_ok());
}

#[test]
fn what_is_free_is_kept_and_nothing_else() {
    let ten = gifticon(10);
    let ask =
        |gifticon: Option<&Gifticon>, quantity| reserve_stock(gifticon, ReserveStock { reservation_id: 1, quantity });
    for quantity in [1, 10] {
        assert!(ask(Some(&ten), quantity).is_ok(), "{quantity}");
    }
    for quantity in [0, -1, i64::MIN, 11, 1_000_000_000_000, i64::MAX] {
        assert_eq!(ask(Some(&ten), quantity), Err(StockRefusal::OutOfStock), "{quantity}");
    }
    assert_eq!(ask(Some(&gifticon(MAX_STOCK)), MAX_QUANTITY + 1), Err(StockRefusal::OutOfStock));
    assert_eq!(ask(None, 1), Err(StockRefusal::Unknown));
    assert_eq!(ask(Some(&Gifticon { on_sale: false, ..ten }), 1), Err(StockRefusal::NotOnSale));
}

#[test]
fn a_change_moves_what_is_free_and_leaves_what_is_reserved_and_sold() {
    let sold = Gifticon { reserved: 3, sold: 4, ..gifticon(10) };
    let change = ChangeGifticon { available: Some(2), price_won: Some(6_000), ..ChangeGifticon::default() };
    let event = change_gifticon(&sold, &change).expect("it can be changed").expect("it changes");
    let mut changed = Some(sold.clone());
    apply(&mut changed, &mut None, &event);
    let changed = changed.expect("it is there");
    assert_eq!((changed.free, changed.reserved, changed.sold, changed.loaded()), (2, 3, 4, 9));
    assert_eq!((changed.price_won, changed.sequence), (6_000, sold.sequence + 1));
    assert_eq!(change_gifticon(&changed, &change), Ok(None), "it is like that already");
    for wrong in [Some(-1), Some(MAX_STOCK + 1)] {
        let change = ChangeGifticon { available: wrong, ..ChangeGifticon::default() };
        assert_eq!(change_gifticon(&changed, &change), Err(Rejection::InvalidStock));
    }
    let change = ChangeGifticon { price_won: Some(0), ..ChangeGifticon::default() };
    assert_eq!(change_gifticon(&changed, &change), Err(Rejection::InvalidPrice));
}

#[test]
fn a_voucher_is_used_once_and_not_after_its_time() {
    let mut one = voucher(100);
    assert_eq!(use_voucher(&one, 100), Err(Rejection::VoucherExpired));
    assert_eq!(expire_voucher(&one, 99), None);
    let used = use_voucher(&one, 99).expect("it is good");
    apply_to_voucher(&mut one, &used);
    assert_eq!(use_voucher(&one, 99), Err(Rejection::VoucherUsed));
    assert_eq!(cancel_voucher(&one, 99), Err(Rejection::VoucherUsed));
    assert_eq!(extend_voucher(&one, 200, 99), Err(Rejection::VoucherUsed));
    assert_eq!(expire_voucher(&one, 100), None);
}

#[test]
fn a_voucher_that_expired_is_good_again_once_it_is_extended() {
    let mut one = voucher(100);
    let expired = expire_voucher(&one, 100).expect("it is over");
    apply_to_voucher(&mut one, &expired);
    assert_eq!((use_voucher(&one, 100), expire_voucher(&one, 101)), (Err(Rejection::VoucherExpired), None));
    for until_ms in [i64::MIN, 99, 100, 150, 150 + LONGEST_EXTENSION_MS + 1, i64::MAX] {
        assert_eq!(extend_voucher(&one, until_ms, 150), Err(Rejection::InvalidExpiry), "{until_ms}");
    }
    let extended = extend_voucher(&one, 151, 150).expect("it can be extended");
    assert!(matches!(extended, Event::VoucherExtended { expires_at_ms: 151, had_expired: true, .. }));
    apply_to_voucher(&mut one, &extended);
    assert!(use_voucher(&one, 150).is_ok());
    assert_eq!(extend_voucher(&one, 151, 150), Err(Rejection::InvalidExpiry), "as long as before");
}

#[test]
fn a_voucher_that_was_taken_back_is_void() {
    let mut one = voucher(100);
    let cancelled = cancel_voucher(&one, 1).expect("it is good");
    apply_to_voucher(&mut one, &cancelled);
    assert_eq!(use_voucher(&one, 1), Err(Rejection::VoucherCancelled));
    assert_eq!(cancel_voucher(&one, 1), Err(Rejection::VoucherCancelled));
    assert_eq!(extend_voucher(&one, 200, 1), Err(Rejection::VoucherCancelled));
}

#[test]
fn what_is_told_is_read_back() {
    let facts = gifticon(7).facts();
    assert_eq!((facts.loaded, facts.reserved, facts.sold), (7, 0, 0));
    assert_eq!(facts.standing(1), gifticon(7));
    assert_eq!(ReservationStatus::from_name("SOLD"), Some(ReservationStatus::Sold));
    assert_eq!(VoucherStatus::from_name("USED"), Some(VoucherStatus::Used));
    assert_eq!(
        StockRefusal::ALL.map(|refusal| StockRefusal::from_reason(refusal.reason())),
        StockRefusal::ALL.map(Some)
    );
    assert_eq!("out_of_stock".to_string(), StockRefusal::OutOfStock.reason());
}

/// A gifticon, its reservations and its vouchers, as gifticon keeps them.
struct Shop {
    gifticon: Option<Gifticon>,
    reservations: Vec<Option<Reservation>>,
    vouchers: Vec<Voucher>,
}

/// What may be asked of a shop: on which reservation or voucher, and whether the protection is there.
#[derive(Debug, Clone, Copy)]
enum Step {
    Reserve(i64),
    Issue(usize),
    Return(usize),
    Revoke(usize),
    Use(usize),
    Cancel(usize),
    Stock(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (-2_i64..6).prop_map(Step::Reserve),
        (0_usize..6).prop_map(Step::Issue),
        (0_usize..6).prop_map(Step::Return),
        (0_usize..6).prop_map(Step::Revoke),
        (0_usize..12).prop_map(Step::Use),
        (0_usize..12).prop_map(Step::Cancel),
        (0_i64..8).prop_map(Step::Stock),
    ]
}

impl Shop {
    fn take(&mut self, place: usize, event: &Event) {
        apply(&mut self.gifticon, &mut self.reservations[place], event);
        if let Event::VouchersIssued { reservation, cart_id, first_voucher_id, expires_at_ms } = event {
            for voucher_id in *first_voucher_id..first_voucher_id + reservation.quantity {
                let facts = VoucherFacts { voucher_id, gifticon_id: 1, cart_id: *cart_id };
                self.vouchers.push(issued_voucher(facts, *expires_at_ms));
            }
        }
        if matches!(event, Event::StockReturned { .. }) {
            let ids = self.reservations[place].as_ref().expect("it is there").voucher_ids();
            let of_it = self.vouchers.iter_mut().filter(|voucher| ids.contains(&voucher.facts.voucher_id));
            of_it.for_each(|voucher| apply_to_voucher(voucher, event));
        }
    }

    /// Carries a step out; `forgetful` asks the rules as if everything were still reserved, as a shop would that does
    /// not look at what it decided before.
    fn step(&mut self, step: Step, forgetful: bool) {
        let seen = |reservation: &Reservation| match forgetful {
            true => Reservation { status: ReservationStatus::Reserved, ..reservation.clone() },
            false => reservation.clone(),
        };
        let known = |place: usize| self.reservations.get(place).and_then(Option::as_ref).map(seen);
        let (place, event) = match step {
            Step::Reserve(quantity) => {
                let reservation_id = i64::try_from(self.reservations.len()).expect("few") + 1;
                self.reservations.push(None);
                let asked = reserve_stock(self.gifticon.as_ref(), ReserveStock { reservation_id, quantity });
                (self.reservations.len() - 1, asked.ok())
            }
            Step::Issue(place) => {
                let first_voucher_id = i64::try_from(self.vouchers.len()).expect("few") + 1;
                let command = IssueVouchers { cart_id: 1, first_voucher_id, expires_at_ms: 100 };
                (place, known(place).and_then(|reservation| issue_vouchers(&reservation, command)))
            }
            Step::Return(place) => (place, known(place).and_then(|reservation| return_stock(&reservation, Some(1)))),
            Step::Revoke(place) => {
                let revoke = |reservation: Reservation| {
                    let ids = reservation.voucher_ids();
                    let of_it = self.vouchers.iter().filter(|voucher| ids.contains(&voucher.facts.voucher_id));
                    revoke_reservation(&reservation, &of_it.collect::<Vec<_>>()).ok().flatten()
                };
                (place, known(place).and_then(revoke))
            }
            Step::Use(place) | Step::Cancel(place) => {
                if let Some(voucher) = self.vouchers.get_mut(place) {
                    let uses = matches!(step, Step::Use(_));
                    let event = if uses { use_voucher(voucher, 1) } else { cancel_voucher(voucher, 1) };
                    event.iter().for_each(|event| apply_to_voucher(voucher, event));
                }
                return;
            }
            Step::Stock(available) => {
                let change = ChangeGifticon { available: Some(available), ..ChangeGifticon::default() };
                let changed = change_gifticon(self.gifticon.as_ref().expect("it is there"), &change);
                let event = changed.expect("it can be changed");
                event.iter().for_each(|event| apply(&mut self.gifticon, &mut None, event));
                return;
            }
        };
        if let Some(event) = event {
            self.take(place, &event);
        }
    }

    /// Whether every piece is where its reservation says, and every voucher stands for a piece that is sold.
    fn is_sound(&self) -> bool {
        let gifticon = self.gifticon.as_ref().expect("it is there");
        let count = |status| {
            let of_it = self.reservations.iter().flatten().filter(|reservation| reservation.status == status);
            of_it.map(|reservation| reservation.facts.quantity).sum::<i64>()
        };
        let sold = self.reservations.iter().flatten().filter(|one| one.status == ReservationStatus::Sold);
        let vouched: Vec<i64> = sold.flat_map(Reservation::voucher_ids).collect();
        let good = |voucher: &&Voucher| matches!(voucher.status, VoucherStatus::Issued | VoucherStatus::Used);
        gifticon.free >= 0
            && gifticon.reserved == count(ReservationStatus::Reserved)
            && gifticon.sold == count(ReservationStatus::Sold)
            && self.vouchers.iter().filter(good).all(|voucher| vouched.contains(&voucher.facts.voucher_id))
    }
}

proptest! {
    #[test]
    fn no_piece_comes_or_goes_and_no_voucher_is_good_without_one(
        free in 0_i64..12,
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut shop = Shop { gifticon: Some(gifticon(free)), reservations: vec![], vouchers: vec![] };
        let mut loaded = free;
        for step in steps {
            let before = shop.gifticon.as_ref().expect("it is there").clone();
            shop.step(step, false);
            let after = shop.gifticon.as_ref().expect("it is there");
            if let Step::Stock(available) = step {
                loaded += available - before.free;
            }
            prop_assert_eq!(after.loaded(), loaded);
            prop_assert!(shop.is_sound(), "{:?}", step);
        }
    }
}

/// The control: whoever does not look at what became of a reservation returns it twice.
#[test]
fn a_shop_that_forgets_what_it_decided_is_found_out() {
    let mut shop = Shop { gifticon: Some(gifticon(10)), reservations: vec![], vouchers: vec![] };
    for step in [Step::Reserve(4), Step::Return(0), Step::Return(0)] {
        shop.step(step, true);
    }
    assert!(!shop.is_sound());
    let mut shop = Shop { gifticon: Some(gifticon(10)), reservations: vec![], vouchers: vec![] };
    for step in [Step::Reserve(4), Step::Return(0), Step::Return(0), Step::Issue(0)] {
        shop.step(step, false);
    }
    assert!(shop.is_sound());
}
