//! `docs/events.md` says what the events say, because it is written from where they are defined; and each example in it
//! is read and written by the program as it stands there.
//!
//! `ONEPOINT_WRITE_DOCS=1 cargo test -p server --test events` writes the page anew.

#[path = "events/page.rs"]
mod page;
#[path = "events/source.rs"]
mod source;

use std::path::PathBuf;

use platform::bus::Message;
use platform::error::Result;
use platform::log::{Event, encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::source::Types;

/// Reads an event and writes it again.
type Again = fn(&Event) -> Result<(String, String)>;

/// A context whose events others follow.
pub struct Told {
    context: &'static str,
    /// Where its events are defined, and under which name.
    file: &'static str,
    name: &'static str,
    again: Again,
}

/// Events that the program reads as `E`.
const fn told<E: DeserializeOwned + Serialize>(context: &'static str, file: &'static str, name: &'static str) -> Told {
    Told { context, file, name, again: |event| encode(&event.decode::<E>()?) }
}

const TOLD: [Told; 12] = [
    told::<domain::member::Event>("member", "domain/src/member.rs", "Event"),
    told::<domain::notification::Event>("notification", "domain/src/notification.rs", "Event"),
    told::<app::point::PointEvent>("point", "app/src/point/entry.rs", "PointEvent"),
    told::<domain::donation::Event>("donation", "domain/src/donation.rs", "Event"),
    told::<domain::deal::Event>("deal", "domain/src/deal/mod.rs", "Event"),
    told::<domain::settlement::Event>("settlement", "domain/src/settlement/mod.rs", "Event"),
    told::<domain::coupon::Event>("coupon", "domain/src/coupon/mod.rs", "Event"),
    told::<domain::product::Event>("product", "domain/src/product/mod.rs", "Event"),
    told::<domain::membership::Event>("membership", "domain/src/membership/mod.rs", "Event"),
    told::<domain::payment::Event>("payment", "domain/src/payment/mod.rs", "Event"),
    told::<domain::gifticon::Event>("gifticon", "domain/src/gifticon/mod.rs", "Event"),
    told::<domain::cart::Event>("cart", "domain/src/cart/mod.rs", "Event"),
];

fn crates() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("the crates").to_path_buf()
}

#[test]
fn the_page_says_what_the_events_say() {
    let types = Types::read(&crates());
    let page = page::page(&types, &TOLD);
    let path = crates().parent().expect("the repository").join("docs/events.md");
    if std::env::var_os("ONEPOINT_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stands == page, "docs/events.md is out of date: ONEPOINT_WRITE_DOCS=1 cargo test -p server --test events");
}

#[test]
fn each_example_is_read_and_written_as_it_stands() {
    let types = Types::read(&crates());
    for told in &TOLD {
        for (kind, envelope) in page::examples(&types, told) {
            let event = Message::parse(envelope.as_bytes()).and_then(|message| message.event);
            let event = event.unwrap_or_else(|| panic!("no envelope: {envelope}"));
            assert_eq!(event.kind, kind);
            let (again, data) = (told.again)(&event).unwrap_or_else(|error| panic!("{envelope}: {error}"));
            let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
            assert_eq!((again, read(&data)), (kind, read(&event.data)), "of {}", told.context);
        }
    }
}
