//! Earning points.

use alloc::string::String;

use super::{
    Account, EntryKind, Event, LotChange, Movement, Reference, Rejection, balance_with, must_be_active, must_be_movable,
};
use crate::kernel::Month;

/// Gives points to a member.
#[derive(Debug, Clone)]
pub struct EarnPoints {
    /// 1 to `MAX_AMOUNT` points.
    pub amount: i64,
    /// The month at whose end they expire.
    pub expires: Month,
    /// What they were earned with.
    pub reference: Option<Reference>,
    /// The operator's words.
    pub reason: Option<String>,
}

/// The member must be NORMAL; every earning belongs to a lot (SPEC section 4, Points).
///
/// # Errors
/// [`Rejection`] with nothing changed.
pub fn earn_points(account: &Account, cmd: &EarnPoints) -> Result<Event, Rejection> {
    must_be_movable(cmd.amount)?;
    must_be_active(account)?;
    earning(account, EntryKind::Earn, cmd).map(Event::PointsMoved)
}

/// Points into the lot of their expiry month.
pub(super) fn earning(account: &Account, kind: EntryKind, cmd: &EarnPoints) -> Result<Movement, Rejection> {
    Ok(Movement {
        kind,
        amount: cmd.amount,
        balance_after: balance_with(account, cmd.amount)?,
        lots: LotChange::add(cmd.expires, cmd.amount),
        reference: cmd.reference.clone(),
        reason: cmd.reason.clone(),
    })
}
