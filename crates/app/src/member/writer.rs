//! Member's side of the funnel: what can be asked of it, and which verb decides it.

use std::collections::HashMap;
use std::sync::Arc;

use domain::member::{self, Confirmation, Event};
use platform::db::{Session, Value};
use platform::error::{Error, Result};
use platform::funnel::{Moment, Out, Writer};
use platform::log;
use platform::seal::Seal;

use super::contacts::{ContactChange, Contacts};
use super::store::{Loaded, MEMBER, Slot, WITHDRAWAL};

/// The programme's settings that concern members (SPEC section 5).
#[derive(Clone)]
pub struct Policy {
    /// A phone number is welcomed again after so many milliseconds; 0 keeps nothing and does not limit.
    pub again_after_ms: i64,
    /// Seals contact data.
    pub seal: Seal,
    /// The programme's secret.
    pub secret: Arc<[u8]>,
}

/// What can be asked of member.
#[derive(Debug)]
pub enum Command {
    /// Someone joins.
    Join { member_id: Option<i64>, contacts: Contacts },
    /// Contact data changes.
    ChangeContacts { member_id: i64, change: ContactChange },
    /// The message to the phone ended.
    RecordDelivery { member_id: i64, phone_revision: i64, delivered: bool },
    /// A withdrawal begins, or is joined.
    RequestWithdrawal { member_id: i64 },
    /// A withdrawal is undone.
    ReleaseWithdrawal { member_id: i64, attempt: i64, reason: String },
    /// A withdrawal is decided.
    DecideWithdrawal { member_id: i64, attempt: i64 },
    /// Point or coupon has followed the decision.
    ConfirmWithdrawal { member_id: i64, confirmation: Confirmation },
    /// The join coupon was issued, or taken back.
    NoteCoupon { member_id: i64, cancelled: bool },
    /// The operator was told that the member joined.
    NoteOperatorTold { member_id: i64 },
}

impl Command {
    pub(super) fn member_id(&self) -> Option<i64> {
        match self {
            Self::Join { member_id, .. } => *member_id,
            Self::ChangeContacts { member_id, .. }
            | Self::RecordDelivery { member_id, .. }
            | Self::RequestWithdrawal { member_id }
            | Self::ReleaseWithdrawal { member_id, .. }
            | Self::DecideWithdrawal { member_id, .. }
            | Self::ConfirmWithdrawal { member_id, .. }
            | Self::NoteCoupon { member_id, .. }
            | Self::NoteOperatorTold { member_id } => Some(*member_id),
        }
    }
}

/// What member answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Joined.
    Joined { member_id: i64, joined_at_ms: i64, contacts: Contacts },
    /// The attempt that is under way.
    Withdrawal { attempt: i64 },
    /// Nothing to say.
    Taken,
}

/// Member's side of the funnel.
pub struct MemberWriter {
    pub(super) policy: Policy,
}

impl MemberWriter {
    pub(super) fn new(policy: Policy) -> Self {
        Self { policy }
    }
}

impl Writer for MemberWriter {
    type Command = Command;
    type Answer = Answer;
    type Loaded = Loaded;

    fn load(&mut self, tx: &mut dyn Session, commands: &[&Command], _moment: &Moment) -> Result<Loaded> {
        let mut ids: Vec<i64> = commands.iter().filter_map(|command| command.member_id()).collect();
        ids.sort_unstable();
        ids.dedup();
        let keys: Vec<Value> = ids.into_iter().map(Value::Int).collect();
        let mut slots: HashMap<i64, Slot> = HashMap::new();
        if !keys.is_empty() {
            slots.extend(tx.lock_many(&MEMBER, &keys)?.iter().map(|row| (row.int(0), Slot::read(row))));
            for mut row in tx.lock_many(&WITHDRAWAL, &keys)? {
                if let Some(slot) = slots.get_mut(&row.int(0)) {
                    slot.read_withdrawal(&mut row);
                }
            }
        }
        let free_numbers = Self::free_numbers(tx, commands)?;
        let welcomed = self.welcomes(tx, commands, &slots)?;
        let coupons_given = self.coupons_given(tx, commands)?;
        Ok(Loaded { slots, free_numbers, welcomed, coupons_given })
    }

    fn decide(&mut self, loaded: &mut Loaded, command: &Command, out: &mut Out<'_>) -> Result<Answer> {
        match command {
            Command::Join { member_id, contacts } => self.join(loaded, *member_id, contacts, out),
            Command::ChangeContacts { member_id, change } => self.change_contacts(loaded, *member_id, change, out),
            Command::RecordDelivery { member_id, phone_revision, delivered } => {
                self.record_delivery(loaded, *member_id, *phone_revision, *delivered, out)
            }
            Command::RequestWithdrawal { member_id } => Self::request_withdrawal(loaded, *member_id, out),
            Command::ReleaseWithdrawal { member_id, attempt, reason } => {
                Self::release(loaded, *member_id, *attempt, reason, out)
            }
            Command::DecideWithdrawal { member_id, attempt } => Self::step(loaded, *member_id, out, |withdrawal| {
                member::decide_withdrawal(withdrawal, *attempt).map(Some)
            }),
            Command::ConfirmWithdrawal { member_id, confirmation } => {
                Self::confirm(loaded, *member_id, *confirmation, out)
            }
            Command::NoteCoupon { member_id, cancelled } => {
                Self::note(loaded, *member_id, out, |member| member::note_coupon(member, *cancelled))
            }
            Command::NoteOperatorTold { member_id } => Self::note(loaded, *member_id, out, member::note_operator_told),
        }
    }

    fn store(&mut self, tx: &mut dyn Session, loaded: Loaded) -> Result<()> {
        let changed: Vec<Slot> = loaded.slots.into_values().filter(|slot| slot.changed).collect();
        let rows = changed.iter().map(|slot| slot.member_row(&self.policy.seal)).collect::<Result<_>>()?;
        tx.upsert_many(&MEMBER, rows)?;
        tx.upsert_many(
            &WITHDRAWAL,
            changed.iter().filter(|slot| slot.withdrawal_changed).filter_map(Slot::withdrawal_row).collect(),
        )?;
        loaded.welcomed.store(tx)?;
        loaded.coupons_given.store(tx)
    }

    fn recall(&self, command: &Command, event: &log::Event) -> Result<Answer> {
        match (command, event.kind.as_str()) {
            (_, "done") | (Command::ChangeContacts { .. }, _) => Ok(Answer::Taken),
            _ => match (command, event.decode()?) {
                // The same body came with the same key, so it holds what was written; the store need not keep it.
                (Command::Join { contacts, .. }, Event::MemberJoined { member_id, .. }) => {
                    Ok(Answer::Joined { member_id, joined_at_ms: event.at_ms, contacts: contacts.clone() })
                }
                (Command::RequestWithdrawal { .. }, Event::WithdrawalRequested { attempt, .. }) => {
                    Ok(Answer::Withdrawal { attempt })
                }
                _ => Err(Error::internal("a remembered answer belongs to another command")),
            },
        }
    }
}
