//! One address behind the gateway: whether it is ready, its idle connections, and sending a request to it so that it is
//! known afterwards whether the request left.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::header::{AUTHORIZATION, CONNECTION, HOST};
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::body::Outgoing;
use crate::http::problem::code_in;

/// A connection that lay idle for longer is not used again: servers end theirs after 3 s, and a request that meets the
/// end half way is one of which nobody knows whether it left.
const IDLE: Duration = Duration::from_secs(2);
/// How long it may take to connect.
const CONNECT_TIME: Duration = Duration::from_secs(1);
/// Bytes of an answer to a question of the gateway's own.
const ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// A connection to an upstream.
pub(super) type Connection = SendRequest<Outgoing>;

/// Why there is no answer.
pub(super) enum Failure {
    /// Nothing of the request left; here it is again.
    Unsent(Box<Request<Outgoing>>),
    /// It left, or part of it, and no answer came.
    Lost,
}

/// One address behind the gateway.
pub struct Upstream {
    url: String,
    address: SocketAddr,
    host: HeaderValue,
    /// Set when no name stands for it any more.
    is_gone: AtomicBool,
    is_ready: AtomicBool,
    was_looked_at: AtomicBool,
    /// Looks in a row that were not answered at all.
    silences: AtomicU32,
    under_way: AtomicUsize,
    idle: Mutex<Vec<(Connection, Instant)>>,
}

impl Upstream {
    /// The server at this address; `host` is what the gateway's own questions say in `Host`. Not ready until somebody has
    /// looked.
    pub(super) fn new(address: SocketAddr, host: HeaderValue) -> Self {
        Self {
            url: format!("http://{address}"),
            address,
            host,
            is_gone: AtomicBool::new(false),
            is_ready: AtomicBool::new(false),
            was_looked_at: AtomicBool::new(false),
            silences: AtomicU32::new(0),
            under_way: AtomicUsize::new(0),
            idle: Mutex::default(),
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether no name stands for it any more.
    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire)
    }

    /// No name stands for it any more: nothing is sent to it, and its connections end, each after the answer that is on
    /// its way there.
    pub(super) fn retire(&self) {
        self.is_gone.store(true, Ordering::Release);
        self.is_ready.store(false, Ordering::Release);
        self.idle.lock().clear();
    }

    /// Where it is: `http://ip:port`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether requests are sent to it.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    /// Whether anybody has looked at it since the start.
    #[must_use]
    pub fn was_looked_at(&self) -> bool {
        self.was_looked_at.load(Ordering::Acquire)
    }

    /// Requests that it is working on.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Counts one request, until [`Upstream::is_done`].
    pub(super) fn is_given_one(&self) {
        self.under_way.fetch_add(1, Ordering::Relaxed);
    }

    /// One request less.
    pub(super) fn is_done(&self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }

    /// Notes whether it is ready; whether that changed.
    pub(super) fn set_ready(&self, is_ready: bool) -> bool {
        let changed = self.is_ready.swap(is_ready, Ordering::AcqRel) != is_ready;
        self.was_looked_at.store(true, Ordering::Release);
        if !is_ready {
            self.idle.lock().clear();
        }
        changed
    }

    /// Ends the connections that have lain idle for too long.
    pub(super) fn tidy(&self) {
        self.idle.lock().retain(|(connection, since)| !connection.is_closed() && since.elapsed() < IDLE);
    }

    /// Keeps a connection whose answer was read to its end.
    pub(super) fn take_back(&self, connection: Connection) {
        let mut idle = self.idle.lock();
        if !connection.is_closed() && !self.is_gone() {
            idle.push((connection, Instant::now()));
        }
    }

    /// The connection that was used last, unless it is too old; then all others are too.
    fn idle_connection(&self) -> Option<Connection> {
        let mut idle = self.idle.lock();
        let (connection, since) = idle.pop()?;
        if since.elapsed() < IDLE {
            return Some(connection);
        }
        idle.clear();
        None
    }

    async fn connect(&self) -> Option<Connection> {
        let stream = TcpStream::connect(self.address).await.ok()?;
        let _ = stream.set_nodelay(true);
        let (connection, driver) = Builder::new().handshake(TokioIo::new(stream)).await.ok()?;
        // Why a connection ended is told to whoever waits on it.
        tokio::spawn(async move { drop(driver.await) });
        Some(connection)
    }

    /// Sends a request, on an idle connection if there is one. The connection comes with the answer.
    pub(super) async fn send(
        &self,
        mut request: Request<Outgoing>,
    ) -> Result<(Response<Incoming>, Connection), Failure> {
        while let Some(mut connection) = self.idle_connection() {
            if connection.ready().await.is_err() {
                continue;
            }
            match connection.try_send_request(request).await {
                Ok(answer) => return Ok((answer, connection)),
                Err(mut failed) => request = failed.take_message().ok_or(Failure::Lost)?,
            }
        }
        self.send_anew(request).await
    }

    /// Sends a request on a connection of its own.
    async fn send_anew(&self, request: Request<Outgoing>) -> Result<(Response<Incoming>, Connection), Failure> {
        let Ok(Some(mut connection)) = timeout(CONNECT_TIME, self.connect()).await else {
            return Err(Failure::Unsent(Box::new(request)));
        };
        match connection.try_send_request(request).await {
            Ok(answer) => Ok((answer, connection)),
            Err(mut failed) => Err(failed.take_message().map_or(Failure::Lost, |back| Failure::Unsent(Box::new(back)))),
        }
    }

    /// Asks a question of the gateway's own; nothing if no whole answer came within the limit.
    pub async fn ask(
        &self,
        path: &str,
        authorization: Option<&HeaderValue>,
        limit: Duration,
    ) -> Option<Response<Bytes>> {
        let mut request = Request::builder().method(Method::GET).uri(path).header(HOST, self.host.clone());
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value.clone());
        }
        self.exchange(request.body(Outgoing::none()).ok()?, limit).await
    }

    /// Sends a request, once, and reads the whole answer; nothing if it did not come within the limit.
    pub async fn exchange(&self, request: Request<Outgoing>, limit: Duration) -> Option<Response<Bytes>> {
        let exchanging = async {
            let (answer, connection) = self.send(request).await.ok()?;
            let answer = whole(answer).await?;
            self.take_back(connection);
            Some(answer)
        };
        timeout(limit, exchanging).await.ok().flatten()
    }

    async fn looked_at(&self) -> Option<Response<Bytes>> {
        let request = Request::builder().method(Method::GET).uri("/readyz").header(HOST, self.host.clone());
        let request = request.header(CONNECTION, HeaderValue::from_static("close"));
        let (answer, _connection) = self.send_anew(request.body(Outgoing::none()).ok()?).await.ok()?;
        whole(answer).await
    }

    /// Asks whether it is ready. One that refuses connections, or says no, is not; one that says nothing in time is not
    /// when that happens twice in a row, because a busy one is the last that should be left out. One that only has no
    /// room for another connection stays what it was. Each look is a connection of its own: that one which lay idle has
    /// ended says nothing about who listens.
    pub(super) async fn look(&self, limit: Duration) -> bool {
        let started = Instant::now();
        let answer = timeout(limit, self.looked_at()).await.ok().flatten();
        let was_silent = answer.is_none() && started.elapsed() >= limit;
        let silences = if was_silent { self.silences.fetch_add(1, Ordering::Relaxed) + 1 } else { 0 };
        self.silences.store(silences, Ordering::Relaxed);
        match answer {
            Some(answer) if answer.status() == StatusCode::OK => true,
            Some(answer) => self.is_ready() && code_in(answer.body()).as_deref() == Some("server.full"),
            None => self.is_ready() && was_silent && silences < 2,
        }
    }
}

/// An answer with all of its body.
async fn whole(answer: Response<Incoming>) -> Option<Response<Bytes>> {
    let (head, body) = answer.into_parts();
    let bytes = Limited::new(body, ANSWER_BYTES).collect().await.ok()?.to_bytes();
    Some(Response::from_parts(head, bytes))
}
