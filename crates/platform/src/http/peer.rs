//! Asking a context in another process: JSON over its internal listener, with a `service` key.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem::{code_in, is_said_elsewhere};
use super::resolve::{Place, Places, Resolver, system_resolver};
use crate::error::{Error, ErrorKind, Result};
use crate::trace::{Span, current_trace_id};

/// Bytes in an answer at most.
const ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// How long it may take to connect where there is another address to go to.
const CONNECT_TIME: Duration = Duration::from_millis(100);
/// A connection that lay idle for longer is not used again: servers end theirs after 3 s.
const IDLE: Duration = Duration::from_secs(2);

/// A context in another process, or in several that do the same.
pub struct Peer {
    callee: &'static str,
    places: Arc<Places>,
    /// The one that answered last.
    last: AtomicUsize,
    authorization: HeaderValue,
    /// Where there is nobody else to ask, and where there is.
    patient: Client<HttpConnector, Body>,
    hasty: Client<HttpConnector, Body>,
}

impl Peer {
    /// The context `callee` at `base_urls` (the other processes' internal listeners, with commas between), asked with this
    /// `service` key. A host that is a name stands for all addresses that are found behind it, also later.
    ///
    /// # Errors
    /// `Invalid` if a URL or the key cannot be sent.
    pub fn new(callee: &'static str, base_urls: &str, key: &str) -> Result<Self> {
        Self::with_resolver(callee, base_urls, key, system_resolver())
    }

    fn with_resolver(callee: &'static str, base_urls: &str, key: &str, resolver: Resolver) -> Result<Self> {
        let wrong = |what: String| Error::new(ErrorKind::Invalid, "config.peer", what);
        let mut urls = Vec::new();
        for base_url in addresses(base_urls) {
            let uri: Uri = base_url.parse().map_err(|_| wrong(format!("the address of {callee} is no URL")))?;
            if uri.scheme_str() != Some("http") || uri.authority().is_none() {
                return Err(wrong(format!("the address of {callee} must look like http://host:port")));
            }
            urls.push((base_url.to_owned(), uri));
        }
        if urls.is_empty() {
            return Err(wrong(format!("{callee} has no address")));
        }
        let mut authorization = HeaderValue::try_from(format!("Bearer {key}"))
            .map_err(|_| wrong("internal.key cannot stand in a header".to_owned()))?;
        authorization.set_sensitive(true);
        let places = Places::new(urls, resolver);
        let (patient, hasty) = (client(None), client(Some(CONNECT_TIME)));
        Ok(Self { callee, places, last: AtomicUsize::new(0), authorization, patient, hasty })
    }

    /// Asks one question. The caller limits its time. An address that cannot be connected to, or whose process says that
    /// it is ending or does not run the context, is passed over for the next one; any other answer is the answer.
    ///
    /// # Errors
    /// `Unavailable` when the other process cannot be reached, cannot answer now, or is of a version that this one does
    /// not understand: all of it passes, and nothing is to be given up for it. `Internal` if the question cannot be
    /// written.
    pub async fn ask<Q: Serialize, A: DeserializeOwned>(&self, path: &str, question: &Q) -> Result<A> {
        let body = serde_json::to_vec(question).map_err(|error| self.broken().caused_by(error))?;
        let body = Bytes::from(body);
        let places = self.places.now().await;
        let (count, first) = (places.len(), self.last.load(Ordering::Relaxed) % places.len().max(1));
        let mut asked = Err(self.unreachable());
        for place in (first..count).chain(0..first) {
            asked = self.ask_at(&places[place], count > 1, path, &body).await?;
            if let Ok((status, body)) = &asked
                && !is_elsewhere(*status, body)
            {
                self.last.store(place, Ordering::Relaxed);
                break;
            }
        }
        let (status, body) = asked?;
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
            tracing::warn!(callee = self.callee, %status, trace_id = current_trace_id(), "a question was refused");
            return Err(self.unreachable());
        }
        tracing::warn!(callee = self.callee, %status, trace_id = current_trace_id(), "a question was not understood");
        Err(self.not_understood())
    }

    /// Asks the process at this place; inside, that it could not be connected to.
    async fn ask_at(
        &self,
        place: &Place,
        has_others: bool,
        path: &str,
        body: &Bytes,
    ) -> Result<Result<(StatusCode, Bytes)>> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", place.base_url))
            .header(AUTHORIZATION, self.authorization.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(Body::from(body.clone()))
            .map_err(|error| self.broken().caused_by(error))?;
        if let Some(host) = &place.host {
            request.headers_mut().insert(HOST, host.clone());
        }
        let client = if has_others { &self.hasty } else { &self.patient };
        let span = Span::of_sending(self.callee, "POST", path, request.headers_mut());
        let answer = match client.request(request).await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => {
                self.places.are_stale();
                return Ok(Err(self.unreachable().caused_by(error)));
            }
            Err(error) => return Err(self.unreachable().caused_by(error)),
        };
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
        let body: Bytes = body.map_err(|_| self.unreachable())?.to_bytes();
        if let Some(span) = span {
            span.answered(status.as_u16());
        }
        Ok(Ok((status, body)))
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

fn client(connect_time: Option<Duration>) -> Client<HttpConnector, Body> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(connect_time);
    Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(connector)
}

/// The addresses in a text, with commas between; each without a slash at its end.
pub fn addresses(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(|part| part.trim().trim_end_matches('/')).filter(|part| !part.is_empty())
}

/// Whether this is the answer of a process that is ending or does not run what was asked for.
fn is_elsewhere(status: StatusCode, body: &[u8]) -> bool {
    status == StatusCode::SERVICE_UNAVAILABLE && code_in(body).is_some_and(|code| is_said_elsewhere(&code))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use parking_lot::Mutex;

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

    /// A server that gives this answer to every question, as often as it is asked.
    fn answering(status: u16, body: &'static str) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let mut question = [0; 4_096];
                let mut read = 0;
                while !question[..read].ends_with(b"\r\n\r\n7") {
                    read += stream.read(&mut question[read..]).expect("a question");
                }
                counted.fetch_add(1, Ordering::Relaxed);
                let length = body.len();
                write!(stream, "HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
                    .expect("it is read");
            }
        });
        (format!("http://{address}"), asked)
    }

    /// An address at which nobody listens.
    fn nobody() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        format!("http://{}", listener.local_addr().expect("an address"))
    }

    #[tokio::test]
    async fn the_next_address_is_asked_where_one_cannot_answer_and_the_good_one_is_remembered() {
        let (stopped, asked_in_vain) = answering(503, r#"{"code": "callee.stopped"}"#);
        let (good, asked) = answering(200, "[1]");
        let peer = Peer::new("callee", &format!("{}, {stopped}/, {good}", nobody()), "key").expect("a peer");
        for _ in 0..3 {
            assert_eq!(peer.ask::<_, Vec<i64>>("/asked", &7).await.expect("an answer"), [1]);
        }
        let counted = [&asked_in_vain, &asked].map(|count| count.load(Ordering::Relaxed));
        assert_eq!(counted, [1, 3], "who cannot answer is asked once only");
    }

    #[tokio::test]
    async fn a_name_stands_for_all_its_addresses_and_for_the_last_ones_while_it_is_unknown() {
        let (stopped, _) = answering(503, r#"{"code": "callee.stopped"}"#);
        let ((good, asked), (other, asked_later)) = (answering(200, "[1]"), answering(200, "[2]"));
        let address = |url: &str| url.trim_start_matches("http://").parse().expect("an address");
        let known = Arc::new(Mutex::new(vec![address(&nobody()), address(&stopped), address(&good)]));
        let told = Arc::clone(&known);
        let resolver: Resolver = Arc::new(move |authority| {
            assert_eq!(authority, "many:80");
            let found = told.lock().clone();
            Box::pin(async move { Ok(found) })
        });
        let peer = Peer::with_resolver("callee", "http://many", "key", resolver).expect("a peer");
        for _ in 0..3 {
            assert_eq!(peer.ask::<_, Vec<i64>>("/asked", &7).await.expect("an answer"), [1]);
        }
        known.lock().clear();
        peer.places.are_stale();
        assert_eq!(peer.ask::<_, Vec<i64>>("/asked", &7).await.expect("an answer"), [1], "nothing is known: as before");
        known.lock().push(address(&other));
        for _ in 0..200 {
            peer.places.are_stale();
            if peer.ask::<_, Vec<i64>>("/asked", &7).await.expect("an answer") == [2] {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(asked_later.load(Ordering::Relaxed), 1, "it moved");
        assert!(asked.load(Ordering::Relaxed) >= 4);
    }

    #[tokio::test]
    async fn an_answer_is_an_answer() {
        for (status, body) in [(503, r#"{"code": "callee.unavailable"}"#), (500, "{}"), (401, "{}"), (409, "{}")] {
            let ((first, _), (second, asked)) = (answering(status, body), answering(200, "[1]"));
            let peer = Peer::new("callee", &format!("{first},{second}"), "key").expect("a peer");
            assert!(peer.ask::<_, Vec<i64>>("/asked", &7).await.is_err(), "{status} {body}");
            assert_eq!(asked.load(Ordering::Relaxed), 0, "{status} {body}");
        }
        let peer = Peer::new("callee", &format!("{},{}", nobody(), nobody()), "key").expect("a peer");
        let error = peer.ask::<_, Vec<i64>>("/asked", &7).await.expect_err("nobody listens");
        assert_eq!(error.code, "callee.unreachable");
    }

    #[test]
    fn a_peer_has_addresses() {
        for wrong in ["", ",", "https://a", "http://a,b:1"] {
            assert!(Peer::new("callee", wrong, "key").is_err(), "{wrong}");
        }
    }
}
