//! The rules of deal and point, put together as the program does it: three commits for a deal, questions and answers
//! that are lost, late or doubled, and logs that are followed later. A control leaves one protection out.

use std::collections::BTreeMap;

use domain::deal::{self, ChangeMerchant, Deal, DealStatus, Event, MerchantFacts};
use domain::kernel::{Day, Month};
use domain::point::{self, Account, AskDeal, DealDecision, DealRecord, EntryKind};
use domain::settlement::{Line, LineKind};

use crate::settlement::{Settlement, Told};
use crate::steps::{MEMBERS, Posting, Step};

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
pub enum Message {
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
pub struct Cursors {
    pub point: usize,
    pub deal: usize,
    pub settlement: usize,
}

/// The contexts.
pub struct System {
    pub without: Without,
    pub may_owe: bool,
    pub now_ms: i64,
    days: Vec<Day>,
    pub deals: BTreeMap<i64, Deal>,
    pub merchants: BTreeMap<i64, (Option<MerchantFacts>, i64)>,
    pub deal_log: Vec<(i64, i64, Event)>,
    /// Sequence of the event that ended each deal.
    pub ended: BTreeMap<i64, i64>,
    pub accounts: BTreeMap<i64, Account>,
    pub records: BTreeMap<i64, DealRecord>,
    pub entries: Vec<Entry>,
    pub point_log: Vec<DealDecision>,
    pub on_the_way: Vec<Message>,
    pub cursors: Cursors,
    pub settlement: Settlement,
    pub news: Vec<News>,
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
            Step::Post(posting, fate) => {
                let posting = self.named(posting.clone());
                self.post(&posting, *fate);
            }
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
            Step::Bill(merchant, back) => self.bill(*merchant, self.today().month.plus(-back)),
        }
        std::mem::take(&mut self.news)
    }

    fn bill(&mut self, merchant: i64, month: Month) {
        if let Some((used_point, deal_count)) = self.settlement.bill(merchant, month, self.today().month) {
            let month = month.as_number();
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

    pub fn settlement_follows(&mut self, count: usize) {
        let piece: Vec<_> = self.deal_log.iter().skip(self.cursors.settlement).take(count).cloned().collect();
        self.cursors.settlement += piece.len();
        for (merchant, sequence, event) in piece {
            let line = |facts: &deal::DealFacts, kind, point| {
                let month = Month::from_number(facts.month).expect("a month");
                Told::Line(Line { deal_id: facts.deal_id, month, kind, point })
            };
            let told = match &event {
                Event::UseDealt(facts) => line(facts, LineKind::Use, facts.point),
                Event::UseCancelled(facts) => line(facts, LineKind::Cancel, -facts.point),
                Event::MerchantOpened(_) | Event::MerchantChanged(_) => Told::Merchant,
                _ => Told::Other,
            };
            self.settlement.take(merchant, sequence, told);
            if let Told::Line(Line { deal_id, .. }) = told {
                self.news.push(News::SettlementHears { deal_id });
            }
        }
    }
}

pub fn picked<T: Copy>(of: &[T], pick: usize) -> Option<T> {
    of.get(pick.checked_rem(of.len())?).copied()
}
