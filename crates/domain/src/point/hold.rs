//! Holds: points that are set aside for a while, and then taken or let go (SPEC section 4, Points).
//!
//! A hold pins the lots that a use would have taken: they do not expire while it is held, and no other verb takes them.
//! It ends once: captured, wholly or in part (the rest is free again), released, or expired. What its lots lose while
//! they are pinned they lose when it ends: a hold keeps points from expiring, it does not make them live longer.

use alloc::borrow::ToOwned as _;
use alloc::string::ToString as _;

use serde::{Deserialize, Serialize};

use super::rejection::must_be_a_lifetime;
use super::{Account, EntryKind, Event, LotChange, Movement, Reference, Rejection, must_be_active, must_be_movable};

/// How long a hold lives if nobody says otherwise, in seconds.
pub const HOLD_TTL_S: i64 = 600;
/// How long a hold lives at most, in seconds.
pub const MAX_HOLD_TTL_S: i64 = 7 * 24 * 60 * 60;

/// How a hold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HoldStatus {
    /// The points are set aside.
    Held,
    /// They were taken, all of them or a part; the rest is free again.
    Captured,
    /// They are free again.
    Released,
    /// They are free again because time is over.
    Expired,
}

impl HoldStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Held, Self::Captured, Self::Released, Self::Expired];

    /// Its name in rows and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "HELD",
            Self::Captured => "CAPTURED",
            Self::Released => "RELEASED",
            Self::Expired => "EXPIRED",
        }
    }

    /// The status with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// Points that are, or were, set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its number.
    pub hold_id: i64,
    /// Whose points.
    pub member_id: i64,
    /// How many points were set aside: 1 to `MAX_AMOUNT`.
    pub amount: i64,
    /// How many of them were taken: 0, or 1 to `amount` once it is captured.
    pub captured: i64,
    /// How it stands.
    pub status: HoldStatus,
    /// From when on it cannot be captured, in milliseconds since 1970 in UTC.
    pub expires_at_ms: i64,
    /// What it is about.
    pub reference: Option<Reference>,
    /// The payment that it belongs to, which alone ends it.
    pub payment_id: Option<i64>,
    /// Points by expiry month, in the order in which a capture takes them; what it pinned when it was placed.
    pub pinned: LotChange,
}

/// Sets points aside.
#[derive(Debug, Clone)]
pub struct HoldPoints {
    /// The number of the hold.
    pub hold_id: i64,
    /// 1 to `MAX_AMOUNT` points.
    pub amount: i64,
    /// How long, in seconds: 1 to [`MAX_HOLD_TTL_S`].
    pub ttl_s: i64,
    /// What it is about.
    pub reference: Option<Reference>,
    /// The payment that it is for.
    pub payment_id: Option<i64>,
    /// When, in milliseconds since 1970 in UTC.
    pub now_ms: i64,
}

/// Sets aside what a use would take: never more than is available.
///
/// # Errors
/// [`Rejection`] with nothing changed.
pub fn hold_points(account: &Account, cmd: &HoldPoints) -> Result<Event, Rejection> {
    must_be_movable(cmd.amount)?;
    must_be_a_lifetime(cmd.ttl_s)?;
    must_be_active(account)?;
    if cmd.amount > account.available() {
        return Err(Rejection::InsufficientPoints);
    }
    Ok(Event::PointsHeld(Hold {
        hold_id: cmd.hold_id,
        member_id: account.member_id,
        amount: cmd.amount,
        captured: 0,
        status: HoldStatus::Held,
        expires_at_ms: cmd.now_ms.saturating_add(cmd.ttl_s * 1_000),
        reference: cmd.reference.clone(),
        payment_id: cmd.payment_id,
        pinned: account.free_lots().take_earliest(cmd.amount).reversed(),
    }))
}

/// Takes so many of the held points, all of them where nobody says how many; the rest is free again. The member's
/// status and a withdrawal under way do not matter: the points were set aside before.
///
/// # Errors
/// [`Rejection`] with nothing changed; [`Rejection::HoldOver`] also for a hold that [`expire_hold`] would end.
pub fn capture_hold(account: &Account, hold: &Hold, amount: Option<i64>, now_ms: i64) -> Result<Event, Rejection> {
    let amount = amount.unwrap_or(hold.amount);
    must_be_movable(amount)?;
    must_be_open(account, hold, now_ms)?;
    if amount > hold.amount {
        return Err(Rejection::CaptureTooLarge);
    }
    let movement = Movement {
        kind: EntryKind::HoldCapture,
        amount: -amount,
        balance_after: account.remain_point - amount,
        lots: hold.taken(amount),
        reference: Some(hold.reference.clone().unwrap_or_else(|| hold.as_reference())),
        reason: None,
    };
    let hold = Hold { captured: amount, status: HoldStatus::Captured, ..hold.clone() };
    Ok(Event::HoldCaptured { movement, hold })
}

/// Lets all of the held points go. `None`: they were released before.
///
/// # Errors
/// [`Rejection::HoldOver`] with nothing changed for a hold that was captured or has expired, also for one that
/// [`expire_hold`] would end.
pub fn release_hold(account: &Account, hold: &Hold, now_ms: i64) -> Result<Option<Event>, Rejection> {
    if hold.status == HoldStatus::Released && !account.closed {
        return Ok(None);
    }
    must_be_open(account, hold, now_ms)?;
    Ok(Some(Event::HoldReleased(hold.ended(HoldStatus::Released))))
}

/// Lets the points of a hold go whose time is over: asked before every verb about a hold, and by a job. `None`: it
/// still lives, or has ended before.
#[must_use]
pub fn expire_hold(hold: &Hold, now_ms: i64) -> Option<Event> {
    let is_due = hold.status == HoldStatus::Held && now_ms >= hold.expires_at_ms;
    is_due.then(|| Event::HoldExpired(hold.ended(HoldStatus::Expired)))
}

/// Lets the points go because the member is gone; they are forfeited next. `None`: the hold has ended before.
#[must_use]
pub fn drop_hold(hold: &Hold) -> Option<Event> {
    (hold.status == HoldStatus::Held).then(|| Event::HoldReleased(hold.ended(HoldStatus::Released)))
}

/// Refuses a hold that has ended, or whose time is over.
fn must_be_open(account: &Account, hold: &Hold, now_ms: i64) -> Result<(), Rejection> {
    if account.closed {
        return Err(Rejection::AccountUnknown);
    }
    let is_open = hold.status == HoldStatus::Held && now_ms < hold.expires_at_ms;
    if is_open { Ok(()) } else { Err(Rejection::HoldOver) }
}

impl Hold {
    /// Refuses a hold that belongs to a payment: for verbs that are not the payment's.
    ///
    /// # Errors
    /// [`Rejection::HoldOfPayment`].
    pub fn must_be_of_no_payment(&self) -> Result<(), Rejection> {
        if self.payment_id.is_none() { Ok(()) } else { Err(Rejection::HoldOfPayment) }
    }

    /// How a capture of `amount` changes the lots.
    pub(super) fn taken(&self, amount: i64) -> LotChange {
        let mut rest = amount;
        let parts = self.pinned.0.iter().map(|(month, point)| {
            let part = rest.min(*point);
            rest -= part;
            (*month, -part)
        });
        LotChange(parts.filter(|(_, part)| *part != 0).collect())
    }

    fn ended(&self, status: HoldStatus) -> Self {
        Self { status, ..self.clone() }
    }

    fn as_reference(&self) -> Reference {
        Reference { kind: "hold".to_owned(), id: self.hold_id.to_string() }
    }
}

/// Pins what a hold sets aside.
pub(super) fn pin(account: &mut Account, hold: &Hold) {
    account.pins.change(&hold.pinned);
}

/// Lets go what a hold pinned.
pub(super) fn unpin(account: &mut Account, hold: &Hold) {
    account.pins.change(&hold.pinned.reversed());
}
