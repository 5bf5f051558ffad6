//! What `onepoint verify` looks at in member.

use platform::db::Session;
use platform::error::Result;

use super::store::{members_not_erased, unfinished_withdrawals, withdrawals_gone_wrong};
use crate::kit::{Finding, Findings};

/// Long after the sweeper and the consumers have had their turns.
const STUCK_MS: i64 = 60_000;

/// What is looked at.
const ERASED: &str = "nothing personal of members who are gone";
const STUCK: &str = "no withdrawal stuck";
const CONFIRMED: &str = "what is done was confirmed by point and coupon";
const AGREED: &str = "gone are those whose withdrawal was decided";

/// Nothing personal of a member who is gone, no withdrawal stuck half way, none done that point or coupon has not
/// followed, nobody gone without a decision or here after one (invariants I-15 and I-22).
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn inspect(session: &mut dyn Session, now_ms: i64) -> Result<Findings> {
    let mut findings = Findings::new(&[ERASED, STUCK, CONFIRMED, AGREED]);
    for member_id in members_not_erased(session)? {
        findings.add(ERASED, Finding::of(member_id, "contact data is left"));
    }
    for withdrawal in unfinished_withdrawals(session, now_ms - STUCK_MS)? {
        let waits_for = withdrawal.waits_for();
        let what = format!("still {} after a minute, waiting for {waits_for:?}", withdrawal.step.name());
        findings.add(STUCK, Finding::of(withdrawal.member_id, what));
    }
    let (unconfirmed, at_odds) = withdrawals_gone_wrong(session)?;
    for member_id in unconfirmed {
        findings.add(CONFIRMED, Finding::of(member_id, "done, but somebody has not followed"));
    }
    for member_id in at_odds {
        findings.add(AGREED, Finding::of(member_id, "the member and the withdrawal say different things"));
    }
    Ok(findings)
}
