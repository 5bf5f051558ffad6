//! The programme day by day.

use std::collections::{BTreeMap, HashMap};

use domain::deal::{DealStatus, DealType};
use domain::kernel::Day;
use domain::point::EntryKind;
use platform::db::{Session, Value};
use platform::error::{Error, Result};
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

use super::coupons;
use super::days::number_of;
use super::figures::define;
use super::purchase_figures::DayOfPurchases;
use super::sums::{JOINED, WITHDRAWN, deal_kind, entry_kind};
use crate::kit::day_of;

/// Days of a series where none are named, today included.
const DEFAULT_DAYS: i64 = 30;
/// Days of a series at most.
const MOST_DAYS: i32 = 366;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Figures of some days, by the beginning of their names.
const FIGURES: &str =
    "SELECT day, kind, quantity, amount FROM dashboard_figure WHERE name >= $1 AND name < $2 ORDER BY name";

/// The programme day by day, with what the numbers mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SeriesView {
    /// The first day.
    #[schema(format = Date, example = "2020-07-01")]
    from: String,
    /// The last day.
    #[schema(format = Date, example = "2020-07-31")]
    to: String,
    /// What each number of a day means.
    #[schema(value_type = BTreeMap<String, String>, example = json!({"joined": "Members who joined on that day."}))]
    definitions: BTreeMap<&'static str, &'static str>,
    /// Every day from the first to the last, quiet ones too.
    days: Vec<DayView>,
}

/// A day of the programme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DayView {
    /// The day.
    #[schema(format = Date, example = "2020-07-15")]
    day: String,
    /// Members who joined.
    joined: i64,
    /// Members who left.
    withdrawn: i64,
    /// Points by kind of entry, with sign.
    #[schema(value_type = BTreeMap<String, i64>, example = json!({"EARN": 1000, "USE": -300}))]
    points: BTreeMap<&'static str, i64>,
    /// Points used.
    used_point: i64,
    /// Successful deals by type.
    #[schema(value_type = BTreeMap<String, i64>, example = json!({"save": 3, "use": 1}))]
    deals: BTreeMap<&'static str, i64>,
    /// Deals that did not happen.
    failed_deals: i64,
    /// Coupons by what happened to them.
    #[schema(value_type = BTreeMap<String, i64>, example = json!({"issued": 3, "redeemed": 1}))]
    coupons: BTreeMap<&'static str, i64>,
    /// Purchases by what happened to them.
    purchases: DayOfPurchases,
}

/// The first and the last day of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    from: Day,
    to: Day,
}

impl Span {
    /// The days that are asked for; the last thirty where nothing is said, today by the zone included.
    ///
    /// # Errors
    /// `Invalid` if the first day comes after the last, or if they are more than 366.
    pub fn of(from: Option<Day>, to: Option<Day>, now_ms: i64, zone: &Zone) -> Result<Self> {
        let to = to.unwrap_or_else(|| day_of(zone.day(now_ms)));
        let from = from.unwrap_or_else(|| days_before(to, zone));
        if from > to {
            return Err(Error::invalid("/query/from", "the first day must not come after the last"));
        }
        if to.number() - from.number() >= MOST_DAYS {
            return Err(Error::invalid("/query/from", "a series has 366 days at most"));
        }
        Ok(Self { from, to })
    }

    fn days(self) -> impl Iterator<Item = Day> {
        std::iter::successors(Some(self.from), |day| Some(day.next())).take_while(move |day| *day <= self.to)
    }
}

/// The first of thirty days that end with this one. Counted from noon, for not every day has 24 hours.
fn days_before(to: Day, zone: &Zone) -> Day {
    let start = zone.start_of((to.month.year(), to.month.number(), to.day));
    start.map_or(to, |start| day_of(zone.day(start + DAY_MS / 2 - (DEFAULT_DAYS - 1) * DAY_MS)))
}

fn written(day: Day) -> String {
    format!("{:04}-{:02}-{:02}", day.month.year(), day.month.number(), day.day)
}

/// Reads a series.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub(super) fn look(session: &mut dyn Session, span: Span) -> Result<SeriesView> {
    let bounds = [format!("{:08}.", number_of(span.from)), format!("{:08}/", number_of(span.to))];
    let mut by_day: HashMap<i64, HashMap<String, (i64, i64)>> = HashMap::new();
    for mut row in session.query(FIGURES, &bounds.map(Value::from))? {
        let kind = row.take_text(1).unwrap_or_default();
        by_day.entry(row.int(0)).or_default().insert(kind, (row.int(2), row.int(3)));
    }
    let quiet = HashMap::new();
    let days = span.days().map(|day| DayView::of(day, by_day.get(&number_of(day)).unwrap_or(&quiet)));
    let names = [
        ("joined", "series.joined"),
        ("withdrawn", "series.withdrawn"),
        ("points", "series.points"),
        ("usedPoint", "series.usedPoint"),
        ("deals", "series.deals"),
        ("failedDeals", "series.failedDeals"),
        ("coupons", "series.coupons"),
        ("purchases", "series.purchases"),
    ];
    Ok(SeriesView {
        from: written(span.from),
        to: written(span.to),
        definitions: names.into_iter().map(|(field, name)| (field, define(name).meaning)).collect(),
        days: days.collect(),
    })
}

impl DayView {
    fn of(day: Day, figures: &HashMap<String, (i64, i64)>) -> Self {
        let figure = |kind: &str| figures.get(kind).copied().unwrap_or_default();
        let moved = |kind: EntryKind| figure(&entry_kind(kind)).1;
        let points: BTreeMap<_, _> = EntryKind::ALL.into_iter().map(|kind| (kind.name(), moved(kind))).collect();
        let deals = |status: DealStatus| {
            DealType::ALL.into_iter().map(move |kind| (kind.name(), figure(&deal_kind(kind, status)).0))
        };
        Self {
            day: written(day),
            joined: figure(JOINED).0,
            withdrawn: figure(WITHDRAWN).0,
            used_point: moved(EntryKind::Use).saturating_add(moved(EntryKind::HoldCapture)).saturating_neg(),
            points,
            deals: deals(DealStatus::Success).filter(|(kind, _)| *kind != DealType::Cancel.name()).collect(),
            failed_deals: deals(DealStatus::Fail).map(|(_, quantity)| quantity).sum(),
            coupons: coupons::of_day(|kind| figure(kind).0),
            purchases: DayOfPurchases::of(figure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: Option<Day>, to: Option<Day>) -> Result<Span> {
        let zone = Zone::named("Asia/Seoul").expect("built in");
        let noon_ms = platform::zone::parse_instant("2020-03-01T00:00:00+09:00").expect("an instant");
        Span::of(from, to, noon_ms, &zone)
    }

    #[test]
    fn thirty_days_end_today() {
        let days: Vec<Day> = span(None, None).expect("a span").days().collect();
        assert_eq!((days.len(), days[0], days[29]), (30, Day::new(2020, 2, 1), Day::new(2020, 3, 1)));
        assert_eq!(days[28], Day::new(2020, 2, 29));
    }

    #[test]
    fn a_leap_year_fits_and_a_day_more_does_not() {
        let year = |to| span(Some(Day::new(2020, 1, 1)), Some(to));
        assert_eq!(year(Day::new(2020, 12, 31)).expect("a span").days().count(), 366);
        assert!(year(Day::new(2021, 1, 1)).is_err());
        assert!(year(Day::new(2019, 12, 31)).is_err());
        assert_eq!(year(Day::new(2020, 1, 1)).expect("a span").days().count(), 1);
    }
}
