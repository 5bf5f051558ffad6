//! What stands in a message: a CloudEvents 1.0 envelope as JSON. `id` is the event's place in its log (`XID:POSITION`),
//! `previous` the place up to which everything had been published before it. A mark has no data: it says how far the
//! log goes where its last rows are no events.

use std::borrow::Cow;
use std::fmt::Write;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::db::Cursor;
use crate::error::{Error, ErrorKind, Result};
use crate::log::Event;

/// The type of a mark; in lower case, as every row of a log that is no event.
const MARK: &str = "mark";
const JSON: &str = "application/json";
/// Of data that cannot be read as JSON, which is carried as text all the same: whoever follows has to see it.
const TEXT: &str = "text/plain";

/// What came with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its place in the log of its source.
    pub place: Cursor,
    /// Everything up to here had been published before it.
    pub previous: Cursor,
    /// What happened; nothing in a mark.
    pub event: Option<Event>,
}

impl Message {
    /// Reads an envelope; nothing if it is none that this program understands.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let wire: Wire<'_> = serde_json::from_slice(payload).ok()?;
        let place = wire.id.parse().ok()?;
        let previous = wire.previous.parse().ok()?;
        if wire.kind == MARK {
            return Some(Self { place, previous, event: None });
        }
        let data = match wire.datacontenttype.as_deref() {
            Some(TEXT) => serde_json::from_str(wire.data?.get()).ok()?,
            _ => wire.data?.get().to_owned(),
        };
        let event = Event {
            cursor: place,
            kind: wire.kind.into_owned(),
            subject: wire.subject?.parse().ok()?,
            sequence: wire.sequence?.parse().ok()?,
            at_ms: wire.time.parse::<Timestamp>().ok()?.as_millisecond(),
            data,
            origin: wire.traceparent.map(Into::into),
        };
        Some(Self { place, previous, event: Some(event) })
    }
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    previous: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sequence: Option<Cow<'a, str>>,
    #[serde(borrow)]
    datacontenttype: Option<Cow<'a, str>>,
    #[serde(borrow)]
    traceparent: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// The envelope of an event from `source`, in place of what stood in `out`.
pub fn render(out: &mut String, source: &str, event: &Event, previous: Cursor) {
    begin(out, (source, &event.kind), event.cursor, previous, event.at_ms);
    if let Some(origin) = &event.origin {
        out.push_str(r#","traceparent":"#);
        push_text(out, origin);
    }
    // Writing into a text does not fail.
    let _ = write!(out, r#","subject":"{}","sequence":"{}","datacontenttype":""#, event.subject, event.sequence);
    let is_json = serde_json::from_str::<IgnoredAny>(&event.data).is_ok();
    out.push_str(if is_json { JSON } else { TEXT });
    out.push_str(r#"","data":"#);
    if is_json {
        out.push_str(&event.data);
    } else {
        push_text(out, &event.data);
    }
    out.push('}');
}

/// The envelope of a mark at `place`, made at `now_ms`, in place of what stood in `out`.
pub fn mark(out: &mut String, source: &str, place: Cursor, previous: Cursor, now_ms: i64) {
    begin(out, (source, MARK), place, previous, now_ms);
    out.push('}');
}

fn begin(out: &mut String, (source, kind): (&str, &str), place: Cursor, previous: Cursor, at_ms: i64) {
    out.clear();
    // An instant beyond the calendar is one of a row that no rule has written.
    let time = Timestamp::from_millisecond(at_ms).unwrap_or(if at_ms < 0 { Timestamp::MIN } else { Timestamp::MAX });
    let _ = write!(out, r#"{{"specversion":"1.0","id":"{place}","source":"{source}","type":"#);
    push_text(out, kind);
    let _ = write!(out, r#","time":"{time}","previous":"{previous}""#);
}

/// As a JSON string. Most texts here are words, which need no escapes.
fn push_text(out: &mut String, text: &str) {
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.xid, self.position)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once(':').and_then(|(xid, position)| Some((xid.parse().ok()?, position.parse().ok()?)));
        let unfit = || Error::new(ErrorKind::Invalid, "config.place", "a place in a log is written XID:POSITION");
        parts.map(|(xid, position)| Self { xid, position }).ok_or_else(unfit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(position: i64) -> Cursor {
        Cursor { xid: 7, position }
    }

    fn event(kind: &str, data: &str) -> Event {
        let (kind, data) = (kind.to_owned(), data.to_owned());
        Event { cursor: place(2), kind, subject: -4, sequence: i64::MAX, at_ms: 1_600_000_000_123, data, origin: None }
    }

    fn travelled(sent: &Event) -> Option<Message> {
        let mut text = String::from("what stood there");
        render(&mut text, "onepoint/purse", sent, place(1));
        Message::parse(text.as_bytes())
    }

    #[test]
    fn an_event_is_the_same_behind_the_bus() {
        for (kind, data) in [
            ("CoinsMoved", r#"{"coins":5,"note":"\"가\\"}"#),
            ("CoinsMoved", "{}"),
            ("no word \" at all\n", "{ \"a\" : 1 }"),
            ("", "[1]"),
            ("Broken", "{\"coins\":"),
            ("Broken", "not \"JSON\"\u{1}"),
            ("Broken", ""),
        ] {
            let sent = event(kind, data);
            let came = travelled(&sent).expect("an envelope");
            assert_eq!(came, Message { place: place(2), previous: place(1), event: Some(sent) }, "{kind} {data}");
        }
        let origin = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
        let traced = Event { origin, ..event("CoinsMoved", "{}") };
        assert_eq!(travelled(&traced).and_then(|came| came.event), Some(traced));
    }

    #[test]
    fn an_envelope_is_a_cloud_event() {
        let mut text = String::new();
        render(&mut text, "onepoint/purse", &event("CoinsMoved", r#"{"coins":5}"#), place(1));
        let expected = r#"{"specversion":"1.0","id":"7:2","source":"onepoint/purse","type":"CoinsMoved","time":"2020-09-13T12:26:40.123Z","previous":"7:1","subject":"-4","sequence":"9223372036854775807","datacontenttype":"application/json","data":{"coins":5}}"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn a_mark_only_moves_on() {
        let mut text = String::new();
        mark(&mut text, "onepoint/purse", place(9), place(2), 0);
        let came = Message::parse(text.as_bytes());
        assert_eq!(came, Some(Message { place: place(9), previous: place(2), event: None }));
    }

    #[test]
    fn instants_beyond_the_calendar_stay_in_it() {
        for at_ms in [i64::MIN, i64::MAX] {
            let sent = Event { at_ms, ..event("CoinsMoved", "{}") };
            assert!(travelled(&sent).is_some());
        }
    }

    #[test]
    fn what_is_no_envelope_is_nothing() {
        for text in ["", "{}", "[]", r#"{"id":"1:1","previous":"x","type":"A","time":""}"#, "\u{0}"] {
            assert_eq!(Message::parse(text.as_bytes()), None, "{text}");
        }
    }
}
