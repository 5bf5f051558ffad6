//! Errors on the wire: RFC 9457 problems (SPEC section 3). A handler returns an [`Error`]; the shell around it,
//! which knows the request's id, writes the body.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind};

/// The body of every refusal.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Problem<'a> {
    /// A stable name of the problem as a relative reference.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status in words.
    pub title: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// A sentence for people.
    pub detail: &'a str,
    /// Stable, for programs.
    pub code: &'a str,
    /// JSON pointer to the offending field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<&'a str>,
    /// The request's id, as in the `X-Request-Id` header.
    #[serde(rename = "requestId")]
    pub request_id: &'a str,
    /// What only this problem has.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub extension: Option<&'a Map<String, Value>>,
}

impl<'a> Problem<'a> {
    /// What an error says to the client of this request.
    #[must_use]
    pub fn of(error: &'a Error, request_id: &'a str) -> Self {
        let status = error.kind.status();
        Self {
            kind: format!("/problems/{}", error.code),
            title: StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Error"),
            status,
            detail: &error.message,
            code: &error.code,
            pointer: error.pointer.as_deref(),
            request_id,
            extension: error.extension.as_deref(),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.extensions_mut().insert(self);
        response
    }
}

/// The complete answer for an error. `is_bare`: a GET of something that is not there, by a client that did not ask
/// for a particular type, gets an empty body, as the seeds' clients expect.
#[must_use]
pub fn respond(error: &Error, request_id: &str, is_bare: bool) -> Response<Body> {
    let status = StatusCode::from_u16(error.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    if let Some(seconds) = error.retry_after_s {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    // A mistyped address says so all the same.
    if is_bare && error.kind == ErrorKind::NotFound && error.code != "request.no_such_route" {
        return response;
    }
    let problem = Problem::of(error, request_id);
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    *response.body_mut() = Body::from(body);
    response
}

/// The code of a problem that somebody else wrote.
pub(super) fn code_in(body: &[u8]) -> Option<String> {
    let problem: Value = serde_json::from_slice(body).ok()?;
    problem["code"].as_str().map(str::to_owned)
}

/// Whether a problem of this code says that the process is ending, has no room or does not run what was asked for: then
/// nothing was done, and another process may do it.
pub(super) fn is_said_elsewhere(code: &str) -> bool {
    matches!(code, "server.draining" | "server.full" | "store.elsewhere") || code.ends_with(".stopped")
}
