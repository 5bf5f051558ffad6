//! The contexts deal and what is between it and point: deals are posted, point is asked, its answers are recorded.

use domain::deal::{self, CancelDeal, Deal, DealStatus, DealType, Event, RequestDeal};
use domain::point::{AskDeal, DealAsk, DealDecision};

use crate::steps::{Fate, POLICY, Posting};
use crate::system::{EXPIRY_MONTHS, Message, News, System, Without, picked};

impl System {
    /// A cancel that names a deal names one that there is, mostly as its own merchant does.
    pub fn named(&self, posting: Posting) -> Posting {
        let Some(pick) = posting.original_deal_id else { return posting };
        let all: Vec<i64> = self.deals.keys().copied().collect();
        let Some(deal_id) = picked(&all, usize::try_from(pick).unwrap_or(0)) else { return posting };
        let named = Posting { original_deal_id: Some(deal_id), ..posting };
        let Deal { facts, .. } = &self.deals[&deal_id];
        if pick % 5 == 0 {
            named
        } else {
            Posting { member_id: facts.member_id, merchant_id: facts.merchant_id, ..named }
        }
    }

    pub fn post(&mut self, posting: &Posting, fate: Fate) {
        let deal_id = i64::try_from(self.deals.len()).expect("a short history") + 1;
        let Posting { member_id, merchant_id, deal_type, deal_amount, point, original_deal_id } = posting.clone();
        self.news.push(News::Posted(posting.clone()));
        let events = if matches!(deal_type, DealType::Save | DealType::Use) {
            let known = self.merchants.get(&merchant_id).and_then(|(known, _)| known.as_ref());
            let request = RequestDeal {
                deal_id,
                member_id,
                merchant_id,
                deal_type,
                deal_amount: Some(deal_amount),
                point,
                now_ms: self.now_ms,
                month: self.day_of(self.now_ms).month.as_number(),
            };
            deal::request_deal(known, &request, &deal::Policy { may_owe: self.may_owe, ..POLICY }).expect("in bounds")
        } else {
            let cancel = CancelDeal {
                deal_id,
                member_id,
                merchant_id,
                deal_type,
                deal_amount,
                point,
                original_deal_id,
                now_ms: self.now_ms,
                month: self.day_of(self.now_ms).month.as_number(),
            };
            let original = self.deals.values().rev().find(|deal| deal::can_cancel(deal, &cancel));
            vec![deal::cancel_deal(original, &cancel, self.may_owe)]
        };
        events.iter().for_each(|event| self.tell(merchant_id, event));
        self.ask(deal_id, fate);
    }

    /// Takes an event of deal in, and appends it to the log.
    pub fn tell(&mut self, merchant_id: i64, event: &Event) {
        let slot = self.merchants.entry(merchant_id).or_default();
        slot.1 += 1;
        if let Event::MerchantOpened(facts) | Event::MerchantChanged(facts) = event {
            slot.0 = Some(facts.clone());
        }
        self.deal_log.push((merchant_id, slot.1, event.clone()));
        let Some((deal_id, original_id)) = about(event) else { return };
        if !matches!(event, Event::DealRequested(_) | Event::DealLeftToPoint(_) | Event::CancelCompleted { .. }) {
            self.ended.insert(deal_id, slot.1);
        }
        let mut deal = self.deals.remove(&deal_id);
        let without = self.without == Without::Reservation;
        let original = original_id.filter(|_| !without).and_then(|id| self.deals.get_mut(&id));
        deal::apply(&mut deal, original, event);
        self.deals.extend(deal.map(|deal| (deal_id, deal)));
    }

    pub fn deal_hears(&mut self, decision: &DealDecision) {
        self.news.push(News::DealHears { deal_id: decision.deal_id });
        let deal = &self.deals[&decision.deal_id];
        let merchant_id = deal.facts.merchant_id;
        deal::record_decision(deal, decision).iter().for_each(|event| self.tell(merchant_id, event));
    }

    pub fn sweep(&mut self) {
        let due: Vec<(i64, Event)> = self
            .deals
            .values()
            .filter_map(|deal| Some((deal.facts.merchant_id, deal::give_up(deal, self.now_ms)?)))
            .collect();
        due.iter().for_each(|(merchant_id, event)| self.tell(*merchant_id, event));
    }

    pub fn deal_follows(&mut self, count: usize) {
        let piece: Vec<DealDecision> = self.point_log.iter().skip(self.cursors.deal).take(count).cloned().collect();
        self.cursors.deal += piece.len();
        piece.iter().for_each(|decision| self.deal_hears(decision));
    }

    /// Asks point about a deal that is pending, or whose points have not followed.
    pub fn ask(&mut self, deal_id: i64, fate: Fate) {
        let deal = &self.deals[&deal_id];
        let of = deal.facts.original_deal_id.unwrap_or(0);
        let ask = match (deal.status, deal.facts.deal_type) {
            (DealStatus::Fail, _) | (_, DealType::Cancel) => return,
            (_, DealType::Save) => DealAsk::Save,
            (_, DealType::Use) => DealAsk::Use,
            (_, DealType::UseCancel) => DealAsk::CancelUse { of },
            (status, DealType::SaveCancel) => DealAsk::CancelSave { of, may_owe: status == DealStatus::Success },
        };
        let question = self.question(&deal.facts.clone(), ask);
        match fate {
            Fate::Answered => {
                let decision = self.decide(&question, false);
                self.deal_hears(&decision);
            }
            Fate::QuestionLost => {}
            Fate::QuestionLate => self.on_the_way.push(Message::Question(question)),
            Fate::AnswerLost => drop(self.decide(&question, false)),
            Fate::AnswerLate => {
                let decision = self.decide(&question, false);
                self.on_the_way.push(Message::Answer(decision));
            }
            Fate::Doubled => {
                self.on_the_way.push(Message::Question(question));
                let decision = self.decide(&question, false);
                self.on_the_way.push(Message::Answer(decision.clone()));
                self.deal_hears(&decision);
            }
        }
    }

    pub fn question(&self, facts: &deal::DealFacts, ask: DealAsk) -> AskDeal {
        let today = self.today();
        AskDeal {
            deal_id: facts.deal_id,
            member_id: facts.member_id,
            ask,
            point: facts.point,
            expires: today.month.plus(EXPIRY_MONTHS),
            today,
            now_ms: self.now_ms,
        }
    }

    pub fn arrive(&mut self, place: usize) {
        match self.on_the_way.remove(place) {
            Message::Question(question) => {
                // It is decided when it arrives, not when it was sent.
                let today = self.today();
                let expires = today.month.plus(EXPIRY_MONTHS);
                let decision = self.decide(&AskDeal { today, expires, ..question }, false);
                self.on_the_way.push(Message::Answer(decision));
            }
            Message::Answer(decision) => self.deal_hears(&decision),
        }
    }
}

/// The deal that an event is about, and the one that it cancels.
fn about(event: &Event) -> Option<(i64, Option<i64>)> {
    match event {
        Event::DealRequested(facts)
        | Event::SaveDealt(facts)
        | Event::UseDealt(facts)
        | Event::SaveCancelled(facts)
        | Event::UseCancelled(facts)
        | Event::UseVoided(facts)
        | Event::DealLeftToPoint(facts)
        | Event::DealFailed { deal: facts, .. } => Some((facts.deal_id, facts.original_deal_id)),
        Event::CancelCompleted { deal_id, .. } => Some((*deal_id, None)),
        Event::MerchantOpened(_) | Event::MerchantChanged(_) => None,
    }
}
