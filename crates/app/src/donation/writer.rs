//! Donation's side of the funnel: what can be asked of it, and which verb decides it.

use std::collections::HashSet;

use domain::donation::{self, Cause, ChangeCause, Event, RequestDonation};
use domain::point::DonationDecision;
use platform::db::Session;
use platform::error::{Error, Result};
use platform::funnel::{Moment, Out, Writer};
use platform::log;

use super::refusal;
use super::store::{CAUSE, Loaded, Stored, Touched};
use crate::kit::free_numbers;

/// The programme's settings that concern donations (SPEC section 5).
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Who donates has to have more than this available.
    pub balance_above: i64,
    /// Donations that may be under way at once.
    pub capacity: usize,
}

/// What can be asked of donation.
#[derive(Debug)]
pub enum Command {
    /// A member wants to give.
    Request { member_id: i64, cause_id: i64, amount: i64 },
    /// Point has decided.
    Record { decision: DonationDecision },
    /// A new cause.
    OpenCause { cause_id: Option<i64>, name: String, open: bool },
    /// A cause changes.
    ChangeCause { cause_id: i64, change: ChangeCause },
}

/// What donation answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The donation as it stands.
    Donation(Box<Stored>),
    /// The donation that this request made before; it may have been decided since.
    KnownDonation(i64),
    /// The cause as it stands.
    Cause(Cause),
    /// Nothing to say.
    Taken,
}

/// Donation's side of the funnel.
pub struct DonationWriter {
    policy: Policy,
}

impl DonationWriter {
    pub(super) fn new(policy: Policy) -> Self {
        Self { policy }
    }

    fn request(
        &self,
        loaded: &mut Loaded,
        (member_id, cause_id, amount): (i64, i64, i64),
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let donation_id =
            loaded.donation_numbers.pop_front().ok_or_else(|| Error::internal("too few numbers were reserved"))?;
        let balance_above = self.policy.balance_above;
        let request = RequestDonation { donation_id, member_id, amount, balance_above, now_ms: out.moment.now_ms };
        let event = donation::request_donation(loaded.cause(cause_id), &request).map_err(refusal)?;
        loaded.record(&event, out).map(|stored| Answer::Donation(Box::new(stored)))
    }

    fn record(loaded: &mut Loaded, decision: &DonationDecision, out: &mut Out<'_>) -> Result<Answer> {
        // Point tells of a donation that is not here only if the two stores do not belong together.
        let Some(stored) = loaded.donation(decision.donation_id) else { return Ok(Answer::Taken) };
        if !donation::is_about(&stored.donation, decision) {
            tracing::error!(
                donation_id = decision.donation_id,
                "point decided another donation under this number; the stores of point and donation do not belong together"
            );
        }
        let stored = match donation::record_decision(&stored.donation, decision) {
            Some(event) => loaded.record(&event, out)?,
            None => stored.clone(),
        };
        Ok(Answer::Donation(Box::new(stored)))
    }
}

impl Writer for DonationWriter {
    type Command = Command;
    type Answer = Answer;
    type Loaded = Loaded;

    fn load(&mut self, tx: &mut dyn Session, commands: &[&Command], _moment: &Moment) -> Result<Loaded> {
        let (mut touched, mut requests, mut unnumbered) = (Touched::default(), 0, 0);
        let mut chosen = HashSet::new();
        for command in commands {
            match command {
                Command::Request { member_id, cause_id, .. } => {
                    touched.members.push(*member_id);
                    touched.causes.push(*cause_id);
                    requests += 1;
                }
                Command::Record { decision } => touched.donations.push(decision.donation_id),
                Command::OpenCause { cause_id: None, .. } => unnumbered += 1,
                Command::OpenCause { cause_id: Some(cause_id), .. } => {
                    chosen.insert(*cause_id);
                    touched.causes.push(*cause_id);
                }
                Command::ChangeCause { cause_id, .. } => touched.causes.push(*cause_id),
            }
        }
        let mut loaded = Loaded::load(tx, touched)?;
        if requests > 0 {
            loaded.donation_numbers = tx.next_ids("donation_number", requests)?.into();
        }
        if unnumbered > 0 {
            loaded.cause_numbers = free_numbers(tx, ("cause_number", &CAUSE), unnumbered, &chosen)?;
        }
        Ok(loaded)
    }

    fn decide(&mut self, loaded: &mut Loaded, command: &Command, out: &mut Out<'_>) -> Result<Answer> {
        match command {
            Command::Request { member_id, cause_id, amount } => {
                self.request(loaded, (*member_id, *cause_id, *amount), out)
            }
            Command::Record { decision } => Self::record(loaded, decision, out),
            Command::OpenCause { cause_id, name, open } => {
                let free = cause_id.or_else(|| loaded.cause_numbers.pop_front());
                let cause_id = free.ok_or_else(|| Error::internal("too few numbers were reserved"))?;
                let event = donation::open_cause(loaded.cause(cause_id), cause_id, name, *open).map_err(refusal)?;
                loaded.record_cause(cause_id, &event, out).map(Answer::Cause)
            }
            Command::ChangeCause { cause_id, change } => {
                // On this path the cause stands in the address, not in the body.
                let cause = loaded.cause(*cause_id).ok_or_else(super::cause_unknown)?;
                match donation::change_cause(cause, change) {
                    Some(event) => loaded.record_cause(*cause_id, &event, out).map(Answer::Cause),
                    None => Ok(Answer::Cause(cause.clone())),
                }
            }
        }
    }

    fn store(&mut self, tx: &mut dyn Session, loaded: Loaded) -> Result<()> {
        loaded.store(tx)
    }

    fn recall(&self, command: &Command, event: &log::Event) -> Result<Answer> {
        match command {
            Command::ChangeCause { .. } => Ok(Answer::Taken),
            _ => match (command, event.decode()?) {
                (
                    Command::Request { .. },
                    Event::DonationRequested { donation_id, .. } | Event::DonationRefused { donation_id, .. },
                ) => Ok(Answer::KnownDonation(donation_id)),
                (Command::OpenCause { .. }, Event::CauseOpened { cause_id, name, open }) => {
                    Ok(Answer::Cause(Cause { cause_id, name, received_point: 0, donation_count: 0, open, sequence: 1 }))
                }
                _ => Err(Error::internal("a remembered answer belongs to another command")),
            },
        }
    }
}
