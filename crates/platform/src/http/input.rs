//! What comes in: bodies as typed values, path numbers, and the stamp of the idempotency key.

#[cfg(test)]
mod tests;

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use super::number::parse_whole;
use super::shell::Caller;
use crate::error::{Error, ErrorKind, Result};
use crate::funnel::KeyStamp;

/// Bytes in a body at most, unless the route's handler says otherwise.
pub const BODY_BYTES: usize = 64 * 1024;
/// How long a body may take, what is skipped of it included; a slower one is answered 408 and its connection closed.
const BODY_TIME: Duration = Duration::from_secs(6);
/// What is still read of a body that is too large, so that its client gets to read the answer.
const LINGER_BYTES: usize = 16 * 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(2);
const KEY_CHARS: usize = 255;

/// A write: its body, who sends it and under which idempotency key. A route whose bodies may be larger than usual says
/// so where its handler takes the body: `Write<Bulk, { 1024 * 1024 }>`.
#[derive(Debug)]
pub struct Write<T, const BYTES: usize = BODY_BYTES> {
    /// The body.
    pub body: T,
    /// Who sends it.
    pub caller: Caller,
    /// The stamp of its `Idempotency-Key`, if it has one.
    pub stamp: Option<KeyStamp>,
}

impl<T: DeserializeOwned, S: Send + Sync, const BYTES: usize> FromRequest<S> for Write<T, BYTES> {
    type Rejection = Error;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, state).await?;
        must_be_json(&parts)?;
        let bytes = read_body(body, BYTES).await?;
        let stamp = stamp(&parts, &caller, &bytes)?;
        let body = parse(&bytes)?;
        must_be_storable(&bytes)?;
        Ok(Self { body, caller, stamp })
    }
}

/// A write without a body (DELETE).
#[derive(Debug)]
pub struct Bodiless {
    /// Who sends it.
    pub caller: Caller,
    /// The stamp of its `Idempotency-Key`, if it has one.
    pub stamp: Option<KeyStamp>,
}

impl<S: Send + Sync> FromRequest<S> for Bodiless {
    type Rejection = Error;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, state).await?;
        // Some clients send "{}" with a DELETE; whatever it is, it counts for nothing but must not be endless.
        let bytes = read_body(body, BODY_BYTES).await?;
        let stamp = stamp(&parts, &caller, &bytes)?;
        Ok(Self { caller, stamp })
    }
}

/// A body as it came, for a route that checks a signature over it before it reads it; nobody has to be known who sends it.
#[derive(Debug)]
pub struct Unread {
    /// The request's headers.
    pub headers: HeaderMap,
    /// The body, at most 64 KiB.
    pub body: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Unread {
    type Rejection = Error;

    async fn from_request(request: Request<Body>, _state: &S) -> Result<Self> {
        let (parts, body) = request.into_parts();
        Ok(Self { headers: parts.headers, body: read_body(body, BODY_BYTES).await? })
    }
}

/// The number in a path, leading zeros allowed; 0 for one that no resource can have, which leads to 404.
#[derive(Debug, Clone, Copy)]
pub struct PathId(pub i64);

/// A name and a number below it in a path (`/things/red/1`), the number read like [`PathId`].
#[derive(Debug, Clone)]
pub struct PathNameId(pub String, pub i64);

/// Two numbers in a path, the second below the first (`/points/1/entries/2`), read like [`PathId`].
#[derive(Debug, Clone, Copy)]
pub struct PathIds(pub i64, pub i64);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        path_numbers(parts, state).await.map(|[id]| Self(id))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathIds {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        path_numbers(parts, state).await.map(|[first, second]| Self(first, second))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathNameId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let params = path_params(parts, state).await?;
        let mut values = params.iter();
        let name = values.next().map_or(String::new(), |(_, value)| value.to_owned());
        let number = values.next().map_or(Ok(0), |(name, value)| path_number(name, value))?;
        Ok(Self(name, number))
    }
}

async fn path_params<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RawPathParams> {
    RawPathParams::from_request_parts(parts, state).await.map_err(|error| {
        Error::new(ErrorKind::Malformed, "request.malformed_path", "the path cannot be read").caused_by(error)
    })
}

async fn path_numbers<S: Send + Sync, const N: usize>(parts: &mut Parts, state: &S) -> Result<[i64; N]> {
    let params = path_params(parts, state).await?;
    let mut numbers = [0; N];
    for (number, (name, value)) in numbers.iter_mut().zip(params.iter()) {
        *number = path_number(name, value)?;
    }
    Ok(numbers)
}

fn path_number(name: &str, value: &str) -> Result<i64> {
    let digits = value.trim();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let message = "a number in the path must be a whole number, for instance /things/1";
        return Err(Error::invalid(format!("/path/{name}"), message));
    }
    // More digits than any number has: nothing can be there.
    Ok(parse_whole(digits).unwrap_or(0))
}

/// Reads a body to its end.
///
/// # Errors
/// `TooSlow`, `TooLarge`, or `Malformed` if it broke off.
pub(super) async fn read_body(mut body: Body, most_bytes: usize) -> Result<Bytes> {
    let deadline = Instant::now() + BODY_TIME;
    let collected = timeout_at(deadline, Limited::new(&mut body, most_bytes).collect()).await;
    let Ok(collected) = collected else {
        let message = format!("the body did not arrive within {} seconds", BODY_TIME.as_secs());
        return Err(Error::new(ErrorKind::TooSlow, "request.body_timeout", message));
    };
    match collected {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            // A connection that is closed while its client still sends loses the answer on the way.
            let _ = timeout_at(deadline.min(Instant::now() + LINGER_TIME), skip(body)).await;
            let message = format!("the body is larger than {} KiB", most_bytes / 1024);
            Err(Error::new(ErrorKind::TooLarge, "request.too_large", message))
        }
        Err(_) => Err(Error::new(ErrorKind::Malformed, "request.unreadable", "the body broke off")),
    }
}

/// Reads on without keeping anything, but not without end.
async fn skip(mut body: Body) {
    let mut skipped = 0;
    while let Some(Ok(frame)) = body.frame().await {
        skipped += frame.data_ref().map_or(0, Bytes::len);
        if skipped > LINGER_BYTES {
            break;
        }
    }
}

fn must_be_json(parts: &Parts) -> Result<()> {
    let Some(value) = parts.headers.get(CONTENT_TYPE) else { return Ok(()) };
    let value = value.to_str().unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") || essence.ends_with("+json") {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::UnsupportedMediaType,
        "request.not_json",
        "send the body as JSON, with Content-Type: application/json",
    ))
}

fn stamp(parts: &Parts, caller: &Caller, body: &[u8]) -> Result<Option<KeyStamp>> {
    let Some(key) = parts.headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=KEY_CHARS).contains(&key.len()) && !key.contains('\t'));
    let key = key.ok_or_else(|| {
        Error::invalid("/headers/Idempotency-Key", "an Idempotency-Key has 1 to 255 printable characters")
    })?;
    Ok(Some(KeyStamp::new(&caller.0.id, parts.method.as_str(), parts.uri.path(), key, body)))
}

/// Reads a body; a value of the wrong type is told from text that is no JSON at all, and pointed at.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    // An array would be read as an object's fields in order, which nobody means.
    let is_array = bytes.trim_ascii_start().first() == Some(&b'[');
    let error = match serde_json::from_slice(bytes) {
        Ok(_) if is_array => return Err(no_object()),
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    // The kind of the error does not tell: a number where a word belongs is called a syntax error too.
    match serde_json::from_slice::<serde_json::Value>(bytes) {
        Err(error) => return Err(malformed(&error)),
        Ok(value) if !value.is_object() => return Err(no_object()),
        Ok(_) => {}
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let Err(located) = serde_path_to_error::deserialize::<_, T>(&mut reader) else { return Err(malformed(&error)) };
    let reason = match located.inner() {
        inner if inner.is_data() => inner.to_string(),
        _ => "the value has the wrong type".to_owned(),
    };
    let mut pointer = String::new();
    for segment in located.path() {
        match segment {
            serde_path_to_error::Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            serde_path_to_error::Segment::Map { key } => pointer.push_str(&format!("/{key}")),
            _ => {}
        }
    }
    let sentence = reason.split(" at line ").next().unwrap_or_default().to_owned();
    for (opening, code) in [("unknown field `", "request.unknown_field"), ("missing field `", "request.missing_field")]
    {
        if let Some(field) = sentence.strip_prefix(opening).and_then(|rest| rest.split('`').next()) {
            if !pointer.ends_with(&format!("/{field}")) {
                pointer.push_str(&format!("/{field}"));
            }
            return Err(Error { code: code.into(), ..Error::invalid(pointer, sentence) });
        }
    }
    Err(Error::invalid(pointer, sentence))
}

/// Refuses the character U+0000, which not every database can keep in a text. In JSON it can only stand as an escape.
fn must_be_storable(json: &[u8]) -> Result<()> {
    let mut rest = json;
    while let Some(place) = rest.iter().position(|byte| *byte == b'\\') {
        if rest[place..].starts_with(b"\\u0000") {
            return Err(Error::invalid("", "text may not contain the character U+0000"));
        }
        // The escaped character too, so that an escaped backslash escapes nothing.
        rest = rest.get(place + 2..).unwrap_or_default();
    }
    Ok(())
}

fn no_object() -> Error {
    Error::invalid("", "the body must be a JSON object")
}

fn malformed(error: &serde_json::Error) -> Error {
    let message = format!("the body is not JSON: line {}, column {}", error.line(), error.column());
    Error::new(ErrorKind::Malformed, "request.malformed_json", message)
}
