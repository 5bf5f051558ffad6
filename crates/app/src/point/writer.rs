//! Point's side of the funnel: what can be asked of the ledger, and which verb decides it.

use domain::kernel::Month;
use domain::member::MemberStatus;
use domain::point::{
    self, ClawBack, DealDecision, DonationDecision, FollowMember, PaymentAnswer, Reference, Rejection,
};
use platform::db::{Session, Value};
use platform::error::{Error, Result};
use platform::funnel::{Moment, Out, Writer};
use platform::log;
use platform::zone::Zone;

use super::deal::{DealQuestion, Heard};
use super::deal_rows::DealRows;
use super::donate::{Answers, DonationQuestion};
use super::entry::{EntryView, PointEvent};
use super::expire;
use super::hold::{HoldCommand, Payment};
use super::hold_rows::HoldRows;
use super::hold_view::HoldView;
use super::store::{ACCOUNT, ENTRY, Loaded, Slot};
use super::views::{Adjusted, ClawedBack};
use crate::kit::{day_of, month_of};

/// The programme's settings that concern points (SPEC section 5).
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Points given once to a member who becomes NORMAL.
    pub welcome_point: i64,
    /// Months after the month of earning at whose end points expire.
    pub expiry_months: i32,
}

/// What a transaction is about.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// Points; with sign only for an adjustment.
    pub amount: i64,
    /// What it is about.
    pub reference: Option<Reference>,
    /// Why, in the words of whoever asked.
    pub reason: Option<String>,
}

/// Which way points go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionKind {
    /// To the member.
    Earn,
    /// From the member.
    Use,
    /// By the operator, either way.
    Adjust,
}

/// What can be asked of the ledger.
#[derive(Debug)]
pub enum Command {
    /// Earn, use or adjust.
    Transact { member_id: i64, kind: TransactionKind, transaction: Transaction },
    /// Seed 0's PATCH.
    RequestAdjustment { member_id: i64, require_point: i64, reason: Option<String> },
    /// An event of member.
    FollowMember { member_id: i64, follow: FollowMember, welcome: bool },
    /// A withdrawal begins.
    PrepareWithdrawal { member_id: i64, attempt: i64 },
    /// It was undone.
    ReleaseWithdrawal { member_id: i64, attempt: i64 },
    /// It was decided.
    ConfirmWithdrawal { member_id: i64, attempt: i64 },
    /// A donation is to be decided.
    Donate(DonationQuestion),
    /// A deal is to be decided, cancelled or voided.
    Deal { question: DealQuestion, heard: Heard },
    /// Points that were given by mistake are taken back.
    ClawBack { member_id: i64, claw_back: ClawBack },
    /// Points are set aside, or what was set aside ends.
    Hold(HoldCommand),
    /// A payment asks.
    Payment(Payment),
    /// What has ended expires, what is about to end is announced.
    ExpireLots { member_id: i64 },
}

impl Command {
    pub(super) fn member_id(&self) -> i64 {
        match self {
            Self::Transact { member_id, .. }
            | Self::RequestAdjustment { member_id, .. }
            | Self::FollowMember { member_id, .. }
            | Self::PrepareWithdrawal { member_id, .. }
            | Self::ReleaseWithdrawal { member_id, .. }
            | Self::ConfirmWithdrawal { member_id, .. }
            | Self::Donate(DonationQuestion { member_id, .. })
            | Self::Deal { question: DealQuestion { member_id, .. }, .. }
            | Self::ClawBack { member_id, .. }
            | Self::Payment(Payment { member_id, .. })
            | Self::ExpireLots { member_id } => *member_id,
            Self::Hold(command) => command.member_id(),
        }
    }

    /// What a payment asks, if it is one.
    pub(super) fn payment(&self) -> Option<&Payment> {
        if let Self::Payment(payment) = self { Some(payment) } else { None }
    }
}

/// What the ledger answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Points moved.
    Entry(EntryView),
    /// The answer to a PATCH.
    Adjusted(Adjusted),
    /// What taking points back came to.
    ClawedBack(ClawedBack),
    /// The answer to a prepare: points that would be lost.
    Prepared(Result<i64, Rejection>),
    /// The answer to a donation.
    Decided(DonationDecision),
    /// The answer to a deal.
    Dealt(DealDecision),
    /// How a hold stands.
    Hold(HoldView),
    /// The answer to a payment.
    Payment(PaymentAnswer),
    /// Nothing to say.
    Taken,
}

/// Point's side of the funnel.
pub struct PointWriter {
    pub(super) policy: Policy,
    pub(super) zone: Zone,
}

impl PointWriter {
    pub(super) fn new(policy: Policy, zone: Zone) -> Self {
        Self { policy, zone }
    }

    pub(super) fn expiry(&self, moment: &Moment) -> Month {
        month_of(moment.day).plus(self.policy.expiry_months)
    }
}

impl Writer for PointWriter {
    type Command = Command;
    type Answer = Answer;
    type Loaded = Loaded;

    fn load(&mut self, tx: &mut dyn Session, commands: &[&Command], moment: &Moment) -> Result<Loaded> {
        let mut ids: Vec<i64> = commands.iter().map(|command| command.member_id()).collect();
        ids.sort_unstable();
        ids.dedup();
        let keys: Vec<Value> = ids.into_iter().map(Value::Int).collect();
        let rows = tx.lock_many(&ACCOUNT, &keys)?;
        let slots = rows.iter().map(|row| (row.int(0), Slot::read(row))).collect();
        let ended_rows = expire::ended_rows(&slots, day_of(moment.day));
        let answers = Answers::load(tx, commands)?;
        let deals = DealRows::load(tx, commands)?;
        let holds = HoldRows::load(tx, commands, &slots, ended_rows)?;
        Ok(Loaded { slots, entries: Vec::with_capacity(commands.len()), answers, deals, holds, ended_rows })
    }

    fn more_rows(&self, loaded: &Loaded) -> usize {
        loaded.ended_rows + loaded.holds.more_rows
    }

    fn decide(&mut self, loaded: &mut Loaded, command: &Command, out: &mut Out<'_>) -> Result<Answer> {
        // Whatever is asked: what has ended is gone first.
        if loaded.ended_rows > 0 {
            loaded.expire_lots(command.member_id(), out)?;
        }
        match command {
            Command::Transact { member_id, kind, transaction } => {
                self.transact(loaded, *member_id, *kind, transaction, out)
            }
            Command::RequestAdjustment { member_id, require_point, reason } => {
                self.request_adjustment(loaded, *member_id, *require_point, reason.as_ref(), out)
            }
            Command::FollowMember { member_id, follow, welcome } => {
                self.follow(loaded, *member_id, follow, *welcome, out)
            }
            Command::PrepareWithdrawal { member_id, attempt } => Self::prepare(loaded, *member_id, *attempt, out),
            Command::ReleaseWithdrawal { member_id, attempt } => {
                Self::end_withdrawal(loaded, *member_id, *attempt, false, out)
            }
            Command::ConfirmWithdrawal { member_id, attempt } => {
                Self::end_withdrawal(loaded, *member_id, *attempt, true, out)
            }
            Command::Donate(question) => Self::donate(loaded, question, out),
            Command::Deal { question, heard } => self.deal(loaded, question, *heard, out),
            Command::Hold(command) => self.hold(loaded, command, out),
            Command::Payment(payment) => Self::payment(loaded, payment, out),
            Command::ClawBack { member_id, claw_back } => Self::claw_back(loaded, *member_id, claw_back, out),
            Command::ExpireLots { member_id } => {
                loaded.announce_expiry(*member_id, out)?;
                Ok(Answer::Taken)
            }
        }
    }

    fn store(&mut self, tx: &mut dyn Session, loaded: Loaded) -> Result<()> {
        let changed = loaded.slots.into_values().filter(|slot| slot.changed);
        let (new, known): (Vec<_>, Vec<_>) = changed.partition(|slot| slot.is_new);
        tx.insert_many(&ACCOUNT, new.into_iter().map(Slot::into_row).collect())?;
        tx.update_many(&ACCOUNT, known.into_iter().map(Slot::into_row).collect())?;
        loaded.answers.store(tx)?;
        loaded.deals.store(tx)?;
        loaded.holds.store(tx)?;
        tx.insert_many(&ENTRY, loaded.entries)
    }

    fn recall(&self, command: &Command, event: &log::Event) -> Result<Answer> {
        if let Command::Hold(command) = command {
            return command.recall(event, &self.zone);
        }
        let told: PointEvent = event.decode()?;
        match (command, told) {
            (
                Command::RequestAdjustment { .. },
                PointEvent::AdjustmentRejected { member_id, require_point, reason, member_status, remain_point },
            ) => {
                Ok(Answer::Adjusted(Adjusted::new(member_id, member_status, remain_point, require_point, Some(reason))))
            }
            (Command::RequestAdjustment { .. }, PointEvent::PointsAdjusted(facts)) => Ok(Answer::Adjusted(
                Adjusted::new(facts.member_id, MemberStatus::Normal, facts.balance_after, facts.amount, None),
            )),
            (
                Command::Transact { kind, transaction, .. },
                PointEvent::PointsEarned(facts) | PointEvent::PointsUsed(facts) | PointEvent::PointsAdjusted(facts),
            ) => {
                Ok(Answer::Entry(EntryView {
                    entry_id: facts.entry_id,
                    member_id: facts.member_id,
                    kind: kind.entry_kind(),
                    amount: facts.amount,
                    balance_after: facts.balance_after,
                    // The same body came with the same key, so its words are the ones that were written.
                    reference: transaction.reference.clone(),
                    reason: transaction.reason.clone(),
                    at: self.zone.format(event.at_ms),
                }))
            }
            (
                Command::ClawBack { .. },
                PointEvent::PointsClawedBack { member_id, taken_point, owed_point, owed, remain_point },
            ) => Ok(Answer::ClawedBack(ClawedBack { member_id, taken_point, owed_point, owed, remain_point })),
            _ => Err(Error::internal("a remembered answer belongs to another command")),
        }
    }
}

impl TransactionKind {
    /// The kind of the entry that it leaves.
    pub(super) fn entry_kind(self) -> point::EntryKind {
        match self {
            Self::Earn => point::EntryKind::Earn,
            Self::Use => point::EntryKind::Use,
            Self::Adjust => point::EntryKind::Adjust,
        }
    }
}
