//! Coupons in figures: how many came and went, by day. As with entries, the cursor says which were counted
//! (decision 0010).

use std::collections::BTreeMap;

use domain::coupon::Event;
use domain::kernel::Day;
use platform::db::{Cursor, Session};
use platform::error::Result;
use platform::log::{self, LogReader};
use platform::zone::Zone;

use super::days::Days;
use super::figures::{Figure, Figures};
use super::summary::Totals;
use super::sums::{coupon_kind, plus};

/// Events of coupon read at once where all of them are.
const PIECE: usize = 5_000;
/// What may be counted of coupons.
const ALL: [&str; 8] = [GIVEN, MADE, TAKEN, UNUSED, REDEEMED, ROLLED_BACK, CANCELLED, EXPIRED];

/// Members got one.
const GIVEN: &str = "given";
/// Codes were made in advance, without a member.
const MADE: &str = "made";
/// Codes that were made in advance found a member.
const TAKEN: &str = "taken";
/// Codes that never had a member were cancelled or expired.
const UNUSED: &str = "unused";
const REDEEMED: &str = "redeemed";
const ROLLED_BACK: &str = "rolledBack";
const CANCELLED: &str = "cancelled";
const EXPIRED: &str = "expired";

/// Events of coupon that count; the others are not even read.
const EVENTS: [&str; 9] = [
    "CouponIssued",
    "CodesIssued",
    "CouponRedeemed",
    "RedemptionRolledBack",
    "CouponCancelled",
    "WalletClosed",
    "CodeCancelled",
    "CouponExpired",
    "CodesExpired",
];

/// Those of these events that count.
fn counting(events: &[log::Event]) -> impl Iterator<Item = &log::Event> {
    events.iter().filter(|event| EVENTS.contains(&event.kind.as_str()))
}

/// What an event of coupon counts: of which kinds, and how many.
fn counted(event: &Event) -> [Option<(&'static str, i64)>; 2] {
    let (first, second) = match event {
        Event::CouponIssued { from_stock, .. } => ((GIVEN, 1), from_stock.then_some((TAKEN, 1))),
        Event::CodesIssued { count, .. } => ((MADE, *count), None),
        Event::CouponRedeemed(_) => ((REDEEMED, 1), None),
        Event::RedemptionRolledBack(_) => ((ROLLED_BACK, 1), None),
        Event::CouponCancelled(_) => ((CANCELLED, 1), None),
        Event::WalletClosed { cancelled, .. } => ((CANCELLED, *cancelled), None),
        Event::CodeCancelled { .. } => ((CANCELLED, 1), Some((UNUSED, 1))),
        Event::CouponExpired(_) => ((EXPIRED, 1), None),
        Event::CodesExpired { count, .. } => ((EXPIRED, *count), Some((UNUSED, *count))),
        _ => return [None, None],
    };
    [Some(first), second]
}

/// Coupons of a kind on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CouponsMoved {
    /// The day of the programme.
    pub(super) day: Day,
    /// What happened to them.
    pub(super) kind: &'static str,
    /// How many.
    pub(super) quantity: i64,
}

/// Counts what happened, by day and kind.
///
/// # Errors
/// `Internal` for an event that this version cannot read, or too many coupons.
pub(super) fn count(zone: &Zone, events: &[log::Event]) -> Result<Vec<CouponsMoved>> {
    let mut days = Days::new(zone.clone());
    let mut moved: Vec<CouponsMoved> = Vec::new();
    for event in counting(events) {
        let day = days.of(event.at_ms);
        for (kind, quantity) in counted(&event.decode()?).into_iter().flatten() {
            // A piece of the log holds few days and kinds.
            match moved.iter_mut().find(|moved| moved.kind == kind && moved.day == day) {
                Some(moved) => moved.quantity = plus(moved.quantity, quantity)?,
                None => moved.push(CouponsMoved { day, kind, quantity }),
            }
        }
    }
    Ok(moved)
}

/// Coupons by what happened to them: how many.
pub type Counted = BTreeMap<&'static str, i64>;

/// What coupon's log comes to up to and with `until`, for comparing the dashboard with it.
///
/// # Errors
/// `Unavailable` when the store cannot be reached; `Internal` for an event that this version cannot read.
pub fn counted_in(log: &mut LogReader, until: Cursor) -> Result<Counted> {
    let (mut sums, mut after) = (Counted::new(), Cursor::default());
    while after < until {
        let page = log.read(after, PIECE)?;
        if page.end == after {
            break;
        }
        after = page.end;
        for event in counting(&page.events).filter(|event| event.cursor <= until) {
            for (kind, quantity) in counted(&event.decode()?).into_iter().flatten() {
                let sum = sums.entry(kind).or_default();
                *sum = plus(*sum, quantity)?;
            }
        }
    }
    sums.retain(|_, quantity| *quantity != 0);
    Ok(sums)
}

/// What the dashboard has counted.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub(super) fn shown(session: &mut dyn Session) -> Result<Counted> {
    let totals = Totals::read(session)?;
    let known = ALL.into_iter().map(|kind| (kind, totals.quantity(&coupon_kind(kind))));
    Ok(known.filter(|(_, quantity)| *quantity != 0).collect())
}

/// The figures of the summary.
pub(super) fn figures(totals: &Totals, base: &str) -> Figures {
    let of = |kind| totals.quantity(&coupon_kind(kind));
    let issued = of(GIVEN).saturating_add(of(MADE)).saturating_sub(of(TAKEN));
    let stock = of(MADE).saturating_sub(of(TAKEN)).saturating_sub(of(UNUSED));
    let redeemed = of(REDEEMED).saturating_sub(of(ROLLED_BACK));
    let over = redeemed.saturating_add(of(CANCELLED)).saturating_add(of(EXPIRED));
    let listed = |figure: Figure, status: &str| figure.listed("coupons", format!("{base}/coupons?status={status}"));
    Figures::from([
        ("issued", Figure::of("coupons.issued", issued).listed("coupons", format!("{base}/coupons"))),
        ("given", Figure::of("coupons.given", of(GIVEN))),
        ("stock", Figure::of("coupons.stock", stock).listed("couponCampaigns", format!("{base}/couponCampaigns"))),
        ("outstanding", listed(Figure::of("coupons.outstanding", issued.saturating_sub(over)), "ISSUED")),
        ("redeemed", listed(Figure::of("coupons.redeemed", of(REDEEMED)), "REDEEMED")),
        ("rolledBack", Figure::of("coupons.rolledBack", of(ROLLED_BACK))),
        ("cancelled", listed(Figure::of("coupons.cancelled", of(CANCELLED)), "CANCELLED")),
        ("expired", listed(Figure::of("coupons.expired", of(EXPIRED)), "EXPIRED")),
    ])
}

/// What a day of the series shows, from what was counted on it by kind.
pub(super) fn of_day(quantity: impl Fn(&str) -> i64) -> BTreeMap<&'static str, i64> {
    let of = |kind| quantity(&coupon_kind(kind));
    let issued = of(GIVEN).saturating_add(of(MADE)).saturating_sub(of(TAKEN));
    let others = [GIVEN, REDEEMED, ROLLED_BACK, CANCELLED, EXPIRED].map(|kind| (kind, of(kind)));
    others.into_iter().chain([("issued", issued)]).collect()
}

#[cfg(test)]
mod tests {
    use domain::coupon::CouponFacts;

    use super::*;

    fn happened(event: &Event) -> log::Event {
        let (kind, data) = log::encode(event).expect("it can be written");
        log::Event { cursor: Cursor::default(), kind, subject: 1, sequence: 1, at_ms: 0, data, origin: None }
    }

    #[test]
    fn every_event_counts_where_it_belongs() {
        let facts = CouponFacts { coupon_id: 1, member_id: 1, campaign_id: None };
        let issued = |from_stock| Event::CouponIssued {
            coupon_id: 1,
            member_id: 1,
            campaign_id: None,
            code: String::new(),
            start_date: String::new(),
            end_date: String::new(),
            from_stock,
        };
        let events = [
            Event::WalletOpened { member_id: 1 },
            issued(false),
            issued(true),
            Event::CodesIssued { campaign_id: 1, issue_id: 1, count: 500, complete: true },
            Event::CodesIssued { campaign_id: 1, issue_id: 2, count: 5, complete: true },
            Event::CouponRedeemed(facts.clone()),
            Event::RedemptionRolledBack(facts.clone()),
            Event::CouponCancelled(facts.clone()),
            Event::CouponExpired(facts),
            Event::WalletClosed { member_id: 1, attempt: 1, cancelled: 3 },
            Event::CodesExpired { campaign_id: 1, count: 7 },
            Event::CodeCancelled { campaign_id: 1, coupon_id: 2 },
        ];
        let events: Vec<log::Event> = events.iter().map(happened).collect();
        let moved = count(&Zone::named("Asia/Seoul").expect("built in"), &events).expect("they are counted");
        let sums: Counted = moved.iter().map(|moved| (moved.kind, moved.quantity)).collect();
        let expected = [
            (GIVEN, 2),
            (MADE, 505),
            (TAKEN, 1),
            (UNUSED, 8),
            (REDEEMED, 1),
            (ROLLED_BACK, 1),
            (CANCELLED, 5),
            (EXPIRED, 8),
        ];
        assert_eq!(sums, Counted::from(expected));
        assert_eq!(moved.len(), ALL.len(), "one of each kind, for all were on one day");
    }
}
