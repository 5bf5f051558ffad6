//! What settlement does when something happened at a merchant.

use std::collections::HashMap;

use domain::deal::Event;
use domain::kernel::Month;
use domain::settlement::{Line, LineKind};
use platform::error::{Error, Result};
use platform::log;

use super::writer::{Command, Happened};

/// Turns events of deal into commands of settlement, one for each merchant.
pub(super) fn on_deal_events(events: &[log::Event]) -> Result<Vec<Command>> {
    let mut places: HashMap<i64, usize> = HashMap::new();
    let mut merchants: Vec<(i64, Vec<(i64, Happened)>)> = Vec::new();
    for event in events {
        // Most events are about points earned, which merchants are not paid for.
        if !matches!(event.kind.as_str(), "UseDealt" | "UseCancelled" | "MerchantOpened" | "MerchantChanged") {
            continue;
        }
        let place = *places.entry(event.subject).or_insert_with(|| {
            merchants.push((event.subject, Vec::new()));
            merchants.len() - 1
        });
        merchants[place].1.extend(on_deal_event(event.decode()?)?.map(|happened| (event.sequence, happened)));
    }
    Ok(merchants.into_iter().map(|(merchant_id, events)| Command::TakeIn { merchant_id, events }).collect())
}

fn on_deal_event(event: Event) -> Result<Option<Happened>> {
    let (facts, kind) = match event {
        Event::UseDealt(facts) => (facts, LineKind::Use),
        Event::UseCancelled(facts) => (facts, LineKind::Cancel),
        Event::MerchantOpened(facts) | Event::MerchantChanged(facts) => {
            return Ok(Some(Happened::Agreed { fee_rate: facts.fee_rate_bp }));
        }
        _ => return Ok(None),
    };
    let point = if kind == LineKind::Use { facts.point } else { -facts.point };
    let month = Month::from_number(facts.month).ok_or_else(|| Error::internal("a deal without a month"))?;
    let line = Line { deal_id: facts.deal_id, month, kind, point };
    Ok(Some(Happened::Dealt { line, dealt_at_ms: facts.dealt_at_ms }))
}
