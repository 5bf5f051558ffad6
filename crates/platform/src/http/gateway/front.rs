//! What stands before the groups: each request gets its id and its way, each refusal becomes a problem, all is counted.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::http::header::{CONNECTION, X_CONTENT_TYPE_OPTIONS};
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{HeaderValue, Method, Request, Response};
use hyper::body::Incoming;
use subtle::ConstantTimeEq;

use super::body::Outgoing;
use super::headers::{is_from_here, is_reading, pass_on};
use super::{Gateway, Group};
use crate::error::{Error, ErrorKind, Result};
use crate::http::problem;
use crate::http::serve::Answering;
use crate::http::shell::{REQUEST_ID, RequestIds, accepts_anything, method_label, observe, presented};
use crate::trace::Span;

/// Where a request goes.
pub enum Way {
    /// To this group.
    Group(Arc<Group>),
    /// The gateway answers it itself.
    Own,
    /// There is nothing of this name.
    Nowhere,
}

/// A request that the gateway answers itself.
pub struct Own {
    /// The request, its headers as they would be passed on.
    pub request: Request<Bytes>,
    /// Whether somebody at this machine sent it, to a gateway that only this machine can reach.
    pub is_local: bool,
}

impl Own {
    /// Whether it comes with a key.
    #[must_use]
    pub fn has_key(&self) -> bool {
        presented(self.request.headers()).is_some()
    }

    /// The key that it comes with, or else this one if there is one, as it is sent on.
    #[must_use]
    pub fn bearer(&self, otherwise: &str) -> Option<HeaderValue> {
        let key = presented(self.request.headers()).unwrap_or(otherwise).trim();
        let mut value = HeaderValue::try_from(format!("Bearer {key}")).ok().filter(|_| !key.is_empty())?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Whether it comes with this key; never with an empty one. Takes as long whatever comes.
    #[must_use]
    pub fn presents(&self, key: &str) -> bool {
        let presented = presented(self.request.headers()).unwrap_or_default();
        !key.is_empty() && bool::from(presented.as_bytes().ct_eq(key.as_bytes()))
    }
}

/// Says where requests go, and answers those that go nowhere else.
pub trait Routes: Send + Sync + 'static {
    /// Where a request goes, and by what name it is counted.
    fn find(&self, method: &Method, path: &str) -> (Way, &'static str);

    /// Answers a request that is the gateway's own.
    fn own(&self, own: Own) -> impl Future<Output = Result<Response<Body>>> + Send;

    /// The answer to a request that goes nowhere.
    fn nowhere(&self) -> Error;
}

/// The listener's side of a gateway.
pub struct Front<R> {
    gateway: Arc<Gateway>,
    routes: R,
    ids: RequestIds,
    /// Bodies up to so many bytes are kept, so that they can be sent again.
    body_bytes: usize,
    /// Whether only this machine can reach the listener.
    is_open: bool,
}

impl<R: Routes> Front<R> {
    /// A front with these routes. Bodies of up to `body_bytes` are kept until they are answered; `is_open` says that only
    /// this machine can reach the listener.
    #[must_use]
    pub fn new(gateway: Arc<Gateway>, routes: R, body_bytes: usize, is_open: bool) -> Self {
        Self { gateway, routes, ids: RequestIds::new(), body_bytes, is_open }
    }

    /// Has the request answered, by whoever does that; and whether its body was read to the end.
    async fn passed(
        &self,
        request: Request<Incoming>,
        from: Option<IpAddr>,
        (way, resource): (Way, &'static str),
        id: &HeaderValue,
    ) -> (Result<Response<Body>>, bool) {
        let (mut head, body) = request.into_parts();
        let (body, ended) = match Outgoing::of(body, is_reading(&head.method), self.body_bytes).await {
            Ok(read) => read,
            Err(error) => return (Err(error), false),
        };
        let is_local = is_from_here(&head.headers, from, self.is_open);
        pass_on(&mut head.headers, from, is_local);
        head.headers.insert(&REQUEST_ID, id.clone());
        // The address of the server, if it stood there, is not that of the next one.
        let path = head.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        head.uri = Uri::from(path);
        let mut request = Request::from_parts(head, body);
        let answer = match way {
            Way::Group(group) => {
                let method = method_label(request.method());
                let span = Span::of_sending(group.name, method, resource, request.headers_mut());
                let answer = self.gateway.forward(&group, request, &ended).await;
                if let Some(span) = span {
                    span.answered(answer.as_ref().map_or_else(|error| error.kind.status(), |it| it.status().as_u16()));
                }
                answer
            }
            Way::Own => match request.into_parts() {
                (head, Outgoing::Kept(body)) => {
                    let request = Request::from_parts(head, body.unwrap_or_default());
                    self.routes.own(Own { request, is_local }).await
                }
                (_, Outgoing::Streamed(_)) => Err(too_large()),
            },
            Way::Nowhere => Err(self.routes.nowhere()),
        };
        (answer, ended.is_true())
    }

    fn refused(&self, error: &Error, id: &HeaderValue, is_bare: bool) -> Response<Body> {
        let mut answer = problem::respond(error, id.to_str().unwrap_or_default(), is_bare);
        complete(&mut answer, id);
        answer
    }
}

/// Puts in what every answer has, as far as it is not there.
fn complete(answer: &mut Response<Body>, id: &HeaderValue) {
    let headers = answer.headers_mut();
    if !headers.contains_key(&REQUEST_ID) {
        headers.insert(&REQUEST_ID, id.clone());
    }
    if !headers.contains_key(X_CONTENT_TYPE_OPTIONS) {
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
}

fn too_large() -> Error {
    Error::new(ErrorKind::TooLarge, "request.too_large", "the body is larger than the gateway keeps")
}

impl<R: Routes> Answering for Front<R> {
    async fn answer(&self, request: Request<Incoming>, from: Option<IpAddr>) -> Response<Body> {
        let started = Instant::now();
        let id = self.ids.of(request.headers());
        let method = request.method().clone();
        let is_bare = is_reading(&method) && accepts_anything(request.headers());
        let (way, resource) = self.routes.find(&method, request.uri().path());
        let is_trusted = is_from_here(request.headers(), from, self.is_open);
        let (label, number) = (method_label(&method), id.to_str().unwrap_or_default());
        let span = Span::of_request(label, resource, number, request.headers(), is_trusted);
        let passing = self.passed(request, from, (way, resource), &id);
        let (answer, was_read) = match &span {
            None => passing.await,
            Some(span) => span.around(passing).await,
        };
        let mut answer = answer.unwrap_or_else(|error| self.refused(&error, &id, is_bare));
        complete(&mut answer, &id);
        if !was_read {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        observe(resource, &method, answer.status(), started);
        if let Some(span) = span {
            span.answered(answer.status().as_u16());
        }
        answer
    }

    fn turn_away(&self, request: &Request<Incoming>) -> Response<Body> {
        let full = Error::unavailable("server.full", "there are too many connections at present; repeat in a moment");
        let mut answer = self.refused(&full, &self.ids.of(request.headers()), false);
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        observe("other", request.method(), answer.status(), Instant::now());
        answer
    }
}
