//! What `onepoint verify` looks at in donation.

use std::collections::HashMap;

use domain::donation::{Donation, DonationStatus};
use platform::db::Session;
use platform::error::Result;

use super::store::{causes_after, donations_after};
use crate::kit::{Finding, Findings};

const PIECE_ROWS: i64 = 5_000;
const RECEIVED: &str = "what a cause received = sum of its donations";
const IN_LEDGER: &str = "every donation has its entry in the ledger";
const FROM_LEDGER: &str = "every entry of a donation has its donation";
const SAID: &str = "a refused donation says why";

/// Member and points by donation.
pub type Donated = HashMap<i64, (i64, i64)>;

/// The donations that were granted. Looked at before the ledger, each of them has its entry there, even while a server
/// is at work.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn donated(session: &mut dyn Session) -> Result<Donated> {
    let mut donated = Donated::new();
    each(session, |donation| {
        if donation.status == DonationStatus::Donated {
            donated.insert(donation.donation_id, (donation.member_id, donation.amount));
        }
    })?;
    Ok(donated)
}

fn each(session: &mut dyn Session, mut look: impl FnMut(&Donation)) -> Result<()> {
    let mut after = 0;
    loop {
        let piece = donations_after(session, after, PIECE_ROWS)?;
        let Some(last) = piece.last() else { return Ok(()) };
        after = last.donation.donation_id;
        piece.iter().for_each(|stored| look(&stored.donation));
    }
}

/// Compares donations with what causes received, and with the entries that the ledger has for them. `before` is what
/// [`donated`] said before the ledger was looked at, `entries` what the ledger said.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn inspect(session: &mut dyn Session, before: &Donated, entries: &Donated) -> Result<Findings> {
    let mut findings = Findings::new(&[RECEIVED, IN_LEDGER, FROM_LEDGER, SAID]);
    for (donation_id, given) in before {
        if entries.get(donation_id) != Some(given) {
            let (member_id, amount) = given;
            let what = match entries.get(donation_id) {
                None => format!("{amount} points of member {member_id} were given, and the ledger has no such entry"),
                Some((other, point)) => {
                    format!("member {member_id} gave {amount} points, the ledger says {point} of {other}")
                }
            };
            findings.add(IN_LEDGER, Finding::of(*donation_id, what));
        }
    }
    let mut unknown = entries.clone();
    let mut received: HashMap<i64, (i64, i64)> = HashMap::new();
    each(session, |donation| {
        let Donation { donation_id, member_id, cause_id, amount, status, .. } = *donation;
        // One that point has decided and that is not recorded yet is on its way.
        let entry = unknown.remove(&donation_id);
        if entry.is_some_and(|entry| entry != (member_id, amount) || status == DonationStatus::Rejected) {
            let what = format!("the ledger took points for it, and it is {} over {amount}", status.name());
            findings.add(FROM_LEDGER, Finding::of(donation_id, what));
        }
        match status {
            DonationStatus::Donated => {
                let (point, count) = received.entry(cause_id).or_default();
                (*point, *count) = (*point + amount, *count + 1);
            }
            DonationStatus::Rejected if donation.reason.is_none() => {
                findings.add(SAID, Finding::of(donation_id, "refused without a reason"));
            }
            DonationStatus::Rejected | DonationStatus::Requested => {}
        }
    })?;
    for donation_id in unknown.into_keys() {
        findings.add(FROM_LEDGER, Finding::of(donation_id, "the ledger has an entry for it, and it is not there"));
    }
    compare_causes(session, received, &mut findings)?;
    Ok(findings)
}

fn compare_causes(
    session: &mut dyn Session,
    mut received: HashMap<i64, (i64, i64)>,
    findings: &mut Findings,
) -> Result<()> {
    let mut after = 0;
    loop {
        let piece = causes_after(session, after, PIECE_ROWS)?;
        let Some(last) = piece.last() else { break };
        after = last.cause_id;
        for cause in &piece {
            let (point, count) = received.remove(&cause.cause_id).unwrap_or_default();
            if (cause.received_point, cause.donation_count) != (point, count) {
                let (shown, times) = (cause.received_point, cause.donation_count);
                let what = format!("it shows {shown} points from {times} donations, they are {point} from {count}");
                findings.add(RECEIVED, Finding::of(cause.cause_id, what));
            }
        }
    }
    for cause_id in received.into_keys() {
        findings.add(RECEIVED, Finding::of(cause_id, "donations to a cause that is not there"));
    }
    Ok(())
}
