//! Accepting connections: limits on how many, how long a header may take and an answer may lie unread, and an
//! end that loses no request.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::shell::Shell;
use super::stall::Unstalled;

/// How long a header may take, from the end of the request before it on. With a body's time it stays below 10 s, after
/// which a slow client is to be gone.
const HEADER_TIME: Duration = Duration::from_secs(3);
/// How long a client may take in nothing of its answer; then its connection is closed.
const STALL_TIME: Duration = Duration::from_secs(20);
/// Connections beyond those that are served, which are answered 503 at once; more wait in the kernel's queue.
const TURNED_AWAY: usize = 256;

/// Serves until `closing` says true, then finishes what is under way, at most for `grace`. At most `connections` are
/// served at once; a few more are answered 503 with `Retry-After` and closed.
pub async fn serve(
    listener: TcpListener,
    shell: Arc<Shell>,
    connections: u32,
    mut closing: watch::Receiver<bool>,
    grace: Duration,
) {
    let room = Arc::new(Semaphore::new(usize::try_from(connections).unwrap_or(Semaphore::MAX_PERMITS)));
    let beyond = Arc::new(Semaphore::new(TURNED_AWAY));
    loop {
        let Ok(spare) = Arc::clone(&beyond).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = closing.wait_for(|closing| *closing) => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let (permit, is_served) = match Arc::clone(&room).try_acquire_owned() {
                    Ok(permit) => (permit, true),
                    Err(_) => (spare, false),
                };
                let (shell, closing) = (Arc::clone(&shell), closing.clone());
                tokio::spawn(async move {
                    connection(stream, shell, is_served, closing).await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: give connections time to end.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
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

async fn connection(stream: TcpStream, shell: Arc<Shell>, is_served: bool, mut closing: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let shell = Arc::clone(&shell);
        async move { Ok::<_, Infallible>(if is_served { shell.handle(request).await } else { shell.turn_away(&request) }) }
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
