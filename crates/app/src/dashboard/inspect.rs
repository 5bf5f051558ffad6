//! What `onepoint verify` looks at in dashboard.

use std::collections::HashMap;

use domain::deal::Deal;
use platform::db::{Cursor, Session};
use platform::error::Result;
use platform::funnel::read_cursor;
use platform::parked;

use super::Summed;
use super::deals::Shown;
use super::store::{DEAL, MERCHANT, Merchant, each_row};
use super::summary::summed;
use crate::kit::{Finding, Findings};

const SUMS: &str = "sums are those of the ledger";
const DEALS: &str = "deals are those of deal";
const WRONG: &str = "run 'onepoint rebuild dashboard'";
/// The consumers whose work is compared.
const OF_POINT: &str = "dashboard<point";
const OF_DEAL: &str = "dashboard<deal";

/// What the dashboard says at one moment, for comparing the others with.
#[derive(Default)]
pub struct Told {
    /// Up to where the ledger is summed up; nothing while events are parked, for then the sums lack them.
    pub read_to: Option<Cursor>,
    sums: Summed,
    /// Merchants, and the last of their events that was taken in.
    merchants: HashMap<i64, i64>,
    deals: HashMap<i64, Deal>,
}

/// Reads what there is to compare. To be read before the others, which are asked about what was known then.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn told(session: &mut dyn Session) -> Result<Told> {
    let parked = parked::counts(session)?;
    let waits = |consumer: &str| parked.iter().any(|(parked, _)| parked == consumer);
    let mut told = Told { sums: summed(session)?, ..Told::default() };
    if !waits(OF_POINT) {
        told.read_to = Some(read_cursor(session, OF_POINT)?);
    }
    if !waits(OF_DEAL) {
        each_row(session, &MERCHANT, &mut |row| {
            let (merchant_id, merchant) = Merchant::read(row.clone());
            told.merchants.insert(merchant_id, merchant.deal_sequence);
        })?;
        each_row(session, &DEAL, &mut |row| {
            told.deals.extend(Shown::read(row.clone()).map(|shown| (shown.deal.facts.deal_id, shown.deal)));
        })?;
    }
    Ok(told)
}

/// Compares sums with those of the ledger up to the same place, and deals with those of deal, where the dashboard had
/// taken every event of the merchant in. `ledger`: the ledger's sums up to [`Told::read_to`]. `merchants`: each merchant
/// of deal with the sequence of its last event. `deals`: every deal of deal.
#[must_use]
pub fn inspect(
    told: &Told,
    ledger: &Summed,
    merchants: &HashMap<i64, i64>,
    deals: impl Iterator<Item = Deal>,
) -> Findings {
    let mut findings = Findings::new(&[SUMS, DEALS]);
    if told.read_to.is_some() && told.sums != *ledger {
        let what = format!("the dashboard has {:?}, the ledger {ledger:?}; {WRONG}", told.sums);
        findings.add(SUMS, Finding::of(0, what));
    }
    let is_level = |merchant_id: &i64| {
        let known = told.merchants.get(merchant_id);
        known.is_some() && known == merchants.get(merchant_id)
    };
    let mut left = told.deals.values().filter(|deal| is_level(&deal.facts.merchant_id)).count();
    for deal in deals.filter(|deal| is_level(&deal.facts.merchant_id)) {
        let deal = Deal { left_to_point: false, ..deal };
        let deal_id = deal.facts.deal_id;
        match told.deals.get(&deal_id) {
            Some(shown) if *shown == deal => left -= 1,
            Some(shown) => {
                left -= 1;
                findings.add(DEALS, Finding::of(deal_id, format!("shown as {shown:?}, but it is {deal:?}; {WRONG}")));
            }
            None => findings.add(DEALS, Finding::of(deal_id, format!("it is not shown; {WRONG}"))),
        }
    }
    if left > 0 {
        findings.add(DEALS, Finding::of(0, format!("{left} deals are shown that do not exist; {WRONG}")));
    }
    findings
}
