//! Accepting connections: limits on how many, how long a header may take and an answer may lie unread, and an
//! end that loses no request.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::shell::Shell;
use super::stall::Unstalled;

/// Answers the requests of a listener.
pub trait Answering: Send + Sync + 'static {
    /// Answers one request that came from this address.
    fn answer(&self, request: Request<Incoming>, from: Option<IpAddr>) -> impl Future<Output = Response<Body>> + Send;

    /// Answers one request without looking at it, because there are more connections than are served.
    fn turn_away(&self, request: &Request<Incoming>) -> Response<Body>;
}

impl Answering for Shell {
    fn answer(&self, request: Request<Incoming>, _from: Option<IpAddr>) -> impl Future<Output = Response<Body>> + Send {
        self.handle(request)
    }

    fn turn_away(&self, request: &Request<Incoming>) -> Response<Body> {
        Shell::turn_away(self, request)
    }
}

/// How long a header may take, from the end of the request before it on. With a body's time it stays below 10 s, after
/// which a slow client is to be gone.
const HEADER_TIME: Duration = Duration::from_secs(3);
/// How long a client may take in nothing of its answer; then its connection is closed.
const STALL_TIME: Duration = Duration::from_secs(20);
/// Connections beyond those that are served, which are answered 503 at once; more wait in the kernel's queue.
const TURNED_AWAY: usize = 256;

/// At the end, connections that wait to be accepted come one after the other within this.
const NEXT_ONE: Duration = Duration::from_millis(2);
/// They are taken in for so long at most.
const LAST_ONES: Duration = Duration::from_millis(50);

/// Serves until `closing` says true, then finishes what is under way, at most for `grace`. At most `connections` are
/// served at once; a few more are answered 503 with `Retry-After` and closed. While `draining` says true each connection
/// is closed behind its next answer, which says so: nobody is to meet the end between two requests.
pub async fn serve<S: Answering>(
    listener: TcpListener,
    shell: Arc<S>,
    connections: u32,
    draining: Arc<AtomicBool>,
    closing: watch::Receiver<bool>,
    grace: Duration,
) {
    let room = Arc::new(Semaphore::new(usize::try_from(connections).unwrap_or(Semaphore::MAX_PERMITS)));
    let beyond = Arc::new(Semaphore::new(TURNED_AWAY));
    let let_in = |peer, spare| {
        let (permit, is_served) = match Arc::clone(&room).try_acquire_owned() {
            Ok(permit) => (permit, true),
            Err(_) => (spare, false),
        };
        let (shell, draining, closing) = (Arc::clone(&shell), Arc::clone(&draining), closing.clone());
        tokio::spawn(async move {
            connection(peer, shell, is_served, (draining, closing)).await;
            drop(permit);
        });
    };
    let mut told = closing.clone();
    loop {
        let Ok(spare) = Arc::clone(&beyond).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = told.wait_for(|closing| *closing) => break,
        };
        match accepted {
            Ok(peer) => let_in(peer, spare),
            Err(error) => {
                // Out of file descriptors, most likely: give connections time to end.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    // Connections that the kernel has made are served, too; with the listener they would be cut off.
    let ended = Instant::now();
    while ended.elapsed() < LAST_ONES
        && let Ok(spare) = Arc::clone(&beyond).try_acquire_owned()
        && let Ok(Ok(peer)) = tokio::time::timeout(NEXT_ONE, listener.accept()).await
    {
        let_in(peer, spare);
    }
    drop(listener);
    if tokio::time::timeout(grace, room.acquire_many(connections)).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
}

/// Lets this process have as many connections and files open as the system allows it.
pub fn raise_open_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::debug!(%error, "the limit on open files stays as it is");
    }
}

/// The last answer of a connection.
fn last_one(mut answer: Response<Body>) -> Response<Body> {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

async fn connection<S: Answering>(
    (stream, from): (TcpStream, SocketAddr),
    shell: Arc<S>,
    is_served: bool,
    (draining, mut closing): (Arc<AtomicBool>, watch::Receiver<bool>),
) {
    let _ = stream.set_nodelay(true);
    // An address of the older kind may come dressed as one of the newer.
    let from = Some(from.ip().to_canonical());
    let service = service_fn(move |request: Request<Incoming>| {
        let (shell, draining) = (Arc::clone(&shell), Arc::clone(&draining));
        async move {
            let answer = if is_served { shell.answer(request, from).await } else { shell.turn_away(&request) };
            Ok::<_, Infallible>(if draining.load(Ordering::Acquire) { last_one(answer) } else { answer })
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME).pipeline_flush(true);
    let connection = builder.serve_connection(TokioIo::new(Unstalled::new(stream, STALL_TIME)), service);
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = closing.wait_for(|closing| *closing) => connection.as_mut().graceful_shutdown(),
    }
    // A client that broke the protocol or went away is no news.
    let _ = connection.await;
}
