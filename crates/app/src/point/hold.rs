//! Holds: points that are set aside, and then taken or let go, by the operator or for payments. What a payment asks is
//! decided once under its number, and answered for ever.

use domain::point::{self, AskPayment, Hold, HoldPoints, HoldStatus, PaymentAsk, PaymentOutcome, Reference};
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::Out;
use platform::log;
use platform::zone::Zone;
use serde::{Deserialize, Serialize};

use super::entry::PointEvent;
use super::hold_view::HoldView;
use super::store::Loaded;
use super::writer::{Answer, PointWriter};
use super::{account_unknown, refusal};
use crate::kit::day_of;

/// May so many points be set aside for a payment? They are for ten minutes, or until the payment says more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HoldQuestion {
    /// The payment, which is the key of the answer.
    pub payment_id: i64,
    /// Who pays.
    pub member_id: i64,
    /// How many points: 1 to 1,000,000,000,000.
    pub amount: i64,
}

/// Which payment is to be captured or cancelled?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PaymentQuestion {
    /// The payment, which is the key of the answer.
    pub payment_id: i64,
    /// Who pays.
    pub member_id: i64,
}

/// What is asked of the ledger about holds that belong to no payment.
#[derive(Debug)]
pub enum HoldCommand {
    /// Points are set aside.
    Place { member_id: i64, amount: i64, ttl_s: i64, reference: Option<Reference> },
    /// A hold ends. It is given as it stood when it was looked up: how it stands is looked at again.
    End { hold: Box<Hold>, how: HoldEnd },
    /// The time of a hold is over.
    Expire { member_id: i64, hold_id: i64 },
}

/// How a hold is to end.
#[derive(Debug, Clone, Copy)]
pub enum HoldEnd {
    /// So many of its points are taken, or all of them.
    Capture { amount: Option<i64> },
    /// Its points are free again.
    Release,
}

impl HoldCommand {
    pub(super) fn member_id(&self) -> i64 {
        match self {
            Self::Place { member_id, .. } | Self::Expire { member_id, .. } => *member_id,
            Self::End { hold, .. } => hold.member_id,
        }
    }
}

impl HoldCommand {
    /// The answer that was given first: what a command does not say of its hold never changes.
    pub(super) fn recall(&self, event: &log::Event, zone: &Zone) -> Result<Answer> {
        if let Self::End { how: HoldEnd::Release, .. } = self {
            return Ok(Answer::Taken);
        }
        let answer = match (self, event.decode()?) {
            (Self::Place { reference, .. }, PointEvent::PointsHeld(facts)) => HoldView {
                hold_id: facts.hold_id,
                member_id: facts.member_id,
                amount: facts.amount,
                captured: 0,
                status: HoldStatus::Held,
                expires_at: zone.format(facts.expires_at_ms),
                reference: reference.clone(),
            },
            (Self::End { hold, .. }, PointEvent::HoldCaptured(facts)) => {
                let hold = Hold { captured: -facts.amount, status: HoldStatus::Captured, ..*hold.clone() };
                HoldView::of(&hold, zone)
            }
            _ => return Err(Error::internal("a remembered answer belongs to another command")),
        };
        Ok(Answer::Hold(answer))
    }
}

/// What a payment asks.
#[derive(Debug, Clone, Copy)]
pub struct Payment {
    pub(super) payment_id: i64,
    pub(super) member_id: i64,
    ask: Ask,
}

#[derive(Debug, Clone, Copy)]
enum Ask {
    Hold { amount: i64 },
    Capture,
    Cancel,
}

impl Payment {
    pub(super) fn hold(HoldQuestion { payment_id, member_id, amount }: HoldQuestion) -> Self {
        Self { payment_id, member_id, ask: Ask::Hold { amount } }
    }

    pub(super) fn capture(PaymentQuestion { payment_id, member_id }: PaymentQuestion) -> Self {
        Self { payment_id, member_id, ask: Ask::Capture }
    }

    pub(super) fn cancel(PaymentQuestion { payment_id, member_id }: PaymentQuestion) -> Self {
        Self { payment_id, member_id, ask: Ask::Cancel }
    }

    /// Whether it may need a number for a hold.
    pub(super) fn is_to_hold(&self) -> bool {
        matches!(self.ask, Ask::Hold { .. })
    }
}

/// What an event tells of a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldFacts {
    /// The hold.
    pub hold_id: i64,
    /// Whose points.
    pub member_id: i64,
    /// How many points.
    pub amount: i64,
    /// From when on it cannot be captured, in milliseconds since 1970 in UTC.
    pub expires_at_ms: i64,
    /// The payment that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<i64>,
}

impl HoldFacts {
    pub(super) fn of(hold: &Hold) -> Self {
        let Hold { hold_id, member_id, amount, expires_at_ms, payment_id, .. } = *hold;
        Self { hold_id, member_id, amount, expires_at_ms, payment_id }
    }
}

pub(super) fn hold_unknown() -> Error {
    Error::new(ErrorKind::NotFound, "point.hold_unknown", "there is no such hold of this member")
}

impl PointWriter {
    pub(super) fn hold(&self, loaded: &mut Loaded, command: &HoldCommand, out: &mut Out<'_>) -> Result<Answer> {
        let now_ms = out.moment.now_ms;
        match command {
            HoldCommand::Place { member_id, amount, ttl_s, reference } => {
                let (hold_id, reference) = (loaded.holds.number()?, reference.clone());
                let (amount, ttl_s) = (*amount, *ttl_s);
                let cmd = HoldPoints { hold_id, amount, ttl_s, reference, payment_id: None, now_ms };
                let event = point::hold_points(&loaded.open_slot(*member_id)?.account, &cmd);
                let event = event.map_err(|rejection| refusal(rejection, "/amount"))?;
                loaded.record(*member_id, &event, out)?;
                self.shown(loaded, hold_id)
            }
            HoldCommand::End { hold, how } => {
                let Hold { hold_id, member_id, .. } = **hold;
                loaded.expire_hold(member_id, hold_id, out)?;
                let slot = loaded.slots.get(&member_id).filter(|slot| !slot.account.closed);
                let account = &slot.ok_or_else(account_unknown)?.account;
                let hold = loaded.holds.get(hold_id).ok_or_else(hold_unknown)?;
                let event = hold.must_be_of_no_payment().and_then(|()| match how {
                    HoldEnd::Capture { amount } => point::capture_hold(account, hold, *amount, now_ms).map(Some),
                    HoldEnd::Release => point::release_hold(account, hold, now_ms),
                });
                if let Some(event) = event.map_err(|rejection| refusal(rejection, "/amount"))? {
                    loaded.record(member_id, &event, out)?;
                    loaded.expire_freed(member_id, out)?;
                }
                match how {
                    HoldEnd::Capture { .. } => self.shown(loaded, hold_id),
                    HoldEnd::Release => Ok(Answer::Taken),
                }
            }
            HoldCommand::Expire { member_id, hold_id } => {
                loaded.expire_hold(*member_id, *hold_id, out)?;
                Ok(Answer::Taken)
            }
        }
    }

    fn shown(&self, loaded: &Loaded, hold_id: i64) -> Result<Answer> {
        let hold = loaded.holds.get(hold_id).ok_or_else(hold_unknown)?;
        Ok(Answer::Hold(HoldView::of(hold, &self.zone)))
    }

    /// Decides what a payment asks, or gives the answer that it got before. Never refuses to answer: a no is an answer.
    pub(super) fn payment(loaded: &mut Loaded, payment: &Payment, out: &mut Out<'_>) -> Result<Answer> {
        let Payment { payment_id, member_id, ask } = *payment;
        let known = loaded.holds.payment(payment_id).cloned();
        let ask = match ask {
            Ask::Hold { amount } => {
                let hold_id = if known.is_none() { loaded.holds.number()? } else { 0 };
                PaymentAsk::Hold { amount, hold_id }
            }
            Ask::Capture => PaymentAsk::Capture,
            Ask::Cancel => PaymentAsk::Cancel,
        };
        let cmd = AskPayment { payment_id, member_id, ask, today: day_of(out.moment.day), now_ms: out.moment.now_ms };
        let account = loaded.slots.get(&member_id).map(|slot| &slot.account);
        let hold = known.as_ref().and_then(|known| loaded.holds.get(known.hold_id?));
        let PaymentOutcome { answer, event, record, number_reused } =
            point::decide_payment(account, known.as_ref(), hold, &cmd);
        if number_reused {
            tracing::error!(?payment, "point was asked about a payment whose number belongs to another one");
        }
        let mut position = None;
        if let Some(event) = event {
            position = loaded.record(member_id, &event, out)?.map(|entry| entry.position);
            loaded.expire_freed(member_id, out)?;
        }
        if let Some(record) = record {
            loaded.holds.record(record, position);
        }
        Ok(Answer::Payment(answer))
    }
}

impl Loaded {
    /// Ends a hold whose time is over. The rows are none of the command's own: its key stays for its answer.
    fn expire_hold(&mut self, member_id: i64, hold_id: i64, out: &mut Out<'_>) -> Result<()> {
        let due = self.holds.get(hold_id).and_then(|hold| point::expire_hold(hold, out.moment.now_ms));
        let Some(event) = due else { return Ok(()) };
        out.aside(|out| self.record(member_id, &event, out))?;
        self.expire_freed(member_id, out)
    }

    /// What ended while it was pinned leaves as soon as it is not any more.
    pub(super) fn expire_freed(&mut self, member_id: i64, out: &mut Out<'_>) -> Result<()> {
        if self.ended_rows > 0 { self.expire_lots(member_id, out) } else { Ok(()) }
    }
}
