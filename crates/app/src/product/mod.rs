//! Paid membership products: what the operator sells, and the units that are kept for memberships.

use domain::product::UnitRefusal;
use platform::funnel::KeyStamp;

use crate::kit::Asked;

/// The question: keep a unit for a membership that is about to be stored.
#[derive(Debug, Clone)]
pub struct ReserveUnit {
    /// Under which the answer is remembered; none: nobody will ask again.
    pub attempt: Option<KeyStamp>,
    /// Of what.
    pub product_id: i64,
}

/// A unit that is kept, and what product says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservedUnit {
    /// The unit.
    pub unit_id: i64,
    /// The product's name.
    pub product_name: String,
    /// Its price, in won.
    pub price_won: i64,
    /// How long a membership lasts, in calendar months.
    pub months: i64,
}

/// What other contexts may ask product.
pub trait ProductApi: Send + Sync {
    /// Keeps a unit, or says why not. Asked again under the same attempt it gives the same answer.
    fn reserve_unit(&self, question: ReserveUnit) -> Asked<'_, ReservedUnit, UnitRefusal>;
}
