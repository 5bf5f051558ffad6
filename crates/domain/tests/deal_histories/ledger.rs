//! The context point: questions are decided as they arrive, and deal's log is followed.

use domain::deal::{DealType, Event};
use domain::point::{self, Account, AskDeal, DealAsk, DealDecision, Event as PointEvent};

use crate::system::{Entry, News, System, Without};

impl System {
    pub fn point_follows(&mut self, count: usize) {
        let piece: Vec<Event> =
            self.deal_log.iter().skip(self.cursors.point).take(count).map(|(_, _, event)| event.clone()).collect();
        self.cursors.point += piece.len();
        for event in &piece {
            let (facts, ask) = match event {
                Event::UseVoided(facts) if self.without != Without::Void => (facts, DealAsk::Void),
                Event::SaveCancelled(facts) => {
                    (facts, DealAsk::CancelSave { of: facts.original_deal_id.unwrap_or(0), may_owe: true })
                }
                Event::UseCancelled(facts) => (facts, DealAsk::CancelUse { of: facts.original_deal_id.unwrap_or(0) }),
                Event::DealLeftToPoint(facts) if facts.deal_type == DealType::Save => (facts, DealAsk::Save),
                Event::DealLeftToPoint(facts) => {
                    (facts, DealAsk::CancelSave { of: facts.original_deal_id.unwrap_or(0), may_owe: false })
                }
                _ => continue,
            };
            let question = self.question(facts, ask);
            self.decide(&question, ask != DealAsk::Void);
        }
    }

    pub fn decide(&mut self, question: &AskDeal, is_told: bool) -> DealDecision {
        let is_void = question.ask == DealAsk::Void;
        self.news.push(News::PointHears { deal_id: question.deal_id, is_void });
        self.expire(question.member_id);
        let known = self.records.get(&question.deal_id).filter(|_| self.without != Without::Memory);
        let original = question.ask.original().and_then(|original| self.records.get(&original));
        let account = self.accounts.get(&question.member_id);
        let outcome = point::decide_deal(account, known, original, question);
        outcome.events.iter().for_each(|event| self.book(question.member_id, event));
        if !(self.without == Without::VoidBefore && is_void && !self.records.contains_key(&question.deal_id)) {
            self.records.extend(outcome.record.into_iter().chain(outcome.original).map(|deal| (deal.deal_id, deal)));
        }
        if is_told {
            self.point_log.push(outcome.decision.clone());
        }
        outcome.decision
    }

    pub fn book(&mut self, member: i64, event: &PointEvent) {
        let account = self.accounts.get_mut(&member).expect("there are events only of accounts");
        point::apply(account, event);
        if let PointEvent::PointsMoved(movement) = event {
            self.entries.push(Entry { member, kind: movement.kind, amount: movement.amount });
            if let Some(repaid) = point::repay_owed(account, movement) {
                self.book(member, &repaid);
            }
        }
    }

    pub fn expire(&mut self, member: i64) {
        let today = self.today();
        while self.on_account(member, |account| point::expire_lots(account, today)) {}
    }

    /// Whether anything happened.
    pub fn on_account(&mut self, member: i64, verb: impl FnOnce(&Account) -> Option<PointEvent>) -> bool {
        let event = self.accounts.get(&member).and_then(verb);
        event.iter().for_each(|event| self.book(member, event));
        event.is_some()
    }
}
