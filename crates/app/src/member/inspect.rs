//! What `onepoint verify` looks at in member.

use platform::db::Session;
use platform::error::Result;

use super::store::{members_not_erased, unfinished_withdrawals};
use crate::kit::{Finding, Findings};

/// Long after the sweeper and the consumers have had their turns.
const STUCK_MS: i64 = 60_000;

/// Nothing personal of a member who is gone, no withdrawal stuck half way (invariants I-15 and I-22).
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn inspect(session: &mut dyn Session, now_ms: i64) -> Result<Findings> {
    let mut findings = Findings::new(&["nothing personal of members who are gone", "no withdrawal stuck"]);
    for member_id in members_not_erased(session)? {
        findings.add("nothing personal of members who are gone", Finding::of(member_id, "contact data is left"));
    }
    for (member_id, step) in unfinished_withdrawals(session, now_ms - STUCK_MS)? {
        findings.add("no withdrawal stuck", Finding::of(member_id, format!("still {step} after a minute")));
    }
    Ok(findings)
}
