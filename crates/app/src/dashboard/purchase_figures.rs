//! Purchases in figures: payments by method, memberships, carts, gifticons and vouchers.

use std::collections::BTreeMap;

use domain::payment::PaymentMethod;
use platform::db::Session;
use platform::error::Result;
use serde::Serialize;
use utoipa::ToSchema;

use super::figures::{Figure, Figures};
use super::purchases::payment_kind;
use super::summary::Totals;

/// Pieces of all gifticons.
const STOCK: &str = "SELECT CAST(COALESCE(SUM(loaded), 0) AS BIGINT), CAST(COALESCE(SUM(reserved), 0) AS BIGINT), \
     CAST(COALESCE(SUM(sold), 0) AS BIGINT) FROM dashboard_gifticon";

/// Purchases in figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PurchasesView {
    /// Payments by card: how many, and how much they come to.
    #[schema(value_type = BTreeMap<String, Figure>, example = json!({"approved": {"value": 1, "unit": "payments",
        "definition": "Payments that were charged, those that were given back later included."}}))]
    card: Figures,
    /// Payments with points.
    #[schema(value_type = BTreeMap<String, Figure>)]
    points: Figures,
    /// Paid memberships.
    #[schema(value_type = BTreeMap<String, Figure>)]
    memberships: Figures,
    /// Carts.
    #[schema(value_type = BTreeMap<String, Figure>)]
    carts: Figures,
    /// Pieces of all gifticons.
    #[schema(value_type = BTreeMap<String, Figure>)]
    gifticons: Figures,
    /// Vouchers of what was sold.
    #[schema(value_type = BTreeMap<String, Figure>)]
    vouchers: Figures,
}

/// Reads the figures.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub(super) fn look(session: &mut dyn Session, totals: &Totals, base: &str) -> Result<PurchasesView> {
    let stock = session.query(STOCK, &[])?;
    let pieces = [0, 1, 2].map(|place| stock.first().map_or(0, |row| row.int(place)));
    Ok(PurchasesView {
        card: payments(totals, PaymentMethod::Card, base),
        points: payments(totals, PaymentMethod::Points, base),
        memberships: memberships(totals, base),
        carts: carts(totals, base),
        gifticons: gifticons(pieces, base),
        vouchers: vouchers(totals, base),
    })
}

fn payments(totals: &Totals, method: PaymentMethod, base: &str) -> Figures {
    let of = |step: &str| totals.of(&payment_kind(method, step));
    let (approved, refunded, undone) = (of("approved"), of("refunded"), of("undone"));
    let [charged, given_back, standing] = match method {
        PaymentMethod::Card => ["payments.approvedWon", "payments.refundedWon", "payments.standingWon"],
        PaymentMethod::Points => ["payments.approvedPoints", "payments.refundedPoints", "payments.standingPoints"],
    };
    let listed = |figure: Figure| figure.listed("payments", format!("{base}/payments"));
    Figures::from([
        ("requested", listed(Figure::of("payments.requested", of("requested").0))),
        ("approved", listed(Figure::of("payments.approved", approved.0))),
        ("declined", listed(Figure::of("payments.declined", of("declined").0))),
        ("canceled", listed(Figure::of("payments.canceled", of("canceled").0))),
        ("approvedAmount", Figure::of(charged, approved.1)),
        ("refundedAmount", Figure::of(given_back, refunded.1)),
        ("standingAmount", Figure::of(standing, approved.1.saturating_sub(undone.1))),
    ])
}

fn memberships(totals: &Totals, base: &str) -> Figures {
    let of = |what: &str| totals.of(&format!("membership.{what}"));
    let (sold, ended, cancelled) = (of("activated"), of("ended"), of("cancelled"));
    let (expired, refused) = (of("expired").0, of("refused").0);
    // Of those that were cancelled, some had been paid.
    let unpaid = cancelled.0.saturating_sub(ended.0);
    let requested = of("requested").0.saturating_sub(sold.0).saturating_sub(refused).saturating_sub(unpaid);
    let active = sold.0.saturating_sub(ended.0).saturating_sub(expired);
    let listed = |figure: Figure| figure.listed("memberships", format!("{base}/memberships"));
    Figures::from([
        ("requested", listed(Figure::of("memberships.requested", requested))),
        ("active", listed(Figure::of("memberships.active", active))),
        ("cancelled", listed(Figure::of("memberships.cancelled", cancelled.0))),
        ("expired", listed(Figure::of("memberships.expired", expired))),
        ("refused", listed(Figure::of("memberships.refused", refused))),
        ("sold", listed(Figure::of("memberships.sold", sold.0))),
        ("revenue", Figure::of("memberships.revenue", sold.1.saturating_sub(ended.1))),
    ])
}

fn carts(totals: &Totals, base: &str) -> Figures {
    let of = |what: &str| totals.quantity(&format!("cart.{what}"));
    let listed = |figure: Figure| figure.listed("carts", format!("{base}/carts"));
    Figures::from([
        ("added", listed(Figure::of("carts.added", of("added")))),
        ("approved", listed(Figure::of("carts.approved", of("approved")))),
        ("declined", listed(Figure::of("carts.declined", of("declined")))),
        ("removed", Figure::of("carts.removed", of("removed"))),
    ])
}

fn gifticons([loaded, reserved, sold]: [i64; 3], base: &str) -> Figures {
    let free = loaded.saturating_sub(reserved).saturating_sub(sold);
    let listed = |figure: Figure| figure.listed("gifticons", format!("{base}/gifticons"));
    Figures::from([
        ("loaded", listed(Figure::of("gifticons.loaded", loaded))),
        ("reserved", listed(Figure::of("gifticons.reserved", reserved))),
        ("sold", listed(Figure::of("gifticons.sold", sold))),
        ("free", listed(Figure::of("gifticons.free", free))),
    ])
}

fn vouchers(totals: &Totals, base: &str) -> Figures {
    let of = |what: &str| totals.quantity(&format!("voucher.{what}"));
    let (issued, used, expired, cancelled) = (of("issued"), of("used"), of("expired"), of("cancelled"));
    let outstanding = issued.saturating_sub(used).saturating_sub(expired).saturating_sub(cancelled);
    let listed = |figure: Figure, status: &str| figure.listed("vouchers", format!("{base}/vouchers?status={status}"));
    Figures::from([
        ("issued", Figure::of("vouchers.issued", issued).listed("vouchers", format!("{base}/vouchers"))),
        ("used", listed(Figure::of("vouchers.used", used), "USED")),
        ("expired", listed(Figure::of("vouchers.expired", expired), "EXPIRED")),
        ("cancelled", listed(Figure::of("vouchers.cancelled", cancelled), "CANCELLED")),
        ("outstanding", listed(Figure::of("vouchers.outstanding", outstanding), "ISSUED")),
    ])
}

/// Purchases of a day: how many by what happened to them, and what payments come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DayOfPurchases {
    /// Payments by what happened to them, by any method.
    #[schema(value_type = BTreeMap<String, i64>, example = json!({"approved": 1, "declined": 0}))]
    payments: BTreeMap<&'static str, i64>,
    /// Won that were charged by card.
    approved_won: i64,
    /// Won that were given back.
    refunded_won: i64,
    /// Memberships by what happened to them.
    #[schema(value_type = BTreeMap<String, i64>, example = json!({"activated": 1, "cancelled": 0}))]
    memberships: BTreeMap<&'static str, i64>,
    /// Carts by what happened to them.
    #[schema(value_type = BTreeMap<String, i64>, example = json!({"added": 2, "approved": 2}))]
    carts: BTreeMap<&'static str, i64>,
    /// Vouchers by what happened to them.
    #[schema(value_type = BTreeMap<String, i64>, example = json!({"issued": 25, "used": 1}))]
    vouchers: BTreeMap<&'static str, i64>,
}

impl DayOfPurchases {
    /// From what was counted on a day: quantity and amount by kind.
    pub(super) fn of(figure: impl Fn(&str) -> (i64, i64)) -> Self {
        const METHODS: [PaymentMethod; 2] = [PaymentMethod::Card, PaymentMethod::Points];
        let paid = |step: &str| METHODS.into_iter().map(|method| figure(&payment_kind(method, step)).0).sum();
        let won = |step: &str| figure(&payment_kind(PaymentMethod::Card, step)).1;
        let counted = |group: &str, names: &[&'static str]| {
            names.iter().map(|name| (*name, figure(&format!("{group}.{name}")).0)).collect()
        };
        let steps = ["requested", "approved", "declined", "canceled", "refunded"];
        Self {
            payments: steps.into_iter().map(|step| (step, paid(step))).collect(),
            approved_won: won("approved"),
            refunded_won: won("refunded"),
            memberships: counted("membership", &["requested", "activated", "refused", "cancelled", "expired"]),
            carts: counted("cart", &["added", "approved", "declined", "removed"]),
            vouchers: counted("voucher", &["issued", "used", "cancelled", "expired"]),
        }
    }
}
