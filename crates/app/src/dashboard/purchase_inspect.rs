//! What `onepoint verify` looks at in the dashboard's figures of purchases: the logs are folded anew, as far as they were
//! followed, and have to come to the same.

use std::collections::BTreeMap;

use platform::db::{Cursor, Session};
use platform::error::Result;
use platform::funnel::read_cursor;
use platform::log::{Event, LogReader};
use platform::parked;
use platform::zone::Zone;

use super::days::Days;
use super::purchases::{FLOW, GIFTICON, Purchases, Stock, read_flow};
use super::reactions::{on_cart_events, on_gifticon_events, on_membership_events, on_payment_events};
use super::store::{FIGURE, each_row};
use super::sums::{ALL_DAYS, Sums};
use super::writer::Command;
use crate::kit::{Finding, Findings};

const SUMS: &str = "purchases are counted as the logs tell of them";
const FLOWS: &str = "purchases under way are those of the logs";
const STOCK: &str = "pieces of gifticons are those of the log";
const WRONG: &str = "run 'onepoint rebuild dashboard'";
/// What kinds of purchases begin with.
const GROUPS: [&str; 4] = ["cart.", "membership.", "payment.", "voucher."];
/// Events read at once.
const PIECE: usize = 5_000;

/// The logs that tell of purchases, from their start.
pub struct PurchaseLogs {
    /// Cart's.
    pub cart: LogReader,
    /// Membership's.
    pub membership: LogReader,
    /// Payment's.
    pub payment: LogReader,
    /// Gifticon's.
    pub gifticon: LogReader,
}

type React = fn(&[Event]) -> Result<Vec<Command>>;

/// Compares what the dashboard has of purchases with the logs; `session` sees one moment. While events are parked it lacks
/// something, and is not compared.
///
/// # Errors
/// `Unavailable` when a store cannot be reached; `Internal` for an event that this version cannot read.
pub fn inspect_purchases(session: &mut dyn Session, logs: &mut PurchaseLogs) -> Result<Findings> {
    let mut findings = Findings::new(&[SUMS, FLOWS, STOCK]);
    let PurchaseLogs { cart, membership, payment, gifticon } = logs;
    let followed: [(_, &mut LogReader, React); 4] = [
        ("dashboard<cart", cart, on_cart_events),
        ("dashboard<membership", membership, on_membership_events),
        ("dashboard<payment", payment, on_payment_events),
        ("dashboard<gifticon", gifticon, on_gifticon_events),
    ];
    let parked = parked::counts(session)?;
    if followed.iter().any(|(consumer, ..)| parked.iter().any(|(parked, _)| parked == consumer)) {
        return Ok(findings);
    }
    let mut told = Folded::default();
    for (consumer, log, react) in followed {
        told.fold(log, read_cursor(session, consumer)?, react)?;
    }
    told.compare(session, &mut findings)?;
    Ok(findings)
}

/// What the logs come to.
#[derive(Default)]
struct Folded {
    purchases: Purchases,
    sums: Sums,
}

impl Folded {
    /// Takes in what a log tells up to and with `until`.
    fn fold(&mut self, log: &mut LogReader, until: Cursor, react: React) -> Result<()> {
        // Only what stands for all days is compared, so any days will do.
        let mut days = Days::new(Zone::named("UTC")?);
        let mut after = Cursor::default();
        while after < until {
            let mut page = log.read(after, PIECE)?;
            if page.end == after {
                return Ok(());
            }
            after = page.end;
            page.events.retain(|event| event.cursor <= until);
            for command in react(&page.events)? {
                if let Command::Purchased(purchased) = command {
                    self.purchases.take(&purchased, (&mut days, &mut self.sums))?;
                }
            }
        }
        Ok(())
    }

    fn compare(mut self, session: &mut dyn Session, findings: &mut Findings) -> Result<()> {
        let mut shown = BTreeMap::new();
        each_row(session, &FIGURE, &mut |row| {
            if row.int(1) == ALL_DAYS && GROUPS.iter().any(|group| row.text(2).starts_with(group)) {
                shown.insert(row.text(2).to_owned(), (row.int(3), row.int(4)));
            }
        })?;
        let told = self.sums.of_all_days();
        if shown != told {
            findings.add(SUMS, Finding::of(0, format!("the dashboard has {shown:?}, the logs {told:?}; {WRONG}")));
        }
        each_row(session, &FLOW, &mut |row| {
            let known = read_flow(row);
            if !known.is_some_and(|(key, flow)| self.purchases.flows.remove(&key) == Some(flow)) {
                let what = format!("{} is over, or is otherwise; {WRONG}", row.text(0));
                findings.add(FLOWS, Finding::of(row.int(2), what));
            }
        })?;
        for ((kind, id), _) in self.purchases.flows {
            findings.add(FLOWS, Finding::of(id, format!("{kind:?} is under way and not shown; {WRONG}")));
        }
        each_row(session, &GIFTICON, &mut |row| {
            let (gifticon_id, stock) = Stock::read(row);
            if self.purchases.gifticons.remove(&gifticon_id) != Some(stock) {
                findings.add(STOCK, Finding::of(gifticon_id, format!("it stands otherwise; {WRONG}")));
            }
        })?;
        for gifticon_id in self.purchases.gifticons.into_keys() {
            findings.add(STOCK, Finding::of(gifticon_id, format!("it is not there; {WRONG}")));
        }
        Ok(())
    }
}
