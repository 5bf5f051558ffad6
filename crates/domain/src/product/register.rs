//! The rule *register*: the operator puts a product on sale (SPEC section 4).

use alloc::string::String;

use super::{Event, Product, ProductFacts, Rejection};
use crate::kernel::MAX_AMOUNT;

/// The longest time for which a membership can last, in calendar months.
pub const MAX_MONTHS: i64 = 1_200;

/// What is said of a new product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterProduct {
    /// The number it is to have.
    pub product_id: i64,
    /// What people call it.
    pub product_name: String,
    /// Price in won, 1 to `MAX_AMOUNT`.
    pub price_won: i64,
    /// Units that may be sold or kept at a time, 1 to `MAX_AMOUNT`; none: as many as wanted.
    pub sales_limit: Option<i64>,
    /// From when on it is no longer sold, in milliseconds since 1970 in UTC; it may be over already.
    pub sale_ends_at_ms: Option<i64>,
    /// How long a membership lasts in calendar months, 1 to [`MAX_MONTHS`].
    pub months: i64,
}

/// A new product under a number that was never used. `known` is the product with this number, also one that was taken
/// off.
///
/// # Errors
/// [`Rejection::NumberTaken`], [`Rejection::InvalidPrice`], [`Rejection::InvalidLimit`], [`Rejection::InvalidMonths`].
pub fn register_product(known: Option<&Product>, cmd: RegisterProduct) -> Result<Event, Rejection> {
    if known.is_some() {
        return Err(Rejection::NumberTaken);
    }
    let RegisterProduct { product_id, product_name, price_won, sales_limit, sale_ends_at_ms, months } = cmd;
    let facts = ProductFacts { product_id, product_name, price_won, sales_limit, sale_ends_at_ms, months };
    check(&facts)?;
    Ok(Event::ProductRegistered(facts))
}

/// Whether a product can be sold like this.
pub(super) fn check(facts: &ProductFacts) -> Result<(), Rejection> {
    if !(1..=MAX_AMOUNT).contains(&facts.price_won) {
        return Err(Rejection::InvalidPrice);
    }
    if facts.sales_limit.is_some_and(|limit| !(1..=MAX_AMOUNT).contains(&limit)) {
        return Err(Rejection::InvalidLimit);
    }
    if !(1..=MAX_MONTHS).contains(&facts.months) {
        return Err(Rejection::InvalidMonths);
    }
    Ok(())
}
