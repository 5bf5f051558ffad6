//! What the ledger answers to deals: points earned and used at merchants, and cancelled again (SPEC section 4, Deal and
//! Cancel). The deal's number is the key: what was answered once is answered for ever, however often and whichever way
//! the question comes.

use alloc::borrow::ToOwned as _;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::claw_back::taking_back;
use super::give_back::{GiveBack, giving_back};
use super::{
    Account, ClawBack, EarnPoints, Event, LotChange, Reference, Rejection, UsePoints, earn_points, must_be_active,
    must_be_movable, use_points,
};
use crate::kernel::{Day, Month};

/// The deal does not happen because it was voided.
const VOIDED: &str = "voided";
/// What is answered to a deal whose number belongs to another one.
const NUMBER_REUSED: &str = "deal_number_reused";

/// What a deal asks of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum DealAsk {
    /// The member earns the points; 0 points only ask whether the member may.
    Save,
    /// The member pays with the points.
    Use,
    /// The points of a `save` are taken back.
    CancelSave {
        /// The deal in which they were earned.
        of: i64,
        /// What was spent already is owed; otherwise the cancel is refused.
        may_owe: bool,
    },
    /// The points of a `use` are given back, into the lots they came from.
    CancelUse {
        /// The deal in which they were used.
        of: i64,
    },
    /// What this deal's `use` took is given back, and it takes nothing from now on.
    Void,
}

impl DealAsk {
    /// What the deal is to the ledger. A void is about a use.
    #[must_use]
    pub fn kind(self) -> DealKind {
        match self {
            Self::Save => DealKind::Save,
            Self::Use | Self::Void => DealKind::Use,
            Self::CancelSave { .. } => DealKind::CancelSave,
            Self::CancelUse { .. } => DealKind::CancelUse,
        }
    }

    /// The deal that it cancels.
    #[must_use]
    pub fn original(self) -> Option<i64> {
        match self {
            Self::CancelSave { of, .. } | Self::CancelUse { of } => Some(of),
            Self::Save | Self::Use | Self::Void => None,
        }
    }
}

/// What a deal is to the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DealKind {
    /// Points are earned.
    Save,
    /// Points are used.
    Use,
    /// Earned points are taken back.
    CancelSave,
    /// Used points are given back.
    CancelUse,
}

impl DealKind {
    /// Its name in rows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Save => "SAVE",
            Self::Use => "USE",
            Self::CancelSave => "CANCEL_SAVE",
            Self::CancelUse => "CANCEL_USE",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Save, Self::Use, Self::CancelSave, Self::CancelUse].into_iter().find(|kind| kind.name() == name)
    }
}

/// What the ledger answered to a deal, once for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DealDecision {
    /// The deal.
    pub deal_id: i64,
    /// Whose points they are.
    pub member_id: i64,
    /// Whether it happened.
    pub done: bool,
    /// Why not.
    pub reason: Option<String>,
    /// Points that moved.
    pub moved_point: i64,
    /// Points that were to be taken back, were spent already and are owed from now on.
    pub owed_point: i64,
    /// When, in milliseconds since 1970 in UTC.
    pub decided_at_ms: i64,
}

/// Asks the ledger to decide a deal.
#[derive(Debug, Clone, Copy)]
pub struct AskDeal {
    /// The deal, which is the key of the answer.
    pub deal_id: i64,
    /// Whose points.
    pub member_id: i64,
    /// What is asked.
    pub ask: DealAsk,
    /// How many points: 1 to `MAX_AMOUNT`, 0 only for [`DealAsk::Save`]. A void says those of the use.
    pub point: i64,
    /// The month at whose end earned points expire.
    pub expires: Month,
    /// The day in the programme's time zone.
    pub today: Day,
    /// When, in milliseconds since 1970 in UTC.
    pub now_ms: i64,
}

/// What the ledger knows of a deal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DealRecord {
    /// The deal.
    pub deal_id: i64,
    /// Whose points.
    pub member_id: i64,
    /// What it is.
    pub kind: DealKind,
    /// The deal that it cancels.
    pub original: Option<i64>,
    /// How many points were asked for.
    pub point: i64,
    /// Whether it happened, and was not voided.
    pub done: bool,
    /// Why not.
    pub reason: Option<String>,
    /// Points that it moved, without sign.
    pub moved_point: i64,
    /// Points that it could not take back, owed since.
    pub owed_point: i64,
    /// How much of what it moved was taken back or given back since, the void included; at most `moved_point`.
    pub cancelled_point: i64,
    /// What its void gave back; nothing if it was not voided.
    pub voided_point: Option<i64>,
    /// How its points changed the lots, in the order of taking. Known where it is needed: of a deal that is to be
    /// cancelled or voided.
    pub lots: LotChange,
    /// When it was decided, in milliseconds since 1970 in UTC.
    pub decided_at_ms: i64,
}

impl DealRecord {
    fn new(cmd: &AskDeal) -> Self {
        Self {
            deal_id: cmd.deal_id,
            member_id: cmd.member_id,
            kind: cmd.ask.kind(),
            original: cmd.ask.original(),
            point: cmd.point,
            done: true,
            reason: None,
            moved_point: 0,
            owed_point: 0,
            cancelled_point: 0,
            voided_point: None,
            lots: LotChange::default(),
            decided_at_ms: cmd.now_ms,
        }
    }

    /// The answer to this question from now on.
    fn answer(&self, ask: DealAsk) -> DealDecision {
        let Self { deal_id, member_id, decided_at_ms, .. } = *self;
        let (done, moved_point, reason) = match (ask, self.voided_point) {
            (DealAsk::Void, Some(given_back)) => (true, given_back, None),
            _ => (self.done, if self.done { self.moved_point } else { 0 }, self.reason.clone()),
        };
        DealDecision { deal_id, member_id, done, reason, moved_point, owed_point: self.owed_point, decided_at_ms }
    }

    /// Whether this is about the deal that is asked about. Not so where deal's store was restored on its own and gives
    /// numbers out again.
    fn is_asked_by(&self, cmd: &AskDeal) -> bool {
        self.member_id == cmd.member_id
            && self.kind == cmd.ask.kind()
            && self.original == cmd.ask.original()
            && self.point == cmd.point
    }
}

/// Something that the callers rule out; the ledger stays right all the same, and says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// Another question came before under this deal's number; nothing was done.
    AskedDifferently,
    /// A cancel names a deal that did not happen, or is no such deal of this member.
    NothingToCancel,
    /// Less is left of the original than is to be cancelled.
    CancelsTooMuch,
}

/// What came of a deal's question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DealOutcome {
    /// The answer.
    pub decision: DealDecision,
    /// What happens to the account, in this order.
    pub events: Vec<Event>,
    /// What is known of the deal from now on; nothing if that is what was known before.
    pub record: Option<DealRecord>,
    /// What is known from now on of the deal that is cancelled; nothing if that is what was known before.
    pub original: Option<DealRecord>,
    /// What should not have been asked.
    pub oddity: Option<Oddity>,
}

/// Decides a deal, or answers what was decided. Always answers: a no is an answer. `known` is what is known of this
/// deal, `original` of the one that it cancels.
#[must_use]
pub fn decide_deal(
    account: Option<&Account>,
    known: Option<&DealRecord>,
    original: Option<&DealRecord>,
    cmd: &AskDeal,
) -> DealOutcome {
    let account = account.filter(|account| !account.closed);
    if let Some(known) = known {
        return if !known.is_asked_by(cmd) {
            number_reused(cmd)
        } else if cmd.ask == DealAsk::Void && known.voided_point.is_none() {
            void(account, known.clone(), cmd)
        } else {
            unchanged(known.answer(cmd.ask), None)
        };
    }
    let decided = match cmd.ask {
        DealAsk::Save => save(account, cmd),
        DealAsk::Use => spend(account, cmd),
        DealAsk::CancelSave { may_owe, .. } => {
            cancel(account, original, cmd, |account, original, point| take_back(account, original, point, may_owe, cmd))
        }
        DealAsk::CancelUse { .. } => {
            cancel(account, original, cmd, |account, original, point| Ok(give_back(account, original, point, cmd)))
        }
        DealAsk::Void => return void(account, DealRecord::new(cmd), cmd),
    };
    decided.unwrap_or_else(|rejection| refused(rejection, cmd))
}

fn unchanged(decision: DealDecision, oddity: Option<Oddity>) -> DealOutcome {
    DealOutcome { decision, events: Vec::new(), record: None, original: None, oddity }
}

/// What is recorded is about another deal, whose answer must not pass for one to this.
fn number_reused(cmd: &AskDeal) -> DealOutcome {
    let reason = Some(NUMBER_REUSED.to_owned());
    let decision = DealRecord { done: false, reason, ..DealRecord::new(cmd) }.answer(cmd.ask);
    unchanged(decision, Some(Oddity::AskedDifferently))
}

fn refused(rejection: Rejection, cmd: &AskDeal) -> DealOutcome {
    // An account that never was, or no longer is: who earns and pays is not a member.
    let unknown = rejection == Rejection::AccountUnknown;
    let reason = if unknown { "member_unknown" } else { rejection.reason() };
    recorded(DealRecord { done: false, reason: Some(reason.to_owned()), ..DealRecord::new(cmd) }, Vec::new(), cmd)
}

fn recorded(record: DealRecord, events: Vec<Event>, cmd: &AskDeal) -> DealOutcome {
    DealOutcome { decision: record.answer(cmd.ask), events, record: Some(record), original: None, oddity: None }
}

/// A deal that moves points, as the event tells.
fn moved(event: Event, cmd: &AskDeal) -> DealOutcome {
    let mut record = DealRecord::new(cmd);
    take_in(&mut record, &event);
    recorded(record, Vec::from([event]), cmd)
}

/// Notes what an event did for a deal.
fn take_in(record: &mut DealRecord, event: &Event) {
    match event {
        Event::PointsMoved(movement) => {
            record.moved_point = movement.amount.abs();
            record.lots = movement.lots.clone();
        }
        Event::PointsClawedBack { owed_point, .. } => record.owed_point = *owed_point,
        _ => {}
    }
}

/// Earns; what is owed is repaid out of it like out of every earning.
fn save(account: Option<&Account>, cmd: &AskDeal) -> Result<DealOutcome, Rejection> {
    if cmd.point == 0 {
        must_be_active(account.ok_or(Rejection::AccountUnknown)?)?;
        return Ok(recorded(DealRecord::new(cmd), Vec::new(), cmd));
    }
    must_be_movable(cmd.point)?;
    let earn = EarnPoints { amount: cmd.point, expires: cmd.expires, reference: reference(cmd), reason: None };
    earn_points(account.ok_or(Rejection::AccountUnknown)?, &earn).map(|event| moved(event, cmd))
}

fn spend(account: Option<&Account>, cmd: &AskDeal) -> Result<DealOutcome, Rejection> {
    must_be_movable(cmd.point)?;
    let spend = UsePoints { amount: cmd.point, reference: reference(cmd), reason: None };
    use_points(account.ok_or(Rejection::AccountUnknown)?, &spend).map(|event| moved(event, cmd))
}

fn reference(cmd: &AskDeal) -> Option<Reference> {
    Some(Reference { kind: "deal".to_owned(), id: cmd.deal_id.to_string() })
}

/// Cancels what is left of the original, at most; never more than it moved. Neither the member's status nor a
/// withdrawal under way matters, and of an account that is closed the points are gone.
fn cancel(
    account: Option<&Account>,
    original: Option<&DealRecord>,
    cmd: &AskDeal,
    move_points: impl FnOnce(&Account, &DealRecord, i64) -> Result<Vec<Event>, Rejection>,
) -> Result<DealOutcome, Rejection> {
    must_be_movable(cmd.point)?;
    let wanted = match cmd.ask {
        DealAsk::CancelSave { .. } => DealKind::Save,
        _ => DealKind::Use,
    };
    let fits = |original: &&DealRecord| original.member_id == cmd.member_id && original.kind == wanted && original.done;
    let Some(original) = original.filter(fits) else {
        let oddity = Some(Oddity::NothingToCancel);
        return Ok(DealOutcome { oddity, ..recorded(DealRecord::new(cmd), Vec::new(), cmd) });
    };
    let left = original.moved_point - original.cancelled_point;
    let point = cmd.point.min(left);
    let oddity = (point < cmd.point).then_some(Oddity::CancelsTooMuch);
    let events = match account {
        Some(account) if point > 0 => move_points(account, original, point)?,
        _ => Vec::new(),
    };
    let mut record = DealRecord::new(cmd);
    events.iter().for_each(|event| take_in(&mut record, event));
    let cancelled_point = original.cancelled_point + record.moved_point + record.owed_point;
    let original = (!events.is_empty()).then(|| DealRecord { cancelled_point, ..original.clone() });
    Ok(DealOutcome { original, oddity, ..recorded(record, events, cmd) })
}

/// From the lot in which the points were earned first, then from those that expire first.
fn take_back(
    account: &Account,
    original: &DealRecord,
    point: i64,
    may_owe: bool,
    cmd: &AskDeal,
) -> Result<Vec<Event>, Rejection> {
    if !may_owe && point > account.available() {
        return Err(Rejection::InsufficientPoints);
    }
    let lot = original.lots.0.first().map(|(month, _)| *month);
    taking_back(account, &ClawBack { amount: point, lot, reference: reference(cmd), reason: None })
}

fn give_back(account: &Account, of: &DealRecord, point: i64, cmd: &AskDeal) -> Vec<Event> {
    let back = GiveBack { taken: &of.lots, before: of.cancelled_point, point, today: cmd.today };
    giving_back(account, back, reference(cmd)).into_iter().collect()
}

/// Gives back what is left of what the deal took, and refuses it for ever. A deal that was not heard of is refused
/// when it comes.
fn void(account: Option<&Account>, mut record: DealRecord, cmd: &AskDeal) -> DealOutcome {
    let left = record.moved_point - record.cancelled_point;
    let events = account.map_or_else(Vec::new, |account| give_back(account, &record, left, cmd));
    let given_back =
        events.iter().map(|event| if let Event::PointsMoved(back) = event { back.amount } else { 0 }).sum();
    record.cancelled_point += given_back;
    record.voided_point = Some(given_back);
    record.done = false;
    record.reason.get_or_insert_with(|| VOIDED.to_owned());
    recorded(record, events, cmd)
}
