//! Webhooks of the sandbox: signed, and repeated until they are taken.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use app::payment::signature;
use axum::http::Uri;
use platform::error::{Error, ErrorKind, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::book::Word;

/// The pauses before a webhook is told again.
const PAUSES_MS: [u64; 6] = [50, 200, 1_000, 3_000, 10_000, 30_000];
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where webhooks go.
pub(super) struct Hooks {
    host: String,
    path: String,
    key: String,
    count: AtomicU64,
}

impl Hooks {
    /// Webhooks to this URL, signed with this key.
    ///
    /// # Errors
    /// `config.webhook` if it is none of `http://host:port/path`.
    pub(super) fn new(url: &str, key: &str) -> Result<Self> {
        let wrong = || {
            let message = "--webhook must look like http://127.0.0.1:8080/payments/webhooks";
            Error::new(ErrorKind::Invalid, "config.webhook", message)
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(wrong)?;
        let host = match authority.port() {
            Some(_) => authority.to_string(),
            None => format!("{authority}:80"),
        };
        Ok(Self { host, path: uri.path().to_owned(), key: key.to_owned(), count: AtomicU64::new(0) })
    }

    /// Tells what became of a charge, again and again until it is taken.
    pub(super) async fn tell(&self, reference: &str, amount: i64, word: Word) {
        let said = match word {
            Word::Approved => r#""status":"approved""#.to_owned(),
            Word::Declined(reason) => format!(r#""status":"declined","reason":"{reason}""#),
        };
        let body = format!(r#"{{"type":"charge","reference":"{reference}","amount":{amount},{said}}}"#);
        let id = format!("{reference}.{}", self.count.fetch_add(1, Ordering::Relaxed));
        for pause in std::iter::once(0).chain(PAUSES_MS) {
            sleep(Duration::from_millis(pause)).await;
            if matches!(timeout(PATIENCE, self.post(&id, &body)).await, Ok(Ok(200..=299))) {
                return;
            }
        }
        tracing::warn!(reference, "a webhook was not taken");
    }

    /// Posts once; the status.
    async fn post(&self, id: &str, body: &str) -> std::io::Result<u16> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let timestamp = i64::try_from(now).unwrap_or(i64::MAX);
        let signature = signature(self.key.as_bytes(), id, timestamp, body.as_bytes());
        let (host, path, length) = (&self.host, &self.path, body.len());
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\nwebhook-id: {id}\r\nwebhook-timestamp: {timestamp}\r\n\
             webhook-signature: {signature}\r\n\r\n{body}"
        );
        let mut stream = TcpStream::connect(&self.host).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = [0; 256];
        let count = stream.read(&mut answer).await?;
        let status = std::str::from_utf8(&answer[..count]).ok().and_then(|text| text.split(' ').nth(1));
        Ok(status.and_then(|status| status.parse().ok()).unwrap_or(0))
    }
}
