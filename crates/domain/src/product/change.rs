//! The rules *change* and *remove*: the operator sells a product otherwise, or takes it off (SPEC section 4).
//! Memberships keep what was true when they were bought.

use alloc::string::String;

use super::register::check;
use super::{Event, Product, ProductFacts, Rejection};

/// What is to change about a product; `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeProduct {
    /// What people call it.
    pub product_name: Option<String>,
    /// Price in won.
    pub price_won: Option<i64>,
    /// Units that may be sold or kept at a time; `Some(None)`: as many as wanted from now on.
    pub sales_limit: Option<Option<i64>>,
    /// From when on it is no longer sold, in milliseconds since 1970 in UTC; `Some(None)`: no end any more.
    pub sale_ends_at_ms: Option<Option<i64>>,
    /// How long a membership lasts, in calendar months.
    pub months: Option<i64>,
}

/// Changes a product. `None`: it stands like this already.
///
/// # Errors
/// [`Rejection::Unknown`]; [`Rejection::LimitBelowSold`] if more units are sold and kept than the limit would let be;
/// those of a new product.
pub fn change_product(product: Option<&Product>, cmd: &ChangeProduct) -> Result<Option<Event>, Rejection> {
    let product = on_sale(product)?;
    let was = &product.facts;
    let facts = ProductFacts {
        product_id: was.product_id,
        product_name: cmd.product_name.clone().unwrap_or_else(|| was.product_name.clone()),
        price_won: cmd.price_won.unwrap_or(was.price_won),
        sales_limit: cmd.sales_limit.unwrap_or(was.sales_limit),
        sale_ends_at_ms: cmd.sale_ends_at_ms.unwrap_or(was.sale_ends_at_ms),
        months: cmd.months.unwrap_or(was.months),
    };
    check(&facts)?;
    if facts.sales_limit.is_some_and(|limit| limit < product.taken()) {
        return Err(Rejection::LimitBelowSold);
    }
    Ok((facts != *was).then_some(Event::ProductChanged(facts)))
}

/// Takes a product off: it is no longer sold and no longer shown. Units that are kept or sold stay so.
///
/// # Errors
/// [`Rejection::Unknown`], also if it was taken off before.
pub fn remove_product(product: Option<&Product>) -> Result<Event, Rejection> {
    let product_id = on_sale(product)?.facts.product_id;
    Ok(Event::ProductRemoved { product_id })
}

fn on_sale(product: Option<&Product>) -> Result<&Product, Rejection> {
    product.filter(|product| !product.removed).ok_or(Rejection::Unknown)
}
