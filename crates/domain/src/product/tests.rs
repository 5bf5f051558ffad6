//! Products and their units by table; random histories against plain sums.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::kernel::MAX_AMOUNT;

fn said() -> RegisterProduct {
    RegisterProduct {
        product_id: 1,
        product_name: "CLUB".to_string(),
        price_won: 30_000,
        sales_limit: Some(2),
        sale_ends_at_ms: Some(1_000),
        months: 12,
    }
}

fn registered(said: RegisterProduct) -> Option<Product> {
    let mut product = None;
    apply(&mut product, &register_product(None, said).expect("it can be sold"));
    product
}

fn reserve(product: &mut Option<Product>, unit_id: i64) -> Unit {
    let event = reserve_unit(product.as_ref(), unit_id, 0).expect("there is one");
    let mut unit = None;
    take(product, &mut unit, &event);
    unit.expect("it is kept")
}

fn take(product: &mut Option<Product>, unit: &mut Option<Unit>, event: &Event) {
    apply(product, event);
    apply_to_unit(unit, event);
}

#[test]
fn a_product_is_registered_once_and_only_as_it_can_be_sold() {
    let known = registered(said());
    assert_eq!(register_product(known.as_ref(), said()), Err(Rejection::NumberTaken));
    for price_won in [-1, 0, MAX_AMOUNT + 1] {
        let wrong = RegisterProduct { price_won, ..said() };
        assert_eq!(register_product(None, wrong), Err(Rejection::InvalidPrice), "{price_won}");
    }
    for limit in [-1, 0, MAX_AMOUNT + 1] {
        let wrong = RegisterProduct { sales_limit: Some(limit), ..said() };
        assert_eq!(register_product(None, wrong), Err(Rejection::InvalidLimit), "{limit}");
    }
    for months in [-1, 0, MAX_MONTHS + 1] {
        assert_eq!(register_product(None, RegisterProduct { months, ..said() }), Err(Rejection::InvalidMonths));
    }
    let largest =
        RegisterProduct { price_won: MAX_AMOUNT, sales_limit: Some(MAX_AMOUNT), months: MAX_MONTHS, ..said() };
    assert!(register_product(None, largest).is_ok());
}

#[test]
fn a_change_keeps_what_it_does_not_name_and_never_goes_below_what_is_taken() {
    let mut product = registered(said());
    reserve(&mut product, 1);
    reserve(&mut product, 2);
    let limit = |limit| ChangeProduct { sales_limit: Some(limit), ..ChangeProduct::default() };
    assert_eq!(change_product(product.as_ref(), &limit(Some(1))), Err(Rejection::LimitBelowSold));
    assert_eq!(change_product(product.as_ref(), &limit(Some(2))), Ok(None));
    let event = change_product(product.as_ref(), &limit(None)).expect("it may").expect("it changes");
    apply(&mut product, &event);
    let product = product.expect("it is there");
    assert_eq!((product.facts.sales_limit, product.facts.price_won, product.sequence), (None, 30_000, 4));
    let price = ChangeProduct { price_won: Some(-1), ..ChangeProduct::default() };
    assert_eq!(change_product(Some(&product), &price), Err(Rejection::InvalidPrice));
}

#[test]
fn what_was_taken_off_is_gone_and_its_number_used() {
    let mut product = registered(said());
    let unit = reserve(&mut product, 1);
    let event = remove_product(product.as_ref()).expect("it is on sale");
    apply(&mut product, &event);
    assert_eq!(remove_product(product.as_ref()), Err(Rejection::Unknown));
    assert_eq!(change_product(product.as_ref(), &ChangeProduct::default()), Err(Rejection::Unknown));
    assert_eq!(reserve_unit(product.as_ref(), 2, 0), Err(UnitRefusal::Unknown));
    assert_eq!(register_product(product.as_ref(), said()), Err(Rejection::NumberTaken));
    // A unit that was kept before is sold all the same.
    apply(&mut product, &sell_unit(&unit).expect("it is kept"));
    assert_eq!(product.map(|product| (product.reserved, product.sold)), Some((0, 1)));
}

#[test]
fn a_unit_is_refused_by_name() {
    let mut product = registered(said());
    assert_eq!(reserve_unit(None, 1, 0), Err(UnitRefusal::Unknown));
    assert_eq!(reserve_unit(product.as_ref(), 1, 1_000), Err(UnitRefusal::SaleEnded));
    assert!(reserve_unit(product.as_ref(), 1, 999).is_ok());
    reserve(&mut product, 1);
    reserve(&mut product, 2);
    assert_eq!(reserve_unit(product.as_ref(), 3, 0), Err(UnitRefusal::SoldOut));
    let endless = registered(RegisterProduct { sales_limit: None, sale_ends_at_ms: None, ..said() });
    assert!(reserve_unit(endless.as_ref(), 1, i64::MAX).is_ok());
}

#[test]
fn a_unit_is_sold_once_and_returned_once() {
    let mut product = registered(said());
    let mut unit = Some(reserve(&mut product, 1));
    let sold = unit.as_ref().and_then(sell_unit).expect("it is kept");
    take(&mut product, &mut unit, &sold);
    assert_eq!(unit.as_ref().and_then(sell_unit), None, "sold before");
    let returned = unit.as_ref().and_then(return_unit).expect("it is sold");
    assert!(matches!(returned, Event::UnitReturned { was_sold: true, .. }));
    take(&mut product, &mut unit, &returned);
    assert_eq!(unit.as_ref().and_then(return_unit), None, "returned before");
    assert_eq!(unit.as_ref().and_then(sell_unit), None, "what is free is not sold");
    assert_eq!(product.map(|product| product.taken()), Some(0));
}

proptest! {
    /// Whatever happens in whatever order, repeated or not: the counters are those of the units, and within the limit.
    #[test]
    fn counters_are_the_sums_of_units(limit in 1_i64..6, steps in prop::collection::vec((0..3_u8, 0..8_usize), 1..80)) {
        let mut product = registered(RegisterProduct { sales_limit: Some(limit), ..said() });
        let mut units: Vec<Option<Unit>> = Vec::new();
        for (step, which) in steps {
            let place = if step == 0 { units.len() } else { which % units.len().max(1) };
            let event = match (step, units.get(place)) {
                (0, _) => reserve_unit(product.as_ref(), place as i64 + 1, 0).ok(),
                (1, Some(Some(unit))) => sell_unit(unit),
                (2, Some(Some(unit))) => return_unit(unit),
                _ => None,
            };
            let Some(event) = event else { continue };
            if step == 0 {
                units.push(None);
            }
            take(&mut product, &mut units[place], &event);
            let count = |status| units.iter().flatten().filter(|unit| unit.status == status).count() as i64;
            let now = product.as_ref().expect("it is there");
            prop_assert_eq!(now.reserved, count(UnitStatus::Reserved));
            prop_assert_eq!(now.sold, count(UnitStatus::Sold));
            prop_assert!(now.taken() <= limit);
        }
    }
}
