//! An account follows its member: it opens when the member joins, takes the status over, and is welcomed once.

use super::earn::earning;
use super::{Account, EarnPoints, EntryKind, Event, Rejection};
use crate::kernel::Month;
use crate::member::MemberStatus;

/// What member said about a member.
#[derive(Debug, Clone)]
pub struct FollowMember {
    /// Sequence of the event of member.
    pub member_sequence: i64,
    /// The status from now on.
    pub status: MemberStatus,
}

/// Welcome points are due.
#[derive(Debug, Clone)]
pub struct WelcomeMember {
    /// Points; 0 gives none.
    pub amount: i64,
    /// The month at whose end they expire.
    pub expires: Month,
}

/// Opens an account with nothing in it. `None`: it is open already, or was and is closed for good.
#[must_use]
pub fn open_account(account: Option<&Account>, cmd: &FollowMember) -> Option<Event> {
    match account {
        Some(_) => None,
        None => Some(Event::AccountOpened { member_sequence: cmd.member_sequence, status: cmd.status }),
    }
}

/// Takes a status over. `None`: this event or a later one was taken in before, or the account is closed.
#[must_use]
pub fn follow_member(account: &Account, cmd: &FollowMember) -> Option<Event> {
    if account.closed || cmd.member_sequence <= account.member_sequence {
        return None;
    }
    Some(Event::StatusFollowed { member_sequence: cmd.member_sequence, status: cmd.status })
}

/// Gives the welcome points. `None`: this member number had them, or they are 0.
///
/// # Errors
/// [`Rejection::BalanceTooLarge`] if they do not fit.
pub fn welcome_member(account: &Account, cmd: &WelcomeMember) -> Result<Option<Event>, Rejection> {
    if account.closed || account.welcomed || cmd.amount <= 0 {
        return Ok(None);
    }
    let gift = EarnPoints { amount: cmd.amount, expires: cmd.expires, reference: None, reason: None };
    earning(account, EntryKind::Welcome, &gift).map(|movement| Some(Event::PointsMoved(movement)))
}
