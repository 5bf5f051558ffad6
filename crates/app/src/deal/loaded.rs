//! What a batch of deal works on: the rows that its commands touch, locked, and what became of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use domain::deal::{self, CancelDeal, Deal, DealStatus, DealType, Event, MerchantFacts, can_cancel};
use platform::db::{Row, Session, Value};
use platform::error::{Error, Result};
use platform::funnel::Out;

use super::list::newest_first;
use super::store::{BILLED_MONTH, DEAL, DEAL_STATE, MEMBER, MERCHANT, MerchantSlot, Stored, month_key};
use crate::kit::lock_numbers;

/// A cancel that names no deal looks so many deals of the member back.
pub(super) const LOOK_BACK: i64 = 10_000;

/// Rows of a batch.
#[derive(Default)]
pub struct Loaded {
    deals: BTreeMap<i64, Stored>,
    merchants: HashMap<i64, MerchantSlot>,
    /// The newest deal of each member who has one.
    last_deals: BTreeMap<i64, i64>,
    /// Merchant, month and mark, by key.
    marks: BTreeMap<String, [i64; 3]>,
    pub(super) deal_numbers: VecDeque<i64>,
    pub(super) merchant_numbers: VecDeque<i64>,
    fresh: Vec<i64>,
    changed: BTreeSet<i64>,
    changed_merchants: BTreeSet<i64>,
    changed_marks: BTreeSet<String>,
}

/// What the commands of a batch touch.
#[derive(Default)]
pub(super) struct Touched {
    pub(super) deals: Vec<i64>,
    pub(super) merchants: Vec<i64>,
    /// Members who get another deal.
    pub(super) members: Vec<i64>,
    /// Merchant and month.
    pub(super) months: Vec<(i64, i64)>,
    /// Cancels that name no deal, with the one that seemed to be meant before the batch began.
    pub(super) found: Vec<(i64, CancelDeal)>,
    /// How many cancels of each member there are: as many deals may be used up before the last of them is decided.
    pub(super) cancels: HashMap<i64, i64>,
}

/// The newest deals that a cancel without a name may be about, among the member's last ones from `newest` on.
fn search(tx: &mut dyn Session, newest: i64, cancel: &CancelDeal, wanted: i64) -> Result<Vec<i64>> {
    let type_is = match cancel.deal_type {
        DealType::SaveCancel => "type = 'save'",
        DealType::UseCancel => "type = 'use'",
        _ => "type IN ('save', 'use')",
    };
    // Not sorted: so the walk ends where enough is found.
    let sql = format!(
        "{} SELECT deal_id FROM walk WHERE merchant_id = $3 AND deal_amount = $4 AND {type_is} \
         AND status = 'success' AND cancelled_point < point LIMIT $5",
        newest_first()
    );
    let params = [newest, LOOK_BACK, cancel.merchant_id, cancel.deal_amount, wanted].map(Value::Int);
    Ok(tx.query(&sql, &params)?.iter().map(|row| row.int(0)).collect())
}

impl Loaded {
    /// Finds and locks what is touched: deals, those that they cancel, and the merchants of all of them.
    pub(super) fn load(tx: &mut dyn Session, mut touched: Touched) -> Result<Self> {
        let mut loaded = Self::default();
        let members = lock_numbers(tx, &MEMBER, touched.members)?;
        loaded.last_deals = members.iter().map(|row| (row.int(0), row.int(1))).collect();
        loaded.lock_deals(tx, touched.deals)?;
        loaded.search_again(tx, &touched.found, &touched.cancels)?;
        // What a cancel set aside goes back if it fails.
        let waiting = loaded.deals.values().filter(|stored| stored.deal.status == DealStatus::Pending);
        let originals: Vec<i64> = waiting.filter_map(|stored| stored.deal.facts.original_deal_id).collect();
        loaded.lock_deals(tx, originals)?;
        touched.merchants.extend(loaded.deals.values().map(|stored| stored.deal.facts.merchant_id));
        let merchants = lock_numbers(tx, &MERCHANT, touched.merchants)?;
        loaded.merchants = merchants.iter().map(|row| (row.int(0), MerchantSlot::read(row))).collect();
        if !touched.months.is_empty() {
            let keys: BTreeSet<String> = touched.months.iter().map(|(id, month)| month_key(*id, *month)).collect();
            let keys: Vec<Value> = keys.into_iter().map(Value::from).collect();
            let rows = tx.lock_many(&BILLED_MONTH, &keys)?;
            let mark = |row: &Row| (row.text(0).to_owned(), [row.int(1), row.int(2), row.int(3)]);
            loaded.marks = rows.iter().map(mark).collect();
        }
        Ok(loaded)
    }

    /// A deal that a cancel seemed to be about may have been cancelled meanwhile, or may be before this cancel's turn:
    /// then further ones are looked for here, where nobody else cancels any.
    fn search_again(
        &mut self,
        tx: &mut dyn Session,
        found: &[(i64, CancelDeal)],
        cancels: &HashMap<i64, i64>,
    ) -> Result<()> {
        let (mut further, mut searched) = (Vec::new(), HashSet::new());
        for (deal_id, cancel) in found {
            let wanted = cancels.get(&cancel.member_id).copied().unwrap_or(1);
            let is_left = self.deals.get(deal_id).is_some_and(|stored| can_cancel(&stored.deal, cancel));
            let CancelDeal { member_id, merchant_id, deal_amount, deal_type, .. } = *cancel;
            if (wanted > 1 || !is_left)
                && searched.insert((member_id, merchant_id, deal_amount, deal_type))
                && let Some(newest) = self.last_deals.get(&cancel.member_id)
            {
                further.extend(search(tx, *newest, cancel, wanted)?);
            }
        }
        self.lock_deals(tx, further)
    }

    fn lock_deals(&mut self, tx: &mut dyn Session, ids: Vec<i64>) -> Result<()> {
        let missing = ids.into_iter().filter(|id| !self.deals.contains_key(id)).collect::<Vec<_>>();
        let rows = lock_numbers(tx, &DEAL, missing)?;
        self.deals.extend(rows.iter().map(|row| (row.int(0), Stored::read(row))));
        Ok(())
    }

    pub(super) fn deal(&self, deal_id: i64) -> Option<&Stored> {
        self.deals.get(&deal_id)
    }

    pub(super) fn merchant(&self, merchant_id: i64) -> Option<&MerchantFacts> {
        self.merchants.get(&merchant_id)?.known.as_ref()
    }

    /// The newest deal that this command may cancel.
    pub(super) fn newest(&self, cmd: &CancelDeal) -> Option<&Deal> {
        self.deals.values().rev().map(|stored| &stored.deal).find(|deal| can_cancel(deal, cmd))
    }

    /// Takes what happened to a deal in, and tells of it under its merchant.
    pub(super) fn record(&mut self, merchant_id: i64, event: &Event, out: &mut Out<'_>) -> Result<Stored> {
        let about = event.deal().ok_or_else(|| Error::internal("an event about a merchant is none about a deal"));
        let (deal_id, original_id) = about?;
        let before = self.deals.remove(&deal_id);
        match before {
            Some(_) => drop(self.changed.insert(deal_id)),
            None => self.fresh.push(deal_id),
        }
        let known = before.map(|Stored { deal, sequence, previous }| (Some(deal), sequence, previous));
        let (mut deal, mut sequence, mut previous) = known.unwrap_or((None, 0, 0));
        let is_new = deal.is_none();
        let original = original_id.and_then(|id| self.deals.get_mut(&id)).map(|stored| &mut stored.deal);
        let cancelled = original.as_ref().map(|original| original.cancelled_point);
        deal::apply(&mut deal, original, event);
        if let Some(original_id) = original_id.filter(|id| {
            let now = self.deals.get(id).map(|stored| stored.deal.cancelled_point);
            now != cancelled
        }) {
            self.changed.insert(original_id);
        }
        let deal = deal.ok_or_else(|| Error::internal("an event about a deal left none"))?;
        let told = self.tell(merchant_id, event, out)?;
        if event.ends_deal() {
            sequence = told;
        }
        if is_new {
            previous = self.last_deals.insert(deal.facts.member_id, deal_id).unwrap_or(0);
        }
        let stored = Stored { deal, sequence, previous };
        self.deals.insert(deal_id, stored.clone());
        Ok(stored)
    }

    /// Takes what happened to a merchant in, and tells of it.
    pub(super) fn record_merchant(&mut self, event: &Event, out: &mut Out<'_>) -> Result<MerchantFacts> {
        let (Event::MerchantOpened(facts) | Event::MerchantChanged(facts)) = event else {
            return Err(Error::internal("an event about a deal is none about a merchant"));
        };
        self.merchants.entry(facts.merchant_id).or_default().known = Some(facts.clone());
        self.tell(facts.merchant_id, event, out)?;
        Ok(facts.clone())
    }

    /// Numbers the event under its merchant and emits it; its sequence.
    fn tell(&mut self, merchant_id: i64, event: &Event, out: &mut Out<'_>) -> Result<i64> {
        let slot = self.merchants.entry(merchant_id).or_default();
        slot.sequence += 1;
        self.changed_merchants.insert(merchant_id);
        out.emit(merchant_id, slot.sequence, event)?;
        Ok(slot.sequence)
    }

    /// A run looked at the merchant's lines up to `through`. A mark only rises.
    pub(super) fn mark_billed(&mut self, merchant_id: i64, month: i64, through: i64) {
        let key = month_key(merchant_id, month);
        if self.marks.get(&key).is_none_or(|[_, _, marked]| *marked < through) {
            self.marks.insert(key.clone(), [merchant_id, month, through]);
            self.changed_marks.insert(key);
        }
    }

    pub(super) fn store(mut self, tx: &mut dyn Session) -> Result<()> {
        // What was asked for and decided in one batch is written once.
        for fresh in &self.fresh {
            self.changed.remove(fresh);
        }
        let fresh: Vec<&Stored> = self.fresh.iter().filter_map(|id| self.deals.get(id)).collect();
        tx.insert_many(&DEAL, fresh.iter().map(|stored| stored.to_row()).collect())?;
        let members: BTreeSet<i64> = fresh.iter().map(|stored| stored.deal.facts.member_id).collect();
        let member = |id: &i64| Some(Row(vec![(*id).into(), (*self.last_deals.get(id)?).into()]));
        tx.upsert_many(&MEMBER, members.iter().filter_map(member).collect())?;
        let changed = self.changed.iter().filter_map(|id| self.deals.get(id)).map(Stored::to_state_row);
        tx.update_many(&DEAL_STATE, changed.collect())?;
        let merchant = |id: &i64| Some(self.merchants.get(id)?.to_row(*id));
        tx.upsert_many(&MERCHANT, self.changed_merchants.iter().filter_map(merchant).collect())?;
        let mark = |key: &String| {
            let [merchant_id, month, through] = *self.marks.get(key)?;
            Some(Row(vec![key.clone().into(), merchant_id.into(), month.into(), through.into()]))
        };
        tx.upsert_many(&BILLED_MONTH, self.changed_marks.iter().filter_map(mark).collect())
    }
}
