//! What `onepoint verify` looks at in membership.

use std::collections::{HashMap, HashSet};

use domain::membership::{self, Event, Membership};
use domain::product::UnitStatus;
use platform::db::Session;
use platform::error::Result;
use platform::log::each_event;

use super::store::{MEMBERSHIP, UNIT, read_membership, rows_after};
use crate::kit::{Finding, Findings};
use crate::product::KnownUnits;

const PIECE_ROWS: i64 = 5_000;
const TOLD: &str = "every membership stands as its events tell, which are numbered without gaps";
const CLAIMED: &str = "every unit is one membership's, or nobody's for ever";
const PAID: &str = "a unit is sold only with a membership that was paid";
const RETURNED: &str = "a unit is free again only if its membership was not paid, was refunded or never came";

/// Memberships as their events tell.
#[derive(Default)]
struct Replayed {
    memberships: HashMap<i64, Option<Membership>>,
    /// Units of memberships that gave them back.
    returned: HashSet<i64>,
    /// Units that never become memberships.
    refused: HashSet<i64>,
}

fn replay(session: &mut dyn Session, findings: &mut Findings) -> Result<Replayed> {
    let mut replayed = Replayed::default();
    each_event(session, |row| {
        let event: Event = row.decode()?;
        let facts = match &event {
            Event::MembershipRequested(facts) | Event::MembershipExpired(facts) => facts,
            Event::MembershipActivated { membership, .. } => membership,
            Event::MembershipRefused { membership, .. } => {
                replayed.returned.insert(membership.unit_id);
                membership
            }
            Event::MembershipCancelled { membership, refunds } => {
                if *refunds {
                    replayed.returned.insert(membership.unit_id);
                }
                membership
            }
            Event::UnitRefused { unit_id } => {
                replayed.refused.insert(*unit_id);
                return Ok(());
            }
        };
        let mut membership = replayed.memberships.remove(&facts.mem_id).flatten();
        let renewed = facts.renews_mem_id.and_then(|renews| replayed.memberships.get_mut(&renews)?.as_mut());
        membership::apply(&mut membership, renewed, &event);
        if membership.as_ref().is_none_or(|membership| membership.sequence != row.sequence) {
            findings.add(TOLD, Finding::of(facts.mem_id, format!("its event {} stands out of turn", row.sequence)));
        }
        replayed.memberships.insert(facts.mem_id, membership);
        Ok(())
    })?;
    Ok(replayed)
}

/// Compares memberships with their events, and with the units that product knows of, as [`crate::product`] said them
/// before.
///
/// # Errors
/// `Unavailable` when the store cannot be reached; `Internal` for an event that cannot be read.
pub fn inspect(session: &mut dyn Session, units: &KnownUnits) -> Result<Findings> {
    let mut findings = Findings::new(&[TOLD, CLAIMED, PAID, RETURNED]);
    let Replayed { mut memberships, returned, refused } = replay(session, &mut findings)?;
    let newest = units.keys().copied().max().unwrap_or(0);
    let mut claims = claims(session)?;
    let mut after = 0;
    loop {
        let rows = rows_after(session, &MEMBERSHIP, after, PIECE_ROWS)?;
        let Some(last) = rows.last() else { break };
        after = last.int(0);
        for found in rows.iter().map(read_membership) {
            let (mem_id, unit_id) = (found.facts.mem_id, found.facts.unit_id);
            if memberships.remove(&mem_id).flatten().as_ref() != Some(&found) {
                findings.add(TOLD, Finding::of(mem_id, "its row says something else than its events"));
            }
            if claims.remove(&unit_id) != Some(Some(mem_id)) {
                findings.add(CLAIMED, Finding::of(mem_id, format!("unit {unit_id} is not noted as its own")));
            }
            if let Some(what) = contradicts(&found, units.get(&unit_id), unit_id <= newest, &returned) {
                findings.add(if what.0 { PAID } else { RETURNED }, Finding::of(mem_id, what.1));
            }
        }
    }
    for mem_id in memberships.into_keys() {
        findings.add(TOLD, Finding::of(mem_id, "events tell of it, and it is not there"));
    }
    for (unit_id, mem_id) in claims {
        if mem_id.is_some() || !refused.contains(&unit_id) {
            findings.add(CLAIMED, Finding::of(unit_id, "a unit of a membership that is not there"));
        }
        if mem_id.is_none() && units.get(&unit_id) == Some(&UnitStatus::Sold) {
            findings.add(PAID, Finding::of(unit_id, "a unit is sold that never became a membership"));
        }
    }
    Ok(findings)
}

/// What product's unit says that the membership does not: whether it is about the payment, and what.
fn contradicts(
    found: &Membership,
    unit: Option<&UnitStatus>,
    is_known: bool,
    returned: &HashSet<i64>,
) -> Option<(bool, String)> {
    let unit_id = found.facts.unit_id;
    let (is_paid, gave_back) = (found.starts_at_ms.is_some(), returned.contains(&unit_id));
    match unit {
        None if is_known => Some((true, format!("product has no unit {unit_id}"))),
        Some(UnitStatus::Sold) if !is_paid => Some((true, format!("unit {unit_id} is sold, and it was never paid"))),
        Some(UnitStatus::Returned) if !gave_back => {
            Some((false, format!("unit {unit_id} is free again, and it is {}", found.status.name())))
        }
        _ => None,
    }
}

fn claims(session: &mut dyn Session) -> Result<HashMap<i64, Option<i64>>> {
    let (mut claims, mut after) = (HashMap::new(), 0);
    loop {
        let rows = rows_after(session, &UNIT, after, PIECE_ROWS)?;
        let Some(last) = rows.last() else { return Ok(claims) };
        after = last.int(0);
        claims.extend(rows.iter().map(|row| (row.int(0), row.opt_int(1))));
    }
}
