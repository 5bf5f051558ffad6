//! Which day of the programme an instant is in.

use domain::kernel::Day;
use platform::zone::Zone;

use crate::kit::day_of;

/// Turns instants into days. What follows each other in a log is nearly always in the same day, so the day's bounds are
/// worked out once and not for each row.
pub(super) struct Days {
    zone: Zone,
    /// First instant of the day that was asked for last, first instant after it, and the day.
    last: Option<(i64, i64, Day)>,
}

impl Days {
    pub(super) fn new(zone: Zone) -> Self {
        Self { zone, last: None }
    }

    /// The day that `at_ms` is in.
    pub(super) fn of(&mut self, at_ms: i64) -> Day {
        match self.last {
            Some((start, end, day)) if (start..end).contains(&at_ms) => day,
            _ => self.work_out(at_ms),
        }
    }

    fn work_out(&mut self, at_ms: i64) -> Day {
        let day = day_of(self.zone.day(at_ms));
        let start = |day: Day| self.zone.start_of((day.month.year(), day.month.number(), day.day));
        self.last = start(day).zip(start(day.next())).map(|(start, end)| (start, end, day));
        day
    }
}

/// A day as the whole number `yyyyMMdd`.
pub(super) fn number_of(day: Day) -> i64 {
    day.month.as_number() * 100 + i64::from(day.day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_looked_up_once_and_ends_at_midnight_of_the_programme() {
        let mut days = Days::new(Zone::named("Asia/Seoul").expect("built in"));
        let last_ms = platform::zone::parse_instant("2020-07-31T23:59:59.999+09:00").expect("an instant");
        let numbers = [last_ms, last_ms - 1, last_ms + 1, last_ms].map(|at_ms| number_of(days.of(at_ms)));
        assert_eq!(numbers, [20_200_731, 20_200_731, 20_200_801, 20_200_731]);
    }
}
