//! Asking a context in another process: JSON over its internal listener, with a `service` key.

use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};

/// Bytes in an answer at most.
const ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// A context in another process.
pub struct Peer {
    callee: &'static str,
    base_url: String,
    authorization: HeaderValue,
    client: Client<HttpConnector, Body>,
}

impl Peer {
    /// The context `callee` at `base_url` (the other process's internal listener), asked with this `service` key.
    ///
    /// # Errors
    /// `Invalid` if the URL or the key cannot be sent.
    pub fn new(callee: &'static str, base_url: &str, key: &str) -> Result<Self> {
        let wrong = |what: String| Error::new(ErrorKind::Invalid, "config.peer", what);
        let base_url = base_url.trim_end_matches('/').to_owned();
        let uri: Uri = base_url.parse().map_err(|_| wrong(format!("the address of {callee} is no URL")))?;
        if uri.scheme_str() != Some("http") || uri.authority().is_none() {
            return Err(wrong(format!("the address of {callee} must look like http://host:port")));
        }
        let mut authorization = HeaderValue::try_from(format!("Bearer {key}"))
            .map_err(|_| wrong("internal.key cannot stand in a header".to_owned()))?;
        authorization.set_sensitive(true);
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        Ok(Self { callee, base_url, authorization, client })
    }

    /// Asks one question. The caller limits its time.
    ///
    /// # Errors
    /// `Unavailable` when the other process cannot be reached or cannot answer now; its own refusal otherwise.
    pub async fn ask<Q: Serialize, A: DeserializeOwned>(&self, path: &str, question: &Q) -> Result<A> {
        let body = serde_json::to_vec(question).map_err(|error| self.broken().caused_by(error))?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", self.base_url))
            .header(AUTHORIZATION, self.authorization.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(Body::from(body))
            .map_err(|error| self.broken().caused_by(error))?;
        let answer = self.client.request(request).await.map_err(|error| self.unreachable().caused_by(error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
        let body: Bytes = body.map_err(|_| self.unreachable())?.to_bytes();
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| self.broken().caused_by(error));
        }
        tracing::warn!(callee = self.callee, %status, "a question was refused");
        // A key that is not known there, or a route that another version has: about the processes, not the question.
        let does_not_answer = status.is_server_error() || matches!(status.as_u16(), 401 | 403 | 404 | 408 | 429);
        Err(if does_not_answer { self.unreachable() } else { self.broken() })
    }

    fn unreachable(&self) -> Error {
        let code = format!("{}.unreachable", self.callee);
        Error::unavailable(code, format!("{} cannot be reached at present; repeat later", self.callee))
    }

    /// The two processes do not understand each other: a wrong key, or versions that do not fit.
    fn broken(&self) -> Error {
        Error::internal(format!("{} and this process do not understand each other", self.callee))
    }
}
