//! Products on the wire.

use domain::product::Product;
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

/// A product on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"productId": 1, "productName": "CLUB", "price": 30_000, "salesQuantity": 1,
    "reservedQuantity": 0, "salesLimit": 100, "saleEndsAt": "2027-01-01T00:00:00.000+09:00", "months": 12}))]
#[serde(rename_all = "camelCase")]
pub struct ProductView {
    /// The product's number.
    pub product_id: i64,
    /// What people call it.
    pub product_name: String,
    /// Price in won.
    pub price: i64,
    /// Units that are sold: their memberships are paid.
    pub sales_quantity: i64,
    /// Units that are kept for memberships whose payment follows. They count against the limit too.
    pub reserved_quantity: i64,
    /// Units that may be sold or kept at a time; nothing: as many as wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sales_limit: Option<i64>,
    /// From when on it is no longer sold, RFC 3339; nothing: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub sale_ends_at: Option<String>,
    /// How long a membership lasts, in calendar months.
    pub months: i64,
}

impl ProductView {
    pub(super) fn of(product: Product, zone: &Zone) -> Self {
        let Product { facts, reserved, sold, .. } = product;
        Self {
            product_id: facts.product_id,
            product_name: facts.product_name,
            price: facts.price_won,
            sales_quantity: sold,
            reserved_quantity: reserved,
            sales_limit: facts.sales_limit,
            sale_ends_at: facts.sale_ends_at_ms.map(|at_ms| zone.format(at_ms)),
            months: facts.months,
        }
    }
}
