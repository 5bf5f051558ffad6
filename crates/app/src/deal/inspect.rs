//! What `onepoint verify` looks at in deal.

use std::collections::{BTreeMap, HashMap};

use domain::deal::{self, Deal, DealFacts, DealStatus, DealType, Event, MerchantFacts, PointStatus, fail};
use platform::db::{Cursor, Session};
use platform::error::Result;
use platform::log::each_event;

use super::list::{deals_after, members_after, merchants_after};
use super::store::{MerchantSlot, Stored};
use crate::kit::{Finding, Findings};
use crate::point::DealtFacts;

const PIECE_ROWS: i64 = 5_000;
const TOLD: &str = "every deal stands as its events tell";
const NUMBERED: &str = "the events of a merchant are numbered without gaps, and say how it stands";
const CANCELLED: &str = "what is cancelled of a deal = sum of its cancels, at most its points";
const LINKED: &str = "every deal names the member's deal before it, and the member's row the last one";
const IN_LEDGER: &str = "every deal that happened moved its points in the ledger";
const FROM_LEDGER: &str = "the ledger moved points for deals that happened, and for no others";

/// What the ledger says of deals.
#[derive(Debug, Default)]
pub struct Ledger {
    /// What it answered to each.
    pub deals: HashMap<i64, DealtFacts>,
    /// How far it had followed deal's log by then. What comes later is on its way.
    pub followed: Cursor,
}

/// The deals that happened, with their points: member and points that the ledger is to have moved, where that is
/// certain.
pub type Happened = HashMap<i64, (i64, Option<i64>)>;

/// What is on its way, and nothing wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Deals of which point has not been heard.
    pub pending: usize,
    /// Cancels whose points have not followed.
    pub following: usize,
    /// When the oldest of them was posted, in milliseconds since 1970 in UTC.
    pub since_ms: Option<i64>,
}

/// The deals that happened. Looked at before the ledger, each of them is known there, even while a server is at work.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn happened(session: &mut dyn Session) -> Result<Happened> {
    let mut happened = Happened::new();
    each(session, |stored| {
        let Deal { facts, status, point_status, .. } = &stored.deal;
        if *status == DealStatus::Success && *point_status != Some(PointStatus::Pending) {
            let exactly = matches!(facts.deal_type, DealType::Save | DealType::Use).then_some(facts.point);
            happened.insert(facts.deal_id, (facts.member_id, exactly));
        }
    })?;
    Ok(happened)
}

fn each(session: &mut dyn Session, mut look: impl FnMut(Stored)) -> Result<()> {
    let mut after = 0;
    loop {
        let piece = deals_after(session, after, PIECE_ROWS)?;
        let Some(last) = piece.last() else { return Ok(()) };
        after = last.deal.facts.deal_id;
        piece.into_iter().for_each(&mut look);
    }
}

/// Compares deals with their events and with each other, and with the ledger. `before` is what [`happened`] said before
/// the ledger was looked at.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn inspect(session: &mut dyn Session, before: &Happened, ledger: &Ledger) -> Result<(Findings, Waiting)> {
    let mut findings = Findings::new(&[TOLD, NUMBERED, CANCELLED, LINKED, IN_LEDGER, FROM_LEDGER]);
    in_ledger(before, ledger, &mut findings);
    let mut log = replay(session, &mut findings)?;
    let mut waiting = Waiting::default();
    let mut unknown: HashMap<i64, DealtFacts> = ledger.deals.clone();
    // Points and what is noted as cancelled of deals, and what their cancels come to.
    let mut originals: BTreeMap<i64, [i64; 3]> = BTreeMap::new();
    let mut last_deals: HashMap<i64, i64> = HashMap::new();
    each(session, |stored| {
        let deal_id = stored.deal.facts.deal_id;
        if last_deals.insert(stored.deal.facts.member_id, deal_id).unwrap_or(0) != stored.previous {
            findings.add(LINKED, Finding::of(deal_id, "it names another deal before it"));
        }
        let told = log.deals.remove(&deal_id);
        let last = told.as_ref().map_or(Cursor::default(), |told| told.last);
        if told.is_none_or(|told| told.deal != stored.deal || told.sequence != stored.sequence) {
            findings.add(TOLD, Finding::of(deal_id, "its row says something else than its events"));
        }
        wait(&stored.deal, &mut waiting);
        cancels(&stored.deal, &mut originals);
        let dealt = unknown.remove(&deal_id);
        if let Some(what) = contradicts(&stored.deal, dealt, last <= ledger.followed) {
            findings.add(FROM_LEDGER, Finding::of(deal_id, what));
        }
    })?;
    for deal_id in log.deals.into_keys() {
        findings.add(TOLD, Finding::of(deal_id, "events tell of it, and it is not there"));
    }
    for (deal_id, [point, noted, sum]) in originals {
        if noted != sum || noted > point {
            let what = format!("{noted} of {point} points are noted as cancelled, its cancels come to {sum}");
            findings.add(CANCELLED, Finding::of(deal_id, what));
        }
    }
    for deal_id in unknown.into_keys() {
        findings.add(FROM_LEDGER, Finding::of(deal_id, "the ledger knows of it, and it is not there"));
    }
    compare_last_deals(session, last_deals, &mut findings)?;
    compare_merchants(session, log.merchants, &mut findings)?;
    Ok((findings, waiting))
}

/// Compares each member's last deal with what the member's row names, both ways.
fn compare_last_deals(
    session: &mut dyn Session,
    mut last_deals: HashMap<i64, i64>,
    findings: &mut Findings,
) -> Result<()> {
    let newest = last_deals.values().copied().max().unwrap_or(0);
    let mut after = i64::MIN;
    loop {
        let rows = members_after(session, after, PIECE_ROWS)?;
        let Some(last) = rows.last() else { break };
        after = last.int(0);
        for row in &rows {
            // What was posted since the deals were looked at is nothing wrong.
            if last_deals.remove(&row.int(0)) != Some(row.int(1)) && row.int(1) <= newest {
                findings
                    .add(LINKED, Finding::of(row.int(1), "it is not the last deal of the member whose row names it"));
            }
        }
    }
    for deal_id in last_deals.into_values() {
        findings.add(LINKED, Finding::of(deal_id, "the last deal of its member, and no row names it"));
    }
    Ok(())
}

fn in_ledger(before: &Happened, ledger: &Ledger, findings: &mut Findings) {
    for (deal_id, (member_id, point)) in before {
        let fits = |dealt: &DealtFacts| {
            dealt.done && dealt.member_id == *member_id && point.is_none_or(|point| dealt.moved_point == point)
        };
        if !ledger.deals.get(deal_id).is_some_and(fits) {
            let what = match (ledger.deals.get(deal_id), point) {
                (None, _) => "it happened, and the ledger does not know of it".to_owned(),
                (Some(dealt), Some(point)) => {
                    let DealtFacts { member_id: other, moved_point, done, .. } = dealt;
                    format!(
                        "{point} points of member {member_id}; the ledger says {moved_point} of {other}, done: {done}"
                    )
                }
                (Some(_), None) => {
                    format!("a cancel for member {member_id}, which the ledger refused or has for another")
                }
            };
            findings.add(IN_LEDGER, Finding::of(*deal_id, what));
        }
    }
}

fn wait(deal: &Deal, waiting: &mut Waiting) {
    if deal.status == DealStatus::Pending {
        waiting.pending += 1;
    } else if deal.point_status == Some(PointStatus::Pending) {
        waiting.following += 1;
    } else {
        return;
    }
    let at_ms = deal.facts.dealt_at_ms;
    waiting.since_ms = Some(waiting.since_ms.map_or(at_ms, |since_ms| since_ms.min(at_ms)));
}

/// Notes a deal that is cancelled, or one that cancels.
fn cancels(deal: &Deal, originals: &mut BTreeMap<i64, [i64; 3]>) {
    let DealFacts { deal_id, point, original_deal_id, .. } = deal.facts;
    if deal.cancelled_point != 0 {
        let noted = originals.entry(deal_id).or_default();
        (noted[0], noted[1]) = (point, deal.cancelled_point);
    }
    if let Some(original) = original_deal_id.filter(|_| deal.status != DealStatus::Fail) {
        originals.entry(original).or_default()[2] += point;
    }
}

/// What is wrong between a deal as it stands now and what the ledger said a little earlier. `has_followed`: the ledger
/// knew all that its events tell.
fn contradicts(deal: &Deal, dealt: Option<DealtFacts>, has_followed: bool) -> Option<&'static str> {
    let is_void = deal.fail_reason.as_deref() == Some(fail::TIMED_OUT);
    match (deal.status, dealt) {
        (DealStatus::Fail, Some(dealt)) if dealt.done && !is_void => Some("it failed, and the ledger moved its points"),
        (DealStatus::Fail, Some(dealt)) if dealt.done && has_followed => {
            Some("nobody heard of it in time, and its points were not given back")
        }
        (DealStatus::Success, None) if deal.point_status.is_some() && has_followed => {
            Some("it stands, and its points have not followed")
        }
        (DealStatus::Success, Some(dealt)) if !dealt.done => Some("it stands, and the ledger refused it"),
        _ => None,
    }
}

/// What the log tells of a deal.
struct ToldDeal {
    deal: Deal,
    sequence: i64,
    /// Where the last event about it stands that others follow.
    last: Cursor,
}

/// What the whole log tells.
#[derive(Default)]
struct Told {
    deals: HashMap<i64, ToldDeal>,
    merchants: HashMap<i64, (Option<MerchantFacts>, i64)>,
}

fn replay(session: &mut dyn Session, findings: &mut Findings) -> Result<Told> {
    let mut told = Told::default();
    each_event(session, |event| {
        let (merchant, sequence) = (event.subject, event.sequence);
        let (facts, number) = told.merchants.entry(merchant).or_default();
        if sequence != *number + 1 {
            findings.add(NUMBERED, Finding::of(merchant, format!("event {sequence} comes after event {number}")));
        }
        *number = sequence;
        match event.decode()? {
            Event::MerchantOpened(opened) => *facts = Some(opened),
            Event::MerchantChanged(changed) => *facts = Some(changed),
            about_deal => take_in(&mut told.deals, &about_deal, sequence, event.cursor),
        }
        Ok(())
    })?;
    Ok(told)
}

/// Replays an event about a deal.
fn take_in(deals: &mut HashMap<i64, ToldDeal>, event: &Event, sequence: i64, cursor: Cursor) {
    let Some((deal_id, original)) = event.deal() else { return };
    let before = deals.remove(&deal_id);
    let (mut deal, known) = before.map_or((None, 0), |before| (Some(before.deal), before.sequence));
    let original = original.and_then(|original| deals.get_mut(&original)).map(|original| &mut original.deal);
    deal::apply(&mut deal, original, event);
    let sequence = if event.ends_deal() { sequence } else { known };
    deals.extend(deal.map(|deal| (deal_id, ToldDeal { deal, sequence, last: cursor })));
}

fn compare_merchants(
    session: &mut dyn Session,
    mut told: HashMap<i64, (Option<MerchantFacts>, i64)>,
    findings: &mut Findings,
) -> Result<()> {
    let mut after = 0;
    loop {
        let piece = merchants_after(session, after, PIECE_ROWS)?;
        let Some(last) = piece.last() else { break };
        after = last.int(0);
        for row in &piece {
            let slot = MerchantSlot::read(row);
            if told.remove(&row.int(0)) != Some((slot.known, slot.sequence)) {
                findings.add(NUMBERED, Finding::of(row.int(0), "its row says something else than its events"));
            }
        }
    }
    for merchant_id in told.into_keys() {
        findings.add(NUMBERED, Finding::of(merchant_id, "events tell of it, and it is not there"));
    }
    Ok(())
}
