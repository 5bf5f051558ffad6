//! Bodies on their way through: of requests, kept so that they can be sent again or streamed; of answers, streamed,
//! giving their connection back at their end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

use super::upstream::{Connection, Upstream};
use crate::error::Result;
use crate::http::input::read_body;
use crate::http::watched::{Ended, watch};

/// How long an upstream may send nothing of an answer that it has begun.
const SILENCE: Duration = Duration::from_secs(20);

/// The body of a request as it leaves.
pub enum Outgoing {
    /// All of it, so that it can be sent once more.
    Kept(Option<Bytes>),
    /// Passed on as it comes.
    Streamed(Body),
}

impl Outgoing {
    /// A client's body: kept, if it is no longer than this, and otherwise streamed, as is one of a request that only reads
    /// (nobody waits for it); and what tells whether it was read to its end.
    ///
    /// # Errors
    /// As where a body is read: too slow, or broken off.
    pub(super) async fn of(body: Incoming, reads: bool, most_bytes: usize) -> Result<(Self, Ended)> {
        let length = body.size_hint().exact().and_then(|length| usize::try_from(length).ok());
        if body.is_end_stream() || reads || length.is_none_or(|length| length > most_bytes) {
            let is_empty = body.is_end_stream();
            let (body, ended) = watch(body);
            return Ok((if is_empty { Self::none() } else { Self::Streamed(body) }, ended));
        }
        let (body, ended) = watch(body);
        let bytes = read_body(body, most_bytes).await?;
        Ok((Self::kept(bytes), ended))
    }

    /// No body.
    #[must_use]
    pub fn none() -> Self {
        Self::Kept(None)
    }

    /// All of a body.
    #[must_use]
    pub fn kept(bytes: Bytes) -> Self {
        Self::Kept(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }

    /// The same once more, if it was kept.
    pub(super) fn again(&self) -> Option<Self> {
        match self {
            Self::Kept(bytes) => Some(Self::Kept(bytes.clone())),
            Self::Streamed(_) => None,
        }
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut *self {
            Self::Kept(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Streamed(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Kept(bytes) => bytes.is_none(),
            Self::Streamed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Kept(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Streamed(body) => body.size_hint(),
        }
    }
}

/// The body of an answer. At its end the connection goes back; dropped before, the connection ends with it. What was
/// given to it to hold is let go with it.
pub(super) struct Carried<H> {
    body: Incoming,
    connection: Option<(Arc<Upstream>, Connection)>,
    silent: Option<Pin<Box<Sleep>>>,
    _held: H,
}

impl<H> Carried<H> {
    pub(super) fn new(body: Incoming, connection: Option<(Arc<Upstream>, Connection)>, held: H) -> Self {
        let mut carried = Self { body, connection, silent: None, _held: held };
        carried.give_back_at_the_end();
        carried
    }

    fn give_back_at_the_end(&mut self) {
        if self.body.is_end_stream()
            && let Some((upstream, connection)) = self.connection.take()
        {
            upstream.take_back(connection);
        }
    }
}

impl<H: Unpin> HttpBody for Carried<H> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) else {
            let silent = this.silent.get_or_insert_with(|| Box::pin(sleep(SILENCE)));
            let is_over = silent.as_mut().poll(context).is_ready();
            return if is_over { Poll::Ready(Some(Err("the answer broke off".into()))) } else { Poll::Pending };
        };
        this.silent = None;
        match &frame {
            Some(Err(_)) => this.connection = None,
            Some(Ok(_)) => this.give_back_at_the_end(),
            None => {
                if let Some((upstream, connection)) = this.connection.take() {
                    upstream.take_back(connection);
                }
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
