//! What surrounds every request: its id, who is asking, limits, metrics, and problems as the answer to errors.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONNECTION, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use futures_util::FutureExt;
use metrics::{Counter, Histogram, counter, histogram};
use tower::Service;

use super::limit::RateLimits;
use super::problem;
use super::watched::watch;
use crate::access::{AccessKeys, Principal};
use crate::error::{Error, ErrorKind, Result};
use crate::trace::Span;

pub(super) static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID_CHARS: usize = 64;

/// Who is asking; every handler takes it and says what it demands.
#[derive(Debug, Clone)]
pub struct Caller(pub Arc<Principal>);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            Error::new(ErrorKind::Unauthorized, "auth.no_key", "send your API key as Authorization: Bearer …")
        })
    }
}

/// The id of the request, as in the answer's `X-Request-Id`: for problems that stand inside an answer.
#[derive(Debug, Clone)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id; printable ASCII.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Error::internal("a request came without an id"))
    }
}

/// What a request may take.
#[derive(Clone)]
pub struct Limits {
    /// A request that takes longer is answered 503; what it has set going goes on.
    pub request_time: Duration,
    /// Requests a second for each principal.
    pub rates: Arc<RateLimits>,
}

/// The shell of one listener.
pub struct Shell {
    router: Router,
    keys: Arc<AccessKeys>,
    limits: Limits,
    /// Whether a request without a key counts as the operator's; only on a loopback listener.
    open: bool,
    resources: Vec<&'static str>,
    local: Arc<Principal>,
    ids: RequestIds,
}

/// Gives requests their ids.
pub(super) struct RequestIds {
    prefix: u32,
    counter: AtomicU64,
}

impl RequestIds {
    pub(super) fn new() -> Self {
        Self { prefix: getrandom::u32().unwrap_or_default(), counter: AtomicU64::new(0) }
    }

    /// The id that the client gave, if it is sane, or one of our own.
    pub(super) fn of(&self, headers: &HeaderMap) -> HeaderValue {
        let given = headers.get(&REQUEST_ID).filter(|value| {
            let bytes = value.as_bytes();
            (1..=REQUEST_ID_CHARS).contains(&bytes.len())
                && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte))
        });
        given.cloned().unwrap_or_else(|| {
            let number = self.counter.fetch_add(1, Ordering::Relaxed);
            HeaderValue::try_from(format!("{:08x}-{number:x}", self.prefix)).unwrap_or(HeaderValue::from_static("none"))
        })
    }
}

impl Shell {
    /// A shell around `router`. `resources` are the first path segments that metrics tell apart.
    #[must_use]
    pub fn new(
        router: Router,
        keys: Arc<AccessKeys>,
        open: bool,
        resources: Vec<&'static str>,
        limits: Limits,
    ) -> Self {
        Self {
            router,
            keys,
            limits,
            open,
            resources,
            local: Arc::new(Principal::local_operator()),
            ids: RequestIds::new(),
        }
    }

    /// Answers one request.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: hyper::body::Body<Data = axum::body::Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let (body, body_ended) = watch(body);
        let mut request = Request::from_parts(parts, body);
        let id = self.ids.of(request.headers());
        let resource = self.resource(request.uri().path());
        let method = request.method().clone();
        let admitted = self.admit(request.headers());
        let is_known = matches!(&admitted, Ok(Some(_)));
        let (label, number) = (method_label(&method), id.to_str().unwrap_or_default());
        let span = Span::of_request(label, resource, number, request.headers(), is_known);
        request.extensions_mut().insert(RequestId(id.clone()));
        let is_bare = matches!(method, Method::GET | Method::HEAD) && accepts_anything(request.headers());
        let mut response = match admitted {
            Ok(caller) => {
                if let Some(caller) = caller {
                    request.extensions_mut().insert(caller);
                }
                self.route(request, span.as_ref()).await
            }
            Err(error) => axum::response::IntoResponse::into_response(error),
        };
        self.finish(&mut response, &id, is_bare, (resource, &method), span.as_ref());
        if !body_ended.is_true() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        observe(resource, &method, response.status(), started);
        if let Some(span) = span {
            span.answered(response.status().as_u16());
        }
        response
    }

    /// Answers one request without looking at it, because there are more connections than the program takes.
    pub fn turn_away<B>(&self, request: &Request<B>) -> Response<Body> {
        let id = self.ids.of(request.headers());
        let full = Error::unavailable("server.full", "there are too many connections at present; repeat in a moment");
        let mut response = axum::response::IntoResponse::into_response(full);
        self.finish(&mut response, &id, false, ("other", request.method()), None);
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        observe("other", request.method(), response.status(), Instant::now());
        response
    }

    async fn route(&self, request: Request<Body>, span: Option<&Span>) -> Response<Body> {
        let mut router = self.router.clone();
        let answering = AssertUnwindSafe(router.call(request)).catch_unwind();
        let mut answering = match span {
            None => answering.boxed(),
            Some(span) => span.around(answering).boxed(),
        };
        match tokio::time::timeout(self.limits.request_time, &mut answering).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Err(_)) => axum::response::IntoResponse::into_response(Error::internal(
                "a defect stopped this request; it is in the log under its id",
            )),
            Err(_) => {
                // The client has its answer; what was begun is not broken off in the middle.
                tokio::spawn(answering);
                axum::response::IntoResponse::into_response(late())
            }
        }
    }

    /// Who is asking; nobody in particular is let through to the few routes that need no one.
    fn admit(&self, headers: &HeaderMap) -> Result<Option<Caller>> {
        match presented(headers) {
            Some(key) => {
                let principal = self.keys.find(key.trim()).ok_or_else(|| {
                    Error::new(ErrorKind::Unauthorized, "auth.unknown_key", "this API key is not known, or was revoked")
                })?;
                self.limits.rates.admit(&principal)?;
                Ok(Some(Caller(Arc::new(principal))))
            }
            None if self.open && is_local(headers) => Ok(Some(Caller(Arc::clone(&self.local)))),
            None => Ok(None),
        }
    }

    fn resource(&self, path: &str) -> &'static str {
        let first = path.split('/').nth(1).unwrap_or_default();
        self.resources.iter().find(|name| **name == first).copied().unwrap_or("other")
    }

    fn finish(
        &self,
        response: &mut Response<Body>,
        id: &HeaderValue,
        is_bare: bool,
        (resource, method): (&'static str, &Method),
        span: Option<&Span>,
    ) {
        let text = id.to_str().unwrap_or_default();
        let error = response.extensions_mut().remove::<Error>().or_else(|| match response.status() {
            StatusCode::METHOD_NOT_ALLOWED => Some(Error::new(
                ErrorKind::MethodNotAllowed,
                "request.method_not_allowed",
                "this resource has no such method; see /openapi.json",
            )),
            _ => None,
        });
        if let Some(error) = error {
            if error.kind == ErrorKind::Internal {
                let trace_id = span.map(Span::trace_id);
                tracing::error!(request_id = text, trace_id, resource, %method, %error, "request failed");
            }
            let allow = response.headers_mut().remove(axum::http::header::ALLOW);
            *response = problem::respond(&error, text, is_bare);
            if let Some(allow) = allow {
                response.headers_mut().insert(axum::http::header::ALLOW, allow);
            }
        }
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID.clone(), id.clone());
        headers.insert(axum::http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
}

/// The key that a request comes with.
pub(super) fn presented(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    bearer.or_else(|| headers.get("x-api-key").and_then(|value| value.to_str().ok()))
}

/// The answer of a request that took too long.
pub(super) fn late() -> Error {
    let message = "this takes longer than a request may; whether it was done is not known yet, so repeat it with the same Idempotency-Key";
    Error::unavailable("request.timeout", message)
}

/// Whether a request without a key comes from someone at this machine: addressed to it, sent on by no proxy, and not
/// by a page of another site in the operator's browser.
pub(super) fn is_local(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let forwarded = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];
    if forwarded.iter().any(|name| headers.contains_key(*name)) {
        return false;
    }
    let origin_is_local =
        text("origin").is_none_or(|origin| origin.split_once("://").is_some_and(|(_, host)| is_loopback(host)));
    let site_is_local = text("sec-fetch-site").is_none_or(|site| site != "cross-site");
    origin_is_local && site_is_local && text("host").is_none_or(is_loopback)
}

fn is_loopback(host: &str) -> bool {
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(host, |(name, _)| name);
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether the client takes whatever it gets.
pub(super) fn accepts_anything(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT)
        .is_none_or(|value| value.as_bytes() == b"*/*" || value.as_bytes().starts_with(b"application/json, */*"))
}

type Meters = HashMap<(&'static str, &'static str, u16), (Counter, Histogram)>;

/// Methods that metrics tell apart; a client may invent others.
pub(super) fn method_label(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known.into_iter().find(|name| *name == method.as_str()).unwrap_or("other")
}

thread_local! {
    // Looking a meter up by its labels costs more than the rest of this file, so each thread keeps those it used.
    static METERS: RefCell<Meters> = RefCell::new(HashMap::new());
}

/// Counts a request and its time.
pub(super) fn observe(resource: &'static str, method: &Method, status: StatusCode, started: Instant) {
    METERS.with_borrow_mut(|meters| {
        let method = method_label(method);
        let key = (resource, method, status.as_u16());
        let (requests, seconds) = meters.entry(key).or_insert_with(|| {
            let labels = [
                ("resource", resource.to_owned()),
                ("method", method.to_string()),
                ("status", status.as_u16().to_string()),
            ];
            (
                counter!("http_server_requests_total", &labels),
                histogram!("http_server_request_duration_seconds", &labels),
            )
        });
        requests.increment(1);
        seconds.record(started.elapsed().as_secs_f64());
    });
}
