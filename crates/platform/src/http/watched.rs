//! A request's body that tells whether it was read to its end. Behind one that was not, the connection is closed:
//! otherwise a client could keep it open by sending for ever what nobody wants.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};

/// Whether a body was read to its end.
pub(super) struct Ended(Option<Arc<AtomicBool>>);

impl Ended {
    /// Whether nothing of it is left.
    pub(super) fn is_true(&self) -> bool {
        self.0.as_ref().is_none_or(|ended| ended.load(Ordering::Relaxed))
    }
}

struct Watched<B> {
    body: B,
    ended: Arc<AtomicBool>,
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
    let ended = Arc::new(AtomicBool::new(false));
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
        let is_over = match &polled {
            Poll::Ready(None) => true,
            Poll::Ready(Some(Ok(_))) => self.body.is_end_stream(),
            _ => false,
        };
        if is_over {
            self.ended.store(true, Ordering::Relaxed);
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
