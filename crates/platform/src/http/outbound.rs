//! Posting to a server that somebody else runs: HTTP or HTTPS, no redirects, bounded answers.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::error::{Error, ErrorKind, Result};

/// Bytes of an answer that are looked at; what follows is not read.
const ANSWER_BYTES: usize = 4 * 1024;
/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// An idle connection is kept so long.
const IDLE: Duration = Duration::from_secs(30);

/// A server of somebody else, and how it is addressed.
pub struct Outbound {
    uri: Uri,
    headers: HeaderMap,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The beginning of the body, at most 4 KiB; what could not be read is left out.
    pub body: Vec<u8>,
    retry_after: Option<String>,
}

impl Reply {
    /// Milliseconds from `now_ms` on for which the server wants to be left alone, if it said so.
    #[must_use]
    pub fn retry_after_ms(&self, now_ms: i64) -> Option<i64> {
        let text = self.retry_after.as_deref()?.trim();
        if let Ok(seconds) = text.parse::<u32>() {
            return Some(i64::from(seconds) * 1_000);
        }
        let date = jiff::fmt::rfc2822::parse(text).ok()?;
        Some(date.timestamp().as_millisecond().saturating_sub(now_ms).max(0))
    }
}

impl Outbound {
    /// The server at `url`, which is sent `headers` with every request; their values are never printed.
    ///
    /// # Errors
    /// `Invalid` if the URL is none of `http` or `https`, or a header cannot be sent.
    pub fn new(url: &str, headers: &[(&str, &str)]) -> Result<Self> {
        let wrong = |what: &str| Error::new(ErrorKind::Invalid, "config.outbound", what.to_owned());
        let uri: Uri = url.parse().map_err(|_| wrong("this is no URL; write it like https://host/path"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.authority().is_none() {
            return Err(wrong("a URL here looks like https://host/path or http://host:port/path"));
        }
        let mut sent = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).map_err(|_| wrong("this is no name of a header"))?;
            let mut value = HeaderValue::try_from(*value).map_err(|_| wrong("the value of a header cannot be sent"))?;
            value.set_sensitive(true);
            sent.insert(name, value);
        }
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        let tls = HttpsConnectorBuilder::new().with_provider_and_webpki_roots(rustls::crypto::ring::default_provider());
        let tls = tls.map_err(|error| Error::internal("there is no TLS").caused_by(error))?;
        let connector = tls.https_or_http().enable_http1().wrap_connector(connector);
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_idle_timeout(IDLE).pool_timer(TokioTimer::new());
        Ok(Self { uri, headers: sent, client: client.build(connector) })
    }

    /// Posts JSON. The caller limits the time; a caller that gives up closes the connection.
    ///
    /// # Errors
    /// `Unavailable` when the server cannot be reached or does not speak HTTP.
    pub async fn post_json(&self, body: String, more: &[(HeaderName, HeaderValue)]) -> Result<Reply> {
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request.headers_mut().extend(more.iter().cloned());
        let unreachable =
            |error| Error::unavailable("outbound.unreachable", "the other server cannot be reached").caused_by(error);
        let mut answer = self.client.request(request).await.map_err(unreachable)?;
        let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        while body.len() < ANSWER_BYTES
            && let Some(Ok(frame)) = answer.frame().await
        {
            body.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        }
        body.truncate(ANSWER_BYTES);
        Ok(Reply { status: answer.status(), body, retry_after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_or_a_header_that_cannot_be_sent_is_refused() {
        for wrong in ["", "/path", "ftp://host/", "host:80", "http://"] {
            assert!(Outbound::new(wrong, &[]).is_err(), "{wrong}");
        }
        assert!(Outbound::new("http://host/", &[("a b", "c")]).is_err());
        assert!(Outbound::new("http://host/", &[("Authorization", "a\r\nb: c")]).is_err());
        assert!(Outbound::new("https://host/path?a=b", &[("Authorization", "Bearer c")]).is_ok());
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date() {
        let reply = |text: &str| Reply {
            status: StatusCode::SERVICE_UNAVAILABLE,
            body: Vec::new(),
            retry_after: Some(text.to_owned()),
        };
        assert_eq!(reply(" 120 ").retry_after_ms(0), Some(120_000));
        assert_eq!(reply("Thu, 01 Jan 1970 00:01:00 GMT").retry_after_ms(10_000), Some(50_000));
        assert_eq!(reply("Thu, 01 Jan 1970 00:01:00 GMT").retry_after_ms(90_000), Some(0));
        for unread in ["-1", "soon", "99999999999"] {
            assert_eq!(reply(unread).retry_after_ms(0), None, "{unread}");
        }
    }
}
