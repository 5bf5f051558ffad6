//! Settlement's side of the funnel: what can be asked of it, and which verb decides it.

use std::collections::HashSet;

use domain::kernel::Month;
use domain::settlement::{self, Asked, Event, Line};
use platform::db::Session;
use platform::error::{Error, Result};
use platform::funnel::{Moment, Out, Writer};
use platform::log;
use platform::zone::Zone;
use serde::{Deserialize, Serialize};

use super::catch_up::behind;
use super::loaded::{Loaded, Touched};
use super::refusal;
use super::store::{Closing, StoredLine};
use crate::kit::month_of;

/// The programme's settings that concern settlement (SPEC section 5).
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// The fee of merchants with which none is agreed, in basis points, 0 to 10,000.
    pub fee_rate_bp: i64,
}

/// What deal told of a merchant.
#[derive(Debug, Clone, Copy)]
pub enum Happened {
    /// A use, or a cancel of one.
    Dealt { line: Line, dealt_at_ms: i64 },
    /// What the programme keeps has been agreed.
    Agreed { fee_rate: Option<i64> },
}

/// What can be asked of settlement.
#[derive(Debug)]
pub enum Command {
    /// Events of deal at a merchant that settlement is about, each with its sequence.
    TakeIn { merchant_id: i64, events: Vec<(i64, Happened)> },
    /// Bills a merchant's month.
    Bill { merchant_id: i64, month: Month },
    /// What a run was answered that was asked for with the same key before; without one, `settlement.behind`.
    RecallBill,
    /// Begins the closing of a month, unless it is under way.
    OpenClosing { month: Month },
    /// Months are over: their closings begin.
    OpenByCalendar { months: Vec<Month> },
    /// What a closing does at one merchant.
    CloseMonth { merchant_id: i64, month: Month },
    /// How far a closing has come.
    Advance { month: Month, merchants: i64, failed: i64, after_merchant: i64, done: bool },
}

/// What settlement answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A new run.
    Billed(Event),
    /// There was nothing new to bill: the last run.
    LastRun(i64),
    /// The closing as it stands.
    Closing(Closing),
    /// The closing that this request began before.
    KnownClosing,
    /// Nothing to say.
    Taken,
}

/// What is remembered of an answer that is no event. Its name in lower case keeps it out of the log that others read.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Remembered {
    /// The last run was shown.
    LastRun { billing_id: i64 },
}

/// Settlement's side of the funnel.
pub struct SettlementWriter {
    policy: Policy,
    zone: Zone,
}

impl SettlementWriter {
    pub(super) fn new(policy: Policy, zone: Zone) -> Self {
        Self { policy, zone }
    }

    fn asked(&self, month: Month, moment: &Moment) -> Asked {
        Asked { month, now: month_of(moment.day), fee_rate: self.policy.fee_rate_bp, now_ms: moment.now_ms }
    }

    fn take_in(loaded: &mut Loaded, merchant_id: i64, events: &[(i64, Happened)]) -> Result<Answer> {
        for (sequence, happened) in events {
            match *happened {
                Happened::Agreed { fee_rate } => {
                    settlement::set_fee_rate(loaded.merchant_mut(merchant_id), fee_rate, *sequence);
                }
                Happened::Dealt { line, dealt_at_ms } => {
                    loaded.take_line(merchant_id, &line, *sequence, dealt_at_ms)?;
                }
            }
        }
        Ok(Answer::Taken)
    }

    fn bill(&self, loaded: &mut Loaded, (merchant_id, month): (i64, Month), out: &mut Out<'_>) -> Result<Answer> {
        let asked = self.asked(month, &out.moment);
        let last = loaded.last_run(merchant_id, month);
        let billing_id = loaded.next_billing();
        match settlement::bill(loaded.merchant(merchant_id), last, &asked, billing_id).map_err(refusal)? {
            Some(event) => {
                loaded.record(&event, out)?;
                Ok(Answer::Billed(event))
            }
            None => {
                let last = last.ok_or_else(|| Error::internal("nothing was billed, and nothing before"))?;
                if out.is_stamped() {
                    out.emit(0, 0, &Remembered::LastRun { billing_id: last.billing_id })?;
                }
                Ok(Answer::LastRun(last.billing_id))
            }
        }
    }

    /// Bills everything of a merchant that the closing of a month bills.
    fn close_month(
        &self,
        loaded: &mut Loaded,
        (merchant_id, month): (i64, Month),
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let months = loaded.merchant(merchant_id).map_or_else(Vec::new, |known| settlement::close_month(known, month));
        let (mut amount, mut runs, mut outcome) = (0_i64, 0, Ok(Answer::Taken));
        for month in months {
            match self.bill(loaded, (merchant_id, month), out) {
                Ok(Answer::Billed(Event::Billed { billing_amount, .. })) => {
                    amount = amount.saturating_add(billing_amount);
                    runs += 1;
                }
                Ok(_) => {}
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        // Runs before one that is refused stand, so they count.
        if let Some(closing) = loaded.closing_mut(month).filter(|_| runs > 0) {
            closing.billed += 1;
            closing.billing_amount = closing.billing_amount.saturating_add(amount);
        }
        outcome
    }

    fn open_closing(loaded: &mut Loaded, month: Month, moment: &Moment) -> Result<Answer> {
        if month > month_of(moment.day) {
            return Err(refusal(settlement::Rejection::MonthNotBegun));
        }
        let closing = match loaded.closing(month) {
            Some(closing) if closing.running => closing,
            before => {
                let by_calendar = before.is_some_and(|closing| closing.by_calendar);
                loaded.put_closing(Closing { by_calendar, ..Closing::begun(month, moment.now_ms) })
            }
        };
        Ok(Answer::Closing(closing))
    }

    /// A closing that was begun by hand or before its time begins anew: lines may have come in since then at merchants
    /// that it has passed.
    fn open_by_calendar(&self, loaded: &mut Loaded, months: &[Month], moment: &Moment) -> Answer {
        for month in months {
            if loaded.closing(*month).is_none_or(|closing| !closing.was_due(&self.zone, moment.now_ms)) {
                loaded.put_closing(Closing { by_calendar: true, ..Closing::begun(*month, moment.now_ms) });
            }
        }
        Answer::Taken
    }
}

impl Writer for SettlementWriter {
    type Command = Command;
    type Answer = Answer;
    type Loaded = Loaded;

    fn load(&mut self, tx: &mut dyn Session, commands: &[&Command], moment: &Moment) -> Result<Loaded> {
        let mut touched = Touched::default();
        for command in commands {
            match command {
                Command::TakeIn { merchant_id, events, .. } => {
                    touched.merchants.push(*merchant_id);
                    let line = |(_, happened): &(i64, Happened)| match happened {
                        Happened::Dealt { line, .. } => Some((*merchant_id, line.month, line.kind)),
                        Happened::Agreed { .. } => None,
                    };
                    touched.lines.extend(events.iter().filter_map(line).collect::<HashSet<_>>());
                }
                Command::Bill { merchant_id, month } => {
                    touched.merchants.push(*merchant_id);
                    touched.bills.push((*merchant_id, self.asked(*month, moment)));
                }
                Command::CloseMonth { merchant_id, month } => {
                    touched.merchants.push(*merchant_id);
                    touched.closes.push((*merchant_id, *month));
                    touched.closings.push(*month);
                }
                Command::OpenClosing { month } | Command::Advance { month, .. } => touched.closings.push(*month),
                Command::OpenByCalendar { months } => touched.closings.extend(months),
                Command::RecallBill => {}
            }
        }
        Loaded::load(tx, touched)
    }

    fn more_rows(&self, loaded: &Loaded) -> usize {
        loaded.planned_runs()
    }

    fn decide(&mut self, loaded: &mut Loaded, command: &Command, out: &mut Out<'_>) -> Result<Answer> {
        match command {
            Command::TakeIn { merchant_id, events } => Self::take_in(loaded, *merchant_id, events),
            Command::Bill { merchant_id, month } => self.bill(loaded, (*merchant_id, *month), out),
            Command::CloseMonth { merchant_id, month } => self.close_month(loaded, (*merchant_id, *month), out),
            // It is not remembered, so that the key is still free for the run.
            Command::RecallBill => Err(behind()),
            Command::OpenClosing { month } => Self::open_closing(loaded, *month, &out.moment),
            Command::OpenByCalendar { months } => Ok(self.open_by_calendar(loaded, months, &out.moment)),
            Command::Advance { month, merchants, failed, after_merchant, done } => {
                let now_ms = out.moment.now_ms;
                if let Some(closing) = loaded.closing_mut(*month) {
                    closing.merchants = Some(*merchants);
                    closing.failed = *failed;
                    closing.after_merchant = *after_merchant;
                    closing.running = !done;
                    closing.ended_at_ms = done.then_some(now_ms);
                }
                Ok(Answer::Taken)
            }
        }
    }

    fn store(&mut self, tx: &mut dyn Session, loaded: Loaded) -> Result<()> {
        loaded.store(tx)
    }

    fn recall(&self, command: &Command, event: &log::Event) -> Result<Answer> {
        match (command, event.kind.as_str()) {
            (Command::OpenClosing { .. }, _) => Ok(Answer::KnownClosing),
            (Command::Bill { .. } | Command::RecallBill, "Billed") => event.decode().map(Answer::Billed),
            (Command::Bill { .. } | Command::RecallBill, _) => {
                let Remembered::LastRun { billing_id } = event.decode()?;
                Ok(Answer::LastRun(billing_id))
            }
            _ => Err(Error::internal("a remembered answer belongs to another command")),
        }
    }
}

impl StoredLine {
    /// A line that belongs to this tally.
    pub(super) fn of(merchant_id: i64, line: &Line, dealt_at_ms: i64, tally_id: i64) -> Self {
        let Line { deal_id, month, kind, point } = *line;
        Self { deal_id, merchant_id, month: month.as_number(), kind, point, dealt_at_ms, tally_id }
    }
}
