//! What deal tells of merchants and deals, written into deal's log past deal.

use std::collections::HashMap;

use domain::deal::{DealFacts, DealType, Event, MerchantFacts, MerchantStatus};
use platform::db::{Row, Session, Value};
use platform::error::Result;
use platform::log::{EVENTS, encode};
use platform::zone::Zone;
use server::assembly::App;

use crate::SOON;
use crate::support::within;

/// Rows written at once.
const PIECE: usize = 5_000;

/// Numbers of deals, sequences of merchants, and what is to be told next.
pub struct Told {
    zone: Zone,
    deals: i64,
    sequences: HashMap<i64, i64>,
    next: Vec<(i64, Event)>,
}

impl Default for Told {
    fn default() -> Self {
        Self::in_zone("Asia/Seoul")
    }
}

impl Told {
    /// Of deals that are dated in this zone.
    pub fn in_zone(name: &str) -> Self {
        let zone = Zone::named(name).expect("a time zone");
        Self { zone, deals: 0, sequences: HashMap::new(), next: Vec::new() }
    }

    /// A merchant is known from now on.
    pub fn opened(&mut self, merchant_id: i64, fee_rate_bp: Option<i64>) {
        let facts = merchant(merchant_id, fee_rate_bp);
        self.next.push((merchant_id, Event::MerchantOpened(facts)));
    }

    /// What is agreed with a merchant has changed.
    pub fn changed(&mut self, merchant_id: i64, fee_rate_bp: Option<i64>) {
        let facts = merchant(merchant_id, fee_rate_bp);
        self.next.push((merchant_id, Event::MerchantChanged(facts)));
    }

    /// Points were used; the deal's number. The request before it is told too, as deal does.
    pub fn used(&mut self, merchant_id: i64, point: i64, at_ms: i64) -> i64 {
        let facts = self.facts(merchant_id, DealType::Use, point, at_ms);
        self.next.push((merchant_id, Event::DealRequested(facts.clone())));
        self.next.push((merchant_id, Event::UseDealt(facts)));
        self.deals
    }

    /// A use was cancelled; the cancelling deal's number.
    pub fn cancelled(&mut self, merchant_id: i64, point: i64, at_ms: i64) -> i64 {
        let facts = self.facts(merchant_id, DealType::UseCancel, point, at_ms);
        self.next.push((merchant_id, Event::UseCancelled(DealFacts { original_deal_id: Some(1), ..facts })));
        self.deals
    }

    /// Points were earned and taken back again, and a use failed: nothing of it is settled.
    pub fn something_else(&mut self, merchant_id: i64, at_ms: i64) -> i64 {
        let facts = self.facts(merchant_id, DealType::Save, 70, at_ms);
        let original_deal_id = Some(facts.deal_id);
        self.next.push((merchant_id, Event::SaveDealt(facts)));
        let facts = self.facts(merchant_id, DealType::SaveCancel, 70, at_ms);
        self.next.push((merchant_id, Event::SaveCancelled(DealFacts { original_deal_id, ..facts })));
        let deal = self.facts(merchant_id, DealType::Use, 70, at_ms);
        self.next.push((merchant_id, Event::DealFailed { deal, reason: "insufficient_points".to_owned() }));
        self.deals
    }

    fn facts(&mut self, merchant_id: i64, deal_type: DealType, point: i64, dealt_at_ms: i64) -> DealFacts {
        self.deals += 1;
        let (year, month, _) = self.zone.day(dealt_at_ms);
        DealFacts {
            deal_id: self.deals,
            member_id: 1,
            merchant_id,
            deal_type,
            deal_amount: 0,
            point,
            original_deal_id: None,
            dealt_at_ms,
            month: i64::from(year) * 100 + i64::from(month),
        }
    }

    /// Writes what is to be told, in the order in which it was said.
    pub fn write(&mut self, app: &App) {
        while !self.next.is_empty() {
            app.deals.funnel.with_session(|tx| self.write_piece(tx)).expect("deal's log can be written");
        }
        app.deals.log.ring(true);
    }

    /// Writes some of it into the log of an open store.
    pub fn write_piece(&mut self, tx: &mut dyn Session) -> Result<()> {
        let rest = self.next.split_off(self.next.len().min(PIECE));
        let piece = std::mem::replace(&mut self.next, rest);
        let positions = tx.next_ids("log_position", piece.len())?;
        let mut rows = Vec::with_capacity(piece.len());
        for ((merchant_id, event), position) in piece.into_iter().zip(positions) {
            let sequence = self.sequences.entry(merchant_id).or_default();
            *sequence += 1;
            let (kind, data) = encode(&event)?;
            let mut row: Vec<Value> =
                vec![position.into(), kind.into(), merchant_id.into(), (*sequence).into(), 0.into()];
            row.extend([Value::Null, Value::Null, data.into(), Value::Null, Value::Null]);
            rows.push(Row(row));
        }
        tx.insert_many(&EVENTS, rows)
    }

    /// Whether all of it is written.
    pub fn is_written(&self) -> bool {
        self.next.is_empty()
    }
}

fn merchant(merchant_id: i64, fee_rate_bp: Option<i64>) -> MerchantFacts {
    MerchantFacts { merchant_id, name: None, earn_rate_bp: None, fee_rate_bp, status: MerchantStatus::Active }
}

/// Waits until settlement has taken in what deal's log holds.
pub fn caught_up(app: &App) {
    within(SOON * 6, "settlement has taken all deals in", || {
        let last = app.deals.funnel.with_session(|tx| {
            let rows = tx.query("SELECT MAX(position) FROM event", &[])?;
            Ok(rows[0].int(0))
        });
        let cursor = app.settlements.funnel.cursor("settlement<deal").expect("the store can be read");
        cursor.position >= last.expect("the store can be read")
    });
}
