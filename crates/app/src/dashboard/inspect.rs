//! What `onepoint verify` looks at in dashboard.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hasher};

use domain::deal::Deal;
use platform::db::{Cursor, Session};
use platform::error::Result;
use platform::funnel::read_cursor;
use platform::parked;

use super::Summed;
use super::coupons::{Counted, shown};
use super::deals::Shown;
use super::store::{DEAL, FIGURE, MERCHANT, Merchant, each_row};
use super::summary::summed;
use super::sums::{ALL_DAYS, STANDING};
use crate::kit::{Finding, Findings};

const SUMS: &str = "sums are those of the ledger";
const DAYS: &str = "the days of a kind add up to what stands for all of them";
const DEALS: &str = "deals are those of deal";
const COUPONS: &str = "coupons are counted as coupon tells of them";
const WRONG: &str = "run 'onepoint rebuild dashboard'";
/// The consumers whose work is compared.
const OF_POINT: &str = "dashboard<point";
const OF_DEAL: &str = "dashboard<deal";
const OF_COUPON: &str = "dashboard<coupon";

/// What the dashboard says at one moment, for comparing the others with.
#[derive(Default)]
pub struct Told {
    /// Up to where the ledger is summed up; nothing while events are parked, for then the sums lack them.
    pub read_to: Option<Cursor>,
    sums: Summed,
    /// Up to where coupon's log is counted; nothing while events are parked.
    pub coupons_to: Option<Cursor>,
    coupons: Counted,
    /// Kinds whose days come to something else than what stands for all days.
    uneven: Vec<String>,
    /// Merchants, and the last of their events that was taken in; none while events are parked.
    merchants: HashMap<i64, i64>,
    /// The merchant of each deal, and a digest of how the deal is shown: there may be millions.
    deals: HashMap<i64, (i64, u64)>,
}

/// Reads what there is to compare. To be read before the others, which are asked about what was known then.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn told(session: &mut dyn Session) -> Result<Told> {
    let parked = parked::counts(session)?;
    let waits = |consumer: &str| parked.iter().any(|(parked, _)| parked == consumer);
    let (sums, coupons) = (summed(session)?, shown(session)?);
    let mut told = Told { sums, coupons, uneven: uneven(session)?, ..Told::default() };
    if !waits(OF_POINT) {
        told.read_to = Some(read_cursor(session, OF_POINT)?);
    }
    if !waits(OF_COUPON) {
        told.coupons_to = Some(read_cursor(session, OF_COUPON)?);
    }
    if !waits(OF_DEAL) {
        each_row(session, &MERCHANT, &mut |row| {
            let (merchant_id, merchant) = Merchant::read(row.clone());
            told.merchants.insert(merchant_id, merchant.deal_sequence);
        })?;
        each_row(session, &DEAL, &mut |row| {
            let digest = |shown: Shown| (shown.deal.facts.merchant_id, digest_of(&shown.deal, shown.sequence));
            // A row that cannot be read is shown as something else than what it is.
            let shown = Shown::read(row.clone()).map_or((row.int(2), 0), digest);
            told.deals.insert(row.int(0), shown);
        })?;
    }
    Ok(told)
}

/// Kinds of which the days and the row for all days differ. Both are added to at once, so neither depends on what is
/// parked or on its way.
fn uneven(session: &mut dyn Session) -> Result<Vec<String>> {
    let mut left: BTreeMap<String, (i128, i128)> = BTreeMap::new();
    each_row(session, &FIGURE, &mut |row| {
        let sign = if row.int(1) == ALL_DAYS { -1 } else { 1 };
        let (quantity, amount) = (i128::from(row.int(3)), i128::from(row.int(4)));
        let sum = left.entry(row.text(2).to_owned()).or_default();
        *sum = (sum.0 + sign * quantity, sum.1 + sign * amount);
    })?;
    // What stands at present belongs to no day.
    left.retain(|kind, sum| *sum != (0, 0) && !kind.starts_with(STANDING));
    Ok(left.into_keys().collect())
}

fn digest_of(deal: &Deal, sequence: i64) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(format!("{sequence} {deal:?}").as_bytes());
    hasher.finish()
}

/// Compares what the dashboard [`Told`] with those whom it follows.
pub struct Comparing {
    told: Told,
    /// Each merchant of deal with the sequence of its last event.
    merchants: HashMap<i64, i64>,
    findings: Findings,
}

impl Comparing {
    /// Compares the sums with `ledger`, the ledger's up to [`Told::read_to`], and with `counted`, coupon's up to
    /// [`Told::coupons_to`]. `merchants` is each merchant of deal with the sequence of its last event.
    #[must_use]
    pub fn new(told: Told, (ledger, counted): (&Summed, &Counted), merchants: HashMap<i64, i64>) -> Self {
        let mut findings = Findings::new(&[SUMS, DAYS, DEALS, COUPONS]);
        if told.coupons_to.is_some() && told.coupons != *counted {
            let what = format!("the dashboard has {:?}, coupon {counted:?}; {WRONG}", told.coupons);
            findings.add(COUPONS, Finding::of(0, what));
        }
        for kind in &told.uneven {
            findings.add(DAYS, Finding::of(0, format!("{kind} does not; {WRONG}")));
        }
        if told.read_to.is_some() && told.sums != *ledger {
            let what = format!("the dashboard has {:?}, the ledger {ledger:?}; {WRONG}", told.sums);
            findings.add(SUMS, Finding::of(0, what));
        }
        Self { told, merchants, findings }
    }

    /// Whether the dashboard had taken every event of this merchant in, and none has come since.
    fn is_level(&self, merchant_id: i64) -> bool {
        let known = self.told.merchants.get(&merchant_id);
        known.is_some() && known == self.merchants.get(&merchant_id)
    }

    /// Compares a deal of deal and the sequence of the event that ended it, if the dashboard knew all there is to know.
    pub fn look(&mut self, deal: Deal, sequence: i64) {
        let (deal_id, merchant_id) = (deal.facts.deal_id, deal.facts.merchant_id);
        let shown = self.told.deals.remove(&deal_id);
        // Whether a pending deal was left to point is not shown.
        let deal = Deal { left_to_point: false, ..deal };
        if self.is_level(merchant_id) && shown != Some((merchant_id, digest_of(&deal, sequence))) {
            let is = if shown.is_some() { "shown as something else" } else { "not shown" };
            self.findings.add(DEALS, Finding::of(deal_id, format!("it is {is}; {WRONG}")));
        }
    }

    /// What was found, after every deal was looked at.
    #[must_use]
    pub fn findings(mut self) -> Findings {
        let left: Vec<i64> = self.told.deals.keys().copied().collect();
        for deal_id in left {
            if self.told.deals.get(&deal_id).is_some_and(|(merchant_id, _)| self.is_level(*merchant_id)) {
                let what = format!("it is shown, and there is no such deal; {WRONG}");
                self.findings.add(DEALS, Finding::of(deal_id, what));
            }
        }
        self.findings
    }
}
