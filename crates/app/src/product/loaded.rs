//! What a batch of product works on: the rows that its commands touch, locked, and what became of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::product::{self, Event, Product, Unit};
use platform::db::Session;
use platform::error::{Error, Result};
use platform::funnel::Out;

use super::store::{PRODUCT, StoredUnit, UNIT, UNIT_STATE, product_row, read_product};
use crate::kit::lock_numbers;

/// A unit that no event has spoken of for so many milliseconds is asked about.
const UNHEARD_MS: i64 = 3_000;

/// Rows of a batch.
#[derive(Default)]
pub struct Loaded {
    products: BTreeMap<i64, Product>,
    units: BTreeMap<i64, StoredUnit>,
    pub(super) product_numbers: VecDeque<i64>,
    pub(super) unit_numbers: VecDeque<i64>,
    fresh_products: BTreeSet<i64>,
    changed_products: BTreeSet<i64>,
    fresh_units: BTreeSet<i64>,
    changed_units: BTreeSet<i64>,
}

impl Loaded {
    /// Locks these units, these products, and the products of the units: units always first.
    pub(super) fn load(tx: &mut dyn Session, units: Vec<i64>, mut products: Vec<i64>) -> Result<Self> {
        let mut loaded = Self::default();
        let rows = lock_numbers(tx, &UNIT, units)?;
        loaded.units = rows.iter().map(|row| (row.int(0), StoredUnit::read(row))).collect();
        products.extend(loaded.units.values().map(|stored| stored.unit.facts.product_id));
        let rows = lock_numbers(tx, &PRODUCT, products)?;
        loaded.products = rows.iter().map(|row| (row.int(0), read_product(row))).collect();
        Ok(loaded)
    }

    pub(super) fn product(&self, product_id: i64) -> Option<&Product> {
        self.products.get(&product_id)
    }

    pub(super) fn unit(&self, unit_id: i64) -> Option<&Unit> {
        self.units.get(&unit_id).map(|stored| &stored.unit)
    }

    /// Takes what happened to a product in, and tells of it.
    pub(super) fn record(&mut self, product_id: i64, event: &Event, out: &mut Out<'_>) -> Result<Product> {
        let before = self.products.remove(&product_id);
        let changed = if before.is_some() { &mut self.changed_products } else { &mut self.fresh_products };
        changed.insert(product_id);
        let mut product = before;
        product::apply(&mut product, event);
        let product = product.ok_or_else(|| Error::internal("an event about a product left none"))?;
        out.emit(product_id, product.sequence, event)?;
        self.products.insert(product_id, product.clone());
        Ok(product)
    }

    /// A unit of this product is kept.
    pub(super) fn keep(&mut self, product_id: i64, event: &Event, out: &mut Out<'_>) -> Result<StoredUnit> {
        let facts = self.record(product_id, event, out)?.facts;
        let mut unit = None;
        product::apply_to_unit(&mut unit, event);
        let stored = StoredUnit {
            unit: unit.ok_or_else(|| Error::internal("an event about a unit left none"))?,
            product_name: facts.product_name,
            price_won: facts.price_won,
            months: facts.months,
            mem_id: None,
            look_at_ms: Some(out.moment.now_ms.saturating_add(UNHEARD_MS)),
        };
        let unit_id = stored.unit.facts.unit_id;
        self.fresh_units.insert(unit_id);
        self.units.insert(unit_id, stored.clone());
        Ok(stored)
    }

    /// Something was heard of a unit: what happened to it, if it changed, and the membership that it is, if it is one.
    pub(super) fn hear(
        &mut self,
        unit_id: i64,
        event: Option<&Event>,
        mem_id: Option<i64>,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let Some(mut stored) = self.units.remove(&unit_id) else { return Ok(()) };
        if let Some(event) = event {
            self.record(stored.unit.facts.product_id, event, out)?;
            let mut unit = Some(stored.unit);
            product::apply_to_unit(&mut unit, event);
            stored.unit = unit.ok_or_else(|| Error::internal("an event about a unit left none"))?;
        }
        let is_news = event.is_some() || stored.look_at_ms.is_some();
        stored.mem_id = stored.mem_id.or(mem_id);
        stored.look_at_ms = None;
        self.units.insert(unit_id, stored);
        if is_news {
            self.changed_units.insert(unit_id);
        }
        Ok(())
    }

    pub(super) fn store(self, tx: &mut dyn Session) -> Result<()> {
        let Self { products, units, fresh_products, changed_products, fresh_units, changed_units, .. } = self;
        // What was made and changed in one batch is written once.
        let changed_products = changed_products.difference(&fresh_products);
        let changed_units = changed_units.difference(&fresh_units);
        let product = |id: &i64| products.get(id).map(product_row);
        tx.insert_many(&PRODUCT, fresh_products.iter().filter_map(product).collect())?;
        tx.update_many(&PRODUCT, changed_products.filter_map(product).collect())?;
        let fresh = fresh_units.iter().filter_map(|id| units.get(id)).map(StoredUnit::to_row);
        tx.insert_many(&UNIT, fresh.collect())?;
        let changed = changed_units.filter_map(|id| units.get(id)).map(StoredUnit::to_state_row);
        tx.update_many(&UNIT_STATE, changed.collect())
    }
}
