//! Numbers and civil time that every context shares. No zones and no clock: the shell turns instants into days.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

/// The largest number that JSON clients read exactly; ids and balances stay within it (SPEC section 2).
pub const MAX_SAFE: i64 = (1 << 53) - 1;
/// The most points that one movement may be asked for. Welcome points are bounded by the configuration, forfeits by
/// the balance.
pub const MAX_AMOUNT: i64 = 1_000_000_000_000;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Instant(pub i64);

/// A month of the civil calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(i32);

impl Month {
    /// The month `number` (1 to 12) of `year`; numbers outside wrap into other years.
    #[must_use]
    pub fn new(year: i32, number: i32) -> Self {
        Self(year * 12 + number - 1)
    }

    /// The year.
    #[must_use]
    pub fn year(self) -> i32 {
        self.0.div_euclid(12)
    }

    /// 1 to 12.
    #[must_use]
    pub fn number(self) -> i32 {
        self.0.rem_euclid(12) + 1
    }

    /// The month `months` later.
    #[must_use]
    pub fn plus(self, months: i32) -> Self {
        Self(self.0.saturating_add(months))
    }

    /// `yyyyMM` as a whole number: 203111.
    #[must_use]
    pub fn as_number(self) -> i64 {
        i64::from(self.year()) * 100 + i64::from(self.number())
    }

    /// Reads `yyyyMM` written as a whole number.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        let (year, month) = (number.div_euclid(100), number.rem_euclid(100));
        if !(1..=9999).contains(&year) || !(1..=12).contains(&month) {
            return None;
        }
        Some(Self::new(i32::try_from(year).ok()?, i32::try_from(month).ok()?))
    }

    /// Its last day.
    #[must_use]
    pub fn last_day(self) -> Day {
        Day { month: self, day: days_in(self) }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}{:02}", self.year(), self.number())
    }
}

fn days_in(month: Month) -> i32 {
    match month.number() {
        2 if is_leap(month.year()) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_leap(year: i32) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

/// A day of the civil calendar in the programme's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    /// The month it is in.
    pub month: Month,
    /// 1 to 31.
    pub day: i32,
}

impl Day {
    /// The day `day` of this month and year.
    #[must_use]
    pub fn new(year: i32, month: i32, day: i32) -> Self {
        Self { month: Month::new(year, month), day }
    }

    /// The day after it.
    #[must_use]
    pub fn next(self) -> Self {
        if self == self.month.last_day() {
            Self { month: self.month.plus(1), day: 1 }
        } else {
            Self { day: self.day + 1, ..self }
        }
    }

    /// The same day of the month `months` later; the last one of a month that is too short.
    #[must_use]
    pub fn plus_months(self, months: i32) -> Self {
        let month = self.month.plus(months);
        Self { month, day: self.day.min(month.last_day().day) }
    }

    /// `yyyyMMdd` as a whole number: 20311130.
    #[must_use]
    pub fn as_number(self) -> i64 {
        self.month.as_number() * 100 + i64::from(self.day)
    }

    /// Reads `yyyyMMdd` written as a whole number.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        let month = Month::from_number(number.div_euclid(100))?;
        let day = i32::try_from(number.rem_euclid(100)).ok()?;
        (1..=month.last_day().day).contains(&day).then_some(Self { month, day })
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub fn number(self) -> i32 {
        // Counting years from March puts the leap day last, so that a month's offset does not depend on it.
        let shifted = self.month.plus(-2);
        let (year, month) = (shifted.year(), shifted.number() - 1);
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * month + 2) / 5 + self.day - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.month.year(), self.month.number(), self.day)
    }
}

/// A phone number without blanks and hyphens, as numbers are compared.
#[must_use]
pub fn normal_phone(phone_no: &str) -> String {
    phone_no.chars().filter(|c| !c.is_whitespace() && *c != '-').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_run_over_the_end_of_the_year() {
        assert_eq!(Month::new(2026, 11).plus(60).as_number(), 203_111);
        assert_eq!(Month::new(2026, 11).plus(2).as_number(), 202_701);
        assert_eq!(Month::new(2026, 1).plus(-1).as_number(), 202_512);
        assert_eq!(Month::from_number(202_013), None);
        assert_eq!(Month::from_number(202_007), Some(Month::new(2020, 7)));
    }

    #[test]
    fn days_are_counted_across_leap_years() {
        assert_eq!(Day::new(1970, 1, 1).number(), 0);
        assert_eq!(Day::new(2000, 3, 1).number() - Day::new(2000, 2, 28).number(), 2);
        assert_eq!(Day::new(1900, 3, 1).number() - Day::new(1900, 2, 28).number(), 1);
        assert_eq!(Day::new(2026, 11, 20).number(), 20_777);
        assert_eq!(Month::new(2024, 2).last_day(), Day::new(2024, 2, 29));
        assert_eq!(Day::new(2024, 2, 29).next(), Day::new(2024, 3, 1));
        assert_eq!(Day::new(2026, 12, 31).next(), Day::new(2027, 1, 1));
    }

    #[test]
    fn a_day_that_a_month_does_not_have_is_its_last_one() {
        assert_eq!(Day::new(2026, 8, 31).plus_months(6), Day::new(2027, 2, 28));
        assert_eq!(Day::new(2027, 8, 31).plus_months(6), Day::new(2028, 2, 29));
        assert_eq!(Day::new(2026, 11, 21).plus_months(6), Day::new(2027, 5, 21));
        assert_eq!(Day::from_number(20_270_228), Some(Day::new(2027, 2, 28)));
        assert_eq!(Day::from_number(20_270_229), None);
        assert_eq!(Day::from_number(20_271_300), None);
        let day = Day::new(2027, 2, 3);
        assert_eq!((day.as_number(), alloc::format!("{day}").as_str()), (20_270_203, "2027-02-03"));
    }
}
