//! Using points.

use alloc::string::String;

use super::{Account, EntryKind, Event, Movement, Reference, Rejection, must_be_active, must_be_movable};

/// Takes points from a member.
#[derive(Debug, Clone)]
pub struct UsePoints {
    /// 1 to `MAX_AMOUNT` points.
    pub amount: i64,
    /// What they were spent on.
    pub reference: Option<Reference>,
    /// The operator's words.
    pub reason: Option<String>,
}

/// Never more than is available, from the lots that expire first (SPEC section 4, Points).
///
/// # Errors
/// [`Rejection`] with nothing changed.
pub fn use_points(account: &Account, cmd: &UsePoints) -> Result<Event, Rejection> {
    must_be_movable(cmd.amount)?;
    must_be_active(account)?;
    spending(account, EntryKind::Use, cmd).map(Event::PointsMoved)
}

/// Points out of the lots that expire first.
pub(super) fn spending(account: &Account, kind: EntryKind, cmd: &UsePoints) -> Result<Movement, Rejection> {
    if cmd.amount > account.available() {
        return Err(Rejection::InsufficientPoints);
    }
    Ok(Movement {
        kind,
        amount: -cmd.amount,
        balance_after: account.remain_point - cmd.amount,
        lots: account.free_lots().take_earliest(cmd.amount),
        reference: cmd.reference.clone(),
        reason: cmd.reason.clone(),
    })
}
