//! What `onepoint verify` looks at in member.

use platform::db::Session;
use platform::error::Result;

use crate::kit::{Finding, Findings};

/// Nothing personal of a member who is gone, no withdrawal stuck half way (invariants I-15 and I-22).
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn inspect(session: &mut dyn Session, now_ms: i64) -> Result<Findings> {
    let mut findings = Findings::new(&["nothing personal of members who are gone", "no withdrawal stuck"]);
    let personal = "SELECT member_id FROM member WHERE gone_at IS NOT NULL AND (phone_no IS NOT NULL OR nickname IS NOT NULL OR name IS NOT NULL \
                    OR email IS NOT NULL OR address IS NOT NULL OR login_id IS NOT NULL)";
    for row in session.query(personal, &[])? {
        findings.add("nothing personal of members who are gone", Finding::of(row.int(0), "contact data is left"));
    }
    // A minute is long after the sweeper and the consumers have had their turns.
    let stuck =
        "SELECT member_id, step FROM withdrawal WHERE step IN ('PREPARING', 'WITHDRAWING') AND requested_at < $1";
    for row in session.query(stuck, &[(now_ms - 60_000).into()])? {
        findings.add("no withdrawal stuck", Finding::of(row.int(0), format!("still {} after a minute", row.text(1))));
    }
    Ok(findings)
}
