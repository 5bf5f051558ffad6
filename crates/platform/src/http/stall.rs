//! A connection that ends when its client takes in nothing of what is written to it.

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A stream on which a write that gets nowhere for `limit` fails with `TimedOut`. A timer runs only while one waits.
pub(super) struct Unstalled<S> {
    stream: S,
    limit: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Unstalled<S> {
    /// The stream with this limit.
    pub(super) fn new(stream: S, limit: Duration) -> Self {
        Self { stream, limit, stalled: None }
    }

    /// What a write came to, unless it has waited for too long.
    fn watched<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let limit = self.limit;
        let timer = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Unstalled<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unstalled<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watched(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.watched(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Instant;

    use axum::body::Body;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_millis(400);
    const ANSWER_BYTES: usize = 256 * 1024;
    const QUESTION: &[u8] = b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";

    /// Answers one request at length, with this limit; whether the answer was taken in.
    async fn answer(stream: DuplexStream, limit: Duration) -> bool {
        let service =
            service_fn(async |_| Ok::<_, Infallible>(hyper::Response::new(Body::from(vec![b'.'; ANSWER_BYTES]))));
        http1::Builder::new().serve_connection(TokioIo::new(Unstalled::new(stream, limit)), service).await.is_ok()
    }

    #[tokio::test]
    async fn a_client_that_reads_nothing_of_its_answer_is_let_go() {
        let (mut client, server) = duplex(1_024);
        client.write_all(QUESTION).await.expect("room for the question");
        let started = Instant::now();
        let taken = tokio::time::timeout(LIMIT * 20, answer(server, LIMIT)).await;
        assert_eq!(taken.ok(), Some(false));
        assert!(started.elapsed() >= LIMIT);
        // Without a limit the connection stays.
        let (mut client, server) = duplex(1_024);
        client.write_all(QUESTION).await.expect("room for the question");
        assert!(tokio::time::timeout(LIMIT * 2, answer(server, Duration::from_secs(3_600))).await.is_err());
    }

    #[tokio::test]
    async fn a_client_that_reads_slowly_gets_all_of_its_answer() {
        let (mut client, server) = duplex(ANSWER_BYTES / 16);
        client.write_all(QUESTION).await.expect("room for the question");
        let answering = tokio::spawn(answer(server, LIMIT));
        let (started, mut read) = (Instant::now(), 0);
        let mut piece = vec![0; ANSWER_BYTES / 16];
        loop {
            match client.read(&mut piece).await.expect("an answer") {
                0 => break,
                count => read += count,
            }
            tokio::time::sleep(LIMIT / 8).await;
        }
        assert!(read > ANSWER_BYTES && started.elapsed() > LIMIT, "{read} in {:?}", started.elapsed());
        assert!(answering.await.expect("no panic"));
    }
}
