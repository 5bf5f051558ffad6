//! The programme's time zone: which day an instant is in, and how instants look on the wire.

use jiff::Timestamp;
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
    }
}
