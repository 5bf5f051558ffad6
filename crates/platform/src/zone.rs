//! The programme's time zone: which day an instant is in, and how instants look on the wire.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::error::{Error, ErrorKind, Result};

/// A time zone by its IANA name; the data is built in.
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

/// A day of the civil calendar: year, month 1 to 12, day 1 to 31.
pub type CivilDay = (i32, i32, i32);

impl Zone {
    /// The zone with this name.
    ///
    /// # Errors
    /// `config.timezone` if there is none.
    pub fn named(name: &str) -> Result<Self> {
        TimeZone::get(name).map(Self).map_err(|error| {
            let message = format!("'{name}' is not a time zone; write a name like Asia/Seoul");
            Error::new(ErrorKind::Invalid, "config.timezone", message).caused_by(error)
        })
    }

    /// The day that `at_ms` (milliseconds since 1970 in UTC) is in.
    #[must_use]
    pub fn day(&self, at_ms: i64) -> CivilDay {
        let date = self.0.to_datetime(timestamp(at_ms)).date();
        (i32::from(date.year()), i32::from(date.month()), i32::from(date.day()))
    }

    /// The first instant of a day, in milliseconds since 1970 in UTC; nothing for a day that no calendar has. Where
    /// clocks skip midnight it is the instant to which they skip.
    #[must_use]
    pub fn start_of(&self, (year, month, day): CivilDay) -> Option<i64> {
        let (year, month, day) = (i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?);
        let start = Date::new(year, month, day).ok()?.to_zoned(self.0.clone()).ok()?;
        Some(start.timestamp().as_millisecond())
    }

    /// The instant on a day at which it is as late as at `at_ms`, in milliseconds since 1970 in UTC; nothing for a day that
    /// no calendar has. Where clocks skip that time it is as much later as they skip; where it comes twice, the first.
    #[must_use]
    pub fn same_time_on(&self, at_ms: i64, (year, month, day): CivilDay) -> Option<i64> {
        let (year, month, day) = (i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?);
        let time = self.0.to_datetime(timestamp(at_ms)).time();
        let at = Date::new(year, month, day).ok()?.to_datetime(time).to_zoned(self.0.clone()).ok()?;
        Some(at.timestamp().as_millisecond())
    }

    /// RFC 3339 with the zone's offset and milliseconds: `2020-07-15T12:00:00.000+09:00`.
    #[must_use]
    pub fn format(&self, at_ms: i64) -> String {
        let at = timestamp(at_ms);
        let offset = self.0.to_offset(at);
        let local = offset.to_datetime(at);
        let minutes = offset.seconds().unsigned_abs() / 60;
        let mut text = String::with_capacity(29);
        let mut field = |number: i64, width: u32, after: &str| {
            for place in (0..width).rev() {
                let digit = number.unsigned_abs() / 10_u64.pow(place) % 10;
                text.push(char::from(b'0' + u8::try_from(digit).unwrap_or_default()));
            }
            text.push_str(after);
        };
        field(i64::from(local.year()), 4, "-");
        field(i64::from(local.month()), 2, "-");
        field(i64::from(local.day()), 2, "T");
        field(i64::from(local.hour()), 2, ":");
        field(i64::from(local.minute()), 2, ":");
        field(i64::from(local.second()), 2, ".");
        field(i64::from(local.millisecond()), 3, if offset.seconds() < 0 { "-" } else { "+" });
        field(i64::from(minutes / 60), 2, ":");
        field(i64::from(minutes % 60), 2, "");
        text
    }
}

/// Reads an RFC 3339 instant into milliseconds since 1970 in UTC.
///
/// # Errors
/// `config.instant` for anything else.
pub fn parse_instant(text: &str) -> Result<i64> {
    let parsed: Result<Timestamp, _> = text.parse();
    parsed.map(Timestamp::as_millisecond).map_err(|error| {
        let message = format!("'{text}' is not an instant; write it like 2020-07-15T12:00:00+09:00");
        Error::new(ErrorKind::Invalid, "config.instant", message).caused_by(error)
    })
}

/// Reads a day written as `2020-07-15`; nothing for anything else.
#[must_use]
pub fn parse_day(text: &str) -> Option<CivilDay> {
    let is_plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let date: Date = text.parse().ok().filter(|_| is_plain)?;
    Some((i32::from(date.year()), i32::from(date.month()), i32::from(date.day())))
}

fn timestamp(at_ms: i64) -> Timestamp {
    Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight_of_the_programme_not_of_utc() {
        let seoul = Zone::named("Asia/Seoul").expect("built in");
        let last = parse_instant("2020-07-31T23:59:59.999+09:00").expect("an instant");
        assert_eq!(seoul.day(last), (2020, 7, 31));
        assert_eq!(seoul.day(last + 1), (2020, 8, 1));
        assert_eq!(seoul.format(last), "2020-07-31T23:59:59.999+09:00");
        assert!(Zone::named("Asia/Soul").is_err());
        assert_eq!(seoul.start_of((2020, 8, 1)), Some(last + 1));
        assert_eq!(seoul.start_of((2020, 2, 30)), None);
    }

    #[test]
    fn a_day_begins_where_the_clocks_skip_to() {
        let sao_paulo = Zone::named("America/Sao_Paulo").expect("built in");
        let start = sao_paulo.start_of((2018, 11, 4)).expect("a day");
        assert_eq!(sao_paulo.format(start), "2018-11-04T01:00:00.000-02:00");
        assert_eq!(sao_paulo.day(start - 1), (2018, 11, 3));
    }

    #[test]
    fn a_time_of_day_is_found_on_another_day() {
        let seoul = Zone::named("Asia/Seoul").expect("built in");
        let bought = parse_instant("2024-02-29T23:30:00.123+09:00").expect("an instant");
        let end = seoul.same_time_on(bought, (2025, 2, 28)).expect("a day");
        assert_eq!(seoul.format(end), "2025-02-28T23:30:00.123+09:00");
        assert_eq!(seoul.same_time_on(bought, (2025, 2, 29)), None);
        let berlin = Zone::named("Europe/Berlin").expect("built in");
        let winter = parse_instant("2026-01-10T02:30:00+01:00").expect("an instant");
        let found = |day| berlin.same_time_on(winter, day).map(|at_ms| berlin.format(at_ms));
        assert_eq!(found((2026, 7, 10)).as_deref(), Some("2026-07-10T02:30:00.000+02:00"));
        assert_eq!(found((2026, 3, 29)).as_deref(), Some("2026-03-29T03:30:00.000+02:00"), "clocks skip it");
        assert_eq!(found((2026, 10, 25)).as_deref(), Some("2026-10-25T02:30:00.000+02:00"), "it comes twice");
    }

    #[test]
    fn a_day_is_written_in_one_way() {
        assert_eq!(parse_day("2020-02-29"), Some((2020, 2, 29)));
        for text in ["2021-02-29", "2020-2-29", "20200229", "2020-02-29T00:00:00", "+002020-02-29", "", "2020-W01-1"] {
            assert_eq!(parse_day(text), None, "{text}");
        }
    }
}
