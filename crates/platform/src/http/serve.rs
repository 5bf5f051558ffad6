//! Accepting connections: limits on how many, how long a header may take, and an end that loses no request.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::shell::Shell;

/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS: usize = 8_192;
const HEADER_TIME: Duration = Duration::from_secs(5);

/// Serves until `closing` says true, then finishes what is under way, at most for `grace`.
pub async fn serve(listener: TcpListener, shell: Arc<Shell>, mut closing: watch::Receiver<bool>, grace: Duration) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = closing.wait_for(|closing| *closing) => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let (shell, closing) = (Arc::clone(&shell), closing.clone());
                tokio::spawn(async move {
                    connection(stream, shell, closing).await;
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
    let everyone = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
    if tokio::time::timeout(grace, room.acquire_many(everyone)).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
}

async fn connection(stream: TcpStream, shell: Arc<Shell>, mut closing: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let shell = Arc::clone(&shell);
        async move { Ok::<_, Infallible>(shell.handle(request).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME).pipeline_flush(true);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = closing.wait_for(|closing| *closing) => connection.as_mut().graceful_shutdown(),
    }
    // A client that broke the protocol or went away is no news.
    let _ = connection.await;
}
