//! The question of a donation: decided once, answered for ever. It comes from donation directly and by its log; the
//! first to arrive decides, and everyone hears the same.

use std::collections::HashMap;

use domain::donation::DonationStatus;
use domain::point::{self, DonatePoints, DonationDecision, Event, Reference, Rejection};
use platform::db::{Row, Session, Value};
use platform::error::{Error, Result};
use platform::funnel::Out;
use serde::{Deserialize, Serialize};

use super::entry::PointEvent;
use super::store::{Loaded, QUESTION};
use super::writer::{Answer, Command, PointWriter};

/// May these points go to a cause?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DonationQuestion {
    /// The donation.
    pub donation_id: i64,
    /// Who gives.
    pub member_id: i64,
    /// Points.
    pub amount: i64,
    /// The available points have to be more than this.
    pub balance_above: i64,
}

impl DonationQuestion {
    /// The key under which the answer stands.
    fn key(&self) -> String {
        format!("donation:{}", self.donation_id)
    }
}

/// Answers to the questions of a batch.
#[derive(Default)]
pub(super) struct Answers {
    known: HashMap<String, DonationDecision>,
    fresh: Vec<Row>,
}

impl Answers {
    /// Those that were given before. A batch without questions costs nothing.
    pub(super) fn load(tx: &mut dyn Session, commands: &[&Command]) -> Result<Self> {
        let asked = commands.iter().filter_map(|command| match command {
            Command::Donate(question) => Some(question.key()),
            _ => None,
        });
        let mut keys: Vec<String> = asked.collect();
        if keys.is_empty() {
            return Ok(Self::default());
        }
        keys.sort_unstable();
        keys.dedup();
        let keys: Vec<Value> = keys.into_iter().map(Value::from).collect();
        let mut known = HashMap::new();
        for mut row in tx.load_many(&QUESTION, &keys)? {
            let answer = serde_json::from_str(row.text(2))
                .map_err(|error| Error::internal("a recorded answer cannot be read").caused_by(error))?;
            known.extend(row.take_text(0).map(|key| (key, answer)));
        }
        Ok(Self { known, fresh: Vec::new() })
    }

    pub(super) fn store(self, tx: &mut dyn Session) -> Result<()> {
        if self.fresh.is_empty() { Ok(()) } else { tx.insert_many(&QUESTION, self.fresh) }
    }

    fn record(&mut self, key: String, decision: &DonationDecision) -> Result<()> {
        let answer = serde_json::to_string(decision)
            .map_err(|error| Error::internal("an answer cannot be written").caused_by(error))?;
        let row = [key.clone().into(), decision.member_id.into(), answer.into(), decision.decided_at_ms.into()];
        self.fresh.push(Row(row.into()));
        self.known.insert(key, decision.clone());
        Ok(())
    }
}

impl PointWriter {
    /// Decides a donation, or gives the answer that it got before. Never refuses to answer: a no is an answer.
    pub(super) fn donate(loaded: &mut Loaded, question: &DonationQuestion, out: &mut Out<'_>) -> Result<Answer> {
        if let Some(decision) = loaded.answers.known.get(&question.key()) {
            return Ok(Answer::Decided(decision.clone()));
        }
        let reference = Reference { kind: "donation".to_owned(), id: question.donation_id.to_string() };
        let DonationQuestion { donation_id, member_id, amount, balance_above } = *question;
        let command = DonatePoints { amount, balance_above, reference: Some(reference) };
        let account = loaded.slots.get(&member_id).map(|slot| &slot.account).filter(|account| !account.closed);
        let balance_before = account.map(|account| account.remain_point);
        let decided = account.map_or(Err(Rejection::AccountUnknown), |account| point::donate_points(account, &command));
        let mut decision = DonationDecision {
            donation_id,
            member_id,
            amount,
            status: DonationStatus::Rejected,
            reason: None,
            entry_id: None,
            balance_before,
            balance_after: balance_before,
            decided_at_ms: out.moment.now_ms,
        };
        match decided {
            Ok(event) => {
                let entry = loaded.record(member_id, &event, out)?;
                decision.status = DonationStatus::Donated;
                decision.entry_id = entry.as_ref().map(|entry| entry.position);
                decision.balance_after = entry.map(|entry| entry.balance_after);
            }
            // An account that never was, or no longer is: who gives is not a member.
            Err(Rejection::AccountUnknown) => decision.reason = Some("member_unknown".to_owned()),
            Err(rejection) => decision.reason = Some(rejection.reason().to_owned()),
        }
        if loaded.slots.contains_key(&member_id) {
            loaded.record(member_id, &Event::DonationDecided(decision.clone()), out)?;
        } else {
            // Without an account there is nothing whose events could be numbered.
            out.emit(member_id, 0, &PointEvent::DonationDecided(decision.clone()))?;
        }
        loaded.answers.record(question.key(), &decision)?;
        Ok(Answer::Decided(decision))
    }
}
