//! What `onepoint verify` looks at in product.

use std::collections::HashMap;

use domain::product::{self, Event, Product, Unit, UnitStatus};
use platform::db::Session;
use platform::error::Result;
use platform::log::each_event;

use super::store::{PRODUCT, StoredUnit, UNIT, read_product, rows_after};
use crate::kit::{Finding, Findings};

const PIECE_ROWS: i64 = 5_000;
const TOLD: &str = "every product stands as its events tell, which are numbered without gaps";
const UNITS: &str = "every unit stands as its events tell";
const COUNTED: &str = "what is sold and kept of a product = its units, and within its limit";

/// The units that were ever kept, and how they stand. Looked at before membership, nothing here is ahead of it, even
/// while a server is at work.
pub type KnownUnits = HashMap<i64, UnitStatus>;

/// Every unit and how it stands.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn units(session: &mut dyn Session) -> Result<KnownUnits> {
    let mut units = KnownUnits::new();
    each_unit(session, |unit| {
        units.insert(unit.facts.unit_id, unit.status);
    })?;
    Ok(units)
}

fn each_unit(session: &mut dyn Session, mut look: impl FnMut(Unit)) -> Result<()> {
    let mut after = 0;
    loop {
        let rows = rows_after(session, &UNIT, after, PIECE_ROWS)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.int(0);
        rows.iter().for_each(|row| look(StoredUnit::read(row).unit));
    }
}

/// Products and units as their events tell.
#[derive(Default)]
struct Replayed {
    products: HashMap<i64, Option<Product>>,
    units: HashMap<i64, Option<Unit>>,
}

fn replay(session: &mut dyn Session, findings: &mut Findings) -> Result<Replayed> {
    let mut replayed = Replayed::default();
    each_event(session, |row| {
        let event: Event = row.decode()?;
        let product = replayed.products.entry(row.subject).or_default();
        product::apply(product, &event);
        if product.as_ref().is_none_or(|product| product.sequence != row.sequence) {
            findings.add(TOLD, Finding::of(row.subject, format!("its event {} stands out of turn", row.sequence)));
        }
        if let Event::UnitReserved(unit) | Event::UnitSold(unit) | Event::UnitReturned { unit, .. } = &event {
            product::apply_to_unit(replayed.units.entry(unit.unit_id).or_default(), &event);
        }
        Ok(())
    })?;
    Ok(replayed)
}

/// Compares products and units with their events and with each other.
///
/// # Errors
/// `Unavailable` when the store cannot be reached; `Internal` for an event that cannot be read.
pub fn inspect(session: &mut dyn Session) -> Result<Findings> {
    let mut findings = Findings::new(&[TOLD, UNITS, COUNTED]);
    let Replayed { mut products, mut units } = replay(session, &mut findings)?;
    // Kept and sold, by product.
    let mut counts: HashMap<i64, (i64, i64)> = HashMap::new();
    each_unit(session, |unit| {
        let (kept, sold) = counts.entry(unit.facts.product_id).or_default();
        *kept += i64::from(unit.status == UnitStatus::Reserved);
        *sold += i64::from(unit.status == UnitStatus::Sold);
        if units.remove(&unit.facts.unit_id).flatten().as_ref() != Some(&unit) {
            findings.add(UNITS, Finding::of(unit.facts.unit_id, "its row says something else than its events"));
        }
    })?;
    for unit_id in units.into_keys() {
        findings.add(UNITS, Finding::of(unit_id, "events tell of it, and it is not there"));
    }
    let mut after = 0;
    loop {
        let rows = rows_after(session, &PRODUCT, after, PIECE_ROWS)?;
        let Some(last) = rows.last() else { break };
        after = last.int(0);
        for product in rows.iter().map(read_product) {
            let product_id = product.facts.product_id;
            let (kept, sold) = counts.remove(&product_id).unwrap_or_default();
            let is_over = product.facts.sales_limit.is_some_and(|limit| kept + sold > limit);
            if (product.reserved, product.sold) != (kept, sold) || is_over {
                let (shown, noted) = (product.sold, product.reserved);
                let what = format!("it shows {shown} sold and {noted} kept, its units are {sold} and {kept}");
                findings.add(COUNTED, Finding::of(product_id, what));
            }
            if products.remove(&product_id).flatten().as_ref() != Some(&product) {
                findings.add(TOLD, Finding::of(product_id, "its row says something else than its events"));
            }
        }
    }
    for product_id in products.into_keys() {
        findings.add(TOLD, Finding::of(product_id, "events tell of it, and it is not there"));
    }
    for product_id in counts.into_keys() {
        findings.add(COUNTED, Finding::of(product_id, "units of a product that is not there"));
    }
    Ok(findings)
}
