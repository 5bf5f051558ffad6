//! Carts by table, and every order of what can happen to one.

use alloc::string::ToString as _;
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::kernel::MAX_AMOUNT;
use crate::payment::{Order, PaymentFacts};

fn wanted(quantity: i64, unit_price_won: i64) -> AddCart {
    AddCart {
        cart_id: 1,
        reservation_id: 7,
        gifticon_id: 3,
        quantity,
        unit_price_won,
        customer_id: None,
        method: PaymentMethod::Card,
    }
}

fn added() -> Cart {
    let mut cart = None;
    apply(&mut cart, &add_cart(Standing::Open, &wanted(10, 5_000)).expect("it can be added"));
    cart.expect("it exists")
}

fn after(cart: &Cart, event: Option<Event>) -> Cart {
    let mut cart = Some(cart.clone());
    if let Some(event) = event {
        apply(&mut cart, &event);
    }
    cart.expect("it exists")
}

/// The payment of [`added`].
fn payment() -> PaymentFacts {
    let (order, method) = (Order::Cart(1), PaymentMethod::Card);
    PaymentFacts { payment_id: 9, order, customer_id: None, amount_won: 50_000, method }
}

fn paid() -> Cart {
    let cart = added();
    after(&cart, record_payment(&cart, &payment(), &Verdict::Approved))
}

fn declined() -> Cart {
    let cart = added();
    after(&cart, record_payment(&cart, &payment(), &Verdict::Declined("card_refused".to_string())))
}

#[test]
fn a_cart_holds_what_gifticon_says() {
    let cart = added();
    assert_eq!((cart.facts.quantity, cart.facts.unit_price_won, cart.status), (10, 5_000, CartStatus::CartAdded));
    assert_eq!(amount_won(10, 5_000), Some(50_000));
}

#[test]
fn what_no_cart_may_hold_is_refused() {
    for quantity in [0, -1, i64::MIN, MAX_QUANTITY + 1, 1_000_000_000_000, i64::MAX] {
        let refused = add_cart(Standing::Open, &wanted(quantity, 5_000));
        assert_eq!(refused, Err(Rejection::InvalidQuantity), "{quantity}");
        assert_eq!(check_request(quantity, PaymentMethod::Card, None), Err(Rejection::InvalidQuantity));
    }
    for (quantity, price) in [(1, 0), (1, -5), (2, MAX_AMOUNT), (MAX_QUANTITY, i64::MAX), (1, i64::MIN)] {
        assert_eq!(add_cart(Standing::Open, &wanted(quantity, price)), Err(Rejection::InvalidAmount), "{price}");
    }
    // Control: the bounds themselves.
    for (quantity, price) in [(1, 1), (MAX_QUANTITY, 1), (1, MAX_AMOUNT), (MAX_QUANTITY, MAX_AMOUNT / MAX_QUANTITY)] {
        assert!(add_cart(Standing::Open, &wanted(quantity, price)).is_ok(), "{quantity} {price}");
    }
}

#[test]
fn who_pays_with_points_is_named() {
    let nobody = AddCart { method: PaymentMethod::Points, ..wanted(1, 1) };
    assert_eq!(add_cart(Standing::Open, &nobody), Err(Rejection::CustomerNeeded));
    assert!(add_cart(Standing::Open, &AddCart { customer_id: Some(1), ..nobody }).is_ok());
}

#[test]
fn a_reservation_has_one_answer() {
    assert_eq!(claim_reservation(Standing::Cart(4), 7), (Some(4), None));
    assert_eq!(claim_reservation(Standing::Refused, 7), (None, None));
    assert_eq!(claim_reservation(Standing::Open, 7), (None, Some(Event::ReservationRefused { reservation_id: 7 })));
    assert_eq!(add_cart(Standing::Refused, &wanted(1, 1)), Err(Rejection::ReservationRefused));
    assert_eq!(add_cart(Standing::Cart(4), &wanted(1, 1)), Err(Rejection::ReservationTaken));
}

#[test]
fn payment_is_heard_once() {
    assert_eq!((paid().status, paid().payment_id), (CartStatus::PaymentApproved, Some(9)));
    assert_eq!(
        (declined().status, declined().fail_reason.as_deref()),
        (CartStatus::PaymentDeclined, Some("card_refused"))
    );
    let removed = after(&added(), remove_cart(&added()).expect("it goes"));
    for ended in [paid(), declined(), removed] {
        for verdict in [Verdict::Approved, Verdict::Declined("late".to_string())] {
            assert_eq!(record_payment(&ended, &payment(), &verdict), None, "{:?}", ended.status);
        }
    }
}

#[test]
fn what_is_not_the_carts_payment_changes_nothing() {
    let others = [
        PaymentFacts { order: Order::Cart(2), ..payment() },
        PaymentFacts { order: Order::Membership(1), ..payment() },
        PaymentFacts { amount_won: 5_000, ..payment() },
        PaymentFacts { customer_id: Some(1), ..payment() },
        PaymentFacts { method: PaymentMethod::Points, ..payment() },
    ];
    for other in others {
        for verdict in [Verdict::Approved, Verdict::Declined("card_refused".to_string())] {
            assert_eq!(record_payment(&added(), &other, &verdict), None, "{other:?}");
        }
    }
    assert!(record_payment(&added(), &payment(), &Verdict::Approved).is_some(), "control: its own does");
}

#[test]
fn what_is_not_paid_goes_at_once() {
    for cart in [added(), declined()] {
        let event = remove_cart(&cart);
        assert_eq!(event, Ok(Some(Event::CartRemoved(cart.facts.clone()))));
        let removed = after(&cart, event.expect("it goes"));
        assert_eq!(removed.status, CartStatus::CartRemoved);
        assert_eq!(remove_cart(&removed), Err(Rejection::Unknown));
    }
}

#[test]
fn of_what_is_paid_gifticon_has_the_last_word() {
    let cart = paid();
    // Nobody asked for it.
    assert_eq!(record_revocation(&cart, &Revocation::Revoked), None);
    let removing = after(&cart, remove_cart(&cart).expect("it is asked for"));
    assert_eq!((removing.status, removing.removal), (CartStatus::PaymentApproved, Some(Removal::Requested)));
    assert_eq!(remove_cart(&removing), Ok(None));
    let removed = after(&removing, record_revocation(&removing, &Revocation::Revoked));
    assert_eq!((removed.status, removed.removal), (CartStatus::CartRemoved, None));
    let used = Revocation::Refused("voucher_used".to_string());
    let kept = after(&removing, record_revocation(&removing, &used));
    assert_eq!((kept.status, kept.removal), (CartStatus::PaymentApproved, Some(Removal::Refused)));
    assert_eq!(remove_cart(&kept), Err(Rejection::CannotBeRemoved("voucher_used".to_string())));
    for ended in [removed, kept] {
        assert_eq!(record_revocation(&ended, &Revocation::Revoked), None);
        assert_eq!(record_revocation(&ended, &used), None);
    }
}

/// All that can be said to a cart.
fn said(cart: &Cart, what: usize) -> Option<Event> {
    match what {
        0 => record_payment(cart, &payment(), &Verdict::Approved),
        1 => record_payment(cart, &payment(), &Verdict::Declined("no".to_string())),
        2 => remove_cart(cart).ok().flatten(),
        3 => record_revocation(cart, &Revocation::Revoked),
        _ => record_revocation(cart, &Revocation::Refused("voucher_used".to_string())),
    }
}

#[test]
fn in_every_order_a_cart_is_paid_once_and_ends_once() {
    let mut histories = vec![(added(), Vec::<Event>::new())];
    for _ in 0..6 {
        let mut longer = Vec::new();
        for (cart, events) in &histories {
            for what in 0..5 {
                let event = said(cart, what);
                let mut events = events.clone();
                events.extend(event.clone());
                longer.push((after(cart, event), events));
            }
        }
        histories = longer;
    }
    for (cart, events) in histories {
        let count = |is: fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
        let words = count(|event| matches!(event, Event::CartApproved { .. } | Event::CartDeclined { .. }));
        let removed = count(|event| matches!(event, Event::CartRemoved(_)));
        assert!(words <= 1 && removed <= 1, "{events:?}");
        assert_eq!(cart.status == CartStatus::CartRemoved, removed == 1, "{events:?}");
        // What is paid goes only upon gifticon's word, and after it is gone nothing happens.
        let gone = events.iter().position(|event| matches!(event, Event::CartRemoved(_)));
        assert!(gone.is_none_or(|place| place + 1 == events.len()), "{events:?}");
        let approved = count(|event| matches!(event, Event::CartApproved { .. })) == 1;
        let asked = count(|event| matches!(event, Event::RemovalRequested(_)));
        assert!(asked <= 1 && (!approved || removed == 0 || asked == 1), "{events:?}");
        assert!(events.iter().all(|event| event.cart() == Some(&cart.facts)));
    }
}

#[test]
fn names_are_read_back() {
    for status in CartStatus::ALL {
        assert_eq!(CartStatus::from_name(status.name()), Some(status));
    }
    for removal in [Removal::Requested, Removal::Refused] {
        assert_eq!(Removal::from_name(removal.name()), Some(removal));
    }
}
