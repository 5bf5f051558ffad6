//! What an event makes of a product and of a unit.

use super::{Event, Product, ProductFacts, Unit, UnitStatus};

/// Takes what happened into the product that it is about.
pub fn apply(product: &mut Option<Product>, event: &Event) {
    if let Event::ProductRegistered(facts) = event {
        *product = Some(fresh(facts));
        return;
    }
    let Some(product) = product else { return };
    product.sequence += 1;
    match event {
        Event::ProductRegistered(_) => {}
        Event::ProductChanged(facts) => product.facts = facts.clone(),
        Event::ProductRemoved { .. } => product.removed = true,
        Event::UnitReserved(_) => product.reserved += 1,
        Event::UnitSold(_) => {
            product.reserved -= 1;
            product.sold += 1;
        }
        Event::UnitReturned { was_sold: true, .. } => product.sold -= 1,
        Event::UnitReturned { was_sold: false, .. } => product.reserved -= 1,
    }
}

/// Takes what happened into the unit that it is about; what is about no unit changes none.
pub fn apply_to_unit(unit: &mut Option<Unit>, event: &Event) {
    let (facts, status) = match event {
        Event::UnitReserved(facts) => (facts, UnitStatus::Reserved),
        Event::UnitSold(facts) => (facts, UnitStatus::Sold),
        Event::UnitReturned { unit, .. } => (unit, UnitStatus::Returned),
        Event::ProductRegistered(_) | Event::ProductChanged(_) | Event::ProductRemoved { .. } => return,
    };
    *unit = Some(Unit { facts: facts.clone(), status });
}

fn fresh(facts: &ProductFacts) -> Product {
    Product { facts: facts.clone(), reserved: 0, sold: 0, removed: false, sequence: 1 }
}
