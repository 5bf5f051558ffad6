//! A small HTTP client for the commands that talk to a running server: plain HTTP, JSON, a key if one is needed.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy::Client as Connections;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use platform::error::{Error, ErrorKind, Result};
use serde_json::Value;

/// Bytes in an answer at most; `/metrics` is the longest.
const ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// A server that is silent for longer counts as gone.
const SILENCE: Duration = Duration::from_secs(15);
/// The same where no key makes a repeat safe: the server gives a request half of it, so its own answer comes first.
const LONG_SILENCE: Duration = Duration::from_secs(60);
/// A server that says "later" (429, 503) is asked so often in all.
const TRIES: u32 = 60;
/// The same by those who look at what goes on by itself: some minutes, as an upgrade takes.
const LOOKS: u32 = 600;
/// The longest pause between two tries, whatever the server asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Asks one server. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    base: String,
    authorization: Option<HeaderValue>,
    connections: Connections<HttpConnector, Body>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body as text.
    pub text: String,
    /// The body as JSON; null if it is none.
    pub json: Value,
    /// After what time the server wants to be asked again, if it says so.
    pub retry_after: Option<Duration>,
}

impl Answer {
    /// What a problem says, or the whole body.
    #[must_use]
    pub fn detail(&self) -> &str {
        self.json["detail"].as_str().unwrap_or(&self.text)
    }
}

impl Client {
    /// A client of the server at `http://host[:port]`, asking with this API key.
    ///
    /// # Errors
    /// `config.url` if this is no such address, `config.key` if the key cannot stand in a header.
    pub fn new(url: &str, key: Option<&str>) -> Result<Self> {
        let base = url.trim_end_matches('/').to_owned();
        let parsed: Option<Uri> = base.parse().ok();
        let fits = |uri: &Uri| uri.scheme_str() == Some("http") && uri.authority().is_some() && uri.path() == "/";
        if !parsed.as_ref().is_some_and(fits) {
            let message = format!("--url {url}: write it as http://host:port");
            return Err(Error::new(ErrorKind::Invalid, "config.url", message));
        }
        let bearer = |key: &str| {
            let value = HeaderValue::try_from(format!("Bearer {key}"));
            value.map_err(|_| Error::new(ErrorKind::Invalid, "config.key", "--key cannot stand in a header"))
        };
        let mut authorization = key.map(bearer).transpose()?;
        authorization.iter_mut().for_each(|value| value.set_sensitive(true));
        let connections = Connections::builder(TokioExecutor::new()).build(HttpConnector::new());
        Ok(Self { base, authorization, connections })
    }

    /// Where it asks: `http://127.0.0.1:8080`.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// GET, once.
    ///
    /// # Errors
    /// `client.unreachable` if no whole answer came.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.ask(Method::GET, path, None, None, SILENCE).await
    }

    /// GET, repeated while the server says "later" or the answer is lost, as where it is being replaced.
    ///
    /// # Errors
    /// `client.unreachable` if no answer came at last.
    pub async fn look(&self, path: &str) -> Result<Answer> {
        self.repeated(&Method::GET, path, None, None, LOOKS).await
    }

    /// A write under an idempotency key, repeated while the server says "later" or the answer is lost: the key lets
    /// it count once.
    ///
    /// # Errors
    /// `client.unreachable` if no answer came at last.
    pub async fn write(&self, method: Method, path: &str, body: Option<&Value>, key: &str) -> Result<Answer> {
        self.repeated(&method, path, body, Some(key), TRIES).await
    }

    async fn repeated(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
        most: u32,
    ) -> Result<Answer> {
        let mut tries = 1;
        loop {
            let asked = self.ask(method.clone(), path, body, key, SILENCE).await;
            let wanted = match &asked {
                Ok(answer) if matches!(answer.status, 429 | 503) => answer.retry_after.unwrap_or_default(),
                Ok(_) => return asked,
                Err(_) => Duration::from_millis(250),
            };
            if tries >= most {
                return asked;
            }
            tries += 1;
            pause(wanted).await;
        }
    }

    /// A request without body and idempotency key, repeated only while this API key may not send so much (429): then
    /// nothing was done. Whether anything was done when another answer says "later", or none comes, is not known.
    ///
    /// # Errors
    /// `client.unreachable` if no whole answer came.
    pub async fn send(&self, method: Method, path: &str) -> Result<Answer> {
        let mut tries = 1;
        loop {
            let answer = self.ask(method.clone(), path, None, None, LONG_SILENCE).await?;
            if answer.status != 429 || tries >= TRIES {
                return Ok(answer);
            }
            tries += 1;
            pause(answer.retry_after.unwrap_or_default()).await;
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
        silence: Duration,
    ) -> Result<Answer> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        // Problems are asked for in words: without this header a GET of nothing is answered by an empty body.
        request = request.header(ACCEPT, "application/json, application/problem+json, text/plain");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let body = match body {
            Some(value) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Body::from(value.to_string())
            }
            None => Body::empty(),
        };
        let request = request.body(body).map_err(|error| Error::internal("a bad request").caused_by(error))?;
        let answered = tokio::time::timeout(silence, self.exchange(request)).await;
        answered.map_err(|_| self.unreachable())?
    }

    async fn exchange(&self, request: Request<Body>) -> Result<Answer> {
        let answer = self.connections.request(request).await.map_err(|error| self.unreachable().caused_by(error))?;
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
        let bytes: Bytes = body.map_err(|_| self.unreachable())?.to_bytes();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Answer { status, text, json, retry_after: retry_after.map(Duration::from_secs) })
    }

    fn unreachable(&self) -> Error {
        Error::unavailable("client.unreachable", format!("nobody answers at {}; is the server running?", self.base))
    }
}

async fn pause(wanted: Duration) {
    tokio::time::sleep(wanted.clamp(Duration::from_millis(50), LONGEST_PAUSE)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_a_host_and_a_port() {
        for good in ["http://127.0.0.1:8080", "http://localhost:8080/", "http://[::1]:1", "http://points.example"] {
            assert!(Client::new(good, Some("op_a_b")).is_ok(), "{good}");
        }
        for bad in ["", "127.0.0.1:8080", "https://127.0.0.1", "http://", "http://a/b", "http://a b"] {
            assert_eq!(
                Client::new(bad, None).err().map(|error| error.code.into_owned()).as_deref(),
                Some("config.url"),
                "{bad}"
            );
        }
        assert!(Client::new("http://127.0.0.1", Some("a\r\nX: y")).is_err(), "a line break would smuggle headers in");
    }
}
