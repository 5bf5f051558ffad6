//! Product's side of the funnel: what can be asked of it, and which verb decides it.

use std::collections::HashSet;

use domain::product::{self, ChangeProduct, Event, Product, ProductFacts, RegisterProduct, UnitRefusal};
use platform::db::Session;
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::{Moment, Out, Writer};
use platform::log;

use super::loaded::Loaded;
use super::refusal;
use super::store::{PRODUCT, StoredUnit};
use crate::kit::free_numbers;

/// What can be asked of product.
#[derive(Debug)]
pub enum Command {
    /// A new product; without a number the next free one is given.
    Register { product_id: Option<i64>, product: RegisterProduct },
    /// A product changes.
    Change { product_id: i64, change: ChangeProduct },
    /// A product is taken off.
    Remove { product_id: i64 },
    /// A unit is to be kept.
    Reserve { product_id: i64 },
    /// The membership that this unit is has been paid.
    Sell { unit_id: i64, mem_id: i64 },
    /// The unit is free again.
    Return { unit_id: i64 },
    /// The unit is this membership, which nobody has paid yet.
    Note { unit_id: i64, mem_id: i64 },
}

/// What product answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The product as it stands.
    Product(Box<Product>),
    /// The product as this request changed it before.
    KnownChange(ProductFacts),
    /// The unit that is kept.
    Unit(Box<StoredUnit>),
    /// The unit that this request kept before.
    KnownUnit(i64),
    /// Nothing to say.
    Taken,
}

/// Product's side of the funnel.
pub struct ProductWriter;

impl ProductWriter {
    fn register(
        loaded: &mut Loaded,
        product_id: Option<i64>,
        product: &RegisterProduct,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let product_id = product_id.or_else(|| loaded.product_numbers.pop_front()).ok_or_else(too_few_numbers)?;
        let product = RegisterProduct { product_id, ..product.clone() };
        let event = product::register_product(loaded.product(product_id), product).map_err(refusal)?;
        loaded.record(product_id, &event, out).map(Box::new).map(Answer::Product)
    }

    fn change(loaded: &mut Loaded, product_id: i64, change: &ChangeProduct, out: &mut Out<'_>) -> Result<Answer> {
        let known = loaded.product(product_id);
        match (product::change_product(known, change).map_err(refusal)?, known) {
            (None, Some(product)) => Ok(Answer::Product(Box::new(product.clone()))),
            (Some(event), _) => loaded.record(product_id, &event, out).map(Box::new).map(Answer::Product),
            (None, None) => Err(super::product_unknown()),
        }
    }

    fn reserve(loaded: &mut Loaded, product_id: i64, out: &mut Out<'_>) -> Result<Answer> {
        let unit_id = loaded.unit_numbers.pop_front().ok_or_else(too_few_numbers)?;
        let kept = product::reserve_unit(loaded.product(product_id), unit_id, out.moment.now_ms);
        let event = kept.map_err(refused_unit)?;
        loaded.keep(product_id, &event, out).map(Box::new).map(Answer::Unit)
    }

    /// What was heard of a unit. Membership tells of one that is not here only if the two stores do not belong together.
    fn hear(
        loaded: &mut Loaded,
        (unit_id, mem_id): (i64, Option<i64>),
        decide: fn(&product::Unit) -> Option<Event>,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let Some(unit) = loaded.unit(unit_id) else {
            tracing::error!(unit_id, "membership tells of a unit that product never kept; their stores do not fit");
            return Ok(Answer::Taken);
        };
        let event = decide(unit);
        loaded.hear(unit_id, event.as_ref(), mem_id, out)?;
        Ok(Answer::Taken)
    }
}

impl Writer for ProductWriter {
    type Command = Command;
    type Answer = Answer;
    type Loaded = Loaded;

    fn load(&mut self, tx: &mut dyn Session, commands: &[&Command], _moment: &Moment) -> Result<Loaded> {
        let (mut units, mut products, mut chosen) = (Vec::new(), Vec::new(), HashSet::new());
        let (mut unnumbered, mut kept) = (0, 0);
        for command in commands {
            match command {
                Command::Register { product_id: None, .. } => unnumbered += 1,
                Command::Register { product_id: Some(product_id), .. } => {
                    chosen.insert(*product_id);
                    products.push(*product_id);
                }
                Command::Change { product_id, .. } | Command::Remove { product_id } => products.push(*product_id),
                Command::Reserve { product_id } => {
                    products.push(*product_id);
                    kept += 1;
                }
                Command::Sell { unit_id, .. } | Command::Return { unit_id } | Command::Note { unit_id, .. } => {
                    units.push(*unit_id);
                }
            }
        }
        let mut loaded = Loaded::load(tx, units, products)?;
        if kept > 0 {
            loaded.unit_numbers = tx.next_ids("unit_number", kept)?.into();
        }
        if unnumbered > 0 {
            loaded.product_numbers = free_numbers(tx, ("product_number", &PRODUCT), unnumbered, &chosen)?;
        }
        Ok(loaded)
    }

    fn decide(&mut self, loaded: &mut Loaded, command: &Command, out: &mut Out<'_>) -> Result<Answer> {
        match command {
            Command::Register { product_id, product } => Self::register(loaded, *product_id, product, out),
            Command::Change { product_id, change } => Self::change(loaded, *product_id, change, out),
            Command::Remove { product_id } => {
                let event = product::remove_product(loaded.product(*product_id)).map_err(refusal)?;
                loaded.record(*product_id, &event, out).map(|_| Answer::Taken)
            }
            Command::Reserve { product_id } => Self::reserve(loaded, *product_id, out),
            Command::Sell { unit_id, mem_id } => Self::hear(loaded, (*unit_id, Some(*mem_id)), product::sell_unit, out),
            Command::Return { unit_id } => Self::hear(loaded, (*unit_id, None), product::return_unit, out),
            Command::Note { unit_id, mem_id } => Self::hear(loaded, (*unit_id, Some(*mem_id)), |_| None, out),
        }
    }

    fn store(&mut self, tx: &mut dyn Session, loaded: Loaded) -> Result<()> {
        loaded.store(tx)
    }

    fn recall(&self, command: &Command, event: &log::Event) -> Result<Answer> {
        match (command, event.kind.as_str()) {
            // Nothing changed, so nothing was told.
            (Command::Change { .. }, "done") => Ok(Answer::Taken),
            _ => match (command, event.decode()?) {
                (Command::Register { .. }, Event::ProductRegistered(facts)) => {
                    let mut product = None;
                    product::apply(&mut product, &Event::ProductRegistered(facts));
                    product.map(Box::new).map(Answer::Product).ok_or_else(foreign_answer)
                }
                (Command::Change { .. }, Event::ProductChanged(facts)) => Ok(Answer::KnownChange(facts)),
                (Command::Remove { .. }, Event::ProductRemoved { .. }) => Ok(Answer::Taken),
                (Command::Reserve { .. }, Event::UnitReserved(unit)) => Ok(Answer::KnownUnit(unit.unit_id)),
                _ => Err(foreign_answer()),
            },
        }
    }
}

/// A refused unit as the funnel remembers it under its attempt.
fn refused_unit(refusal: UnitRefusal) -> Error {
    let code = format!("product.{}", refusal.reason());
    Error::new(ErrorKind::Conflict, code, "no unit is kept")
}

/// The refusal that was remembered so; nothing for another error.
pub(super) fn as_refused_unit(error: &Error) -> Option<UnitRefusal> {
    UnitRefusal::from_reason(error.code.strip_prefix("product.")?).filter(|_| error.kind == ErrorKind::Conflict)
}

fn too_few_numbers() -> Error {
    Error::internal("too few numbers were reserved")
}

fn foreign_answer() -> Error {
    Error::internal("a remembered answer belongs to another command")
}
