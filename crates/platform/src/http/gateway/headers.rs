//! What of a head is passed on: all but what concerns one connection; and what is said about who asked.

use std::net::IpAddr;

use axum::http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use axum::http::{HeaderMap, HeaderValue, Method};

use crate::http::shell::is_local;

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
static PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Whether the request only reads.
#[must_use]
pub fn is_reading(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Whether it may be sent twice.
pub(super) fn may_repeat(method: &Method, headers: &HeaderMap) -> bool {
    is_reading(method) || headers.contains_key(&IDEMPOTENCY_KEY)
}

/// Takes off what concerns one connection only.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = match headers.get(CONNECTION) {
        None => Vec::new(),
        Some(_) => {
            let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
            let tokens = values.flat_map(|value| value.split(',')).map(str::trim);
            tokens.filter_map(|token| token.parse().ok()).collect()
        }
    };
    for name in named {
        headers.remove(name);
    }
    for name in [CONNECTION, TRANSFER_ENCODING, TE, TRAILER, UPGRADE] {
        headers.remove(name);
    }
    headers.remove(&KEEP_ALIVE);
    headers.remove(&PROXY_CONNECTION);
}

/// Makes a request's headers those that are passed on. Only one of somebody at this machine (`is_from_here`) stays as it
/// is: a process on this machine takes it for the operator's own. Any other one is marked as passed on, whatever it says
/// of itself, so that no stranger counts as local.
pub(super) fn pass_on(headers: &mut HeaderMap, from: Option<IpAddr>, is_from_here: bool) {
    strip(headers);
    // A body's length is said by the body itself; whoever waits for leave to send one was given it here.
    for name in [CONTENT_LENGTH, EXPECT, PROXY_AUTHORIZATION] {
        headers.remove(name);
    }
    if is_from_here {
        return;
    }
    let from = from.map_or_else(|| "unknown".to_owned(), |from| from.to_string());
    let earlier = headers.get_all(&FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    let all = earlier.map(str::to_owned).chain([from]).collect::<Vec<_>>().join(", ");
    headers.insert(&FORWARDED_FOR, HeaderValue::try_from(all).unwrap_or(HeaderValue::from_static("unknown")));
    if !headers.contains_key(&FORWARDED_PROTO) {
        headers.insert(&FORWARDED_PROTO, HeaderValue::from_static("http"));
    }
}

/// Whether a request comes from somebody at this machine, to a gateway that only this machine can reach.
pub(super) fn is_from_here(headers: &HeaderMap, from: Option<IpAddr>, is_open: bool) -> bool {
    is_open && from.is_some_and(|from| from.is_loopback()) && is_local(headers)
}

/// Makes an answer's headers those that are passed back.
pub(super) fn pass_back(headers: &mut HeaderMap) {
    strip(headers);
    headers.remove(PROXY_AUTHENTICATE);
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
    const AWAY: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)));

    fn passed_on(given: &[(&str, &str)], from: Option<IpAddr>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(name.parse::<HeaderName>().expect("a name"), value.parse().expect("a value"));
        }
        let is_from_here = is_from_here(&headers, from, true);
        pass_on(&mut headers, from, is_from_here);
        headers
    }

    #[test]
    fn what_concerns_one_connection_stays_behind_and_the_rest_goes_on() {
        let given = [
            ("host", "localhost:1"),
            ("connection", "close, X-Own"),
            ("x-own", "1"),
            ("transfer-encoding", "chunked"),
            ("keep-alive", "timeout=5"),
            ("upgrade", "h2c"),
            ("expect", "100-continue"),
            ("content-length", "5"),
            ("traceparent", "00-1-2-01"),
            ("idempotency-key", "k"),
            ("authorization", "Bearer op"),
        ];
        let headers = passed_on(&given, HERE);
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["authorization", "host", "idempotency-key", "traceparent"]);
    }

    #[test]
    fn who_is_not_local_is_marked_as_passed_on_whatever_the_request_says() {
        let local = [("host", "localhost:1")];
        assert!(!passed_on(&local, HERE).contains_key("x-forwarded-for"), "the operator at this machine");
        assert_eq!(passed_on(&local, AWAY)["x-forwarded-for"], "192.0.2.7");
        assert!(!is_from_here(&HeaderMap::new(), HERE, false), "others can reach it: nobody is local");
        assert_eq!(passed_on(&local, None)["x-forwarded-for"], "unknown");
        assert_eq!(passed_on(&[("host", "shop.example")], HERE)["x-forwarded-for"], "127.0.0.1");
        assert_eq!(passed_on(&[("x-real-ip", "192.0.2.1")], HERE)["x-forwarded-for"], "127.0.0.1");
        let told = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "203.0.113.8")];
        assert_eq!(passed_on(&told, AWAY)["x-forwarded-for"], "203.0.113.9, 203.0.113.8, 192.0.2.7");
        // Whoever has it taken off as belonging to the connection gets a new one.
        let hidden = [("x-forwarded-for", "203.0.113.9"), ("connection", "x-forwarded-for"), ("host", "localhost")];
        assert_eq!(passed_on(&hidden, HERE)["x-forwarded-for"], "127.0.0.1");
        assert_eq!(passed_on(&hidden, HERE)["x-forwarded-proto"], "http");
    }

    #[test]
    fn reads_and_keyed_writes_may_be_repeated() {
        let mut headers = HeaderMap::new();
        assert!(may_repeat(&Method::GET, &headers) && may_repeat(&Method::HEAD, &headers));
        assert!(!may_repeat(&Method::POST, &headers) && !may_repeat(&Method::DELETE, &headers));
        headers.insert("idempotency-key", HeaderValue::from_static("k"));
        assert!(may_repeat(&Method::POST, &headers));
    }
}
