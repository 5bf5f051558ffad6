//! Deal's side of the funnel: what can be asked of it, and which verb decides it.

use std::collections::HashSet;

use domain::deal::{
    self, CancelDeal, ChangeMerchant, DealFacts, DealStatus, DealType, Event, MerchantFacts, Policy, RequestDeal,
};
use domain::point::DealDecision;
use platform::db::Session;
use platform::error::{Error, Result};
use platform::funnel::{Moment, Out, Writer};
use platform::log;

use super::loaded::{Loaded, Touched};
use super::refusal;
use super::store::{MERCHANT, Stored};
use crate::kit::{free_numbers, month_of};

/// A deal as a merchant posts it.
#[derive(Debug, Clone)]
pub struct Posted {
    /// Whose points.
    pub member_id: i64,
    /// Where.
    pub merchant_id: i64,
    /// What it is to be.
    pub deal_type: DealType,
    /// What was paid, in won.
    pub deal_amount: Option<i64>,
    /// Points of a `use`; of a cancel, if only a part is to be cancelled.
    pub point: Option<i64>,
    /// The deal that a cancel names.
    pub original_deal_id: Option<i64>,
}

impl Posted {
    /// As the cancel with this number, if it is one.
    pub(super) fn as_cancel(&self, deal_id: i64, now_ms: i64, month: i64) -> Option<CancelDeal> {
        let Self { member_id, merchant_id, deal_type, deal_amount, point, original_deal_id } = *self;
        let deal_amount = deal_amount.unwrap_or(0);
        (!matches!(deal_type, DealType::Save | DealType::Use)).then_some(CancelDeal {
            deal_id,
            member_id,
            merchant_id,
            deal_type,
            deal_amount,
            point,
            original_deal_id,
            now_ms,
            month,
        })
    }
}

/// What can be asked of deal.
#[derive(Debug)]
pub enum Command {
    /// A merchant posts a deal. `found` is what a cancel that names no deal seems to be about.
    Post { posted: Posted, found: Option<i64> },
    /// Point has decided.
    Record { decision: DealDecision },
    /// Nobody learned in time what point decided.
    GiveUp { deal_id: i64 },
    /// A run of settlement looked at a merchant's month up to a sequence.
    MarkBilled { merchant_id: i64, month: i64, through: i64 },
    /// A new merchant; without a number the next free one is given.
    OpenMerchant { merchant_id: Option<i64>, merchant: MerchantFacts },
    /// A merchant changes.
    ChangeMerchant { merchant_id: i64, change: ChangeMerchant },
}

/// What deal answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The deal as it stands.
    Deal(Box<Stored>),
    /// The deal that this request made before; point may have been heard of since.
    KnownDeal(i64),
    /// The merchant as it stands.
    Merchant(MerchantFacts),
    /// Nothing to say.
    Taken,
}

/// Deal's side of the funnel.
pub struct DealWriter {
    policy: Policy,
}

impl DealWriter {
    pub(super) fn new(policy: Policy) -> Self {
        Self { policy }
    }

    fn post(&self, loaded: &mut Loaded, posted: &Posted, out: &mut Out<'_>) -> Result<Answer> {
        let deal_id = loaded.deal_numbers.pop_front().ok_or_else(too_few_numbers)?;
        let Posted { member_id, merchant_id, deal_type, deal_amount, point, .. } = *posted;
        let (now_ms, month) = (out.moment.now_ms, month_of(out.moment.day).as_number());
        if let Some(cancel) = posted.as_cancel(deal_id, now_ms, month) {
            let event = deal::cancel_deal(loaded.newest(&cancel), &cancel, self.policy.may_owe);
            return loaded.record(merchant_id, &event, out).map(|stored| Answer::Deal(Box::new(stored)));
        }
        let request = RequestDeal { deal_id, member_id, merchant_id, deal_type, deal_amount, point, now_ms, month };
        let events = deal::request_deal(loaded.merchant(merchant_id), &request, &self.policy).map_err(refusal)?;
        let mut stored = None;
        for event in &events {
            if matches!(event, Event::MerchantOpened(_)) {
                // The answer is the deal.
                out.aside(|out| loaded.record_merchant(event, out))?;
            } else {
                stored = Some(loaded.record(merchant_id, event, out)?);
            }
        }
        let stored = stored.ok_or_else(|| Error::internal("a deal was asked for and nothing happened"))?;
        Ok(Answer::Deal(Box::new(stored)))
    }

    fn record(loaded: &mut Loaded, decision: &DealDecision, out: &mut Out<'_>) -> Result<Answer> {
        // Point tells of a deal that is not here only if the two stores do not belong together.
        let Some(stored) = loaded.deal(decision.deal_id) else { return Ok(Answer::Taken) };
        let (mut stored, deal_id) = (stored.clone(), decision.deal_id);
        if !deal::is_about(&stored.deal, decision) {
            tracing::error!(
                deal_id,
                "point decided another deal under this number; the stores of point and deal do not belong together"
            );
        } else if stored.deal.status == DealStatus::Success && !decision.done {
            let reason = decision.reason.as_deref().unwrap_or_default();
            tracing::error!(deal_id, reason, "point refuses a deal that stands; 'onepoint verify' shows which");
        }
        for event in deal::record_decision(&stored.deal, decision) {
            stored = loaded.record(stored.deal.facts.merchant_id, &event, out)?;
        }
        Ok(Answer::Deal(Box::new(stored)))
    }

    fn give_up(loaded: &mut Loaded, deal_id: i64, out: &mut Out<'_>) -> Result<Answer> {
        let Some(stored) = loaded.deal(deal_id) else { return Ok(Answer::Taken) };
        let merchant_id = stored.deal.facts.merchant_id;
        if let Some(event) = deal::give_up(&stored.deal, out.moment.now_ms) {
            loaded.record(merchant_id, &event, out)?;
        }
        Ok(Answer::Taken)
    }

    fn change_merchant(
        loaded: &mut Loaded,
        merchant_id: i64,
        change: &ChangeMerchant,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let merchant = loaded.merchant(merchant_id).ok_or_else(super::merchant_unknown)?;
        match deal::change_merchant(merchant, change).map_err(refusal)? {
            Some(event) => loaded.record_merchant(&event, out).map(Answer::Merchant),
            None => Ok(Answer::Merchant(merchant.clone())),
        }
    }
}

/// Notes what a deal touches.
fn touch(touched: &mut Touched, posted: &Posted, found: Option<i64>) {
    touched.merchants.push(posted.merchant_id);
    touched.members.push(posted.member_id);
    let Some(cancel) = posted.as_cancel(0, 0, 0) else { return };
    touched.deals.extend(posted.original_deal_id.or(found));
    *touched.cancels.entry(posted.member_id).or_insert(0) += 1;
    if posted.original_deal_id.is_none()
        && let Some(found) = found
    {
        touched.found.push((found, cancel));
    }
}

impl Writer for DealWriter {
    type Command = Command;
    type Answer = Answer;
    type Loaded = Loaded;

    fn load(&mut self, tx: &mut dyn Session, commands: &[&Command], _moment: &Moment) -> Result<Loaded> {
        let (mut touched, mut posts, mut unnumbered) = (Touched::default(), 0, 0);
        let mut chosen = HashSet::new();
        for command in commands {
            match command {
                Command::Post { posted, found } => {
                    touch(&mut touched, posted, *found);
                    posts += 1;
                }
                Command::Record { decision } => touched.deals.push(decision.deal_id),
                Command::GiveUp { deal_id } => touched.deals.push(*deal_id),
                Command::MarkBilled { merchant_id, month, .. } => touched.months.push((*merchant_id, *month)),
                Command::OpenMerchant { merchant_id: None, .. } => unnumbered += 1,
                Command::OpenMerchant { merchant_id: Some(merchant_id), .. } => {
                    chosen.insert(*merchant_id);
                    touched.merchants.push(*merchant_id);
                }
                Command::ChangeMerchant { merchant_id, .. } => touched.merchants.push(*merchant_id),
            }
        }
        if unnumbered > 0 {
            // Deals of this batch may open merchants too.
            chosen.extend(&touched.merchants);
        }
        let mut loaded = Loaded::load(tx, touched)?;
        if posts > 0 {
            loaded.deal_numbers = tx.next_ids("deal_number", posts)?.into();
        }
        if unnumbered > 0 {
            loaded.merchant_numbers = free_numbers(tx, ("merchant_number", &MERCHANT), unnumbered, &chosen)?;
        }
        Ok(loaded)
    }

    fn decide(&mut self, loaded: &mut Loaded, command: &Command, out: &mut Out<'_>) -> Result<Answer> {
        match command {
            Command::Post { posted, .. } => self.post(loaded, posted, out),
            Command::Record { decision } => Self::record(loaded, decision, out),
            Command::GiveUp { deal_id } => Self::give_up(loaded, *deal_id, out),
            Command::MarkBilled { merchant_id, month, through } => {
                loaded.mark_billed(*merchant_id, *month, *through);
                Ok(Answer::Taken)
            }
            Command::OpenMerchant { merchant_id, merchant } => {
                let free = merchant_id.or_else(|| loaded.merchant_numbers.pop_front());
                let merchant_id = free.ok_or_else(too_few_numbers)?;
                let merchant = MerchantFacts { merchant_id, ..merchant.clone() };
                let event = deal::open_merchant(loaded.merchant(merchant_id), &merchant).map_err(refusal)?;
                loaded.record_merchant(&event, out).map(Answer::Merchant)
            }
            Command::ChangeMerchant { merchant_id, change } => Self::change_merchant(loaded, *merchant_id, change, out),
        }
    }

    fn store(&mut self, tx: &mut dyn Session, loaded: Loaded) -> Result<()> {
        loaded.store(tx)
    }

    fn recall(&self, command: &Command, event: &log::Event) -> Result<Answer> {
        match (command, event.kind.as_str()) {
            // Nothing changed, so nothing was told.
            (Command::ChangeMerchant { .. }, "done") => Ok(Answer::Taken),
            _ => match (command, event.decode()?) {
                (
                    Command::Post { .. },
                    Event::DealRequested(DealFacts { deal_id, .. })
                    | Event::SaveCancelled(DealFacts { deal_id, .. })
                    | Event::UseCancelled(DealFacts { deal_id, .. })
                    | Event::DealFailed { deal: DealFacts { deal_id, .. }, .. },
                ) => Ok(Answer::KnownDeal(deal_id)),
                (Command::OpenMerchant { .. }, Event::MerchantOpened(merchant))
                | (Command::ChangeMerchant { .. }, Event::MerchantChanged(merchant)) => Ok(Answer::Merchant(merchant)),
                _ => Err(Error::internal("a remembered answer belongs to another command")),
            },
        }
    }
}

fn too_few_numbers() -> Error {
    Error::internal("too few numbers were reserved")
}
