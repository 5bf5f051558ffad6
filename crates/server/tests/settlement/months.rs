//! Which month a deal is in: that of its date where the programme is.

use crate::support::Engine;
use crate::{Programme, on_both};

/// Deals around the end of a month: what the month before and the month after come to.
fn edge(engine: Engine, zone: &str, (last, first): (&str, &str), (before, after): (&str, &str)) {
    let programme = Programme::with(engine, first, &[&format!("timezone={zone}")]);
    programme.is_now(first);
    programme.open_merchant(20, None);
    programme.use_points(20, 100, last);
    programme.use_points(20, 1_000, first);
    let points = |month: &str| programme.figures(20, month).2;
    assert_eq!((points(before), points(after)), (100, 1_000), "{zone}: {last}, {first}");
}

#[test]
fn a_month_ends_at_midnight_where_the_programme_is() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let seoul = ("2020-07-31T23:59:59.999+09:00", "2020-08-01T00:00:00.000+09:00");
        edge(engine, "Asia/Seoul", seoul, ("202007", "202008"));
    }
}

#[test]
fn a_month_ends_at_midnight_around_leap_days_years_and_changes_of_the_clock() {
    for (zone, last, first, before, after) in [
        ("Asia/Seoul", "2020-02-29T23:59:59.999+09:00", "2020-03-01T00:00:00+09:00", "202002", "202003"),
        ("Asia/Seoul", "2021-02-28T23:59:59.999+09:00", "2021-03-01T00:00:00+09:00", "202102", "202103"),
        ("Asia/Seoul", "2020-12-31T23:59:59.999+09:00", "2021-01-01T00:00:00+09:00", "202012", "202101"),
        // Summer time began on 8 March: the month begins five hours behind and ends four.
        ("America/New_York", "2020-03-31T23:59:59.999-04:00", "2020-04-01T00:00:00-04:00", "202003", "202004"),
        ("America/New_York", "2020-02-29T23:59:59.999-05:00", "2020-03-01T00:00:00-05:00", "202002", "202003"),
        // The clocks go back on the first day of the month itself.
        ("America/New_York", "2020-10-31T23:59:59.999-04:00", "2020-11-01T00:00:00-04:00", "202010", "202011"),
        // The clocks went forward in the last hours of the month.
        ("Europe/Berlin", "2024-03-31T23:59:59.999+02:00", "2024-04-01T00:00:00+02:00", "202403", "202404"),
        ("Europe/Berlin", "2021-10-31T23:59:59.999+01:00", "2021-11-01T00:00:00+01:00", "202110", "202111"),
        ("Europe/Lisbon", "2020-03-31T22:59:59.999+00:00", "2020-03-31T23:00:00+00:00", "202003", "202004"),
    ] {
        edge(Engine::Sqlite, zone, (last, first), (before, after));
    }
}

#[test]
fn the_hour_that_comes_twice_is_settled_twice_over() {
    let programme = Programme::with(Engine::Sqlite, "2020-11-02T12:00:00-05:00", &["timezone=America/New_York"]);
    programme.open_merchant(20, None);
    for instant in ["2020-11-01T01:30:00-04:00", "2020-11-01T01:30:00-05:00"] {
        programme.use_points(20, 100, instant);
    }
    assert_eq!(programme.figures(20, "202011"), (201, 1, 200, 196));
}

#[test]
fn a_month_without_deals_is_billed_over_nothing_once() {
    on_both(|engine| {
        let programme = Programme::at(engine, "2020-07-15T12:00:00+09:00");
        programme.open_merchant(20, None);
        programme.tell(|told| told.something_else(20, 1_594_000_000_000));
        assert_eq!(programme.figures(20, "202007"), (201, 1, 0, 0));
        assert_eq!(programme.figures(20, "202007"), (200, 1, 0, 0));
        assert_eq!(programme.figures(20, "202006"), (201, 1, 0, 0));
        let closing = programme.close("202007");
        assert_eq!((&closing["merchants"], &closing["billed"]), (&0.into(), &0.into()), "{closing}");
    });
}
