//! The question of a deal: decided once, answered for ever. It comes from deal directly and by its log; the first to
//! arrive decides, and everyone hears the same.

use domain::point::{self, AskDeal, DealAsk, DealDecision, DealOutcome, Event};
use platform::error::Result;
use platform::funnel::Out;
use serde::{Deserialize, Serialize};

use super::entry::PointEvent;
use super::store::Loaded;
use super::writer::{Answer, PointWriter};
use crate::kit::day_of;

/// May these points move for a deal?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DealQuestion {
    /// The deal, which is the key of the answer.
    pub deal_id: i64,
    /// Whose points.
    pub member_id: i64,
    /// What is asked.
    pub ask: DealAsk,
    /// How many points: 1 to 1,000,000,000,000, or 0 for a `save`; a void gives back whatever there is.
    pub point: i64,
}

/// Who hears of a decision beside whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Nobody: the question waits for its answer.
    ByAsker,
    /// Who follows point's log: the question came by event.
    ByFollowers,
}

impl PointWriter {
    /// Decides a deal, or gives the answer that it got before. Never refuses to answer: a no is an answer. What was
    /// decided before is told again to followers, who may have missed it.
    pub(super) fn deal(
        &self,
        loaded: &mut Loaded,
        question: &DealQuestion,
        heard: Heard,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let DealQuestion { deal_id, member_id, ask, point } = *question;
        let expires = self.expiry(&out.moment);
        let today = day_of(out.moment.day);
        let command = AskDeal { deal_id, member_id, ask, point, expires, today, now_ms: out.moment.now_ms };
        let account = loaded.slots.get(&member_id).map(|slot| &slot.account);
        let original = ask.original().and_then(|original| loaded.deals.get(original));
        let DealOutcome { decision, events, record, original, oddity } =
            point::decide_deal(account, loaded.deals.get(deal_id), original, &command);
        if let Some(oddity) = oddity {
            tracing::error!(?oddity, ?question, "point was asked something about a deal that nobody should ask");
        }
        let mut position = None;
        for event in &events {
            let entry = loaded.record(member_id, event, out)?;
            position = position.or(entry.map(|entry| entry.position));
        }
        if let Some(record) = record {
            loaded.deals.record(record, position);
        }
        if let Some(original) = original {
            loaded.deals.record(original, None);
        }
        if heard == Heard::ByFollowers {
            tell(loaded, decision.clone(), out)?;
        }
        Ok(Answer::Dealt(decision))
    }
}

fn tell(loaded: &mut Loaded, decision: DealDecision, out: &mut Out<'_>) -> Result<()> {
    let member_id = decision.member_id;
    if loaded.slots.contains_key(&member_id) {
        return loaded.record(member_id, &Event::DealDecided(decision), out).map(|_| ());
    }
    // Without an account there is nothing whose events could be numbered.
    out.emit(member_id, 0, &PointEvent::DealDecided(decision)).map(|_| ())
}
