//! The operator puts a balance right, up or down (seed 0: `PATCH /points/1 requirePoint=-730`).

use alloc::string::String;

use super::earn::earning;
use super::use_points::spending;
use super::{
    Account, EarnPoints, EntryKind, Event, Movement, Reference, Rejection, UsePoints, must_be_active, must_be_movable,
};
use crate::kernel::Month;

/// Changes a balance by a signed number of points.
#[derive(Debug, Clone)]
pub struct AdjustPoints {
    /// Points with sign; never 0, at most `MAX_AMOUNT` either way.
    pub amount: i64,
    /// The month at whose end added points expire.
    pub expires: Month,
    /// What it is about.
    pub reference: Option<Reference>,
    /// The operator's words.
    pub reason: Option<String>,
}

/// An adjustment obeys the same rules as earning and using.
///
/// # Errors
/// [`Rejection`] with nothing changed.
pub fn adjust_points(account: &Account, cmd: &AdjustPoints) -> Result<Movement, Rejection> {
    let amount = cmd.amount.checked_abs().ok_or(Rejection::InvalidAmount)?;
    must_be_movable(amount)?;
    must_be_active(account)?;
    let (reference, reason) = (cmd.reference.clone(), cmd.reason.clone());
    if cmd.amount > 0 {
        let earn = EarnPoints { amount, expires: cmd.expires, reference, reason };
        earning(account, EntryKind::Adjust, &earn)
    } else {
        spending(account, EntryKind::Adjust, &UsePoints { amount, reference, reason })
    }
}

impl AdjustPoints {
    /// The answer to seed 0's `PATCH`: a refusal is remembered on the account too, because `requirePoint` is echoed.
    ///
    /// # Errors
    /// [`Rejection::AccountUnknown`] and [`Rejection::InvalidAmount`], which are no answers about a balance.
    pub fn as_request(&self, account: &Account) -> Result<Event, Rejection> {
        match adjust_points(account, self) {
            Ok(movement) => Ok(Event::PointsAdjusted(movement)),
            Err(rejection @ (Rejection::AccountUnknown | Rejection::InvalidAmount)) => Err(rejection),
            Err(reason) => Ok(Event::AdjustmentRejected { require_point: self.amount, reason }),
        }
    }
}
