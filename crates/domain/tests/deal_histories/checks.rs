//! What has to hold after each step, and when everything is at rest.

use std::collections::BTreeMap;

use domain::deal::{Deal, DealStatus, DealType, Event, PointStatus, is_billed};
use domain::point::EntryKind;

use crate::model::{Model, Slip, State};
use crate::system::System;

fn must(holds: bool, wrong: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(wrong()) }
}

/// Rules and model say the same of every member and every deal.
pub fn agree(system: &System, model: &Model) -> Result<(), String> {
    for (member, heap) in &model.heaps {
        let account = &system.accounts[member];
        let lots: BTreeMap<i64, i64> = account.lots.iter().map(|(month, point)| (month.as_number(), point)).collect();
        let (rules, clerk) = ((&lots, account.owed, account.closed), (&heap.coins, heap.owed, heap.is_gone));
        must(rules == clerk, || format!("member {member}: {rules:?}, not {clerk:?}"))?;
    }
    must(system.deals.len() == model.slips.len(), || "not as many deals".to_owned())?;
    for (deal, slip) in system.deals.values().zip(&model.slips) {
        let state = match deal.status {
            DealStatus::Pending => State::Pending,
            DealStatus::Success => State::Success,
            DealStatus::Fail => State::Fail(deal.fail_reason.clone().unwrap_or_default()),
        };
        let has_followed = deal.point_status == Some(PointStatus::Done);
        let rules = (&state, deal.facts.point, deal.cancelled_point, has_followed);
        let clerk = (&slip.state, slip.point, slip.cancelled, slip.has_followed);
        must(rules == clerk, || format!("deal {}: {rules:?}, not {clerk:?}", deal.facts.deal_id))?;
        settled(system, deal, slip)?;
    }
    Ok(())
}

/// What deal reads off the marks of runs is what the runs did.
fn settled(system: &System, deal: &Deal, slip: &Slip) -> Result<(), String> {
    let facts = &deal.facts;
    let sequence = system.ended.get(&facts.deal_id).copied().unwrap_or(0);
    let marks = system.settlement.marks(facts.merchant_id);
    let billed = is_billed(facts.deal_type, deal.status, facts.month, sequence, &marks);
    must(billed == slip.run.is_some(), || format!("deal {}: billed {billed}, the run {:?}", facts.deal_id, slip.run))
}

/// Lots, balance and entries of every account come to the same, nothing is below zero, and no deal is cancelled for
/// more than it moved.
pub fn books_balance(system: &System) -> Result<(), String> {
    for (member, account) in &system.accounts {
        let entries = sum(system, *member, &EntryKind::ALL);
        let figures = (account.lots.total(), account.remain_point, entries);
        must(figures.0 == figures.1 && figures.1 == figures.2, || format!("member {member}: {figures:?}"))?;
        let below = account.remain_point < 0 || account.owed < 0 || account.lots.iter().any(|(_, point)| point < 0);
        must(!below, || format!("member {member}: below zero"))?;
    }
    let mut cancelled: BTreeMap<i64, i64> = BTreeMap::new();
    for record in system.records.values() {
        let undone = record.moved_point + record.owed_point;
        *cancelled.entry(record.original.unwrap_or(0)).or_default() += undone;
        let limit = (0..=record.moved_point).contains(&record.cancelled_point);
        must(limit, || format!("deal {} is cancelled for more than it moved", record.deal_id))?;
    }
    for deal in system.deals.values() {
        let told = cancelled.get(&deal.facts.deal_id).copied().unwrap_or(0);
        let of_deal = (0..=deal.facts.point).contains(&deal.cancelled_point) && told <= deal.facts.point;
        must(of_deal, || format!("deal {} is cancelled for more than it moved: {told}", deal.facts.deal_id))?;
    }
    Ok(())
}

fn sum(system: &System, member: i64, kinds: &[EntryKind]) -> i64 {
    let of = system.entries.iter().filter(|entry| entry.member == member && kinds.contains(&entry.kind));
    of.map(|entry| entry.amount).sum()
}

/// Everything has ended: each deal once, with its points moved once, and each line in one run.
pub fn rests(system: &System, model: &Model) -> Result<(), String> {
    for deal in system.deals.values() {
        let waits = deal.status == DealStatus::Pending || deal.point_status == Some(PointStatus::Pending);
        must(!waits, || format!("deal {} is still under way", deal.facts.deal_id))?;
    }
    for (member, account) in system.accounts.iter().filter(|(_, account)| !account.closed) {
        let points = |kind: DealType| -> i64 {
            let of = |deal: &&Deal| {
                let facts = &deal.facts;
                facts.member_id == *member && facts.deal_type == kind && deal.status == DealStatus::Success
            };
            system.deals.values().filter(of).map(|deal| deal.facts.point).sum()
        };
        let used = -sum(system, *member, &[EntryKind::Use, EntryKind::UseCancel]);
        let dealt = points(DealType::Use) - points(DealType::UseCancel);
        must(used == dealt, || format!("member {member} used {used} by the ledger and {dealt} by the deals"))?;
        let saved = sum(system, *member, &[EntryKind::Earn]);
        must(saved == points(DealType::Save), || format!("member {member} earned {saved}"))?;
        let kinds = [EntryKind::EarnCancel, EntryKind::OwedRepay];
        let taken = account.owed - sum(system, *member, &kinds);
        let cancelled = points(DealType::SaveCancel);
        must(taken == cancelled, || format!("{taken} of {cancelled} cancelled points of member {member} went"))?;
    }
    let line = |deal: &&Deal| deal.status == DealStatus::Success;
    let lines = system.deals.values().filter(line).map(|deal| match deal.facts.deal_type {
        DealType::Use => deal.facts.point,
        DealType::UseCancel => -deal.facts.point,
        _ => 0,
    });
    let (lines, billed) = (lines.sum::<i64>(), system.settlement.billed_point());
    must(lines == billed, || format!("the lines come to {lines}, the runs to {billed}"))?;
    let unbilled = model.unbilled();
    must(unbilled.is_empty(), || format!("no run took the deals {unbilled:?}"))
}

/// Counts what a history came across.
pub fn note(system: &System, seen: &mut BTreeMap<String, u64>) {
    let mut count = |what: String| *seen.entry(what).or_default() += 1;
    for deal in system.deals.values() {
        let reason = deal.fail_reason.as_deref().unwrap_or("success");
        count(format!("{} {reason}", deal.facts.deal_type.name()));
        if deal.cancelled_point > 0 && deal.cancelled_point < deal.facts.point {
            count("cancelled in part".to_owned());
        }
    }
    for (_, _, event) in &system.deal_log {
        if matches!(event, Event::DealLeftToPoint(_)) {
            count("left to point".to_owned());
        }
    }
    for record in system.records.values() {
        match (record.voided_point, record.owed_point) {
            (Some(1..), _) => count("voided after its use".to_owned()),
            (Some(_), _) => count("voided before its use".to_owned()),
            (None, 1..) => count("owed".to_owned()),
            _ => {}
        }
    }
    system.entries.iter().for_each(|entry| count(entry.kind.name().to_owned()));
    if system.accounts.values().any(|account| account.closed) {
        count("a member left".to_owned());
    }
    if system.settlement.has_negative_run() {
        count("a negative run".to_owned());
    }
}
