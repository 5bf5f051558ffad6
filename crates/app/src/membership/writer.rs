//! Membership's side of the funnel: what can be asked of it, and which verb decides it.

use domain::membership::{self, Event, Membership, MembershipFacts, Rejection, Term, UnitClaim};
use domain::payment::{Event as PaymentEvent, Order, PaymentMethod};
use domain::product::UnitRefusal;
use platform::db::Session;
use platform::error::{Error, Result};
use platform::funnel::{Moment, Out, Writer};
use platform::log;
use platform::zone::Zone;

use super::loaded::Loaded;
use super::{Claim, refusal, unit_refused};
use crate::kit::day_of;
use crate::product::ReservedUnit;

/// A membership as a customer buys it.
#[derive(Debug, Clone)]
pub struct Purchase {
    /// Of which product.
    pub product_id: i64,
    /// For whom; none where nobody said.
    pub customer_id: Option<i64>,
    /// What it is paid with.
    pub method: PaymentMethod,
    /// The membership that it renews.
    pub renews: Option<i64>,
}

/// Why nothing is bought, before a membership could be stored.
#[derive(Debug, Clone, Copy)]
pub enum Refusal {
    /// Product keeps no unit.
    Unit(UnitRefusal),
    /// The other membership cannot be renewed.
    Renewal(Rejection),
}

impl Refusal {
    pub(super) fn error(self) -> Error {
        match self {
            Self::Unit(no_unit) => unit_refused(no_unit),
            Self::Renewal(rejection) => refusal(rejection),
        }
    }
}

/// What can be asked of membership.
#[derive(Debug)]
pub enum Command {
    /// A membership is bought with this unit.
    Request { purchase: Purchase, unit: ReservedUnit },
    /// It cannot be bought, which is remembered under its key.
    Refuse { refusal: Refusal },
    /// The answer that this request got before, if it got one; otherwise [`NOT_KNOWN`].
    Recall,
    /// Payment has decided.
    Record { payment: PaymentEvent },
    /// Its customer or the operator takes it back.
    Cancel { mem_id: i64 },
    /// Its time is over.
    Expire { mem_id: i64 },
    /// Product asks what became of a unit.
    Claim { unit_id: i64 },
}

/// The code of an answer that is not known; such an answer is not remembered.
pub(super) const NOT_KNOWN: &str = "membership.not_known";
/// The code of the answer that another unit has to be kept; it is not remembered.
pub(super) const UNIT_GONE: &str = "membership.unit_gone";

/// What membership answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The membership as it was bought.
    Requested(MembershipFacts),
    /// The membership as it stands.
    Membership(Box<Membership>),
    /// This membership, as this request left it before.
    Known(i64),
    /// What became of a unit.
    Claim(Claim),
    /// Nothing to say.
    Taken,
}

/// The programme's settings that concern memberships (SPEC section 5).
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Days of 24 hours after a purchase within which a cancel gives the money back.
    pub refund_days: i64,
}

/// Membership's side of the funnel.
pub struct MembershipWriter {
    policy: Policy,
    zone: Zone,
}

impl MembershipWriter {
    pub(super) fn new(policy: Policy, zone: Zone) -> Self {
        Self { policy, zone }
    }

    fn request(loaded: &mut Loaded, purchase: &Purchase, unit: &ReservedUnit, out: &mut Out<'_>) -> Result<Answer> {
        let mem_id = loaded.numbers.pop_front().ok_or_else(|| Error::internal("too few numbers were reserved"))?;
        let facts = MembershipFacts {
            mem_id,
            unit_id: unit.unit_id,
            product_id: purchase.product_id,
            product_name: unit.product_name.clone(),
            price_won: unit.price_won,
            months: unit.months,
            customer_id: purchase.customer_id,
            method: purchase.method,
            purchased_at_ms: out.moment.now_ms,
            renews_mem_id: purchase.renews,
        };
        let renewed = purchase.renews.and_then(|renews| loaded.membership(renews));
        let event = membership::request_membership(loaded.claim(unit.unit_id), renewed, facts).map_err(refusal)?;
        let membership = loaded.record((mem_id, purchase.renews), &event, out)?;
        Ok(Answer::Requested(membership.facts))
    }

    fn record(&self, loaded: &mut Loaded, payment: &PaymentEvent, out: &mut Out<'_>) -> Result<Answer> {
        let Order::Membership(mem_id) = payment.payment().order else { return Ok(Answer::Taken) };
        // Payment tells of a membership that is not here only if the two stores do not belong together.
        let Some(membership) = loaded.membership(mem_id).filter(|found| membership::is_about(found, payment)) else {
            tracing::error!(mem_id, "payment decided another membership under this number; their stores do not fit");
            return Ok(Answer::Taken);
        };
        let renews = membership.facts.renews_mem_id;
        let renewed = renews.and_then(|renews| loaded.membership(renews));
        let activates = membership::activates(membership, payment);
        let term = activates.then(|| self.term(&membership.facts, renewed)).transpose()?;
        if let Some(event) = membership::record_payment(membership, payment, term) {
            loaded.record((mem_id, renews), &event, out)?;
        }
        Ok(Answer::Taken)
    }

    /// The calendar time for which a membership is good: to the same time of day, in the programme's time zone.
    fn term(&self, facts: &MembershipFacts, renewed: Option<&Membership>) -> Result<Term> {
        let starts_at_ms = membership::starts_at_ms(facts, renewed);
        let last = membership::end_day(day_of(self.zone.day(starts_at_ms)), facts.months);
        let last = (last.month.year(), last.month.number(), last.day);
        let expires_at_ms = self.zone.same_time_on(starts_at_ms, last);
        let expires_at_ms = expires_at_ms.ok_or_else(|| Error::internal("a membership ends after the calendar"))?;
        Ok(Term { starts_at_ms, expires_at_ms })
    }

    fn cancel(&self, loaded: &mut Loaded, mem_id: i64, out: &mut Out<'_>) -> Result<Answer> {
        let membership = loaded.membership(mem_id).ok_or_else(super::membership_unknown)?;
        let decided = membership::cancel_membership(membership, out.moment.now_ms, self.policy.refund_days);
        let membership = match decided.map_err(refusal)? {
            Some(event) => loaded.record((mem_id, membership.facts.renews_mem_id), &event, out)?,
            None => membership.clone(),
        };
        Ok(Answer::Membership(Box::new(membership)))
    }

    fn expire(loaded: &mut Loaded, mem_id: i64, out: &mut Out<'_>) -> Result<Answer> {
        let Some(membership) = loaded.membership(mem_id) else { return Ok(Answer::Taken) };
        if let Some(event) = membership::expire_membership(membership, out.moment.now_ms) {
            loaded.record((mem_id, membership.facts.renews_mem_id), &event, out)?;
        }
        Ok(Answer::Taken)
    }

    fn claim(loaded: &mut Loaded, unit_id: i64, out: &mut Out<'_>) -> Result<Answer> {
        let claim = loaded.claim(unit_id);
        if let Some(event) = membership::claim_unit(claim, unit_id) {
            loaded.refuse(unit_id, &event, out)?;
        }
        let mem_id = match claim {
            Some(UnitClaim::Membership(mem_id)) => Some(mem_id),
            Some(UnitClaim::Refused) | None => None,
        };
        Ok(Answer::Claim(Claim { unit_id, mem_id }))
    }
}

impl Writer for MembershipWriter {
    type Command = Command;
    type Answer = Answer;
    type Loaded = Loaded;

    fn load(&mut self, tx: &mut dyn Session, commands: &[&Command], _moment: &Moment) -> Result<Loaded> {
        let (mut memberships, mut units, mut bought) = (Vec::new(), Vec::new(), 0);
        for command in commands {
            match command {
                Command::Request { purchase, unit } => {
                    memberships.extend(purchase.renews);
                    units.push(unit.unit_id);
                    bought += 1;
                }
                Command::Refuse { .. } | Command::Recall => {}
                Command::Record { payment } => {
                    if let Order::Membership(mem_id) = payment.payment().order {
                        memberships.push(mem_id);
                    }
                }
                Command::Cancel { mem_id } | Command::Expire { mem_id } => memberships.push(*mem_id),
                Command::Claim { unit_id } => units.push(*unit_id),
            }
        }
        let mut loaded = Loaded::load(tx, memberships, units)?;
        if bought > 0 {
            loaded.numbers = tx.next_ids("membership_number", bought)?.into();
        }
        Ok(loaded)
    }

    fn decide(&mut self, loaded: &mut Loaded, command: &Command, out: &mut Out<'_>) -> Result<Answer> {
        match command {
            Command::Request { purchase, unit } => Self::request(loaded, purchase, unit, out),
            Command::Refuse { refusal } => Err(refusal.error()),
            Command::Recall => Err(Error::unavailable(NOT_KNOWN, "this request was not answered before")),
            Command::Record { payment } => self.record(loaded, payment, out),
            Command::Cancel { mem_id } => self.cancel(loaded, *mem_id, out),
            Command::Expire { mem_id } => Self::expire(loaded, *mem_id, out),
            Command::Claim { unit_id } => Self::claim(loaded, *unit_id, out),
        }
    }

    fn store(&mut self, tx: &mut dyn Session, loaded: Loaded) -> Result<()> {
        loaded.store(tx)
    }

    fn recall(&self, command: &Command, event: &log::Event) -> Result<Answer> {
        match (command, event.kind.as_str()) {
            // It was cancelled before, so nothing was told.
            (Command::Cancel { mem_id }, "done") => Ok(Answer::Known(*mem_id)),
            _ => match (command, event.decode()?) {
                (
                    Command::Request { .. } | Command::Refuse { .. } | Command::Recall,
                    Event::MembershipRequested(facts),
                ) => Ok(Answer::Requested(facts)),
                (Command::Cancel { .. }, Event::MembershipCancelled { membership, .. }) => {
                    Ok(Answer::Known(membership.mem_id))
                }
                _ => Err(Error::internal("a remembered answer belongs to another command")),
            },
        }
    }
}
