//! Units: one is kept for a membership that is about to be stored, sold when that is paid, and returned when it was
//! refused, cancelled with a refund, or never came (decision 0013).

use super::{Event, Product, Unit, UnitFacts, UnitRefusal, UnitStatus};

impl Product {
    /// Units that count against the limit: those that are sold and those that are kept.
    #[must_use]
    pub fn taken(&self) -> i64 {
        self.reserved.saturating_add(self.sold)
    }

    /// Whether it is sold out: as many units as there may be are sold or kept.
    #[must_use]
    pub fn is_sold_out(&self) -> bool {
        self.facts.sales_limit.is_some_and(|limit| self.taken() >= limit)
    }

    /// Whether its sale is over.
    #[must_use]
    pub fn is_sale_over(&self, now_ms: i64) -> bool {
        self.facts.sale_ends_at_ms.is_some_and(|ends_at_ms| ends_at_ms <= now_ms)
    }
}

/// Keeps a unit, under a number that was never used.
///
/// # Errors
/// [`UnitRefusal::Unknown`], also of a product that was taken off; [`UnitRefusal::SaleEnded`];
/// [`UnitRefusal::SoldOut`].
pub fn reserve_unit(product: Option<&Product>, unit_id: i64, now_ms: i64) -> Result<Event, UnitRefusal> {
    let product = product.filter(|product| !product.removed).ok_or(UnitRefusal::Unknown)?;
    if product.is_sale_over(now_ms) {
        return Err(UnitRefusal::SaleEnded);
    }
    if product.is_sold_out() {
        return Err(UnitRefusal::SoldOut);
    }
    Ok(Event::UnitReserved(UnitFacts { unit_id, product_id: product.facts.product_id }))
}

/// Sells a unit: its membership is paid. `None`: it was sold before, or is free again.
#[must_use]
pub fn sell_unit(unit: &Unit) -> Option<Event> {
    (unit.status == UnitStatus::Reserved).then(|| Event::UnitSold(unit.facts.clone()))
}

/// Gives a unit back. `None`: it was given back before.
#[must_use]
pub fn return_unit(unit: &Unit) -> Option<Event> {
    let was_sold = unit.status == UnitStatus::Sold;
    (unit.status != UnitStatus::Returned).then(|| Event::UnitReturned { unit: unit.facts.clone(), was_sold })
}
