//! The rules of deal and point, put together as the program does it: three commits for a deal, questions and answers
//! that are lost, late or doubled, and logs that are followed later. A control leaves one protection out.

use std::collections::BTreeMap;

use domain::deal::{self, CancelDeal, ChangeMerchant, Deal, DealStatus, DealType, Event, MerchantFacts, RequestDeal};
use domain::kernel::Day;
use domain::point::{self, Account, AskDeal, DealAsk, DealDecision, DealRecord, EntryKind, Event as PointEvent};

use crate::settlement::Settlement;
use crate::steps::{Fate, MEMBERS, POLICY, Posting, Step};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Months until earned points expire; short, so that they do.
pub const EXPIRY_MONTHS: i32 = 2;

/// A protection that a control leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    Nothing,
    /// Point answers a deal that it knows anew.
    Memory,
    /// A void that comes before its use leaves nothing behind.
    VoidBefore,
    /// The sweep ends a use as failed, and point does not hear of it.
    Void,
    /// Deal does not note what a cancel takes of the original.
    Reservation,
    /// Settlement takes an event in as often as it comes.
    Sequences,
}

/// An entry of the ledger.
#[derive(Debug, Clone)]
pub struct Entry {
    pub member: i64,
    pub kind: EntryKind,
    pub amount: i64,
}

/// What is on its way between the contexts.
#[derive(Debug, Clone)]
enum Message {
    Question(AskDeal),
    Answer(DealDecision),
}

/// What reached whom, in the order in which it did: all that a model need know.
#[derive(Debug, Clone)]
pub enum News {
    Posted(Posting),
    /// Point hears of a deal, or that it is voided.
    PointHears {
        deal_id: i64,
        is_void: bool,
    },
    /// Deal hears what point decided.
    DealHears {
        deal_id: i64,
    },
    /// Settlement hears of a deal that ended.
    SettlementHears {
        deal_id: i64,
    },
    Billed {
        merchant: i64,
        month: i64,
        used_point: i64,
        deal_count: i64,
    },
}

/// One thing that happens until everything is at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// What is on its way arrives.
    Arrive,
    /// Half a minute and more goes by.
    Pass,
    Sweep,
    Point,
    Deal,
    Settlement,
    Bill,
}

/// In this order, as often as it takes.
pub const ENDS: [End; 7] = [End::Arrive, End::Pass, End::Sweep, End::Point, End::Deal, End::Settlement, End::Bill];

/// How far logs have been followed.
#[derive(Default)]
struct Cursors {
    point: usize,
    deal: usize,
    settlement: usize,
}

/// The contexts.
pub struct System {
    pub without: Without,
    may_owe: bool,
    pub now_ms: i64,
    days: Vec<Day>,
    pub deals: BTreeMap<i64, Deal>,
    merchants: BTreeMap<i64, (Option<MerchantFacts>, i64)>,
    deal_log: Vec<(i64, i64, Event)>,
    /// Sequence of the event that ended each deal.
    pub ended: BTreeMap<i64, i64>,
    pub accounts: BTreeMap<i64, Account>,
    pub records: BTreeMap<i64, DealRecord>,
    pub entries: Vec<Entry>,
    point_log: Vec<DealDecision>,
    on_the_way: Vec<Message>,
    cursors: Cursors,
    pub settlement: Settlement,
    news: Vec<News>,
}

impl System {
    pub fn new(without: Without, may_owe: bool) -> Self {
        let days = std::iter::successors(Some(Day::new(2031, 12, 15)), |day| Some(day.next())).take(8_000).collect();
        let mut accounts = BTreeMap::new();
        for member in 1..=MEMBERS {
            let follow = point::FollowMember { member_sequence: 1, status: domain::member::MemberStatus::Normal };
            let mut account = Account::new(member);
            point::open_account(None, &follow).iter().for_each(|event| point::apply(&mut account, event));
            accounts.insert(member, account);
        }
        Self {
            without,
            may_owe,
            now_ms: 0,
            days,
            deals: BTreeMap::new(),
            merchants: BTreeMap::new(),
            deal_log: Vec::new(),
            ended: BTreeMap::new(),
            accounts,
            records: BTreeMap::new(),
            entries: Vec::new(),
            point_log: Vec::new(),
            on_the_way: Vec::new(),
            cursors: Cursors::default(),
            settlement: Settlement::new(without == Without::Sequences),
            news: Vec::new(),
        }
    }

    pub fn today(&self) -> Day {
        self.day_of(self.now_ms)
    }

    pub fn day_of(&self, at_ms: i64) -> Day {
        self.days[usize::try_from(at_ms / DAY_MS).expect("time does not run backwards")]
    }

    /// Does a step; what reached whom by it.
    pub fn take(&mut self, step: &Step) -> Vec<News> {
        match step {
            Step::Post(posting, fate) => self.post(posting, *fate),
            Step::Retry(pick, fate) => {
                let pending = self.deals.values().filter(|deal| deal.status == DealStatus::Pending);
                let pending: Vec<i64> = pending.map(|deal| deal.facts.deal_id).collect();
                if let Some(deal_id) = picked(&pending, *pick) {
                    self.ask(deal_id, *fate);
                }
            }
            Step::Arrive(pick) => {
                let places: Vec<usize> = (0..self.on_the_way.len()).collect();
                if let Some(place) = picked(&places, *pick) {
                    self.arrive(place);
                }
            }
            Step::PointFollows(count) => self.point_follows(*count),
            Step::DealFollows(count) => self.deal_follows(*count),
            Step::SettlementFollows(count) => self.settlement_follows(*count),
            // The cursor was lost with the process; the effects were not.
            Step::Again => {
                self.cursors.point = self.cursors.point.saturating_sub(2);
                self.cursors.deal = self.cursors.deal.saturating_sub(2);
                self.cursors.settlement = self.cursors.settlement.saturating_sub(2);
            }
            Step::Sweep => self.sweep(),
            Step::Pass(ms) => self.now_ms += ms,
            Step::Look(member) => self.expire(*member),
            Step::Prepare(member, attempt) => {
                self.on_account(*member, |account| point::prepare_withdrawal(account, *attempt).ok().flatten());
            }
            Step::Release(member, attempt) => {
                self.on_account(*member, |account| point::release_withdrawal(account, *attempt));
            }
            Step::Leave(member) => {
                self.on_account(*member, point::forfeit_points);
                self.on_account(*member, |account| point::close_account(account, 9));
            }
            Step::Block(merchant, status) => {
                if let Some((Some(known), _)) = self.merchants.get(merchant) {
                    let change = ChangeMerchant { status: Some(*status), ..ChangeMerchant::default() };
                    let event = deal::change_merchant(known, &change).expect("rates hold");
                    event.iter().for_each(|event| self.tell(*merchant, event));
                }
            }
            Step::Bill(merchant, back) => self.bill(*merchant, self.today().month.plus(-back).as_number()),
        }
        std::mem::take(&mut self.news)
    }

    pub fn bill(&mut self, merchant: i64, month: i64) {
        if let Some((used_point, deal_count)) = self.settlement.bill(merchant, month) {
            self.news.push(News::Billed { merchant, month, used_point, deal_count });
        }
    }

    /// A step towards rest; what reached whom by it.
    pub fn end(&mut self, end: End) -> Vec<News> {
        match end {
            End::Arrive => {
                while !self.on_the_way.is_empty() {
                    self.arrive(0);
                }
            }
            End::Pass => self.now_ms += 60_000,
            End::Sweep => self.sweep(),
            End::Point => self.point_follows(usize::MAX),
            End::Deal => self.deal_follows(usize::MAX),
            End::Settlement => self.settlement_follows(usize::MAX),
            End::Bill => {
                let merchants: Vec<i64> = self.merchants.keys().copied().collect();
                for merchant in merchants {
                    let months = self.settlement.months(merchant);
                    months.into_iter().for_each(|month| self.bill(merchant, month));
                }
            }
        }
        std::mem::take(&mut self.news)
    }

    // The context deal.

    fn post(&mut self, posting: &Posting, fate: Fate) {
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
            };
            let original = self.deals.values().rev().find(|deal| deal::can_cancel(deal, &cancel));
            vec![deal::cancel_deal(original, &cancel, self.may_owe)]
        };
        events.iter().for_each(|event| self.tell(merchant_id, event));
        self.ask(deal_id, fate);
    }

    /// Takes an event of deal in, and appends it to the log.
    fn tell(&mut self, merchant_id: i64, event: &Event) {
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

    fn deal_hears(&mut self, decision: &DealDecision) {
        self.news.push(News::DealHears { deal_id: decision.deal_id });
        let deal = &self.deals[&decision.deal_id];
        let merchant_id = deal.facts.merchant_id;
        deal::record_decision(deal, decision).iter().for_each(|event| self.tell(merchant_id, event));
    }

    fn sweep(&mut self) {
        let due: Vec<(i64, Event)> = self
            .deals
            .values()
            .filter_map(|deal| Some((deal.facts.merchant_id, deal::give_up(deal, self.now_ms)?)))
            .collect();
        due.iter().for_each(|(merchant_id, event)| self.tell(*merchant_id, event));
    }

    fn deal_follows(&mut self, count: usize) {
        let piece: Vec<DealDecision> = self.point_log.iter().skip(self.cursors.deal).take(count).cloned().collect();
        self.cursors.deal += piece.len();
        piece.iter().for_each(|decision| self.deal_hears(decision));
    }

    // Between deal and point.

    /// Asks point about a deal that is pending, or whose points have not followed.
    fn ask(&mut self, deal_id: i64, fate: Fate) {
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

    fn question(&self, facts: &deal::DealFacts, ask: DealAsk) -> AskDeal {
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

    fn arrive(&mut self, place: usize) {
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

    // The context point.

    fn point_follows(&mut self, count: usize) {
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

    fn decide(&mut self, question: &AskDeal, is_told: bool) -> DealDecision {
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

    fn book(&mut self, member: i64, event: &PointEvent) {
        let account = self.accounts.get_mut(&member).expect("there are events only of accounts");
        point::apply(account, event);
        if let PointEvent::PointsMoved(movement) = event {
            self.entries.push(Entry { member, kind: movement.kind, amount: movement.amount });
            if let Some(repaid) = point::repay_owed(account, movement) {
                self.book(member, &repaid);
            }
        }
    }

    fn expire(&mut self, member: i64) {
        let today = self.today();
        while self.on_account(member, |account| point::expire_lots(account, today)) {}
    }

    /// Whether anything happened.
    fn on_account(&mut self, member: i64, verb: impl FnOnce(&Account) -> Option<PointEvent>) -> bool {
        let event = self.accounts.get(&member).and_then(verb);
        event.iter().for_each(|event| self.book(member, event));
        event.is_some()
    }

    // The context settlement.

    fn settlement_follows(&mut self, count: usize) {
        let piece: Vec<_> = self.deal_log.iter().skip(self.cursors.settlement).take(count).cloned().collect();
        self.cursors.settlement += piece.len();
        for (merchant, sequence, event) in piece {
            let dated = |at_ms: i64| self.day_of(at_ms).month.as_number();
            let line = match &event {
                Event::UseDealt(facts) => Some((dated(facts.dealt_at_ms), facts.point, facts.deal_id)),
                Event::UseCancelled(facts) => Some((dated(facts.dealt_at_ms), -facts.point, facts.deal_id)),
                _ => None,
            };
            self.settlement.take(merchant, sequence, line.map(|(month, point, _)| (month, point)));
            self.news.extend(line.map(|(_, _, deal_id)| News::SettlementHears { deal_id }));
        }
    }
}

fn picked<T: Copy>(of: &[T], pick: usize) -> Option<T> {
    of.get(pick.checked_rem(of.len())?).copied()
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
