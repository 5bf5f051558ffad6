//! What the provider tells by itself: who signed it, when, and what it says.
//!
//! Signed as the Standard Webhooks specification has it: `webhook-signature` is `v1,` and the HMAC-SHA-256, in base64, over
//! `<webhook-id>.<webhook-timestamp>.<body>` under the key that both sides have.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use platform::error::{Error, ErrorKind, Result};
use sha2::Sha256;

use super::card::ChargeWord;

/// A webhook is believed for so long, in both directions: clocks are not the same everywhere.
const AGE_S: i64 = 300;

/// What a webhook is signed with: the value of `webhook-signature`.
#[must_use]
pub fn signature(key: &[u8], id: &str, timestamp_s: i64, body: &[u8]) -> String {
    let tag = mac(key, id, &timestamp_s.to_string(), body).map(|mac| STANDARD.encode(mac.finalize().into_bytes()));
    format!("v1,{}", tag.unwrap_or_default())
}

fn mac(key: &[u8], id: &str, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(mac)
}

/// Whether one of the signatures is over this body, under this key, at about this time. Compared in a time that says
/// nothing of where they differ.
fn is_genuine(key: &[u8], headers: &HeaderMap, body: &[u8], now_s: i64) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(id), Some(timestamp), Some(signatures)) =
        (text("webhook-id"), text("webhook-timestamp"), text("webhook-signature"))
    else {
        return false;
    };
    let is_recent =
        timestamp.parse::<i64>().is_ok_and(|at_s| now_s.saturating_sub(at_s).unsigned_abs() <= AGE_S.unsigned_abs());
    // Several stand side by side while keys are changed.
    let tags = signatures.split(' ').filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok());
    let genuine = |tag: Vec<u8>| mac(key, id, timestamp, body).is_some_and(|mac| mac.verify_slice(&tag).is_ok());
    is_recent && tags.take(4).any(genuine)
}

/// What a webhook says of a charge; nothing if it is about something else.
///
/// # Errors
/// 401 `payment.webhook_signature` for one that is not signed, wrongly, or too old; 400 for one that cannot be read.
pub(super) fn read(key: Option<&[u8]>, headers: &HeaderMap, body: &[u8], now_s: i64) -> Result<Option<ChargeWord>> {
    if !key.is_some_and(|key| is_genuine(key, headers, body, now_s)) {
        let message = "a webhook is signed with the provider's key, and is not older than five minutes";
        return Err(Error::new(ErrorKind::Unauthorized, "payment.webhook_signature", message));
    }
    let unreadable = |error| {
        Error::new(ErrorKind::Malformed, "request.malformed_json", "the webhook cannot be read").caused_by(error)
    };
    let value: serde_json::Value = serde_json::from_slice(body).map_err(unreadable)?;
    if value["type"] != "charge" {
        return Ok(None);
    }
    serde_json::from_value(value).map(Some).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const KEY: &[u8] = b"a key of the provider";
    const BODY: &[u8] = br#"{"type":"charge","reference":"7-ab","amount":5000,"status":"approved"}"#;
    const NOW_S: i64 = 1_795_000_000;

    fn headers(id: &str, timestamp: &str, signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", signature)] {
            headers.insert(name, HeaderValue::try_from(value).expect("a value"));
        }
        headers
    }

    fn status(headers: &HeaderMap, body: &[u8]) -> u16 {
        read(Some(KEY), headers, body, NOW_S).map_or_else(|error| error.kind.status(), |_| 200)
    }

    #[test]
    fn what_is_signed_is_believed_for_five_minutes_and_nothing_else_is() {
        let at = |at_s: i64| headers("m1", &at_s.to_string(), &signature(KEY, "m1", at_s, BODY));
        for (at_s, believed) in [(0, true), (-300, true), (300, true), (-301, false), (301, false)] {
            assert_eq!(status(&at(NOW_S + at_s), BODY), if believed { 200 } else { 401 }, "{at_s}");
        }
        let (good, now) = (signature(KEY, "m1", NOW_S, BODY), NOW_S.to_string());
        assert_eq!(status(&headers("m1", &now, &format!("v1,bm8= {good}")), BODY), 200, "one of several");
        for (id, timestamp, signature) in [
            ("m2", now.as_str(), good.as_str()),
            ("m1", "1795000001", good.as_str()),
            ("m1", now.as_str(), good.trim_start_matches("v1,")),
            ("m1", now.as_str(), &signature(b"another key", "m1", NOW_S, BODY)),
            ("m1", now.as_str(), "v1,"),
            ("m1", now.as_str(), ""),
            ("m1", "", good.as_str()),
            ("m1", "soon", good.as_str()),
        ] {
            assert_eq!(status(&headers(id, timestamp, signature), BODY), 401, "{id} {timestamp} {signature}");
        }
        assert_eq!(status(&at(NOW_S), b"{}"), 401, "another body");
        assert_eq!(status(&HeaderMap::new(), BODY), 401);
        assert!(read(None, &at(NOW_S), BODY, NOW_S).is_err(), "nobody has a key");
    }

    #[test]
    fn only_charges_are_read() {
        let said = |body: &[u8]| {
            let signed = headers("m1", &NOW_S.to_string(), &signature(KEY, "m1", NOW_S, body));
            read(Some(KEY), &signed, body, NOW_S)
        };
        let word = said(BODY).expect("it is genuine").expect("it is about a charge");
        assert_eq!((word.reference.as_str(), word.amount, word.outcome().is_some()), ("7-ab", 5_000, true));
        assert!(said(br#"{"type":"settlement"}"#).expect("it is genuine").is_none());
        for wrong in [&b"{"[..], br#"{"type":"charge"}"#] {
            assert_eq!(said(wrong).expect_err("it cannot be read").kind, ErrorKind::Malformed);
        }
    }
}
