//! Paid membership products: what they cost, how many there may be, and how long they are sold (SPEC sections 1 and 4;
//! seed 3).

mod apply;
mod change;
mod register;
mod unit;

use alloc::string::String;

use serde::{Deserialize, Serialize};

pub use apply::{apply, apply_to_unit};
pub use change::{ChangeProduct, change_product, remove_product};
pub use register::{MAX_MONTHS, RegisterProduct, register_product};
pub use unit::{reserve_unit, return_unit, sell_unit};

/// A product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// What the operator said of it.
    pub facts: ProductFacts,
    /// Units that are kept for memberships which are not paid yet.
    pub reserved: i64,
    /// Units whose memberships are paid; with those that are reserved never more than the limit.
    pub sold: i64,
    /// It was taken off. Its number is never given again.
    pub removed: bool,
    /// Number of its last event.
    pub sequence: i64,
}

/// How a unit stands. It is sold or returned once, and never comes back from having been returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UnitStatus {
    /// Kept for a membership.
    Reserved,
    /// Its membership is paid.
    Sold,
    /// Free again.
    Returned,
}

impl UnitStatus {
    /// Its name in rows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Reserved => "RESERVED",
            Self::Sold => "SOLD",
            Self::Returned => "RETURNED",
        }
    }

    /// The status with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Reserved, Self::Sold, Self::Returned].into_iter().find(|status| status.name() == name)
    }
}

/// A unit of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Which, of what.
    pub facts: UnitFacts,
    /// How it stands.
    pub status: UnitStatus,
}

/// What an event tells of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProductFacts {
    /// The product.
    pub product_id: i64,
    /// What people call it.
    pub product_name: String,
    /// Price, in won.
    pub price_won: i64,
    /// Units that may be sold or reserved at a time; none: as many as wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sales_limit: Option<i64>,
    /// From when on it is no longer sold, in milliseconds since 1970 in UTC; none: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sale_ends_at_ms: Option<i64>,
    /// How long a membership lasts, in calendar months.
    pub months: i64,
}

/// What an event tells of a unit that is kept for a membership or sold with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitFacts {
    /// The unit; numbers rise.
    pub unit_id: i64,
    /// Of what.
    pub product_id: i64,
}

/// What happened to a product. Public contract: this is what stands in product's event log. The subject is the product;
/// sequences count per product from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// It is sold from now on.
    ProductRegistered(ProductFacts),
    /// The operator changed it; how it stood right after that.
    ProductChanged(ProductFacts),
    /// It was taken off: no longer sold and no longer shown; memberships keep their copy.
    ProductRemoved {
        /// The product.
        product_id: i64,
    },
    /// A unit is kept for a membership that is about to be stored.
    UnitReserved(UnitFacts),
    /// A unit is sold: its membership is paid.
    UnitSold(UnitFacts),
    /// A unit is free again: its membership was refused, cancelled with a refund, or never came.
    UnitReturned {
        /// The unit.
        #[serde(flatten)]
        unit: UnitFacts,
        /// Whether it had been sold.
        was_sold: bool,
    },
}

/// Why no unit is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitRefusal {
    /// There is no such product.
    Unknown,
    /// It is no longer sold.
    SaleEnded,
    /// As many as there may be are sold or kept.
    SoldOut,
}

impl UnitRefusal {
    /// Every refusal.
    pub const ALL: [Self; 3] = [Self::Unknown, Self::SaleEnded, Self::SoldOut];

    /// Its name between contexts and, after the context's name, on the wire.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::SaleEnded => "sale_ended",
            Self::SoldOut => "sold_out",
        }
    }

    /// The refusal with this name.
    #[must_use]
    pub fn from_reason(reason: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.reason() == reason)
    }
}

/// Why the operator is told no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// There is no such product, or it was taken off.
    Unknown,
    /// The number is taken, or was once.
    NumberTaken,
    /// Not a price.
    InvalidPrice,
    /// Not a limit.
    InvalidLimit,
    /// More units are sold and kept already than the limit would let be.
    LimitBelowSold,
    /// Not a time for which a membership can last.
    InvalidMonths,
}

impl Rejection {
    /// The reason on the wire, after `product.`.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::NumberTaken => "number_taken",
            Self::InvalidPrice => "invalid_price",
            Self::InvalidLimit => "invalid_limit",
            Self::LimitBelowSold => "limit_below_sold",
            Self::InvalidMonths => "invalid_months",
        }
    }
}

#[cfg(test)]
mod tests;
