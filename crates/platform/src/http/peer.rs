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
    /// `Unavailable` when the other process cannot be reached, cannot answer now, or is of a version that this one does
    /// not understand: all of it passes, and nothing is to be given up for it. `Internal` if the question cannot be
    /// written.
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
            return serde_json::from_slice(&body).map_err(|error| {
                // Its words may repeat what stands there, and that may be personal.
                let (line, column) = (error.line(), error.column());
                tracing::warn!(callee = self.callee, line, column, "an answer was not understood");
                self.not_understood()
            });
        }
        // A key that is not known there, or a route that another version has: about the processes, not the question.
        let does_not_answer = status.is_server_error() || matches!(status.as_u16(), 401 | 403 | 404 | 408 | 429);
        if does_not_answer {
            tracing::warn!(callee = self.callee, %status, "a question was refused");
            return Err(self.unreachable());
        }
        tracing::warn!(callee = self.callee, %status, "a question was not understood");
        Err(self.not_understood())
    }

    fn unreachable(&self) -> Error {
        let code = format!("{}.unreachable", self.callee);
        Error::unavailable(code, format!("{} cannot be reached at present; repeat later", self.callee))
    }

    /// The versions of the two processes do not fit, as while they are replaced one after the other.
    #[must_use]
    pub fn not_understood(&self) -> Error {
        let message = format!("{} and this process do not understand each other at present; repeat later", self.callee);
        Error::unavailable("peer.not_understood", message)
    }

    /// The question cannot be written.
    fn broken(&self) -> Error {
        Error::internal(format!("a question to {} cannot be written", self.callee))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// How a peer is understood that gives this answer.
    async fn understood(status: u16, body: &'static str) -> Result<Vec<i64>> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let answering = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a question");
            let mut question = Vec::new();
            while !question.ends_with(b"\r\n\r\n7") {
                let mut piece = [0; 1_024];
                let count = stream.read(&mut piece).expect("a question");
                question.extend_from_slice(&piece[..count]);
            }
            let length = body.len();
            write!(stream, "HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
                .expect("it is read");
        });
        let peer = Peer::new("callee", &format!("http://{address}"), "key").expect("a peer");
        let answer = peer.ask("/asked", &7).await;
        answering.join().expect("no panic");
        answer
    }

    #[tokio::test]
    async fn what_is_not_understood_or_not_answered_may_be_repeated() {
        assert_eq!(understood(200, "[1]").await.expect("an answer"), [1]);
        let cases = [
            (400, "{}", "peer.not_understood"),
            (409, "{}", "peer.not_understood"),
            (413, "{}", "peer.not_understood"),
            (422, "{}", "peer.not_understood"),
            (200, "{\"new\": true}", "peer.not_understood"),
            (200, "[", "peer.not_understood"),
            (401, "{}", "callee.unreachable"),
            (404, "{}", "callee.unreachable"),
            (500, "{}", "callee.unreachable"),
            (503, "{}", "callee.unreachable"),
        ];
        for (status, body, code) in cases {
            let error = understood(status, body).await.expect_err(body);
            assert_eq!((error.kind, error.code.as_ref()), (ErrorKind::Unavailable, code), "{status} {body}");
        }
    }
}
