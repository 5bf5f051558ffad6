//! A request's body that tells whether it was read to its end, or broke off. Behind one that was not read, the connection
//! is closed: otherwise a client could keep it open by sending for ever what nobody wants.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};

const GOES_ON: u8 = 0;
const IS_OVER: u8 = 1;
const IS_BROKEN: u8 = 2;

/// Whether a body was read to its end.
pub(super) struct Ended(Option<Arc<AtomicU8>>);

impl Ended {
    /// Whether nothing of it is left.
    pub(super) fn is_true(&self) -> bool {
        self.0.as_ref().is_none_or(|ended| ended.load(Ordering::Acquire) == IS_OVER)
    }

    /// Whether its sender left before the end, or sent what is no body.
    pub(super) fn is_broken(&self) -> bool {
        self.0.as_ref().is_some_and(|ended| ended.load(Ordering::Acquire) == IS_BROKEN)
    }
}

struct Watched<B> {
    body: B,
    ended: Arc<AtomicU8>,
}

/// The body, and what tells of its end. One that is empty from the start is not watched.
pub(super) fn watch<B>(body: B) -> (Body, Ended)
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if body.is_end_stream() {
        return (Body::new(body), Ended(None));
    }
    let ended = Arc::new(AtomicU8::new(GOES_ON));
    (Body::new(Watched { body, ended: Arc::clone(&ended) }), Ended(Some(ended)))
}

impl<B: HttpBody + Unpin> HttpBody for Watched<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Err(_))) => self.ended.store(IS_BROKEN, Ordering::Release),
            Poll::Ready(Some(Ok(_))) if !self.body.is_end_stream() => {}
            Poll::Ready(_) => self.ended.store(IS_OVER, Ordering::Release),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
