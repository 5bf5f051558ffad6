//! What the ledger answers to payments with points: held, captured, cancelled (SPEC section 4, Paid membership and
//! Gifticon). The payment's number is the key: what was answered once is answered for ever, however often the question
//! comes; a payment that was cancelled is never held again, whether or not it had been held before.

use alloc::borrow::ToOwned as _;
use alloc::string::ToString as _;

use serde::{Deserialize, Serialize};

use super::give_back::{GiveBack, giving_back};
use super::hold::{HOLD_TTL_S, HoldPoints, HoldStatus, capture_hold, drop_hold, expire_hold, hold_points};
use super::{Account, Event, Hold, Reference, Rejection};
use crate::kernel::Day;

/// Points that are set aside for a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldPoints {
    /// The hold.
    pub hold_id: i64,
}

/// Points of a hold that were taken for its payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CapturedHold {
    /// How many.
    pub captured_point: i64,
}

/// What cancelling a payment came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelledHold {
    /// Points that had been taken and came back; 0 for those that were only held, and for a member who has left.
    pub given_back_point: i64,
}

/// Why nothing is held for a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldRefusal {
    /// There is no such member, or no longer.
    MemberUnknown,
    /// The member is READY or ABNORMAL.
    MemberNotNormal,
    /// The member is leaving.
    AccountClosing,
    /// More than is available.
    InsufficientPoints,
    /// Not an amount that can be held.
    InvalidAmount,
    /// The payment was cancelled.
    Cancelled,
    /// Another question came before under this payment's number.
    PaymentNumberReused,
}

/// Why a payment's hold cannot be captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldOver {
    /// Nothing was held for this payment.
    NeverHeld,
    /// The points were let go, because the member left.
    #[serde(rename = "hold_released")]
    Released,
    /// Its time is over.
    #[serde(rename = "hold_expired")]
    Expired,
    /// The payment was cancelled.
    Cancelled,
}

impl HoldRefusal {
    /// Every refusal.
    pub const ALL: [Self; 7] = [
        Self::MemberUnknown,
        Self::MemberNotNormal,
        Self::AccountClosing,
        Self::InsufficientPoints,
        Self::InvalidAmount,
        Self::Cancelled,
        Self::PaymentNumberReused,
    ];

    /// The reason in rows and on the wire.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::MemberUnknown => "member_unknown",
            Self::MemberNotNormal => "member_not_normal",
            Self::AccountClosing => "account_closing",
            Self::InsufficientPoints => "insufficient_points",
            Self::InvalidAmount => "invalid_amount",
            Self::Cancelled => "cancelled",
            Self::PaymentNumberReused => "payment_number_reused",
        }
    }

    /// The refusal with this reason.
    #[must_use]
    pub fn from_reason(reason: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.reason() == reason)
    }
}

impl HoldOver {
    /// The reason on the wire.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::NeverHeld => "never_held",
            Self::Released => "hold_released",
            Self::Expired => "hold_expired",
            Self::Cancelled => "cancelled",
        }
    }
}

impl From<Rejection> for HoldRefusal {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::MemberNotNormal => Self::MemberNotNormal,
            Rejection::AccountClosing => Self::AccountClosing,
            Rejection::InsufficientPoints => Self::InsufficientPoints,
            Rejection::InvalidAmount => Self::InvalidAmount,
            // An account that never was, or no longer is: who pays is not a member. No other rejection is about a hold
            // that is to be placed.
            _ => Self::MemberUnknown,
        }
    }
}

/// What a payment asks of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentAsk {
    /// Sets points aside, for ten minutes.
    Hold {
        /// How many.
        amount: i64,
        /// The number of the hold, if there is to be one.
        hold_id: i64,
    },
    /// Takes all that is held.
    Capture,
    /// Lets go what is held, gives back what was taken, and refuses to hold from now on.
    Cancel,
}

/// Asks the ledger about a payment.
#[derive(Debug, Clone, Copy)]
pub struct AskPayment {
    /// The payment, which is the key of the answer.
    pub payment_id: i64,
    /// Who pays.
    pub member_id: i64,
    /// What is asked.
    pub ask: PaymentAsk,
    /// The day in the programme's time zone.
    pub today: Day,
    /// When, in milliseconds since 1970 in UTC.
    pub now_ms: i64,
}

/// What the ledger knows of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRecord {
    /// The payment.
    pub payment_id: i64,
    /// Who pays.
    pub member_id: i64,
    /// How many points were to be held; 0 if that was never asked.
    pub amount: i64,
    /// The hold, if there is one.
    pub hold_id: Option<i64>,
    /// Why there is none.
    pub refusal: Option<HoldRefusal>,
    /// What came back when it was cancelled; nothing if it was not.
    pub given_back: Option<i64>,
    /// When it was first asked about, in milliseconds since 1970 in UTC.
    pub asked_at_ms: i64,
}

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentAnswer {
    /// To [`PaymentAsk::Hold`].
    Held(Result<HeldPoints, HoldRefusal>),
    /// To [`PaymentAsk::Capture`].
    Captured(Result<CapturedHold, HoldOver>),
    /// To [`PaymentAsk::Cancel`].
    Cancelled(CancelledHold),
}

/// What came of a payment's question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentOutcome {
    /// The answer.
    pub answer: PaymentAnswer,
    /// What happens to the account.
    pub event: Option<Event>,
    /// What is known of the payment from now on; nothing if that is what was known before.
    pub record: Option<PaymentRecord>,
    /// Whether the number belongs to another payment, so that nothing was done: payment's store was restored on its
    /// own and gives numbers out again.
    pub number_reused: bool,
}

/// Decides what a payment asks, or answers what was decided. `known` is what is known of this payment, `hold` its hold.
#[must_use]
pub fn decide_payment(
    account: Option<&Account>,
    known: Option<&PaymentRecord>,
    hold: Option<&Hold>,
    cmd: &AskPayment,
) -> PaymentOutcome {
    let account = account.filter(|account| !account.closed);
    let is_another = known.is_some_and(|known| known.member_id != cmd.member_id);
    match cmd.ask {
        PaymentAsk::Hold { amount, hold_id } => match known {
            Some(known) if is_another || (known.amount != 0 && known.amount != amount) => reused(cmd),
            Some(known) => unchanged(PaymentAnswer::Held(known.answer())),
            None => place(account, amount, hold_id, cmd),
        },
        PaymentAsk::Capture | PaymentAsk::Cancel if is_another => reused(cmd),
        PaymentAsk::Capture => capture(account, known, hold, cmd),
        PaymentAsk::Cancel => cancel(account, known, hold, cmd),
    }
}

impl PaymentRecord {
    fn new(cmd: &AskPayment, amount: i64) -> Self {
        Self {
            payment_id: cmd.payment_id,
            member_id: cmd.member_id,
            amount,
            hold_id: None,
            refusal: None,
            given_back: None,
            asked_at_ms: cmd.now_ms,
        }
    }

    /// The answer to a hold from now on.
    fn answer(&self) -> Result<HeldPoints, HoldRefusal> {
        match (self.given_back, self.refusal, self.hold_id) {
            (None, None, Some(hold_id)) => Ok(HeldPoints { hold_id }),
            (None, Some(refusal), _) => Err(refusal),
            _ => Err(HoldRefusal::Cancelled),
        }
    }
}

fn unchanged(answer: PaymentAnswer) -> PaymentOutcome {
    PaymentOutcome { answer, event: None, record: None, number_reused: false }
}

/// What is recorded is about another payment, whose answer must not pass for one to this.
fn reused(cmd: &AskPayment) -> PaymentOutcome {
    let answer = match cmd.ask {
        PaymentAsk::Hold { .. } => PaymentAnswer::Held(Err(HoldRefusal::PaymentNumberReused)),
        PaymentAsk::Capture => PaymentAnswer::Captured(Err(HoldOver::NeverHeld)),
        PaymentAsk::Cancel => PaymentAnswer::Cancelled(CancelledHold { given_back_point: 0 }),
    };
    PaymentOutcome { number_reused: true, ..unchanged(answer) }
}

fn place(account: Option<&Account>, amount: i64, hold_id: i64, cmd: &AskPayment) -> PaymentOutcome {
    let (reference, payment_id, now_ms) = (Some(reference(cmd)), Some(cmd.payment_id), cmd.now_ms);
    let place = HoldPoints { hold_id, amount, ttl_s: HOLD_TTL_S, reference, payment_id, now_ms };
    let placed = account.ok_or(Rejection::AccountUnknown).and_then(|account| hold_points(account, &place));
    let mut record = PaymentRecord::new(cmd, amount);
    match &placed {
        Ok(_) => record.hold_id = Some(hold_id),
        Err(rejection) => record.refusal = Some(HoldRefusal::from(*rejection)),
    }
    let answer = PaymentAnswer::Held(record.answer());
    PaymentOutcome { event: placed.ok(), record: Some(record), ..unchanged(answer) }
}

fn capture(
    account: Option<&Account>,
    known: Option<&PaymentRecord>,
    hold: Option<&Hold>,
    cmd: &AskPayment,
) -> PaymentOutcome {
    let (mut event, answer) = (None, |answer| unchanged(PaymentAnswer::Captured(answer)));
    let over = match (hold, account) {
        _ if known.is_some_and(|known| known.given_back.is_some()) => HoldOver::Cancelled,
        (None, _) => HoldOver::NeverHeld,
        (Some(hold), _) if hold.status == HoldStatus::Captured => {
            return answer(Ok(CapturedHold { captured_point: hold.captured }));
        }
        (Some(hold), _) if hold.status == HoldStatus::Expired => HoldOver::Expired,
        (Some(hold), Some(account)) => match capture_hold(account, hold, None, cmd.now_ms) {
            Ok(captured) => {
                let answer = answer(Ok(CapturedHold { captured_point: hold.amount }));
                return PaymentOutcome { event: Some(captured), ..answer };
            }
            Err(_) => {
                event = expire_hold(hold, cmd.now_ms);
                if event.is_some() { HoldOver::Expired } else { HoldOver::Released }
            }
        },
        (Some(_), None) => HoldOver::Released,
    };
    PaymentOutcome { event, ..answer(Err(over)) }
}

/// Of an account that is closed the points are gone.
fn cancel(
    account: Option<&Account>,
    known: Option<&PaymentRecord>,
    hold: Option<&Hold>,
    cmd: &AskPayment,
) -> PaymentOutcome {
    let answer = |given_back_point| unchanged(PaymentAnswer::Cancelled(CancelledHold { given_back_point }));
    let mut record = known.cloned().unwrap_or_else(|| PaymentRecord::new(cmd, 0));
    if let Some(given_back) = record.given_back {
        return answer(given_back);
    }
    let event = hold.zip(account).and_then(|(hold, account)| {
        let taken = &hold.taken(hold.captured);
        let back = GiveBack { taken, before: 0, point: hold.captured, today: cmd.today };
        expire_hold(hold, cmd.now_ms)
            .or_else(|| drop_hold(hold))
            .or_else(|| giving_back(account, back, Some(reference(cmd))))
    });
    let given_back = if let Some(Event::PointsMoved(back)) = &event { back.amount } else { 0 };
    record.given_back = Some(given_back);
    PaymentOutcome { event, record: Some(record), ..answer(given_back) }
}

fn reference(cmd: &AskPayment) -> Reference {
    Reference { kind: "payment".to_owned(), id: cmd.payment_id.to_string() }
}
